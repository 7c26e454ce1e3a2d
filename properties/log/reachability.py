"""Reachability: what the log has accepted, a reader of the whole log gets to see (A13, the log's side of it).

Nothing that another process does or fails to do may hide committed events from readers for ever. This is usually broken by readers that
wait for a position that will never be filled (catalogue: permanent-gap-stall), and by readers that wait for an unrelated transaction that
never ends (xmin-horizon-stall). The streams can still be read, which shows that nothing was lost.
"""

from __future__ import annotations

from refold.model.event import Stored
from refold.model.record import Settled, StreamScanned
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property
from refold.properties.removed import Removed


class Reachability(Property):
    """For every stream s that is read: a reader of s finds the versions 1, 2, 3, …, except for removed events. A reader of the whole log
    has seen all of them and, once the run has settled, no other events of s.

    This property is kept, although `durability` also treats an acknowledged event that cannot be read as lost, because only this property
    says where readers stall.
    """

    name = "reachability"
    guarantee = "LIVE"
    judges = (Stored,)
    clauses = {
        "numbered": "a reader of a stream finds the versions 1, 2, 3, … in this order",
        "seen": "a reader of the whole log has seen every event that a reader of a stream finds",
        "found": "once the run has settled, a reader of a stream finds every event of it that a reader of the whole log has seen",
    }

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.numbers: tuple[int, ...] = ()
        self.short: dict[str, tuple[int, StreamScanned, int]] = {}
        """Streams in which fewer events were found than readers of the whole log had seen by then: so many."""

    def handlers(self) -> dict[type, Handler]:
        """Streams that were read whole, and the end, when what was lost altogether is known."""
        return {StreamScanned: self.on_scanned, Settled: self.on_settled}

    def on_scanned(self, number: int, record: StreamScanned) -> Finding | None:
        """No version is missing below the last one, and none is new to a reader of the whole log."""
        versions = record.versions
        visible = self.oracle.versions.get(record.stream, 0)
        removed = self.oracle.removed
        if removed is not None:
            versions = self.with_removed(record, removed)
        if versions and versions[-1] > visible:
            return self.finding(
                "never-becomes-visible",
                record.stream,
                number,
                clause="seen",
                expected=f"{record.stream} up to version {versions[-1]} visible to readers of the log",
                actual=f"up to version {visible}",
                evidence=[Evidence(number, record, "is what the stream holds")],
            )
        if len(versions) < visible:
            self.short[record.stream] = (number, record, visible)
        else:
            self.short.pop(record.stream, None)
        if versions != self.numbered(len(versions)):
            cause = removed.fresh if removed is not None and len({*versions}) < max(versions) else None
            return self.finding(
                "version-gap" if cause is None else "removal-takes-more",
                record.stream,
                number,
                clause="numbered",
                guarantee="LOG",
                expected=self.numbered(len(versions)),
                actual=versions,
                evidence=[
                    *([] if cause is None else [Evidence(*cause, "does not name what is missing")]),
                    Evidence(number, record, "is what the stream holds"),
                ],
            )
        return None

    def with_removed(self, record: StreamScanned, removed: Removed) -> tuple[int, ...]:
        """The versions that the read found, behind those that a removal has taken, or may have taken; what of these is still there is for
        `removals` to judge."""
        stream, versions = record.stream, record.versions
        last = removed.last_doubted(stream)
        if removed.vague and versions:
            last = max(last, min(versions) - 1)
        return (*self.numbered(last), *[version for version in versions if version > last])

    def numbered(self, count: int) -> tuple[int, ...]:
        """The versions 1, 2, 3, … of a stream with so many events."""
        if count > len(self.numbers):
            self.numbers = tuple(range(1, 2 * count + 1))
        return self.numbers[:count]

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """No stream is shorter, when it was read last, than what readers of the whole log had seen of it by then, but for what was removed
        since."""
        removed = self.oracle.removed
        for stream, (scanned, found, visible) in self.short.items():
            if removed is not None and len(self.with_removed(found, removed)) >= visible:
                continue
            return self.finding(
                "stream-misses-events",
                stream,
                number,
                clause="found",
                guarantee="LOG",
                expected=self.oracle.versions[stream],
                actual=len(found.versions),
                evidence=[Evidence(scanned, found, "is what the stream holds")],
            )
        return None
