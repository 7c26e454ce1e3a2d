"""What follows the log of an `eventsourcing` application: the library's projections and process applications, one event at a turn.

The library runs them in threads of their own. Here a turn is what such a thread does with its next event, in a process that may die at any
statement; a new one goes on where the library says that it has come to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs

from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.words import short
from refold.systems.frameworks.events import Translator, names_of
from refold.systems.frameworks.oracle import ALONE, named_for, streams_of
from refold.systems.frameworks.stores import FEW, Store
from refold.systems.frameworks.values import plain
from refold.systems.user.errors import AdapterError, asked, let_through, told

Shows = Callable[[Any], Mapping[str, Any]]

FAILING = "(error)"
"""The row of a worker that cannot go on: it says why."""


class FollowerLife(Protocol):
    """One life of a worker: it has what the library makes, on the application `leader`."""

    def turn(self) -> bool:
        """Do what there is to do with the next event; whether there was any."""

    def stands_at(self) -> int:
        """The position up to which it is done."""

    def shown(self, names: Mapping[str, str]) -> dict[str, Any]:
        """What it shows."""

    def close(self) -> None:
        """End its connections."""


class Projecting:
    """A `Projection` of the library, as its `ProjectionRunner` runs it: it asks once where it has come to, and then goes on."""

    def __init__(self, leader: Any, projection: Any, view: Any, show: Shows, env: Mapping[str, str]) -> None:
        from eventsourcing.persistence import InfrastructureFactory, Tracking
        from eventsourcing.utils import Environment

        self.leader = leader
        self.tracking: Any = Tracking
        self.factory: Any = InfrastructureFactory.construct(Environment(projection.name, dict(env)))
        self.view = self.factory.tracking_recorder(view)
        self.projection = projection(view=self.view)
        self.show = show
        self.position = self.view.max_tracking_id(leader.name) or 0

    def turn(self) -> bool:
        """The next event."""
        page = self.leader.recorder.select_notifications(
            start=self.position + 1, limit=1, topics=tuple(self.projection.topics)
        )
        for notification in page:
            event = self.leader.mapper.to_domain_event(notification)
            self.projection.process_event(event, self.tracking(self.leader.name, notification.id))
            self.position = notification.id
        return bool(page)

    def stands_at(self) -> int:
        """As the view says."""
        return int(self.view.max_tracking_id(self.leader.name) or 0)

    def shown(self, names: Mapping[str, str]) -> dict[str, Any]:
        """By the function of the user's. Raises `AdapterError` if it does not return a dict."""
        shown = self.show(self.view)
        if not isinstance(shown, Mapping):
            raise AdapterError(
                f"the function that shows the view of {type(self.projection).__name__} returned {short(shown)}, expected a dict"
            )
        return {str(key): value for key, value in plain(shown, names).items()}

    def close(self) -> None:
        """Those of its view."""
        self.factory.close()


