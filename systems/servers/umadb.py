"""The system `umadb`: an event log in UmaDB, a store whose appends have conditions over types and tags.

The store promises: the events of one append are stored whole, at positions that follow one another, before the append is answered; an
append with a condition is refused if an event after the condition's position matches its query (a dynamic consistency boundary); and
one that comes a second time, with the same event ids and such a condition, gets its first answer.

Every condition of this log also names the operation, so that a retry is always in its own way and the store has to recognise it. A
stream is a tag, and an expected version becomes a condition on it: nothing with this tag after the newest event that was seen. A version
is the number of events of the stream up to there, counted when they are read.

Settings that matter: ``condition=first`` sends the first part of a condition over tags only, as a client does that has read more than it
tells the store (catalogue: condition-of-one-tag). ``writer=pipelined`` lets the store take the next batch while one is being synced.

UmaDB deletes nothing, so each run has a tag of its own, and positions count from where the log ended when the run began. On a server
that is named by ``url=`` the events of all runs stay. There are no slow appends, because an append is one request without a middle.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec
import umadb

from refold.model.application import Application
from refold.model.declarations.append import Appended, AppendRequest, Conflict
from refold.model.event import NewEvent, Stored
from refold.model.expectation import NoMatch
from refold.systems.servers.catalogue import OFFERS, Options
from refold.systems.servers.log import KILLING, ServerLog, said
from refold.systems.servers.server import NotStarted, Server, listens
from refold.systems.servers.system import ServerSystem

PROGRAM = "import sys; sys.path.append(sys.argv.pop(1)); from umadb.umadb_server_cli import main; sys.argv[0] = 'umadb'; main()"
"""Run without what else is installed beside it, which takes longer to look through than the server to start."""
STREAM, OPERATION, RUN = "stream:", "operation:", "run:"
"""How this log's own tags begin."""


class Unreachable(OSError):
    """The server does not answer, or answers with an error of its own."""


@contextlib.contextmanager
def speaking() -> Iterator[None]:
    """Calls of the client, whose errors have no base of their own: for a connection that breaks it raises a plain `Exception`."""
    try:
        yield
    except (umadb.TransportError, umadb.CorruptionError, umadb.AuthenticationError) as error:
        raise Unreachable(said(error)) from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise Unreachable(said(error)) from error


class UmaServer(Server):
    """The server that the wheel `umadb` brings."""

    kind: ClassVar[str] = "umadb"

    def __init__(self, writer: str) -> None:
        super().__init__()
        self.pipelined = "true" if writer == "pipelined" else "false"

    def command(self) -> list[str]:
        """The server. Pages are not filled with zeros beforehand: that is 256 MB of memory for every server."""
        place = ["--listen", f"127.0.0.1:{self.port}", "--db-path", str(self.data / "events.db")]
        return [
            sys.executable,
            "-I",
            "-S",
            "-c",
            PROGRAM,
            str(Path(umadb.__file__).parent.parent),
            *place,
            "--zero-fill-pages",
            "false",
            "--pipelined-writer",
            self.pipelined,
        ]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """It listens when it has found its events."""
        if not listens(self.port):
            return False
        try:
            with speaking():
                umadb.Client(self.url).head()
        except Unreachable:
            return False
        return True


