"""The streaming properties agree with definitions written down without any cleverness, on thousands of short random runs.

Each definition below looks at the whole history for every record (quadratic), folds from the beginning every time, and keeps no state
but lists. Compared is the first record at which each anomaly shows at each place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from refold.model.action import Append, FailDisk, Prepare, Redecide, Submit
from refold.model.application import Application, Refusal
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Register
from refold.model.examples.inventory import Inventory
from refold.model.expectation import NO_STREAM, Exact
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Aborted,
    Acknowledged,
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    Ignored,
    Observed,
    Prepared,
    Recovered,
    Refused,
    Scanned,
    Started,
    Unknown,
)
from refold.search.run import execute
from refold.systems.reference import Reference
from refold.systems.registry import resolve

from ..search.found import SIXTEEN, plans

Verdict = tuple[str, str, int]
"""Anomaly, place, number of the record at which it shows."""
RUNS = 40


def visible(history: Sequence[Any]) -> list[Stored]:
    """The events that became visible, in the order of their positions."""
    return sorted((record for record in history if type(record) is Stored), key=lambda event: event.position)


def fold(application: Application, spec: ConsumerSpec, events: Sequence[Stored]) -> dict[str, Any]:
    """The rows after these events."""
    rows: dict[str, Any] = {}
    for event in events:
        for key, value in application.projection(spec.projection)(event, rows).items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
    return rows


def place(history: Sequence[Any], spec: ConsumerSpec) -> int:
    """The greatest position that the consumer has shown so far; where a restart sets it back, it is set back."""
    position = 0
    for record in history:
        if isinstance(record, Applied | Observed) and record.consumer == spec.name:
            position = max(position, record.position)
        elif isinstance(record, Recovered) and record.process == spec.name and (spec.volatile or spec.atomic):
            position = record.position
    return position


def applied(history: Sequence[Any], spec: ConsumerSpec) -> set[int]:
    """The positions whose effects the consumer's rows contain."""
    done: set[int] = set()
    for n, record in enumerate(history):
        if isinstance(record, Applied) and record.consumer == spec.name:
            done.add(record.position)
        elif isinstance(record, Recovered) and record.process == spec.name and (spec.volatile or spec.atomic):
            done = {event.position for event in visible(history[:n]) if event.position <= record.position}
    return done


def version(stream: str, events: Sequence[Stored]) -> int:
    """The version of a stream after these events; a log that lost its tail counts on from what is left."""
    return next((event.version for event in reversed(events) if event.stream == stream), 0)


def replay(history: Sequence[Any], application: Application) -> Iterator[Verdict]:
    """Stored rows == fold of the log up to where the consumer is."""
    for spec in history[0].consumers:
        if not spec.ordered:
            continue
        for n, record in enumerate(history):
            log, before = visible(history[:n]), place(history[:n], spec)
            if isinstance(record, Applied) and record.consumer == spec.name:
                if record.position not in {event.position for event in log}:
                    continue
                upto = max(before, record.position)
                rows = fold(application, spec, [event for event in log if event.position <= upto])
                wrong = any(rows.get(key) != value for key, value in record.writes.items())
                if record.position > before:
                    earlier = fold(application, spec, [event for event in log if event.position < record.position])
                    changed = {key for key in {*rows, *earlier} if rows.get(key) != earlier.get(key)}
                    wrong = wrong or not changed <= set(record.writes)
            elif isinstance(record, Recovered | Observed) and spec.name in (
                getattr(record, "process", None),
                getattr(record, "consumer", None),
            ):
                upto = place(history[: n + 1], spec)
                wrong = record.rows != fold(application, spec, [event for event in log if event.position <= upto])
            else:
                continue
            if wrong:
                yield "replayed-state-differs", spec.name, n + 1


def effects(history: Sequence[Any], application: Application) -> Iterator[Verdict]:
    """Once, in the order of the stream; dismissed only if applied."""
    for spec in history[0].consumers:
        if not spec.ordered:
            continue
        for n, record in enumerate(history):
            if not isinstance(record, Applied | Ignored) or record.consumer != spec.name:
                continue
            log, done = visible(history[:n]), applied(history[:n], spec)
            if isinstance(record, Ignored):
                if record.position not in done:
                    yield "dropped-as-duplicate", spec.name, n + 1
                continue
            event = next((event for event in log if event.position == record.position), None)
            if record.position in done:
                rows = fold(application, spec, [e for e in log if e.position <= place(history[:n], spec)])
                if any(rows.get(key) != value for key, value in record.writes.items()):
                    yield "effect-applied-twice", spec.name, n + 1
            elif event is None:
                yield "unknown-event-applied", spec.name, n + 1
            elif any(e.stream == event.stream and e.position not in done for e in log if e.position < event.position):
                yield "applied-out-of-order", spec.name, n + 1


def checkpoints(history: Sequence[Any], application: Application) -> Iterator[Verdict]:
    """Never ahead of the effects, never beyond the tail, never back."""
    for spec in history[0].consumers:
        saved = 0
        for n, record in enumerate(history):
            mine = spec.name in (getattr(record, "consumer", None), getattr(record, "process", None))
            if not mine or not isinstance(record, CheckpointSaved | Recovered):
                continue
            log, done = visible(history[:n]), applied(history[:n], spec)
            behind = any(e.position not in done for e in log if e.position <= record.position)
            if isinstance(record, Recovered):
                if not spec.volatile and (behind or (not log and record.position)):
                    yield "checkpoint-ahead-of-effects", spec.name, n + 1
                continue
            if behind:
                yield "checkpoint-ahead-of-effects", spec.name, n + 1
            elif record.position > max((e.position for e in log), default=0):
                yield "checkpoint-beyond-tail", spec.name, n + 1
            elif record.position < saved:
                yield "checkpoint-goes-back", spec.name, n + 1
            saved = record.position


