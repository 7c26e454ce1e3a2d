"""Rewrites the parts of the documentation that the code already says: help texts, records, properties, anomalies, capabilities, systems.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`. A test fails while a page is out of date.

    python docs/generate.py [--check]
"""

from __future__ import annotations

import argparse
import inspect
import pathlib
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec
from python_reference import names_of, reference

from gallery import gallery
from refold.model import record
from refold.model.action import ACTIONS
from refold.model.documents import vocabulary as vocabulary  # the order of what it makes known is that of the pages
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts
from refold.properties.guarantees import GUARANTEES
from refold.properties.property import Property
from refold.properties.suite import properties
from refold.reports.commands.cli import main as command
from refold.reports.words.anomalies import ANOMALIES
from refold.reports.words.guarantees import ALSO
from refold.search.capabilities import CAPABILITIES
from refold.search.vacuous import COUNTED
from refold.systems.broken import BROKEN
from refold.systems.registry import KNOWN

DOCS = pathlib.Path(__file__).parent
MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += [
        "| " + " | ".join(" ".join(cell.replace("|", "\\|").replace("<path>", "a path").split()) for cell in row) + " |"
        for row in rows
    ]
    return "\n".join(lines)


def prose(text: str | None) -> str:
    """A docstring as Markdown: the code in it between single backticks."""
    return (text or "").replace("``", "`")


def help_texts() -> str:
    """What every command says about itself."""
    group: Any = command
    context = click.Context(group, info_name="refold", terminal_width=80)
    blocks = []
    for name in group.list_commands(context):
        sub = group.get_command(context, name)
        text = sub.get_help(click.Context(sub, info_name=name, parent=context, terminal_width=80))
        text = re.sub(r"(--jobs .*?)\[default: \d+;", r"\1[default: one for each processor;", text, flags=re.DOTALL)
        blocks.append(f"## refold {name}\n\n```text\n{text}\n```")
    return "\n\n".join(blocks)


def capitalized(words: str) -> str:
    """Words that a plan has in the middle of a line, as a sentence of their own."""
    return words[:1].upper() + words[1:]


def fields(kind: type) -> str:
    """The fields of a record or action, optional ones in brackets."""
    return ", ".join(
        f"`{field.encode_name}`" if field.required else f"[`{field.encode_name}`]"
        for field in msgspec.structs.fields(kind)
    )


def tag(kind: Any) -> str:
    """The name that documents have for a record or action."""
    return str(kind.__struct_config__.tag)


def records() -> str:
    """Every kind of record."""
    said = {
        Stored: "An event became visible in the log, at this place. " + prose((Stored.__doc__ or "").split("\n\n")[1])
    }
    return table(
        ("kind", "fields", "what it says"),
        ((f"`{tag(kind)}`", fields(kind), said.get(kind) or prose(kind.__doc__)) for kind in record.RECORDS),
    )


def actions() -> str:
    """Every kind of action."""
    return table(
        ("do", "arguments", "what happens"),
        ((f"`{name}`", fields(kind), capitalized(prose(kind.__doc__))) for name, kind in ACTIONS.items()),
    )


def judges() -> list[Property]:
    """All properties of the suite."""
    return [judge for judge in properties(Accounts()) if judge.guarantee]


def definitions() -> str:
    """Every property with its definition."""
    parts = []
    told: list[Any] = [None]
    for judge in judges():
        cls = type(judge)
        module = inspect.getmodule(cls)
        source = pathlib.Path(inspect.getfile(cls)).resolve().relative_to(DOCS.resolve().parent)
        usually = "" if module in told else (inspect.getdoc(module) or "").partition("\n\n")[2]
        told.append(module)
        needs = "Needs the application." if judge.needs_application else "Needs no application."
        definition, _, more = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
        clauses = "\n".join(f"- *{name}*: {words}" for name, words in cls.clauses.items())
        parts.append(
            f"### {judge.name}\n\n**{prose(definition)}**\n\n"
            + (f"{prose(clauses)}\n\n" if clauses else "")
            + (f"{prose(more)}\n\n" if more else "")
            + f"Guarantee {judge.guarantee}. {needs} "
            f"Code: [{source}](../../{source}).\n\n"
            f"{prose(usually)}"
        )
    return "\n\n".join(part.rstrip() for part in parts)


