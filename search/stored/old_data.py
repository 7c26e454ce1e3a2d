"""`refold verify --history`: what a former version recorded, read by the application of today."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec

from refold.model.application import Application, UnknownProjection
from refold.model.documents.history import HistoryReader, MalformedHistory, plain
from refold.model.documents.plan import command_classes, command_from_json
from refold.model.event import Stored
from refold.model.record import Opened
from refold.properties.old_data import OldData
from refold.properties.partial_history import beginning
from refold.properties.property import Checker
from refold.properties.result import Counterexample, Result
from refold.search.determinism.in_other_processes import SEEDS, Unreplayable, replay_in_other_processes
from refold.search.stored.files import LINES_A_BEAT, Source
from refold.search.stored.history import FINDINGS_MAX

REPLAYED = 20_000
"""Events that are folded in other processes too: the first ones."""

SHOWN = 2_000
"""Records before a finding that its picture may show."""


def verify_history(
    application: Application,
    source: Source,
    *,
    decisions: bool = False,
    alive: Callable[[], None] = lambda: None,
) -> Result:
    """The verdict on the old events of `source`; each finding is a counterexample without a plan. Raises `MalformedHistory`."""
    if beginning(records(source)) is not None:
        raise MalformedHistory(
            1,
            "the history begins in the middle of a log; what its events mean cannot be said without those before them",
        )
    started = time.monotonic()
    commands = command_classes(application)
    judge = OldData(application, plain, lambda value: command_from_json(value, commands), decisions)
    checker = Checker([judge])
    events = 0
    kept: list[Any] = []
    for number, record in enumerate(records(source), 1):
        if not number % LINES_A_BEAT:
            alive()
        checker.feed(record)
        if type(record) is Stored:
            events += 1
        if (type(record) is Stored and len(kept) <= REPLAYED) or type(record) is Opened:
            kept.append(record)
        if len(checker.findings) >= FINDINGS_MAX:
            break
    findings = checker.finish()
    not_checked = list(judge.remarks())
    if not events:
        raise MalformedHistory(1, "the history holds no event, so there is nothing that could be read")
    if not findings:
        found, why = in_other_processes(application, kept, events)
        findings.extend(found)
        not_checked.extend(why)
    others = sum(judge.unreadable.values()) - len(judge.unreadable)
    counts = {"events_read": events, **judge.observations()}
    if others:
        counts["more_events_with_the_same_error"] = others
    return Result(
        system=source.name,
        application=application.name,
        seed=None,
        examples=1,
        steps=events,
        skipped=0,
        seconds=time.monotonic() - started,
        counts=counts,
        counterexamples=tuple(
            Counterexample((), (finding,), led_to(source, finding.number), 1, 0.0) for finding in findings
        ),
        not_checked=tuple(not_checked),
        checked=(("REPL", judge.name), *((("CAS", judge.name),) if decisions else ())),
    )


def records(source: Source) -> Iterator[Any]:
    """The records, their events and commands as plain JSON values."""
    return HistoryReader(None).records(source.lines())


def led_to(source: Source, number: int) -> tuple[Any, ...]:
    """The records up to a finding, if there are not too many for a picture."""
    if number > SHOWN:
        return ()
    found = []
    with suppress(MalformedHistory, OSError):
        for record in records(source):
            found.append(record)
            if len(found) == number:
                break
    return tuple(found)


def in_other_processes(application: Application, kept: list[Any], events: int) -> tuple[list[Any], list[str]]:
    """What the fold in other processes, under other hash seeds, shows; and what it does not look at."""
    opened = kept[0]
    known = tuple(spec for spec in opened.consumers if has_projection(application, spec.projection))
    history = [msgspec.structs.replace(opened, consumers=known), *kept[1 : REPLAYED + 1]]
    try:
        finding = replay_in_other_processes(application, history, SEEDS)
    except Unreplayable as error:
        return [], [f"replays in other processes: {error}"]
    if finding is None and events > REPLAYED:
        return [], [f"replays in other processes: events behind the first {REPLAYED:,}"]
    return ([] if finding is None else [finding]), []


def has_projection(application: Application, name: str) -> bool:
    """Whether the application has the projection of this name."""
    try:
        application.projection(name)
    except UnknownProjection:
        return False
    return True
