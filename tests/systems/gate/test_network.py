"""The proxy with servers of any kind, and what is known of protocols."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from refold.systems.gate import DIE, Blocked, Fail, Gate, Lose, Raised, Returned, Stopped
from refold.systems.gate.network.protocols import Nats, Plain, Postgres, Resp


class Notes:
    """A server that keeps each line it gets and answers with their number; to ``wait`` it answers when there has been a ``go``."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.may_go = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rw") as file:
            for line in file:
                self.lines.append(line.strip())
                if line == "go\n":
                    self.may_go.set()
                if line == "wait\n":
                    self.may_go.wait(5)
                file.write(f"{len(self.lines)}\n")
                file.flush()


@pytest.fixture
def notes() -> Iterator[Notes]:
    server = Notes()
    yield server
    server.may_go.set()
    server.listener.close()


def note(port: int, *lines: str) -> list[str]:
    """A client with the server's address in it."""
    with socket.create_connection(("localhost", port)) as connection, connection.makefile("rw") as file:
        answers = []
        for line in lines:
            file.write(line + "\n")
            file.flush()
            answer = file.readline()
            if not answer:
                raise ConnectionError("the server has hung up")
            answers.append(answer.strip())
        return answers


def words(gate: Gate, name: str) -> str:
    status = gate.status(name)
    assert isinstance(status, Stopped), status
    return status.crossing.words


def test_messages_of_any_protocol_are_counted(notes: Notes) -> None:
    with Gate() as gate:
        gate.proxy("127.0.0.1", notes.port)
        gate.start("alice", note, notes.port, "a", "b")
        gate.start("bob", note, notes.port, "c")
        assert words(gate, "alice") == "message 1"
        assert notes.lines == []
        gate.step("bob")
        gate.step("alice")
        assert words(gate, "alice") == "message 2"
        assert notes.lines == ["c", "a"]
        assert gate.step("alice") == Returned(["2", "3"])
        assert gate.status("bob") == Returned(["1"])


def test_what_fails_does_not_arrive_and_what_is_lost_does(notes: Notes) -> None:
    with Gate() as gate:
        gate.proxy("127.0.0.1", notes.port)
        gate.start("alice", note, notes.port, "a")
        status = gate.step("alice", Fail())
        assert isinstance(status, Raised)
        assert isinstance(status.error, ConnectionError)
        assert notes.lines == []
        gate.start("alice", note, notes.port, "a")
        status = gate.step("alice", Lose())
        assert isinstance(status, Raised)
        assert isinstance(status.error, ConnectionError)
        assert notes.lines == ["a"]


def test_an_answer_that_does_not_come_is_a_wait_that_is_a_guess(notes: Notes) -> None:
    with Gate() as gate:
        gate.proxy("127.0.0.1", notes.port)
        gate.start("alice", note, notes.port, "wait", "then")
        status = gate.step("alice")
        assert isinstance(status, Blocked)
        assert status.wait.seen == "still"
        assert str(status.wait) == "waits for an answer of the server"
        gate.start("bob", note, notes.port, "go")
        gate.step("bob")
        for _ in range(1000):
            gate.advance(0)
            if gate.stopped():
                break
        status = gate.status("alice")
        assert isinstance(status, Stopped)
        assert str(status.crossing) == "alice stops after message 1"
        gate.finish()
        assert gate.status("alice") == Returned(["2", "3"])


def test_a_dead_actor_gets_no_connection(notes: Notes) -> None:
    tried = []

    def stubborn() -> None:
        try:
            note(notes.port, "a")
        except BaseException:
            tried.append("again")
            note(notes.port, "after death")

    with Gate() as gate:
        gate.proxy("127.0.0.1", notes.port)
        gate.start("alice", stubborn)
        gate.step("alice", DIE)
    assert tried == ["again"]
    assert notes.lines == []


def test_streams_of_asyncio_go_through_the_proxy(notes: Notes) -> None:
    async def client() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", notes.port)
        writer.write(b"a\n")
        answer = await reader.readline()
        writer.close()
        return answer.decode().strip()

    with Gate() as gate:
        gate.proxy("127.0.0.1", notes.port)
        gate.spawn("alice", client)
        gate.until("alice", "message")
        assert words(gate, "alice") == "message 1"
        assert notes.lines == []
        gate.finish()
        assert gate.status("alice") == Returned("1")


def test_a_protocol_that_is_not_known_is_told() -> None:
    with Gate() as gate, pytest.raises(ValueError, match="there is no protocol 'smtp'; there are plain, postgres"):
        gate.proxy("127.0.0.1", 25, "smtp")


# --- protocols ---


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


