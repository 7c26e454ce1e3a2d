"""A log of one's own behind the port: events as JSON lines in a file, one line per append.

A line is whole or it is not there, so an append is atomic; `fsync` comes before the answer, so an acknowledged append
survives. What is in memory is rebuilt from the file, which is what a restart does.

    refold verify --system examples/my_log.py:FileLog --seconds 5
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence

from refold.model import Appended, AppendRequest, Conflict, Inventory, Stored
from refold.systems import OutcomeUnknown

APPLICATION = Inventory()
"""Knows the events: `encode` makes plain JSON of them, `decode` makes them again. Put your own here."""


class FileLog:
    """One log in one file. refold makes a new one for every run and closes it afterwards."""

    capabilities = ("crash-log", "dedupe")

    def __init__(self) -> None:
        handle, self.path = tempfile.mkstemp(suffix=".jsonl")
        os.close(handle)
        self.events: list[Stored] = []

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """All events at the end of the stream, if it is as expected; the same event ids again give the same answer again."""
        known = tuple(event.position for event in self.events if event.operation == request.op)
        if known:
            return Appended(known)
        version = len(self.read_stream(request.stream, 0))
        if not request.expected.holds(version):
            return Conflict(found=version)
        batch = [
            Stored(len(self.events) + n, request.stream, version + n, event.id, event.type, event.data)
            for n, event in enumerate(request.events, 1)
        ]
        try:
            self.store(batch)
        except OSError as error:
            raise OutcomeUnknown from error
        self.events += batch
        return Appended(tuple(event.position for event in batch))

    def store(self, batch: Sequence[Stored]) -> None:
        """One line, on the disk before anybody hears of it."""
        line = [[e.position, e.stream, e.version, e.id, e.type, APPLICATION.encode(e.data)] for e in batch]
        with open(self.path, "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """At most `limit` events with positions greater than `after`."""
        return self.events[after : after + limit]

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """The events of one stream with versions greater than `after`."""
        return [event for event in self.events if event.stream == stream and event.version > after]

    def crash(self) -> None:
        """The process dies: what it knew is gone, the file stays."""
        self.events = []

    def restart(self) -> None:
        """Read the file again. A last line that was cut short was never acknowledged and is dropped."""
        with open(self.path, "rb+") as file:
            lines, end, _ = file.read().rpartition(b"\n")
            file.truncate(len(lines + end))
        for line in lines.splitlines():
            for position, stream, version, event_id, kind, data in json.loads(line):
                self.events.append(Stored(position, stream, version, event_id, kind, APPLICATION.decode(kind, data)))

    def close(self) -> None:
        """The run is over."""
        os.unlink(self.path)
