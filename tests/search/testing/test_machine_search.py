"""What a machine's test does: a campaign's runs as examples of Hypothesis, and rules of the user's own among them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from hypothesis import given, seed, settings, strategies
from hypothesis.internal.escalation import current_pytest_item
from hypothesis.stateful import initialize, invariant, precondition, rule

from refold import Broken
from refold.model.action import Submit
from refold.model.examples.accounts import Accounts, Register
from refold.model.record import Acknowledged
from refold.model.tape import Menu
from refold.search import GuaranteeBroken
from refold.search.regression import same_test
from refold.search.state_machine import EventSourcedMachine, machine, searches
from refold.search.tapes import LENGTHS
from refold.search.testing.machine_search import MachineSearch
from refold.systems.broken import BROKEN

ALONE = settings(database=None, print_blob=False)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plans of failing machines go here."""
    monkeypatch.setenv("REFOLD_REPORT_DIR", str(tmp_path))
    return tmp_path


def run(cls: Any, examples: int = 3000, number: int = 1, **chosen: Any) -> MachineSearch:
    """The test of a machine; its search afterwards."""
    case = seed(number)(cls).TestCase
    case.settings = settings(ALONE, max_examples=examples, **chosen)
    case("runTest").runTest()
    return searches[cls]


@attrs.define
class Stopped:
    """A clock on which the time is over after so many looks at a list."""

    seen: list[Any]
    most: int
    ticks: bool = True
    started: float = 0.0
    stopped: bool = False

    def over(self) -> bool:
        """Whether the list has this many."""
        return len(self.seen) >= self.most


class Undecoded(Menu):
    """A menu by which a tape stays one."""

    lengths = ()

    def __init__(self) -> None:
        """Without actions."""

    def decode(self, tape: bytes) -> Any:
        """The tape."""
        return tape


def tapes_of(number: int, most: int) -> list[bytes]:
    """The tapes that a search with this seed runs until the time is over."""
    seen: list[bytes] = []
    cls: Any = seed(number)(machine("accounts"))
    search = MachineSearch(cls, ALONE)
    search.clock = search.rounds.clock = Stopped(seen, most)  # type: ignore[assignment]
    search.menu = Undecoded()
    search.run = seen.append  # type: ignore[method-assign,assignment]
    search.search()
    return [tape for tape in seen if any(tape)]


def test_what_run_n_is_depends_on_the_seed_alone() -> None:
    """The clock only says where the search ends; rounds do not repeat each other."""
    long = tapes_of(1, 700)
    short = tapes_of(1, 300)
    assert 295 < len(short) <= 300
    assert short == long[: len(short)]
    assert not set(tapes_of(2, 300)) & set(long)
    assert len(set(long)) == len(long) > 690


def test_the_runs_are_those_of_a_campaign() -> None:
    """Its lengths in equal parts; half of them with all families of the core."""
    tapes = tapes_of(3, 800)
    lengths = Counter(len(tape) for tape in tapes)
    assert len(lengths) == len(LENGTHS)
    assert all(140 < number < 260 for number in lengths.values())
    assert 340 < sum(not tape[0] for tape in tapes) < 460


@pytest.mark.parametrize("name", ["lost-wakeup", "lock-no-fencing", "subscribe-at-head-ends", "dangling-pointer"])
@pytest.mark.parametrize("number", [2, 3])
def test_what_verify_finds_a_test_finds(name: str, number: int) -> None:
    """These stayed green when runs were long and few."""
    with pytest.raises(Broken) as error:
        run(machine(BROKEN[name].application, name), number=number)
    assert error.value.result is not None
    assert error.value.result.examples <= 3000
    assert len(error.value.counterexample.plan) <= 12
    assert not getattr(error.value, "__notes__", None)


def test_the_name_of_the_failure_is_short() -> None:
    """It stands before the anomaly in pytest's summary; the former name is the same class."""
    assert f"{Broken.__module__}.{Broken.__qualname__}" == "refold.Broken"
    assert GuaranteeBroken is Broken


def test_as_many_runs_as_the_user_says() -> None:
    """A single one is the simplest, in which nothing happens; that proves nothing and fails nothing."""
    assert run(machine("accounts"), 1).books.examples == 1
    search = run(machine("accounts"), 40)
    assert search.books.examples == 40
    assert search.tally()["steps"] == search.books.steps > 0


class Looking(EventSourcedMachine):
    """An invariant of the user's."""

    application = Accounts()
    looked = 0

    @invariant()
    def look_on(self) -> None:
        """Counts."""
        type(self).looked += 1

    @precondition(lambda self: False)
    @invariant()
    def never(self) -> None:
        """Not under this precondition."""
        raise AssertionError


def test_an_invariant_is_looked_at_after_every_action() -> None:
    """Not only between bursts."""
    search = run(Looking, 20)
    assert Looking.looked == search.books.steps > 500


