"""A test for an application of the library eventsourcing, with commands that are guessed from its methods."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

import attrs

from refold.reports.skeletons.code import Code, Function, Module, methods, needed, snake
from refold.reports.skeletons.skeletons import skeleton

LIBRARY = {"eventsourcing.application.Application", "eventsourcing.system.ProcessApplication"}
INHERITED = {
    *("close", "construct_env", "construct_mapper", "notify", "policy", "process_event", "pull_and_process"),
    *("register_topics", "register_transcodings", "save", "subscribe", "take_snapshot"),
}
"""Methods of the library that nobody calls as a command."""
VALUES = {"str": ('"a"', '"b"'), "int": ("1", "2"), "float": ("1.0", "2.0"), "bool": ("True", "False")}
"""What a parameter of a type is called with: few values, so that clients collide."""
MOST_VARIANTS = 2


@attrs.frozen
class Verifiable:
    """What there is to verify: a name for its file, the module that it is in, what it is, the test, and what its owner has to know."""

    name: str
    module: Module
    what: str
    text: str
    notes: list[str]
    extra: str


def application_in(code: Code) -> Verifiable | None:
    """The first application of the library, if there is one."""
    applications = list(applications_in(code))
    if not applications:
        return None
    module, cls = applications[0]
    constants, lines, unknown = commands_of(module, cls)
    if lines:
        notes = [f"check COMMANDS in {{file}}: refold guessed them from the methods of {cls.name}"]
    else:
        notes = [
            f"fill in COMMANDS in {{file}}: the types do not tell refold which arguments the methods of {cls.name} take"
        ]
        unknown = ['like this: ("name_of_a_method", "argument")', *unknown]
    if len(applications) > 1:
        others = ", ".join(other.name for _, other in applications[1:])
        notes.append(f"also found: {others}; write a test like this one for each")
    body = "".join(f"    {line}\n" for line in [*lines, *(f"# {line}" for line in unknown)])
    text = skeleton(
        "eventsourcing",
        Name=cls.name,
        module=module.name,
        constants="".join(f"{line}\n" for line in constants),
        commands=f"COMMANDS = [\n{body}]",
    )
    what = f"{cls.name} in {{where}}, an application built on the eventsourcing library"
    return Verifiable(snake(cls.name), module, what, text, notes, "eventsourcing")


def applications_in(code: Code) -> Iterator[tuple[Module, ast.ClassDef]]:
    """The classes of applications from which no other derives."""
    found: dict[str, tuple[Module, ast.ClassDef]] = {}
    parents: set[str] = set()
    before = -1
    while before < len(found):  # a class may come before the one from which it derives
        before = len(found)
        for module, cls in code.classes:
            bases = {module.meaning(base) for base in cls.bases}
            if bases & LIBRARY or {base.rpartition(".")[2] for base in bases} & found.keys():
                parents |= {base.rpartition(".")[2] for base in bases}
                found.setdefault(cls.name, (module, cls))
    yield from (given for name, given in found.items() if name not in parents)


def commands_of(module: Module, cls: ast.ClassDef) -> tuple[list[str], list[str], list[str]]:
    """Constants for commands that make something, lines with commands, and lines that say what is missing. What is made comes first, and
    others refer to it."""
    usable = [one for one in methods(cls) if isinstance(one, ast.FunctionDef) and one.name not in INHERITED]
    makers = [one for one in usable if makes_id(module, one) and not any(is_id(module, arg) for arg in needed(one))]
    constants: list[str] = []
    lines: list[str] = []
    unknown: list[str] = []
    for one in [*makers, *(one for one in usable if one not in makers)]:
        choices: list[tuple[str, ...]] = []
        for arg in needed(one):
            values = values_of(module, arg, [maker.name for maker in makers])
            if not values:
                said = f": {ast.unparse(arg.annotation)}" if arg.annotation is not None else ""
                unknown.append(f'and ("{one.name}", …): with which {arg.arg}{said}?')
                break
            choices.append(values)
        else:
            variants = itertools.islice(itertools.product(*choices), MOST_VARIANTS)
            texts = [call(one.name, values) for values in variants]
            if one in makers:
                constants.append(f"{one.name.upper()} = {texts[0]}")
                texts[0] = one.name.upper()
            lines += [f"{text}," for text in texts]
    return constants, lines, unknown


def call(name: str, values: tuple[str, ...]) -> str:
    """A command as a tuple."""
    return "(" + ", ".join([f'"{name}"', *values]) + ("" if values else ",") + ")"


def makes_id(module: Module, method: Function) -> bool:
    """Whether it returns the id of an aggregate."""
    returned = [node.value for node in ast.walk(method) if isinstance(node, ast.Return)]
    return module.meaning(method.returns).rpartition(".")[2] == "UUID" or any(
        isinstance(value, ast.Attribute) and value.attr == "id" for value in returned
    )


def is_id(module: Module, arg: ast.arg) -> bool:
    """Whether a parameter is the id of an aggregate."""
    return module.meaning(arg.annotation).rpartition(".")[2] == "UUID" or arg.arg == "id" or arg.arg.endswith("_id")


def values_of(module: Module, arg: ast.arg, makers: list[str]) -> tuple[str, ...]:
    """What a parameter may be called with; empty if nobody knows."""
    known = VALUES.get(module.meaning(arg.annotation).rpartition(".")[2])
    if is_id(module, arg) and makers:
        owner = arg.arg.removesuffix("_id")
        made = next((name for name in makers if owner in name), makers[0])
        return (made.upper(),)
    if known is None and arg.annotation is None:
        return VALUES["str"]
    return known or ()
