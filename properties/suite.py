"""The suite: all properties, in the order in which they judge a record."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.claims.idle_session import SessionClosed, SessionOpened
from refold.model.parts.consuming.dead_letters import Parked
from refold.model.parts.consuming.rebuild import Rebuilt
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Aborted,
    Acknowledged,
    Applied,
    CheckpointSaved,
    Ignored,
    Opened,
    Prepared,
    Record,
    Recovered,
    Refused,
    Retried,
    Scanned,
    Started,
    Unknown,
)
from refold.properties.consumers.answers import Answers
from refold.properties.consumers.cache import CacheAtRest, CacheOrder
from refold.properties.consumers.convergence import Convergence
from refold.properties.consumers.dead_ends import DeadEnds
from refold.properties.consumers.dead_letters import DeadLetterKeeping
from refold.properties.consumers.effects import Checkpoints, Effects
from refold.properties.consumers.full_replay import FullReplay
from refold.properties.consumers.rebuild import RebuildEquality
from refold.properties.consumers.replay import ReplayEquality
from refold.properties.consumers.snapshots import SnapshotEquality, SnapshotIntegrity
from refold.properties.consumers.watched import WatchedConsumers
from refold.properties.log.durability import Durability
from refold.properties.log.identity import Identity
from refold.properties.log.ranges import Ranges
from refold.properties.log.reachability import Reachability
from refold.properties.log.removal import RemovedForGood
from refold.properties.log.visibility import Visibility
from refold.properties.messages.change_stream import CopyFollowsSource
from refold.properties.messages.external_effects import ExternalEffects
from refold.properties.messages.side_effects import Commands, OutboxDelivery
from refold.properties.messages.topics import Topics
from refold.properties.messages.two_stores import TwoStores
from refold.properties.oracle import Oracle
from refold.properties.property import Checker, Handler, Property, Sorter
from refold.properties.reading.listings import Listings
from refold.properties.reading.sessions import Pointers, Sessions, Waits
from refold.properties.regular import REGULAR
from refold.properties.updates.alone import MadeAlone
from refold.properties.updates.create_if_absent import CreateIfAbsent
from refold.properties.updates.deadlocks import Deadlocks
from refold.properties.updates.decisions import Decisions, ExpectedVersion
from refold.properties.updates.locks import Locks
from refold.properties.updates.reservations import Reservations
from refold.properties.updates.service_answers import ServiceAnswers
from refold.properties.updates.single_writer import SingleWriter
from refold.properties.updates.views import Views


class Keeper(Property):
    """A part of the oracle that takes its turn among the properties. It finds nothing."""

    guarantee = ""

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle


class NamesKeeper(Keeper):
    """Who acts as a consumer without having been named as one: nobody can judge what it does. Regular records are those of consumers that
    were named."""

    name = "names"
    passes = frozenset({Applied, CheckpointSaved})

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.named: set[str] = set()
        self.strangers: set[str] = set()

    def handlers(self) -> dict[type, Handler]:
        """Names, and what consumers did."""
        table: dict[type, Callable[..., None]] = {
            Opened: self.on_opened,
            Joined: self.on_joined,
            Applied: self.on_acted,
            CheckpointSaved: self.on_acted,
        }
        return table  # type: ignore[return-value]

    def on_opened(self, number: int, record: Opened) -> None:
        """Those that take part from the beginning."""
        self.named.update(spec.name for spec in record.consumers)

    def on_joined(self, number: int, record: Joined) -> None:
        """One more."""
        self.named.add(record.spec.name)

    def on_acted(self, number: int, record: Applied | CheckpointSaved) -> None:
        """It is judged by what was said that it promises, if that was said."""
        if record.consumer not in self.named:
            self.strangers.add(record.consumer)

    def given_up(self) -> list[str]:
        """What the others did."""
        return [
            f"what {name!r} did: the first line of the history does not name it among its consumers"
            for name in sorted(self.strangers)
        ]


class AppendsKeeper(Keeper):
    """Which append is behind an event: known before anybody judges the event. It also tells which of all these are regular."""

    name = "appends"
    passes = frozenset({Prepared, Stored})

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.windows = (oracle.appends.window,)

    def sorters(self) -> dict[type, Sorter]:
        """Appends that are new, or have got what they asked for."""
        return {kind: functools.partial(sort, self.oracle) for kind, sort in REGULAR.items()}

    def handlers(self) -> dict[type, Handler]:
        """Invocations and their events."""
        appends = self.oracle.appends
        return {Prepared: appends.on_prepared, Stored: appends.on_stored}


class StatesKeeper(Keeper):
    """The states of keys. Folded behind `identity`, which tells an event that is none of the application's from one that is."""

    name = "states"
    after = ("identity",)

    def handlers(self) -> dict[type, Handler]:
        """Visible events, given the application."""
        states = self.oracle.states
        if states is None:
            return {}
        return {Stored: states.on_stored if states.boundaries is None else states.on_tagged}


