"""The child side of ``crash=kill``: a small process that forks the processes in which the databases live.

``python -m refold.systems.sqlite.zygote FD FOLDER`` serves commands on the socket FD. It is single-threaded and imports
little, so that a fork is cheap and safe, which it is not in a process that runs tests. When the other end of the socket
is closed, by whatever kind of death, it kills its children, removes FOLDER (unless that is an empty word) and ends. Its
children end when their own socket is closed and, where the kernel can do that, when the zygote dies.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from refold.systems.parent import die_with_parent
from refold.systems.sqlite.file_host import FileHost
from refold.systems.sqlite.host import Settings, Unreadable
from refold.systems.sqlite.tables import Stopped


def serve(pipe: Connection, name: str, path: str, settings: Settings) -> None:
    """Be the process of one database: answer (method, arguments) with (kind, value) until the pipe is closed, or a SIGKILL.

    A method that its fuse stops is answered with ``stopped``: its transaction stays open and this process waits for its
    death.
    """
    host = FileHost(name, Path(path), settings)
    while True:
        try:
            method, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        answer: tuple[str, object]
        try:
            answer = (
                "value",
                getattr(host if host.table is None or method == "reset" else host.table, method)(*arguments),
            )
        except Stopped:
            answer = "stopped", None
        except Unreadable as error:
            answer = "unreadable", str(error)
        except sqlite3.Error as error:
            answer = "error", str(error)
        pipe.send(answer)


class Zygote:
    """Serves ``spawn`` (fork a process for a database; its socket comes along) and ``wait`` (for a child's end)."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.children: set[int] = set()

    def run(self) -> None:
        """Until the other end is gone."""
        commands: dict[str, Callable[..., int]] = {"spawn": self.spawn, "wait": self.wait}
        while True:
            try:
                message, sockets, _, _ = socket.recv_fds(self.control, 65536, 1)
            except OSError:
                return
            if not message:
                return
            command, *arguments = message.decode().split("\0")
            answer = commands[command](sockets, *arguments)
            try:
                self.control.sendall(b"%d\n" % answer)
            except OSError:
                return

    def spawn(self, sockets: list[int], name: str, path: str, journal: str, synchronous: str) -> int:
        """Fork; the child's process id."""
        (end,) = sockets
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                die_with_parent(parent)
                self.control.close()
                serve(Connection(end), name, path, Settings(journal, synchronous))
                status = 0
            finally:
                os._exit(status)
        os.close(end)
        self.children.add(child)
        return child

    def wait(self, sockets: list[int], child: str) -> int:
        """Reap; the exit status, negative for the signal that ended it."""
        self.children.discard(int(child))
        _, status = os.waitpid(int(child), 0)
        return os.waitstatus_to_exitcode(status)

    def end(self) -> None:
        """Leave nobody behind."""
        for child in self.children:
            os.kill(child, signal.SIGKILL)
        for child in self.children:
            os.waitpid(child, 0)


def main() -> None:
    """The command line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    zygote = Zygote(socket.socket(fileno=int(sys.argv[1])))
    try:
        zygote.run()
    finally:
        zygote.end()
        if sys.argv[2]:
            shutil.rmtree(sys.argv[2], ignore_errors=True)


if __name__ == "__main__":
    main()
