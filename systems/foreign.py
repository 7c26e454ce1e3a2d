"""A user's own consumers behind the port: the large size, a *deployment* of the user's own.

The user brings a log and consumers that keep rows and checkpoints in places of their own. The harness hands them events (late, twice),
crashes and restarts them, reads their rows back after each event, and holds the rows against the fold of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from refold.model.application import Application
from refold.model.clock import Context
from refold.model.consumer import Consumer
from refold.model.event import Stored
from refold.model.plan import short
from refold.model.process import Emit, Process
from refold.model.record import Applied, CheckpointSaved, ConsumerSpec, Ignored, Recovered
from refold.model.tape import Menu
from refold.systems.adapter import BROUGHT, AdapterError, GuardedLog
from refold.systems.deployment import Deployment


class ConsumerPort(Protocol):
    """One consumer of the user's own.

    `projection` names the method of the application that its rows are a fold of (``views``, ``states``, ``pointers``, ``totals`` or one
    of your own). `promises` may say ``atomic`` (rows and checkpoint are saved in one transaction) or ``volatile`` (rows do not survive
    a crash and are rebuilt from the checkpoint on). `crash` and `restart` are optional; without them the consumer is never crashed.
    """

    projection: str

    def handle(self, event: Stored) -> None:
        """Deal with one event, which may come again: change rows and, in whatever order, save the checkpoint."""

    def checkpoint(self) -> int:
        """The position behind which it wants to go on after a restart; 0 at first."""

    def rows(self) -> Mapping[str, Any]:
        """All rows as they are stored now."""


class _Rows:
    """The user's rows as the datastore that clients and the core expect to read from."""

    def __init__(self, consumer: ForeignConsumer) -> None:
        self.consumer = consumer

    def get(self, key: str) -> Any:
        """One row."""
        return self.consumer.current().get(key)

    def rows(self) -> dict[str, Any]:
        """All rows."""
        return self.consumer.current()

    def crash(self) -> None:
        """The consumer itself is crashed."""

    def reopen(self) -> None:
        """The consumer itself is restarted."""

    def close(self) -> None:
        """Close the user's consumer, if it can be closed."""
        close = getattr(self.consumer.theirs, "close", None)
        if close is not None:
            close()


class ForeignConsumer(Consumer):
    """Drives a `ConsumerPort` and records what its rows and its checkpoint become."""

    def __init__(self, name: str, projection: str, context: Context, store: Any, title: str, theirs: Any) -> None:
        self.theirs = theirs
        self.title = f"{title}: consumer {name!r}"
        super().__init__(name, projection, context, _Rows(self))  # type: ignore[arg-type]
        self.spec = spec_of(name, theirs)
        self.saved = self.position = self.fetched = self.ask_checkpoint()
        self.known = self.current()

    def call(self, method: str, *arguments: Any) -> Any:
        """Call the user's consumer; its exceptions become sentences."""
        try:
            return getattr(self.theirs, method)(*arguments)
        except AdapterError:
            raise
        except Exception as error:
            raise AdapterError(f"{self.title}: {method}() raised {type(error).__name__}: {error}") from error

    def current(self) -> dict[str, Any]:
        """The rows now."""
        rows = self.call("rows")
        if not isinstance(rows, Mapping):
            raise AdapterError(f"{self.title}: rows() returned {short(rows)}, expected a mapping of row keys to values")
        return dict(rows)

    def ask_checkpoint(self) -> int:
        """The checkpoint now."""
        position = self.call("checkpoint")
        if type(position) is not int or position < 0:
            raise AdapterError(
                f"{self.title}: checkpoint() returned {short(position)}, expected a position (0 or more)"
            )
        return position

    def receive(self, event: Stored, after: int) -> None:
        """Duplicates are handed on: to tell them from news is the consumer's own task. Successors are held back by the subscription."""
        if self.spec.ordered and after > self.position:
            super().receive(event, after)
            return
        before = self.known
        expected = self.project(event, before)
        first = event.position > self.position
        self.call("handle", event)
        self.known = now = self.current()
        changed = {key for key in {*before, *now} if before.get(key) != now.get(key)}
        if first or changed:
            keys = [*expected, *sorted(changed - expected.keys())]
            self.emit(Applied(self.name, event.position, {key: now.get(key) for key in keys}))
        else:
            self.emit(Ignored(self.name, event.position))
        checkpoint = self.ask_checkpoint()
        if checkpoint != self.saved:
            self.saved = checkpoint
            self.emit(CheckpointSaved(self.name, checkpoint))
        self.done(event)

    def crash(self) -> None:
        """Crash the user's consumer."""
        super().crash()
        self.call("crash")

    def restart(self) -> None:
        """Restart it; it goes on behind its checkpoint."""
        Process.restart(self)
        self.call("restart")
        self.saved = self.ask_checkpoint()
        self.known = self.current()
        self.resume(self.saved)
        self.emit(Recovered(self.name, self.position, dict(self.known)))


def spec_of(name: str, theirs: Any) -> ConsumerSpec:
    """What a user's consumer promises."""
    promises = {promise: True for promise in getattr(theirs, "promises", ()) if promise in ("atomic", "volatile")}
    ordered = "unordered" not in getattr(theirs, "promises", ())
    return ConsumerSpec(name=name, projection=str(theirs.projection), ordered=ordered, **promises)  # type: ignore[arg-type]


class ForeignSystem:
    """A system of the user's own log and consumers. `make` returns an object with `log` and `consumers` (name -> `ConsumerPort`), new and
    empty for each run.
    """

    def __init__(self, name: str, make: Callable[[], Any], sample: Any) -> None:
        self.name = name
        self.make = make
        self.consumers = tuple(spec_of(consumer, theirs) for consumer, theirs in sample.consumers.items())
        crashable = all(hasattr(theirs, "crash") and hasattr(theirs, "restart") for theirs in sample.consumers.values())
        declared = getattr(sample, "capabilities", None)
        offered = BROUGHT - {"snapshots", "crash-at-step"} - (frozenset() if crashable else {"crash-consumer"})
        if hasattr(sample.log, "crash") and hasattr(sample.log, "restart"):
            offered |= {"crash-log"}
        self.capabilities = frozenset(declared) if declared is not None else offered
        readable = "store" in sample.consumers and sample.consumers["store"].projection == "states"
        self.sources = (
            {"alice": "store", "bob": "store", "carol": "log"} if readable else dict.fromkeys(("alice", "bob"), "log")
        )
        self.clients = tuple(self.sources)

    def menu(self, application: Application) -> Menu:
        """The actions that the capabilities allow."""
        return Menu(application.commands(), self.clients, self.consumers, self.capabilities)

    def open(self, application: Application, emit: Emit) -> Deployment:
        """A new deployment of the user's own."""
        made = self.make()

        def wrap(theirs: Any) -> Callable[[str, str, Context, Any], ForeignConsumer]:
            return lambda name, projection, context, store: ForeignConsumer(
                name, projection, context, store, self.name, theirs
            )

        return Deployment(
            self.name,
            application,
            emit,
            log=GuardedLog(self.name, made.log, application),
            capabilities=self.capabilities,
            designs={name: (wrap(theirs), theirs.projection) for name, theirs in made.consumers.items()},
            sources=self.sources,
        )
