"""Single writer: the events of an entity come from one writer at a time, and each one follows all events before it.

For every journal: epochs of accepted events never go back, each epoch belongs to one node, and event n was appended by a writer that had
seen events 1 to n-1. A writer may be refused only if a newer one has taken over. This is usually broken by two instances of one entity
after a split brain (catalogue: two-live-writers).
"""

from __future__ import annotations

from typing import Any

from refold.model.parts.claims.entity import Journaled, TookOver, WriterRefused
from refold.properties.property import Evidence, Finding, Handler, Property


class SingleWriter(Property):
    """For accepted events a directly before b: epoch(a) <= epoch(b) and version(b) == version(a) + 1; the first event has version 1. An
    event of the newest epoch comes from the node that owns this epoch and, once a takeover is known, no event comes from an epoch that
    nobody took. A node that takes over begins a newer epoch and has the whole journal in memory. The newest writer is never refused."""

    name = "single-writer"
    guarantee = "CAS"
    needs = "entity"
    clauses = {
        "versions": "accepted events have the versions 1, 2, 3, …: each one follows all events before it",
        "epochs": "an event is accepted only from the newest epoch, which is that of the last takeover or accepted event",
        "one node": "events of one epoch come from one node, the one that took it",
        "taken": "once a takeover is known, an event is accepted only from an epoch that somebody took",
        "new epoch": "a takeover begins an epoch that is newer than all earlier ones",
        "replayed": "a node that takes over has all accepted events in memory",
        "refused with cause": "a writer is refused only if an event or a takeover of a newer epoch came before",
    }

    def __init__(self) -> None:
        super().__init__()
        self.owner: tuple[int, TookOver] | None = None
        self.last: tuple[int, Journaled] | None = None
        self.high: tuple[int, Journaled] | None = None

    def handlers(self) -> dict[type, Handler]:
        """Owners, and what the journal answered."""
        return {TookOver: self.on_took_over, Journaled: self.on_journaled, WriterRefused: self.on_fenced}

    def newest(self) -> tuple[int, TookOver | Journaled] | None:
        """The record with the newest epoch: the last takeover, unless an event of a newer one was accepted."""
        owner, high = self.owner, self.high
        if owner is None or high is None:
            return owner or high
        return high if high[1].epoch > owner[1].epoch else owner

    def on_took_over(self, number: int, record: TookOver) -> Finding | None:
        """The newest writer has a newer epoch than all before, and knows the whole journal."""
        newest = self.newest()
        self.owner = (number, record)
        if newest is not None and record.epoch <= newest[1].epoch:
            return self.finding(
                "epoch-reused",
                record.node,
                number,
                clause="new epoch",
                expected=f"an epoch above {newest[1].epoch}",
                actual=record.epoch,
                evidence=[Evidence(*newest, "has its epoch"), Evidence(number, record, "has no newer one")],
            )
        version = 0 if self.last is None else self.last[1].version
        if record.version == version:
            return None
        return self.finding(
            "took-over-without-replay",
            record.node,
            number,
            clause="replayed",
            expected=version,
            actual=record.version,
            evidence=[Evidence(number, record, "starts from here")],
        )

    def on_journaled(self, number: int, record: Journaled) -> Finding | None:
        """On top of the last event, by the newest writer."""
        newest, last = self.newest(), self.last
        self.last = (number, record)
        if self.high is None or record.epoch >= self.high[1].epoch:
            self.high = self.last
        version = 1 if last is None else last[1].version + 1
        if record.version != version:
            return self.wrong("writers-interleave", "versions", number, record, last, version, record.version)
        if newest is None:
            return None
        epoch, node = newest[1].epoch, newest[1].node
        if record.epoch < epoch:
            expected, actual = f"a writer of epoch {epoch}", f"a writer of epoch {record.epoch}"
            return self.wrong("old-writer-accepted", "epochs", number, record, last, expected, actual)
        if record.epoch == epoch and record.node != node:
            expected, actual = f"{node}, the writer of epoch {epoch}", record.node
            return self.wrong("two-writers-of-one-epoch", "one node", number, record, last, expected, actual)
        if record.epoch > epoch and self.owner is not None:
            expected, actual = f"a writer of epoch {epoch}", f"a writer of epoch {record.epoch}, which nobody took"
            return self.wrong("unknown-writer-accepted", "taken", number, record, last, expected, actual)
        return None

    def wrong(
        self,
        anomaly: str,
        clause: str,
        number: int,
        record: Journaled,
        last: tuple[int, Journaled] | None,
        expected: Any,
        actual: Any,
    ) -> Finding:
        """The finding that this event should not have been accepted: whose the entity was, the event before, and this one."""
        evidence = [] if self.owner is None else [Evidence(*self.owner, "took the entity over")]
        if last is not None:
            evidence.append(Evidence(*last, "is the event before"))
        evidence.sort(key=lambda proof: proof.number)
        return self.finding(
            anomaly,
            record.node,
            number,
            clause=clause,
            expected=expected,
            actual=actual,
            evidence=[*evidence, Evidence(number, record, "was accepted")],
        )

    def on_fenced(self, number: int, record: WriterRefused) -> Finding | None:
        """There is a newer writer than the one that was refused."""
        newest = self.newest()
        if newest is not None and record.epoch < newest[1].epoch:
            return None
        evidence = [] if newest is None else [Evidence(*newest, "is the newest epoch")]
        return self.finding(
            "false-conflict",
            record.node,
            number,
            clause="refused with cause",
            expected="accepted: it is the newest writer",
            actual="refused",
            evidence=[*evidence, Evidence(number, record, "was refused all the same")],
        )
