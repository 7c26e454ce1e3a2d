"""An application of the library `eventsourcing` as a system: `EventSourcing(DogSchool, commands=[…])`.

Two clients call its own methods, each in a process with an application of its own on one database, and stop at every statement; projections
and process applications follow. Snapshots and cache are as the application sets them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from refold.model.action import Submit
from refold.model.application import Application
from refold.model.declarations.capability import Capability
from refold.model.declarations.offer import Cast, alone
from refold.model.errors import UsageError
from refold.model.parts.calls import CALLS, BeginTurn, Die, Enter, FailStep, GoOn, Halt, LoseAnswer, Turn
from refold.model.parts.reading.looks import Look
from refold.model.process import Emit
from refold.model.record import ConsumerSpec
from refold.model.tape import Group, Menu
from refold.model.words import short, suggestion
from refold.systems.frameworks.calls import script
from refold.systems.frameworks.deployment import FrameworkDeployment
from refold.systems.frameworks.library import PROJECTIONS, library
from refold.systems.frameworks.oracle import FreshInstances, attributes
from refold.systems.frameworks.stores import Persistence, Tables, stores
from refold.systems.frameworks.workers import LogFollower, WorkerReplay
from refold.systems.user.errors import let_through, told

PERSISTENCE = ("sqlite", "postgres", "popo")
PLACES = 12
"""Places of the code, at most, that a menu speaks of for each actor."""

LENGTHS = (6, 10, 16, 24, 40)
"""Words of a plan, in turn: a look reads every aggregate, so that long runs cost more than they show."""


class EventSourcing:
    """A system made from an `Application` of the `eventsourcing` library. The class and a few commands are all that it
    needs.

    - `commands`: tuples of a method's name and its arguments, or functions that are passed the application. A tuple
      among the arguments is itself a call, and stands for what that call returned the first time.
    - `projections`: subclasses of `ProcessApplication`, or triples of a projection, the class of its view, and a
      function that turns a view into a dict.
    - `env`: settings.
    - `persistence`: `sqlite`, `postgres` or `popo`. For a different module whose database is in files, this is a
      function that is passed the path of a folder and returns settings, including `PERSISTENCE_MODULE`; `projections`
      are not possible in this case.
    - `state`: a function that returns what counts as an aggregate's state.
    - `invariant(aggregate)`: returns False, or a sentence, if the aggregate's state is impossible.
    - `evolve(state, event)` and `decide(command, state)`: a second, independent definition of what events mean and of
      what is allowed. `decide` raises `refold.Refusal`.
    - `key(command)`: returns the id of the aggregate that the command is about. It may return a tuple of ids; `decide`
      is then passed a tuple of states.
    - `projector(aggregate, events)`: for functional aggregates.
    - `atomic`: whether a call that fails, or whose process dies, must have had either its whole effect or none.
    """

    clients = ("alice", "bob")
    executes = True
    parallel = False

    def __init__(
        self,
        application: Any,
        commands: Sequence[Any],
        *,
        projections: Sequence[Any] = (),
        env: Mapping[str, str] | None = None,
        persistence: Persistence = "sqlite",
        state: Callable[[Any], Any] = attributes,
        invariant: Callable[[Any], Any] | None = None,
        decide: Callable[[Any, Any], Any] | None = None,
        evolve: Callable[[Any, Any], Any] | None = None,
        key: Callable[[Any], Any] | None = None,
        projector: Callable[[Any, Any], Any] | None = None,
        atomic: bool = True,
        name: str = "",
    ) -> None:
        library()
        if projections:
            library(PROJECTIONS, " for projections and process applications")
        check_application(application)
        check_persistence(persistence, projections)
        self.name = name or application.__name__
        self.cls = application
        self.persistence: Persistence = persistence
        self.env = dict(env or {})
        self.workers = {worker.name: worker for worker in (LogFollower(given, state) for given in projections)}
        self.code: Mapping[str, object] = {
            "service": application,
            **{name: worker.cls for name, worker in self.workers.items()},
        }
        """The classes of the user's own that findings blame."""
        self.consumers = tuple(ConsumerSpec(name=one, projection="totals", watched=True) for one in self.workers)
        self.capabilities: frozenset[Capability] = frozenset(() if persistence == "popo" else {CALLS})
        self.application = FreshInstances(
            application,
            script(commands, application),
            self.env,
            state,
            decide,
            evolve,
            invariant,
            key,
            projector,
            atomic,
        )
        for worker in self.workers.values():
            self.application.replays[worker.name] = WorkerReplay(worker, self.application.fresh)
        self.places: dict[str, list[str]] | None = None
        self.store = stores(persistence, Tables(application, self.env, self.workers))
        if persistence == "postgres":
            for worker in self.workers.values():
                worker.store = self.store

    def open(self, application: Application, emit: Emit) -> FrameworkDeployment:
        """A new deployment."""
        if not isinstance(application, FreshInstances):
            raise UsageError(
                f"system {self.name!r} brings its own application; leave out --application, or the application of verify()"
            )
        return FrameworkDeployment(self, application, emit)

    def menu(self, application: Application) -> Menu:
        """The menu of calls, turns, observations, and events between two statements."""
        commands = application.commands()
        menu = Menu(commands, self.clients, (), self.capabilities, lengths=LENGTHS)
        cast = Cast(commands, self.clients, self.consumers, "log")
        submits: list[Group] = [
            (family, weight, words)
            for family, weight, words in menu.groups
            if all(type(action) is Submit for word in words for action in word)
        ]
        menu.groups = [*submits, *self.groups(cast, self.learned(application))]
        return menu

    def groups(self, cast: Cast, places: dict[str, list[str]]) -> Iterator[Group]:
        """The actions that are not part of the core."""
        yield "", 6, [(Look(),)]
        if self.workers:
            yield "", 16, alone(Turn(one) for one in self.workers)
        if self.persistence == "popo":
            return
        calls: list[Any] = [
            (Enter(*talk), Halt(talk[0], place)) for talk, place in product(cast.talks, places["calls"])
        ]
        turns: list[Any] = [(BeginTurn(one), Halt(one, place)) for one in self.workers for place in places[one]]
        yield "", 6, alone(GoOn(one) for one in (*self.clients, *self.workers))
        if calls:
            yield "", 6, calls
            yield (
                "",
                16,
                [
                    (Enter(*one), Halt(one[0], place), Submit(*other), GoOn(one[0]))
                    for (one, other), place in product(cast.rivals, places["calls"])
                ],
            )
            yield from disturbed(calls, [stop[0].client for stop in calls])
        if turns:
            yield from disturbed(turns, [stop[0].consumer for stop in turns])
            yield "", 8, [(*stop, Die(stop[0].consumer), Turn(stop[0].consumer)) for stop in turns]

    def learned(self, application: Application) -> dict[str, list[str]]:
        """The places where the code can be stopped. Raises `UsageError` if every call fails."""
        if self.places is None:
            deployment = self.open(application, lambda record: None)
            try:
                self.places = {who: found[:PLACES] for who, found in deployment.rehearse().items()}
            finally:
                deployment.close()
        return self.places


