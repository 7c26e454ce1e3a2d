"""The suite: all properties, in the order in which they judge a record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.claims.idle_session import SessionClosed, SessionOpened
from refold.model.parts.consuming.dead_letters import Parked
from refold.model.parts.side_consumers import Joined
from refold.model.record import Aborted, Acknowledged, Ignored, Opened, Record, Recovered, Started, Unknown
from refold.properties.consumers.answers import Answers
from refold.properties.consumers.cache import CacheAtRest, CacheOrder
from refold.properties.consumers.convergence import Convergence
from refold.properties.consumers.dead_letters import Letters
from refold.properties.consumers.effects import Checkpoints, Effects
from refold.properties.consumers.rebuild import RebuildEquality
from refold.properties.consumers.replay import ReplayEquality
from refold.properties.consumers.snapshots import SnapshotEquality, SnapshotIntegrity
from refold.properties.log.durability import Durability
from refold.properties.log.identity import Identity
from refold.properties.log.ranges import Ranges
from refold.properties.log.reachability import Reachability
from refold.properties.log.visibility import Visibility
from refold.properties.messages.change_stream import CopyFollowsSource
from refold.properties.messages.external_effects import Outside
from refold.properties.messages.side_effects import Commands, OutboxDelivery
from refold.properties.messages.topics import Topics
from refold.properties.messages.two_stores import TwoStores
from refold.properties.oracle import Oracle
from refold.properties.property import Checker, Handler, Property
from refold.properties.reading.listings import Listings
from refold.properties.reading.sessions import Pointers, Sessions, Waits
from refold.properties.updates.create_if_absent import CreateIfAbsent
from refold.properties.updates.decisions import Decisions, ExpectedVersion
from refold.properties.updates.locks import Locks
from refold.properties.updates.reservations import Reservations
from refold.properties.updates.single_writer import SingleWriter
from refold.properties.updates.views import Views


class Bookkeeping(Property):
    """Feeds the truth, last of all, so that every property judges a record against what was true before it.

    How far consumers have come is kept up by `effects`, which judges exactly that.
    """

    name = "oracle"
    guarantee = ""

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle

    def handlers(self) -> dict[type, Handler]:
        """What the truth is made of."""
        oracle = self.oracle
        table: dict[type, Callable[..., None]] = {
            Opened: oracle.on_opened,
            Joined: oracle.on_joined,
            Parked: oracle.on_parked,
            Stored: oracle.on_stored,
            Ignored: oracle.on_ignored,
            Recovered: oracle.on_recovered,
            Started: oracle.on_started,
            Aborted: oracle.on_aborted,
            Acknowledged: oracle.on_acknowledged,
            Unknown: oracle.on_unknown,
            SessionOpened: oracle.on_session_opened,
            SessionClosed: oracle.on_session_closed,
        }
        return table  # type: ignore[return-value]


LATE: tuple[Callable[[Oracle], Property], ...] = (
    lambda oracle: Pointers(),
    Listings,
    OutboxDelivery,
    Commands,
    lambda oracle: TwoStores(),
    lambda oracle: CopyFollowsSource(),
    lambda oracle: Locks(),
    lambda oracle: Reservations(),
    Ranges,
    lambda oracle: CreateIfAbsent(),
    lambda oracle: SingleWriter(),
    lambda oracle: Topics(),
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
    """The properties of every run."""
    identity, order, versions = Identity(), CacheOrder(), ExpectedVersion(oracle)
    checked: list[Property] = [identity, versions]
    replay = None
    if application is not None:
        decisions = Decisions(application, versions)
        checked += [decisions, Views(application, oracle, decisions)]
        replay = ReplayEquality(application, oracle)
    checked += [
        Visibility(oracle),
        Reachability(oracle),
        Durability(identity),
        Effects(oracle, order, replay),
        Checkpoints(oracle),
        SnapshotIntegrity(oracle),
    ]
    if application is not None and replay is not None:
        checked += [SnapshotEquality(application, oracle, replay), replay, CacheAtRest(application, oracle)]
        checked.append(Sessions(application, oracle))
        checked += [RebuildEquality(application, oracle, replay), Answers(application, oracle)]
    checked += [order, Outside(oracle), Letters(oracle), Waits(oracle), Convergence(oracle)]
    if application is not None:
        checked += [make(application) for make in application.properties]
    return [*checked, Bookkeeping(oracle)]


def properties(application: Application | None) -> list[Property]:
    """All properties that can be checked: without an application those that need none."""
    oracle = Oracle(application)
    return [*early(application, oracle), *(make(oracle) for make in LATE)]


def checked_on(
    application: Application | None, capabilities: Iterable[str], kinds: Collection[type]
) -> tuple[tuple[str, str], ...]:
    """(name, guarantee) of the properties that had something to judge: on a system with these capabilities, in histories with records of
    these kinds."""
    can = {"", *capabilities}
    return tuple(
        (judge.name, judge.guarantee)
        for judge in properties(application)
        if judge.guarantee and judge.needs in can and judge.judged(kinds)
    )


def checker(application: Application | None, plain: Callable[[Any], Any] | None = None) -> Checker:
    """A checker of all properties for one history. For one that was read from a file, `plain` says how the application's values look after
    a round trip through JSON."""
    oracle = Oracle(application)
    checked = early(application, oracle)
    for judge in checked:
        judge.plain = plain

    def late(kind: type) -> list[Property]:
        make = AWAITED.get(kind)
        if make is None:
            return []
        judge = make(oracle)
        judge.plain = plain
        return [judge]

    return Checker(checked, late)
