"""Shards are cut anywhere and made in any order, and the campaign comes to the same."""

from __future__ import annotations

import pathlib
import random
from typing import Any

import pytest

from refold.model.errors import UsageError
from refold.properties.result import Counterexample
from refold.search.matrix.cells import Cell, matrix
from refold.search.matrix.shard import Shard, ShardResult, search_shard
from refold.search.matrix.store import CampaignStore

CELL = Cell("two-live-writers", "inventory")
SEED = 5
RUNS = 80


def about(find: Counterexample) -> dict[str, Any]:
    """What is kept of a find."""
    return {"plan": [str(action) for action in find.plan]}


def made(store: CampaignStore, shard: Shard) -> ShardResult:
    """Make a shard as the coordinator does."""
    known = store.known_below(0, shard.first)
    result = search_shard(Shard(shard.number, shard.cell, shard.seed, shard.first, shard.stop, known))
    store.done(shard, 0, result, [about(find) for _, find in result.found], now=1.0)
    return result


def campaign(path: pathlib.Path, cuts: list[int], order: random.Random) -> CampaignStore:
    """One whose shards are cut here and made in this order."""
    store = CampaignStore(path)
    store.begin([CELL], SEED)
    for first, stop in zip([0, *cuts], [*cuts, RUNS], strict=True):
        store.new_shard(0, first, stop)
    shards = store.open_shards()
    order.shuffle(shards)
    for shard in shards:
        made(store, shard)
    return store


def come_to(store: CampaignStore) -> list[Any]:
    """What the campaign came to, but for its times."""
    return [(find.anomaly, find.guarantee, find.run, find.runs, find.about) for find in store.finds()]


def test_it_does_not_matter_how_a_campaign_is_cut_and_in_which_order_it_is_made(tmp_path: pathlib.Path) -> None:
    """The first run of a signature is the one that is kept, with its shrunk plan."""
    whole = campaign(tmp_path / "whole", [], random.Random(0))
    assert come_to(whole)
    for seed in range(2):
        chance = random.Random(seed)
        cuts = sorted(chance.sample(range(1, RUNS), 4))
        other = campaign(tmp_path / str(seed), cuts, chance)
        assert come_to(other) == come_to(whole)
        assert other.state(0, CELL).runs == whole.state(0, CELL).runs == RUNS
        assert other.frequencies("pair") == whole.frequencies("pair")


def test_what_there_was_no_time_for_is_another_shard(tmp_path: pathlib.Path) -> None:
    """No run is made twice, none is left out."""
    store = CampaignStore(tmp_path / "state")
    store.begin([CELL], SEED)
    store.new_shard(0, 0, RUNS)
    (shard,) = store.open_shards()
    turns = iter([False] * 9 + [True] * 9)
    result = search_shard(shard, time_over=lambda: next(turns))
    assert result.runs == 10
    store.done(shard, 0, result, [about(find) for _, find in result.found], now=1.0)
    (rest,) = store.open_shards()
    assert (rest.first, rest.stop) == (10, RUNS)
    made(store, rest)
    assert come_to(store) == come_to(campaign(tmp_path / "whole", [], random.Random(0)))


def test_a_shard_whose_process_dies_is_halved_until_one_run_is_to_blame(tmp_path: pathlib.Path) -> None:
    """It is given up after the fifth process, and named."""
    store = CampaignStore(tmp_path / "state")
    store.begin([CELL], SEED)
    store.new_shard(0, 0, 8)
    deaths = 0
    while shards := store.open_shards():
        for shard in shards:
            if shard.first <= 5 < shard.stop:
                store.died(shard, 0, "its process ended by signal 11", most=5)
                deaths += 1
            else:
                made(store, shard)
    state = store.state(0, CELL)
    assert deaths == 3 + 5
    assert state.runs == 7
    assert state.missing == ("run 6 was not made: its process ended by signal 11",)


def test_a_shard_that_cannot_begin_says_why() -> None:
    """And has no runs."""
    result = search_shard(Shard(1, Cell("no-such-system", "inventory"), 1, 0, 10))
    assert result.runs == 0
    assert "no-such-system" in result.trouble


def test_a_file_that_is_something_else_is_left_alone(tmp_path: pathlib.Path) -> None:
    """Be it no database, or another one."""
    text = tmp_path / "notes.txt"
    text.write_text("not a database at all, but a text that is long enough\n" * 50)
    with pytest.raises(UsageError, match="is not the file of a campaign"):
        CampaignStore(text)
    assert text.read_text().startswith("not a database")


def test_a_place_where_no_file_can_be_is_one_sentence(tmp_path: pathlib.Path) -> None:
    """A folder is none."""
    with pytest.raises(UsageError, match="name another file with --state"):
        CampaignStore(tmp_path)


def test_one_process_has_the_file(tmp_path: pathlib.Path) -> None:
    """The other is told."""
    store = CampaignStore(tmp_path / "state")
    store.begin([CELL], SEED)
    with pytest.raises(UsageError, match="another refold campaign"):
        CampaignStore(tmp_path / "state")
    store.close()
    assert CampaignStore(tmp_path / "state").cells == [CELL]


def test_the_matrix_is_every_system_with_every_application() -> None:
    """Each once; without applications, the one that suits."""
    assert matrix(["reference", "sqlite", "reference"], ["accounts", "inventory"]) == [
        Cell("reference", "accounts"),
        Cell("reference", "inventory"),
        Cell("sqlite", "accounts"),
        Cell("sqlite", "inventory"),
    ]
    assert matrix(["reference"], []) == [Cell("reference", "inventory")]
