"""Broken logs: what they make of a disk that fails (LOG)."""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.event import Stored
from refold.model.log import DiskFailure, Log
from refold.systems.broken.registry import broken


@broken(
    "fsync-error-retried",
    "log",
    guarantee="LOG",
    reference="PostgreSQL “fsyncgate” (danluu.com/fsyncgate, 2018); acid-state#175; beanstalkd#477; Rebello et al., USENIX ATC 2020",
    fix="after a failed fsync write everything anew, or stop and recover; never call fsync again and believe it",
)
class FsyncErrorRetried(Log):
    """Calls fsync again after it has failed. The operating system has discarded the pages and reports success, so a power cut loses what
    was acknowledged."""

    def sync(self) -> None:
        """Until it works."""
        try:
            super().sync()
        except DiskFailure:
            self.sync()


@broken(
    "short-write-acknowledged",
    "log",
    guarantee="LOG",
    reference="BrainyBlaze/desk#65; acid-state#175",
    fix="compare what write() returns with what it was given, and cut off what is there in part",
)
class ShortWriteAcknowledged(Log):
    """Does not check how many bytes write() has written. Half a record is on the disk, but the append is acknowledged; the next start
    finds the half record and cuts it off."""

    halves: Sequence[Stored] = ()

    def write(self, batch: Sequence[Stored]) -> None:
        """Goes on after a short write; an error is an error."""
        try:
            super().write(batch)
        except DiskFailure as failure:
            if failure.how != "short":
                raise
            self.halves = (*self.halves, *batch)
            self.put(batch)

    def meet_torn_record(self) -> None:
        """What was whole in memory only."""
        super().meet_torn_record()
        lost = [event for event in self.halves if event.id in self.positions]
        behind = [event for event in self.entries if lost and event.position >= lost[0].position]
        self.halves = ()
        self.forget(behind)


@broken(
    "append-behind-a-hole",
    "log",
    guarantee="LOG",
    reference="HarperFast/rocksdb-js#748; prometheus#13027; timeplus-io/proton PR#1229",
    fix="truncate the file to the last whole record when an append fails, before the next one",
)
class AppendBehindAHole(Log):
    """Tells the client that the write has failed, leaves half a record in the file, and appends the next record after it. The next start
    reads up to the half record and drops everything after it, although it was acknowledged."""

    hole: int | None = None

    def undo(self, batch: Sequence[Stored]) -> None:
        """Leaves the half where it is."""
        half = self.torn
        super().undo(batch)
        if half and self.hole is None:
            self.hole, self.torn = len(self.entries), half

    def meet_torn_record(self) -> None:
        """Reading stops there."""
        super().meet_torn_record()
        if self.hole is not None:
            self.forget(self.entries[self.hole :])
        self.hole = None