STARTUP = struct.pack("!ii", 8 + 9, 196608) + b"user\0me\0\0"


def said(framer: Postgres | Resp | Nats | Plain, data: bytes) -> list[str]:
    return [request.words for request in framer.requests(data)]


def test_postgres_requests_have_the_words_of_their_statement() -> None:
    framer = Postgres()
    ssl = framer.requests(struct.pack("!ii", 8, 80877103))
    assert [request.answer for request in ssl] == [b"N"]
    assert said(framer, STARTUP) == ["connect"]
    assert said(framer, message(b"p", b"secret\0")) == [""]
    assert said(framer, message(b"Q", b"BEGIN\0")) == ["BEGIN"]
    batch = message(b"P", b"s1\0insert into ev values ($1)\0\0\0") + message(b"B", b"\0s1\0\0\0\0\0\0\0")
    batch += message(b"E", b"\0\0\0\0\0")
    assert said(framer, batch) == []
    assert said(framer, message(b"S", b"")) == ["INSERT ev"]
    assert said(framer, message(b"B", b"\0s1\0\0\0\0\0\0\0") + message(b"S", b"")) == ["INSERT ev"]
    assert said(framer, message(b"X", b"")) == [""]


def test_postgres_requests_lose_no_byte_however_they_arrive() -> None:
    stream = STARTUP + message(b"Q", b"select 1 from a\0") + message(b"P", b"\0commit\0\0\0") + message(b"S", b"")
    for size in (1, 3, 7, 1000):
        framer, found = Postgres(), []
        for start in range(0, len(stream), size):
            found += framer.requests(stream[start : start + size])
        assert b"".join(request.data for request in found) == stream
        assert [request.words for request in found] == ["connect", "SELECT a", "COMMIT"]
        assert [request.kind for request in found] == ["connect", "statement", "commit"]


def test_the_number_of_a_server_process_is_found() -> None:
    framer = Postgres()
    greeting = message(b"R", struct.pack("!i", 0)) + message(b"K", struct.pack("!ii", 4711, 1))
    for byte in greeting:
        framer.answer(bytes([byte]))
    assert framer.backend == 4711


def test_resp_commands_have_their_key() -> None:
    framer = Resp()
    hello = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
    put = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\n1\r\n2\r\n"
    assert said(framer, hello) == [""]
    assert said(framer, put[:12]) == []
    assert said(framer, put[12:] + b"PING\r\n") == ["SET a"]
    multi = b"*1\r\n$5\r\nMULTI\r\n" + put + put + b"*1\r\n$4\r\nEXEC\r\n"
    request = framer.requests(multi)[0]
    assert request.words == "MULTI, SET a, SET a, …"
    assert request.data == multi


def test_nats_publications_have_their_subject() -> None:
    framer = Nats()
    assert said(framer, b"CONNECT {}\r\nPING\r\n") == ["", ""]
    assert said(framer, b"PUB orders.new 5\r\nhel") == []
    assert said(framer, b"lo\r\nSUB orders.* 1\r\n") == ["PUB orders.new", "SUB orders.*"]
    assert said(framer, b"PUB $JS.ACK.s.c.1.2.3 4\r\n+ACK\r\n") == ["ACK"]
    assert said(framer, b"HPUB orders.new 12 15\r\nNATS/1.0\r\n\r\nabc\r\n") == ["PUB orders.new"]


GENERATED = "0f3b9c1de4a75b68", "V1StGXR8Z5jdHi6BmyT2q7", "123e4567-e89b-12d3-a456-426614174000", "1732850100123"
"""As `secrets.token_hex`, a NUID, a UUID and a time in milliseconds look."""


@pytest.mark.parametrize("made", GENERATED)
def test_what_is_generated_is_no_part_of_the_name_of_a_place(made: str) -> None:
    """In another run it is another one, and a plan would never stop there."""
    assert said(Nats(), f"SUB _INBOX.{made}.* 1\r\n".encode()) == ["SUB _INBOX.….*"]
    assert said(Nats(), f"PUB $JS.API.CONSUMER.CREATE.orders_{made}.x 0\r\n\r\n".encode()) == [
        "PUB $JS.API.CONSUMER.CREATE.orders_….x"
    ]
    assert said(Resp(), b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(made) + 4, f"job:{made}".encode())) == ["GET job:…"]


@pytest.mark.parametrize("name", ["orders.new", "KV_balances", "orders.2026", "deadbeef", "run-17", "w1", "12345678"])
def test_other_names_stay_as_they_are(name: str) -> None:
    """Words, and numbers that count something."""
    assert said(Nats(), f"SUB {name} 1\r\n".encode()) == [f"SUB {name}"]
