"""Correct logs: other ways to keep readers from passing a position that is not visible yet, and writers from passing each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from refold.model.event import Stored
from refold.model.log import Appended, AppendRequest, Conflict, Log
from refold.systems.variants.registry import variant


@variant("serial-log", "log", fixes=("seq-gap-commit-order", "permanent-gap-stall", "duplicate-global-position"))
class SerialLog(Log):
    """Takes positions at the commit, one commit at a time, as behind an exclusive lock or with a counter row. There are no gaps."""

    def begin(self, request: AppendRequest) -> tuple[int, ...] | Appended | Conflict:
        """Checks; takes nothing."""
        known = self.recognise(request)
        if known is not None:
            return known
        conflict = self.check(request)
        if conflict is not None:
            return conflict
        self.open[request.op] = (request, ())
        return ()

    def commit(self, op: str) -> Appended | Conflict:
        """Takes positions, now that nothing can come in between."""
        return self.append(self.open.pop(op)[0])

    def horizon(self) -> int:
        """Open appends have no place that anybody could pass."""
        return self.next_position


@variant("gap-aware-token", "log", fixes=("seq-gap-commit-order", "gap-skip-over-live-tx", "permanent-gap-stall"))
class GapAwareToken(Log):
    """Readers look at every gap and ask whether its transaction is alive: then they wait, else they skip it."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """Up to the first gap that is alive."""
        taken = {event.position for _, batch in self.open.values() for event in batch}
        page: list[Stored] = []
        for event in self.entries[self.index(after) :][:limit]:
            if any(gap in taken for gap in range(after + 1, event.position)):
                break
            page.append(event)
            after = event.position
        return page


@variant("gap-tombstones", "log", fixes=("seq-gap-commit-order", "permanent-gap-stall"))
class GapTombstones(Log):
    """Fills the positions of every append that came to nothing with a tombstone, after a crash too. Readers wait at every gap."""

    def __init__(self) -> None:
        super().__init__()
        self.tombstones: set[int] = set()

    def commit(self, op: str) -> Appended | Conflict:
        """Positions that were not used after all are dead."""
        _, batch = self.open[op]
        try:
            return super().commit(op)
        finally:
            self.bury(event.position for event in batch)

    def abort(self, op: str) -> None:
        """So are these."""
        if op in self.open:
            self.bury(event.position for event in self.open[op][1])
        super().abort(op)

    def restart(self) -> None:
        """And all that were taken when the log died."""
        super().restart()
        self.bury(range(1, self.next_position))

    def undo(self, batch: Sequence[Stored]) -> None:
        """And those of an append under which the disk failed."""
        super().undo(batch)
        self.bury(event.position for event in batch)

    def bury(self, positions: Iterable[int]) -> None:
        """A tombstone at each of these positions that holds no event."""
        self.tombstones.update(positions)
        self.tombstones.difference_update(event.position for event in self.entries)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """Up to the first position that is neither filled nor dead."""
        page: list[Stored] = []
        for event in self.entries[self.index(after) :][:limit]:
            if not self.tombstones.issuperset(range(after + 1, event.position)):
                break
            page.append(event)
            after = event.position
        return page


@variant("xmin-bounded-wait", "log", fixes=("seq-gap-commit-order", "xmin-horizon-stall"))
class XminBoundedWait(Log):
    """Shows only what is older than every open transaction, idle ones included, and ends those that have kept readers waiting for too
    long (an idle-in-transaction time-out)."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """Waits, but not for ever."""
        xmin = min(self.sessions.values(), default=self.next_position)
        return [event for event in super().read(after, limit) if event.position < xmin]

    def time_out(self) -> None:
        """The time-out."""
        self.sessions.clear()


@variant("unique-stream-version", "log", fixes=("check-then-append", "first-append-race"))
class UniqueStreamVersion(Log):
    """Checks when an append begins, and leaves the race to a unique index on (stream, version): the second to commit is refused."""

    def recheck(self, request: AppendRequest, batch: Sequence[Stored]) -> Conflict | None:
        """The index knows nothing but versions; an append without expectation takes new ones."""
        found = self.version(request.stream)
        if found + 1 == batch[0].version or request.expected.holds(found):
            return None
        return Conflict(found)
