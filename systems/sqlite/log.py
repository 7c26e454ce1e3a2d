"""The log of the system `sqlite`: conditional appends as transactions of one database."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from refold.model.application import Application
from refold.model.errors import OutcomeUnknown, UsageError
from refold.model.event import Stored
from refold.model.expectation import NoMatch
from refold.model.log import Appended, AppendRequest, Conflict, DiskFailure
from refold.model.process import Process, ProcessDied
from refold.systems.sqlite.host import Host, Unreadable
from refold.systems.sqlite.tables import LogRow, LogTable, Stopped


class SqliteLog(Process):
    """Events in a file.

    Durability is what the options of the system make it: with ``synchronous=full`` an acknowledged append survives everything
    that the host may do to it. That is the claim under test. `damage` is what recovery found wrong after a power cut, if it
    had to begin anew with an empty file.
    """

    def __init__(self, host: Host, application: Application, name: str = "log") -> None:
        self.name = name
        self.host = host
        self.application = application
        self.damage: str | None = None
        self.suspect = False
        self.ailing = ""

    @property
    def table(self) -> LogTable:
        """The events, while the host is up."""
        table: LogTable = self.host.table
        return table

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """One transaction: dedupe by event id, check the expectation, insert. Raises `DiskFailure` if the disk fails under it."""
        if type(request.expected) is NoMatch:
            raise UsageError(
                f"application {self.application.name!r} has conditions over tags, and the tables of the SQLite log keep no tags; take the"
                " reference system, or a log of your own that has them"
            )
        encode = self.application.encode
        events = [(event.id, event.type, msgspec.json.encode(encode(event.data)).decode()) for event in request.events]
        how, self.ailing = self.ailing, ""
        if how:
            self.host.fail(how)
        try:
            positions, found, self.fuse = self.table.append(request.stream, request.expected, events, self.fuse)
        except Stopped:
            raise ProcessDied(self, self.fuse_length) from None
        except self.host.failures as error:
            self.table.give_up()
            raise DiskFailure(how or "error") from error
        except self.host.corruptions as error:
            self.begin_anew(error)
            raise OutcomeUnknown(str(error)) from error
        finally:
            if how:
                self.host.fail("")  # if this append has not met it, nobody does
        return Conflict(found) if positions is None else Appended(positions)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """At most `limit` events after position `after`."""
        try:
            rows = self.table.read(after, limit)
        except self.host.corruptions as error:
            rows = self.begin_anew(error)
        return [self.stored(row) for row in rows]

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """The events of one stream after version `after`."""
        try:
            rows = self.table.read_stream(stream, after)
        except self.host.corruptions as error:
            rows = self.begin_anew(error)
        return [self.stored(row) for row in rows]

    def begin_anew(self, error: Exception) -> list[LogRow]:
        """The file is destroyed: an empty one takes its place, as an operator without a backup has to have it, so that all is missed."""
        self.damage = str(error)
        self.host.format()
        return []

    def version(self, stream: str) -> int:
        """The number of events in `stream`."""
        return self.table.version(stream)

    def stored(self, row: LogRow) -> Stored:
        """A row of the table as the event that it is."""
        position, stream, version, event_id, kind, data = row
        payload = self.application.decode(kind, msgspec.json.decode(data))
        return Stored(position, stream, version, event_id, kind, payload)

    # -- faults

    def crash(self) -> None:
        """The process dies with its connection; what it had written, the operating system still has."""
        super().crash()
        self.host.crash()

    def cut_power(self, how: str) -> None:
        """The machine dies, and what was not synced with it."""
        super().crash()
        self.host.cut_power(how)
        self.suspect = True

    def fail_disk(self, how: str) -> None:
        """The disk fails under the next append."""
        self.ailing = how

    def restart(self) -> None:
        """Open the file and let SQLite recover it.

        After a power cut it is examined. A file that cannot be read is replaced by an empty one, as an operator without a
        backup has to, so that what it held is missed.
        """
        super().restart()
        suspect, self.suspect = self.suspect, False
        try:
            self.host.start()
            damage = self.examine() if suspect else None
        except Unreadable as unreadable:
            damage = str(unreadable)
        if damage is not None:
            self.damage = damage
            self.host.format()

    def examine(self) -> str | None:
        """What is wrong with the file: SQLite's own check, then every event is read."""
        damage = self.table.damage()
        if damage is None:
            try:
                self.read(0, -1)
            except (msgspec.MsgspecError, TypeError, ValueError) as error:
                damage = f"an event cannot be decoded: {error}"
        return damage

    def close(self) -> None:
        """The files belong to the workspace, which closes them."""
