"""Broken logs: append, read, durability (LOG)."""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.event import Stored
from refold.model.log import Appended, AppendRequest, Conflict, Log
from refold.systems.broken.registry import broken


@broken(
    "ack-before-fsync",
    "log",
    guarantee="LOG",
    reference="Jepsen NATS 2.12.1; nats-server#7564; SQLite documentation (WAL with synchronous=NORMAL)",
    fix="sync before the acknowledgement, or a quorum of replicas, or document the window",
)
class AckBeforeFsync(Log):
    """Acknowledges what is only in the page cache. A power cut loses appends that clients were told are safe."""

    def sync(self) -> None:
        """Leaves it to the operating system, which writes back when it pleases."""


@broken(
    "partial-batch-append",
    "log",
    guarantee="LOG",
    reference="perokvist/Dapr.EventStore#1; rails_event_store#148; Pekko TCK AtomicWrite",
    fix="one transaction, or a commit marker that recovery insists on",
)
class PartialBatchAppend(Log):
    """Stores the events of a batch one by one. A crash in between leaves half a batch, which no decision ever produced."""

    def write(self, batch: Sequence[Stored]) -> None:
        """Every event is its own little batch."""
        for event in batch:
            self.durable()
            self.put((event,))


@broken(
    "memory-log-lost-on-kill",
    "log",
    guarantee="LOG",
    reference="Redis default persistence; Jepsen Redis-Raft (background)",
    fix="write every append to the file before its acknowledgement (appendonly yes, appendfsync always)",
)
class MemoryLogLostOnKill(Log):
    """Keeps the log in memory and saves it to disk every few minutes. If the process is killed, all appends since the last save are
    lost."""

    def crash(self) -> None:
        """The few minutes were not over yet."""
        super().crash()
        self.forget(list(self.entries))


@broken(
    "torn-tail-aborts-replay",
    "log",
    guarantee="LOG/REPL",
    reference="samyama-graph#1335; albe/node-event-storage#151; KurrentDB#3452",
    fix="a checksum per record; recovery stops at the torn record and cuts it off",
)
class TornTailAbortsReplay(Log):
    """Gives up on the whole file when it finds half a record at the end. Everything before it is intact, but is lost too."""

    def meet_torn_record(self) -> None:
        """An error in the file: begin with an empty log."""
        super().meet_torn_record()
        self.forget(list(self.entries))


@broken(
    "conflict-swallowed",
    "log",
    guarantee="CAS/LOG",
    reference="Eventuous#553, PR#582",
    fix="lock the stream's row, count the rows that were inserted, raise on fewer",
)
class ConflictSwallowed(Log):
    """Inserts with ON CONFLICT DO NOTHING and does not count the rows. The loser of a race is told that its events are stored."""

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """No error means success."""
        outcome = super().append(request)
        return Appended(()) if isinstance(outcome, Conflict) else outcome
