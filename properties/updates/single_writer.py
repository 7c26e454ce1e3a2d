"""Single writer: the events of an entity come from one writer at a time, each on top of all events before it.

For every journal: epochs of accepted events never go back, and event n was appended by a writer that had seen events 1 to n-1. A
writer may be refused only if a newer one has taken over. Usually broken by two instances of one entity after a split brain (catalogue:
two-live-writers).
"""

from __future__ import annotations

from refold.model.parts.claims.entity import Journaled, TookOver, WriterRefused
from refold.properties.property import Evidence, Finding, Handler, Property


class SingleWriter(Property):
    """For accepted events a before b: epoch(a) <= epoch(b) and version(b) == version(a) + 1; the newest writer is never refused."""

    name = "single-writer"
    guarantee = "CAS"
    needs = "entity"

    def __init__(self) -> None:
        super().__init__()
        self.owner: tuple[int, TookOver] | None = None
        self.last: tuple[int, Journaled] | None = None

    def handlers(self) -> dict[type, Handler]:
        """Owners, and what the journal answered."""
        return {TookOver: self.on_took_over, Journaled: self.on_journaled, WriterRefused: self.on_fenced}

    def on_took_over(self, number: int, record: TookOver) -> Finding | None:
        """The newest writer, who must know the whole journal."""
        self.owner = (number, record)
        version = 0 if self.last is None else self.last[1].version
        if record.version == version:
            return None
        return self.finding(
            "took-over-without-replay",
            record.node,
            number,
            expected=version,
            actual=record.version,
            evidence=[Evidence(number, record, "starts from here")],
        )

    def on_journaled(self, number: int, record: Journaled) -> Finding | None:
        """On top of the last event, by the newest writer."""
        last, self.last = self.last, (number, record)
        evidence = [] if self.owner is None else [Evidence(*self.owner, "took the entity over")]
        if last is not None:
            evidence.append(Evidence(*last, "is the event before"))
        evidence.sort(key=lambda proof: proof.number)
        evidence.append(Evidence(number, record, "was accepted"))
        version = 1 if last is None else last[1].version + 1
        if record.version != version:
            return self.finding(
                "writers-interleave", record.node, number, expected=version, actual=record.version, evidence=evidence
            )
        if self.owner is not None and record.epoch < self.owner[1].epoch:
            return self.finding(
                "old-writer-accepted",
                record.node,
                number,
                expected=f"a writer of epoch {self.owner[1].epoch}",
                actual=f"a writer of epoch {record.epoch}",
                evidence=evidence,
            )
        return None

    def on_fenced(self, number: int, record: WriterRefused) -> Finding | None:
        """Only an old writer may be refused."""
        if self.owner is None or record.epoch < self.owner[1].epoch:
            return None
        return self.finding(
            "false-conflict",
            record.node,
            number,
            expected="accepted: it is the newest writer",
            actual="refused",
            evidence=[
                Evidence(*self.owner, "took the entity over"),
                Evidence(number, record, "was refused all the same"),
            ],
        )
