"""More public reports, as developers write such code: found under the right guarantee, with a fitting first guess; repairs are held."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from refold.model.action import Submit
from refold.model.application import Application, Refusal
from refold.model.event import Stored
from refold.model.parts.calls import Die, Enter, GoOn, Halt, Replied
from refold.properties.diagnosis.scores import diagnose
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.gate import watch
from refold.systems.user import Relay, Service, Sink, Worker, sqlite_system
from refold.systems.user.adopt import adapt

from . import desks, wallets


@dataclass(frozen=True)
class Deposit:
    """Put something in."""

    wallet: str
    amount: int


@dataclass(frozen=True)
class Withdraw:
    """Take something out."""

    wallet: str
    amount: int


class Deposited(Deposit):
    """It was put in."""


class Withdrawn(Withdraw):
    """It was taken out."""


class Money(Application):
    """The rules."""

    name = "money"
    events = (Deposited, Withdrawn)

    def commands(self) -> Sequence[Any]:
        """Two wallets."""
        return [*(Deposit(one, 5) for one in ("w1", "w2")), *(Withdraw(one, 3) for one in ("w1", "w2"))]

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        """Nobody takes more than there is."""
        if isinstance(command, Deposit):
            return [Deposited(command.wallet, command.amount)]
        if state < command.amount:
            raise Refusal("overdrawn")
        return [Withdrawn(command.wallet, command.amount)]

    def initial(self, key: str) -> int:
        """Nothing."""
        return 0

    def evolve(self, state: Any, event: Any) -> int:
        """The balance."""
        return int(state + (event.amount if isinstance(event, Deposited) else -event.amount))


EVENTS = "select position, wallet as stream, version, type, data from events"
PROGRESS = "select position from progress where name = 'balances'"
System = Callable[[], object]


def tables(service: Any = wallets.Wallets, **others: Any) -> System:
    """A service over sqlite3, and others beside."""
    refusals = [wallets.Overdrawn, sqlite3.IntegrityError]
    return sqlite_system(wallets.SCHEMA, Service(service, refusals=refusals), events=EVENTS, **others)


def worker(make: Any, checkpoint: str = PROGRESS) -> System:
    """The service, and one worker."""
    return tables(consumers={"balances": Worker(make, poll="run_once", rows="balances", checkpoint=checkpoint)})


def both(balances: Any, counts: Any) -> System:
    """The service, and two workers."""
    return tables(
        consumers={
            "balances": Worker(balances, poll="run_once", rows="balances"),
            "counts": Worker(counts, poll="run_once", rows="counts", projection="totals"),
        }
    )


def sending(relay: Any) -> System:
    """The service, and a process manager whose commands must never come twice."""
    return tables(
        sinks={"queue": Sink(promises=["at-most-once"])}, relays={"shipping": Relay(relay, poll="step", sends="queue")}
    )


class Remote:
    """Another service."""

    def check(self, event: Any) -> None:
        """It has nothing against it."""


class Reader:
    """What a page shows."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk

    async def query(self, key: str) -> int:
        """The balance."""
        return int(await self.desk.balance(key))


KINDS: Mapping[str, type] = {"Deposited": Deposited, "Withdrawn": Withdrawn}


class InMemory:
    """Asynchronous code over a store in memory."""

    refusals: ClassVar[Any] = (desks.Overdrawn, desks.Conflict)

    def __init__(self, desk: Any, worker: Any = None, alone: bool = False) -> None:
        self.store = desks.Store()
        self.service = (lambda client: desk(self.store)) if alone else desk(self.store)
        if worker is not None:
            remote = watch(Remote(), name="remote", methods=("check",))
            self.consumers = {"balances": worker(self.store, remote)}
        if isinstance(self.service, desks.Page):
            self.readers = {"page": Reader(self.service)}

    def read(self, after: int, limit: int) -> list[Stored]:
        """The log."""
        return [
            Stored(number, one.wallet, one.version, str(number), one.type, KINDS[one.type](one.wallet, one.amount))
            for number, one in enumerate(self.store.events, 1)
        ][after : after + limit]


def threads(make: Any) -> System:
    """A service in threads, which share their locks."""

    def server() -> object:
        make.locks = {"w1": threading.Lock(), "w2": threading.Lock()}
        return tables(make)()

    return server


def desk(kind: Any = desks.Desk, worker: Any = None) -> System:
    """A system of these."""
    return lambda: InMemory(kind, worker)


BAD: dict[str, tuple[System, str, tuple[str, ...], tuple[str, ...]]] = {
    "releases-first": (
        tables(wallets.ReleasesFirst),
        "LOG",
        ("confirmed-without-effect",),
        ("uncommitted-cleared-on-failure",),
    ),
    "failed-is-done": (
        worker(wallets.FailedIsDone),
        "CKPT",
        ("event-never-applied", "checkpoint-ahead-of-effects"),
        ("failed-event-checkpointed", "checkpoint-before-effect"),
    ),
    "text-position": (worker(wallets.TextPosition), "LIVE", ("never-reaches-tail",), ("checkpoint-compare-as-text",)),
    "since": (worker(wallets.Since, ""), "CKPT", ("event-never-applied",), ("cdc-timestamp-cursor",)),
    "since-in-order": (worker(wallets.SinceInOrder, ""), "CKPT", ("event-never-applied",), ("cdc-timestamp-cursor",)),
    "deduplicates": (
        both(wallets.Deduplicates, wallets.CountsDeduplicated),
        "CKPT",
        ("event-never-applied",),
        ("dedupe-key-lacks-consumer",),
    ),
    "marks-first": (
        worker(wallets.MarksFirst),
        "CKPT",
        ("event-never-applied", "checkpoint-ahead-of-effects"),
        ("checkpoint-before-effect", "failed-event-checkpointed"),
    ),
    "shipping": (
        sending(wallets.Shipping),
        "DUAL",
        ("side-effect-twice",),
        ("pm-duplicate-commands", "outbox-double-drain"),
    ),
    "lock-for-each-call": (desk(desks.LockForEachCall), "CAS", ("lost-update",), ("check-then-append",)),
    "cache-aside": (desk(desks.CacheAside), "READ", ("cache-stale-at-rest",), ("cache-filled-late",)),
    "all-at-once": (
        desk(worker=desks.AllAtOnce),
        "CKPT",
        ("event-never-applied",),
        ("failed-event-checkpointed", "out-of-order-completion"),
    ),
    "transfers": (threads(wallets.Transfers), "LIVE", ("deadlock",), ("locks-in-two-orders",)),
    "thread-lock": (desk(desks.ThreadLock), "LIVE", ("deadlock",), ("lock-held-over-an-await",)),
    "listens-late": (desk(worker=desks.ListensLate), "LIVE", ("never-reaches-tail",), ("lost-wakeup",)),
}
"""Report -> system, guarantee, names that fit, and what it may be taken for."""

