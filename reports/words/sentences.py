"""Sentences: actions and records in plain English, one sentence each, no full stop, safe to print anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from refold.model.action import ACTIONS, Action, power_words
from refold.model.event import NewEvent, Stored
from refold.model.parts.calls import SERVICE
from refold.model.record import (
    Aborted,
    Acknowledged,
    Altered,
    Applied,
    CheckpointSaved,
    Crashed,
    Declined,
    Disordered,
    Failed,
    Held,
    Ignored,
    Observed,
    Opened,
    PowerCut,
    Prepared,
    Record,
    Recovered,
    Refused,
    Retried,
    Scanned,
    Settled,
    Settling,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
    Step,
    StreamScanned,
    Unknown,
)
from refold.model.words import counted, places
from refold.reports.words.values import fields_of, inert, name, rows, shorten, told, value

SENTENCE_MAX = 1_000
_STREAM = "stream:"
SINGULAR = {"crashes": "crash", "recoveries": "recovery", "queries": "query"}
"""Words in the names of counts that lose more than an s when there is one of them."""


class _Said(str):
    """A command in words, standing in for the command itself."""

    def __repr__(self) -> str:
        return str(self)


def action_sentence(action: Any) -> str:
    """An action of a plan as a sentence: “alice submits Register('acme', 'ada')”. It also accepts plain values that were read from a
    file."""
    if isinstance(action, Mapping) and (cls := ACTIONS.get(str(action.get("do")))) is not None:
        try:
            action = msgspec.convert(action, cls)
        except msgspec.ValidationError:
            return value(action)
    if not isinstance(action, Action):
        return value(action)
    fields = {
        key: _Said(value(inner)) if key == "command" else name(inner)
        for key, inner in (fields_of(action) or {}).items()
        if inner != "" and not isinstance(inner, int | float)
    }
    return inert(shorten(str(msgspec.structs.replace(action, **fields)), SENTENCE_MAX))


def plan_sentences(plan: Iterable[Any]) -> list[str]:
    """The sentences of a plan, in the order of its actions."""
    return [action_sentence(action) for action in plan]


def event_words(event: Stored | NewEvent | Altered) -> str:
    """An event as a person would write it: ``Registered('acme', 'ada')``, also where its data are plain values."""
    data = event.data
    if isinstance(data, Mapping):
        return f"{name(event.type)}({', '.join(value(inner) for inner in data.values())})"
    said = value(data)
    return said if said.startswith(f"{event.type}(") else f"{name(event.type)}({said})"


def kind_words(kind: str, number: int) -> str:
    """What is counted: ``power_cuts`` are ``power cuts``, but 1 ``power cut``."""
    words = inert(kind).replace("_", " ").split(" ")
    return " ".join(SINGULAR.get(word, word.removesuffix("s")) if number == 1 else word for word in words)


def owner_words(owner: str) -> str:
    """Whose snapshot it is: a consumer, or a stream."""
    return f"stream {name(owner[len(_STREAM) :])}" if owner.startswith(_STREAM) else name(owner)


def source_words(source: str) -> str:
    """Where a client has read."""
    return "the log" if source == "log" else f"the view of {name(source)}"


def _events(events: tuple[NewEvent, ...]) -> str:
    shown = " and ".join(event_words(event) for event in events[:4])
    return shown + (f" and {len(events) - 4:,} more" if len(events) > 4 else "")


def _opened(r: Opened) -> str:
    clients = ", ".join(name(client) for client in r.clients)
    consumers = ", ".join(f"{name(spec.name)} ({name(spec.projection)})" for spec in r.consumers)
    return f"{name(r.system)} begins with application {name(r.application)}; clients: {clients}; consumers: {consumers}"


def _prepared(r: Prepared) -> str:
    if r.source == SERVICE:
        command = "" if r.command is None else f" for {value(r.command)}"
        return (
            f"{name(r.client)} appends to {name(r.stream)}{command}: {_events(r.events)}; it was at version {r.seen} when the call began "
            f"(operation {name(r.op)})"
        )
    return (
        f"{name(r.client)} sees version {r.seen} of {name(r.stream)} in {source_words(r.source)} and decides on "
        f"{value(r.command)}: append {_events(r.events)}, expecting {r.expected} (operation {name(r.op)})"
    )


def _declined(r: Declined) -> str:
    return (
        f"{name(r.client)} sees version {r.seen} of {name(r.stream)} in {source_words(r.source)} and decides against "
        f"{value(r.command)}: {inert(shorten(r.reason, 200))}"
    )


def _refused(r: Refused) -> str:
    reason = f": {inert(shorten(r.reason, 200))}" if r.reason else ""
    return f"the log refuses {name(r.op)}, having found version {r.found}; {name(r.client)} hears it{reason}"


def _recovered(r: Recovered) -> str:
    held = "" if r.rows is None else f"; it holds {rows(r.rows)}"
    return (
        f"{name(r.process)} is up again"
        + ("" if r.rows is None else f" and goes on after position {r.position}")
        + held
    )


def _crashed(r: Crashed) -> str:
    return f"{name(r.process)} dies" + (
        f" right before its durable step {r.during}" if r.during else " between two steps"
    )


def _snapshot(verb: str) -> Callable[[Any], str]:
    def words(r: Any) -> str:
        what = "version" if r.owner.startswith(_STREAM) else "position"
        state = rows(r.state) if isinstance(r.state, Mapping) else told(r.state)
        return f"a snapshot of {owner_words(r.owner)} at {what} {r.position} is {verb}: {state}"

    return words


SENTENCES: dict[type, Callable[[Any], str]] = {
    Opened: _opened,
    Step: lambda r: f"step {r.number}: {action_sentence(r.action)}",
    Stored: lambda r: (
        f"event {r.position} is in the log: {event_words(r)}, version {r.version} of stream {name(r.stream)} (id {name(r.id)})"
    ),
    Prepared: _prepared,
    Declined: _declined,
    Acknowledged: lambda r: f"the log confirms {name(r.op)} at {places(r.positions)}; {name(r.client)} hears it",
    Refused: _refused,
    Unknown: lambda r: f"{name(r.client)} hears nothing about {name(r.op)}: it may have happened, or not",
    Retried: lambda r: f"{name(r.client)} sends {name(r.op)} again, with the same event ids",
    Started: lambda r: f"the slow append {name(r.op)} of {name(r.client)} takes {places(r.positions)}, not visible yet",
    Aborted: lambda r: f"the append {name(r.op)} of {name(r.client)} is rolled back or given up",
    Applied: lambda r: f"{name(r.consumer)} applies event {r.position}: {rows(r.writes, none='no row changes')}",
    Ignored: lambda r: f"{name(r.consumer)} receives event {r.position} and dismisses it as already done",
    Held: lambda r: f"{name(r.consumer)} receives event {r.position} before its predecessors and puts it off",
    Failed: lambda r: (
        f"the handler of {name(r.consumer)} fails on event {r.position}"
        if r.position
        else f"a step of {name(r.consumer)} fails"
    ),
    CheckpointSaved: lambda r: f"{name(r.consumer)} saves checkpoint {r.position}",
    SnapshotTaken: _snapshot("saved"),
    SnapshotLoaded: _snapshot("loaded"),
    Recovered: _recovered,
    Observed: lambda r: f"{name(r.consumer)} is at rest at position {r.position}; it holds {rows(r.rows)}",
    Scanned: lambda r: (
        f"a read of the whole log returns {counted(len(r.ids), 'event')}"
        + (f", {places(r.positions)}" if r.ids else "")
    ),
    StreamScanned: lambda r: f"a read of stream {name(r.stream)} returns {counted(len(r.versions), 'event')}",
    Altered: lambda r: (
        f"event {r.position} is read again, in another form: {event_words(r)},"
        f" version {r.version} of stream {name(r.stream)} (id {name(r.id)})"
    ),
    Disordered: lambda r: (
        f"one read gives {name(r.reader)} positions {', '.join(map(str, r.positions))}, in this order"
    ),
    Crashed: _crashed,
    PowerCut: lambda r: f"the power of {name(r.process)} is cut: {name(power_words(r.how))}",
    Settling: lambda r: "faults stop; every process is restarted and consumers run on by themselves",
    Settled: lambda r: (
        "everything is at rest" + (f"; not enabled: {counted(r.skipped, 'action')} of the plan" if r.skipped else "")
    ),
}
"""Record class -> its sentence."""


def record_sentence(record: Any) -> str:
    """What a record says, as a sentence. Records of unknown kinds are shown with their fields."""
    words = SENTENCES.get(type(record))
    return inert(shorten(_unknown(record) if words is None else words(record), SENTENCE_MAX))


def _unknown(record: Any) -> str:
    """Records of extensions may speak for themselves: `__str__` is their sentence."""
    speaks = isinstance(record, Record) and "__str__" in vars(type(record))
    return str(record) if speaks else value(record)
