"""Descriptions: what a user says of the parts of a system on a database."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from refold.model.errors import UsageError
from refold.model.parts.rebuilds import rebuild_of
from refold.model.words import suggestion
from refold.systems.user.roles.locks import Lock
from refold.systems.user.roles.sinks import Sink


@attrs.frozen
class Service:
    """What clients call: `make` is called each time a client's process starts, with the path or address of the database.

    The object that `make` returns has a method `execute(command)`, or one method for each command
    (`claim_name(name, owner)` for `ClaimName(name, owner)`). `refusals` are the exceptions with which the object
    refuses a command, besides `refold.Refusal`. If the object sends messages itself, name the sink in `sends`; `make`
    is then passed the sink too.

    `load` is the name of the method that loads the aggregate of a key, through whatever caches and snapshots it has;
    `state` converts the aggregate to a state as `Application.evolve` returns it. `snapshots` is a table or a query with
    a key, a version and a state; `snapshot` converts that state to a state of the application; by default, it reads
    JSON.
    """

    make: Callable[..., object]
    refusals: Sequence[type[BaseException]] = ()
    sends: str = attrs.field(default="", kw_only=True)
    load: str = attrs.field(default="", kw_only=True)
    state: Callable[[Any], Any] = attrs.field(default=lambda aggregate: aggregate, kw_only=True)
    snapshots: str = attrs.field(default="", kw_only=True)
    snapshot: Callable[[Any], Any] = attrs.field(default=json.loads, kw_only=True)


@attrs.frozen
class Reader:
    """Answers questions about keys: a cache, an index, a page.

    `make` is called once, with the path or address of the database; `query` is the name of the reader's method.
    `promises` has the same meaning as in `ReaderPort`.
    """

    make: Callable[..., object]
    query: str = attrs.field(default="query", kw_only=True)
    promises: Sequence[str] = attrs.field(default=(), kw_only=True)


@attrs.frozen
class Worker:
    """A consumer whose rows and checkpoint are in the database.

    `make` is called each time its process starts, with the path or address of the database. `poll` is the name of its
    method that does a bounded piece of work and returns whether there was any work to do. If something else passes the
    events to the worker, use `handle` instead to name the method that receives them, as stored events
    (`refold.model.Stored`); the worker then needs a checkpoint, and nothing calls a `flush`. Leave out `make` if the
    rows are written in the transaction of the append. `rows` is a table or a query: the first column is the key. If
    there is one more column, it is the value; if there are several, the value is a tuple of them. `checkpoint` is a
    table or a query with one number.

    A worker that runs by itself (`start`, `stop`, its own threads or tasks) is not a `Worker`. Put an object with
    `start` and `rows` into the `consumers` of the system that the function returned by `sqlite_system` creates; the page
    on async code shows how.

    `snapshot` is a table or a query with a position and the rows up to it, as JSON. The newest snapshot counts.

    `rebuild` is the name of its method that rebuilds the rows from the events, or a function that does so. The rebuild
    runs in its own process: a method is called on a worker that is created for the purpose, and a function is called
    with the path or address of the database. The other parameters have the same meaning as for every consumer
    (`ConsumerPort`).
    """

    make: Callable[..., object] | None = None
    rows: str = attrs.field(default="", kw_only=True)
    checkpoint: str = attrs.field(default="", kw_only=True)
    poll: str = attrs.field(default="poll", kw_only=True)
    handle: str = attrs.field(default="", kw_only=True)
    stop: str = attrs.field(default="", kw_only=True)
    snapshot: str = attrs.field(default="", kw_only=True)
    rebuild: str | Callable[..., object] = attrs.field(default="", kw_only=True)
    projection: str = attrs.field(default="views", kw_only=True)
    promises: Sequence[str] = attrs.field(default=(), kw_only=True)
    saves_every: int = attrs.field(default=1, kw_only=True)


@attrs.frozen
class Relay:
    """A process that works in turns and sends messages: the relay of an outbox, a process manager, a mailer.

    `make` is called each time its process starts, with the path or address of the database and the sink called `sends`;
    with ``sends=""``, without a sink. This call is the relay's recovery: it may run statements, and they may fail.
    `poll` is the name of its method that does a bounded piece of work and returns whether there was any work to do.
    """

    make: Callable[..., object]
    sends: str = attrs.field(kw_only=True)
    poll: str = attrs.field(default="poll", kw_only=True)
    stop: str = attrs.field(default="", kw_only=True)


@attrs.frozen
class Described:
    """What a user says of his system."""

    service: Service | None
    events: Mapping[type, str] | str | None
    consumers: Mapping[str, Worker]
    sinks: Mapping[str, Sink]
    relays: Mapping[str, Relay]
    readers: Mapping[str, Reader]
    lock: Lock | None

    @property
    def code(self) -> dict[str, object]:
        """The user's own functions, each by the name under which findings speak of it; a sink is what sends to it."""
        service = {} if self.service is None else {"service": self.service.make}
        workers = {name: getattr(one.make, one.handle or one.poll, one.make) for name, one in self.consumers.items()}
        rebuilds = {
            rebuild_of(name): one.rebuild if callable(one.rebuild) else getattr(one.make, one.rebuild, one.make)
            for name, one in self.consumers.items()
            if one.rebuild
        }
        relays = {name: getattr(one.make, one.poll, one.make) for name, one in self.relays.items()}
        readers = {name: getattr(one.make, one.query, one.make) for name, one in self.readers.items()}
        sinks = {one.sends: relays[name] for name, one in self.relays.items()}
        if self.service is not None and self.service.sends:
            sinks.setdefault(self.service.sends, self.service.make)
        found = {**service, **workers, **rebuilds, **relays, **readers}
        return {**found, **{name: sender for name, sender in sinks.items() if name not in found}}

    def check(self) -> None:
        """Whether everybody sends to a sink that there is. Raises `UsageError`."""
        if (self.service is None) != (self.events is None):
            raise UsageError(
                "give a service and its events together: a service is judged by its events, and without a service nothing appends any"
            )
        for name, worker in self.consumers.items():
            if worker.make is None and isinstance(worker.rebuild, str) and worker.rebuild:
                raise UsageError(
                    f"consumer {name!r} is made by nobody, so nobody has a method {worker.rebuild}(); give a function as `rebuild`"
                )
        for sends in (
            "" if self.service is None else self.service.sends,
            *(relay.sends for relay in self.relays.values()),
        ):
            if sends and sends not in self.sinks:
                raise UsageError(
                    f"there is no sink {sends!r}{suggestion(sends, self.sinks)}; sinks are {', '.join(self.sinks) or 'none'}"
                )
