"""Events of the library `eventsourcing` as values: they compare, are written as JSON, and become the library's objects again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from refold.model.event import Stored
from refold.systems.frameworks.values import renamed

UNTOLD = ("timestamp", "originator_topic", "class_version")
"""What every event of the library has, and no reader wants to see."""
BINARY = "base64:"


class Happened(msgspec.Struct, frozen=True):
    """An event. `state` is what the library's transcoder makes of its attributes."""

    topic: str
    originator: str
    version: int
    state: str

    @property
    def name(self) -> str:
        """The name of its class."""
        return self.topic.rpartition(":")[2].rpartition(".")[2]

    @property
    def kind(self) -> str:
        """The name of the class of its aggregate, where the event's class is in it."""
        return self.topic.rpartition(":")[2].rpartition(".")[0].rpartition(".")[2]

    def attributes(self) -> dict[str, Any]:
        """What it says, as plain values."""
        try:
            said = json.loads(self.state)
        except ValueError:
            return {"state": self.state}
        if not isinstance(said, dict):
            return {"state": said}
        return {name: untyped(value) for name, value in said.items() if name not in UNTOLD}

    def essence(self, names: Mapping[str, str]) -> dict[str, str]:
        """All that two events must have in common to be the same one, with ids by their names."""
        said = {name: renamed(repr(value), names) for name, value in self.attributes().items()}
        return {"": f"{self.name} {names.get(self.originator, self.originator)} {self.version}", **said}

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.attributes().items())})"


def untyped(value: Any) -> Any:
    """A value of the library's JSON without the marks of its type."""
    if isinstance(value, list):
        return [untyped(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"_type_", "_data_"}:
        return untyped(value["_data_"])
    return {key: untyped(one) for key, one in value.items()}


class Translator:
    """Between the library's objects and values, by a transcoder of the application's own; neither compressed nor encrypted."""

    def __init__(self, transcoder: Any) -> None:
        from eventsourcing.persistence import Mapper, StoredEvent

        self.transcoder = transcoder
        self.mapper: Any = Mapper(transcoder)
        self.stored: Any = StoredEvent

    def value(self, event: Any) -> Happened:
        """An event of the library as a value."""
        stored = self.mapper.to_stored_event(event)
        return Happened(stored.topic, id_text(stored.originator_id), stored.originator_version, text(stored.state))

    def record(self, happened: Happened) -> Any:
        """As the library stores it."""
        return self.stored(id_of(happened.originator), happened.version, happened.topic, raw(happened.state))

    def event(self, happened: Happened) -> Any:
        """As the library's object."""
        return self.mapper.to_domain_event(self.record(happened))

    def encode(self, value: Any) -> str:
        """Any value."""
        return text(self.transcoder.encode(value))

    def decode(self, said: str) -> Any:
        """The inverse."""
        return self.transcoder.decode(raw(said))


def text(data: bytes) -> str:
    """Bytes as text, which most are."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return BINARY + base64.b64encode(data).decode()


def raw(said: str) -> bytes:
    """The inverse."""
    return base64.b64decode(said.removeprefix(BINARY)) if said.startswith(BINARY) else said.encode()


def id_text(originator: Any) -> str:
    """The id of an aggregate: 32 digits, or what the application has made up."""
    return originator.hex if isinstance(originator, UUID) else str(originator)


def id_of(originator: str) -> Any:
    """The inverse."""
    try:
        found = UUID(hex=originator)
    except ValueError:
        return originator
    return found if found.hex == originator else originator


def names_of(events: Iterable[Stored]) -> dict[str, str]:
    """Id -> name of each aggregate in these events: its stream."""
    return {event.data.originator: event.stream for event in events}


class Streams:
    """Names for aggregates, in the order in which they appear: ``Dog-1``."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.numbers: dict[str, int] = {}

    def name(self, happened: Happened) -> str:
        """The name of the aggregate of this event."""
        if happened.originator not in self.names:
            kind = happened.kind or "aggregate"
            self.numbers[kind] = self.numbers.get(kind, 0) + 1
            self.names[happened.originator] = f"{kind}-{self.numbers[kind]}"
        return self.names[happened.originator]


def fresh_names(known: Mapping[str, str], events: Sequence[Happened]) -> dict[str, str]:
    """The names that are known, and for new ids numbers in the order of their appearance."""
    names = dict(known)
    for event in events:
        names.setdefault(event.originator, f"new-{len(names) - len(known) + 1}")
    return names
