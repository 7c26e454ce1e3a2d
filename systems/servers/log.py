"""What the logs on servers have in common: they die with their server, and come back with it or are gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from refold.model.application import Application
from refold.model.errors import DidNotRecover, OutcomeUnknown, SystemUnavailable
from refold.model.process import Process, ProcessDied
from refold.systems.servers.server import NotHere, NotStarted, Server

T = TypeVar("T")
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
        server that is not ours, and for one that does not even start when it is new."""
        self.disconnect()
        if self.server is None:
            raise SystemUnavailable(f"the server named by url= does not answer any more: {said(error)}") from error
        try:
            self.server.renew()
        except NotStarted as again:
            raise SystemUnavailable(said(again)) from again
        return DidNotRecover(said(error))

    def sure(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something that changes the log; where the answer does not come, the outcome is unknown."""
        try:
            return work(*arguments)
        except ProcessDied:
            raise
        except self.trouble as error:
            if not isinstance(error, self.waiting):
                self.again()
            raise OutcomeUnknown(said(error)) from error

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
