"""Rows of the catalogue as ordinary code: each mistake is found under its guarantee with three seeds, each repair is held."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.action import Submit
from refold.model.parts.calls import Enter, GoOn, Halt
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.gate import watch
from refold.systems.user import Reader, Relay, Service, Sink, Worker, sqlite_system
from refold.systems.user.adopt import adapt
from refold.systems.user.menu.places import PLACES, chosen

from . import accounts, desks, ledgers, wallets
from .test_field import EVENTS, Deposit, InMemory, Money

System = Callable[[], object]
PROGRESS = "select position from progress where name = 'balances'"


def bank(
    service: Any = wallets.Wallets, refusals: Any = (wallets.Overdrawn, sqlite3.IntegrityError), **others: Any
) -> System:
    """The service, and what works beside it."""
    calls = service if isinstance(service, Service) else Service(service, refusals)
    return sqlite_system(ledgers.SCHEMA, calls, events=EVENTS, **others)


def worker(kind: Any, service: Any = wallets.Wallets, checkpoint: str = PROGRESS) -> System:
    """And one worker."""
    made = Worker(kind, poll="run_once", rows="balances", checkpoint=checkpoint)
    return bank(service, consumers={"balances": made})


def manager(kind: Any, *promises: str) -> System:
    """And a process manager."""
    return bank(sinks={"queue": Sink(promises=promises)}, relays={"manager": Relay(kind, poll="step", sends="queue")})


def outbox(kind: Any) -> System:
    """And a relay for the outbox."""
    relay = Relay(kind, poll="step", sends="broker")
    return bank(accounts.PutsIntoOutbox, sinks={"broker": Sink()}, relays={"relay": relay})


def snapshots(kind: Any) -> System:
    """A service that loads from snapshots."""
    loads = {"load": "load", "state": lambda wallet: wallet.balance, "snapshots": "snapshots", "snapshot": int}
    return bank(Service(kind, (wallets.Overdrawn, sqlite3.IntegrityError), **loads))


def cached(service: Any, page: Any) -> System:
    """A service and a page that share a cache."""

    def system() -> object:
        ledgers.Shared.balances = {}
        cache = watch(ledgers.Shared(), name="cache", methods=("get", "put", "drop"))
        named = {"cache": cache}
        shown = type(page.__name__, (page,), named)
        return bank(type(service.__name__, (service,), named), readers={"page": Reader(shown, query="balance")})()

    return system


def in_memory(kind: Any) -> System:
    """Asynchronous code over a store in memory; its worker's table is on a server, and outlives the worker."""

    def system() -> object:
        made = InMemory(desks.Desk)
        table = ledgers.Table()
        made.consumers = {"balances": lambda: kind(made.store, table)}
        return made

    return system


PAIRS: dict[str, tuple[System, System, str, set[str]]] = {
    "decides-once": (
        bank(ledgers.DecidesOnce, [wallets.Overdrawn]),
        bank(ledgers.DecidesAnew),
        "CAS",
        {"lost-update", "rule-broken"},
    ),
    "version-at-save": (bank(ledgers.VersionAtSave), bank(), "CAS", {"lost-update"}),
    "checks-the-view": (
        worker(wallets.Balances, ledgers.ChecksTheView),
        worker(wallets.Balances),
        "CAS",
        {"lost-update", "refused-without-reason"},
    ),
    "snapshot-counted-later": (
        snapshots(ledgers.CountsSnapshotsLater),
        snapshots(accounts.Snapshots),
        "SNAP",
        {"snapshot-differs"},
    ),
    "ceiling-not-scanned": (
        worker(ledgers.CeilingNotScanned),
        worker(ledgers.ByKind),
        "CKPT",
        {"event-never-applied", "checkpoint-ahead-of-effects"},
    ),
    "remembers-batch": (
        worker(ledgers.RemembersBatch, checkpoint=""),
        worker(ledgers.NotesBatch, checkpoint=""),
        "CKPT",
        {"effect-applied-twice", "event-never-applied"},
    ),
    "puts-aside": (
        worker(ledgers.PutsAside, checkpoint=""),
        worker(ledgers.PutsAsideWithIt, checkpoint=""),
        "CKPT",
        {"event-never-applied", "effect-applied-twice"},
    ),
    "notes-first": (manager(ledgers.NotesFirst), manager(ledgers.Manager), "DUAL", {"side-effect-missing"}),
    "handled-in-memory": (
        manager(ledgers.InMemory, "at-most-once"),
        manager(ledgers.NotesFirst, "at-most-once"),
        "DUAL",
        {"side-effect-twice"},
    ),
    "marks-up-to": (outbox(ledgers.MarksUpTo), outbox(ledgers.Batches), "DUAL", {"side-effect-missing"}),
    "drops-early": (
        cached(ledgers.DropsEarly, ledgers.CachedPage),
        cached(ledgers.DropsTwice, ledgers.UncachedPage),
        "READ",
        {"cache-stale-at-rest"},
    ),
    "effect-first": (
        in_memory(ledgers.EffectFirst),
        in_memory(ledgers.KeepsInTable),
        "CKPT",
        {"effect-applied-twice"},
    ),
}
"""Mistake -> system, its repair, guarantee, names that fit."""


def verified(make: System, seed: int, examples: int) -> Result:
    """A short campaign, over after the first finding."""
    return Campaign(adapt("ledgers", make), Money(), seed, Budget(seconds=None, examples=examples, distinct=1)).run()


@pytest.mark.parametrize("name", PAIRS)
def test_a_mistake_is_found(name: str) -> None:
    """Under its guarantee, by a fitting name."""
    bad, _, guarantee, anomalies = PAIRS[name]
    examples = verified(bad, 1, 60).counterexamples
    assert examples, name
    assert examples[0].finding.guarantee == guarantee
    assert examples[0].finding.anomaly in anomalies


@pytest.mark.parametrize("name", PAIRS)
def test_its_repair_is_held(name: str) -> None:
    """And something had happened."""
    result = verified(PAIRS[name][1], 1, 6)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["appended"] > 20


def test_a_place_that_comes_again_is_a_place_of_its_own() -> None:
    """Another client appends between the last two queries of the same table: the wrong snapshot is seen, that of the repair is right."""
    bad, good, *_ = PAIRS["snapshot-counted-later"]
    deposit = Deposit("w1", 5)
    stop = Halt("alice", "SELECT events (4)")
    assert stop in set(adapt("bad", bad).menu(Money()).actions())
    plan = (Submit("alice", deposit), Enter("alice", deposit), stop, Submit("bob", deposit), GoOn("alice"))
    assert [one.anomaly for one in execute(adapt("bad", bad), Money(), plan).findings][:1] == ["snapshot-differs"]
    assert not execute(adapt("good", good), Money(), plan).findings


def test_where_there_are_many_places_those_that_write_come_first() -> None:
    """Then those that read, then those that come again; in the order of the code."""
    writes = [f"INSERT t{n}" for n in range(PLACES - 3)]
    places = ["SELECT a", "SELECT a (2)", *writes, "SELECT b", "INSERT t0 (2)", "COMMIT", "COMMIT (2)"]
    assert chosen(places) == ["SELECT a", *writes, "COMMIT", "COMMIT (2)"]