GOOD: dict[str, System] = {
    "by-position": worker(wallets.Balances),
    "tries-again": worker(wallets.FailedIsTriedAgain),
    "by-name": both(wallets.DeduplicatesByName, wallets.CountsByName),
    "notes": sending(wallets.ShippingNotes),
    "in-order": threads(wallets.TransfersInOrder),
    "desk": desk(desks.Page),
    "counts-calls": desk(desks.CountsCalls),
    "one-by-one": desk(worker=desks.OneByOne),
    "listening": desk(worker=desks.Listening),
}
"""Their repairs."""


def verified(make: System, seed: int, examples: int) -> Result:
    """A short campaign, over after the first finding."""
    return Campaign(adapt("field", make), Money(), seed, Budget(seconds=None, examples=examples, distinct=1)).run()


@pytest.mark.parametrize("name", BAD)
def test_a_reported_mistake_is_found(name: str) -> None:
    """By a fitting name, under its guarantee, with a fitting first guess."""
    make, guarantee, anomalies, rows = BAD[name]
    examples = verified(make, 1, 120 if name == "listens-late" else 30).counterexamples
    assert examples, name
    first = examples[0]
    assert first.finding.anomaly in anomalies
    assert first.finding.guarantee == guarantee
    assert diagnose(first.findings, first.history)[0].row.name in rows


@pytest.mark.parametrize("name", GOOD)
def test_its_repair_is_held(name: str) -> None:
    """And something had happened."""
    result = verified(GOOD[name], 1, 6)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["appended"] > 20


def test_a_thread_lock_that_each_process_has_for_itself_is_no_deadlock() -> None:
    """Nobody waits for another process's lock. It keeps no other process out either, so an update may be lost."""
    result = verified(lambda: InMemory(desks.ThreadLock, alone=True), 1, 20)
    assert {example.finding.anomaly for example in result.counterexamples} <= {"lost-update"}
    assert result.counts["appended"] > 20


def test_clocks_of_those_who_ask_for_the_time_differ() -> None:
    """A worker by position does not mind."""
    result = verified(worker(wallets.Balances), 2, 12)
    assert not result.counterexamples
    assert result.counts["clocks_set"]
    assert not any("clocks that differ" in text for text in result.not_checked)


def test_whoever_dies_while_it_is_given_a_lock_passes_it_on() -> None:
    """As a server does that cancels a call whose client has gone."""
    deposit = Deposit("w1", 5)
    plan: list[Any] = [
        Enter("bob", deposit),
        Halt("bob", "await sleep in append"),
        Enter("alice", deposit),
        GoOn("bob"),
        Submit("bob", deposit),
        Die("alice"),
    ]
    for kind in (desks.Desk, desks.TakesTurns):
        run = execute(adapt("field", desk(kind)), Money(), plan)
        assert not run.findings
        answers = [record.how for record in run.history if isinstance(record, Replied)]
        assert sorted(answers) == ["done", "done", "unknown"], kind


def test_a_lock_that_is_removed_while_somebody_waits_for_it_keeps_nobody_apart() -> None:
    """Three calls are needed: one has it, one waits for it, and one comes when it is gone."""
    deposit, withdraw, place = Deposit("w1", 5), Withdraw("w1", 3), "await sleep in append"
    before = [Submit("bob", one) for one in (deposit, deposit, withdraw)]
    queue = [Enter("alice", withdraw), Halt("alice", place), Submit("bob", withdraw), GoOn("alice"), Halt("bob", place)]
    plan: list[Any] = [*before, *queue, Submit("alice", withdraw), GoOn("bob")]
    run = execute(adapt("field", desk(desks.ForgetsLock)), Money(), plan)
    assert [finding.anomaly for finding in run.findings][:1] == ["lost-update"]
    assert not execute(adapt("field", desk(desks.CountsUsers)), Money(), plan).findings


@pytest.mark.parametrize(
    ("make", "waits"),
    [
        (desk(desks.Desk), True),
        (desk(desks.LockForEachCall), False),
        (threads(wallets.TransfersInOrder), True),
        (tables(), False),
    ],
    ids=["a lock of asyncio", "a lock for each call", "a lock of threads", "a lock of the database"],
)
def test_queues_are_spoken_of_only_where_a_call_waits_for_another(make: System, waits: bool) -> None:
    """As a rehearsal has shown. Nobody takes the lock of a database away."""
    menu = adapt("field", make).menu(Money())
    queues = [word for _, _, words in menu.groups for word in words if sum(isinstance(one, Halt) for one in word) == 2]
    assert bool(queues) == waits
