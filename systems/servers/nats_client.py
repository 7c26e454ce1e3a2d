"""A client of NATS as small as a log needs it: requests and their answers, one after another, on one connection."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import attrs

from refold.model.words import short

CRLF = b"\r\n"
SECONDS = 10.0
"""How long a client waits for an answer."""


class NatsError(OSError):
    """The server refuses something, or is gone."""


@attrs.frozen
class Message:
    """What came back: `status` is "" for a message, else a number that the server says in place of one."""

    data: bytes
    status: str
    headers: Mapping[str, str]


@attrs.frozen
class Address:
    """Where a server is, and as whom to speak to it."""

    host: str = "127.0.0.1"
    port: int = 4222
    user: str = ""
    password: str = attrs.field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """That of ``nats://user:password@host:port``, without user a token. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme != "nats" or not parts.hostname:
            raise ValueError(
                f"{url!r} is no address of NATS; write nats://127.0.0.1:4222, with user:password@ if it wants them"
            )
        return cls(parts.hostname, parts.port or 4222, unquote(parts.username or ""), unquote(parts.password or ""))

    def greeting(self) -> dict[str, object]:
        """What a client says of itself."""
        if self.user and not self.password:
            return {"auth_token": self.user}
        return {"user": self.user, "pass": self.password} if self.user else {}


class Client:
    """One connection. Every method raises `OSError` if the server is gone, or does not answer within `seconds` (None: within `SECONDS`)."""

    def __init__(self, address: Address, seconds: float | None = None) -> None:
        self.seconds = seconds or SECONDS
        self.until = time.monotonic() + self.seconds
        self.socket = socket.create_connection((address.host, address.port), self.seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.inbox = f"_INBOX.{secrets.token_hex(8)}"
        self.number = 0
        try:
            self.line()
            options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "python"}
            options.update(address.greeting())
            self.socket.sendall(b"CONNECT %s\r\nSUB %s.* 1\r\n" % (json.dumps(options).encode(), self.inbox.encode()))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def request(self, subject: str, data: bytes = b"", headers: Mapping[str, str] | None = None) -> Message:
        """Publish, and wait for the answer."""
        return self.answer(self.publish(subject, data, headers or {}))

    def requests(self, subject: str, data: bytes) -> list[Message]:
        """Publish, and wait for all answers up to one with a status."""
        number = self.publish(subject, data, {})
        found = []
        while not (message := self.answer(number)).status:
            found.append(message)
        return found

    def api(self, name: str, /, **details: object) -> dict[str, Any]:
        """Ask JetStream; raises `NatsError` if it refuses."""
        message = self.request(f"$JS.API.{name}", json.dumps(details).encode() if details else b"")
        if message.status:
            raise NatsError(f"NATS: {name}: status {message.status}")
        try:
            answer: dict[str, Any] = json.loads(message.data)
        except ValueError as error:
            raise NatsError(f"NATS: {name}: the answer {short(str(message.data), 80)} is not JSON") from error
        if "error" in answer:
            raise NatsError(f"NATS: {name}: {answer['error'].get('description', answer['error'])}")
        return answer

    def publish(self, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        """Send a message; the number of the inbox for the answers."""
        self.number += 1
        reply = f"{self.inbox}.{self.number}"
        if headers:
            head = "".join(["NATS/1.0\r\n", *(f"{name}: {value}\r\n" for name, value in headers.items()), "\r\n"])
            sizes = f"HPUB {subject} {reply} {len(head)} {len(head) + len(data)}\r\n"
            self.socket.sendall((sizes + head).encode() + data + CRLF)
        else:
            self.socket.sendall(f"PUB {subject} {reply} {len(data)}\r\n".encode() + data + CRLF)
        return self.number

    def answer(self, number: int) -> Message:
        """The next message in an inbox; what comes late for others is dropped."""
        self.until = time.monotonic() + self.seconds
        while True:
            line = self.line()
            try:
                message = self.heard(line.decode().split(), number)
            except (ValueError, IndexError) as error:
                raise NatsError(
                    f"NATS: the server says {short(line.decode(errors='replace'), 80)}, which is not its protocol"
                ) from error
            if message is not None:
                return message

    def heard(self, words: list[str], number: int) -> Message | None:
        """What a line begins; None if it is not for this inbox. Raises ValueError or IndexError if it is nothing that a server says."""
        match words[0]:
            case "PING":
                self.socket.sendall(b"PONG\r\n")
            case "-ERR":
                raise NatsError(f"NATS: {' '.join(words[1:])}")
            case "MSG" | "HMSG":
                body = self.bytes(int(words[-1]))
                self.bytes(2)
                if words[1].rpartition(".")[2] == str(number):
                    return message_of(body, int(words[-2]) if words[0] == "HMSG" else 0)
            case "PONG" | "+OK" | "INFO":
                """Nothing that anybody has asked for."""
            case _:
                raise ValueError
        return None

    def line(self) -> bytes:
        """One line."""
        while CRLF not in self.rest:
            self.more()
        line, _, self.rest = self.rest.partition(CRLF)
        return line

    def bytes(self, count: int) -> bytes:
        """So many bytes."""
        while len(self.rest) < count:
            self.more()
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    def more(self) -> None:
        """Whatever has come."""
        data = self.socket.recv(65536)
        if not data:
            raise NatsError("NATS: the server has hung up")
        if time.monotonic() > self.until:  # it speaks, but of other things
            raise NatsError(f"NATS: no answer within {self.seconds:g} seconds")
        self.rest += data


def message_of(body: bytes, head: int) -> Message:
    """A message, of which the first `head` bytes are its headers."""
    first, *lines = body[:head].decode().split("\r\n")
    headers = {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
    return Message(body[head:], first.removeprefix("NATS/1.0").strip()[:3], headers)
