"""What the logs on servers have in common: they die with their server, and come back with it or are gone."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from refold.model.application import Application
from refold.model.errors import DidNotRecover, OutcomeUnknown, SystemUnavailable
from refold.model.process import Process, ProcessDied
from refold.systems.servers.server import NotHere, NotStarted, Server

T = TypeVar("T")
Happens = Callable[[], None]
PATIENCE = 0.05
"""Seconds for which the client of an append waits for a server that stands still."""
DESCRIPTORS = "/dev/fd"
"""Where the system shows a process what it has open."""
KILLING = ("kill", "power")
"""The values of the option `crash` with which a crash of the log is SIGKILL for its server."""


class ServerLog(Process):
    """A log on a server of ours, or (`server` None) on one that is there already, which is never killed: a crash is then the end of all
    connections."""

    name = "log"
    trouble: tuple[type[Exception], ...] = (OSError,)
    """What the client library raises when the server is away, slow or out of order."""
    waiting: tuple[type[Exception], ...] = ()
    """What of it says no more than that somebody else is in the way."""

    def __init__(self, server: Server | None, application: Application, *, kills: bool) -> None:
        self.server = server
        self.application = application
        self.kills = kills
        """Whether a crash kills the server; else it ends the connections."""
        self.coming: Happens | None = None
        """What will happen under the next append."""
        self.happening: Happens | None = None
        """What will happen right before the append that is under way is written."""
        self.waiter: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where the server listens."""
        raise NotImplementedError

    def connect(self) -> None:
        """Connect, and find the log."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Forget all connections. Must not raise."""
        raise NotImplementedError

    def crash(self) -> None:
        """SIGKILL for the server, and with it goes what it had in memory; or the end of the connections."""
        super().crash()
        if self.kills and self.server is not None:
            self.server.kill()
        self.disconnect()

    def cut_power(self, how: str) -> None:
        """The server's machine dies, and what was not synced with it."""
        super().crash()
        assert self.server is not None
        self.server.cut_power(how)
        self.disconnect()

    def cut_next(self, tell: Happens) -> None:
        """The connections are cut under the next append."""

        def cut() -> None:
            if cut_connections(self.port):
                tell()

        self.coming = cut

    def pause_next(self, tell: Happens) -> None:
        """The server stands still under the next append, until its client has given up."""

        def pause() -> None:
            assert self.server is not None
            self.server.pause()
            tell()
            self.waiter = threading.Thread(target=self.give_up, name="refold: patience", daemon=True)
            self.waiter.start()

        self.coming = pause

    def give_up(self) -> None:
        """The client has waited long enough, and ends its connections. Then the server goes on, and finds what was sent to it."""
        assert self.server is not None
        time.sleep(PATIENCE)
        cut_connections(self.port)
        self.server.resume()

    def stop(self) -> None:
        """The server comes to its end in order; so do the connections."""
        super().crash()
        assert self.server is not None
        self.server.stop()
        self.disconnect()

    def durable(self) -> None:
        """What is to happen to the append that is under way happens before it may die."""
        happening, self.happening = self.happening, None
        if happening is not None:
            happening()
        super().durable()

    def alone(self) -> None:
        """Nobody else has a connection that must outlive a cut."""

    def busy(self) -> bool:
        """Whether somebody else stands in the middle of an append: a cut waits for him."""
        return False

    def create(self) -> None:
        """An empty log. Raises `NotStarted`."""
        raise NotImplementedError

    def restart(self) -> None:
        """The server is started again, and the log found."""
        super().restart()
        try:
            if self.server is not None:
                self.server.up()
            self.connect()
        except NotHere as error:
            raise SystemUnavailable(said(error)) from error
        except NotStarted as error:
            raise self.lost(error) from error
        except self.trouble as error:
            raise self.lost(error) from error

    def lost(self, error: Exception) -> DidNotRecover:
        """The server does not come back, or comes back without the log. It begins anew for the next run. Raises `SystemUnavailable` for a
        server that is not ours, for one that somebody else has ended or made stand still, and for one that does not even start when it is
        new."""
        self.disconnect()
        if self.server is None:
            raise SystemUnavailable(f"the server named by url= does not answer any more: {said(error)}") from error
        try:
            self.server.demand_peace()
            self.server.renew()
        except NotStarted as again:
            raise SystemUnavailable(said(again)) from again
        return DidNotRecover(said(error))

    def sure(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something that changes the log; where the answer does not come, the outcome is unknown."""
        if self.coming is not None and not self.busy():
            self.alone()
            self.happening, self.coming = self.coming, None
        try:
            return work(*arguments)
        except ProcessDied:
            raise
        except self.trouble as error:
            self.goes_on()
            if not isinstance(error, self.waiting):
                self.again()
            raise OutcomeUnknown(said(error)) from error
        finally:
            self.happening = None
            self.goes_on()

    def goes_on(self) -> None:
        """A server that stands still goes on before anybody asks it for more."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None:
            waiter.join()

    def again(self) -> None:
        """A connection that failed is replaced; a server that does not take one is started again."""
        self.disconnect()
        try:
            self.connect()
        except self.trouble:
            if self.server is not None:
                self.server.kill()
            self.restart()

    def looked(self, work: Callable[..., T], *arguments: Any) -> T:
        """Read something; a connection that has broken is replaced once. What cannot be read then, cannot be read at all."""
        try:
            return work(*arguments)
        except self.trouble:
            self.again()
        try:
            return work(*arguments)
        except self.trouble as error:
            raise self.lost(error) from error

    def close(self) -> None:
        """Give the connections back; the server is the system's."""
        self.disconnect()


def said(error: BaseException) -> str:
    """An error on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def cut_connections(port: int) -> int:
    """Cut every connection of this process to a port, whichever library has it; how many there were."""
    cut = 0
    for number in map(int, os.listdir(DESCRIPTORS)):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as connection:
                    if leads_to(connection, port):
                        connection.shutdown(socket.SHUT_RDWR)
                        cut += 1
    return cut


def leads_to(connection: socket.socket, port: int) -> bool:
    """Whether it is a connection over TCP to this port."""
    return connection.family in (socket.AF_INET, socket.AF_INET6) and connection.getpeername()[1] == port
