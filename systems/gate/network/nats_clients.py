"""Clients of `nats-py` whose requests and publications are crossings, on a loop that the gate drives.

What JetStream does are requests. A publication that nobody answers is handed to the server before its crossing is passed. An answer that
is lost is a time-out, as the library has it. Messages of subscriptions are no crossings: they come when they come. What is generated in a
subject is left out of the name of its place.
"""

from __future__ import annotations

import weakref
from typing import Any

from refold.systems.gate.actor import current
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.network.steady_names import steady
from refold.systems.gate.patches import Patches, Replacements
from refold.systems.gate.runtime.serving import cross, driving


def late() -> BaseException:
    """What the library raises where no answer has come."""
    from nats.errors import TimeoutError

    return TimeoutError()


def refused() -> BaseException:
    """What it raises where no server is."""
    from nats.errors import NoServersError

    return NoServersError()


async def unheard(error: Exception) -> None:
    """What goes wrong for a client whose process is dead; nobody is there to log it."""


def hang_up(client: Any) -> None:
    """The server hears at once that the client is gone."""
    if client is not None:
        client._error_cb = unheard
    writer = getattr(getattr(client, "_transport", None), "_io_writer", None)
    if writer is not None:
        writer.transport.abort()


def _replacements() -> Replacements:
    from nats.aio.client import Client

    connect, request, publish, close, drain, subscribe, flush = (
        Client.connect,
        Client.request,
        Client.publish,
        Client.close,
        Client.drain,
        Client.subscribe,
        Client.flush,
    )

    async def crossing(told: tuple[str, str] | None, work: Any, boundary: Boundary, straight: Any = None) -> Any:
        actor = current()
        loop = driving(actor)
        if actor is None or loop is None:
            return await (straight or work)()
        return await cross(loop, actor, told, work, boundary)

    silent = Boundary(late, late)

    async def connects(client: Any, *arguments: Any, **named: Any) -> Any:
        """`Client.connect`."""
        actor = current()
        if actor is not None:
            ours = weakref.ref(client)
            actor.process.opened(client, lambda: hang_up(ours()))
        return await crossing(
            ("connect", "connect"), lambda: connect(client, *arguments, **named), Boundary(refused, refused)
        )

    async def requests(client: Any, subject: str, *arguments: Any, **named: Any) -> Any:
        """`Client.request`."""
        return await crossing(
            ("message", steady(f"request {subject}")), lambda: request(client, subject, *arguments, **named), silent
        )

    async def publishes(client: Any, subject: str, *arguments: Any, **named: Any) -> Any:
        """`Client.publish`."""

        async def work() -> None:
            await publish(client, subject, *arguments, **named)
            await flush(client)

        return await crossing(
            ("message", steady(f"publish {subject}")),
            work,
            silent,
            lambda: publish(client, subject, *arguments, **named),
        )

    async def subscribes(client: Any, subject: str, *arguments: Any, **named: Any) -> Any:
        """`Client.subscribe`."""
        return await crossing(
            ("message", steady(f"subscribe {subject}")), lambda: subscribe(client, subject, *arguments, **named), silent
        )

    def ends(real: Any) -> Any:
        async def passes(client: Any, *arguments: Any, **named: Any) -> Any:
            return await crossing(None, lambda: real(client, *arguments, **named), silent)

        return passes

    return {
        "nats.aio.client.Client.connect": connects,
        "nats.aio.client.Client.request": requests,
        "nats.aio.client.Client.publish": publishes,
        "nats.aio.client.Client.subscribe": subscribes,
        "nats.aio.client.Client.close": ends(close),
        "nats.aio.client.Client.drain": ends(drain),
    }


def register(patches: Patches) -> None:
    """Replace what speaks to a server."""
    patches.add("nats.aio.client", _replacements)
