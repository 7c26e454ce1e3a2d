"""`fetch` of `nats-py` at the gate: no real time is waited for, and what nobody acknowledges comes again in simulated time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.errors import SystemUnavailable
from refold.systems.gate import DIE, Gate, Lose, Raised, Returned, Stopped
from refold.systems.gate.network.jetstream import Deliveries, Redelivery, acknowledgement
from refold.systems.registry import resolve

pytest.importorskip("nats", reason="nats-py is not installed")

STREAM = "PARCELS"
REPLY = "$JS.ACK.PARCELS.van.1.7.7.1795949196444720055.0"
AGAIN = "$JS.ACK.PARCELS.van.3.7.9.1795949196444720055.0"


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    try:
        system: Any = resolve("nats")
    except SystemUnavailable as error:
        pytest.skip(str(error))
    try:
        ours = system.ours()
        ours.up()
        yield ours.port
    finally:
        system.dismiss()


async def made(port: int, **config: Any) -> Any:
    """A stream, and a consumer that pulls; its messages come again after a minute, unless `config` says something else."""
    import nats
    from nats.js.api import ConsumerConfig
    from nats.js.errors import NotFoundError

    client = await nats.connect(f"nats://127.0.0.1:{port}")
    stream = client.jetstream()
    with contextlib.suppress(NotFoundError):
        await stream.delete_stream(STREAM)
    await stream.add_stream(name=STREAM, subjects=["parcel"])
    await stream.add_consumer(STREAM, ConsumerConfig(**{"durable_name": "van", "ack_wait": 60, **config}))
    await client.close()


@pytest.fixture
def port(server: int) -> int:
    asyncio.run(made(server))
    return server


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as opened:
        yield opened
    assert opened.leaked == []


class Van:
    """Fetches parcels, as many as it is told to, and acknowledges each, unless it is `careless`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.found: list[str] = []

    async def stream(self) -> Any:
        import nats

        return (await nats.connect(f"nats://127.0.0.1:{self.port}", connect_timeout=10)).jetstream()

    async def fetch(self, batch: int = 1, timeout: float | None = 40.0, careless: bool = False) -> list[str]:
        pull = await (await self.stream()).pull_subscribe("parcel", durable="van", stream=STREAM)
        for message in await pull.fetch(batch, timeout=timeout):
            self.found.append(message.data.decode())
            if not careless:
                await message.ack()
        return self.found

    async def refuse(self, delay: float) -> str:
        """Takes one, and says that it is to come again later."""
        pull = await (await self.stream()).pull_subscribe("parcel", durable="van", stream=STREAM)
        (message,) = await pull.fetch(1)
        await message.nak(delay)
        return str(message.data.decode())

    async def send(self, *parcels: str) -> None:
        stream = await self.stream()
        for parcel in parcels:
            await stream.publish("parcel", parcel.encode())


def sent(port: int, *parcels: str) -> None:
    asyncio.run(Van(port).send(*parcels))


def ended(gate: Gate, name: str) -> Any:
    """How somebody's work ends when everybody goes on."""
    gate.finish()
    return gate.status(name)


def test_who_fetches_nothing_waits_in_simulated_time(gate: Gate, port: int) -> None:
    began, before = time.monotonic(), gate.now
    gate.task("carol", Van(port).fetch)
    status = ended(gate, "carol")
    assert isinstance(status, Raised), status
    assert type(status.error).__name__ == "TimeoutError"
    assert gate.now >= before + 40
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("timeout", [40.0, None])
def test_what_comes_while_somebody_fetches_is_found(gate: Gate, port: int, timeout: float | None) -> None:
    gate.task("carol", Van(port).fetch, 1, timeout)
    gate.until("carol", "fetch PARCELS van")
    gate.step("carol")
    assert not isinstance(gate.status("carol"), Stopped)
    gate.task("alice", Van(port).send, "vase")
    assert ended(gate, "carol") == Returned(["vase"])


def test_a_batch_is_what_there_is(gate: Gate, port: int) -> None:
    sent(port, "vase", "book", "lamp")
    gate.task("carol", Van(port).fetch, 10)
    assert ended(gate, "carol") == Returned(["vase", "book", "lamp"])
    gate.task("dave", Van(port).fetch)
    assert isinstance(ended(gate, "dave"), Raised)


def test_who_dies_with_a_message_leaves_it_to_the_next_after_its_time(gate: Gate, port: int) -> None:
    sent(port, "vase", "book")
    gate.task("carol", Van(port).fetch)
    status = gate.until("carol", "ack PARCELS van")
    assert isinstance(status, Stopped), status
    gate.step("carol", DIE)
    gate.task("dave", Van(port).fetch)
    assert ended(gate, "dave") == Returned(["book"]), "it is not the turn of the other one yet"
    gate.task("erin", Van(port).fetch)
    assert isinstance(ended(gate, "erin"), Raised)
    gate.task("frank", Van(port).fetch)
    assert ended(gate, "frank") == Returned(["vase"])
    gate.advance(3600)
    gate.task("grace", Van(port).fetch)
    assert isinstance(ended(gate, "grace"), Raised), "it was acknowledged"


