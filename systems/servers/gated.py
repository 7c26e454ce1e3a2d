"""Appends that stop at the gate: ordinary code becomes a slow append, because its COMMIT waits for a decision.

The code connects through a loopback proxy of refold's and knows nothing of it. Nothing but the gate is needed to open, commit and roll
back its transactions one after another in one thread of a plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, cast

from refold.model.declarations.append import Appended, AppendRequest, Conflict
from refold.model.errors import OutcomeUnknown, SystemUnavailable
from refold.systems.gate.crossing import Blocked, Raised, Returned, Status, Stopped
from refold.systems.gate.gate import Busy, Gate
from refold.systems.gate.network.proxy import Monitor
from refold.systems.servers.log import ServerLog

LATE = 5.0
"""Seconds that an answer may take on a busy machine."""
ENTRY = 10.0
"""Seconds within which a server must let a writer in."""

REAL_SLEEP = time.sleep


def patient(gate: Gate, name: str, status: Status, seconds: float = LATE) -> Status:
    """Where somebody stands, once that is known. On a busy machine an answer may be late, and then somebody seems to wait whose thread has
    only not moved for a while. Who waits for another's lock, as the server says, goes on waiting."""
    until = time.monotonic() + seconds
    while isinstance(status, Blocked) and status.wait.seen == "still" and time.monotonic() < until:
        REAL_SLEEP(0.002)
        gate.advance(0)
        status = gate.status(name)
    return status


class Writer(Protocol):
    """A connection of its own that appends."""

    taken: tuple[int, ...]

    def append(self, request: AppendRequest, /) -> Appended | Conflict:
        """Append conditionally."""


class Waiting(Monitor, Protocol):
    """Knows who waits for whom in the server."""

    def close(self) -> None:
        """End its connection."""


class Gated:
    """Writers at a gate of their own, which is opened when the first is needed and closed with the run. `refused` are the errors of the
    client library."""

    def __init__(
        self,
        make: Callable[[], Writer],
        host: str,
        port: int,
        protocol: str,
        waiting: Callable[[], Waiting] | None,
        refused: type[Exception],
    ) -> None:
        self.make = make
        self.address = (host, port, protocol)
        self.waiting = waiting
        self.refused = refused
        self.gate: Gate | None = None
        self.monitor: Waiting | None = None
        self.writers: dict[str, Writer] = {}
        self.open: dict[str, str] = {}
        """Operation -> the writer that has it open."""

    def begin(self, request: AppendRequest, until: str) -> tuple[int, ...] | Appended | Conflict:
        """Let a writer append up to the crossing that begins with these words: the positions that it has taken by then, none if it waits
        in the server; or its answer, if it has one already."""
        gate, name = self.ready()
        gate.start(name, self.writers[name].append, request)
        status = gate.until(name, until)
        while isinstance(status, Blocked) and isinstance(patient(gate, name, status), Stopped):
            status = gate.until(name, until)
        if isinstance(status, Stopped | Blocked):
            self.open[request.op] = name
            return self.writers[name].taken if isinstance(status, Stopped) else ()
        return self.answer(name, status)

    def commit(self, op: str) -> Appended | Conflict:
        """Let it go on to its end. Raises `OutcomeUnknown` if its connection was lost meanwhile."""
        if self.gate is None or op not in self.open:
            raise OutcomeUnknown("the connection was lost, and with it what was open on it")
        return self.finish(self.gate, self.open.pop(op))

    def abort(self, op: str) -> None:
        """Its client dies; perhaps without its connection, which was lost meanwhile."""
        if self.gate is not None and op in self.open:
            self.bury(self.gate, self.open.pop(op))

    def bury(self, gate: Gate, name: str) -> None:
        """A writer's client dies. Its connection has ended when this returns, also in a server that does not notice by itself."""
        self.writers.pop(name, None)
        gate.kill(name)
        gate.abandoned.clear()
        for backend, actor in list(gate.backends.items()):
            if actor == name and self.monitor is not None:
                self.monitor.end(backend)
                del gate.backends[backend]

    def close(self) -> None:
        """Nobody is left at the gate."""
        gate, self.gate = self.gate, None
        if gate is not None:
            for name in [*self.writers]:
                self.bury(gate, name)
        monitor, self.monitor = self.monitor, None
        self.writers.clear()
        self.open.clear()
        if gate is not None:
            gate.__exit__(None, None, None)
        if monitor is not None:
            monitor.close()

    def ready(self) -> tuple[Gate, str]:
        """The gate, and a writer with nothing to do. Raises `OutcomeUnknown` if the server refuses one, and `SystemUnavailable` if it lets
        him wait."""
        try:
            if self.gate is None:
                self.monitor = self.waiting() if self.waiting is not None else None
                self.gate = Gate()
                self.gate.__enter__()
                self.gate.proxy(*self.address, self.monitor)
            name = next(name for number in range(1, 100) if (name := f"writer {number}") not in self.open.values())
            if name not in self.writers:
                self.writers[name] = self.entered(self.gate, name)
        except self.refused as error:
            raise OutcomeUnknown(str(error)) from error
        return self.gate, name

    def entered(self, gate: Gate, name: str) -> Writer:
        """A writer that has a connection. On a busy machine this takes so long that he seems to wait for somebody."""
        try:
            return cast(Writer, gate.run(name, self.make))
        except Busy:
            status = patient(gate, name, gate.status(name), ENTRY)
        if isinstance(status, Raised):
            raise status.error
        if not isinstance(status, Returned):
            raise SystemUnavailable(
                f"the server at {self.address[0]}:{self.address[1]} has not let a client in for {ENTRY:g} seconds; it hangs, or its"
                " machine does"
            )
        return cast(Writer, status.value)

    def finish(self, gate: Gate, name: str) -> Appended | Conflict:
        """Step after step to the end."""
        status = patient(gate, name, gate.status(name))
        while isinstance(status, Stopped):
            status = patient(gate, name, gate.step(name))
        return self.answer(name, status)

    def answer(self, name: str, status: Status) -> Appended | Conflict:
        """What a writer has come to."""
        if isinstance(status, Returned):
            answered: Any = status.value
            if isinstance(answered, Appended | Conflict):
                return answered
        assert self.gate is not None
        self.bury(self.gate, name)
        if isinstance(status, Raised) and isinstance(status.error, self.refused):
            raise OutcomeUnknown(str(status.error)) from status.error
        if isinstance(status, Raised):
            raise status.error
        raise OutcomeUnknown(f"{name} {status}")


class GatedLog(ServerLog):
    """A log on a server whose slow appends are its ordinary ones, which stop at the gate before the crossing that begins with
    `stops_before`."""

    gated: Gated
    stops_before: str

    def busy(self) -> bool:
        """Whether a slow append is open."""
        return bool(self.gated.open)

    def alone(self) -> None:
        """Writers that have nothing to do go, and come again with new connections."""
        self.gated.close()

    def begin(self, request: AppendRequest) -> tuple[int, ...] | Appended | Conflict:
        """An append that stops there."""
        return self.gated.begin(request, self.stops_before)

    def commit(self, op: str) -> Appended | Conflict:
        """Let it go on."""
        return self.gated.commit(op)

    def abort(self, op: str) -> None:
        """Its client dies."""
        self.gated.abort(op)
