"""Answers of a service: what a call was told is what it did.

A service decides and appends internally. What it has read is not visible, but what a call has appended and how it was answered are. This
is usually broken by a retry inside the service that sends again what is already stored, by appending several events in several
transactions, and by an error that is swallowed before it reaches the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from refold.model.application import Application, Refusal
from refold.model.event import NewEvent, Stored
from refold.model.expectation import NoMatch
from refold.model.parts.calls import SERVICE, Called, Replied
from refold.model.record import Altered, Prepared, Scanned
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property, as_recorded
from refold.properties.updates.boundaries import UNKNOWN

REMEMBERED = 4_096
"""Calls that are answered, remembered to recognise a second effect, or one that comes late."""


class _Open(Struct):
    """A call that has no answer yet. `may_refuse`: on some state since its beginning the decision is a refusal; `may_rest`: on some
    state it is a refusal, or has no event. `boundary` is what it is decided on, if that is not the stream of its key."""

    number: int
    record: Called
    key: str
    boundary: tuple[NoMatch, str] | None = None
    may_refuse: bool = False
    may_rest: bool = False
    first: tuple[int, Stored] | None = None
    in_place: bool = False
    """A scan has shown an event of the call, or another form of one that was there: it has written where others had read."""
    once_more: str = ""
    """The id of the event with which a second effect begins, if the first append of the call has more than one."""
    streams: set[str] = field(default_factory=set)
    """Those that its effect goes to, if it may go to several: then an append is recorded for each, and none of them has the command."""
    due: list[Any] | None = None
    """What is still due of such an effect; None if nobody knows."""
    size: int = 0
    """How many events such an effect has."""


class ServiceAnswers(Property):
    """For every call of a service with command c: it appends every decision on c completely or not at all, and never twice. If it is
    answered *done* and nothing was appended, there was nothing to do: on some state between call and answer, decide(c, state) returns no
    events or refuses. If it is refused, then decide refuses on the state at the time of the call, or somebody else changed that state
    before the answer. What the call itself has appended is no reason to refuse it. If c has a condition over tags, the state is the fold
    of the events that match it.

    `decisions` judges whether a decision is right for the state at its place. This property is kept, although no broken system of the zoo
    needs it: those systems are parts of the model, and this property judges a user's own code (tests/systems/user).
    """

    name = "service-answers"
    guarantee = "CAS"
    needs_application = True
    after = ("appends", "states")
    judges = (Replied,)
    clauses = {
        "once": "a call appends once, however often the service retries internally, and does not append again once it is answered",
        "whole": "what a call appends becomes visible completely or not at all",
        "done has an effect": "a call that is answered “done” has appended something, unless there was nothing to do",
        "refused with cause": "a call is refused only if the command was not possible, or somebody else got in its way before the answer",
    }

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        if oracle.states is None:
            raise ValueError("answers are judged on states: this oracle has no application to fold them with")
        self.decider = application
        self.oracle = oracle
        self.states = oracle.states
        self.open: dict[str, _Open] = {}
        self.answered: dict[str, _Open] = {}
        self.window = oracle.window(
            REMEMBERED, "whether calls append once more, or in part, when the newest {size} others are answered"
        )
        self.windows = (self.window,)

    def handlers(self) -> dict[type, Handler]:
        """Calls, what becomes visible, answers."""
        return {
            Called: self.on_called,
            Stored: self.on_stored,
            Scanned: self.on_scanned,
            Altered: self.on_altered,
            Replied: self.on_replied,
        }

    def on_called(self, number: int, record: Called) -> None:
        """A call begins; of one whose command was not recorded nobody can say what it should do."""
        self.open.pop(record.op, None)
        self.answered.pop(record.op, None)
        if record.command is None:
            return
        boundaries = self.states.boundaries
        boundary = None if boundaries is None else boundaries.boundary(record.command)
        call = _Open(number, record, self.decider.key(record.command), boundary)
        self.consider(call)
        self.open[record.op] = call

    def consider(self, call: _Open) -> None:
        """One more state that the call may have met."""
        if call.may_rest:
            return
        boundaries, boundary = self.states.boundaries, call.boundary
        state = self.states.of(call.key) if boundaries is None or boundary is None else boundaries.now(boundary)
        if state is UNKNOWN:
            call.may_refuse = call.may_rest = True
            return
        try:
            if not self.decider.decide(call.record.command, state):
                call.may_rest = True
        except Refusal:
            call.may_refuse = call.may_rest = True

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """The state changes for every open call; an event of a call is the first of its one effect, or belongs to it."""
        if not self.open and not self.answered:
            return None
        op = event.id.rpartition("/")[0]
        called = op.partition(".")[0]
        own = self.open.get(called) or self.answered.get(called)
        key = self.states.key
        for call in self.open.values():
            if call is own:
                continue
            if call.key == key or (call.boundary is not None and call.boundary[0].matches(event.type, event.tags)):
                call.may_refuse = True  # a conflict is a reason too
                self.consider(call)
        return None if own is None else self.judge(number, event, op, own)

    def on_scanned(self, number: int, record: Scanned) -> None:
        """Events that no reader came to are effects as well."""
        if self.open:
            for event_id in record.ids:
                call = self.open.get(event_id.rpartition("/")[0].partition(".")[0])
                if call is not None:
                    call.in_place = True

    def on_altered(self, number: int, record: Altered) -> None:
        """Nobody knows which of the open calls has done that."""
        for call in self.open.values():
            call.in_place = True

    def judge(self, number: int, event: Stored, op: str, call: _Open) -> Finding | None:
        """Whether this is the one effect of the call, and all of it."""
        operation = self.oracle.appends.operation
        if operation is None or operation.prepared.source != SERVICE:
            return None
        if not self.oracle.appends.first:
            return self.twice(number, event, call) if call.once_more == event.id else None
        appended = operation.prepared.events
        if call.first is not None:
            return None if self.belongs(event, appended, call) else self.twice(number, event, call)
        call.first = (number, event)
        prior = self.states.prior_of(call.record.command)
        if operation.prepared.command is None:
            call.streams.add(event.stream)
            decided = decision(self.decider, call.record.command, prior)
            call.due, call.size = rest(decided, appended), len(decided or ())
            return None
        whole = repeated(self.decider, operation.prepared, prior, event.version - 1)
        if whole:
            call.once_more = appended[whole].id
        lacking = missing(self.decider, call.record.command, prior, appended)
        return self.in_part(number, *call.first, call, len(appended) + lacking, lacking) if lacking else None

    def belongs(self, event: Stored, appended: Sequence[NewEvent], call: _Open) -> bool:
        """Whether this append is the part of the effect that goes to one more stream."""
        if not call.streams or event.stream in call.streams:
            return False
        call.streams.add(event.stream)
        if call.due is None:
            return True
        call.due = rest(call.due, appended)
        return call.due is not None

    def in_part(self, number: int, first: int, event: Stored, call: _Open, expected: int, lacking: int) -> Finding:
        """Some of the events that are expected are lacking."""
        return self.finding(
            "partial-batch",
            event.stream,
            number,
            clause="whole",
            guarantee="LOG",
            expected=expected,
            actual=expected - lacking,
            evidence=[
                Evidence(call.number, call.record, "is the call"),
                Evidence(first, event, "is visible, and not all that belongs to it"),
            ],
        )

    def twice(self, number: int, event: Stored, call: _Open) -> Finding | None:
        """A second effect of the call begins with this event."""
        if call.first is None:
            return None
        return self.finding(
            "duplicate-append",
            event.stream,
            number,
            clause="once",
            position=event.position,
            expected="one effect of this call",
            actual=f"event {event.position} beside event {call.first[1].position}",
            evidence=[
                Evidence(call.number, call.record, "is the call"),
                Evidence(*call.first, "is its effect"),
                Evidence(number, event, "is its effect once more"),
            ],
        )

    def on_replied(self, number: int, record: Replied) -> Finding | None:
        """The answer fits what was done."""
        call = self.open.pop(record.op, None)
        if call is None:
            return None
        evidence = [Evidence(call.number, call.record, "is the call"), Evidence(number, record, "is its answer")]
        self.answered[record.op] = call
        if len(self.answered) >= self.window.full:
            self.window.trim(self.answered)
        if call.first is not None:
            evidence.insert(1, Evidence(*call.first, "is its effect"))
            if call.due:
                return self.in_part(number, *call.first, call, call.size, len(call.due))
        if record.how == "done" and not call.may_rest and call.first is None and not call.in_place:
            return self.finding(
                "confirmed-without-effect",
                call.key,
                number,
                clause="done has an effect",
                guarantee="LOG",
                expected="an event of this call in the log",
                actual="none",
                evidence=evidence,
            )
        if record.how == "refused" and not call.may_refuse:
            return self.finding(
                "refused-without-reason",
                call.key,
                number,
                clause="refused with cause",
                expected="accepted: no state since the call forbids it"
                if call.first is None
                else "done: its effect is in the log, and nobody else was in its way",
                actual=f"refused: {record.detail}" if record.detail else "refused",
                evidence=evidence,
            )
        return None


def decision(application: Application, command: Any, state: Any) -> list[Any] | None:
    """What the command decides on this state; None if it is refused there, or nobody knows the state."""
    if state is UNKNOWN:
        return None
    try:
        return list(application.decide(command, state))
    except Refusal:
        return None


def rest(due: list[Any] | None, appended: Sequence[NewEvent]) -> list[Any] | None:
    """What is still due after these events; None if they are not all among what was due, or nobody knows that."""
    if due is None or len(appended) > len(due):
        return None
    left = [*due]
    for event in appended:
        if event.data is None:
            left.pop(0)
        elif event.data in left:
            left.remove(event.data)
        else:
            return None
    return left


def missing(application: Application, command: Any, state: Any, appended: Sequence[NewEvent]) -> int:
    """How many events are missing after those that were appended, if these are the beginning of what the command decides on this state."""
    decided = decision(application, command, state)
    if decided is None:
        return 0
    shown = [event.data for event in appended]
    return len(decided) - len(shown) if as_recorded(shown, decided[: len(shown)]) else 0


def repeated(application: Application, prepared: Prepared, state: Any, version: int) -> int:
    """The length of one decision of a service, if it has appended that and more behind `version`, the one that the stream had when the call
    began: the same again, or what is decided on the state that follows, as by a retry on an aggregate that holds the first try already.
    Otherwise 0; whoever was overtaken has decided on something else."""
    if prepared.source != SERVICE or prepared.seen != version or len(prepared.events) < 2 or state is UNKNOWN:
        return 0
    shown = tuple([event.data for event in prepared.events])
    try:
        decided = tuple(application.decide(prepared.command, state))
        whole = len(decided)
        if not 0 < whole < len(shown) or not as_recorded(shown[:whole], decided):
            return 0
        if as_recorded(shown[whole:], decided):
            return whole
        for event in decided:
            state = application.evolve(state, event)
        return whole if as_recorded(shown[whole:], tuple(application.decide(prepared.command, state))) else 0
    except Refusal:
        return 0
