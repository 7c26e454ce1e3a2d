"""Consumers of a user's own: right ones are left in peace, wrong ones are found, half ones are told what they lack."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from refold.model.action import Deliver, Submit
from refold.model.errors import UsageError
from refold.model.examples.inventory import Inventory
from refold.model.parts.connection import Disconnect
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user.adopt import adapt
from refold.systems.user.watching import PULLING, PUSHED, role_of

from . import own_consumers as own


def verified(make: Callable[[], Any], examples: int = 150) -> Result:
    """A short campaign."""
    system = adapt("own", make)
    return Campaign(system, Inventory(), 7, Budget(seconds=None, examples=examples)).run()


@pytest.mark.parametrize("consumer", [own.Counter, own.Batching, own.InMemory, own.Remembering, own.Connected])
def test_a_right_consumer_is_not_accused(consumer: type) -> None:
    """One that handles events as they come, and one that collects them."""
    result = verified(own.around(consumer))
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["crashes"] > 20


@pytest.mark.parametrize(
    ("consumer", "guarantee", "anomalies"),
    [
        (own.CheckpointFirst, "CKPT", {"checkpoint-ahead-of-effects"}),
        (own.SnapshotTooFar, "SNAP", {"snapshot-ahead-of-log"}),
        (own.SnapshotShared, "SNAP", {"snapshot-differs"}),
        (own.Unguarded, "CKPT", {"effect-applied-twice"}),
        (own.BatchAcknowledgedEarly, "CKPT", {"checkpoint-ahead-of-effects"}),
        (own.BatchLosesOne, "CKPT", {"event-never-applied"}),
        (own.BatchForgotten, "LIVE", {"never-reaches-tail"}),
    ],
)
def test_a_wrong_consumer_is_found(consumer: type, guarantee: str, anomalies: set[str]) -> None:
    """Under the right guarantee, with a short plan."""
    found = verified(own.around(consumer)).counterexamples
    assert anomalies <= {example.finding.anomaly for example in found}
    assert found[0].finding.guarantee == guarantee
    assert len(found[0].plan) <= 6


ORDERS = tuple(Submit("alice", command) for command in Inventory().commands()[:2])


def test_a_subscription_begins_again_behind_the_checkpoint() -> None:
    """While the process lives on, with what it has collected and not saved."""
    interrupted = (*ORDERS, *(Deliver("counter", 0),) * 2, Disconnect("counter"), Deliver("counter", 0))
    run = execute(adapt("own", own.around(own.Batching)), Inventory(), interrupted, whole=True)
    assert not run.findings
    assert "connection" in run.history[0].capabilities
    found = execute(adapt("own", own.around(own.ReadsOn)), Inventory(), interrupted, whole=True).findings
    assert [finding.anomaly for finding in found] == ["effect-applied-twice"]


def test_one_cause_has_one_name() -> None:
    """Also after several crashes, and where the events that were lost are equal to others."""
    found = verified(own.around(own.CheckpointFirst)).counterexamples
    assert {example.finding.anomaly for example in found} == {"checkpoint-ahead-of-effects"}


def test_a_log_that_calls_durable_can_die_in_the_middle_of_an_append() -> None:
    """Half a batch is what is left of it."""
    found = verified(own.TornLog).counterexamples
    assert "partial-batch" in {example.finding.anomaly for example in found}


def test_what_a_log_declares_counts_beside_consumers_of_ones_own() -> None:
    """Retries are safe on this log, so there are some."""
    assert {"dedupe", "crash-log", "crash-at-step"} <= adapt("own", own.around(own.Counter)).capabilities


class NoHandle:
    """Lacks a method."""

    projection = "totals"
    checkpoint = rows = dict


class NoProjection(own.Counter):
    """Says nothing about its rows."""

    projection: Any = None


class Promising(own.Counter):
    """Promises something unheard of."""

    promises = ("atomc",)


@pytest.mark.parametrize(
    ("consumer", "words"),
    [
        (NoHandle, ("'counter'", "handle()")),
        (NoProjection, ("'counter'", "projection", "views, states")),
        (Promising, ("'counter'", "'atomc'", "atomic", "volatile")),
    ],
)
def test_half_a_consumer_is_told_what_it_lacks(consumer: type, words: tuple[str, ...]) -> None:
    """In one sentence, before anything runs."""
    with pytest.raises(UsageError) as raised:
        adapt("own", own.around(consumer))
    assert all(word in str(raised.value) for word in words), raised.value


def test_consumers_are_a_mapping() -> None:
    """And a list of them is none."""

    class Listed:
        def __init__(self) -> None:
            self.log = own.FileLog()
            self.consumers = [own.Counter()]

    with pytest.raises(UsageError, match="consumers"):
        adapt("own", Listed)


def test_a_log_with_something_called_open_is_a_log() -> None:
    """Only what has a menu as well is a system."""

    class OpenLog(own.FileLog):  # type: ignore[misc]
        open = False

    assert verified(OpenLog, examples=20).counterexamples == ()


class Circular:
    """A consumer that holds itself, and something that has to be let go."""

    projection = "views"
    alive: ClassVar[weakref.WeakSet[Any]] = weakref.WeakSet()

    def __init__(self) -> None:
        self.poll = self.work
        self.alive.add(self)

    def work(self) -> bool:
        """There is nothing to do."""
        return False

    def rows(self) -> dict[str, Any]:
        """No rows."""
        return {}


def test_examples_are_let_go_before_a_search_freezes_what_there_is() -> None:
    """Else each search of a suite would leave a connection open."""

    def make() -> Any:
        return SimpleNamespace(log=own.FileLog(), consumers={"one": Circular})

    adapt("own", make)
    assert len(Circular.alive) == 0


def test_a_method_that_takes_more_than_an_event_is_a_consumers_own_business() -> None:
    """One that polls may have a `handle` that it calls itself; one that only handles is told what is wrong with it."""

    class Polls:
        def rows(self) -> dict[str, int]:
            return {}

        def poll(self) -> bool:
            return False

        def handle(self, connection: object, event: object) -> None:
            """Called by `poll`."""

    class Pushed(Polls):
        def handle(self, event: object, again: object = None) -> None:
            """Handed events."""

    assert role_of(Polls()) == PULLING
    assert role_of(Pushed()) == PUSHED
