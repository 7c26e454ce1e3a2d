"""Answers: what a consumer folds for somebody who asks is the state of the stream (A11, A12).

A read path beside the subscription has a decoder of its own, and that is where it breaks: it misses the upcaster that
the others use (catalogue: upcaster-shadowed).
"""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.parts.consuming.rebuild import StreamAnswered
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Answers(Property):
    """For every answer about stream s at version v: state == fold(s[:v]). Streams are folded together, each event once."""

    name = "answers"
    guarantee = "REPL"
    needs_application = True

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        self.decider = application
        self.oracle = oracle
        self.position = 0
        oracle.forgetting.append(self.catch_up)
        self.states: dict[str, tuple[int, Any]] = {}

    def handlers(self) -> dict[type, Handler]:
        """One record."""
        return {StreamAnswered: self.on_answered}

    def on_answered(self, number: int, record: StreamAnswered) -> Finding | None:
        """Fold up to the tail and compare; what is not visible yet, or no longer the newest version, is not judged."""
        self.catch_up()
        version, expected = self.states.get(record.stream, (0, self.decider.initial(record.stream)))
        if version != record.version or self.same(record.state, expected):
            return None
        return self.finding(
            "answer-differs",
            record.consumer,
            number,
            expected=expected,
            actual=record.state,
            evidence=[Evidence(number, record, f"is the answer about {record.stream} at version {version}")],
        )

    def catch_up(self) -> None:
        """Fold what has become visible."""
        oracle, decider = self.oracle, self.decider
        for event in oracle.between(self.position, oracle.tail):
            state = self.states[event.stream][1] if event.stream in self.states else decider.initial(event.stream)
            self.states[event.stream] = (event.version, decider.evolve(state, event.data))
            self.position = event.position
