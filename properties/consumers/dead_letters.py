"""Dead letters: what a consumer puts aside is written down, and stays there until it is handled (A9).

Usually broken by a skip whose dead letter was never written (catalogue: dead-letter-lost), which `checkpoints` sees as a checkpoint
ahead of the effects, and by a queue that loses what it was given, which only this property sees.
"""

from __future__ import annotations

from refold.model.parts.consuming.dead_letters import DeadLetters, Parked
from refold.model.record import Failed
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

REMEMBERED = 4_096
"""Failures that are remembered as a reason to park an event."""


class Letters(Property):
    """For every consumer: it parks an event only if its handler failed, or if a predecessor in its stream is parked; and at rest its dead
    letters are exactly the events that it parked and has not handled since.

    Kept although no broken system of the catalogue shows in its dead letters alone: a parked event whose letter is lost is lost for good.
    """

    name = "letters"
    guarantee = "CKPT"
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
        """What is there at rest; what was parked is in the truth."""
        return {Failed: self.on_failed, Parked: self.on_parked, DeadLetters: self.on_letters}

    def on_failed(self, number: int, record: Failed) -> None:
        """A reason to park it."""
        self.failed[record.consumer, record.position] = None
        if len(self.failed) >= self.window.full:
            self.window.trim(self.failed)

    def on_parked(self, number: int, record: Parked) -> Finding | None:
        """Its handler failed, or a predecessor of its stream is parked."""
        progress = self.oracle.consumers.get(record.consumer)
        parked = () if progress is None else [p for p, stream in progress.parked.items() if stream == record.stream]
        if (record.consumer, record.position) in self.failed or any(before < record.position for before in parked):
            return None
        if self.window.dropped:
            return None
        return self.finding(
            "parked-without-cause",
            record.consumer,
            number,
            guarantee="LIVE",
            position=record.position,
            expected="handled: its handler has not failed, and no predecessor is parked",
            actual="put aside",
            evidence=[Evidence(number, record, "was put aside all the same")],
        )

    def on_letters(self, number: int, record: DeadLetters) -> Finding | None:
        """Compare."""
        progress = self.oracle.consumers.get(record.consumer)
        if progress is None or set(progress.parked) == set(record.positions):
            return None
        oracle = self.oracle
        wrong = min(set(progress.parked) ^ set(record.positions))
        evidence = (
            [Evidence(oracle.numbers[wrong], oracle.events[wrong], "is the event")] if wrong in oracle.events else []
        )
        return self.finding(
            "dead-letter-lost" if wrong in progress.parked else "dead-letter-handled-twice",
            record.consumer,
            number,
            position=wrong,
            expected=tuple(sorted(progress.parked)),
            actual=record.positions,
            evidence=[*evidence, Evidence(number, record, "are the dead letters at rest")],
        )
