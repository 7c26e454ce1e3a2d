"""Clients of `nats-py` whose requests and publications are crossings, on a loop that the gate drives.

What JetStream does are requests. A publication that nobody answers is handed to the server before its crossing is passed. An answer that
is lost is a time-out, as the library has it. To fetch from a consumer that pulls is a crossing (`jetstream`); other messages of
subscriptions are none: they come when they come. What is generated in a subject is left out of the name of its place.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
import socket
import weakref
from typing import Any

from refold.systems.gate.actor import current
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.network.jetstream import (
    ACK,
    PAUSE,
    Deliveries,
    Reminder,
    acknowledgement,
    available,
    redelivery,
)
from refold.systems.gate.network.steady_names import steady
from refold.systems.gate.patches import Patches, Replacements
from refold.systems.gate.runtime.driven import MOMENT
from refold.systems.gate.runtime.loop import Loop
from refold.systems.gate.runtime.serving import cross, driving

REPLY = re.compile(re.escape(ACK).encode() + rb"[^ \r\n]+")
"""Where a message is acknowledged, in what a server sends."""


def late() -> BaseException:
    """What the library raises where no answer has come."""
    from nats.errors import TimeoutError

    return TimeoutError()


def refused() -> BaseException:
    """What it raises where no server is."""
    from nats.errors import NoServersError

    return NoServersError()


SILENT = Boundary(late, late)
"""A server that does not answer."""


async def unheard(error: Exception) -> None:
    """What goes wrong for a client whose process is dead; nobody is there to log it."""


def hang_up(client: Any) -> None:
    """The server hears at once that the client is gone; and it does not come back."""
    if client is not None:
        client._error_cb = unheard
        client.options["allow_reconnect"] = False
    writer = getattr(getattr(client, "_transport", None), "_io_writer", None)
    if writer is not None:
        writer.transport.abort()


def unread(client: Any) -> list[str]:
    """Where the messages are acknowledged that a server has sent, and a client has not read. With its process they are lost; for the server
    they are delivered."""
    transport = getattr(client, "_transport", None)
    writer, reader = getattr(transport, "_io_writer", None), getattr(transport, "_io_reader", None)
    taken = None if writer is None else writer.get_extra_info("socket")
    if taken is None or taken.fileno() < 0:
        return []
    found = bytes(getattr(reader, "_buffer", b""))
    with socket.socket(fileno=os.dup(taken.fileno())) as ours:
        ours.setblocking(False)
        while select.select([ours], [], [], MOMENT)[0]:
            try:
                more = ours.recv(65536)
            except OSError:
                break
            if not more:
                break
            found += more
    return [reply.decode() for reply in REPLY.findall(found)]


def _replacements() -> Replacements:
    from nats.aio.client import Client

    connect, request, publish, close, drain, subscribe, flush, pings, process = (
        Client.connect,
        Client.request,
        Client.publish,
        Client.close,
        Client.drain,
        Client.subscribe,
        Client.flush,
        Client._ping_interval,
        Client._process_msg,
    )

    async def crossing(told: tuple[str, str] | None, work: Any, boundary: Boundary, straight: Any = None) -> Any:
        actor = current()
        loop = driving(actor)
        if actor is None or loop is None:
            return await (straight or work)()
        return await cross(loop, actor, told, work, boundary)

    async def connects(client: Any, *arguments: Any, **named: Any) -> Any:
        """`Client.connect`."""
        actor = current()
        if actor is not None:
            ours, gate = weakref.ref(client), actor.gate

            def end() -> None:
                known = gate.share(Deliveries, Deliveries)
                for reply in unread(ours()) if known.listens(ours()) else ():
                    known.arrived(reply, gate.now)
                hang_up(ours())

            actor.process.opened(client, end)
        return await crossing(
            ("connect", "connect"), lambda: connect(client, *arguments, **named), Boundary(refused, refused)
        )

    def heard(subject: str, said: bytes) -> bytes | None:
        """What a server is told that a client says."""
        actor = current()
        if actor is None or not subject.startswith(ACK):
            return said
        return actor.gate.share(Deliveries, Deliveries).answered(subject, said, actor.gate.now)

    async def requests(client: Any, subject: str, payload: bytes = b"", *arguments: Any, **named: Any) -> Any:
        """`Client.request`."""

        async def work() -> Any:
            heard(subject, payload)
            return await request(client, subject, payload, *arguments, **named)

        words = acknowledgement(subject, payload) or f"request {subject}"
        return await crossing(("message", steady(words)), work, SILENT)

    async def publishes(client: Any, subject: str, payload: bytes = b"", *arguments: Any, **named: Any) -> Any:
        """`Client.publish`."""

        async def straight() -> None:
            said = heard(subject, payload)
            if said is not None:
                await publish(client, subject, said, *arguments, **named)

        async def work() -> None:
            await straight()
            await flush(client)

        words = acknowledgement(subject, payload) or f"publish {subject}"
        return await crossing(("message", steady(words)), work, SILENT, straight)

    async def subscribes(client: Any, subject: str, *arguments: Any, **named: Any) -> Any:
        """`Client.subscribe`."""
        return await crossing(
            ("message", steady(f"subscribe {subject}")), lambda: subscribe(client, subject, *arguments, **named), SILENT
        )

    async def arrives(client: Any, sid: int, subject: bytes, reply: bytes, *others: Any) -> None:
        """`Client._process_msg`."""
        actor = current()
        if actor is not None and reply.startswith(ACK.encode()):
            deliveries = actor.gate.share(Deliveries, Deliveries)
            consumer = deliveries.arrived(reply.decode(), actor.gate.now)
            for reminder in deliveries.reminders:
                if reminder.client is client and reminder.consumer == consumer:
                    reminder.set()
        await process(client, sid, subject, reply, *others)

    async def pings_never(client: Any) -> None:
        """`Client._ping_interval`. Its pings would be of simulated time and the answers of real time: a server would seem to be gone."""
        loop = asyncio.get_running_loop()
        await (loop.create_future() if isinstance(loop, Loop) else pings(client))

    def ends(real: Any) -> Any:
        async def passes(client: Any, *arguments: Any, **named: Any) -> Any:
            return await crossing(None, lambda: real(client, *arguments, **named), SILENT)

        return passes

    return {
        "nats.aio.client.Client.connect": connects,
        "nats.aio.client.Client.request": requests,
        "nats.aio.client.Client.publish": publishes,
        "nats.aio.client.Client.subscribe": subscribes,
        "nats.aio.client.Client._ping_interval": pings_never,
        "nats.aio.client.Client._process_msg": arrives,
        "nats.aio.client.Client.close": ends(close),
        "nats.aio.client.Client.drain": ends(drain),
    }


def _fetching() -> Replacements:
    from nats.aio.client import Client
    from nats.js.client import JetStreamContext

    fetch, request = JetStreamContext.PullSubscription.fetch, Client.request
    bind = JetStreamContext.subscribe_bind

    async def fetches(pull: Any, batch: int = 1, timeout: float | None = 5, *arguments: Any, **named: Any) -> Any:
        """`PullSubscription.fetch`."""
        actor = current()
        loop = driving(actor)
        if actor is None or loop is None or pull._sub is None or batch < 1 or (timeout is not None and timeout <= 0):
            return await fetch(pull, batch, timeout, *arguments, **named)
        gate = actor.gate

        async def work() -> Any:
            return await available(pull, batch, gate.share(Deliveries, Deliveries), gate.now, request)

        found = await cross(loop, actor, ("message", steady(f"fetch {pull._stream} {pull._consumer}")), work, SILENT)
        while not found:
            await asyncio.sleep(PAUSE if timeout is None else timeout)
            found = await cross(loop, actor, None, work, SILENT)
            if not found and timeout is not None:
                raise late()
        return found

    async def binds(js: Any, stream: str, config: Any, consumer: str, *arguments: Any, **named: Any) -> Any:
        """`JetStreamContext.subscribe_bind`."""
        actor = current()
        loop = driving(actor)
        if actor is not None and isinstance(loop, asyncio.AbstractEventLoop):
            deliveries = actor.gate.share(Deliveries, Deliveries)
            deliveries.consumers[stream, consumer] = redelivery(config)
            deliveries.reminders = [one for one in deliveries.reminders if not one.process.dead]
            reminder = Reminder(js._nc, actor.process, loop, (stream, consumer), deliveries, request)
            deliveries.reminders.append(reminder)
        bound = await bind(js, stream, config, consumer, *arguments, **named)
        if actor is not None and isinstance(loop, asyncio.AbstractEventLoop):
            reminder.set()
        return bound

    return {
        "nats.js.client.JetStreamContext.PullSubscription.fetch": fetches,
        "nats.js.client.JetStreamContext.subscribe_bind": binds,
    }


def is_theirs(callback: Any) -> bool:
    """Whether what is called with messages is the user's, or the library's own."""
    code = getattr(callback, "func", callback)
    name = f"{getattr(code, '__module__', '')}.{getattr(code, '__qualname__', '')}"
    return not name.startswith("nats.") or "_auto_ack_callback" in name


def _listening() -> Replacements:
    from nats.aio.subscription import Subscription

    start: Any = Subscription._start

    def starts(subscription: Any, report: Any) -> None:
        """`Subscription._start`. What calls the user's code is a task of the user's process."""
        start(subscription, report)
        actor = current()
        driven: Any = None if actor is None else getattr(actor.host, "driven", None)
        if actor is None or driven is None or driven.looking or actor.process.dead:
            return
        callback = subscription._cb
        if callback is None:
            driven.expects = driven.expects or not subscription.subject.endswith(".*")
        elif is_theirs(callback):
            driven.expects = True
            subscription._wait_for_msgs_task.cancel()
            subscription._wait_for_msgs_task = driven.beside(
                actor.process, subscription._wait_for_msgs(report), steady(f"messages of {subscription.subject}")
            )

    return {"nats.aio.subscription.Subscription._start": starts}


def register(patches: Patches) -> None:
    """Replace what speaks to a server."""
    patches.add("nats.aio.client", _replacements)
    patches.add("nats.aio.subscription", _listening)
    patches.add("nats.js.client", _fetching)