class UmaLog(ServerLog):
    """Events of one run, with their stream and their operation as tags."""

    def __init__(self, server: UmaServer | None, application: Application, url: str, settings: dict[str, str]) -> None:
        super().__init__(server, application, kills=settings["crash"] in KILLING)
        self.url = url
        self.parts = 1 if settings["condition"] == "first" else None
        self.client: umadb.Client
        self.run = f"{RUN}{secrets.token_hex(6)}"
        self.base = 0
        self.connect()
        self.create()

    def create(self) -> None:
        """A log that begins where the store's ends."""
        try:
            with speaking():
                self.base = self.client.head() or 0
        except Unreachable as error:
            raise NotStarted(said(error)) from error

    @property
    def port(self) -> int:
        """Where the server listens."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    def connect(self) -> None:
        """Connect."""
        self.versions: dict[int, int] = {}
        self.counted: dict[str, int] = {}
        with speaking():
            self.client = umadb.Client(self.url)
            self.client.head()

    def disconnect(self) -> None:
        """End what is still being read."""
        if hasattr(self, "client"):
            self.client.close()

    # -- appending

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """One request to the store, under one condition."""
        return self.sure(self.ask, request)

    def ask(self, request: AppendRequest) -> Appended | Conflict:
        """An expected version is looked up first; who loses a race looks again whether it still holds."""
        expected = request.expected
        if isinstance(expected, NoMatch):
            items = [self.item(criterion.tags, criterion.types) for criterion in expected.criteria[: self.parts]]
            positions = self.store(request, items, expected.after)
            return Conflict(-1) if positions is None else Appended(positions)
        while True:
            known, version, newest = self.look(request)
            if known:
                return Appended(known)
            if not expected.holds(version):
                return Conflict(version)
            positions = self.store(request, [self.item([STREAM + request.stream])], newest)
            if positions is not None:
                return Appended(positions)

    def look(self, request: AppendRequest) -> tuple[tuple[int, ...], int, int]:
        """Positions of the operation's events, if it was stored before; version and position of the newest event of its stream."""
        operation = OPERATION + request.op
        known: list[int] = []
        version = newest = 0
        for found in self.events(self.item([STREAM + request.stream]), 0, None):
            version += 1
            newest = found.position - self.base
            if operation in found.event.tags:
                known.append(newest)
        return tuple(known), version, newest

    def store(self, request: AppendRequest, items: list[umadb.QueryItem], after: int) -> tuple[int, ...] | None:
        """The positions of the new events; None if the store refuses them."""
        itself = self.item([OPERATION + request.op])
        condition = umadb.AppendCondition(umadb.Query([*items, itself]), after=self.base + after)
        events = [self.event(request, event) for event in request.events]
        self.durable()
        try:
            with speaking():
                last = self.client.append(events, condition) - self.base
        except umadb.IntegrityError:
            return None
        self.durable()
        return tuple(range(last - len(events) + 1, last + 1))

    def event(self, request: AppendRequest, event: NewEvent) -> umadb.Event:
        """An event as the store takes it; its id there is made of its id here."""
        data = msgspec.json.encode((request.stream, event.id, self.application.encode(event.data)))
        tags = [self.run, STREAM + request.stream, OPERATION + request.op, *event.tags]
        return umadb.Event(event.type, data, tags, uuid.uuid5(uuid.NAMESPACE_OID, f"{self.run}/{event.id}"))

    def item(self, tags: Iterable[str] = (), types: Sequence[str] = ()) -> umadb.QueryItem:
        """A part of a query, over events of this run."""
        return umadb.QueryItem(list(types), [self.run, *tags])

    # -- reading

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """The events after a position."""
        return self.looked(self.page, after, limit)

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """The events with the tag of the stream."""
        return [event for event in self.looked(self.stream, stream) if event.version > after]

    def page(self, after: int, limit: int) -> Sequence[Stored]:
        """Events of all streams; those before them are read as well until their versions have been counted."""
        if after and after not in self.versions:
            self.counted_on(0, None)
        return self.counted_on(after, limit)

    def counted_on(self, after: int, limit: int | None) -> list[Stored]:
        """The events after a position whose predecessors have been counted."""
        page = []
        for found in self.events(self.item(), after, limit):
            position = found.position - self.base
            stream, *_ = msgspec.json.decode(found.event.data)
            if position not in self.versions:
                self.versions[position] = self.counted[stream] = self.counted.get(stream, 0) + 1
            page.append(self.stored(found, self.versions[position]))
        return page

    def stream(self, stream: str) -> list[Stored]:
        """One stream from its beginning."""
        read = self.events(self.item([STREAM + stream]), 0, None)
        return [self.stored(found, version) for version, found in enumerate(read, 1)]

    def events(self, item: umadb.QueryItem, after: int, limit: int | None) -> list[umadb.SequencedEvent]:
        """What matches, after a position."""
        with speaking():
            return list(self.client.read(umadb.Query([item]), start=self.base + after + 1, limit=limit))

    def stored(self, found: umadb.SequencedEvent, version: int) -> Stored:
        """An event of the store as the event that it is."""
        event = found.event
        stream, identity, data = msgspec.json.decode(event.data)
        payload = self.application.decode(event.event_type, data)
        tags = [tag for tag in event.tags if not tag.startswith((RUN, STREAM, OPERATION))]
        return Stored(found.position - self.base, stream, version, identity, event.event_type, payload, tuple(tags))


class Uma(ServerSystem):
    """Opens deployments on UmaDB."""

    kind: ClassVar[str] = "umadb"
    OPTIONS: ClassVar[Options] = OFFERS["umadb"].options
    only_ours = ("writer",)

    def make_server(self) -> Server:
        """From the wheel."""
        return UmaServer(self.settings["writer"])

    def make_log(self, server: Server | None, application: Application) -> UmaLog:
        """A run of its own."""
        ours = server if isinstance(server, UmaServer) else None
        try:
            return UmaLog(ours, application, ours.url if ours else str(self.url), self.settings)
        except (OSError, ValueError) as error:
            raise NotStarted(said(error)) from error
