"""Plans as documents: JSON both ways, so that a failing plan can be stored, mailed and replayed on any system.

A command is written as ``{"Register": {"org": "acme", "name": "ada"}}``: its class and its fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import msgspec

from refold.model.action import ACTIONS, Action
from refold.model.application import Application
from refold.model.words import short, some, suggestion

PLAN_VERSION = 1


class MalformedPlan(ValueError):
    """A plan document that cannot be read; the message is one sentence that names the place and what would be right."""


def command_to_json(command: Any) -> Any:
    """A command as its class name and fields; what is no object of a class stays as it is."""
    if isinstance(command, dict | list | str | int | float | bool | None):
        return command
    return {type(command).__name__: msgspec.to_builtins(command, order="deterministic")}


def command_from_json(value: Any, classes: Mapping[str, type]) -> Any:
    """The inverse of `command_to_json`; raises `MalformedPlan`."""
    if not isinstance(value, dict) or len(value) != 1:
        raise MalformedPlan(
            f"a command is an object with one key, its class ({', '.join(classes)}), not {short(value)}"
        )
    (name, fields) = next(iter(value.items()))
    cls = classes.get(name)
    if cls is None:
        raise MalformedPlan(
            f"unknown command {short(name)}{suggestion(name, classes)}; the application has {', '.join(classes)}"
        )
    try:
        return msgspec.convert(fields, cls, str_keys=True)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise MalformedPlan(f"command {name}: {error}") from None


def command_classes(application: Application) -> dict[str, type]:
    """Command class by name."""
    return {type(command).__name__: type(command) for command in application.commands()}


MANDATORY = object()
"""In place of the default of an argument that has none, or is always written."""


def defaults(cls: type[Action]) -> dict[str, Any]:
    """The arguments that a document may leave out, and what they are then."""
    if not cls.__struct_config__.omit_defaults:
        return {}
    return {field.name: field.default for field in msgspec.structs.fields(cls) if not field.required}


def action_to_json(action: Action) -> dict[str, Any]:
    """An action as an object with `do` and its arguments."""
    if isinstance(action, dict):
        return action
    left_out = defaults(type(action))
    fields = {
        name: value
        for name in action.__struct_fields__
        if (value := getattr(action, name)) != left_out.get(name, MANDATORY)
    }
    if "command" in fields:
        fields["command"] = command_to_json(fields["command"])
    return {"do": action.__struct_config__.tag, **fields}


def action_from_json(value: Any, classes: Mapping[str, type]) -> Action:
    """The inverse of `action_to_json`; raises `MalformedPlan`."""
    if not isinstance(value, dict) or not isinstance(value.get("do"), str):
        raise MalformedPlan(f"an action is an object with a field “do”, not {short(value)}")
    name = value["do"]
    cls = ACTIONS.get(name)
    if cls is None:
        raise MalformedPlan(f"unknown action {short(name)}{suggestion(name, ACTIONS)}; known are {some(ACTIONS)}")
    arguments = {key: argument for key, argument in value.items() if key != "do"}
    if "command" in cls.__struct_fields__ and "command" in arguments:
        arguments["command"] = command_from_json(arguments["command"], classes)
    unknown = [key for key in arguments if key not in cls.__struct_fields__]
    if unknown:
        raise MalformedPlan(
            f"action {name!r} has no argument {short(unknown[0])}; it takes {', '.join(cls.__struct_fields__)}"
        )
    arguments = {**defaults(cls), **arguments}
    missing = [key for key in cls.__struct_fields__ if key not in arguments]
    if missing:
        raise MalformedPlan(f"action {name!r} lacks its argument {missing[0]!r}")
    for field in msgspec.structs.fields(cls):
        try:
            msgspec.convert(arguments[field.name], field.type, strict=True)
        except (msgspec.ValidationError, UnicodeEncodeError):
            raise MalformedPlan(
                f"action {name!r}: {field.name} is {short(arguments[field.name])}, expected {expected(field.type)}"
            ) from None
    return cls(**arguments)


def expected(kind: Any) -> str:
    """What an argument of this type must be, in words."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    told = msgspec.inspect.type_info(kind)
    if isinstance(told, msgspec.inspect.IntType):
        return "a number" if told.ge is None else "a number, not negative"
    return "a name" if isinstance(told, msgspec.inspect.StrType) else f"a value of type {kind}"


def plan_to_json(plan: Sequence[Action], application: Application, **about: Any) -> dict[str, Any]:
    """A plan document. `about` adds fields that readers ignore (system, anomaly, seed)."""
    return {
        "refold": "plan",
        "version": PLAN_VERSION,
        "application": application.name,
        **about,
        "actions": [action_to_json(action) for action in plan],
    }


def plan_from_json(document: Any, application: Application) -> tuple[Action, ...]:
    """The plan in a document, for `application`; raises `MalformedPlan`."""
    check_document(document)
    classes = command_classes(application)
    plan = []
    for number, value in enumerate(document["actions"], 1):
        try:
            plan.append(action_from_json(value, classes))
        except MalformedPlan as error:
            raise MalformedPlan(f"action {number}: {error}") from None
    return tuple(plan)


def check_document(document: Any) -> None:
    """Whether this is a plan document of a version that we read; raises `MalformedPlan`."""
    if not isinstance(document, dict) or document.get("refold") != "plan":
        raise MalformedPlan('this is not a refold plan: expected an object with "refold": "plan"')
    if document.get("version") != PLAN_VERSION:
        raise MalformedPlan(
            f"plan version {short(document.get('version'))} is unknown; this refold reads {PLAN_VERSION}"
        )
    if not isinstance(document.get("actions"), list):
        raise MalformedPlan("the plan has no list of actions")


def check_names(plan: Sequence[Action], clients: Sequence[str], consumers: Sequence[str], log: str = "log") -> None:
    """Whether the plan speaks only of clients and processes that the system has; raises `MalformedPlan`."""
    known = {"client": tuple(clients), "consumer": tuple(consumers), "process": (log, *consumers)}
    for number, action in enumerate(plan, 1):
        for role, names in known.items():
            name = getattr(action, role, None)
            if name is not None and name not in names:
                raise MalformedPlan(
                    f"action {number}: the system has no {role} {short(name)}{suggestion(name, names)}; it has {', '.join(names)}"
                )