class Following:
    """A `ProcessApplication` of the library, as its runners run it: it asks its own database each time where it has come to."""

    def __init__(self, leader: Any, cls: Any, state: Callable[[Any], Any], env: Mapping[str, str]) -> None:
        self.leader = leader
        self.application = cls(env=dict(env))
        self.application.follow(leader.name, leader.notification_log)
        self.state = state

    def stands_at(self) -> int:
        """As its own database says."""
        return int(self.application.recorder.max_tracking_id(self.leader.name) or 0)

    def turn(self) -> bool:
        """The next event."""
        position = self.stands_at()
        page = self.leader.recorder.select_notifications(
            start=position + 1, limit=1, topics=tuple(self.application.topics)
        )
        for notification in page:
            self.application.pull_and_process(self.leader.name, start=position, stop=notification.id)
        return bool(page)

    def shown(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Its aggregates."""
        application = self.application
        translator = Translator(application.construct_transcoder())
        page = application.recorder.select_notifications(start=1, limit=100_000)
        events = streams_of([translator.value(application.mapper.to_domain_event(one)) for one in page])
        ids = {event.stream: translator.event(event.data).originator_id for event in events}
        known = {**names, **names_of(events)}
        return {stream: plain(self.state(application.repository.get(one)), known) for stream, one in ids.items()}

    def close(self) -> None:
        """Those of its own application."""
        self.application.close()


class LogFollower:
    """A projection or a process application, as the user names it. `name` is that of its class."""

    def __init__(self, given: Any, state: Callable[[Any], Any]) -> None:
        self.state = state
        self.view: Any = None
        self.show: Shows | None = None
        self.store: Callable[[], Store] | None = None
        """Makes a database on the server where its view is, if it is on one."""
        if isinstance(given, tuple | list) and len(given) == 3:
            self.cls, self.view, self.show = given
        else:
            self.cls = given
        self.check(given)
        self.name = str(self.cls.name or self.cls.__name__)

    def check(self, given: Any) -> None:
        """Raises `UsageError`."""
        from eventsourcing.persistence import TrackingRecorder
        from eventsourcing.projection import Projection
        from eventsourcing.system import ProcessApplication

        def is_a(found: Any, kind: type) -> bool:
            return isinstance(found, type) and issubclass(found, kind)

        if self.show is None and is_a(self.cls, ProcessApplication):
            return
        if callable(self.show) and is_a(self.cls, Projection) and is_a(self.view, TrackingRecorder):
            return
        raise UsageError(
            f"{short(given)} is neither a ProcessApplication nor a triple: a Projection, the class of its view (a TrackingRecorder),"
            " and a function that turns a view into a dict"
        )

    @property
    def in_memory(self) -> bool:
        """Whether its view is."""
        from eventsourcing.popo import POPOTrackingRecorder

        return self.view is not None and issubclass(self.view, POPOTrackingRecorder)

    def settings(self, env: Mapping[str, str]) -> dict[str, str]:
        """Its environment: with SQLite a process application has a database of its own; a view that is kept in memory needs none."""
        if self.in_memory:
            return {**env, "PERSISTENCE_MODULE": "eventsourcing.popo"}
        if self.view is None and "SQLITE_DBNAME" in env:
            beside = f"{env['SQLITE_DBNAME'].rpartition('/')[0]}/{self.name}.db"
            return {**env, **named_for(self.cls, {"SQLITE_DBNAME": beside})}
        return dict(env)

    def make(self, leader: Any, env: Mapping[str, str]) -> FollowerLife:
        """A new one."""
        if self.view is None:
            return Following(leader, self.cls, self.state, env)
        assert self.show is not None
        return Projecting(leader, self.cls, self.view, self.show, env)

    def replay(self, leader: Any, names: Mapping[str, str]) -> Mapping[str, Any]:
        """What a new one shows that has followed this application from the beginning, with nothing in its way; one that fails on an event
        shows what it has up to there, and why."""
        with self.alone() as env:
            made: FollowerLife = asked(f"making {self.name}, with a database of its own,", self.make, leader, env)
            try:
                failing = self.to_the_end(made)
                shown = asked(f"the function that shows {self.name}", made.shown, names)
                return {FAILING: failing, **shown} if failing else shown
            finally:
                asked(f"close() of {self.name}", made.close)

    def to_the_end(self, made: FollowerLife) -> str:
        """Turns, as long as there are any; why it came no further, if it did not."""
        try:
            while made.turn():
                pass
        except BaseException as error:
            let_through(error)
            return f"raises {told(error)}"
        return ""

    @contextlib.contextmanager
    def alone(self) -> Iterator[dict[str, str]]:
        """Settings for such a one: in memory, unless its view is one of a server."""
        if self.view is None or self.in_memory:
            yield named_for(self.cls, ALONE)
        elif self.store is None:
            yield named_for(
                self.cls, {**ALONE, "PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": ":memory:"}
            )
        else:
            store = self.store()
            try:
                yield named_for(self.cls, {**ALONE, **FEW, **store.env})
            finally:
                store.close()


@attrs.frozen
class WorkerReplay:
    """What a worker should show, as a function of the events."""

    worker: LogFollower
    fresh: Callable[[Sequence[Stored]], Any]

    def __call__(self, events: Sequence[Stored]) -> Mapping[str, Any]:
        """After these events."""
        return self.worker.replay(self.fresh(events), names_of(events))
