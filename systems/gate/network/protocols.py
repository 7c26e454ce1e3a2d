"""Protocols of servers, as far as one must know them to say what a message is: PostgreSQL, RESP (Redis, Valkey), NATS, and any other.

A framer reads what a client sends and cuts it into requests. It never changes a byte.
"""

from __future__ import annotations

import struct
from typing import Protocol

import attrs

from refold.systems.gate.databases.statements import kind_of, words_of
from refold.systems.gate.network.steady_names import steady


@attrs.frozen
class Request:
    """What a client sends before it waits: `words` for a person; "" where it is no stop (a greeting, a farewell)."""

    data: bytes
    words: str = ""
    kind: str = "message"
    answer: bytes = b""
    """What the proxy answers by itself, without asking the server."""
    farewell: bool = False
    """No answer will come."""


class Framer(Protocol):
    """Reads one connection."""

    backend: int | None
    """The number by which the server knows the connection, once it has said it."""

    def requests(self, data: bytes) -> list[Request]:
        """The requests that are complete with this."""

    def answer(self, data: bytes) -> None:
        """Look at what the server sends."""


class Plain:
    """Any protocol: what arrives in one piece is ``message N``."""

    backend: int | None = None

    def __init__(self) -> None:
        self.number = 0

    def requests(self, data: bytes) -> list[Request]:
        """Each piece is one."""
        self.number += 1
        return [Request(data, f"message {self.number}")]

    def answer(self, data: bytes) -> None:
        """Nothing to be seen."""


SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
ENDS = frozenset(b"QSHXFcf")
"""Messages of PostgreSQL behind which a client waits: query, sync, flush, terminate, function call, end of a copy."""


