"""What the logs on servers have in common: they die with their server, come back with it, and say so if they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from refold.model.application import Application
from refold.model.errors import DidNotRecover, OutcomeUnknown
from refold.model.process import Process, ProcessDied
from refold.systems.servers.server import NotStarted, Server

T = TypeVar("T")


class ServerLog(Process):
    """A log on a server of ours, or (`server` None) on one that is there already, which is never killed: a crash is then the end of all
    connections."""

    name = "log"
    trouble: tuple[type[BaseException], ...] = (OSError,)
    """What the client library raises when the server is away, slow or out of order."""

    def __init__(self, server: Server | None, application: Application) -> None:
        self.server = server
        self.application = application

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

    def restart(self) -> None:
        """The server is started again. Raises `DidNotRecover` if it does not come back, or without the log."""
        super().restart()
        try:
            if self.server is not None:
                self.server.up()
            self.connect()
        except (NotStarted, *self.trouble) as error:
            self.disconnect()
            raise DidNotRecover(str(error).strip() or type(error).__name__) from error

    def sure(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something that changes the log; where the answer does not come, the outcome is unknown."""
        try:
            return work(*arguments)
        except ProcessDied:
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
            raise DidNotRecover(str(error).strip() or type(error).__name__) from error

    def looked(self, work: Callable[..., T], *arguments: Any) -> T:
        """Read something; a connection that has broken is replaced once. Raises `DidNotRecover` if that does not help."""
        try:
            return work(*arguments)
        except self.trouble:
            self.again()
        try:
            return work(*arguments)
        except self.trouble as error:
            raise DidNotRecover(str(error).strip() or type(error).__name__) from error

    def close(self) -> None:
        """Give the connections back; the server is the system's."""
        self.disconnect()
