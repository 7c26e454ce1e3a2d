"""The comparison of strategies: the same figures everywhere, and the known trade."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

import attrs
import pytest

from refold.model.strategies.strategy import STRATEGIES
from refold.search.strategies.comparison import CLIENTS, FAULTS, Row, compare, contest
from refold.search.strategies.simulation import LOST, Actor, Call, Network, Script, Server, Simulation, Spells

PROGRAM = """
import attrs, json
from refold.search.strategies.comparison import compare
print(json.dumps([attrs.asdict(row) for row in compare(seed=3, steps=400)]))
"""


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    return {row.strategy: row for row in compare(seed=1, steps=10_000)}


def test_the_same_seed_gives_the_same_figures_in_every_process() -> None:
    """Under another hash seed too."""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert json.loads(outputs[0]) == [attrs.asdict(row) for row in compare(seed=3, steps=400)]


def test_another_seed_is_another_workload() -> None:
    """Else the seed would be an ornament."""
    assert compare(seed=1, steps=200, strategies=["blind"]) != compare(seed=2, steps=200, strategies=["blind"])


def test_every_strategy_gets_all_commands(rows: dict[str, Row]) -> None:
    """Each command ends in one way."""
    assert list(rows) == list(STRATEGIES)
    for row in rows.values():
        assert row.commands == 10_000
        assert row.refusals + row.declined + row.unknown < row.commands
        assert list(row.faults) == list(FAULTS)
        assert row.lost == 0


def test_safe_strategies_break_nothing_and_the_others_do(rows: dict[str, Row]) -> None:
    """Under any fault, and under all of them."""
    for name, strategy in STRATEGIES.items():
        broken = rows[name].violations
        assert (broken == 0) == strategy.safe, name
        if strategy.safe:
            assert not any(figures["violations_per_1000"] for figures in rows[name].faults.values()), name


def test_blind_decisions_break_without_any_fault(rows: dict[str, Row]) -> None:
    """Lag and concurrency are enough."""
    assert rows["blind"].faults["none"]["violations_per_1000"] > 10


def test_the_lock_without_fencing_breaks_through_pauses_alone(rows: dict[str, Row]) -> None:
    """Not through crashes, outages or a lagging consumer."""
    faults = {name: figures["violations_per_1000"] for name, figures in rows["lock"].faults.items()}
    assert faults["pauses"] > 0
    assert not any(faults[name] for name in ("none", "lagging consumer", "crashes", "outages"))


def test_fencing_costs_no_message(rows: dict[str, Row]) -> None:
    """The token travels with messages that are sent anyway."""
    assert rows["lock-fenced"].messages_per_command < 1.05 * rows["lock"].messages_per_command


def test_what_safety_costs(rows: dict[str, Row]) -> None:
    """Locks cost messages and waiting for dead holders, fresh reads cost latency, conflicts cost retries, owners cost availability."""
    cheap, fresh, lock = rows["expected-version"], rows["catch-up"], rows["lock-fenced"]
    assert fresh.latency_median > cheap.latency_median
    assert cheap.retries > fresh.retries
    assert lock.messages > fresh.messages > cheap.messages
    assert lock.throughput < fresh.throughput < cheap.throughput
    assert lock.unavailable > 3 * fresh.unavailable
    assert rows["single-writer"].unavailable > lock.unavailable
    assert rows["change-data-capture"].lag_median > cheap.lag_median
    assert rows["change-data-capture"].messages < cheap.messages


def test_dual_writes_leave_two_truths(rows: dict[str, Row]) -> None:
    """Only they."""
    assert rows["dual-writes"].diverged > 0
    assert not any(row.diverged for name, row in rows.items() if name != "dual-writes")


def test_a_dead_holder_blocks_its_key_until_the_lease_ends() -> None:
    """Crashes alone cost a lock availability, and an expected version none."""
    assert contest("lock-fenced", "crashes", 1, 2_000).blocked > 0
    assert contest("expected-version", "crashes", 1, 2_000).blocked == 0


def markdown(rows: Sequence[Row]) -> str:
    """The two tables of `refold compare`, as the documentation has them."""
    lines = [
        "| strategy | violations per 1,000 | refused | retries | latency, median | latency, 99 % | commands per 1,000 ticks |"
        " blocked | messages per command |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.strategy} | {row.violations_per_1000:g} | {row.refusals:,} | {row.retries:,} | {row.latency_median} | {row.latency_p99}"
        f" | {row.throughput:.0f} | {row.unavailable:.1%} | {row.messages_per_command:.1f} |"
        for row in rows
    ]
    lines += ["", f"| strategy | {' | '.join(FAULTS)} |", "|---|" + "---:|" * len(FAULTS)]
    for row in rows:
        cells = (f"{f['violations_per_1000']:g} ({f['unavailable']:.1%})" for f in row.faults.values())
        lines.append(f"| {row.strategy} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def test_the_page_that_says_how_to_choose_shows_these_figures(rows: dict[str, Row]) -> None:
    """`refold compare`, as it is: paste what `markdown` makes of it when this fails."""
    page = pathlib.Path(__file__).parents[3] / "docs" / "explanation" / "choosing-a-strategy.md"
    text = page.read_text(encoding="utf-8")
    for table in markdown(list(rows.values())).split("\n\n"):
        assert table.strip() in text


# -- the simulation itself


def script(server: Server, answers: list[object]) -> Script:
    answers.append((yield Call(server, lambda: "pong")))
    yield 5
    return "done"


def test_a_call_takes_two_messages_and_the_servers_time() -> None:
    """Two ticks each way, three at the server, five of waiting."""
    system = Simulation("seed", Network(ticks=(2, 2)))
    ends: list[object] = []
    answers: list[object] = []
    system.start(Actor("a"), script(Server("s", 3, Spells("none", 0, 0)), answers), ends.append)
    system.run(lambda: True)
    assert (answers, ends, system.now, system.messages) == (["pong"], ["done"], 2 + 3 + 2 + 5, 2)


def test_a_lost_answer_is_noticed_after_the_time_out() -> None:
    """The server has done its work."""
    system = Simulation("seed", Network(ticks=(2, 2), lost_share=1.0, timeout=60))
    answers: list[object] = []
    system.start(Actor("a"), script(Server("s", 3, Spells("none", 0, 0)), answers), lambda end: None)
    system.run(lambda: True)
    assert answers == [LOST]
    assert system.now == 2 + 3 + 60 + 5


def test_a_paused_actor_finds_out_afterwards_and_a_dead_one_never() -> None:
    """Its answer waits for it, or for nobody."""
    system = Simulation("seed", Network(ticks=(2, 2)))
    sleeper, corpse = Actor("sleeper"), Actor("corpse")
    ends: list[str] = []
    for actor in (sleeper, corpse):
        system.start(
            actor, script(Server("s", 1, Spells("none", 0, 0)), []), lambda end, actor=actor: ends.append(actor.name)
        )
    system.pause(sleeper, 100)
    system.kill(corpse)
    system.run(lambda: True)
    assert ends == ["sleeper"]
    assert system.now == 105


def test_spells_come_one_after_the_other() -> None:
    """Within one, its end is the answer; outside, the time itself."""
    spells = Spells("seed", 100, 10)
    inside = spells.begin
    assert spells.over(inside - 1) == inside - 1
    assert spells.over(inside) == spells.end
    later = spells.end
    assert spells.over(later) == later or spells.begin <= later


def test_clients_share_the_work_evenly() -> None:
    """No command is dropped when the number does not divide."""
    assert contest("blind", "none", 1, 2 * (CLIENTS + 1)).commands == 2 * (CLIENTS + 1)