class ProgressKeeper(Keeper):
    """What an applied event is for its consumer: known before anybody judges the effect."""

    name = "progress"
    passes = frozenset({Applied})

    def handlers(self) -> dict[type, Handler]:
        """Effects."""
        return {Applied: self.oracle.on_applied}


class LogKeeper(Keeper):
    """The visible log, and everything else that a property judges against what was true before the record. It comes after all of them."""

    name = "oracle"
    passes = frozenset({Acknowledged})

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.windows = (oracle.lost,)

    def handlers(self) -> dict[type, Handler]:
        """What the oracle is made of."""
        oracle = self.oracle
        table: dict[type, Callable[..., None]] = {
            Opened: oracle.on_opened,
            Joined: oracle.on_joined,
            Parked: oracle.on_parked,
            Stored: oracle.on_stored,
            Ignored: oracle.on_ignored,
            Recovered: oracle.on_recovered,
            Rebuilt: oracle.on_rebuilt,
            Started: oracle.on_started,
            Aborted: oracle.on_aborted,
            Refused: oracle.appends.on_ended,
            Retried: oracle.appends.on_retried,
            Acknowledged: oracle.on_acknowledged,
            Unknown: oracle.on_unknown,
            SessionOpened: oracle.on_session_opened,
            SessionClosed: oracle.on_session_closed,
        }
        return table  # type: ignore[return-value]


def in_order(parts: Sequence[Property]) -> list[Property]:
    """The same parts, each behind those that its class names in `after`, and the log's keeper behind all; else as they come.

    Raises ValueError if a part comes, by way of others, after itself.
    """
    return [parts[place] for place in places(tuple([(part.name, tuple(part.after)) for part in parts]))]


