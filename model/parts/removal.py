"""Removals: a log removes events on purpose, by retention, by truncation of a stream, by its deletion.

A removal is lawful where nobody will ask for the events again: every consumer has a durable checkpoint, or a snapshot, behind them; who
decides on a stream that he reads himself has a snapshot of it; and no append of unknown outcome, which may be sent again, is among them.
Plans ask for no other one. What the log owes in return stands in `RetainingLog`, `TruncatingLog` and `DeletingLog`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from refold.model.action import Action, Deliver, Natural, TakeSnapshot, action_kind
from refold.model.declarations.capability import RETENTION, STREAM_DELETION, TRUNCATION, Capability
from refold.model.declarations.count import count
from refold.model.declarations.ports import DeletingLog, RetainingLog, TruncatingLog
from refold.model.errors import OutcomeUnknown
from refold.model.event import Stored
from refold.model.extension import Extension, Group, Handler
from refold.model.process import ProcessDied
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted

KEPT = (0, 1, 2)
"""Events that a removal leaves of those that it might take."""

TURNS = 4
"""Turns of every consumer after which something can be removed."""


# -- what happens


@action_kind
class Trim(Action, frozen=True, tag="trim"):
    """Retention removes the oldest events of the log, as far as everybody has read, except the newest `keep` of these.

    May lose: what was removed. May never lose: anything behind it, in any stream.
    """

    needs: ClassVar[tuple[Capability, ...]] = (RETENTION,)
    phrase = "retention had removed events"

    keep: Natural

    def __str__(self) -> str:
        return f"retention removes what everybody has read{but_for(self.keep)}"


@action_kind
class Truncate(Action, frozen=True, tag="truncate"):
    """The oldest events of `stream` are removed, as far as everybody has read, except the newest `keep` of these.

    May lose: what was removed. May never lose: the version of the stream, and anything of other streams.
    """

    needs: ClassVar[tuple[Capability, ...]] = (TRUNCATION,)
    phrase = "a stream had been truncated"

    stream: str
    keep: Natural

    def __str__(self) -> str:
        return f"stream {self.stream} is truncated as far as everybody has read it{but_for(self.keep)}"


@action_kind
class DeleteStream(Action, frozen=True, tag="delete-stream"):
    """All events of `stream` are removed, once everybody has read them.

    May lose: what was removed. May never lose: the version of the stream, and anything of other streams.
    """

    needs: ClassVar[tuple[Capability, ...]] = (STREAM_DELETION,)
    phrase = "a stream had been deleted"

    stream: str

    def __str__(self) -> str:
        return f"stream {self.stream}, which everybody has read, is deleted"


def but_for(keep: int) -> str:
    """What is kept, as the end of a sentence."""
    return f", but for the newest {counted(keep, 'event')}" if keep else ""


# -- what was seen


@record_kind
class LogTrimmed(Record, frozen=True, tag="log-trimmed"):
    """The log was told to remove all events at positions up to `position`. `done` is false if nobody knows whether it did, because it
    died or gave no answer."""

    phrase = "retention had removed events"

    position: int
    done: bool = True

    def __str__(self) -> str:
        return told(f"the events up to position {self.position}", self.done)


@record_kind
class StreamTruncated(Record, frozen=True, tag="stream-truncated"):
    """The log was told to remove the events of `stream` with versions up to `version`. `done` as for `log-trimmed`."""

    phrase = "a stream had been truncated"

    stream: str
    version: int
    done: bool = True

    def __str__(self) -> str:
        return told(f"the events of stream {self.stream} up to version {self.version}", self.done)


@record_kind
class StreamDeleted(Record, frozen=True, tag="stream-deleted"):
    """The log was told to remove all events of `stream`, whose version was `version`. `done` as for `log-trimmed`."""

    phrase = "a stream had been deleted"

    stream: str
    version: int
    done: bool = True

    def __str__(self) -> str:
        return told(f"all events of stream {self.stream}, which is at version {self.version},", self.done)


def told(what: str, done: bool) -> str:
    """A removal in words."""
    return f"{what} are removed" if done else f"{what} are removed, or not: the log does not answer"


class Removals(Extension):
    """Asks the log for removals that are lawful."""

    name = "removals"
    title = "removals"
    covers = "retention, truncated and deleted streams"
    counts = (
        count("trims", "times at which retention removed events", LogTrimmed),
        count("truncations", "streams that were truncated", StreamTruncated),
        count("deletions", "streams that were deleted", StreamDeleted),
    )
    family = "removals"
    removes = (Trim, Truncate, DeleteStream)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.live: dict[int, Stored] = {}
        """The events that were not removed, by position, in order."""

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Retention."""
        return [(cls.family, 6, [Trim(keep) for keep in KEPT])]

    @classmethod
    def lookups(cls, keys: Sequence[str], clients: Sequence[str]) -> list[Group]:
        """Streams that are truncated, or deleted."""
        return [
            (cls.family, 6, [Truncate(stream, keep) for keep in KEPT for stream in keys]),
            (cls.family, 3, [DeleteStream(stream) for stream in keys]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Three actions, as far as the log has them."""
        table: dict[type[Action], Handler] = {
            Trim: self.trim,
            Truncate: self.truncate,
            DeleteStream: self.delete,
        }
        can = self.context.capabilities
        return {kind: handler if kind.possible(can) else impossible for kind, handler in table.items()}

    def visible(self, events: Sequence[Stored]) -> None:
        """What might be removed."""
        self.live.update({event.position: event for event in events})

    # -- what is lawful

    def removable(self, keep: int, stream: str | None = None) -> list[Stored]:
        """The events, of one stream or of all, that may go: the oldest, as far as everybody has read, but for the newest `keep`."""
        readers = getattr(self.consumers, "everyone", self.consumers.values())
        covered = min([reader.done_with() for reader in readers], default=0)
        doubted = {client.unknown.op for client in self.clients.values() if client.unknown is not None}
        found: list[Stored] = []
        for event in self.live.values():
            if event.position > covered or event.operation in doubted:
                break  # in order: what may be sent again, or read again, ends what can go
            if stream is None or event.stream == stream:
                found.append(event)
        return found[: len(found) - keep] if keep else found

    def keep_states(self, streams: Sequence[str]) -> None:
        """Who reads a stream by himself and decides on it takes a snapshot before its beginning goes."""
        for client in self.clients.values():
            if client.reads != "log":
                continue
            for stream in streams:
                view = client.view(stream)
                client.save(f"stream:{stream}", view.version, view.state)

    # -- what the actions do

    def trim(self, action: Trim) -> bool:
        """Of all streams."""
        going = self.going(self.removable(action.keep))
        if going is None:
            return False
        self.step(action)
        position = going[-1].position
        log = cast(RetainingLog, self.log)
        return self.remove(going, lambda: log.trim(position), lambda done: LogTrimmed(position, done))

    def truncate(self, action: Truncate) -> bool:
        """Of one stream."""
        going = self.going(self.removable(action.keep, action.stream))
        if going is None:
            return False
        self.step(action)
        stream, version = action.stream, going[-1].version
        log = cast(TruncatingLog, self.log)
        return self.remove(
            going, lambda: log.truncate(stream, version), lambda done: StreamTruncated(stream, version, done)
        )

    def delete(self, action: DeleteStream) -> bool:
        """A whole stream; not while there is something in it, or coming, that somebody has not read."""
        going = self.going(self.removable(0, action.stream))
        if going is None or len(going) < sum(event.stream == action.stream for event in self.live.values()):
            return False
        if any(client.slow and client.pending.stream == action.stream for client in self.clients.values()):
            return False
        if self.log.read_stream(action.stream, going[-1].version):
            return False  # behind a slow append there is something that readers of the whole log have not come to
        self.step(action)
        stream, version = action.stream, going[-1].version
        log = cast(DeletingLog, self.log)
        return self.remove(going, lambda: log.delete_stream(stream), lambda done: StreamDeleted(stream, version, done))

    def going(self, events: list[Stored]) -> list[Stored] | None:
        """These events, or None where nothing can be removed now."""
        return None if self.log.down or not events else events

    def remove(self, going: Sequence[Stored], ask: Callable[[], None], record: Callable[[bool], Record]) -> bool:
        """Ask the log, and record what it answered. What may be gone is not asked for again."""
        self.keep_states(tuple(dict.fromkeys(event.stream for event in going)))
        for event in going:
            del self.live[event.position]
        newest = going[-1].position
        self.removed_to = next((position for position in self.live if position > newest), newest + 1) - 1
        try:
            ask()
        except ProcessDied:
            self.emit(record(False))
            raise
        except OutcomeUnknown:
            self.emit(record(False))
        else:
            self.emit(record(True))
        return True


def impossible(action: Action) -> bool:
    """The log has no such method."""
    return False


def reads_on(consumers: Sequence[ConsumerSpec]) -> list[Action]:
    """Everybody reads on and saves how far he has come."""
    turns = [Deliver(spec.name, 0) for spec in consumers for _ in range(TURNS)]
    return [*turns, *[TakeSnapshot(spec.name) for spec in consumers if spec.snapshots]]


def after_catching_up(reading: Sequence[Action], keys: Sequence[str]) -> list[tuple[Action, ...]]:
    """Words: everybody reads on, by these actions, and then something is removed."""
    removals: list[Action] = [
        *[Trim(keep) for keep in KEPT],
        *[Truncate(key, keep) for keep in KEPT for key in keys],
        *[DeleteStream(key) for key in keys],
    ]
    return [(*reading, removal) for removal in removals]
