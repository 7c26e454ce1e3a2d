"""What the logs on servers have in common: they die with their server, and come back with it or begin anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from refold.model.application import Application
from refold.model.errors import OutcomeUnknown, SystemUnavailable
from refold.model.process import Process, ProcessDied
from refold.systems.servers.server import NotStarted, Server

T = TypeVar("T")


class ServerLog(Process):
    """A log on a server of ours, or (`server` None) on one that is there already, which is never killed: a crash is then the end of all
    connections."""

    name = "log"
    trouble: tuple[type[Exception], ...] = (OSError,)
    """What the client library raises when the server is away, slow or out of order."""
    waiting: tuple[type[Exception], ...] = ()
    """What of it says no more than that somebody else is in the way."""

    def __init__(self, server: Server | None, application: Application) -> None:
        self.server = server
        self.application = application
        self.damage: str | None = None

    def connect(self) -> None:
        """Connect, and find the log."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Forget all connections. Must not raise."""
        raise NotImplementedError

    def crash(self) -> None:
        """The server dies, and with it what it had in memory."""
        super().crash()
        if self.server is not None:
            self.server.kill()
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
        except NotStarted as error:
            self.begin_anew(error)
        except self.trouble as error:
            self.begin_anew(error)

    def begin_anew(self, error: Exception) -> None:
        """The server does not come back, or without the log: an empty one takes its place, as an operator without a backup has to have it,
        so that what it held is missed. `damage` says what it said."""
        self.disconnect()
        if self.server is None:
            raise SystemUnavailable(f"the server named by url= does not answer any more: {said(error)}") from error
        self.damage = said(error)
        self.server.renew()
        self.create()
        try:
            self.connect()
        except self.trouble as again:
            raise NotStarted(f"a new server does not let anybody in: {said(again)}") from again

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
            self.begin_anew(error)
        return work(*arguments)

    def close(self) -> None:
        """Give the connections back; the server is the system's."""
        self.disconnect()


def said(error: BaseException) -> str:
    """An error on one line."""
    return " ".join(str(error).split()) or type(error).__name__
