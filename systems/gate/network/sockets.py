"""Sockets of actors that lead to a server with a proxy: they are led to the proxy, so that code with an address in it needs no change."""

from __future__ import annotations

import socket
from typing import Any, cast

from refold.systems.gate.actor import Actor, current
from refold.systems.gate.network.proxy import Proxy
from refold.systems.gate.patches import Patches, Replacements

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex


def proxy_of(actor: Actor, host: str, port: int) -> Proxy | None:
    """The proxy in front of that server; None if there is none."""
    for proxy in actor.gate.proxies:
        there, number = proxy.upstream
        if number == port and (host == there or (host in LOCAL and there in LOCAL)):
            return cast(Proxy, proxy)
    return None


def _led(address: Any) -> Any:
    """The address at which the server is for the actor whose code this is. Raises `Death`."""
    actor = current()
    if actor is None:
        return address
    if actor.process.dead:
        raise actor.process.death()
    if not isinstance(address, tuple):
        return address
    proxy = proxy_of(actor, str(address[0]), int(address[1]))
    return address if proxy is None else ("127.0.0.1", proxy.port(actor.process.name))


def connect(sock: socket.socket, address: Any) -> None:
    """`socket.socket.connect`."""
    _real_connect(sock, _led(address))


def connect_ex(sock: socket.socket, address: Any) -> int:
    """`socket.socket.connect_ex`."""
    return _real_connect_ex(sock, _led(address))


def register(patches: Patches) -> None:
    """Replace how sockets connect."""

    def replacements() -> Replacements:
        return {"socket.socket.connect": connect, "socket.socket.connect_ex": connect_ex}

    patches.add("socket", replacements)
