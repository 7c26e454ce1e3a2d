"""Servers that answer what is none of their protocol: the search ends with a sentence, and soon."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from refold.systems.servers.nats_client import Address, Client, NatsError

Speaks = Callable[[socket.socket], None]


@contextlib.contextmanager
def listening(speaks: Speaks) -> Iterator[Address]:
    """A server that says something to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    speaks(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Address(port=listener.getsockname()[1])
        thread.join(10)


def greeted(answer: bytes, times: int = 1, pause: float = 0.0) -> Speaks:
    """Greets as NATS does, and then says something else, so many times."""

    def speak(connection: socket.socket) -> None:
        connection.sendall(b"INFO {}\r\n")
        connection.recv(65536)
        for _ in range(times):
            connection.sendall(answer)
            time.sleep(pause)
        connection.recv(65536)

    return speak


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\xf5\x92\x1e\r\n", "which is not its protocol"),
        (b"\r\n", "which is not its protocol"),
        (b"HTTP/1.1 400 Bad Request\r\n", "'HTTP/1.1 400 Bad Request', which is not its protocol"),
        (b"MSG subject\r\n", "which is not its protocol"),
        (b"-ERR 'Authorization Violation'\r\n", "Authorization Violation"),
    ],
)
def test_an_answer_that_is_none_is_told(answer: bytes, words: str) -> None:
    with (
        listening(greeted(answer)) as address,
        contextlib.closing(Client(address, seconds=5)) as client,
        pytest.raises(NatsError, match=words),
    ):
        client.api("INFO")


def test_an_answer_that_is_not_json_is_told() -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(b"INFO {}\r\n")
        said = b""
        while b"PUB " not in said:
            said += connection.recv(65536)
        inbox = said.rpartition(b"PUB ")[2].split()[1]
        connection.sendall(b"MSG %s 1 3\r\n\xff{}\r\n" % inbox)
        connection.recv(65536)

    with (
        listening(speak) as address,
        contextlib.closing(Client(address, seconds=5)) as client,
        pytest.raises(NatsError, match=r"INFO: the answer .* is not JSON"),
    ):
        client.api("INFO")


def test_a_server_that_speaks_without_an_answer_is_left_at_the_deadline() -> None:
    began = time.monotonic()
    with (
        listening(greeted(b"PING\r\n", times=200, pause=0.02)) as address,
        contextlib.closing(Client(address, seconds=0.5)) as client,
        pytest.raises(NatsError, match=r"no answer within 0\.5 seconds"),
    ):
        client.api("INFO")
    assert time.monotonic() - began < 15