@functools.lru_cache(64)
def places(parts: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[int, ...]:
    """The order of parts of which these are names and `after`: every run asks for the same one."""
    waiting = sorted(range(len(parts)), key=lambda place: parts[place][0] == LogKeeper.name)
    ordered: list[int] = []
    while waiting:
        names = {parts[place][0] for place in waiting}
        ready = next((place for place in waiting if not names.intersection(parts[place][1])), None)
        if ready is None:
            raise ValueError(f"each of these comes after another of them: {', '.join(sorted(names))}")
        waiting.remove(ready)
        ordered.append(ready)
    return tuple(ordered)


def views(oracle: Oracle) -> Property:
    """Views of a user's system, compared with a replay of what the oracle has seen."""
    return FullReplay(oracle.application or Application(), oracle)


LATE: tuple[Callable[[Oracle], Property], ...] = (
    lambda oracle: Pointers(),
    Listings,
    OutboxDelivery,
    Commands,
    lambda oracle: TwoStores(),
    lambda oracle: CopyFollowsSource(),
    Locks,
    Reservations,
    Ranges,
    RemovedForGood,
    lambda oracle: CreateIfAbsent(),
    lambda oracle: SingleWriter(),
    Topics,
    Deadlocks,
    DeadEnds,
    views,
)
"""Properties of extensions, made when the first record of theirs occurs. No two share a kind of record, nor with the others."""


def kinds_of(judge: Property) -> list[type]:
    """The kinds of records of an extension that a property looks at."""
    return [kind for kind in judge.handlers() if kind.__module__ not in (Record.__module__, Stored.__module__)]


AWAITED: dict[type, Callable[[Oracle], Property]] = {
    kind: make for make in LATE for kind in kinds_of(make(Oracle(None)))
}
"""Kind of record -> the property that comes with it."""


def early(application: Application | None, oracle: Oracle) -> list[Property]:
    """The properties of every run, in an order in which they may judge."""
    replay = None if application is None else ReplayEquality(application, oracle)
    parts: list[Property] = [AppendsKeeper(oracle), ProgressKeeper(oracle), Identity(oracle), ExpectedVersion(oracle)]
    if application is not None:
        parts += [StatesKeeper(oracle), Decisions(application, oracle)]
    if application is not None and application.decides:
        parts.append(Views(application, oracle))
    parts += [
        Visibility(oracle),
        Reachability(oracle),
        Durability(oracle),
        Effects(oracle, replay),
        Checkpoints(oracle),
        SnapshotIntegrity(oracle),
    ]
    if application is not None and replay is not None:
        parts += [SnapshotEquality(application, oracle, replay), replay, CacheAtRest(application, oracle)]
        parts += [Sessions(application, oracle), RebuildEquality(application, oracle, replay)]
        parts += [Answers(application, oracle), WatchedConsumers(application, oracle)]
    if application is not None and application.decides:
        parts.append(ServiceAnswers(application, oracle))
    parts += [CacheOrder(), ExternalEffects(oracle), DeadLetterKeeping(oracle), Waits(oracle), Convergence(oracle)]
    if application is not None:
        parts += [make(application) for make in application.properties]
    return in_order([*parts, LogKeeper(oracle)])


def properties(application: Application | None) -> list[Property]:
    """All properties that can be checked; without an application, those that need none."""
    oracle = Oracle(application)
    return [*early(application, oracle), *(make(oracle) for make in LATE)]


def checked_on(
    application: Application | None, capabilities: Iterable[str], kinds: Collection[type]
) -> tuple[tuple[str, str], ...]:
    """(name, guarantee) of the properties that had something to judge: on a system with these capabilities, in histories with records of
    these kinds."""
    can = {"", *capabilities}
    if application is not None and application.replayed:
        all_of_them = [*replay_checker(application, None).properties, *(make(Oracle(None)) for make in LATE)]
        judges = [judge for judge in all_of_them if judge.guarantee and judge.needs in can and judge.judged(kinds)]
        found = [(judge.name, guarantee) for judge in judges for guarantee in (judge.guarantee, *judge.more_guarantees)]
        log = [(FullReplay.name, "LOG")] if Scanned in kinds else []
        return (*dict.fromkeys(found), *log)
    unknown = {"CAS"} if application is not None and not application.decides and not constrained(application) else set()
    return tuple(
        (judge.name, guarantee)
        for judge in properties(application)
        if judge.guarantee not in {"", *unknown} and judge.needs in can and judge.judged(kinds)
        for guarantee in (judge.guarantee, *judge.more_guarantees)
    )


def constrained(application: Application) -> bool:
    """Whether the application has an invariant."""
    cls = type(application)
    return (
        cls.broken_invariant is not Application.broken_invariant
        or cls.broken_group_invariant is not Application.broken_group_invariant
    )


def replay_checker(application: Application, plain: Callable[[Any], Any] | None) -> Checker:
    """For an application without a decider: a full replay, and its own properties. Who asked for an event is not known there."""
    oracle = Oracle(None)
    own = [make(application) for make in application.properties]
    alone = [MadeAlone(application)] if application.solitary else []
    checked: list[Property] = [FullReplay(application, seen=oracle), *alone, *own, LogKeeper(oracle)]
    return checker_of(checked, oracle, plain)


def checker(
    application: Application | None, plain: Callable[[Any], Any] | None = None, remembered: int | None = None
) -> Checker:
    """A checker of all properties for one history. If the history was read from a file, `plain` converts the
    application's values to the form that they have after a round trip through JSON. `remembered` replaces the size of
    every window, so that records are forgotten sooner."""
    if application is not None and application.replayed:
        return replay_checker(application, plain)
    oracle = Oracle(application, remembered)
    return checker_of(early(application, oracle), oracle, plain)


def checker_of(checked: Sequence[Property], oracle: Oracle, plain: Callable[[Any], Any] | None) -> Checker:
    """A checker of these properties. In a file anybody may act without a name; a run of refold's own names all."""
    judges = [*checked] if plain is None else [NamesKeeper(oracle), *checked]
    for judge in judges:
        judge.plain = plain
    return Checker(judges, when_needed(oracle, plain))


def when_needed(oracle: Oracle, plain: Callable[[Any], Any] | None) -> Callable[[type], list[Property]]:
    """What makes the property that a kind of record needs."""

    def late(kind: type) -> list[Property]:
        make = AWAITED.get(kind)
        if make is None:
            return []
        judge = make(oracle)
        judge.plain = plain
        return [judge]

    return late
