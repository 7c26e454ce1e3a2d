"""Mistakes of public reports in a service over SQLite and what works beside it: found under their guarantees, with a fitting first guess or
none; their repairs are held."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from refold.model.application import Application, Refusal
from refold.properties.diagnosis.scores import diagnose
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.user import Relay, Service, Sink, Worker, sqlite_system
from refold.systems.user.adopt import adapt

from . import accounts, branches, labels, wallets
from .test_field import EVENTS, Deposited, Money

System = Callable[[], object]
PROGRESS = "select position from progress where name = 'balances'"
FURTHEST = "select max(position) from progress"
SHOWN = "select wallet, balance from {} where (select target from alias) = '{}'"
BY_ALIAS = f"{SHOWN.format('balances', 'balances')} union all {SHOWN.format('other', 'other')}"


class Banking(Money):
    """Deposits may be counted by themselves; a decision that is wrong has a name of its own."""

    def deposits(self, event: Any, rows: Any) -> dict[str, int]:
        """The sums that went in."""
        data = event.data
        return {event.stream: rows.get(event.stream, 0) + data.amount} if isinstance(data, Deposited) else {}

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        """As before."""
        try:
            return super().decide(command, state)
        except Refusal:
            raise Refusal("overdrawn", "money-from-nowhere") from None


@dataclass(frozen=True)
class Put:
    """Put up a label."""

    item: str
    price: int


@dataclass(frozen=True)
class Take:
    """Take it down."""

    item: str


class Taken(Take):
    """It is down."""


class WasPut(Put):
    """It is up."""


class Pricing(Application):
    """Each item has a label, or none."""

    name = "pricing"
    events = (WasPut, Taken)

    def commands(self) -> Sequence[Any]:
        """Two items, two prices."""
        return [command for item in ("a", "b") for command in (Put(item, 1), Put(item, 2), Take(item))]

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        """Nobody takes down what is not there."""
        if isinstance(command, Put):
            return [WasPut(command.item, command.price)]
        if state is None:
            raise Refusal("there is none")
        return [Taken(command.item)]

    def evolve(self, state: Any, event: Any) -> Any:
        """The price."""
        return event.price if isinstance(event, WasPut) else None


def bank(service: Any = wallets.Wallets, **others: Any) -> System:
    """The service, and others beside."""
    calls = Service(service, [wallets.Overdrawn, sqlite3.IntegrityError])
    return sqlite_system(branches.SCHEMA, calls, events=EVENTS, **others)


def worker(kind: Any, rows: str = "balances", checkpoint: str = PROGRESS, **more: Any) -> System:
    """And one worker."""
    return bank(consumers={"balances": Worker(kind, poll="run_once", rows=rows, checkpoint=checkpoint, **more)})


def two(*kinds: Any) -> System:
    """And two, each with a position."""
    return bank(
        consumers={kind.name: Worker(kind, poll="run_once", rows="balances", checkpoint=FURTHEST) for kind in kinds}
    )


def shown(service: Any) -> System:
    """Rows that the service writes by itself."""
    return bank(service, consumers={"shown": Worker(rows="shown")})


def reminding(kind: Any) -> System:
    """And a process manager with timers."""
    return bank(sinks={"mail": Sink()}, relays={"reminders": Relay(kind, poll="step", sends="mail")})


def outbox(kind: Any, *promises: str) -> System:
    """And a relay."""
    relay = Relay(kind, poll="step", sends="broker")
    return bank(accounts.PutsIntoOutbox, sinks={"broker": Sink(promises=promises)}, relays={"relay": relay})


class Checks(wallets.Wallets):
    """The version is not asked for again: whoever came in between is not noticed."""

    def store(self, wallet: wallets.Wallet, events: list[tuple[str, int]]) -> None:
        """Behind whatever there is by now."""
        with self.connection:
            for kind, amount in events:
                last = self.connection.execute(
                    "select coalesce(max(version), 0) from events where wallet = ?", (wallet.name,)
                )
                data = f'{{"wallet": "{wallet.name}", "amount": {amount}}}'
                row = (wallet.name, last.fetchone()[0] + 1, kind, data, 0)
                self.connection.execute(accounts.INSERT, row)


def priced(kind: Any) -> System:
    """Labels in a table."""
    events = {
        WasPut: "select position, item, price from events where type = 'Put'",
        Taken: "select position, item from events where type = 'Taken'",
    }
    rows = "select item, price from labels where price is not null and gone = 0"
    made = Worker(kind, poll="step", rows=rows, checkpoint="progress")
    service = Service(labels.Shop, [labels.NoLabel])
    return sqlite_system(labels.SCHEMA, service, events=events, consumers={"labels": made})


class Case:
    """A mistake, its repairs, the guarantee, the names and the first guesses that fit. A guess that nothing speaks for is none."""

    def __init__(
        self, bad: System, good: Sequence[System], guarantee: str, anomalies: set[str], guesses: set[str | None]
    ) -> None:
        self.bad, self.good, self.guarantee, self.anomalies, self.guesses = bad, good, guarantee, anomalies, guesses


LOST = {"event-never-applied", "checkpoint-ahead-of-effects"}
CASES: dict[str, Case] = {
    "overtaken": Case(bank(Checks), [bank()], "CAS", {"money-from-nowhere", "lost-update"}, {"check-then-append"}),
    "shows-later": Case(
        shown(branches.ShowsLater),
        [shown(branches.ShowsWithIt)],
        "REPL",
        {"inline-rows-behind"},
        {"dual-write-partial"},
    ),
    "end-asked-afterwards": Case(
        worker(branches.EndAskedAfterwards, projection="deposits"),
        [worker(branches.StaysAtThePage, projection="deposits", saves_every=1_000)],
        "CKPT",
        LOST,
        {"ceiling-not-scanned", "catch-up-to-live-gap"},
    ),
    "merges-at-the-further": Case(
        worker(branches.MergesAtTheFurther, checkpoint=FURTHEST),
        [worker(branches.Segments, checkpoint=FURTHEST)],
        "CKPT",
        LOST,
        {"checkpoint-before-effect", None},
    ),
    "from-now": Case(
        worker(branches.FromNow), [worker(wallets.Balances)], "LIVE", {"never-reaches-tail"}, {"cdc-resume-at-latest"}
    ),
    "by-position": Case(
        two(branches.OfEven, branches.OfOdd),
        [two(branches.OfW1, branches.OfW2)],
        "CKPT",
        LOST,
        {"shared-session-race", "dedupe-key-lacks-consumer"},
    ),
    "alias-of-the-start": Case(
        worker(branches.AliasOfTheStart, rows=BY_ALIAS, rebuild="rebuild"),
        [worker(branches.ByAlias, rows=BY_ALIAS, rebuild="rebuild")],
        "CKPT",
        LOST,
        {"rebuild-swap-race"},
    ),
    "timers-in-memory": Case(
        reminding(branches.RemindersInMemory),
        [reminding(branches.Reminders)],
        "DUAL",
        {"side-effect-missing"},
        {"outbox-marked-unsent"},
    ),
    "puts-off": Case(
        outbox(branches.PutsOff, "ordered"),
        [outbox(branches.WaitsForTheFirst, "ordered")],
        "ORD",
        {"sent-out-of-order"},
        {"retry-reorders"},
    ),
    "marks-what-is-there": Case(
        outbox(branches.MarksWhatIsThere),
        [outbox(accounts.Outbox)],
        "DUAL",
        {"side-effect-missing"},
        {"outbox-marked-unsent"},
    ),
    "newest-by-time": Case(
        priced(labels.NewestByTime), [priced(labels.NewestByPosition)], "CKPT", LOST, {"cdc-timestamp-cursor"}
    ),
    "letters": Case(priced(labels.Letters), [priced(labels.LettersInARow)], "CKPT", LOST, {"retry-reorders"}),
    "marks-as-gone": Case(
        priced(labels.MarksAsGone), [priced(labels.BringsBack), priced(labels.Labels)], "CKPT", LOST, {None}
    ),
    "fills-then-asks": Case(
        priced(labels.FillsThenAsks),
        [priced(labels.FillsInOne)],
        "CKPT",
        LOST,
        {"ceiling-not-scanned", "catch-up-to-live-gap", "enqueued-before-commit", None},
    ),
    "loads-again": Case(
        worker(branches.LoadsAgain),
        [worker(branches.LoadsAtOnce)],
        "CKPT",
        {"effect-applied-twice", *LOST},
        {"effect-before-checkpoint", None},
    ),
    "loads-pages-in-two": Case(
        worker(branches.LoadsPagesInTwo),
        [worker(branches.LoadsPages)],
        "CKPT",
        {"effect-applied-twice"},
        {"effect-before-checkpoint"},
    ),
}


EXAMPLES = {"fills-then-asks": 300}
"""Runs are short where a first turn is unlike all others."""


def verified(make: System, seed: int, examples: int) -> Result:
    """A short campaign, over after the first finding."""
    application = Pricing() if make in PRICED else Banking()
    return Campaign(
        adapt("branches", make), application, seed, Budget(seconds=None, examples=examples, distinct=1)
    ).run()


PRICED = [
    system
    for name in ("newest-by-time", "letters", "marks-as-gone", "fills-then-asks")
    for system in (CASES[name].bad, *CASES[name].good)
]


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_found_and_its_first_guess_fits(name: str) -> None:
    """Where nothing is known that fits, there is no guess."""
    case = CASES[name]
    examples = verified(case.bad, 1, EXAMPLES.get(name, 80)).counterexamples
    assert examples, name
    first = examples[0]
    assert (first.finding.guarantee, first.finding.anomaly in case.anomalies) == (case.guarantee, True), first.finding
    ranked = diagnose(first.findings, first.history)
    assert (ranked[0].row.name if ranked and ranked[0].score >= 0.5 else None) in case.guesses, ranked[:2]


@pytest.mark.parametrize("name", CASES)
def test_its_repairs_are_held(name: str) -> None:
    """And something had happened."""
    for make in CASES[name].good:
        result = verified(make, 1, 6)
        assert [str(example.finding) for example in result.counterexamples] == []
        assert result.counts["appended"] > 20


@pytest.mark.parametrize("seed", [2, 3])
def test_a_table_that_is_filled_while_others_write_is_found_with_other_seeds(seed: int) -> None:
    """There is one first turn in a run, so runs are short, and many begin with a load."""
    result = verified(CASES["fills-then-asks"].bad, seed, 300)
    assert result.counterexamples[0].finding.anomaly in LOST


def test_a_first_turn_that_is_unlike_all_others_makes_short_runs() -> None:
    """And one that is like the others does not."""
    assert min(adapt("loads", CASES["fills-then-asks"].bad).menu(Pricing()).lengths) < 12
    assert adapt("labels", priced(labels.Labels)).menu(Pricing()).lengths == ()
