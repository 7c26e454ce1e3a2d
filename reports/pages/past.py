"""What led to what: for each record of a history the numbers of those that it directly follows from."""

from __future__ import annotations

from typing import Any

from refold.model.event import Stored
from refold.model.record import (
    Aborted,
    Acknowledged,
    Applied,
    CheckpointSaved,
    Crashed,
    Failed,
    Held,
    Ignored,
    Observed,
    PowerCut,
    Prepared,
    Recovered,
    Refused,
    Retried,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
    Step,
    Unknown,
)


class Past:
    """Walks through a history and remembers who did what last."""

    def __init__(self) -> None:
        self.step = 0
        self.ops: dict[str, int] = {}
        self.events: dict[int, int] = {}
        self.versions: dict[tuple[str, int], int] = {}
        self.keys: dict[int, str] = {}
        self.streams: dict[str, str] = {}
        self.done: dict[str, int] = {}
        self.snapshots: dict[tuple[str, int], int] = {}
        self.deaths: dict[str, int] = {}
        self.acts: dict[str, int] = {}

    def feed(self, number: int, record: Any, lane: str) -> tuple[int, ...]:
        """The records that this one follows from."""
        found = self.led_to(number, record)
        if isinstance(record, Step):
            self.step = number
            return ()
        causes = {cause for cause in (*found, self.step) if cause}
        if not found and lane in self.acts:
            causes.add(self.acts[lane])
        if lane:
            self.acts[lane] = number
        return tuple(sorted(causes))

    def led_to(self, number: int, r: Any) -> tuple[int, ...]:
        """By what the record says."""
        if isinstance(r, Stored):
            op = r.operation
            self.keys[r.position] = r.stream
            cause = self.ops.get(op, 0)
            self.events[r.position] = self.versions[r.stream, r.version] = number
            self.ops[op] = number
            return (cause,)
        if isinstance(r, Prepared):
            self.streams[r.op] = r.stream
            self.ops[r.op] = number
            return (self.versions.get((r.stream, r.seen), 0),)
        if isinstance(r, Acknowledged | Refused | Unknown | Retried | Started | Aborted):
            cause = self.ops.get(r.op, 0)
            if isinstance(r, Retried | Started):
                self.ops[r.op] = number
            return (cause,)
        if isinstance(r, Applied | Ignored | Held | Failed):
            before = self.done.get(r.consumer, 0) if isinstance(r, Applied) else 0
            if isinstance(r, Applied):
                self.done[r.consumer] = number
            return (self.events.get(r.position, 0), before)
        if isinstance(r, CheckpointSaved | Observed):
            return (self.done.get(r.consumer, 0),)
        if isinstance(r, SnapshotTaken):
            self.snapshots[r.owner, r.position] = number
            return (self.done.get(r.owner.partition(":")[0], 0),)
        if isinstance(r, SnapshotLoaded):
            return (self.snapshots.get((r.owner, r.position), 0),)
        if isinstance(r, Crashed | PowerCut):
            self.deaths[r.process] = number
            return ()
        if isinstance(r, Recovered):
            self.done[r.process] = number
            return (self.deaths.get(r.process, 0),)
        return ()

    def key(self, record: Any) -> str:
        """The stream that a record is about, or ""."""
        stream = getattr(record, "stream", None)
        if isinstance(stream, str):
            return stream
        position = getattr(record, "position", None)
        if isinstance(record, Applied | Ignored | Held | Failed) and position in self.keys:
            return self.keys[position]
        op = getattr(record, "op", None)
        if isinstance(op, str):
            return self.streams.get(op, "")
        key = getattr(record, "key", None)
        return key if isinstance(key, str) else ""
