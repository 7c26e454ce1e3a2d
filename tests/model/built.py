"""Parts of the model, made by hand for tests: appends, a log with some events, consumers with all that they need."""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.consumer import Consumer
from refold.model.context import Clock, Context
from refold.model.datastore import Datastore
from refold.model.event import NewEvent
from refold.model.examples.accounts import Accounts, Registered
from refold.model.expectation import ANY, AnyExpectation
from refold.model.log import AppendRequest, Log
from refold.model.snapshot import SnapshotStore


def request(op: str, *names: str, stream: str = "acme", expected: AnyExpectation = ANY) -> AppendRequest:
    """An append of one `Registered` per name."""
    events = tuple(NewEvent(f"{op}/{n}", "Registered", Registered(stream, name)) for n, name in enumerate(names))
    return AppendRequest(op, stream, expected, events)


def filled(*names: str, stream: str = "acme") -> Log:
    """A log with one event per name, each appended alone."""
    log = Log()
    for n, name in enumerate(names, 1):
        log.append(request(f"w-{n}", name, stream=stream))
    return log


def names(log: Log, after: int = 0) -> list[str]:
    """The names in the events that a reader sees after `after`."""
    return [event.data.name for event in log.read(after, 1024)]


def context(log: Log, application: Application | None = None) -> tuple[Context, list[Any]]:
    """A context around `log`, and the list that its records go to."""
    records: list[Any] = []
    return Context(application or Accounts(), log, SnapshotStore(), Clock(), records.append), records


def consumer(design: type[Consumer], projection: str, log: Log, **options: Any) -> tuple[Any, list[Any]]:
    """A consumer of this design, called like its projection, and the records that it emits."""
    shared, records = context(log, **options)
    return design(projection, projection, shared, Datastore()), records


def run_on(reader: Consumer, turns: int = 100) -> None:
    """Let a consumer take turns until it sleeps."""
    reader.wake()
    while not reader.idle() and turns:
        reader.turn(0)
        turns -= 1
