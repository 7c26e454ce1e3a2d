"""A stream of CloudEvents as a history with positions: a source is a stream, its `sequence` numbers are versions.

A file holds one event a line, one event, or an array of them (a batch), in the order in which they were received. That an event comes
again as it was is what every delivery at least once may do. That it comes after a later one of its source is no fault either: nobody
promises an order. What is judged is what the numbers say: whether one is missing (if `sequencetype` is `Integer`, which promises 1, 2, 3,
…), whether one belongs to two events; and whether an event that comes again is the same. With an application, also whether its states may
be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import attrs
import msgspec

from refold.model.documents.history import MalformedHistory
from refold.model.event import NewEvent, Stored
from refold.model.expectation import ANY
from refold.model.record import HISTORY_VERSION, Altered, Opened, Prepared
from refold.model.words import counted, short
from refold.search.stored.files import Source

NOT_TOLD = "who asked for an event, on what condition, and whether the answer was right: events do not tell"
DIGITS_MAX = 18
"""Of a sequence number."""


@attrs.define
class CloudEvent:
    """One event as it came. `version` is its number in its source, once all of them are known."""

    line: int
    id: str
    source: str
    type: str
    data: Any
    sequence: str | None
    counts: bool
    """Whether the sequence promises 1, 2, 3, …"""
    position: int = 0
    version: int = 0

    @property
    def name(self) -> str:
        """The event's id in the history."""
        return f"{self.source.replace(' ', '%20')} {self.id}/0"


def cloudevents_history(source: Source, known: Collection[str] = ()) -> tuple[list[Any], list[str]]:
    """The records of the history, and what is left out. `known` are names of event classes: a type that is none of them counts under its
    last part. Raises `MalformedHistory`."""
    events = [event_of(line, fields, known) for line, fields in objects(source)]
    if not events:
        raise MalformedHistory(1, "there is no event in it")
    return _History(events).records()


class _History:
    """The events of one file."""

    def __init__(self, events: list[CloudEvent]) -> None:
        self.events = events
        self.first: dict[tuple[str, str], CloudEvent] = {}
        for event in events:
            self.first.setdefault((event.source, event.id), event)
        self.sources: dict[str, list[CloudEvent]] = {}
        for event in self.first.values():
            self.sources.setdefault(event.source, []).append(event)
        self.unnumbered = [name for name, own in self.sources.items() if any(each.sequence is None for each in own)]
        self.ranked: list[str] = []
        self.numbers: dict[str, dict[str, int]] = {}
        """Source -> sequence -> version."""
        self.late = 0
        for name, own in self.sources.items():
            self._number(name, own)

    def _number(self, name: str, own: list[CloudEvent]) -> None:
        """Versions for the events of a source, and their order."""
        if name in self.unnumbered:
            for version, event in enumerate(own, 1):
                event.version = version
            return
        came = list(own)
        if all(event.counts for event in own):
            numbers = {sequence: int(sequence) for sequence in (str(event.sequence) for event in own)}
        else:
            self.ranked.append(name)
            numeric = all(is_number(event.sequence) for event in own)
            distinct = {str(event.sequence) for event in own}
            ordered = sorted(distinct, key=lambda text: (int(text), text) if numeric else text)
            numbers = {text: rank for rank, text in enumerate(ordered, 1)}
        self.numbers[name] = numbers
        for event in own:
            event.version = numbers[str(event.sequence)]
        own.sort(key=lambda event: event.version)
        self.late += sum(1 for was, now in zip(came, own, strict=True) if was is not now)

    def records(self) -> tuple[list[Any], list[str]]:
        """All of them. Where events of a source came late, its places are filled in the order of their numbers."""
        partial = any(own[0].version > 1 for own in self.sources.values())
        places = {name: iter(own) for name, own in self.sources.items()}
        records: list[Any] = [Opened(HISTORY_VERSION, "cloudevents", "", tuple(sorted(self.sources)), ())]
        waiting: dict[str, list[CloudEvent]] = {}
        """Copies that came before the place of their first one was filled."""
        position = int(partial)
        for event in self.events:
            first = self.first[event.source, event.id]
            if first is not event:
                if first.position:
                    records.extend(self._again(event))
                else:
                    waiting.setdefault(event.name, []).append(event)
                continue
            position += 1
            placed = next(places[event.source])
            placed.position = position
            records.extend(self._stored(placed))
            for copy in waiting.pop(placed.name, ()):
                records.extend(self._again(copy))
        return records, list(self._left_out())

    def _stored(self, event: CloudEvent) -> Iterator[Any]:
        asked = NewEvent(event.name, event.type, event.data)
        op = event.name.rpartition("/")[0]
        yield Prepared(event.source, op, None, "log", event.source, event.version - 1, ANY, (asked,))
        yield Stored(event.position, event.source, event.version, event.name, event.type, event.data)

    def _again(self, copy: CloudEvent) -> Iterator[Any]:
        """Nothing if it is what it was."""
        first = self.first[copy.source, copy.id]
        if (copy.type, copy.data, copy.sequence) != (first.type, first.data, first.sequence):
            version = self._version(copy, first)
            yield Altered(first.position, copy.source, version, copy.name, copy.type, copy.data)

    def _version(self, copy: CloudEvent, first: CloudEvent) -> int:
        """What the sequence of a copy says."""
        if copy.source in self.unnumbered or copy.sequence is None:
            return first.version
        known = self.numbers[copy.source].get(copy.sequence)
        if known is None:
            known = int(copy.sequence) if is_number(copy.sequence) else 0
        return known

    def _left_out(self) -> Iterator[str]:
        yield NOT_TOLD
        if self.unnumbered:
            what = f"whether events are missing from {counted(len(self.unnumbered), 'source')} whose events have no “sequence”"
            yield f"{what}, such as {short(self.unnumbered[0])}"
        if self.ranked:
            what = f"whether events are missing from {counted(len(self.ranked), 'source')} whose “sequencetype” is not “Integer”"
            yield f"{what}, such as {short(self.ranked[0])}: only the order of their sequences is known"
        if self.late:
            yield f"the order in which events came: {counted(self.late, 'event')} came in another order than their sequence says"


