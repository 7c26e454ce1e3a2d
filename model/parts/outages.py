"""Outages: what happens to a server and to the connections to it, each kind told and counted apart.

A cut connection, a pause past the client's patience, an orderly stop, SIGKILL and a lost answer look alike to a client that only hears
"connection lost", and each breaks something else. Power cuts are actions of the core (`CutPower`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from refold.model.action import Action, AppendUnheard, action_kind
from refold.model.declarations.capability import Capability
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Crashed, Record, record_kind


class ServedLog(Protocol):
    """A log on a server, to which more may happen than to one in memory."""

    name: str
    down: bool

    def cut_next(self, tell: Callable[[], None], /) -> None:
        """The connections are cut under the next append; `tell` is called when they are."""

    def pause_next(self, tell: Callable[[], None], /) -> None:
        """The server stands still under the next append, for longer than its client waits; `tell` is called when it does."""

    def stop(self) -> None:
        """The server is told to stop, and comes to its end in order. The log is down afterwards."""


# -- what a plan may do


@action_kind
class CutConnection(Action, frozen=True, tag="cut-connection"):
    """The connections of the log's clients are cut right before the next append is written; the server lives on.

    May lose: that append, which has no answer, and open transactions. May never lose: what was acknowledged.
    """

    phrase = "a connection had been cut"
    fault = True

    process: str

    def __str__(self) -> str:
        return f"the connection to the server of {self.process} is cut at the next append"


@action_kind
class PauseServer(Action, frozen=True, tag="pause-server"):
    """The server stands still (SIGSTOP) while the next append is written, until its client has given up; then it goes on (SIGCONT).

    May lose: the answer; the append may be done after its client has given up. May never lose: what was acknowledged.
    """

    phrase = "the server had stood still"
    fault = True

    process: str

    def __str__(self) -> str:
        return f"the server of {self.process} stands still at the next append, until its client has given up"


@action_kind
class StopServer(Action, frozen=True, tag="stop-server"):
    """The server is told to stop, as a service manager would do it, and shuts down in an orderly way. `restart` starts it again.

    May lose: open transactions. May never lose: what was acknowledged, whatever its settings say about crashes.
    """

    phrase = "the server had been stopped in order"
    fault = True

    process: str

    def __str__(self) -> str:
        return f"the server of {self.process} is stopped in order"


# -- what was seen


@record_kind
class ConnectionCut(Record, frozen=True, tag="connection-cut"):
    """The connections to the log's server were cut during an append. The server lives on."""

    phrase = "a connection had been cut"
    fault = True

    process: str

    def __str__(self) -> str:
        return f"the connections to the server of {self.process} are cut"


@record_kind
class ServerPaused(Record, frozen=True, tag="server-paused"):
    """The log's server stood still during an append until its client had given up."""

    phrase = "the server had stood still"
    fault = True

    process: str

    def __str__(self) -> str:
        return f"the server of {self.process} stands still until the client has given up, and goes on"


@record_kind
class ServerStopped(Record, frozen=True, tag="server-stopped"):
    """The log's server was told to stop, and stopped in an orderly way."""

    phrase = "the server had been stopped in order"
    fault = True

    process: str

    def __str__(self) -> str:
        return f"the server of {self.process} has come to its end in order"


class Served(Extension):
    """What the two kinds of outages have in common: they happen to the log, while no slow append is open."""

    @property
    def served(self) -> ServedLog:
        """The log, which is on a server."""
        return cast("ServedLog", self.context.log)

    def ready(self) -> bool:
        """Whether the log is up, and nobody has a transaction open: what becomes of that is what a crash shows."""
        return not self.served.down and not any(client.slow for client in self.clients.values())


class Cuts(Served):
    """Cuts connections; every log on a server can suffer this, also on one that is not refold's."""

    name = Capability("cut-connections")
    title = "cut connections"
    covers = "connections to the server that end while it lives on"
    counts = (
        count("connections_cut", "times at which the connections to the log's server were cut", ConnectionCut),
        count("appends_unheard", "appends that the log did, and whose answer was lost on its way", AppendUnheard),
    )
    family = "unheard"
    called_by = (CutConnection,)

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Of the log."""
        return [(cls.family, 2, [CutConnection("log")])]

    def handlers(self) -> dict[type, Handler]:
        """One action."""
        return {CutConnection: self.cut}

    def cut(self, action: CutConnection) -> bool:
        """At the next append."""
        if not self.ready():
            return False
        self.step(action)
        self.served.cut_next(lambda: self.emit(ConnectionCut(self.served.name)))
        return True


class Outages(Served):
    """Pauses and orderly stops of a server that refold has started, beside its deaths."""

    name = Capability("server-outages")
    title = "pauses and orderly stops of the server"
    covers = "a server that stands still past its clients' patience, or is stopped in order"
    counts = (
        count("server_stops", "servers of the log that were stopped in order", ServerStopped),
        count("server_pauses", "times at which the log's server stood still until a client gave up", ServerPaused),
        count("server_kills", "SIGKILL for the log's server", Crashed, where=lambda death: death.process == "log"),
    )
    family = "log-crash"
    called_by = (PauseServer, StopServer)

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Of the log."""
        return [(cls.family, 2, [StopServer("log")]), (cls.family, 1, [PauseServer("log")])]

    def handlers(self) -> dict[type, Handler]:
        """Two actions."""
        return {PauseServer: self.pause, StopServer: self.stop}

    def pause(self, action: PauseServer) -> bool:
        """At the next append."""
        if not self.ready():
            return False
        self.step(action)
        self.served.pause_next(lambda: self.emit(ServerPaused(self.served.name)))
        return True

    def stop(self, action: StopServer) -> bool:
        """Now. A restart, or the end of the run, brings it back."""
        if not self.ready():
            return False
        self.step(action)
        self.served.stop()
        self.emit(ServerStopped(self.served.name))
        return True