def conditional(history: Sequence[Any], application: Application) -> Iterator[Verdict]:
    """The expected version, and the decision, at the place of the append's first event; a refusal needs a conflict.

    Of an append that was decided anew the last decision before that place counts.
    """
    for n, record in enumerate(history):
        earlier = [event for event in history[:n] if type(event) is Stored]
        if isinstance(record, Stored) and not [e for e in earlier if e.operation == record.operation]:
            asked = [p for p in history[:n] if isinstance(p, Prepared) and p.op == record.operation]
            ended = [r for r in history[:n] if isinstance(r, Refused) and r.op == record.operation]
            if not asked or ended:
                continue
            if not asked[-1].expected.holds(version(record.stream, earlier)):
                yield "lost-update", record.stream, n + 1
            key = application.key(record.data)
            state = application.initial(key)
            for event in earlier:
                if application.key(event.data) == key:
                    state = application.evolve(state, event.data)
            if application.conditional(asked[-1].command):
                try:
                    events = tuple(application.decide(asked[-1].command, state))
                except Refusal as refusal:
                    yield refusal.anomaly, key, n + 1
                else:
                    if events != tuple(event.data for event in asked[-1].events):
                        yield "lost-update", key, n + 1
        elif isinstance(record, Refused):
            asked = [p for p in history[:n] if isinstance(p, Prepared) and p.op == record.op]
            if [e for e in earlier if e.operation == record.op]:
                continue
            over = {r.op for r in history[:n] if isinstance(r, Aborted | Acknowledged | Unknown)}
            slow = [r for r in history[:n] if isinstance(r, Started) and r.op not in over]
            hidden = bool(slow) and not asked[-1].expected.holds(record.found)
            if asked[-1].expected.holds(version(asked[-1].stream, earlier)) and not hidden:
                yield "false-conflict", asked[-1].stream, n + 1


def durability(history: Sequence[Any], application: Application) -> Iterator[Verdict]:
    """Whatever was visible or acknowledged before a scan is in it, up to the first scan that lacks something."""
    for n, record in enumerate(history):
        if isinstance(record, Scanned):
            there = set(zip(record.positions, record.ids, strict=True))
            seen = {(e.position, e.id) for e in visible(history[:n]) if e.position > record.after}
            seen |= {
                (position, event.id)
                for answer in history[:n]
                if isinstance(answer, Acknowledged)
                for asked in history[:n]
                if isinstance(asked, Prepared) and asked.op == answer.op
                for position, event in zip(answer.positions, asked.events, strict=False)
                if position > record.after
            }
            if not seen <= there:
                yield "acknowledged-append-lost", "", n + 1
                return


DEFINITIONS: dict[str, tuple[Callable[..., Iterator[Verdict]], set[str]]] = {
    "replay": (replay, {"replay"}),
    "effects": (effects, {"effects"}),
    "checkpoints": (checkpoints, {"checkpoints"}),
    "conditional": (conditional, {"expected-version", "decisions"}),
    "durability": (durability, {"durability"}),
}


COARSE = {"write-skew": "lost-update"}
"""Finer names of the same anomaly: what the change was that the decision had not seen."""


def first(verdicts: Iterator[Verdict]) -> dict[tuple[str, str], int]:
    """The first record of each anomaly at each place."""
    shown: dict[tuple[str, str], int] = {}
    for anomaly, where, number in verdicts:
        shown.setdefault((anomaly, where), number)
    return shown


@pytest.mark.parametrize("application", [Accounts(), Inventory()], ids=lambda application: application.name)
@pytest.mark.parametrize("name", ["reference", *SIXTEEN])
def test_the_streaming_verdict_is_that_of_the_plain_definition(name: str, application: Application) -> None:
    """On every run, for every anomaly and place, at the same record."""
    system = Reference() if name == "reference" else resolve(name)
    told = 0
    for plan in [*plans(system, application, RUNS, 16), *plans(system, application, RUNS // 2, 40)]:
        run = execute(system, application, plan, whole=True)
        side = {record.spec.name for record in run.history if type(record) is Joined}  # not in the definitions
        for title, (definition, judges) in DEFINITIONS.items():
            wanted = first(definition(run.history, application))
            findings = [f for f in run.findings if f.judge in judges and f.anomaly != "invariant-broken"]
            findings = [f for f in findings if f.where not in side]
            if title == "durability":
                found = {(f.anomaly, ""): f.number for f in findings[:1]}
            else:
                found = {}
                for f in findings:
                    what = (COARSE.get(f.anomaly, f.anomaly), f.where)
                    found[what] = min(f.number, found.get(what, f.number))
            assert found == wanted, f"{title} on {[str(action) for action in plan]}"
            told += len(found)
    assert name != "reference" or told == 0


def test_an_append_that_was_decided_anew_is_judged_by_its_last_decision() -> None:
    """The disk fails under an append; its stream moves; it is decided again on what is there then, and takes effect so."""
    plan = (
        Prepare("carol", Register("acme", "ada")),
        FailDisk("log", "error"),
        Append("carol"),
        Submit("carol", Register("acme", "bob")),
        Redecide("carol"),
    )
    run = execute(Reference(), Accounts(), plan, whole=True)
    decided = [record.expected for record in run.history if type(record) is Prepared and record.op == "carol-1"]
    assert decided == [NO_STREAM, Exact(1)]
    assert not run.findings
    assert first(conditional(run.history, Accounts())) == {}
