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
from refold.properties.oracle import Truth
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

    name = "truth"
    guarantee = ""

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self.truth = truth

    def handlers(self) -> dict[type, Handler]:
        """What the truth is made of."""
        truth = self.truth
        table: dict[type, Callable[..., None]] = {
            Opened: truth.on_opened,
            Joined: truth.on_joined,
            Parked: truth.on_parked,
            Stored: truth.on_stored,
            Ignored: truth.on_ignored,
            Recovered: truth.on_recovered,
            Started: truth.on_started,
            Aborted: truth.on_aborted,
            Acknowledged: truth.on_acknowledged,
            Unknown: truth.on_unknown,
            SessionOpened: truth.on_session_opened,
            SessionClosed: truth.on_session_closed,
        }
        return table  # type: ignore[return-value]


LATE: tuple[Callable[[Truth], Property], ...] = (
    lambda truth: Pointers(),
    Listings,
    OutboxDelivery,
    Commands,
    lambda truth: TwoStores(),
    lambda truth: CopyFollowsSource(),
    lambda truth: Locks(),
    lambda truth: Reservations(),
    Ranges,
    lambda truth: CreateIfAbsent(),
    lambda truth: SingleWriter(),
    lambda truth: Topics(),
)
"""Properties of extensions, made when the first record of theirs occurs. No two share a kind of record, nor with the others."""


def kinds_of(judge: Property) -> list[type]:
    """The kinds of records of an extension that a property looks at."""
    return [kind for kind in judge.handlers() if kind.__module__ not in (Record.__module__, Stored.__module__)]


AWAITED: dict[type, Callable[[Truth], Property]] = {kind: make for make in LATE for kind in kinds_of(make(Truth(None)))}
"""Kind of record -> the property that comes with it."""


def early(application: Application | None, truth: Truth) -> list[Property]:
    """The properties of every run."""
    identity, order, versions = Identity(), CacheOrder(), ExpectedVersion(truth)
    checked: list[Property] = [identity, versions]
    replay = None
    if application is not None:
        decisions = Decisions(application, versions)
        checked += [decisions, Views(application, truth, decisions)]
        replay = ReplayEquality(application, truth)
    checked += [
        Visibility(truth),
        Reachability(truth),
        Durability(identity),
        Effects(truth, order, replay),
        Checkpoints(truth),
        SnapshotIntegrity(truth),
    ]
    if application is not None and replay is not None:
        checked += [SnapshotEquality(application, truth, replay), replay, CacheAtRest(application, truth)]
        checked.append(Sessions(application, truth))
        checked += [RebuildEquality(application, truth, replay), Answers(application, truth)]
    checked += [order, Outside(truth), Letters(truth), Waits(truth), Convergence(truth)]
    if application is not None:
        checked += [make(application) for make in application.properties]
    return [*checked, Bookkeeping(truth)]


def properties(application: Application | None) -> list[Property]:
    """All properties that can be checked: without an application those that need none."""
    truth = Truth(application)
    return [*early(application, truth), *(make(truth) for make in LATE)]


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
    truth = Truth(application)
    checked = early(application, truth)
    for judge in checked:
        judge.plain = plain

    def late(kind: type) -> list[Property]:
        make = AWAITED.get(kind)
        if make is None:
            return []
        judge = make(truth)
        judge.plain = plain
        return [judge]

    return Checker(checked, late)
