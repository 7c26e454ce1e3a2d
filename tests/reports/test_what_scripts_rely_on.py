"""Options and fields that other people's scripts use: each command takes them, and prints them as one JSON object."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import click
import pytest
from click.testing import CliRunner

from refold.reports.commands.cli import main

OPTIONS = {
    "verify": "--system --application --seconds --examples --seed --jobs --report-dir --json",
    "replay": "--system --emit-test --json",
    "check": "--format --model --initial --nil-reads --keys --seconds --follow --report-dir --fail --application --json",
    "zoo": "--seed --jobs --report-dir --json",
    "compare": "--seed --steps --json",
    "campaign": "--system --application --seconds --jobs --cluster --state --report-dir --json",
    "explore": "--system --application --clients --commands --deliveries-out-of-order --crashes --power-cuts --state --json",
    "init": "--dir --json",
    "new": "--dir --json",
    "systems": "--json",
    "gallery": "--json",
}
REGISTER = "INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - 0\t:ok\t:write\t1\n"


@pytest.mark.parametrize("command", OPTIONS)
def test_a_command_takes_its_options(command: str) -> None:
    """Also those that are another name of one."""
    found = main.get_command(click.Context(main), command)
    assert found is not None
    known = {name for one in found.params for name in one.opts}
    assert set(OPTIONS[command].split()) <= known


def printed(*words: str) -> Any:
    """The JSON object on standard output."""
    return json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)


def fields(names: str) -> set[str]:
    """Names in a line."""
    return set(names.split())


def test_verify_and_replay(tmp_path: pathlib.Path) -> None:
    """One shape."""
    names = fields("system application verdict seed examples steps seconds counts findings not_checked report")
    found = printed(
        "verify", "--system", "lost-wakeup", "--examples", "300", "--jobs", "1", "--report-dir", str(tmp_path)
    )
    assert names <= set(found)
    assert fields("appended delivered redelivered reordered crashes power_cuts recoveries snapshots conflicts") <= set(
        found["counts"]
    )
    (finding, *_) = found["findings"]
    assert fields("anomaly guarantee actions plan replay diagnosis") <= set(finding)
    assert fields("row score") <= set(finding["diagnosis"][0])
    assert names <= set(printed("replay", finding["plan"], "--report-dir", str(tmp_path)))


def test_check(tmp_path: pathlib.Path) -> None:
    """A result for each file."""
    file = tmp_path / "register.txt"
    file.write_text(REGISTER)
    (result,) = printed("check", str(file), "--report-dir", str(tmp_path))["results"]
    assert fields("file format records verdict seconds findings blame") <= set(result)


def test_zoo_and_compare(tmp_path: pathlib.Path) -> None:
    """Rows."""
    (row,) = printed("zoo", "lost-wakeup", "--jobs", "1", "--report-dir", str(tmp_path))["rows"]
    assert fields("name application tier guarantee found anomaly diagnosis seconds_cpu actions plan") <= set(row)
    row = printed("compare", "--steps", "100", "--report-dir", str(tmp_path))["rows"][0]
    told = "strategy commands violations refusals retries latency_median latency_p99 throughput unavailable"
    assert fields(told) <= set(row)


def test_campaign(tmp_path: pathlib.Path) -> None:
    """In seconds, kept in a file that is named; each finding with how often it came."""
    where = ("--state", str(tmp_path / "kept.sqlite"), "--report-dir", str(tmp_path))
    found = printed("campaign", "--system", "lost-wakeup", "--seconds", "600", "--runs", "60", "--jobs", "1", *where)
    assert fields("shards examples steps seconds findings coverage interrupted") <= set(found)
    assert (tmp_path / "kept.sqlite").exists()
    assert found["shards"] >= 1
    assert found["examples"] == 60
    assert found["coverage"]["pairs_of_actions"] > 10
    assert not found["interrupted"]
    (finding,) = found["findings"]
    assert fields("cause system application anomaly guarantee first_seen count plan") <= set(finding)
    assert finding["count"] >= 1


def test_campaign_takes_one_length_of_time() -> None:
    """Minutes or seconds."""
    said = CliRunner().invoke(main, ["campaign", "--minutes", "1", "--seconds", "60"])
    assert said.exit_code == 2
    assert "use only one of them" in said.stderr


def test_explore(tmp_path: pathlib.Path) -> None:
    """Held, broken or not explored to the end; the state is where it was asked for."""
    names = fields("verdict bounds states transitions depth pruned seconds certificate findings")
    state = tmp_path / "kept.state"
    small = (
        "explore",
        "--clients",
        "1",
        "--commands",
        "1",
        "--values",
        "1",
        "--jobs",
        "1",
        "--report-dir",
        str(tmp_path),
    )
    one = (*small, "--crashes", "0", "--deliveries-out-of-order", "0", "--state", str(state))
    begun = printed(*one, "--seconds", "0")
    assert names <= set(begun)
    assert begun["verdict"] == "unfinished"
    assert state.exists()
    assert printed(*one)["verdict"] == "held"
    assert not state.exists()
    broken = printed(*small, "--system", "lost-wakeup")
    assert broken["verdict"] == "broken"
    assert broken["findings"][0]["anomaly"] == "never-reaches-tail"


def test_power_cuts_of_a_scope_may_be_counted_by_themselves(tmp_path: pathlib.Path) -> None:
    """Else each is a crash."""

    def actions(*options: str) -> tuple[int, Any]:
        small = ("--clients", "1", "--commands", "1", "--values", "1", "--reordered", "0", "--length", "3")
        found = printed("explore", *small, *options, "--jobs", "1", "--report-dir", str(tmp_path), "--fresh")
        return found["transitions"], found["bounds"]["power_cuts"]

    neither, together = actions("--crashes", "0"), actions("--crashes", "1")
    none, alone = actions("--crashes", "1", "--power-cuts", "0"), actions("--crashes", "0", "--power-cuts", "1")
    both = actions("--crashes", "1", "--power-cuts", "1")
    assert neither[0] < none[0] < together[0] < both[0]
    assert neither[0] < alone[0] < together[0]
    assert (together[1], none[1], alone[1]) == (None, 0, 1)


def test_init_new_and_systems(tmp_path: pathlib.Path) -> None:
    """What was written, and what there is."""
    assert printed("init", "--dir", str(tmp_path))["written"]
    assert printed("new", "system", "shop", "--dir", str(tmp_path))["written"]
    told = printed("systems")["systems"][0]
    assert fields("name available version needs capabilities") <= set(told)