class Few(EventSourcedMachine):
    """An invariant that five appends break."""

    application = Accounts()

    @invariant()
    def few(self) -> None:
        """At most four."""
        assert len([record for record in self.records if isinstance(record, Acknowledged)]) < 5


def test_a_broken_invariant_comes_with_the_shortest_plan() -> None:
    """As itself, in the user's code, with nothing of Hypothesis's."""
    with pytest.raises(AssertionError) as error:
        run(Few)
    assert not isinstance(error.value, Broken)
    (note,) = error.value.__notes__
    actions = note.splitlines()[-8:]
    numbers = [int(line.partition(".")[0]) for line in actions if line.strip()[:1].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert 5 <= len(numbers) <= 8
    assert Path(error.traceback[-1].path).name == Path(__file__).name


class Counting(EventSourcedMachine):
    """A rule, an initializer and an invariant that belong together."""

    application = Accounts()
    most = 1_000_000

    @initialize()
    def begin(self) -> None:
        """Before the rules."""
        self.mine = 0

    @rule()
    def register(self) -> None:
        """An action of the user's choice."""
        self.perform(Submit("carol", Register("acme", "ada")))
        self.mine += 1

    @invariant()
    def not_too_often(self) -> None:
        """An invariant that needs what the initializer made."""
        assert self.mine < self.most


def test_rules_of_the_users_own_run_in_a_state_machine() -> None:
    """And hold."""
    assert run(Counting, 10).books.examples >= 10


def test_what_a_rule_breaks_is_told_with_the_program_and_the_plan() -> None:
    """The program is Hypothesis's, because only it can run the rule again."""

    class Often(Counting):
        most = 3

    with pytest.raises(AssertionError) as error:
        run(Often, 60)
    notes = "\n".join(error.value.__notes__)
    assert "1. carol submits Register('acme', 'ada')" in notes
    assert notes.count("state.register()") == 3


def test_rules_of_the_users_own_find_what_properties_find() -> None:
    """Shrunk as a plan, without a complaint of Hypothesis's."""

    class Mixed(Counting):
        system = "lost-wakeup"

    with pytest.raises(Broken) as error:
        run(Mixed, 500)
    assert len(error.value.counterexample.plan) <= 3


@pytest.mark.parametrize("base", [EventSourcedMachine, Counting], ids=["tapes", "rules"])
def test_what_fails_only_once_is_told_as_what_it_was(base: type[EventSourcedMachine]) -> None:
    """Not as a flaky test."""
    looks = iter(range(10**9))

    class Unsteady(base):  # type: ignore[misc,valid-type]
        application = Accounts()

        @invariant()
        def steady(self) -> None:
            """All but the hundredth time."""
            assert next(looks) != 100, "the hundredth time"

    with pytest.raises(AssertionError, match="the hundredth time"):
        run(Unsteady, 100)


def test_only_what_a_subclass_defines_makes_its_runs_slower() -> None:
    """Decorators of Hypothesis's do not."""
    assert machine("accounts").as_a_campaign()
    assert settings(max_examples=5)(seed(1)(machine("accounts"))).as_a_campaign()
    assert not Looking.as_a_campaign()
    assert not Looking.has_own_rules()
    assert Counting.has_own_rules()


def test_machines_keep_the_name_of_the_class() -> None:
    """Capitals and all."""

    class FastSeats(Accounts):
        pass

    assert machine(FastSeats()).__name__ == machine(FastSeats).__name__ == "FastSeatsMachine"
    assert machine("accounts").__name__ == "AccountsMachine"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tests/test_a.py::TestA::test_holds", "tests/test_a.py::TestA::runTest", True),
        ("tests/test_a.py::TestA::test_holds", "test_a.py::TestA::test_holds", True),
        ("tests/test_a.py::TestA::test_holds", "tests/test_a.py::TestB::test_holds", False),
        ("best_a.py::TestA::test_holds", "t_a.py::TestA::test_holds", False),
        ("", "", False),
    ],
)
def test_a_plan_belongs_to_a_class_of_tests(one: str, other: str, same: bool) -> None:
    """Whatever its method is called, and from wherever pytest was started."""
    assert same_test(one, other) is same


def asked_of_pytest(test: Any) -> list[Any]:
    """What Hypothesis asks a pytest item to show while it runs a failing test."""
    asked: list[Any] = []
    item = SimpleNamespace(nodeid="test_it", repr_failure=asked.append)
    with current_pytest_item.with_value(item), pytest.raises(AssertionError):
        test()
    return asked


def test_a_failure_is_not_drawn_for_hypothesis() -> None:
    """pytest parses the sources of all frames for it, and nobody sees the picture. Hypothesis alone has it drawn twice."""

    @ALONE
    @given(strategies.none())
    def fails(nothing: None) -> None:
        raise AssertionError

    assert len(asked_of_pytest(fails)) == 2
    assert asked_of_pytest(lambda: run(machine("accounts", "ack-before-fsync"))) == []
