"""Where the user's code stands that a finding is about: the file and the line that a reader opens first."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.parts.rebuilds import GIVEN_UP, RebuildEnded, rebuild_of
from refold.model.parts.removal import LogTrimmed, StreamDeleted, StreamTruncated
from refold.model.record import Scanned, StreamScanned
from refold.properties.property import Finding
from refold.systems.user.errors import INSTALLED, OURS
from refold.systems.user.roles.naming import method_name

DECIDED = frozenset({"LOG", "CAS"})
"""Guarantees that are broken where something is decided and appended; the others where events are handled."""

REMOVALS = frozenset({"removal-takes-more", "removed-event-returns", "removal-undone"})
"""Findings about what a removal did."""

REMOVED_BY: dict[type, str] = {LogTrimmed: "trim", StreamTruncated: "truncate", StreamDeleted: "delete_stream"}
READ_BY: dict[type, str] = {Scanned: "read", StreamScanned: "read_stream"}

BROKEN = "refold.systems.broken."
"""Where systems are that are broken on purpose."""


@attrs.frozen
class Location:
    """A function: the name of its `file` as seen from the working directory, the `line` where it begins (from 1), and what it is called."""

    file: str
    line: int
    function: str


def location_of(finding: Finding, application: Application | None, system: Any = None) -> Location | None:
    """The function of the user's own that a finding blames; None where all that has to do with it is refold's or an installed package's."""
    return next(filter(None, map(place, suspects(finding, application, getattr(system, "code", {})))), None)


def broken_part(system: Any) -> Location | None:
    """The class in which a system that is broken on purpose differs from the one that is not. None for every other system."""
    parts = dict(getattr(system, "parts", None) or {})
    part = next((part for part in parts.values() if part.__module__.startswith(BROKEN)), None)
    if part is None:
        return None
    return Location(f"{part.__module__.replace('.', '/')}.py", inspect.getsourcelines(part)[1], part.__qualname__)


def suspects(finding: Finding, application: Application | None, code: Mapping[str, Any]) -> Iterator[Any]:
    """Functions that may be at fault, the likeliest first. `code` is what a system of the user's says it is made of."""
    yield from (code.get(name) for proof in finding.evidence if (name := doer(finding.anomaly, proof.record)))
    yield code.get(finding.where)
    for proof in reversed(finding.evidence):  # whoever a record names, such as the reader that answered
        names = map(functools.partial(getattr, proof.record), getattr(proof.record, "__struct_fields__", ()))
        yield from (code[name] for name in names if isinstance(name, str) and name in code)
    if finding.guarantee in DECIDED:
        yield from (
            method(code.get("service"), finding),
            *(code.get(part) for part in ("service", "append", "execute")),
        )
        yield getattr(application, "decide", None)
    elif finding.guarantee not in ("SNAP", "REPL"):
        yield getattr(application, "view", None)
    yield getattr(application, "evolve", None)
    yield getattr(application, "replay", None)
    yield from code.values()
    yield None if application is None else type(application)


def doer(anomaly: str, record: Any) -> str:
    """Which part of the user's did what a record says, where the finding is about that and not about what was done with it; else "".
    A removal that takes too much, or too little, is at fault itself; readers are where they cannot pass it."""
    if isinstance(record, RebuildEnded):
        return rebuild_of(record.consumer) if record.how == GIVEN_UP else ""
    if anomaly == "read-stops-at-removed":
        return READ_BY.get(type(record), "")
    return REMOVED_BY.get(type(record), "") if anomaly in REMOVALS else ""


def method(service: Any, finding: Finding) -> Any:
    """The method of a service that was called with a command of which a finding speaks; None if it has none of that name."""
    commands = (getattr(proof.record, "command", None) for proof in finding.evidence)
    names = ("execute", *(method_name(command) for command in commands if command is not None))
    return next((found for name in names if callable(found := getattr(service, name, None))), None)


def place(found: Any) -> Location | None:
    """Where a function or class of the user's own stands."""
    found = inspect.unwrap(getattr(found, "__func__", found)) if found is not None else None
    try:
        file = os.path.realpath(inspect.getsourcefile(found) or "")
        line = inspect.getsourcelines(found)[1]
    except (TypeError, OSError):
        return None
    if file.startswith((*OURS, *INSTALLED)):
        return None
    relative = os.path.relpath(file)
    return Location(file if relative.startswith(os.pardir) else relative, max(line, 1), found.__qualname__)