def disturbed(stops: Sequence[Any], who: Sequence[str]) -> Iterator[Group]:
    """What may happen to somebody who stands before a statement."""
    pairs = list(zip(stops, who, strict=True))
    yield "consumer-crash", 6, [(*stop, Die(one)) for stop, one in pairs]
    yield "unheard", 6, [(*stop, LoseAnswer(one), GoOn(one)) for stop, one in pairs]
    yield (
        "failure",
        4,
        [(*stop, FailStep(one), GoOn(one)) for stop, one in pairs if not stop[1].before.startswith("COMMIT")],
    )


def check_persistence(persistence: Persistence, projections: Sequence[Any]) -> None:
    """Whether there is such a persistence, for these projections. Raises `UsageError`."""
    if callable(persistence):
        if projections:
            raise UsageError(
                "persistence is a function, and there are projections; these can be followed with the persistence sqlite, postgres or"
                " popo only"
            )
    elif persistence not in PERSISTENCE:
        raise UsageError(
            f"persistence is {persistence!r}{suggestion(persistence, PERSISTENCE)};"
            f" it is one of {', '.join(PERSISTENCE)}, or a function of a folder"
        )


def check_application(found: Any) -> None:
    """Whether it is a class of the library that can be made. Raises `UsageError`."""
    from eventsourcing.application import Application as Theirs

    if not (isinstance(found, type) and issubclass(found, Theirs)):
        raise UsageError(f"{short(found)} is not an Application of the library eventsourcing; pass the class itself")
    try:
        found(env={"PERSISTENCE_MODULE": "eventsourcing.popo"})
    except BaseException as error:
        let_through(error)
        raise UsageError(f"{found.__name__}(env=…) raised {told(error)}") from error
