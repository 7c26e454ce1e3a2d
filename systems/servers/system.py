"""A system on a real server: one server for a search, emptied for every run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from refold.model.application import Application
from refold.model.declarations.capability import (
    APPEND,
    CRASH_AT_STEP,
    CRASH_CONSUMER,
    CRASH_LOG,
    CRASH_LOG_AT_STEP,
    DEDUPE,
    POWER_CUT,
    REDELIVER,
    SNAPSHOTS,
    Capability,
)
from refold.model.declarations.ports import DrivenLog
from refold.model.errors import SystemUnavailable, UsageError
from refold.model.extension import Extension
from refold.model.parts.outages import Cuts, Outages
from refold.model.process import Emit
from refold.model.tape import Menu
from refold.systems.deployment import CLIENTS, Deployment, consumer_specs
from refold.systems.servers.catalogue import Options
from refold.systems.servers.server import NotStarted, Server

CAN = frozenset({APPEND, CRASH_LOG, CRASH_CONSUMER, CRASH_AT_STEP, CRASH_LOG_AT_STEP, DEDUPE, SNAPSHOTS, REDELIVER})
INHERITED: list[Server] = []
"""Servers of the process that this one was forked from; they are that one's."""


class ServerSystem:
    """Opens deployments on one server, one at a time. What kinds differ in: `kind`, `OPTIONS`, `can`, `make_server`, `make_log`."""

    kind: ClassVar[str]
    OPTIONS: ClassVar[Options]
    can: ClassVar[frozenset[Capability]] = CAN
    emphasis: ClassVar[Mapping[str, int]] = {"slow": 4}
    """A step on a server costs a hundred times what it costs in memory, so a run is to be about what only servers have: transactions
    that are open at once, with readers between them."""
    lengths: ClassVar[Sequence[int]] = (48, 96, 192)
    """Words per plan: many short runs find more in the same time than few long ones."""
    parallel = True
    only_ours: ClassVar[Sequence[str]] = ()
    """Options that a server has when refold starts it."""

    def __init__(self, **options: str) -> None:
        defaults = {name: default for name, (_, default) in self.OPTIONS.items()}
        self.options = {name: value for name, value in options.items() if value != defaults[name]}
        self.settings = {**defaults, **options}
        self.url = options.get("url")
        self.parallel = self.url is None
        self.capabilities = self.can
        self.set_crash(options)
        self.extensions: tuple[type[Extension], ...] = (Cuts, Outages) if self.url is None else (Cuts,)
        self.capabilities |= {extension.ability().name for extension in self.extensions}
        self.clients = tuple(CLIENTS)
        self.consumers = consumer_specs()
        self.owner = os.getpid()
        self.server: Server | None = None

    def set_crash(self, options: Mapping[str, str]) -> None:
        """What a crash is, and what can happen therefore."""
        crash = self.settings["crash"] = options.get("crash") or ("kill" if self.url is None else "cut")
        ours = [f"crash={crash}"] if crash in ("kill", "power") else []
        ours += [f"{option}=" for option in self.only_ours if option in options]
        if self.url is not None and ours:
            raise UsageError(
                f"system {self.kind!r}: a server named by url= is neither killed nor set up by refold; leave {' and '.join(ours)} out"
            )
        if "disk" in options and crash != "power":
            raise UsageError(
                f"system {self.kind!r}: option disk is given, and only with crash=power has a server a disk of its own"
            )
        if crash == "never":
            self.capabilities -= {CRASH_LOG, CRASH_LOG_AT_STEP}
        elif crash == "power":
            self.capabilities |= {POWER_CUT}

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> Self:
        """The system for ``NAME?option=value&…``; raises `UsageError` or `SystemUnavailable`."""
        for option, value in options.items():
            if option not in cls.OPTIONS:
                raise UsageError(
                    f"system {cls.kind!r} has no option {option!r}; its options are {', '.join(cls.OPTIONS)}"
                )
            allowed = cls.OPTIONS[option][0]
            if value not in allowed and (option != "url" or not value):
                raise UsageError(
                    f"system {cls.kind!r}: option {option} is {value!r}, expected one of {', '.join(allowed)}"
                )
        return cls(**options)

    @property
    def name(self) -> str:
        """The name with the options that are not defaults."""
        query = urlencode(self.options, safe="/:@")
        return f"{self.kind}?{query}" if query else self.kind

    def menu(self, application: Application) -> Menu:
        """What the log can do."""
        return Menu(
            application.commands(),
            self.clients,
            self.consumers,
            self.capabilities,
            extensions=self.extensions,
            emphasis=self.emphasis,
            lengths=self.lengths,
        )

    def make_server(self) -> Server:
        """A server with these settings, not started yet. Raises `SystemUnavailable` if it is not installed."""
        raise NotImplementedError

    def make_log(self, server: Server | None, application: Application) -> DrivenLog:
        """An empty log on the server, which is up."""
        raise NotImplementedError

    def open(self, application: Application, emit: Emit) -> Deployment:
        """An empty log on the server, and everything else in memory; raises `SystemUnavailable`."""
        return Deployment(
            self.name,
            application,
            emit,
            log=self.empty_log(application),
            capabilities=self.capabilities,
            extensions=self.extensions,
            **self.more(),
        )

    def more(self) -> dict[str, Any]:
        """Further parts of a deployment."""
        return {}

    def empty_log(self, application: Application) -> DrivenLog:
        """A log for one run. A server that a former run has destroyed begins anew."""
        server = self.ours()
        try:
            if server is not None:
                server.up()
            return self.settled_log(server, application)
        except NotStarted as error:
            if server is None or server.keeper is None:
                raise SystemUnavailable(f"system {self.kind!r}: {error}") from error
        try:
            server.renew()
            return self.settled_log(server, application)
        except NotStarted as error:
            raise SystemUnavailable(f"system {self.kind!r}: {error}") from error

    def settled_log(self, server: Server | None, application: Application) -> DrivenLog:
        """An empty log, which no power cut takes away."""
        log = self.make_log(server, application)
        if server is not None:
            server.sync()
        return log

    def ours(self) -> Server | None:
        """The server of this process; None if one is there already, at `url`."""
        if self.url is not None:
            return None
        if self.owner != os.getpid():
            INHERITED.extend([] if self.server is None else [self.server])
            self.owner, self.server = os.getpid(), None
        if self.server is None:
            self.server = self.make_server()
            self.server.disk = self.settings["disk"] if self.settings["crash"] == "power" else ""
        return self.server

    def dismiss(self) -> None:
        """End the server, in the process that it belongs to."""
        if self.owner == os.getpid() and self.server is not None:
            self.server.end()
            self.server = None
