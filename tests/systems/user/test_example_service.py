"""The ordinary service of `examples/names.py`, not a line of it changed: its three bugs are found, and its repaired twin is held."""

from __future__ import annotations

import pathlib
import sqlite3
import sys
import time
from typing import Any

import pytest

from refold.model.errors import UsageError
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user import Service, Worker, sqlite_system
from refold.systems.user.adopt import adapt
from refold.systems.user.errors import AdapterError
from refold.systems.user.module import load

CHECK = str(pathlib.Path(__file__).parents[3] / "examples" / "names_check.py")
System: Any = load(f"{CHECK}:System")
Names: Any = load(f"{CHECK}:Names")
Claimed: Any = load(f"{CHECK}:Claimed")
names: Any = sys.modules[Names.__module__].names


class CarefulRegistry(names.Registry):  # type: ignore[misc,name-defined]
    """Takes the lock before it looks, and asks the log whether its event is there before it tries again."""

    def claim(self, name: str, owner: str) -> None:
        """In one transaction."""
        connection = self.connection
        connection.isolation_level = None
        connection.execute("begin immediate")
        try:
            if connection.execute("select owner from events where name = ?", (name,)).fetchone():
                raise names.NameTaken(name)
            connection.execute("insert into events (name, owner) values (?, ?)", (name, owner))
            connection.execute("commit")
        finally:
            if connection.in_transaction:
                connection.execute("rollback")


class CarefulWorker(names.Worker):  # type: ignore[misc,name-defined]
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


def system(registry: Any, worker: Any = names.Worker) -> Any:
    """The service and its worker, in the tables of the example."""
    owners = Worker(worker, poll="work", rows="owners", checkpoint="progress")
    service = Service(registry, refusals=[names.NameTaken])
    return sqlite_system(names.create, service, events={Claimed: "events"}, consumers={"owners": owners})


Careful = system(CarefulRegistry, CarefulWorker)


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


class Patient(CarefulWorker):
    """After an error it waits before it works again."""

    pause = 60.0
    until = 0.0

    def work(self) -> bool:
        """Nothing, while it waits."""
        if time.monotonic() < self.until:
            return False
        try:
            return super().work()
        except sqlite3.OperationalError:
            self.until = time.monotonic() + self.pause
            return True


class Sulking(Patient):
    """It never comes back by itself."""

    pause = 1e9


def test_a_worker_that_puts_work_off_is_given_the_time() -> None:
    """Simulated time goes by before anybody judges; the one for whom it is never enough is found."""
    assert [str(example.finding) for example in verified(system(CarefulRegistry, Patient), 1, 30).counterexamples] == []
    found = verified(system(CarefulRegistry, Sulking), 1, 60).counterexamples
    assert {"event-never-applied", "never-reaches-tail"} & {example.finding.anomaly for example in found}


class Owners:
    """A consumer that shows its rows and its checkpoint on a connection that its process has opened."""

    projection = "views"

    def __init__(self, path: str) -> None:
        self.poll = CarefulWorker(path).work
        self.shown = sqlite3.connect(path)

    def rows(self) -> dict[str, Any]:
        """As the rules of the example have them."""
        return {name: (owner, claims) for name, owner, claims in self.read("select * from owners")}

    def checkpoint(self) -> int:
        """The position that it saves."""
        return int(self.read("select position from progress")[0][0])

    def read(self, query: str) -> list[Any]:
        """Fails when the process that had the connection is dead."""
        return self.shown.execute(query).fetchall()


def test_a_consumer_that_has_just_died_is_not_asked_what_it_holds() -> None:
    """Its connection is closed; it is asked when it has started again."""
    paths: list[str] = []
    tables = sqlite_system(
        lambda path: (paths.append(path), names.create(path))[-1],
        Service(CarefulRegistry, refusals=[names.NameTaken]),
        events={Claimed: "events"},
    )

    def make() -> Any:
        parts, path = tables(), paths[-1]
        parts.consumers = {"owners": lambda: Owners(path)}
        return parts

    result = verified(make, 1, 40)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["deaths_in_work"] > 5


def test_the_same_plan_makes_the_same_stops() -> None:
    """Record for record."""
    whole = adapt("names", System)
    menu = whole.menu(Names())
    plan = menu.decode(bytes(4) + bytes(range(1, 250, 3)))
    first, again = (execute(whole, Names(), plan, whole=True) for _ in range(2))
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


class Raising(names.Registry):  # type: ignore[misc,name-defined]
    """Every second call ends with an error of its own."""

    every = 2
    calls = 0

    def claim(self, name: str, owner: str) -> None:
        """Claim, or raise."""
        self.calls += 1
        if self.calls % self.every == 0:
            raise sqlite3.IntegrityError("never" if self.every == 1 else "no")
        super().claim(name, owner)


class Useless(Raising):
    """No call works."""

    every = 1


def test_a_call_that_raises_is_no_end_of_the_search() -> None:
    """It is recorded."""
    raising = adapt("names", system(Raising))
    (submit,) = [one for one in raising.menu(Names()).actions() if str(one) == "alice submits Claim('lear', 'ann')"]
    run = execute(raising, Names(), (submit, submit))
    assert run.steps == 2
    assert [record.how for record in run.history if type(record).__name__ == "Replied"] == ["done", "raised"]


def test_a_service_of_which_every_call_raises_is_told_so() -> None:
    """In a sentence, with what it raised; a search would prove nothing."""
    with pytest.raises(UsageError, match=r"every call of the service raised, the first one IntegrityError: never"):
        adapt("names", system(Useless)).menu(Names())


def test_the_adapter_is_short() -> None:
    """What stands beside the unchanged service, the application included."""
    lines = [line for line in pathlib.Path(CHECK).read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 25


def test_a_command_without_a_method_is_told_so() -> None:
    """In a sentence that names the method."""

    class Nothing:
        def __init__(self, path: str) -> None:
            """It can do nothing."""

    with pytest.raises(AdapterError, match=r"neither execute\(command\) nor claim\(\), the method for Claim\("):
        adapt("names", system(Nothing)).menu(Names())


def test_a_query_of_events_without_a_position_is_told_so() -> None:
    """With the columns that it has."""
    make = sqlite_system(names.create, names.Registry, events={Claimed: "select name, owner from events"})
    with pytest.raises(AdapterError, match=r"the columns name, owner, but no column position"):
        adapt("names", make).menu(Names())


def test_an_event_that_cannot_be_made_is_told_so() -> None:
    """With its position and what is there."""
    make = sqlite_system(names.create, names.Registry, events={Claimed: "select position, name from events"})
    with pytest.raises(
        AdapterError, match=r"the event at position 1 cannot be made of the fields of Claimed \(TypeError"
    ):
        adapt("names", make).menu(Names())


def test_events_may_be_of_any_class_in_one_table() -> None:
    """With their payloads in JSON."""
    generic = "select position, 'Claimed' as type, json_object('name', name, 'owner', owner) as data from events"
    make = sqlite_system(names.create, Service(CarefulRegistry, refusals=[names.NameTaken]), events=generic)
    result = verified(make, 1, 20)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["appended"] > 20
