"""A database in a real file, opened in a child process that really gets SIGKILL.

Nobody is left behind: children die with the zygote, and the zygote ends when this process does, however that happens.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from refold.model.errors import SystemUnavailable
from refold.systems.sqlite.host import Settings, TableOf, Unreadable, files
from refold.systems.sqlite.tables import Stopped


class Nursery:
    """This side of the zygote: starts children and waits for their end. The zygote removes the folder `scratch` at its own."""

    def __init__(self, scratch: str = "") -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "refold.systems.sqlite.zygote", str(theirs.fileno()), scratch],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self.control = ours
        self.process = process

    def end(self) -> None:
        """The zygote notices that nobody talks to it any more, and ends everything."""
        self.control.close()
        self.process.wait()

    def ask(self, *words: str, sockets: tuple[socket.socket, ...] = ()) -> int:
        """A command to the zygote and its answer."""
        try:
            socket.send_fds(self.control, ["\0".join(words).encode()], [end.fileno() for end in sockets])
            answer = b""
            while not answer.endswith(b"\n"):
                part = self.control.recv(32)
                if not part:
                    raise EOFError
                answer += part
        except (OSError, EOFError) as error:
            raise gone("the process that starts SQLite's child processes") from error
        return int(answer)

    def spawn(self, name: str, path: Path, settings: Settings) -> Child:
        """A process for one database."""
        ours, theirs = socket.socketpair()
        with theirs:
            pid = self.ask("spawn", name, str(path), settings.journal, settings.synchronous, sockets=(theirs,))
        return Child(self, pid, Connection(ours.detach()))


def gone(who: str) -> SystemUnavailable:
    """The error that somebody has ended a process that is ours."""
    return SystemUnavailable(
        f"{who}: expected to live as long as this one, found gone; run again, or without child processes (crash=process)"
    )


class Child:
    """One child process and the pipe to it."""

    def __init__(self, nursery: Nursery, pid: int, pipe: Connection) -> None:
        self.nursery = nursery
        self.pid = pid
        self.pipe = pipe

    def call(self, method: str, arguments: tuple[object, ...]) -> object:
        """Let it run a method of its table (or of its host, while it has no table)."""
        try:
            self.pipe.send((method, arguments))
            kind, value = self.pipe.recv()
        except (OSError, EOFError) as error:
            raise gone(f"SQLite's child process {self.pid}") from error
        if kind == "value":
            return value
        if kind == "stopped":
            raise Stopped
        if kind == "unreadable":
            raise Unreadable(value)
        raise sqlite3.OperationalError(value)

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel says that it is dead. Nobody reaps it before, so the number is still its own."""
        os.kill(self.pid, signal.SIGKILL)
        status = self.nursery.ask("wait", str(self.pid))
        self.pipe.close()
        if status != -signal.SIGKILL:
            raise gone(f"SQLite's child process {self.pid}")


class RemoteTable:
    """A table that is in a child."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def __getattr__(self, method: str) -> Callable[..., object]:
        child = self._child

        def call(*arguments: object) -> object:
            return child.call(method, arguments)

        self.__dict__[method] = call
        return call


class ProcessHost:
    """The database `name` in `path`, in a child process of its own."""

    failures: tuple[type[Exception], ...] = ()
    corruptions: tuple[type[Exception], ...] = ()

    def __init__(self, name: str, path: Path, settings: Settings, nursery: Nursery) -> None:
        self.name = name
        self.path = path
        self.settings = settings
        self.nursery = nursery
        self.child: Child | None = None
        self.table: TableOf = None

    def start(self) -> None:
        """A new child opens the file and recovers it."""
        self.child = self.nursery.spawn(self.name, self.path, self.settings)
        self.child.call("start", ())
        self.table = RemoteTable(self.child)

    def crash(self) -> None:
        """SIGKILL."""
        child, self.child, self.table = self.child, None, None
        if child is not None:
            child.kill()

    def cut_power(self, how: str) -> None:
        """Real disks are not unplugged."""
        raise NotImplementedError("crash=kill cannot cut the power; crash=power can")

    def fail(self, how: str) -> None:
        """Real disks are left alone."""
        raise NotImplementedError("crash=kill cannot make a disk fail; crash=power can")

    def format(self) -> None:
        """Delete the files."""
        self.crash()
        for file in files(self.path):
            file.unlink(missing_ok=True)
        self.start()

    def reset(self) -> None:
        """Empty the tables."""
        if self.child is None:
            self.start()
        assert self.child is not None
        self.child.call("reset", ())

    def close(self) -> None:
        """The same as a crash, from which the files take no harm; whoever has ended before it should have is not missed here."""
        with contextlib.suppress(SystemUnavailable, ProcessLookupError):
            self.crash()
