"""Answers: what a consumer folds for somebody who asks is the state of the stream (A11, A12).

A read path that bypasses the subscription has its own decoder, and that is where it breaks: it lacks the upcaster that the other paths
use (catalogue: upcaster-shadowed).
"""

from __future__ import annotations

from typing import Any

import attrs

from refold.model.application import Application
from refold.model.parts.consuming.rebuild import StreamAnswered
from refold.model.record import Settled
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

PENDING = 64
"""Answers about events that are not visible yet, remembered until they are."""


class Answers(Property):
    """For every answer about stream s at version v: state == fold(s[:v]), and at least v events of s are visible when everything is at
    rest.

    An answer may include events that readers of the whole log cannot see yet, so it is judged when everything is at rest.
    """

    name = "answers"
    guarantee = "REPL"
    clauses = {
        "state is the fold": "an answer about a stream at version v is the fold of the first v events of the stream",
        "not from the future": "an answer covers no more events of a stream than are visible when everything is at rest",
    }
    needs_application = True
    judges = (StreamAnswered,)

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        self.decider = application
        self.oracle = oracle
        self.position = 0
        oracle.before_forgetting(self.catch_up)
        self.states: dict[str, tuple[int, Any]] = {}
        self.hidden: list[tuple[int, StreamAnswered]] = []
        self.window = oracle.window(
            REMEMBERED,
            "answers about streams as they were before their newest event, if events older than the newest {size} are needed",
        )
        self.pending = oracle.window(
            PENDING, "answers about events that are not visible yet, but for the newest {size}"
        )
        self.windows = (self.window, self.pending)

    def handlers(self) -> dict[type, Handler]:
        """Answers; the end, for those about what a slow append was hiding."""
        return {StreamAnswered: self.on_answered, Settled: self.on_settled}

    def on_answered(self, number: int, record: StreamAnswered) -> Finding | None:
        """The state is the fold of so many events of the stream, if they are visible."""
        self.catch_up()
        if record.version > self.states.get(record.stream, (0, None))[0]:
            self.hidden.append((number, record))
            if len(self.hidden) > self.pending.size:
                self.pending.miss()
                del self.hidden[0]
            return None
        return self.compare(number, record)

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """By now everything that was committed is visible."""
        if not self.hidden:
            return None
        self.catch_up()
        hidden, self.hidden = self.hidden, []
        found = next((finding for early in hidden if (finding := self.late(*early)) is not None), None)
        return None if found is None else attrs.evolve(found, number=number)

    def late(self, number: int, record: StreamAnswered) -> Finding | None:
        """Judge an answer about events that were hidden."""
        there = self.states.get(record.stream, (0, None))[0]
        if record.version <= there:
            return self.compare(number, record)
        return self.finding(
            "answer-from-the-future",
            record.stream,
            number,
            clause="not from the future",
            guarantee="READ",
            expected=f"at most version {there}",
            actual=f"version {record.version}",
            evidence=[Evidence(number, record, "tells of it")],
        )

    def compare(self, number: int, record: StreamAnswered) -> Finding | None:
        """The answer is the fold."""
        known = self.state(record.stream, record.version)
        if known is None or self.same(record.state, known[0]):
            return None
        return self.finding(
            "answer-differs",
            record.consumer,
            number,
            clause="state is the fold",
            expected=known[0],
            actual=record.state,
            evidence=[Evidence(number, record, f"is the answer about {record.stream} at version {record.version}")],
        )

    def state(self, stream: str, version: int) -> tuple[Any] | None:
        """The state of `stream` at `version`: kept if it is the newest, folded anew if it is older; None if its events are forgotten."""
        newest, state = self.states.get(stream, (0, None))
        if newest and version == newest:
            return (state,)
        state = self.decider.initial(stream)
        if newest and version > 0:
            if self.oracle.low:
                self.window.miss()
                return None
            for event in self.oracle.between(0, self.oracle.tail):
                if event.stream == stream and event.version <= version:
                    state = self.decider.evolve(state, event.data)
        return (state,)

    def catch_up(self) -> None:
        """Fold what has become visible."""
        oracle, decider = self.oracle, self.decider
        for event in oracle.between(self.position, oracle.tail):
            state = self.states[event.stream][1] if event.stream in self.states else decider.initial(event.stream)
            self.states[event.stream] = (event.version, decider.evolve(state, event.data))
            self.position = event.position