class Postgres:
    """PostgreSQL, version 3: a request is what is sent up to the next sync; its words are those of its last statement."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.batch = bytearray()
        self.begun = False
        self.backend: int | None = None
        self.statements: dict[bytes, str] = {}
        self.sql = ""
        self.seen = b""

    def requests(self, data: bytes) -> list[Request]:
        """The requests that are complete."""
        self.buffer += data
        found = []
        while (request := self._greeting() if not self.begun else self._next()) is not None:
            found.append(request)
        return found

    def _greeting(self) -> Request | None:
        """The first message has no type."""
        buffer = self.buffer
        if len(buffer) < 8:
            return None
        length, code = struct.unpack_from("!ii", buffer)
        if len(buffer) < length:
            return None
        data = self._take(length)
        if code in (SSL_REQUEST, GSS_REQUEST):
            return Request(data, answer=b"N")
        self.begun = True
        return Request(data) if code == CANCEL_REQUEST else Request(data, "connect", "connect")

    def _next(self) -> Request | None:
        buffer = self.buffer
        while len(buffer) >= 5:
            kind = buffer[0]
            length = 1 + struct.unpack_from("!i", buffer, 1)[0]
            if len(buffer) < length:
                return None
            message = self._take(length)
            self.batch += message
            self._look(kind, message)
            if kind in ENDS:
                return self._request(kind)
            if kind == ord("p"):  # a password: the server is asked at once, and nobody stops
                return self._flush(Request(b""))
        return None

    def _look(self, kind: int, message: bytes) -> None:
        if kind == ord("Q"):
            self.sql = _text(message[5:])
        elif kind == ord("P"):
            name, _, rest = message[5:].partition(b"\0")
            self.sql = self.statements[name] = _text(rest)
        elif kind == ord("B"):
            name = message[5:].split(b"\0", 2)[1]
            self.sql = self.statements.get(name, self.sql)

    def _request(self, kind: int) -> Request:
        if kind == ord("X"):
            return self._flush(Request(b"", farewell=True))
        sql, self.sql = self.sql, ""
        if kind in b"cf":
            return self._flush(Request(b"", "end of COPY", "message"))
        return self._flush(Request(b"", words_of(sql) if sql else "sync", kind_of(sql) if sql else "message"))

    def _flush(self, request: Request) -> Request:
        data = bytes(self.batch)
        self.batch.clear()
        return attrs.evolve(request, data=data)

    def _take(self, length: int) -> bytes:
        data = bytes(self.buffer[:length])
        del self.buffer[:length]
        return data

    def answer(self, data: bytes) -> None:
        """Find the number of the server process in its greeting."""
        if self.backend is not None:
            return
        self.seen += data
        at = 0
        while len(self.seen) >= at + 5:
            length = struct.unpack_from("!i", self.seen, at + 1)[0]
            if self.seen[at : at + 1] == b"K" and len(self.seen) >= at + 9:
                self.backend = struct.unpack_from("!i", self.seen, at + 5)[0]
                self.seen = b""
                return
            if length < 4:
                return
            at += 1 + length


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")


QUIET_RESP = frozenset({"HELLO", "AUTH", "CLIENT", "SELECT", "QUIT", "PING", "COMMAND"})


class Resp:
    """RESP: a request is all commands that arrive together, as in a pipeline."""

    backend: int | None = None

    def __init__(self) -> None:
        self.buffer = b""

    def requests(self, data: bytes) -> list[Request]:
        """One for all that are complete."""
        self.buffer += data
        at, said = 0, []
        while (found := self._command(at)) is not None:
            words, at = found
            said.append(words)
        if not at:
            return []
        whole, self.buffer = self.buffer[:at], self.buffer[at:]
        loud = [words for words in said if words.partition(" ")[0] not in QUIET_RESP]
        return [Request(whole, ", ".join(loud[:3]) + (", …" if len(loud) > 3 else ""), "message")]

    def _command(self, at: int) -> tuple[str, int] | None:
        """The words of the command that begins there, and where it ends; None if it is not complete."""
        line, end = self._line(at)
        if line is None:
            return None
        if not line.startswith(b"*"):
            return _said(line.split()), end
        parts = []
        for _ in range(int(line[1:])):
            size, begin = self._line(end)
            if size is None or len(self.buffer) < begin + int(size[1:]) + 2:
                return None
            parts.append(self.buffer[begin : begin + int(size[1:])])
            end = begin + int(size[1:]) + 2
        return _said(parts), end

    def _line(self, at: int) -> tuple[bytes | None, int]:
        end = self.buffer.find(b"\r\n", at)
        return (None, at) if end < 0 else (self.buffer[at:end], end + 2)

    def answer(self, data: bytes) -> None:
        """Nothing to be seen."""


def _said(parts: list[bytes]) -> str:
    if not parts:
        return "nothing"
    return steady(" ".join(part.decode("utf-8", "replace") for part in (parts[0].upper(), *parts[1:2])))


class Nats:
    """NATS: publications and subscriptions are stops; greetings and signs of life are not."""

    backend: int | None = None

    def __init__(self) -> None:
        self.buffer = b""

    def requests(self, data: bytes) -> list[Request]:
        """Those that are complete."""
        self.buffer += data
        found = []
        while (request := self._next()) is not None:
            found.append(request)
        return found

    def _next(self) -> Request | None:
        end = self.buffer.find(b"\r\n")
        if end < 0:
            return None
        parts = self.buffer[:end].decode("utf-8", "replace").split()
        verb = parts[0].upper() if parts else ""
        end += 2
        if verb in ("PUB", "HPUB"):
            end += int(parts[-1]) + 2
            if len(self.buffer) < end:
                return None
        data, self.buffer = self.buffer[:end], self.buffer[end:]
        if verb not in ("PUB", "HPUB", "SUB", "UNSUB"):
            return Request(data)
        subject = parts[1] if len(parts) > 1 else ""
        words = "ACK" if subject.startswith("$JS.ACK.") else f"{verb.removeprefix('H')} {subject}"
        return Request(data, steady(words), "message")

    def answer(self, data: bytes) -> None:
        """Nothing to be seen."""


FRAMERS: dict[str, type[Plain] | type[Postgres] | type[Resp] | type[Nats]] = {
    "plain": Plain,
    "postgres": Postgres,
    "redis": Resp,
    "nats": Nats,
}
"""The protocols by name."""
