"""What the logs on servers have in common: they die with their server, come back with it, and say so if they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from refold.model.application import Application
from refold.model.errors import DidNotRecover, OutcomeUnknown, SystemUnavailable
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
        """An empty log."""
        raise NotImplementedError

    def restart(self) -> None:
        """The server is started again. If it does not come back, or without the log, it begins anew with an empty one, as an operator
        without a backup has to, so that what it held is missed; `damage` says what it said."""
        super().restart()
        try:
            if self.server is not None:
                self.server.up()
            self.connect()
        except (*self.trouble, NotStarted) as error:
            self.disconnect()
            if self.server is None:
                raise SystemUnavailable(f"the server at url= does not come back: {said(error)}") from error
            self.damage = said(error)
            self.server.renew()
            self.create()
            self.connect()

    def sure(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something that changes the log; where the answer does not come, the outcome is unknown."""
        try:
            return work(*arguments)
        except (ProcessDied, *self.waiting):
            raise
        except self.trouble as error:
            self.again()
            raise OutcomeUnknown(str(error).strip()) from error

    def again(self) -> None:
        """A connection that failed is replaced. Raises `DidNotRecover` if there is none to be had."""
        self.disconnect()
        try:
            self.connect()
        except self.trouble as error:
            raise DidNotRecover(said(error)) from error

    def looked(self, work: Callable[..., T], *arguments: Any) -> T:
        """Read something; a connection that has broken is replaced once. Raises `DidNotRecover` if that does not help."""
        try:
            return work(*arguments)
        except self.trouble:
            self.again()
        try:
            return work(*arguments)
        except self.trouble as error:
            raise DidNotRecover(said(error)) from error

    def close(self) -> None:
        """Give the connections back; the server is the system's."""
        self.disconnect()


def said(error: BaseException) -> str:
    """An error on one line."""
    return " ".join(str(error).split()) or type(error).__name__
