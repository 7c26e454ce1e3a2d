"""A loopback proxy in front of a server: one port per process, on which each request stops until it is decided about.

The server and the client library are what they always are, in any language; not a byte is changed. Everything is served by the thread
that calls the gate, while it waits.

What a decision does with a request that stands here:

- `Go` passes it on.
- `Fail` ends the connection before the server has heard it. `Lose` passes it on, waits until the server has done it and hung up, and hands
  no answer to the client. In both cases the client library raises what it raises when a connection is lost; an error that the plan
  names cannot be raised through a server's protocol.
- `Die` ends all connections of the process.
- `Stop` passes it on. The handler is an actor of its own, ``alice/signal``, because the thread waits in its library; without a handler,
  `SystemExit` is raised in the thread once it is back in its own code.
- `Pause` keeps it.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from typing import Protocol

import attrs

from refold.systems.gate.actor import RUNNING, Actor, Turns
from refold.systems.gate.crossing import AFTER, Blocked, Crossing, Ended, Idle, Stopped, Wait
from refold.systems.gate.decision import Decision, Die, Fail, Lose, Pause, Stop
from refold.systems.gate.network.protocols import FRAMERS, Request

CHUNK = 1 << 16
PARTING = 0.5
"""Real seconds that a server gets to end what is left of a connection that has nothing to do any more."""


class Monitor(Protocol):
    """Asks a server about its connections, by the numbers that it gives them."""

    def __call__(self, backend: int) -> tuple[int, ...]:
        """For whom a connection waits; empty if it waits for nobody."""

    def end(self, backend: int) -> None:
        """End a connection whose client is gone and which has not noticed, because it waits. It is asked for when a gate is closed."""


class Served(Turns, Protocol):
    """A gate that serves sockets."""

    @property
    def switchboard(self) -> Switchboard:
        """Where they are watched."""


class Switchboard:
    """All sockets of a gate's proxies."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self.selector.register(self._woken, selectors.EVENT_READ, self._wakened)

    def serve(self, seconds: float) -> bool:
        """Wait at most that long for something to happen, and see to it; whether there was anything."""
        events = self.selector.select(seconds)
        for key, _ in events:
            if self.selector.get_map() and key.fd in self.selector.get_map():  # nobody has closed it a moment ago
                key.data()
        return bool(events)

    def wake(self) -> None:
        """Let `serve` return."""
        try:
            self._waker.send(b"!")
        except OSError:
            """It is full: it will return anyway. Or it is closed: nobody waits."""

    def _wakened(self) -> None:
        self._woken.recv(CHUNK)

    def close(self) -> None:
        """End all connections and ports."""
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]
        self.selector.close()
        self._waker.close()

    def watch(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        """Call `ready` when something has arrived."""
        self.selector.register(sock, selectors.EVENT_READ, ready)

    def drop(self, sock: socket.socket) -> None:
        """Close one socket."""
        try:
            self.selector.unregister(sock)
        except (KeyError, ValueError):
            return  # it is closed already
        sock.close()


class Proxy:
    """The way of all actors to one server. `monitor` tells who waits for whom in it; without one, an answer that does not come for a
    while counts as a wait."""

    def __init__(
        self, gate: Served, host: str, port: int, protocol: str = "plain", monitor: Monitor | None = None
    ) -> None:
        if protocol not in FRAMERS:
            raise ValueError(f"there is no protocol {protocol!r}; there are {', '.join(FRAMERS)}; 'plain' fits all")
        self.gate = gate
        self.upstream = (host, port)
        self.protocol = protocol
        self.monitor = monitor
        self.ways: list[Way] = []
        self._ports: dict[str, int] = {}

    def port(self, process: str) -> int:
        """The port on 127.0.0.1 at which the server is for the actors of this process: for an actor with a process of its own, its name."""
        if process not in self._ports:
            listener = socket.create_server(("127.0.0.1", 0))
            listener.setblocking(False)
            self._ports[process] = listener.getsockname()[1]
            self.gate.switchboard.watch(listener, lambda: self._accept(process, listener))
        return self._ports[process]

    def _accept(self, name: str, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # it has changed its mind
        process = self.gate.process(name)
        if not process.actors:
            client.close()  # nobody lives there
            return
        actor = next((one for one in process.actors if one.name == name), process.actors[-1])
        try:
            server = socket.create_connection(self.upstream, timeout=self.gate.deadline)
        except OSError:
            client.close()  # as if the client had not reached the server, which is so
            return
        self.ways.append(Way(self, actor, client, server))


class Way:
    """One connection of one actor."""

    def __init__(self, proxy: Proxy, actor: Actor, client: socket.socket, server: socket.socket) -> None:
        self.proxy = proxy
        self.actor = actor
        self.process = actor.process
        self.client = client
        self.server = server
        self.framer = FRAMERS[proxy.protocol]()
        self.waiting: list[Request] = []
        self.current: Request | None = None
        """The request that stands here."""
        self.asked = False
        """The server has a request and has not answered."""
        self.flagged = False
        """The gate has called the actor blocked: its answer will stop."""
        self.answer = b""
        self.loses: Lose | None = None
        self.open = True
        board = proxy.gate.switchboard
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(proxy.gate.deadline)
        board.watch(client, self._from_client)
        board.watch(server, self._from_server)
        self.process.opened(self, self.close)

    # --- from the client ---

    def _from_client(self) -> None:
        data = _received(self.client)
        if not data:
            self.close()
            return
        self.waiting += self.framer.requests(data)
        self.go_on()

    def go_on(self, *, forced: bool = False) -> None:
        """Pass on what is no stop; stand at what is one. `forced`: although the loop that has sent it has not come to a choice, because a
        driver that does not await keeps it."""
        loop = self.actor.host.loop
        if loop is not None and self.actor.host.running and not forced:
            return  # its tasks are at no choice yet: whose request it is, and where he stands, is not known before
        while self.waiting and self.current is None and self.open:
            request = self.waiting.pop(0)
            actor = self._sender()
            if request.answer:
                self._send(self.client, request.answer)
            elif not request.words or actor.free or self.process.dead or isinstance(actor.status, Idle | Ended):
                self.asked = self.asked or not request.farewell
                self._send(self.server, request.data)
            else:
                self._stand(actor, request)

    def _sender(self) -> Actor:
        """Whose request it is: that of the one who runs; else of the one whose port it is."""
        for actor in self.process.actors:
            if actor.status is RUNNING:
                self.actor = actor
                return actor
        loop = self.actor.host.loop
        if loop is not None and loop.last is not None:
            self.actor = loop.last
        return self.actor

    def _stand(self, actor: Actor, request: Request) -> None:
        self.current = request
        actor.way = self
        actor.number += 1
        actor.crossing = Crossing(actor.name, actor.number, request.words, request.kind)
        self._stop(actor)

    def _stop(self, actor: Actor) -> None:
        assert actor.crossing is not None
        actor.held = self
        self.proxy.gate.blocked.discard(actor)
        actor.status = Stopped(actor.crossing)
        if actor.host.running:
            actor.host.keep_others(actor)

    # --- decisions ---

    def decided(self, decision: Decision) -> None:
        """Do with the request, or with its answer, as decided."""
        actor = self.actor
        if isinstance(decision, Pause):
            until = self.proxy.gate.now + decision.seconds
            actor.status = Blocked(actor.crossing, Wait("the end of its pause", until=until))
            self.proxy.gate.blocked.add(actor)
            return
        actor.held = None
        if isinstance(decision, Die):
            actor.host.interrupt()
            self.process.die()
        elif isinstance(decision, Fail) or (isinstance(decision, Lose) and self.current is None):
            self.close()
        else:
            if isinstance(decision, Stop):
                self.proxy.gate.signal(actor, decision)
            self._pass_on(decision)

    def _pass_on(self, decision: Decision) -> None:
        if self.current is None:
            data, self.answer = self.answer, b""
            self.flagged = False
            self._send(self.client, data)
            return
        request, self.current = self.current, None
        self.asked = True
        if not self.actor.host.running and self.actor.crossing is not None:
            self.actor.crossing = attrs.evolve(self.actor.crossing, phase=AFTER)
        self._send(self.server, request.data)
        if isinstance(decision, Lose) and self.open:
            self.loses = decision
            self.server.shutdown(socket.SHUT_WR)

    def dropped(self) -> None:
        """The process is dead."""
        self.actor.held = None
        self.close()

    # --- from the server ---

    def _from_server(self) -> None:
        data = _received(self.server)
        if not data:
            self.close()
            return
        if self.framer.backend is None:
            self.framer.answer(data)
            if self.framer.backend is not None:
                self.proxy.gate.backends[self.framer.backend] = self.actor.name
        if self.loses is not None:
            return
        self.asked = False
        if self.flagged:
            self.answer += data
            self._stand_at_answer()
            return
        self._send(self.client, data)
        self.go_on()

    def _stand_at_answer(self) -> None:
        actor = self.actor
        if actor.held is self or actor.crossing is None:
            return
        actor.crossing = attrs.evolve(actor.crossing, phase=AFTER)
        self._stop(actor)

    def probe(self) -> Wait | None:
        """For whom the request waits in the server."""
        monitor, backend = self.proxy.monitor, self.framer.backend
        if monitor is None or backend is None:
            return None
        holders = monitor(backend)
        if not holders:
            return None
        backends = self.proxy.gate.backends
        names = tuple(dict.fromkeys(backends.get(one, f"connection {one}") for one in holders))
        words = self.actor.crossing.words if self.actor.crossing is not None else "its request"
        return Wait(f"a lock in the server, in {words}", names, seen="server")

    @property
    def can_ask(self) -> bool:
        """Whether the server can be asked; while it still greets the client, it waits for nobody."""
        return self.proxy.monitor is not None

    # --- sockets ---

    def _send(self, sock: socket.socket, data: bytes) -> None:
        try:
            sock.sendall(data)
        except OSError:
            self.close()

    def close(self) -> None:
        """End the connection on both sides."""
        if not self.open:
            return
        busy, self.open, self.asked, self.flagged = self.asked, False, False, False
        board = self.proxy.gate.switchboard
        if not busy:
            _hang_up(self.server)
        elif self.proxy.monitor is not None and self.framer.backend is not None:
            self.proxy.gate.abandoned.append((self.proxy.monitor, self.framer.backend))
        board.drop(self.server)
        board.drop(self.client)
        self.process.closed(self)
        if self in self.proxy.ways:
            self.proxy.ways.remove(self)
        if self.actor.way is self:
            self.actor.way = None
        if self.actor.held is self:  # the client has hung up: its code goes on
            self.actor.held = None
            loop = self.actor.host.loop
            if loop is None or self.actor.host.running:
                self.actor.status = RUNNING
            elif not isinstance(self.actor.status, Ended):
                loop.outdated = True
                self.actor.status = Blocked(self.actor.crossing, Wait("its event loop", seen="loop"))
                self.proxy.gate.blocked.add(self.actor)


def _hang_up(server: socket.socket) -> None:
    """Tell the server that nothing more comes, and wait until it has ended what it had open, if it says so by hanging up."""
    try:
        server.shutdown(socket.SHUT_WR)
        server.settimeout(PARTING)
        while server.recv(CHUNK):
            """Nobody will hear it."""
    except OSError:
        """It has gone first, or takes its time."""


def _received(sock: socket.socket) -> bytes:
    """What has arrived; nothing if the other side is gone."""
    try:
        return sock.recv(CHUNK)
    except OSError:
        return b""
