"""Campaigns: what is found in run n depends on the seed alone, and nothing found is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from refold.model.application import Application, Refusal
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory, Reserve, Restock
from refold.model.log import AppendRequest, Conflict, Log
from refold.properties.result import Counterexample, Result
from refold.search.campaign import SAMPLES, Budget, Campaign, Progress
from refold.search.tapes import LENGTHS, tape
from refold.search.vacuous import LONG, contested, vacuous
from refold.systems.reference import EVERYTHING, Reference
from refold.systems.registry import resolve


def campaign(system: str = "reference", seed: int = 7, examples: int = 40, **options: Any) -> Result:
    """The result of a short campaign."""
    return Campaign(resolve(system), Inventory(), seed, Budget(None, examples), **options).run()


def essence(result: Result) -> tuple[Any, ...]:
    """All of a result but its times."""
    return (
        result.examples,
        result.steps,
        result.skipped,
        result.counts,
        result.sample,
        [(c.plan, c.findings, c.history, c.found_at) for c in result.counterexamples],
    )


@pytest.mark.parametrize("system", ["reference", "snapshot-off-by-one", "retry-reorders"])
def test_the_same_seed_gives_the_same_result(system: str) -> None:
    """To the record."""
    assert essence(campaign(system)) == essence(campaign(system))


def test_another_seed_gives_other_runs() -> None:
    """It is not ignored."""
    assert campaign(seed=7).sample != campaign(seed=8).sample


VERIFY = "import sys; sys.argv[0] = 'refold'; from refold.reports.commands.cli import main; main()"


@pytest.mark.parametrize(
    "system",
    ["reference", "checkpoint-before-effect", "cache-resurrects-deleted", "snapshot-of-uncommitted", "retry-reorders"],
)
def test_histories_are_the_same_bytes_in_every_process(system: str, tmp_path: Path) -> None:
    """Under another hash seed too."""
    written = []
    for hash_seed in ("0", "4242"):
        folder = tmp_path / hash_seed
        arguments = ["verify", "--system", system, "--seed", "7", "--examples", "60", "--report-dir", str(folder)]
        done = subprocess.run(
            [sys.executable, "-c", VERIFY, *arguments, "--json"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (0 if system == "reference" else 1), done.stderr
        plans = sorted((file.name, file.read_bytes()) for file in folder.glob("plans/*.json"))
        written.append(((folder / "history.jsonl").read_bytes(), plans))
    assert written[0] == written[1]
    assert len(written[0][0]) > 200


def test_what_is_found_is_handed_over_at_once_and_once_per_anomaly() -> None:
    """Before the campaign ends."""
    handed: list[Counterexample] = []
    result = campaign("ack-before-fsync", examples=400, found=handed.append)
    assert tuple(handed) == result.counterexamples
    assert len({c.finding.signature for c in handed}) == len(handed)


def test_after_the_first_find_the_search_goes_on_for_others_but_not_for_ever() -> None:
    """As long again and fifty runs."""
    result = campaign("checkpoint-before-effect", examples=100_000)
    first = result.counterexamples[0].found_at
    assert result.examples <= 2 * first + 50


class Unwatched(Log):
    """Looks for a conflict at commit only if somebody has taken a position since the append began."""

    def recheck(self, request: AppendRequest, batch: Sequence[Stored]) -> Conflict | None:
        """Who began before and commits before it is not seen."""
        return None if batch[-1].position == self.next_position - 1 else super().recheck(request, batch)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_race_of_two_slow_appends_is_found(seed: int) -> None:
    """Not only that of a slow append with one that is done at once."""
    system = Reference("unwatched", {"log": Unwatched})
    result = Campaign(system, Inventory(), seed, Budget(None, 1_000, distinct=1)).run()
    assert [c.finding.guarantee for c in result.counterexamples] == ["CAS"]


def test_ctrl_c_ends_the_search_and_keeps_what_was_found() -> None:
    """The result says that it was interrupted; a short run is not called vacuous then."""

    def interrupt(counterexample: Counterexample) -> None:
        raise KeyboardInterrupt

    result = campaign("checkpoint-before-effect", found=interrupt)
    assert result.interrupted
    assert [c.finding.anomaly for c in result.counterexamples] == ["checkpoint-ahead-of-effects"]


def test_ctrl_c_in_the_middle_of_shrinking_keeps_the_shortest_plan_so_far() -> None:
    """It reproduces, and it is handed over."""
    broken = resolve("dedupe-window-too-small")
    runs = 0

    class Interrupting(Reference):
        def open(self, application: Any, emit: Any) -> Any:
            nonlocal runs
            runs += bool(searched.signatures)
            if runs == 10:
                raise KeyboardInterrupt
            return super().open(application, emit)

    handed: list[Counterexample] = []
    system = Interrupting("dedupe-window-too-small", broken.parts)  # type: ignore[attr-defined]
    searched = Campaign(system, Inventory(), 1, Budget(None, 3000), found=handed.append)
    result = searched.run()
    assert result.interrupted
    (found,) = handed
    assert result.counterexamples == (found,)
    assert found.finding.anomaly == "effect-applied-twice"
    assert len(found.plan) > len(campaign("dedupe-window-too-small", 1, 3000).counterexamples[0].plan)


@pytest.mark.parametrize(("examples", "runs"), [(1, 1), (5, 5), (40, 40)])
def test_a_budget_of_examples_is_kept(examples: int, runs: int) -> None:
    """Exactly."""
    assert campaign(examples=examples).examples == runs


def test_a_budget_of_no_seconds_still_gives_the_sample() -> None:
    """The first runs are run whatever the clock says: the sample depends on the seed alone."""
    hasty = Campaign(Reference(), Inventory(), 7, Budget(0.0, None)).run()
    assert hasty.examples == SAMPLES
    assert hasty.sample == campaign().sample


def test_progress_runs_from_nothing_to_all() -> None:
    """The share that is spent never exceeds one."""
    budget = Budget(10.0, 100)
    assert budget.spent(0, 0) == 0.0
    assert budget.spent(5.0, 10) == 0.5
    assert budget.spent(1.0, 90) == 0.9
    assert budget.spent(99.0, 900) == 1.0
    seen: list[Progress] = []
    campaign(examples=400, progress=seen.append)
    assert all(0 <= now.spent <= 1 for now in seen)
    assert [now.examples for now in seen] == sorted(now.examples for now in seen)


def test_tapes_come_in_all_lengths() -> None:
    """Each of them, again and again; and every second one has all families."""
    menu = Reference().menu(Accounts())
    tapes = [tape(1, number, menu) for number in range(2 * len(LENGTHS))]
    assert {len(one) for one in tapes} == {menu.length(length) for length in LENGTHS}
    assert all(one[0] == 0 for one in tapes[1::2])
    assert tape(1, 3, menu) == tapes[3] != tape(2, 3, menu)


# -- a run proves that it did something


class Idle(Inventory):
    """An application in which nothing can ever happen."""

    name = "idle"

    def decide(self, command: Any, state: Any) -> Any:
        return ()


def test_a_campaign_in_which_nothing_happened_is_a_finding() -> None:
    """`vacuous-run`, with what was missing."""
    result = Campaign(Reference(), Idle(), 1, Budget(None, 30)).run()
    assert result.verdict == "broken"
    (found,) = result.counterexamples
    assert (found.finding.anomaly, found.finding.guarantee) == ("vacuous-run", "HARNESS")
    assert set(found.finding.expected) == {"appended", "delivered"}


@pytest.mark.parametrize(
    ("capability", "count"),
    [
        ("crash-log", "crashes"),
        ("crash-consumer", "recoveries"),
        ("power-cut", "power_cuts"),
        ("slow-append", "slow_appends"),
        ("dedupe", "retried"),
        ("redeliver", "redelivered"),
        ("snapshots", "snapshots_loaded"),
    ],
)
def test_a_long_campaign_without_a_fault_that_is_possible_is_vacuous(capability: str, count: str) -> None:
    """A short one is not, and where the system cannot suffer it, neither."""
    happened = {**campaign(examples=200).counts, count: 0}
    finding = vacuous(happened, LONG, EVERYTHING)
    assert finding is not None
    assert count in finding.expected
    assert vacuous(happened, LONG - 1, EVERYTHING) is None
    assert vacuous(happened, LONG, {"append"}) is None


class Unconditional(Inventory):
    """Facts that nobody decides on: an append is never refused."""

    name = "unconditional"

    def commands(self) -> list[Any]:
        return [Restock("bolt", 1)]

    def conditional(self, command: Any) -> bool:
        return False


class Once(Unconditional):
    """One command with a condition, which leads to an event once."""

    name = "once"

    def conditional(self, command: Any) -> bool:
        return True

    def decide(self, command: Any, state: Any) -> Any:
        if state:
            raise Refusal("there are bolts")
        return super().decide(command, state)


class NeverDecided(Once):
    """A command with a condition that never holds, beside a fact."""

    name = "never-decided"

    def commands(self) -> list[Any]:
        return [Restock("bolt", 1), Reserve("bolt", 99)]

    def conditional(self, command: Any) -> bool:
        return isinstance(command, Reserve)

    def decide(self, command: Any, state: Any) -> Any:
        return Inventory.decide(self, command, state)


@pytest.mark.parametrize(
    ("application", "conflicts"),
    [(Inventory, True), (Accounts, True), (Once, True), (Unconditional, False), (NeverDecided, False)],
)
def test_conflicts_are_expected_where_a_condition_can_be_broken(
    application: type[Application], conflicts: bool
) -> None:
    """One command with a condition is enough: two clients decide on it at the same time."""
    assert contested(application()) is conflicts
    result = Campaign(Reference(), application(), 1, Budget(None, 60)).run()
    assert result.steps > LONG
    assert (result.verdict, result.counts["conflicts"] > 0) == ("held", conflicts)
