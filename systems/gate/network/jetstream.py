"""Messages that a consumer of JetStream fetches, on a loop that the gate drives: no real time is waited for.

`fetch` asks the server for what there is now. If there is nothing, its time-out passes in the gate's time, and it asks once more. A message
that is not acknowledged comes again after `ack_wait`, which passes in the gate's time, too: then the server is told that the message was
refused. So a worker that dies with a message gets it again at rest, and a plan means the same however long it takes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

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
        self.open: dict[str, tuple[str, float]] = {}
        """Where a message is acknowledged -> the consumer, and the gate's time at which the message comes again."""
        self.consumers: dict[str, Redelivery] = {}

    def close(self) -> None:
        """Nothing is open here."""

    def delivered(self, consumer: str, reply: str, now: float) -> None:
        """A message has arrived."""
        redelivery = self.consumers[consumer]
        if redelivery.waits and reply.startswith(ACK):
            self.open[reply] = consumer, now + redelivery.wait(fields(reply)[2])

    def answered(self, reply: str, said: bytes, now: float) -> bytes | None:
        """A client says something about a message; what the server is to hear of it, None for nothing. A delay is one of the gate's time."""
        consumer, _ = self.open.pop(reply, ("", 0.0))
        if not consumer:
            return said
        if said.startswith(IN_PROGRESS):
            self.open[reply] = consumer, now + self.consumers[consumer].wait(fields(reply)[2])
        elif said.startswith(REFUSED) and said != REFUSED:
            delay = json.loads(said.removeprefix(REFUSED)).get("delay", 0) / 1e9
            self.open[reply] = consumer, now + delay
            return None
        return said

    def due(self, consumer: str, now: float) -> list[str]:
        """The messages that come again now."""
        found = [reply for reply, (one, moment) in self.open.items() if one == consumer and moment <= now]
        for reply in found:
            del self.open[reply]
        return found


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


async def redelivery_of(pull: Any) -> Redelivery:
    """As the server says."""
    from nats.js.api import AckPolicy

    config = (await pull.consumer_info()).config
    if config.ack_policy == AckPolicy.NONE:
        return Redelivery(())
    return Redelivery(tuple(config.backoff or ()) or (config.ack_wait or ACK_WAIT,))


async def available(pull: Any, batch: int, deliveries: Deliveries, now: float, request: Request) -> list[Any]:
    """What there is for a consumer now; at most so many messages."""
    if pull._nms not in deliveries.consumers:
        deliveries.consumers[pull._nms] = await redelivery_of(pull)
    for reply in deliveries.due(pull._nms, now):
        await request(pull._nc, reply, REFUSED, timeout=ANSWER)
    found = await asked(pull, batch)
    if not found:
        await asyncio.get_running_loop().run_in_executor(None, REAL_SLEEP, ONCE_MORE)
        found = await asked(pull, batch)
    for message in found:
        deliveries.delivered(pull._nms, message.reply, now)
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