@pytest.mark.parametrize("place", ["fetch PARCELS van", "ack PARCELS van"])
def test_a_lost_answer_loses_no_message(gate: Gate, port: int, place: str) -> None:
    """If that of a fetch is lost, the message comes again; if that of an acknowledgement is, it has arrived."""
    sent(port, "vase")
    gate.task("carol", Van(port).fetch)
    gate.until("carol", place)
    gate.step("carol", Lose())
    assert isinstance(ended(gate, "carol"), Raised)
    gate.advance(3600)
    gate.task("dave", Van(port).fetch)
    status = ended(gate, "dave")
    assert status == Returned(["vase"]) if place.startswith("fetch") else isinstance(status, Raised)


def test_a_refused_message_comes_again_after_its_delay(gate: Gate, port: int) -> None:
    sent(port, "vase")
    gate.task("carol", Van(port).refuse, 300.0)
    assert ended(gate, "carol") == Returned("vase")
    gate.advance(100)
    gate.task("dave", Van(port).fetch)
    assert isinstance(ended(gate, "dave"), Raised)
    gate.advance(300)
    gate.task("erin", Van(port).fetch)
    assert ended(gate, "erin") == Returned(["vase"])


def test_what_needs_no_acknowledgement_does_not_come_again(gate: Gate, server: int) -> None:
    asyncio.run(made(server, ack_policy="none", ack_wait=None))
    sent(server, "vase")
    gate.task("carol", Van(server).fetch, 1, 40.0, True)
    assert ended(gate, "carol") == Returned(["vase"])
    gate.advance(3600)
    gate.task("dave", Van(server).fetch)
    assert isinstance(ended(gate, "dave"), Raised)


def test_one_that_fetches_itself_out_of_attempts_gets_no_more(gate: Gate, server: int) -> None:
    """`max_deliver` counts as in production."""
    asyncio.run(made(server, max_deliver=2))
    sent(server, "vase")
    for name in ("carol", "dave"):
        gate.task(name, Van(server).fetch, 1, 40.0, True)
        assert ended(gate, name) == Returned(["vase"])
        gate.advance(3600)
    gate.task("erin", Van(server).fetch)
    assert isinstance(ended(gate, "erin"), Raised)


class Porch:
    """Has parcels brought to it, and notes each before it says so."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.found: list[str] = []

    async def start(self, acknowledges: bool = True) -> None:
        """Until it is told to stop."""
        stream = await Van(self.port).stream()

        async def take(message: Any) -> None:
            self.found.append(message.data.decode())
            if acknowledges:
                await message.ack()

        await stream.subscribe("parcel", stream=STREAM, durable="van", queue="van", cb=take, manual_ack=True)


@pytest.fixture
def pushing(server: int) -> int:
    asyncio.run(made(server, deliver_group="van", deliver_subject="to.van"))
    return server


def everything(gate: Gate) -> None:
    """Let everybody go on for a few simulated minutes."""
    for _ in range(20):
        gate.finish(50)


def test_a_callback_is_stopped_and_dies_with_its_process(gate: Gate, pushing: int) -> None:
    """Both what it had begun and what it had not yet read come again, to the next of its kind, after their time."""
    first, second = Porch(pushing), Porch(pushing)
    gate.task("porch", first.start)
    everything(gate)
    sent(pushing, "vase", "book")
    gate.hear()
    worker = next(name for name in gate.stopped() if name.startswith("porch/"))
    assert isinstance(gate.until(worker, "ack PARCELS van"), Stopped)
    assert first.found == ["vase"]
    gate.kill("porch")
    gate.task("porch", second.start)
    everything(gate)
    assert first.found == ["vase"]
    assert sorted(second.found) == ["book", "vase"]


def test_what_a_callback_does_not_acknowledge_comes_again(gate: Gate, pushing: int) -> None:
    porch = Porch(pushing)
    gate.task("porch", porch.start, False)
    everything(gate)
    sent(pushing, "vase")
    before = gate.now
    while len(porch.found) < 3:
        assert gate.now < before + 3600
        gate.finish(5)
    assert set(porch.found) == {"vase"}
    assert gate.now >= before + 120


def test_times_of_deliveries() -> None:
    deliveries = Deliveries()
    van = "PARCELS", "van"
    deliveries.consumers[van] = Redelivery((10.0, 20.0))
    assert deliveries.arrived(REPLY, 100.0) == deliveries.arrived(AGAIN, 100.0) == van
    assert deliveries.arrived(REPLY.replace("van", "bus"), 100.0) is deliveries.arrived("_INBOX.x", 100.0) is None
    assert deliveries.answered("elsewhere", b"", 100.0) == b""
    assert deliveries.answered(REPLY, b"+WPI", 105.0) == b"+WPI"
    assert deliveries.due(van, 114.0) == []
    assert deliveries.next(van) == 115.0
    assert deliveries.due(van, 115.0) == [REPLY]
    assert deliveries.due(van, 120.0) == [AGAIN]
    assert deliveries.due(van, 1000.0) == []
    assert deliveries.next(van) is None


def test_words_of_acknowledgements() -> None:
    said = [(b"", "ack"), (b"+ACK", "ack"), (b'-NAK {"delay": 5}', "nak"), (b"+WPI", "in progress"), (b"+TERM", "term")]
    assert [acknowledgement(REPLY, payload) for payload, _ in said] == [f"{words} PARCELS van" for _, words in said]
    assert acknowledgement("parcel", b"+ACK") == ""
