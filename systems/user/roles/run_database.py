"""The database of a run, as refold looks at it: tables, queries, and events that are made of their rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.event import Stored
from refold.systems.user.errors import AdapterError

Row = tuple[Any, ...]


def query(text: str) -> str:
    """A query; the name of a table stands for everything in it."""
    return text if " " in text.strip() else f"select * from {text}"


@attrs.frozen
class RunDatabase:
    """The database of one run: what a service and its workers are made with, what a query finds in it (columns and rows), and how it is
    given back. `short_runs` and `shows_late` are as for a `PostgresDatabase`."""

    given: tuple[Any, ...]
    look: Callable[[str], tuple[list[str], list[Row]]]
    close: Callable[[], object]
    short_runs: bool = False
    shows_late: bool = False


class Looks:
    """Reads the database of a run, outside of every transaction."""

    def __init__(self, place: RunDatabase) -> None:
        self.place = place
        self.short_runs = place.short_runs
        self.shows_late = place.shows_late

    def table(self, text: str) -> tuple[list[str], list[Row]]:
        """Columns and rows of a query or a table."""
        return self.place.look(query(text))

    def select(self, text: str) -> list[Row]:
        """Its rows."""
        return self.table(text)[1]

    def close(self) -> None:
        """Give the database back."""
        self.place.close()


class EventTables:
    """The log, as queries show it. `application` is put in its place by the harness."""

    def __init__(self, looks: Looks, queries: Mapping[type, str] | str) -> None:
        self.looks = looks
        self.queries = queries
        self.application: Application | None = None
        self.rows: object = None
        self.events: list[Stored] = []
        self.counted = False
        """Versions are counted here: no column says which they are."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """Events after a position. All are looked at, because their versions count from the first one of their stream."""
        queries = {None: self.queries} if isinstance(self.queries, str) else self.queries
        tables = [(cls, *self.looks.table(text)) for cls, text in queries.items()]
        if tables != self.rows:
            self.rows, self.events = tables, self.stored(tables)
        return [event for event in self.events if event.position > after][:limit]

    def stored(self, tables: Sequence[tuple[Any, list[str], list[Row]]]) -> list[Stored]:
        """The events in the order of their positions; each stream counts its own."""
        found = [self.event(cls, dict(zip(columns, row, strict=True))) for cls, columns, rows in tables for row in rows]
        found.sort(key=lambda event: event.position)
        numbers: dict[str, int] = {}
        numbered = []
        for event in found:
            numbers[event.stream] = version = event.version or numbers.get(event.stream, 0) + 1
            numbered.append(Stored(event.position, event.stream, version, event.id, event.type, event.data))
        return numbered

    def event(self, cls: type | None, columns: dict[str, Any]) -> Stored:
        """One row as an event; its version is 0 where no column says which it is. Raises `AdapterError`."""
        application = self.application
        if application is None:
            raise AdapterError("events are read from tables before there is an application that knows their streams")
        if "position" not in columns:
            raise AdapterError(f"the query of events has the columns {', '.join(columns)}, but no column position")
        position = columns.pop("position")
        self.counted = "version" not in columns
        name, payload = self.payload(application, cls, columns, position)
        return Stored(
            position,
            str(columns.get("stream") or application.key(payload)),
            int(columns.get("version") or 0),
            str(columns.get("id") or position),
            name,
            payload,
        )

    def payload(
        self, application: Application, cls: type | None, columns: dict[str, Any], position: int
    ) -> tuple[str, Any]:
        """Name and payload: of the columns that are called like fields, or out of `type` and `data`."""
        try:
            if cls is not None:
                fields = {name: columns.pop(name) for name in fields_of_class(cls) if name in columns}
                return cls.__name__, cls(**fields)
            name, data = str(columns["type"]), columns["data"]
            return name, application.decode(name, json.loads(data) if isinstance(data, str | bytes) else data)
        except Exception as error:
            wanted = "the columns type and data" if cls is None else f"the fields of {cls.__name__}"
            raise AdapterError(
                f"the event at position {position} cannot be made of {wanted} ({type(error).__name__}: {error}); its columns are"
                f" {', '.join(columns)}"
            ) from error


def fields_of_class(cls: Any) -> Sequence[str]:
    """The names of the fields of an event class."""
    for place in ("__struct_fields__", "__match_args__", "__dataclass_fields__"):
        if fields := getattr(cls, place, None):
            return tuple(fields)
    return ()
