"""The ordinary service of `examples/names.py`, not a line of it changed: its three bugs are found, and its repaired twin is held."""

from __future__ import annotations

import pathlib
import sqlite3
from typing import Any

import pytest

from refold.model.errors import UsageError
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user.adopt import adapt
from refold.systems.user.module import load

CHECK = str(pathlib.Path(__file__).parents[3] / "examples" / "names_check.py")
System: Any = load(f"{CHECK}:System")
Names: Any = load(f"{CHECK}:Names")
Owners: Any = load(f"{CHECK}:Owners")
names: Any = load(f"{pathlib.Path(CHECK).with_name('names.py')}:Registry")


class CarefulRegistry(names):  # type: ignore[misc]
    """Takes the lock before it looks, and asks the log whether its event is there before it tries again."""

    def claim(self, name: str, owner: str) -> None:
        """In one transaction."""
        connection = self.connection
        connection.isolation_level = None
        connection.execute("begin immediate")
        try:
            if connection.execute("select owner from events where name = ?", (name,)).fetchone():
                raise load(f"{pathlib.Path(CHECK).with_name('names.py')}:NameTaken")(name)  # type: ignore[operator]
            connection.execute("insert into events (name, owner) values (?, ?)", (name, owner))
            connection.execute("commit")
        finally:
            if connection.in_transaction:
                connection.execute("rollback")


class CarefulOwners(Owners):  # type: ignore[misc]
    """Rows and position in one transaction, taken before it reads."""

    def work(self) -> bool:
        """All or nothing."""
        connection = self.connection
        connection.isolation_level = None
        connection.execute("begin immediate")
        try:
            (position,) = connection.execute("select position from progress").fetchone()
            event = connection.execute(
                "select position, name, owner from events where position > ? order by position limit 1", (position,)
            ).fetchone()
            if event is None:
                return False
            connection.execute("update progress set position = ?", (event[0],))
            connection.execute("insert into owners values (?, ?, 1)", (event[1], event[2]))
            connection.execute("commit")
        finally:
            if connection.in_transaction:
                connection.execute("rollback")
        return True


class Careful(System):  # type: ignore[misc]
    """The same system with both repaired."""

    def __init__(self) -> None:
        super().__init__()
        self.consumers = {"owners": lambda: CarefulOwners(self.path)}

    def service(self, client: str) -> Any:
        """One connection for each client."""
        registry: Any = CarefulRegistry(self.path)
        registry.execute = lambda command: registry.claim(command.name, command.owner)
        return registry


def verified(make: Any, seed: int, examples: int) -> Result:
    """A short campaign."""
    return Campaign(adapt("names", make), Names(), seed, Budget(seconds=None, examples=examples)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_its_three_bugs_are_found(seed: int) -> None:
    """The race, the retry after a lost answer, and the position that is saved first."""
    found = [example.finding.anomaly for example in verified(System, seed, 80).counterexamples]
    assert {"duplicate-create", "duplicate-append"} & set(found), found
    assert {"checkpoint-ahead-of-effects", "event-never-applied"} & set(found), found
    assert not {"replayed-state-differs", "phantom-event"} & set(found), found


def test_the_repaired_service_is_held() -> None:
    """Nobody is accused, although answers were lost and processes died."""
    result = verified(Careful, 1, 60)
    assert [str(example.finding) for example in result.counterexamples] == []
    counts = result.counts
    assert min(counts["calls"], counts["stops"], counts["deaths_in_work"], counts["answers_lost"]) > 5, counts


def test_the_same_plan_makes_the_same_stops() -> None:
    """Record for record."""
    system = adapt("names", System)
    menu = system.menu(Names())
    plan = menu.decode(bytes(4) + bytes(range(1, 250, 3)))
    first, again = (execute(system, Names(), plan, whole=True) for _ in range(2))
    assert first.history == again.history
    assert any("stops before INSERT events" in str(action) for action in first.performed)


def test_what_a_plan_says_about_it_reads_like_a_story() -> None:
    """With the names of the statements."""
    words = {str(action) for action in adapt("names", System).menu(Names()).actions()}
    assert {
        "alice begins Claim('lear', 'ann')",
        "alice stops before COMMIT",
        "alice goes on",
        "alice's answer is lost",
        "alice dies",
        "owners takes a turn",
        "owners stops before UPDATE progress",
    } <= words


class Raising(System):  # type: ignore[misc]
    """Every second call ends with an error of its own."""

    every = 2

    def service(self, client: str) -> Any:
        """Mostly nothing works."""
        registry = super().service(client)
        claim, calls, every = registry.execute, iter(range(1000)), self.every

        def execute(command: Any) -> None:
            """Claim, or raise."""
            if next(calls) % every:
                raise sqlite3.IntegrityError("no")
            if every > 1:
                claim(command)
            else:
                raise sqlite3.IntegrityError("never")

        registry.execute = execute
        return registry


class Useless(Raising):
    """No call works."""

    every = 1


def test_a_call_that_raises_is_no_end_of_the_search() -> None:
    """It is recorded."""
    system = adapt("names", Raising)
    (submit,) = [one for one in system.menu(Names()).actions() if str(one) == "alice submits Claim('lear', 'ann')"]
    run = execute(system, Names(), (submit, submit))
    assert run.steps == 2
    assert [record.how for record in run.history if type(record).__name__ == "Replied"] == ["done", "raised"]


def test_a_service_of_which_every_call_raises_is_told_so() -> None:
    """In a sentence, with what it raised; a search would prove nothing."""
    with pytest.raises(UsageError, match=r"every call of the service raised, the first one IntegrityError: never"):
        adapt("names", Useless).menu(Names())
