"""Dead letters: what a consumer puts aside is written down, and stays there until it is handled (A9).

Usually broken by a skip whose dead letter was never written (catalogue: dead-letter-lost), which `checkpoints` sees as a checkpoint
ahead of the effects, and by a queue that loses what it was given, which only this property sees.
"""

from __future__ import annotations

from refold.model.parking import DeadLetters
from refold.properties.property import Evidence, Finding, Handler, Property
from refold.properties.truth import Truth


class Letters(Property):
    """For every consumer at rest: its dead letters are exactly the events that it parked and has not handled since.

    Kept although no broken system loses only a letter so far: a parked event whose letter is lost is lost for good.
    """

    name = "letters"
    guarantee = "CKPT"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self.truth = truth

    def handlers(self) -> dict[type, Handler]:
        """What is there at rest; what was parked is in the truth."""
        return {DeadLetters: self.on_letters}

    def on_letters(self, number: int, record: DeadLetters) -> Finding | None:
        """Compare."""
        progress = self.truth.consumers.get(record.consumer)
        if progress is None or set(progress.parked) == set(record.positions):
            return None
        truth = self.truth
        wrong = min(set(progress.parked) ^ set(record.positions))
        evidence = (
            [Evidence(truth.numbers[wrong], truth.events[wrong], "is the event")] if wrong in truth.events else []
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
