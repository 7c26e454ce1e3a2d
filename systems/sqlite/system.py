"""The system `sqlite`: log, consumer stores, checkpoints and snapshots in SQLite databases, and three ways to die.

- ``crash=process``: real files; a crash drops the connection and what is not committed, and leaves the files as they are.
- ``crash=kill``: real files; every database is open in a child process, which gets SIGKILL; a new child recovers the file.
- ``crash=power``: memory disks that know what was synced; crashes as with ``process``, and the log's machine may lose its
  power. The default where APSW is installed, because nothing else can tell ``synchronous=full`` from ``off``.

What it cannot do: slow appends, because SQLite has one writer at a time.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

from refold.model.action import Action
from refold.model.application import Application
from refold.model.errors import SystemUnavailable, UsageError
from refold.model.process import Emit
from refold.model.tape import Menu
from refold.systems.deployment import CLIENTS, Deployment, consumer_specs
from refold.systems.sqlite.file_host import FileHost
from refold.systems.sqlite.host import Host, Settings
from refold.systems.sqlite.log import SqliteLog
from refold.systems.sqlite.process_host import Nursery, ProcessHost
from refold.systems.sqlite.store import SqliteSnapshots
from refold.systems.sqlite.tables import TABLES
from refold.systems.sqlite.workspace import Workspace, paths, prepare

CAN = frozenset(
    {
        "append",
        "crash-log",
        "crash-consumer",
        "crash-at-step",
        "crash-log-at-step",
        "dedupe",
        "snapshots",
        "redeliver",
    }
)
DEFAULTS = {"journal": "wal", "synchronous": "full"}

INHERITED: list[Workspace | None] = []
"""Workspaces of the process that this one was forked from, kept open for ever: closing would write to files that are not ours."""


class Sqlite:
    """Opens deployments on SQLite.

    A deployment that was closed leaves its databases to the next one, which empties them. At a `path` there is one deployment
    at a time, and opening the next one ends it.
    """

    OPTIONS: ClassVar[dict[str, tuple[tuple[str, ...], str]]] = {
        "journal": (("wal", "delete", "truncate", "persist"), DEFAULTS["journal"]),
        "synchronous": (("off", "normal", "full", "extra"), DEFAULTS["synchronous"]),
        "crash": (("process", "kill", "power"), "power if APSW is installed and no path is given, else process"),
        "path": (("<path>",), "a temporary directory"),
    }

    def __init__(
        self,
        journal: str = DEFAULTS["journal"],
        synchronous: str = DEFAULTS["synchronous"],
        crash: str | None = None,
        path: str | None = None,
    ) -> None:
        given = {"journal": journal, "synchronous": synchronous, "crash": crash, "path": path}
        self.options = {option: value for option, value in given.items() if value and value != DEFAULTS.get(option)}
        self.settings = Settings(journal, synchronous)
        self.crash = crash or ("power" if path is None and find_spec("apsw") else "process")
        self.path = None if path is None else Path(path)
        self.capabilities = CAN | {"power-cut"} if self.crash == "power" else CAN
        self.clients = tuple(CLIENTS)
        self.consumers = consumer_specs()
        self.owner = os.getpid()
        self.free: list[Workspace] = []
        self.only: Workspace | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> Sqlite:
        """The system for ``sqlite?option=value&…``, ready to run; raises `UsageError` or `SystemUnavailable`."""
        for option, value in options.items():
            if option not in cls.OPTIONS:
                raise UsageError(f"system 'sqlite' has no option {option!r}; its options are {', '.join(cls.OPTIONS)}")
            allowed = cls.OPTIONS[option][0]
            if value not in allowed and (option != "path" or not value):
                raise UsageError(f"system 'sqlite': option {option} is {value!r}, expected one of {', '.join(allowed)}")
        if "path" in options and options.get("crash") == "power":
            raise UsageError(
                "system 'sqlite': option path is given, and with crash=power all files are in memory;"
                " leave path out, or use crash=process or crash=kill"
            )
        system = cls(**options)
        system.check()
        return system

    def check(self) -> None:
        """Raises `SystemUnavailable` if it cannot run here."""
        if self.path is not None:
            prepare(self.path)
        if self.crash == "power" and not find_spec("apsw"):
            raise SystemUnavailable(
                "system 'sqlite': crash=power needs APSW, found none; install it with: pip install 'refold[sqlite]'"
            )

    @property
    def name(self) -> str:
        """The name with the options that are not defaults."""
        query = urlencode(self.options, safe="/")
        return f"sqlite?{query}" if query else "sqlite"

    def menu(self, application: Application) -> Menu:
        """Everything but slow appends."""
        return Menu(application.commands(), self.clients, self.consumers, self.capabilities)

    def open(self, application: Application, emit: Emit) -> Deployment:
        """Empty databases and everything on top; raises `SystemUnavailable`."""
        workspace = self.workspace()
        workspace.reset()
        return SqliteDeployment(self, workspace, application, emit)

    # -- workspaces

    def workspace(self) -> Workspace:
        """One that nobody uses. Connections do not survive a fork: the new process leaves them alone and makes its own."""
        if self.owner != os.getpid():
            INHERITED.extend((*self.free, self.only))
            self.owner, self.free, self.only = os.getpid(), [], None
        if self.crash == "power":
            return self.on_disks()
        if self.free:
            return self.free.pop()
        if self.path is None:
            folder = tempfile.TemporaryDirectory(prefix="refold-", ignore_cleanup_errors=True)
            return self.in_files(paths(Path(folder.name)), folder)
        if self.only is None:
            self.only = self.in_files(prepare(self.path))
        return self.only

    def release(self, workspace: Workspace) -> None:
        """The run is over; its files may be looked at until the next begins."""
        if workspace is not self.only:
            if self.crash == "power":
                workspace.close()
            else:
                self.free.append(workspace)

    @property
    def parallel(self) -> bool:
        """Whether several processes may make runs at once: not on one path."""
        return self.path is None

    def dismiss(self) -> None:
        """Give back what is kept between runs, in the process that it belongs to."""
        if self.owner == os.getpid():
            for workspace in (*self.free, *([] if self.only is None else [self.only])):
                workspace.close()
            self.free, self.only = [], None

    def in_files(self, places: Mapping[str, Path], folder: tempfile.TemporaryDirectory[str] | None = None) -> Workspace:
        """Databases in real files, opened here or in child processes."""
        closers = [] if folder is None else [folder.cleanup]
        hosts: dict[str, Host]
        if self.crash == "kill":
            nursery = Nursery(folder.name if folder is not None else "")
            closers.insert(0, nursery.end)
            hosts = {name: ProcessHost(name, path, self.settings, nursery) for name, path in places.items()}
        else:
            hosts = {name: FileHost(name, path, self.settings) for name, path in places.items()}
        return Workspace(hosts, closers)

    def on_disks(self) -> Workspace:
        """Databases on memory disks."""
        from refold.systems.sqlite.power_host import PowerHost

        return Workspace({name: PowerHost(name, self.settings, disk) for name, disk in self.templates.items()})

    @cached_property
    def templates(self) -> dict[str, dict[str, bytes]]:
        """Disks with empty databases, to copy."""
        self.check()
        from refold.systems.sqlite.power_host import template

        return {name: template(name, self.settings) for name in TABLES}


class SqliteDeployment(Deployment):
    """A deployment on databases that are given back when it is closed."""

    def __init__(self, system: Sqlite, workspace: Workspace, application: Application, emit: Emit) -> None:
        self.workspace: Workspace | None = workspace
        self.release = system.release
        self.folder = getattr(workspace.hosts["log"], "path", Path("memory")).parent
        super().__init__(
            system.name,
            application,
            emit,
            log=SqliteLog(workspace.hosts["log"], application),
            capabilities=system.capabilities,
            stores=workspace.store,
            snapshots=SqliteSnapshots(workspace.hosts["snapshots"]),
        )

    def perform(self, action: Action) -> bool:
        """As every deployment; raises `SystemUnavailable` where SQLite cannot go on."""
        try:
            return super().perform(action)
        except sqlite3.OperationalError as error:
            raise self.stuck(error) from error

    def settle(self) -> None:
        """As every deployment; raises `SystemUnavailable` where SQLite cannot go on."""
        try:
            super().settle()
        except sqlite3.OperationalError as error:
            raise self.stuck(error) from error

    def stuck(self, error: sqlite3.OperationalError) -> SystemUnavailable:
        """The error that SQLite cannot go on with these files."""
        return SystemUnavailable(
            f"SQLite in {self.folder}: {error}; expected files that nobody else opens, on a disk that has room:"
            " name another place with path=…"
        )

    def close(self) -> None:
        """The databases are free for the next run."""
        super().close()
        workspace, self.workspace = self.workspace, None
        if workspace is not None:
            self.release(workspace)
            del self.release
