"""The neighbours of a history: the same without a record, with one twice, with two in another order, or with one number, switch or name
in another way; and what is said of them, in a line."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from refold.model.application import Application
from refold.model.documents.history import plain
from refold.model.record import Opened, Record, Step
from refold.properties.partial_history import beginning, partial_checker
from refold.properties.property import Finding
from refold.properties.suite import checker
from refold.reports.words.values import value

from ..test_clauses import found

MOST = 40
"""Characters of a value in the name of a change."""
SIZES = (1, 2, 8)
"""Of memories that are too small."""


def neighbours(history: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What was done to the history, and what it is then."""
    first = 1 if history and type(history[0]) is Opened else 0
    for place in range(first, len(history)):
        before, record, after = history[:place], history[place], history[place + 1 :]
        yield f"without {place}", (*before, *after)
        yield f"{place} twice", (*before, record, record, *after)
        if after:
            yield f"{place} after {place + 1}", (*before, after[0], record, *after[1:])
        for said, other in others(record, [one for one in history if one is not record]):
            yield f"{place} with {said}", (*before, other, *after)


def some_neighbours(history: Sequence[Any], most: int) -> list[tuple[str, tuple[Any, ...]]]:
    """About so many of them, evenly spread."""
    around = list(neighbours(tuple(history)))
    return around[:: max(1, len(around) // most)]


def others(record: Record, rest: list[Any]) -> Iterator[tuple[str, Record]]:
    """The record with one field in another way: a number one higher or lower, a switch the other way, the next name that another record
    has there, a list without its last entry."""
    for field in record.__struct_fields__:
        now = getattr(record, field)
        changed: list[Any] = []
        if isinstance(now, bool):
            changed = [not now]
        elif isinstance(now, int):
            changed = [now - 1, now + 1]
        elif isinstance(now, str):
            names = sorted({getattr(one, field, now) for one in rest if type(getattr(one, field, 0)) is str} - {now})
            changed = [min((name for name in names if name > now), default=names[0])] if names else []
        elif isinstance(now, tuple | dict) and now:
            changed = [now[:-1] if isinstance(now, tuple) else dict(list(now.items())[:-1])]
        for other in changed:
            with contextlib.suppress(ValueError):  # no such record can be made
                yield f"{field}={value(other)[:MOST]}", msgspec.structs.replace(record, **{field: other})


def told(finding: Finding) -> str:
    """In a line, without what reports say beside it; the two values that differ as a digest."""
    place = f" at {finding.position}" if finding.position is not None else ""
    proofs = ",".join(str(proof.number) for proof in finding.evidence)
    values = digest(f"{value(finding.expected)} {value(finding.actual)}".encode())
    return f"{finding.anomaly} ({finding.judge}, {finding.clause}) in {finding.where}{place}, #{finding.number} by {proofs}, {values}"


def digest(data: bytes) -> str:
    """Enough of it to see a change."""
    return hashlib.sha256(data).hexdigest()[:4]


def some_verdicts(
    history: Sequence[Any], judged: Callable[[tuple[Any, ...]], list[Finding]], most: int
) -> Iterator[str]:
    """What is said of the history, and of that many of its neighbours, evenly spread, where it is something else: names and a digest."""
    base = judged(tuple(history))
    yield from map(told, base)
    for change, records in some_neighbours(history, most):
        if (others_found := judged(records)) != base:
            names = ", ".join(dict.fromkeys(finding.anomaly for finding in others_found)) or "innocent"
            yield f"  {change}: {names}, {digest('; '.join(map(told, others_found)).encode())}"


def parts(application: Application, records: list[Any]) -> Iterator[str]:
    """What is said where hardly anything is remembered, and what by a reader who comes in the middle and knows no application."""
    for size in SIZES:
        judge = checker(application, plain, remembered=size)
        yield from (f"remembering {size}: {told(finding)}" for finding in found(judge, records))
        yield from (f"remembering {size}: {said}" for said in judge.given_up())
    for share in (1, 2):
        rest = [record for record in records[share * len(records) // 3 :] if type(record) is not Step]
        if (begins := beginning(rest)) is not None:
            yield f"from {begins.position} on, {sorted(begins.versions.items())}"
            yield from map(told, found(partial_checker(begins, plain), rest))
