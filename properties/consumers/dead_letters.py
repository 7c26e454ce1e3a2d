"""Dead letters: what a consumer puts aside is written down, and stays there until it is handled (A9).

This is usually broken by skipping an event without writing its dead letter (catalogue: dead-letter-lost), which `checkpoints` sees as a
checkpoint ahead of the effects, and by a queue that loses dead letters, which only this property sees.
"""

from __future__ import annotations

from refold.model.parts.consuming.dead_letters import DeadLetters, Parked
from refold.model.record import Failed
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

REMEMBERED = 4_096
"""Failures that are remembered as a reason to park an event."""


class DeadLetterKeeping(Property):
    """For every consumer that takes part: it parks an event only if the event is in the log, has not been handled, and either its handler
    failed on it or a predecessor in its stream is parked. The dead letters that the consumer shows are the events that it parked and has
    not handled since, each exactly once.

    This property is kept, although no broken system is convicted by its dead letters alone, because a parked event whose dead letter is
    lost is lost for good.
    """

    name = "dead-letters"
    guarantee = "CKPT"
    clauses = {
        "parked for a cause": "an event is parked only if it is in the log, and its handler failed on it or a predecessor in its "
        "stream is parked",
        "not handled before": "an event that was handled is not parked",
        "none is lost": "every event that was parked and not handled since is among the dead letters that are shown",
        "none stays": "a dead letter that is shown is an event that was parked and not handled since, and is shown once",
    }
    judges = (Parked,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.window = oracle.window(
            REMEMBERED, "whether events were put aside for failures older than the newest {size}"
        )
        self.windows = (self.window,)
        self.failed: dict[tuple[str, int], None] = {}

    def handlers(self) -> dict[type, Handler]:
        """What is there at rest; what was parked is in the oracle."""
        return {Failed: self.on_failed, Parked: self.on_parked, DeadLetters: self.on_dead_letters}

    def on_failed(self, number: int, record: Failed) -> None:
        """A reason to park it."""
        self.failed[record.consumer, record.position] = None
        if len(self.failed) >= self.window.full:
            self.window.trim(self.failed)

    def on_parked(self, number: int, record: Parked) -> Finding | None:
        """Its handler failed, or a predecessor of its stream is parked; and it is not handled."""
        progress = self.oracle.consumers.get(record.consumer)
        if progress is None:
            return None
        position = record.position
        parked = progress.parked
        event = self.oracle.events.get(position)
        if self.oracle.nowhere(position):
            return self.uncalled("parked for a cause", number, record, "nothing: there is no such event")
        done = position <= progress.contiguous or position in progress.beyond
        if done and position not in parked:
            return self.uncalled("not handled before", number, record, "left as it is: it is handled")
        stream = record.stream if event is None else event.stream
        failed = (record.consumer, position) in self.failed
        if failed or any(before < position and name == stream for before, name in parked.items()):
            return None
        if self.window.dropped:
            return None
        return self.uncalled(
            "parked for a cause", number, record, "handled: its handler has not failed, and no predecessor is parked"
        )

    def uncalled(self, clause: str, number: int, record: Parked, expected: str) -> Finding:
        """There was no reason to put the event aside."""
        return self.finding(
            "parked-without-cause",
            record.consumer,
            number,
            clause=clause,
            guarantee="LIVE",
            position=record.position,
            expected=expected,
            actual="put aside",
            evidence=[Evidence(number, record, "was put aside all the same")],
        )

    def on_dead_letters(self, number: int, record: DeadLetters) -> Finding | None:
        """The dead letters are what is parked, each event once."""
        progress = self.oracle.consumers.get(record.consumer)
        if progress is None or sorted(progress.parked) == sorted(record.positions):
            return None
        oracle = self.oracle
        lost = {p for p in set(progress.parked) - set(record.positions) if p > progress.rebuilt}
        more = [p for p in record.positions if p not in progress.parked or record.positions.count(p) > 1]
        if not lost and not more:
            return None
        wrong = min(lost or more)
        evidence = (
            [Evidence(oracle.numbers[wrong], oracle.events[wrong], "is the event")] if wrong in oracle.events else []
        )
        return self.finding(
            "dead-letter-lost" if lost else "dead-letter-handled-twice",
            record.consumer,
            number,
            clause="none is lost" if lost else "none stays",
            position=wrong,
            expected=tuple(sorted(progress.parked)),
            actual=record.positions,
            evidence=[*evidence, Evidence(number, record, "are the dead letters at rest")],
        )
