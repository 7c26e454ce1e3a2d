"""The log: an append-only sequence with conditional appends, atomic batches and slow transactions.

What a correct log guarantees (A1 to A8 of the catalogue): a batch is visible whole or not at all; versions in a stream are
gapless; nothing becomes visible below a position that was readable before; an acknowledged append survives every crash
and power cut; a conditional append happens only if its expectation holds at its own place; an event id is stored once.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from operator import attrgetter

from refold.model.declarations.append import Appended as Appended
from refold.model.declarations.append import AppendRequest as AppendRequest
from refold.model.declarations.append import Conflict as Conflict
from refold.model.declarations.ports import Readable
from refold.model.errors import OutcomeUnknown
from refold.model.event import Stored
from refold.model.expectation import NoMatch
from refold.model.process import Process
from refold.model.record import Record

_position = attrgetter("position")
NO_EVENTS: list[Stored] = []


def pages(log: Readable, after: int, limit: int) -> Iterator[Sequence[Stored]]:
    """Page after page from position `after` on, to the end of the log; a log that goes round in circles (it returns what was read
    before) ends there."""
    while page := log.read(after, limit):
        yield page
        if page[-1].position <= after:
            return
        after = page[-1].position


class DiskFailure(OutcomeUnknown):
    """The disk failed under an append, as `how` says. Nothing of it is visible; whether it is durable, nobody can tell."""

    def __init__(self, how: str) -> None:
        super().__init__(f"the disk failed under the append ({how})")
        self.how = how


class NothingAppended(Exception):
    """Nothing of an append was stored, and nothing of it will be, for another reason than its condition: the client learnt that its lease
    is over and did not send it, or the log said no. Who defines a no of its own says with `told` what a history holds of it."""

    def told(self, log: str) -> Record | None:
        """The record of what happened at the log of this name, if a history tells it."""


class Log(Process):
    """The reference log.

    Slow appends (`begin`, `commit`, `abort`) take their positions early. Readers stop below the lowest position of an
    open slow append, which is the fix for catalogue row `seq-gap-commit-order` (gap-aware reading). These attributes
    matter for durability:

    - `entries` is what was written.
    - `unsynced` are the batches in `entries` that a power cut may remove.
    - `sessions` are transactions that have taken no position and never will; they block nobody.
    - `torn` is what a crash during a write left at the end of the file.
    - `ailing` says how the disk will fail next ("" for a healthy disk).
    - `dropped` are batches whose sync failed: the operating system considers them written, shows them to readers, and
      never writes them again.
    """

    def __init__(self, name: str = "log") -> None:
        self.name = name
        self.entries: list[Stored] = []
        self.streams: dict[str, list[Stored]] = {}
        self.positions: dict[str, int] = {}
        self.unsynced: list[Sequence[Stored]] = []
        self.torn: Sequence[Stored] = ()
        self.ailing = ""
        self.dropped: list[Sequence[Stored]] = []
        self.open: dict[str, tuple[AppendRequest, tuple[Stored, ...]]] = {}
        self.sessions: dict[str, int] = {}
        self.next_position = 1
        self.dense = True

    # -- appending

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Check the expectation and store the batch in one atomic, durable step; a known event id returns the first answer."""
        known = self.recognise(request)
        if known is not None:
            return known
        conflict = self.check(request)
        if conflict is not None:
            return conflict
        batch = self.place(request)
        self.persist(batch)
        return Appended(tuple([event.position for event in batch]))

    def persist(self, batch: Sequence[Stored]) -> None:
        """Write and sync; if the disk fails, leave nothing behind and raise `DiskFailure`."""
        try:
            self.write(batch)
            self.sync()
        except DiskFailure:
            self.undo(batch)
            raise

    def recognise(self, request: AppendRequest) -> Appended | None:
        """The answer that this append was given earlier, if it was stored before. Deduplicating by event id in this way
        makes retries safe."""
        positions = self.positions
        if request.events[0].id in positions:
            return Appended(tuple(positions[event.id] for event in request.events if event.id in positions))
        return None

    def check(self, request: AppendRequest) -> Conflict | None:
        """Check whether the stream, or the set of events that the append selects by tags, is as the append expects.
        Returns a `Conflict` if it is not."""
        expected = request.expected
        if type(expected) is NoMatch:
            return self.match(expected, request.op)
        found = self.version(request.stream)
        return None if expected.holds(found) else Conflict(found)

    def match(self, condition: NoMatch, op: str) -> Conflict | None:
        """The conflict with the newest event that the condition excludes, if there is one. Events of slow appends count, because they
        already have their positions."""
        for other, (_, batch) in self.open.items():
            if other != op and any(self.excluded(condition, event) for event in batch):
                return Conflict(-1, f"a transaction of {other} is open")
        for event in reversed(self.entries):
            if event.position <= condition.after:
                break
            if self.excluded(condition, event):
                return Conflict(-1, f"event {event.position} matches")
        return None

    def excluded(self, condition: NoMatch, event: Stored) -> bool:
        """Whether the condition rules this event out."""
        return event.position > condition.after and condition.matches(event.type, event.tags)

    def version(self, stream: str) -> int:
        """The number of events in `stream`."""
        events = self.streams.get(stream)
        return len(events) if events is not None else 0

    def place(self, request: AppendRequest) -> tuple[Stored, ...]:
        """Take positions for the batch and return it with the positions and versions that it will have."""
        stream = request.stream
        version = self.version(stream)
        position = self.next_position
        batch = []
        for event in request.events:
            version += 1
            batch.append(Stored(position, stream, version, event.id, event.type, event.data, event.tags))
            position += 1
        self.next_position = position
        return tuple(batch)

    def write(self, batch: Sequence[Stored]) -> None:
        """Write the events and then the marker that makes them a batch; recovery drops events without a marker."""
        if self.fuse:
            for _ in batch:
                self.durable()
                self.torn = batch
            self.durable()
            self.torn = ()
        if self.ailing and self.ailing != "sync":
            how, self.ailing = self.ailing, ""
            self.torn = batch if how == "short" else ()
            raise DiskFailure(how)
        self.put(batch)

    def put(self, batch: Sequence[Stored]) -> None:
        """Make the batch part of the log, although a power cut may still remove it."""
        entries = self.entries
        for event in batch:
            if entries and event.position < entries[-1].position:
                bisect.insort(entries, event, key=_position)
            else:
                entries.append(event)
            stream = self.streams.get(event.stream)
            if stream is None:
                self.streams[event.stream] = [event]
            else:
                stream.append(event)
            self.positions[event.id] = event.position
        self.unsynced.append(batch)

    def sync(self) -> None:
        """Force everything that was written onto the disk. Only after this may an append be acknowledged."""
        if self.fuse:
            self.durable()
        if self.ailing == "sync":
            self.ailing = ""
            self.dropped.extend(self.unsynced)
            self.unsynced.clear()
            raise DiskFailure("sync")
        self.unsynced.clear()

    def undo(self, batch: Sequence[Stored]) -> None:
        """Cut off what an append has left at the end of the file, whether it was written partly or completely, so that
        the next append begins where this one did. The positions of this append are never used again, so readers see a
        gap."""
        self.torn = ()
        self.dense = False
        written = [other for other in self.dropped if any(other[0] is event for event in batch)]
        for part in reversed(written):
            self.forget(part)
        self.dropped = [other for other in self.dropped if not any(other is part for part in written)]

    # -- slow appends

    def begin(self, request: AppendRequest) -> tuple[int, ...] | Appended | Conflict:
        """Open a slow append. Returns the positions that it has taken, or at once the answer that `append` would give."""
        known = self.recognise(request)
        if known is not None:
            return known
        conflict = self.check(request)
        if conflict is not None:
            return conflict
        batch = self.place(request)
        self.open[request.op] = (request, batch)
        self.dense = False
        return tuple([event.position for event in batch])

    def commit(self, op: str) -> Appended | Conflict:
        """Make a slow append visible if its expectation still holds. If a retry of it was stored in the meantime,
        return the answer that the retry was given."""
        request, batch = self.open.pop(op)
        known = self.recognise(request)
        if known is not None:
            return known  # sent once more meanwhile, and stored
        conflict = self.recheck(request, batch)
        if conflict is not None:
            return conflict
        if self.version(request.stream) + 1 != batch[0].version:
            batch = self.place(request)
        self.persist(batch)
        return Appended(tuple([event.position for event in batch]))

    def recheck(self, request: AppendRequest, batch: Sequence[Stored]) -> Conflict | None:
        """Check the expectation again, now that the events are to be stored for good. If there is no expectation and
        the stream has grown, the events get new places."""
        return self.check(request)

    def abort(self, op: str) -> None:
        """Roll a slow append back. Its positions are never used again, so readers see a gap."""
        self.open.pop(op, None)

    # -- reading

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """At most `limit` visible events with positions greater than `after`, which is 0 or more, in the order of their positions."""
        entries = self.entries
        if not entries or entries[-1].position <= after:
            return NO_EVENTS
        if self.dense:
            return entries[after : after + limit]
        start = self.index(after)
        page = entries[start : start + limit]
        if page and self.open:
            horizon = self.horizon()
            if page[-1].position >= horizon:
                page = [event for event in page if event.position < horizon]
        return page

    def index(self, after: int) -> int:
        """The index of the first entry after position `after`. It is at most `after`, and at least `after` minus the number of gaps."""
        entries = self.entries
        if len(entries) > 1 and entries[-2].position <= after < entries[-1].position:
            return len(entries) - 1  # most readers are there
        gaps = max(self.next_position - 1 - len(entries), 0)
        return bisect.bisect_right(entries, after, max(after - gaps, 0), key=_position) if gaps else after

    def horizon(self) -> int:
        """The lowest position that is taken but not visible yet; readers stop below it. Sessions that have taken no position do not
        count."""
        return min((batch[0].position for _, batch in self.open.values()), default=self.next_position)

    def select(self, lower: int, upper: int, limit: int) -> Sequence[Stored]:
        """The first `limit` visible events with lower <= position <= upper; none if the bounds are inverted or the limit is not positive.
        Bounds may lie outside the log."""
        if upper < lower or limit <= 0:
            return NO_EVENTS
        found: list[Stored] = []
        for page in pages(self, max(lower, 1) - 1, limit):
            found.extend(page)
            if len(found) >= limit or page[-1].position > upper:
                break
        return [event for event in found[:limit] if event.position <= upper]

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """All events of `stream` with versions greater than `after`, which is 0 or more."""
        events = self.streams.get(stream)
        return events[after:] if events is not None else NO_EVENTS

    # -- sessions

    def open_session(self, name: str) -> None:
        """A session called `name` begins a transaction and leaves it idle."""
        self.sessions[name] = self.next_position

    def close_session(self, name: str) -> None:
        """The idle transaction of this session ends."""
        self.sessions.pop(name, None)

    def time_out(self) -> None:
        """A long time has passed. A log that waits a bounded time for idle transactions ends them now; this log never waits."""

    # -- faults

    def crash(self) -> None:
        """The process dies: open transactions are gone, but what was written stays, because the operating system has it."""
        super().crash()
        self.open.clear()
        self.sessions.clear()

    def fail_disk(self, how: str) -> None:
        """The next write, or with ``sync`` the next sync, fails."""
        self.ailing = how

    def cut_power(self, how: str) -> None:
        """The machine dies. Of the unsynced batches, `torn` leaves the first half, and any other value of `how` leaves nothing that
        recovery accepts."""
        self.crash()
        for batch in reversed(self.dropped):
            self.forget(batch)
        self.dropped.clear()
        kept = len(self.unsynced) // 2 if how == "torn" else 0
        for batch in reversed(self.unsynced[kept:]):
            self.forget(batch)
            self.torn = batch
        del self.unsynced[kept:]

    def forget(self, events: Sequence[Stored]) -> None:
        """Remove these events, the newest of their streams, from memory, because they are no longer in the file."""
        for event in reversed(events):
            self.entries.remove(event)
            self.streams[event.stream].remove(event)
            self.positions.pop(event.id, None)

    def restart(self) -> None:
        """Recover: read the file, and make what was found durable. Positions that were taken before are not used
        again."""
        super().restart()
        if self.torn:
            self.meet_torn_record()
        self.unsynced.clear()
        self.dense = self.dense and self.next_position == len(self.entries) + 1

    def meet_torn_record(self) -> None:
        """The file ends with half a record. Its checksum is wrong, so reading stops there and the half record is cut off. Everything
        before it is intact."""
        self.torn = ()
