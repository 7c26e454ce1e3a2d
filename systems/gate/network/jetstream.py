"""Messages of consumers of JetStream, on a loop that the gate drives: no real time is waited for.

`fetch` asks the server for what there is now. If there is nothing, its time-out passes in the gate's time, and it asks once more. A message
that is not acknowledged comes again after `ack_wait`, which passes in the gate's time, too: then the server is told that the message was
refused, by who fetches next, or by a client to which it is pushed. So a worker that dies with a message gets it again at rest, and a plan
means the same however long it takes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from refold.systems.gate.actor import Process

ACK = "$JS.ACK."
"""How the subjects begin to which messages are acknowledged."""
REFUSED = b"-NAK"
IN_PROGRESS = b"+WPI"
ACK_WAIT = 30.0
"""What the server has if nobody says anything else."""
PAUSE = 5.0
"""Seconds after which a fetch without a time-out asks again."""
ANSWER = 5.0
"""Seconds within which a server has to say that it has heard something."""
ONCE_MORE = 0.002
"""Real seconds after which a server is asked once more before it is believed that there is nothing: it tells its consumers of new messages
a moment after it has acknowledged them."""
REAL_SLEEP = time.sleep

Request = Callable[..., Awaitable[Any]]


Consumer = tuple[str, str]
"""The names of a stream and of a consumer of it."""


@attrs.frozen
class Redelivery:
    """How a consumer has its messages delivered again."""

    waits: tuple[float, ...]
    """Seconds up to the second delivery, up to the third, and so on; the last counts for all that follow. Empty if it never does."""

    def wait(self, delivered: int) -> float:
        """After so many deliveries."""
        return self.waits[min(delivered, len(self.waits)) - 1]


class Deliveries:
    """The messages that were delivered and not acknowledged, in all processes of a gate."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[Consumer, float]] = {}
        """Where a message is acknowledged -> the consumer, and the gate's time at which the message comes again."""
        self.consumers: dict[Consumer, Redelivery] = {}
        self.reminders: list[Reminder] = []

    def close(self) -> None:
        """Nothing is open here."""

    def arrived(self, reply: str, now: float) -> Consumer | None:
        """A message has come; the consumer whose it is, if it will come again unless it is acknowledged."""
        if not reply.startswith(ACK):
            return None
        stream, consumer, delivered = fields(reply)
        redelivery = self.consumers.get((stream, consumer))
        if redelivery is None or not redelivery.waits:
            return None
        self.open[reply] = (stream, consumer), now + redelivery.wait(delivered)
        return stream, consumer

    def listens(self, client: Any) -> bool:
        """Whether messages are pushed to a client."""
        return any(one.client is client for one in self.reminders)

    def answered(self, reply: str, said: bytes, now: float) -> bytes | None:
        """A client says something about a message; what the server is to hear of it, None for nothing. Delays are of the gate's time."""
        found = self.open.pop(reply, None)
        if found is None:
            return said
        if said.startswith(IN_PROGRESS):
            self.open[reply] = found[0], now + self.consumers[found[0]].wait(fields(reply)[2])
        elif said.startswith(REFUSED) and said != REFUSED:
            delay = json.loads(said.removeprefix(REFUSED)).get("delay", 0) / 1e9
            self.open[reply] = found[0], now + delay
            return None
        return said

    def due(self, consumer: Consumer, now: float) -> list[str]:
        """The messages that come again now."""
        found = [reply for reply, (one, moment) in self.open.items() if one == consumer and moment <= now]
        for reply in found:
            del self.open[reply]
        return found

    def next(self, consumer: Consumer) -> float | None:
        """When one comes again; None if none does."""
        return min((moment for one, moment in self.open.values() if one == consumer), default=None)


@attrs.define(eq=False)
class Reminder:
    """Tells the server in time which messages of a consumer it is to push again, over the connection of a client that lives."""

    client: Any
    process: Process
    loop: asyncio.AbstractEventLoop
    consumer: Consumer
    deliveries: Deliveries
    request: Request
    handle: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """For the next moment at which there is something to tell."""
        moment = self.deliveries.next(self.consumer)
        if self.handle is not None:
            self.handle.cancel()
        self.handle = None if moment is None else self.loop.call_at(max(moment, self.loop.time()), self.tell)

    def tell(self) -> None:
        """Now."""
        self.handle = None
        if self.process.dead or self.client.is_closed:
            return
        for reply in self.deliveries.due(self.consumer, self.loop.time()):
            of_nobody(self.loop, self.request(self.client, reply, REFUSED, timeout=ANSWER))
        self.set()


def of_nobody(loop: asyncio.AbstractEventLoop, coroutine: Any) -> asyncio.Task[Any]:
    """A task that is no actor: it takes its steps at once."""
    return asyncio.BaseEventLoop.create_task(loop, coroutine)  # type: ignore[arg-type]


def fields(reply: str) -> tuple[str, str, int]:
    """The stream, the consumer and the number of deliveries in the subject to which a message is acknowledged."""
    from nats.aio.msg import Msg

    metadata = Msg.Metadata._from_reply(reply)
    return metadata.stream, metadata.consumer, metadata.num_delivered


def acknowledgement(subject: str, said: bytes) -> str:
    """In words: ``ack orders adder``; "" if it is none."""
    if not subject.startswith(ACK):
        return ""
    stream, consumer, _ = fields(subject)
    kinds = {REFUSED: "nak", IN_PROGRESS: "in progress", b"+TERM": "term"}
    return f"{next((words for sign, words in kinds.items() if said.startswith(sign)), 'ack')} {stream} {consumer}"


def redelivery(config: Any) -> Redelivery:
    """As a consumer is configured."""
    from nats.js.api import AckPolicy

    if config.ack_policy == AckPolicy.NONE:
        return Redelivery(())
    return Redelivery(tuple(config.backoff or ()) or (config.ack_wait or ACK_WAIT,))


async def available(pull: Any, batch: int, deliveries: Deliveries, now: float, request: Request) -> list[Any]:
    """What there is for a consumer now; at most so many messages."""
    consumer = pull._stream, pull._consumer
    if consumer not in deliveries.consumers:
        deliveries.consumers[consumer] = redelivery((await pull.consumer_info()).config)
    for reply in deliveries.due(consumer, now):
        await request(pull._nc, reply, REFUSED, timeout=ANSWER)
    found = await asked(pull, batch)
    if not found:
        await asyncio.get_running_loop().run_in_executor(None, REAL_SLEEP, ONCE_MORE)
        found = await asked(pull, batch)
    return found


async def asked(pull: Any, batch: int) -> list[Any]:
    """The answer of the server to one request, which it answers at once."""
    from nats.js.client import JetStreamContext

    await pull._nc.publish(pull._nms, json.dumps({"batch": batch, "no_wait": True}).encode(), pull._deliver)
    found: list[Any] = []
    while len(found) < batch:
        message = await pull._sub.next_msg(timeout=None)
        status = JetStreamContext.is_status_msg(message)
        if JetStreamContext._is_heartbeat(status):
            continue
        if not JetStreamContext._is_processable_msg(status, message):
            break
        found.append(message)
    return found