def is_number(sequence: str | None) -> bool:
    """Whether a sequence is a number that is not absurd."""
    return sequence is not None and sequence.isascii() and sequence.isdigit() and len(sequence) <= DIGITS_MAX


def event_of(line: int, fields: Any, known: Collection[str]) -> CloudEvent:
    """An event out of the fields of its JSON. Raises `MalformedHistory`."""
    if not isinstance(fields, dict):
        raise MalformedHistory(line, f"a CloudEvent is a JSON object, found {short(fields)}")
    for name in ("specversion", "id", "source", "type"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise MalformedHistory(line, f"a CloudEvent has a text {name!r}, found {short(fields.get(name))}")
    if not fields["specversion"].startswith("1."):
        raise MalformedHistory(
            line, f"specversion {short(fields['specversion'])} is unknown; this refold reads version 1"
        )
    sequence, kind = fields.get("sequence"), fields.get("sequencetype")
    if isinstance(sequence, int) and not isinstance(sequence, bool):
        sequence = str(sequence)
    if sequence is not None and (not isinstance(sequence, str) or not sequence):
        raise MalformedHistory(line, f"“sequence” is a text or an integer, found {short(sequence)}")
    if kind == "Integer" and (sequence is None or not is_number(sequence) or int(sequence) < 1):
        raise MalformedHistory(
            line, f"the sequencetype is “Integer”, which counts from 1, and the sequence {short(sequence)}"
        )
    type_ = fields["type"]
    if known and type_ not in known and type_.rpartition(".")[2] in known:
        type_ = type_.rpartition(".")[2]
    data = {"base64": fields["data_base64"]} if "data_base64" in fields else fields.get("data")
    return CloudEvent(line, fields["id"], fields["source"], type_, data, sequence, kind == "Integer")


def objects(source: Source) -> Iterator[tuple[int, Any]]:
    """The JSON objects of a file with their lines: one a line, or the members of an array, or one alone. Raises `MalformedHistory`."""
    decode = msgspec.json.Decoder().decode
    lines = list(source.lines())
    number = 0
    try:
        first = next((line.lstrip() for line in lines if not line.isspace()), b"")
        if first.startswith(b"[") or (first and not whole(first)):
            found = decode(b"".join(lines))
            number = 1
            for fields in found if isinstance(found, list) else [found]:
                yield 1, fields
            return
        for number, line in enumerate(lines, 1):
            if not line.isspace():
                yield number, decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise MalformedHistory(number or 1, f"not JSON ({what})") from None


def whole(line: bytes) -> bool:
    """Whether a line is JSON by itself."""
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True
