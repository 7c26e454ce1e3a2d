"""Histories as lines: one JSON object per record, the first says which version and which system.

Reader and writer are generators: they hold one record, or one block of lines, at a time. The file format is versioned
(`HISTORY_VERSION`) and described by `history.schema.json` next to this file.
"""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Union

import msgspec
from msgspec import Raw
from msgspec.structs import force_setattr

from refold.model.application import Application
from refold.model.documents import vocabulary as vocabulary  # imported for the actions and records that it makes known
from refold.model.documents.json_values import encode, spelled
from refold.model.documents.plan import (
    MalformedPlan,
    action_to_json,
    command_classes,
    command_from_json,
    command_to_json,
)
from refold.model.event import Stored
from refold.model.parts.calls import Called
from refold.model.record import HISTORY_VERSION, RECORDS, Altered, Declined, Opened, Prepared, Step
from refold.model.words import suggestion

LINE_MAX = 16 * 1024 * 1024
"""Bytes of the longest line that is read."""


class MalformedHistory(ValueError):
    """A history that cannot be read on: `line` (from 1) and a sentence that says what is wrong with it."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line
        self.what = what


def to_line(record: Any) -> bytes:
    """A record as one line of JSON, newline included; the same bytes in every process. Lone surrogates are spelled out.

    Raises TypeError if a value of the application cannot be written as JSON.
    """
    if type(record) is Step:
        record = msgspec.structs.replace(record, action=action_to_json(record.action))
    elif type(record) is Prepared or type(record) is Declined or type(record) is Called:
        record = msgspec.structs.replace(record, command=command_to_json(record.command))
    try:
        return encode(record) + b"\n"
    except UnicodeEncodeError:
        return encode(spelled(record)) + b"\n"


def plain(value: Any) -> Any:
    """A value as it looks after a round trip through JSON."""
    return msgspec.json.decode(encode(value))


def schema(records: Iterable[type]) -> dict[str, Any]:
    """The JSON Schema of one line of a history of such records. `history.schema.json` holds it for those that ship with refold."""
    kinds = sorted(records, key=lambda kind: str(kind.__struct_config__.tag))  # type: ignore[attr-defined]
    made = msgspec.json.encode(msgspec.json.schema(Union[tuple(kinds)]))  # noqa: UP007 - made at run time
    document = msgspec.json.decode(re.sub(rb"NewEvent(__Payload_|\[~Payload\])", b"NewEvent", made))
    for described in document["$defs"].values():
        if "description" in described:
            described["description"] = inspect.cleandoc(described["description"])  # Python 3.13 does that by itself
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"One line of a refold history, version {HISTORY_VERSION}",
        **document,
    }


def read_directly(application: Application) -> dict[str, type]:
    """Name of an event -> its class, for those that `Application.decode` only hands on to msgspec. An application that reads events
    of its own has none."""
    own = any(getattr(type(application), name) is not getattr(Application, name) for name in ("decode", "upcast"))
    if own or {"decode", "upcast"} & vars(application).keys():
        return {}
    return {name: cls for name, cls in application.event_classes.items() if issubclass(cls, msgspec.Struct)}


def decoders(classes: Mapping[str, type]) -> dict[str, Callable[[Raw], Any]]:
    """What reads JSON as an object of each of these classes, those aside that msgspec does not know."""
    found: dict[str, Callable[[Raw], Any]] = {}
    for name, cls in classes.items():
        with suppress(TypeError):
            found[name] = msgspec.json.Decoder(cls).decode
    return found


class HistoryReader:
    """Decodes lines to records; with an application also the events and commands in them to objects of its classes. If `unread`, payloads
    in many records at a time may stay what is written there, without one; `refold.model.record.read_payloads` makes values of them."""

    def __init__(self, application: Application | None = None, *, unread: bool = False) -> None:
        self.application = application
        self.classes: tuple[type, ...] = () if application is None else tuple(application.event_classes.values())
        self.direct = {} if application is None else read_directly(application)
        self.payloads = decoders(self.direct)
        self.commands = {} if application is None else command_classes(application)
        self.named_payloads = decoders(self.commands)
        self.named: Any = msgspec.json.Decoder(dict[str, Raw] | None)
        self.enrichers: dict[type, Callable[[Any], None]] = {
            Stored: self.read_event,
            Altered: self.read_event,
            Prepared: self.read_request,
            Declined: self.read_command,
            Called: self.read_command,
        }
        self.decoder: Any = msgspec.json.Decoder(Union[tuple(RECORDS)])  # noqa: UP007 - made at run time
        behind = tuple(kind for kind in RECORDS if kind is not Opened)
        self.later: Any = msgspec.json.Decoder(Union[behind])  # noqa: UP007 - made at run time
        unread_kinds: dict[type, Any] = {Stored: Stored[Raw], Prepared: Prepared[Raw]}
        partly = tuple(unread_kinds.get(kind, kind) for kind in behind)
        self.partly: Any = self.later
        if unread or application is not None:
            self.partly = msgspec.json.Decoder(Union[partly])  # noqa: UP007 - made at run time
        self.opened: Opened | None = None
        self.number = 0
        self.blank = 0

    def records(self, lines: Iterable[bytes]) -> Iterator[Any]:
        """The records, one by one; raises `MalformedHistory` at the first line that is wrong."""
        self.number = self.blank = 0
        yield from self.more(lines)
        self.end()

    def batches(self, blocks: Iterable[bytes]) -> Iterator[list[Any]]:
        """The same records, many at a time, of blocks of whole lines. What is wrong is raised behind the records before it."""
        self.number = self.blank = 0
        for block in blocks:
            yield from self.batch(block)
        self.end()

    def batch(self, block: bytes) -> Iterator[list[Any]]:
        """The records of the next whole lines, behind those that were read before."""
        records = self.at_once(block) if self.number and not self.blank else None
        if records is None:
            yield from self.one_by_one(block)
        else:
            self.number += len(records)
            yield records

    def at_once(self, block: bytes) -> list[Any] | None:
        """The records of a block if there is one on each line and nothing is wrong with any of them; None otherwise."""
        if len(block) > LINE_MAX and max(map(len, io.BytesIO(block))) > LINE_MAX:
            return None
        decoder = self.partly if block.isascii() else self.later  # what nobody reads is not checked to be UTF-8
        try:
            records: list[Any] = list(map(decoder.decode, io.BytesIO(block)))
            if self.application is None:
                return records
            enrichers = self.enrichers
            for record in records:
                if type(record) in enrichers:
                    enrichers[type(record)](record)
            return records
        except Exception:
            return None  # it is raised again, with its line, where they are read one by one

    def one_by_one(self, block: bytes) -> Iterator[list[Any]]:
        """The records of a block up to what ends it, then that."""
        records = []
        try:
            for record in self.more(io.BytesIO(block)):
                records.append(record)
        except BaseException:
            yield records
            raise
        yield records

    def more(self, lines: Iterable[bytes]) -> Iterator[Any]:
        """The records of the next lines."""
        decode = self.decoder.decode
        rich = self.application is not None
        for line in lines:
            self.number = number = self.number + 1
            if len(line) > LINE_MAX:
                raise MalformedHistory(number, f"the line is longer than {LINE_MAX} bytes")
            if number > 1 and line.isspace():
                self.blank = self.blank or number
                continue
            if self.blank:
                what = "not a record of a refold history (the line is blank, and others follow)"
                raise MalformedHistory(self.blank, what)
            try:
                record: Any = decode(line)
                if rich:
                    record = self.enrich(record)
            except (msgspec.DecodeError, MalformedPlan, RecursionError, UnicodeDecodeError) as error:
                raise MalformedHistory(number, self.complaint(line, error)) from None
            if number == 1:
                self.open(record)
            elif what := self.refused(record):
                raise MalformedHistory(number, what)
            yield record

    def end(self) -> None:
        """All lines are read."""
        if not self.number:
            raise MalformedHistory(1, "the file is empty; a history begins with a record of kind “history”")

    @staticmethod
    def refused(record: Any) -> str:
        """What is wrong with a record that could be read, behind the first line; empty if nothing is."""
        if type(record) is Opened:
            return "a second “history” record; a file holds one history"
        return ""

    def open(self, record: Any) -> None:
        """Check the first record."""
        if type(record) is not Opened:
            raise MalformedHistory(1, "a history begins with a record of kind “history”")
        if record.version != HISTORY_VERSION:
            raise MalformedHistory(
                1, f"history version {record.version} is unknown; this refold reads version {HISTORY_VERSION}"
            )
        self.opened = record

    def complaint(self, line: bytes, error: Exception) -> str:
        """What is wrong with a line."""
        if (
            not line.endswith(b"\n")
            and isinstance(error, msgspec.DecodeError)
            and not isinstance(error, msgspec.ValidationError)
        ):
            return f"the line is cut off in the middle ({error}); the writer was probably stopped here"
        if isinstance(error, RecursionError):
            return "the JSON is nested too deeply"
        return f"not a record of a refold history ({error})"

    def enrich(self, record: Any) -> Any:
        """Plain values to objects of the application, in a record that nobody else has seen."""
        application = self.application
        assert application is not None
        try:
            if type(record) in self.enrichers:
                self.enrichers[type(record)](record)
        except msgspec.ValidationError as error:
            name = application.name or type(application).__name__
            raise MalformedPlan(f"application {name} cannot read an event or command: {error}") from None
        return record

    def read_event(self, record: Stored | Altered) -> None:
        """The event of a log."""
        force_setattr(record, "data", self.decoded(record.type, record.data))

    def read_request(self, record: Prepared) -> None:
        """The events that were asked for, and the command; what was not recorded (null) stays out."""
        for event in record.events:
            data = event.data
            if data is not None:
                left_out = type(data) is Raw and bytes(data) == b"null"
                force_setattr(event, "data", None if left_out else self.decoded(event.type, data))
        self.read_command(record)

    def read_command(self, record: Prepared | Declined | Called) -> None:
        """A command; one that was not recorded (null) stays out."""
        value = record.command
        if type(value) is Raw:
            value = self.named.decode(value)
            if value is not None:
                ((name, fields),) = value.items()
                value = self.named_payloads[name](fields)
        elif value is not None:
            value = command_from_json(value, self.commands)
        force_setattr(record, "command", value)

    def decoded(self, kind: str, data: Any) -> Any:
        """The payload of an event; raises `MalformedPlan` if it is none of the application's."""
        assert self.application is not None
        if type(data) is Raw:
            if kind in self.payloads:
                return self.payloads[kind](data)
            data = msgspec.json.decode(data)
        elif kind in self.direct:
            return msgspec.convert(data, self.direct[kind], str_keys=True)
        payload = self.application.decode(kind, data)
        if not isinstance(payload, self.classes):
            name = self.application.name or type(self.application).__name__
            known = [cls.__name__ for cls in self.classes]
            raise MalformedPlan(
                f"there is no event {kind!r} in application {name}{suggestion(kind, known)}; it has {', '.join(known)}"
            )
        return payload