def anomalies() -> str:
    """Every anomaly."""
    return table(
        ("anomaly", "the rule that it breaks", "usual cause; fix"),
        ((f"`{name}`", words.rule, words.usual) for name, words in ANOMALIES.items()),
    )


def guarantees() -> str:
    """Every guarantee, and which properties watch over it."""
    rows = []
    for code, meaning in GUARANTEES.items():
        names = [judge.name for judge in judges() if code in (judge.guarantee, *ALSO.get(judge.name, ()))]
        rows.append((code, meaning, ", ".join(f"[{name}](#{name})" for name in names) or "none yet"))
    return table(("code", "in plain words", "properties"), rows)


def capabilities() -> str:
    """Every capability, what a report says without it, and who has it."""
    systems = {name: known.make({}).capabilities for name, known in KNOWN.items() if name in ("reference", "sqlite")}
    return table(
        ("capability", "what can be done", "without it a report says", *systems),
        (
            (
                f"`{name}`",
                words.what,
                f"{words.part} (…): the system has none" if words.part else words.missing,
                *("yes" if name in can else "no" for can in systems.values()),
            )
            for name, words in CAPABILITIES.items()
        ),
    )


def systems() -> str:
    """Every system with its options."""
    rows = []
    for known in KNOWN.values():
        options = known.options()
        rows.append(
            (
                f"`{known.name}`",
                known.what,
                "<br>".join(
                    f"`{name}` = {', '.join(allowed)} (default: {default})"
                    for name, (allowed, default) in options.items()
                ),
            )
        )
    return table(("name", "what it is", "options"), rows)


def broken() -> str:
    """Every broken system."""
    return table(
        ("name", "breaks", "what is wrong", "seen in"),
        (
            (f"`{name}`", system.guarantee, prose(system.docs), system.reference)
            for name, system in sorted(BROKEN.items(), key=lambda item: (item[1].tier, item[0]))
        ),
    )


def counts() -> str:
    """Every count of what happened."""
    return table(("count", "what is counted"), ((one.name.replace("_", " "), one.what) for one in COUNTED))


SERVERS = {"postgres": "PostgreSQL", "redis": "Valkey", "nats": "NATS with JetStream"}
"""Extra -> the server that its packages bring."""


def extras() -> str:
    """Every extra that brings a system, with what it installs."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = []
    for name, needs in project["optional-dependencies"].items():
        if name in {"all", "dev", "docs", "mutants"}:
            continue
        wanted = [need.partition(";")[0].strip() for need in needs]
        rows.append((f"`{name}`", ", ".join(f"`{need}`" for need in wanted), SERVERS.get(name, "none")))
    return table(("extra", "what it installs", "server that it brings"), rows)


def everyday() -> str:
    """The front door, and the roles of a user's own system."""
    return reference(("refold", "refold.systems.user"))


def rooms() -> str:
    """The front doors of the rooms; what `refold` itself offers is not said again."""
    doors = ("refold.model", "refold.systems", "refold.properties", "refold.search", "refold.reports")
    return reference(doors, names_of("refold"))


PARTS: dict[str, Callable[[], str]] = {
    "help": help_texts,
    "records": records,
    "actions": actions,
    "properties": definitions,
    "anomalies": anomalies,
    "guarantees": guarantees,
    "capabilities": capabilities,
    "systems": systems,
    "broken": broken,
    "counts": counts,
    "gallery": lambda: gallery(GUARANTEES),
    "extras": extras,
    "everyday": everyday,
    "rooms": rooms,
}


def fresh(page: str) -> str:
    """The page with its generated parts made anew."""
    return MARKED.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}\n{match[3]}", page)


def stale() -> dict[pathlib.Path, str]:
    """Pages that are out of date -> what they should be."""
    found = {}
    for path in sorted([*DOCS.rglob("*.md"), DOCS.parent / "reports" / "README.md"]):
        page = path.read_text(encoding="utf-8")
        if (new := fresh(page)) != page:
            found[path] = new
    return found


def main() -> None:
    """Rewrite; with --check only say which pages are out of date."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    found = stale()
    for path, page in found.items():
        print(path.relative_to(DOCS.parent))
        if not options.check:
            path.write_text(page, encoding="utf-8")
    sys.exit(bool(found and options.check))


if __name__ == "__main__":
    main()
