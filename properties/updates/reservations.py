"""Reservations: one hold on a key at a time, counted only while it lasts, and none left over at rest.

A hold outlives the process that took it, so something else has to end it. This is usually broken by taking a hold in one step and relying
on a later step to release it (catalogue: reservation-leak).
"""

from __future__ import annotations

from refold.model.parts.claims.reservation import HoldDenied, HoldEnded, HoldsAtRest, HoldTaken
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

REMEMBERED = 4_096
"""Holds whose numbers are remembered."""


class Reservations(Property):
    """For every key: a hold is taken only while there is no other, and denied only while there is one. No other hold has the same number.
    A hold ends once, when it is confirmed, cancelled or swept; it is swept only when its time is up. At rest there are no holds."""

    name = "reservations"
    guarantee = "CAS"
    needs = "reservation"
    judges = (HoldTaken,)
    clauses = {
        "one hold": "a hold on a key is taken only while there is no other",
        "own number": "no two holds have the same number",
        "ends once": "only the hold in force is confirmed, cancelled or swept",
        "time": "a hold is swept only when its time is up",
        "denied with cause": "a hold is denied only while there is one on the key",
        "none left": "at rest nothing is on hold",
        "none vanished": "a hold that is gone at rest was confirmed, cancelled or swept",
    }

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.window = oracle.window(REMEMBERED, "whether holds have the numbers of holds older than the newest {size}")
        self.windows = (self.window,)
        self.holds: dict[str, tuple[int, HoldTaken]] = {}
        self.numbers: dict[int, tuple[int, HoldTaken]] = {}

    def handlers(self) -> dict[type, Handler]:
        """The life of holds."""
        return {
            HoldDenied: self.on_denied,
            HoldTaken: self.on_taken,
            HoldEnded: self.on_ended,
            HoldsAtRest: self.on_rest,
        }

    def on_taken(self, number: int, record: HoldTaken) -> Finding | None:
        """Nothing was on hold under this key, and no hold had this number."""
        before = self.holds.get(record.key)
        self.holds[record.key] = (number, record)
        used = self.numbers.get(record.hold)
        self.numbers[record.hold] = (number, record)
        if len(self.numbers) >= self.window.full:
            self.window.trim(self.numbers)
        if before is None and used is not None:
            return self.finding(
                "hold-number-reused",
                record.key,
                number,
                clause="own number",
                expected="a number of its own",
                actual=record.hold,
                evidence=[Evidence(*used, "had it before"), Evidence(number, record, "has it again")],
            )
        if before is None:
            return None
        return self.finding(
            "reserved-twice",
            record.key,
            number,
            clause="one hold",
            expected=f"refused: on hold for {before[1].client}",
            actual=f"on hold for {record.client} too",
            evidence=[Evidence(*before, "has not ended"), Evidence(number, record, "was taken all the same")],
        )

    def on_ended(self, number: int, record: HoldEnded) -> Finding | None:
        """This very hold was in force, and its time was up if it was swept."""
        before = self.holds.get(record.key)
        if before is None or before[1].hold != record.hold:
            evidence = [] if before is None else [Evidence(*before, "is the hold in force")]
            return self.finding(
                "ended-hold-counted",
                record.key,
                number,
                clause="ends once",
                expected=f"refused: hold {record.hold} is over",
                actual=record.how,
                evidence=[*evidence, Evidence(number, record, "is of a hold that was over")],
            )
        del self.holds[record.key]
        if record.how != "expired" or record.at >= before[1].until:
            return None
        return self.finding(
            "hold-swept-early",
            record.key,
            number,
            clause="time",
            expected=f"kept until {before[1].until}",
            actual=f"swept at {record.at}",
            evidence=[Evidence(*before, "had time left"), Evidence(number, record, "ended it")],
        )

    def on_denied(self, number: int, record: HoldDenied) -> Finding | None:
        """Only what is on hold is denied."""
        if record.key in self.holds:
            return None
        return self.finding(
            "hold-denied-without-cause",
            record.key,
            number,
            clause="denied with cause",
            expected="on hold for whoever asks: it is free",
            actual="denied",
            evidence=[Evidence(number, record, "was denied all the same")],
        )

    def on_rest(self, number: int, record: HoldsAtRest) -> Finding | None:
        """Nothing is on hold, and nothing has come off hold by itself."""
        for key, hold in record.holds.items():
            before = self.holds.get(key)
            return self.finding(
                "reservation-leaked",
                key,
                number,
                clause="none left",
                guarantee="LIVE",
                expected="free, once nobody will confirm any more",
                actual=f"still on hold under number {hold}",
                evidence=[
                    *([] if before is None else [Evidence(*before, "was never confirmed, cancelled or swept")]),
                    Evidence(number, record, "shows what is on hold at rest"),
                ],
            )
        for key, before in self.holds.items():
            return self.finding(
                "hold-vanished",
                key,
                number,
                clause="none vanished",
                expected=f"hold {before[1].hold} confirmed, cancelled or swept",
                actual="gone",
                evidence=[Evidence(*before, "was never ended"), Evidence(number, record, "shows nothing on hold")],
            )
        return None
