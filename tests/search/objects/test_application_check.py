"""A broken application is told so in one sentence, before anything is run."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import itertools
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.action import Deliver, Submit
from refold.model.application import Application, Refusal
from refold.model.documents.history import HistoryReader, plain, to_line
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Register, Registered, Released
from refold.model.examples.inventory import Inventory, Restock
from refold.properties.property import Finding, Handler, Property
from refold.properties.suite import checker
from refold.search.objects.application_check import EXAMPLES, application_named, trial
from refold.search.run import BrokenApplication, execute
from refold.systems.reference import Reference


def variant(**methods: Any) -> Application:
    """Accounts with some methods replaced."""
    return type("Variant", (Accounts,), {"name": "variant", **methods})()


async def asynchronous(self: Any, state: Any, event: Any) -> Any:
    """As if the decider could wait."""
    await asyncio.sleep(0)
    return state


def lazy(self: Any, state: Any, event: Any) -> Any:
    """A generator by accident."""
    yield state


THING = object()
NUMBERS = itertools.count()


def raising(*arguments: Any) -> Any:
    """Not written yet."""
    raise KeyError("unfinished")


class Mutable(Accounts):
    """States that change in place."""

    name = "mutable"

    def initial(self, key: str) -> Any:
        return []

    def decide(self, command: Any, state: Any) -> Any:
        return (Registered(command.org, command.name),)

    def evolve(self, state: Any, event: Any) -> Any:
        state.append(event.name)
        return state


class Deciding(Mutable):
    """Writes down what it decides."""

    def __init__(self, refuses: bool) -> None:
        self.refuses = refuses

    def decide(self, command: Any, state: Any) -> Any:
        state.append(command.name)
        if self.refuses:
            raise Refusal("no")
        return super().decide(command, state)

    def evolve(self, state: Any, event: Any) -> Any:
        return [*state, event.name]


class Opaque(Mutable):
    """States that JSON does not know."""

    name = "opaque"

    def evolve(self, state: Any, event: Any) -> Any:
        return (*state, object())


@dataclasses.dataclass(frozen=True)
class Undeclared:
    """An event that “events” does not list."""

    org: str


@dataclasses.dataclass(frozen=True)
class Strange:
    """An event whose field cannot be JSON."""

    org: Any


class Plain:
    """An event without any methods."""

    def __init__(self, org: str) -> None:
        self.org = org


def counting() -> Callable[..., Any]:
    """A function that gives another answer every time."""
    numbers = itertools.count()
    return lambda self, state, event: (*state, next(numbers))


def alternating() -> Callable[..., Any]:
    """A decider that changes its mind."""
    turns = itertools.cycle(((Registered("acme", "ada"),), (Released("acme", "ada"),)))
    return lambda self, command, state: next(turns)


CASES: list[tuple[str, Application, str]] = [
    ("evolve-raises", variant(evolve=raising), r"evolve\(.*\) raised KeyError: 'unfinished'"),
    (
        "evolve-returns-none",
        variant(evolve=lambda self, state, event: None),
        r"evolve\(.*\) returned None, as if a return were missing; .* “deleted” needs a value of your own",
    ),
    ("evolve-returns-coroutine", variant(evolve=asynchronous), r"evolve\(.*\) is a coroutine"),
    ("evolve-returns-generator", variant(evolve=lazy), r"evolve\(.*\) returned <generator"),
    ("evolve-returns-function", variant(evolve=lambda self, state, event: len), "returned <built-in function len>"),
    (
        "evolve-returns-not-implemented",
        variant(evolve=lambda self, state, event: NotImplemented),
        "returned NotImplemented",
    ),
    ("evolve-returns-nan", variant(evolve=lambda self, state, event: float("nan")), "returned nan.*equals itself"),
    ("decide-mutates", Deciding(False), r"decide\(Register\(.*\), \[\]\) changed the state; return events instead"),
    ("decide-mutates-and-refuses", Deciding(True), r"decide\(Register\(.*\), \[\]\) changed the state"),
    ("evolve-mutates", Mutable(), "changed its argument; return a new state instead"),
    ("evolve-is-random", variant(evolve=counting()), r"evolve\(.*\) gave .* and then .* nothing but its arguments"),
    ("state-is-no-json", Opaque(), "cannot be written as JSON"),
    ("view-raises", variant(view=raising), r"view\(.*\) raised KeyError"),
    ("view-returns-none", variant(view=lambda self, event, rows: None), "returned None, expected a dict from row keys"),
    ("view-has-odd-keys", variant(view=lambda self, event, rows: {1: 2}), r"returned \{1: 2\}, expected a dict"),
    ("view-mutates", variant(view=lambda self, event, rows: rows.update(x=1) or {}), "changed its rows"),
    ("view-is-random", variant(view=lambda self, event, rows: {"row": next(NUMBERS)}), "and then"),
    ("row-is-no-json", variant(view=lambda self, event, rows: {"row": THING}), "the rows .* cannot be written as JSON"),
    (
        "key-differs",
        variant(key=lambda self, message: message.org.upper() if isinstance(message, Register) else message.org),
        r"decides on 'ACME', and its event .* belongs to 'acme'; key\(\) must give the same",
    ),
    ("invariant-is-odd", variant(broken_invariant=lambda self, key, state: False), "expected a sentence or None"),
    ("conditional-raises", variant(conditional=raising), r"conditional\(.*\) raised KeyError"),
    (
        "decide-raises",
        variant(decide=raising),
        r"decide\(.*\) raised KeyError: 'unfinished' \(.*:\d+\); to say no, raise Refusal",
    ),
    ("decide-exits", variant(decide=lambda self, command, state: sys.exit(3)), r"decide\(.*\) raised SystemExit: 3"),
    ("events-is-one-class", variant(events=Registered), r"events is <class .*>, expected a tuple of event classes"),
    ("events-is-a-union", variant(events=Registered | Released), "events is .*, expected a tuple of event classes"),
    ("events-has-a-name", variant(events=("Registered",)), "events has 'Registered' in it, expected classes"),
    (
        "event-equals-itself-only",
        variant(events=(Plain,), decide=lambda self, command, state: [Plain(command.org)]),
        "equals nothing but itself; make Plain a dataclass, or define __eq__",
    ),
    (
        "decide-returns-none",
        variant(decide=lambda self, command, state: None),
        "returned None, expected a sequence of events",
    ),
    (
        "decide-returns-one-event",
        variant(decide=lambda self, c, s: Registered("a", "b")),
        "expected a sequence of events",
    ),
    ("decide-is-random", variant(decide=alternating()), r"decide\(.*\) gave .* on the same state"),
    (
        "event-is-undeclared",
        variant(decide=lambda self, c, s: [Undeclared("acme")]),
        "a Undeclared, which is not one of its events",
    ),
    (
        "event-is-no-json",
        variant(decide=lambda self, c, s: [Strange(THING)], events=(Strange,)),
        "cannot be written as JSON and read back",
    ),
    (
        "event-comes-back-changed",
        variant(decide=lambda self, c, s: [Strange((1, 2))], events=(Strange,), evolve=lambda self, s, e: 1),
        "comes back from JSON as",
    ),
    (
        "no-commands",
        variant(commands=lambda self: ()),
        r"commands\(\) returned \(\), expected a sequence with at least one",
    ),
    ("commands-is-none", variant(commands=lambda self: None), r"commands\(\) returned None"),
    ("commands-is-a-generator", variant(commands=lambda self: iter(())), r"commands\(\) returned <"),
    ("commands-raises", variant(commands=raising), r"commands\(.*\) raised KeyError"),
    ("key-is-no-string", variant(key=lambda self, message: 3), r"key\(.*\) returned 3, expected a string"),
    ("initial-raises", variant(initial=raising), r"initial\('acme'\) raised KeyError"),
]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize(
    ("name", "application", "message"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_trial_walk_catches(name: str, application: Application, message: str) -> None:
    """One sentence that begins with the application's name."""
    with pytest.raises(BrokenApplication, match=message) as error:
        trial(application)
    assert str(error.value).startswith(f"application {application.name!r}: ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_pass_their_trial(name: str) -> None:
    """And are found by name."""
    application = application_named(name)
    assert isinstance(application, EXAMPLES[name])
    trial(application)


class Late(Accounts):
    """Its decider is fine; the view, which the trial does not call, is not."""

    name = "late"

    def view(self, event: Any, rows: Any) -> Any:
        raise ZeroDivisionError("the view is broken")


def test_what_the_walk_does_not_reach_is_blamed_on_the_application_in_the_run() -> None:
    """A projection that raises, on a true log."""
    from refold.model.action import Deliver, Submit

    with pytest.raises(
        BrokenApplication,
        match=r"application 'late': view\(\) raised ZeroDivisionError: the view is broken \(.*test_application_check.py:\d+\);",
    ):
        execute(Reference(), Late(), (Submit("alice", Register("acme", "ada")), Deliver("index", 0)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "acounts",
            r"there is no application 'acounts' \(did you mean 'accounts'\?\); known are accounts, courses, inventory",
        ),
        ("no_such_module:Shop", "there is no module 'no_such_module'"),
        ("no_such_file.py:Shop", "there is no file 'no_such_file.py'"),
        ("refold.model.examples.accounts:Acounts", r"has no 'Acounts' \(did you mean 'Accounts'\?\)"),
        ("refold.model.examples.accounts:Register", r"calling it raised TypeError"),
        (
            "refold.model.expectation:ANY",
            "is a AnyVersion without commands, key, decide, evolve; an application is a subclass",
        ),
        ("refold.model.examples.accounts:", "should be MODULE:OBJECT or FILE.py:OBJECT"),
        (":Accounts", "should be MODULE:OBJECT"),
    ],
)
def test_an_application_that_cannot_be_found_is_named_with_what_there_is(text: str, message: str) -> None:
    """Usage errors."""
    with pytest.raises(UsageError, match=message):
        application_named(text)


def test_an_application_is_found_as_a_class_or_an_instance() -> None:
    """In an importable module."""
    assert isinstance(application_named("refold.model.examples.inventory:Inventory"), Inventory)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Put:
    """A command and an event with fields that have names only, and a value object in it."""

    game: str
    at: Released


class Kind(enum.Enum):
    """Keys of a dict."""

    ADA = "ada"
    BOB = "bob"


@pytest.mark.parametrize(
    ("initial", "with_it"),
    [
        (frozenset(), lambda state, at: state | {at}),
        ({}, lambda state, at: {**state, (at.org, at.name): at}),
        ({}, lambda state, at: {**state, Kind(at.name): 1}),
        ({}, lambda state, at: {**state, len(state): at, "n": len(state)}),
    ],
    ids=["set-of-structs", "tuples-as-keys", "enums-as-keys", "mixed-keys"],
)
def test_states_of_sets_and_dicts_of_ones_own_are_values(initial: Any, with_it: Callable[[Any, Any], Any]) -> None:
    """They are written as JSON in one order, and so in histories."""

    class Board(Application):
        name = "board"
        events = (Put,)

        def commands(self) -> list[Put]:
            return [Put(game=game, at=Released("acme", name)) for game in ("g", "h") for name in ("ada", "bob")]

        def initial(self, key: str) -> Any:
            return initial

        def decide(self, command: Put, state: Any) -> list[Put]:
            return [command]

        def evolve(self, state: Any, event: Put) -> Any:
            return with_it(state, event.at)

    board = Board()
    trial(board)
    plan = [Submit(client, command) for command in board.commands() for client in ("carol", "alice")]
    run = execute(Reference(extensions=()), board, [*plan, *(Deliver("store", 0) for _ in range(8))])
    assert run.findings == []
    lines = [to_line(record) for record in run.history]
    assert checked(board, lines) == []


def checked(application: Application, lines: list[bytes]) -> list[Any]:
    """What `refold check` finds in a history."""
    judge = checker(application, plain)
    for record in HistoryReader(application).records(lines):
        judge.feed(record)
    return judge.finish()


@dataclasses.dataclass(frozen=True)
class Frozen(Accounts):
    """An application with a setting that cannot change."""

    limit: int = 3
    name = ""


FROZEN = Frozen(5)


def test_an_application_that_is_frozen_is_taken_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had no name of its own."""
    monkeypatch.chdir(pathlib.Path(__file__).parent)
    found: Any = application_named("test_application_check.py:FROZEN")
    assert (found.name, found.limit) == ("test_application_check.py:FROZEN", 5)
    trial(found)


class Lame(Property):
    """A property that cannot cope with what it is shown."""

    name = "lame"
    guarantee = "LAME"

    def handlers(self) -> dict[type, Handler]:
        return {Stored: self.on_stored}

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        raise KeyError(event.stream)


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ([Lame(None)], "expected classes derived from refold.Property"),
        ([type("Nameless", (Property,), {"guarantee": "X"})], "property Nameless lacks name"),
        (
            [type("Odd", (Property,), {"name": "odd", "guarantee": "X", "headline": 7})],
            "headline of property Odd is 7, expected a text",
        ),
        ([type("Idle", (Property,), {"name": "idle", "guarantee": "X"})], "Idle.handlers() raised NotImplementedError"),
    ],
)
def test_a_property_of_the_users_own_is_looked_at_before_the_search(properties: list[Any], says: str) -> None:
    application = Inventory()
    application.properties = properties
    with pytest.raises(BrokenApplication, match=re.escape(says)):
        trial(application)


def test_a_property_of_the_users_own_that_raises_is_told_by_name_and_line() -> None:
    application = Inventory()
    application.properties = [Lame]
    trial(application)
    with pytest.raises(
        BrokenApplication,
        match=r"property Lame.on_stored\(\) raised KeyError: 'bolt' \(.*test_application_check.py:\d+\);",
    ):
        execute(Reference(), application, (Submit("alice", Restock("bolt", 1)),))


class Rare(Inventory):
    """Its decide cannot cope with a state that its own events lead to."""

    name = "rare"

    def decide(self, command: Any, state: Any) -> Any:
        if state >= 40:
            raise ZeroDivisionError("forty")
        return super().decide(command, state)


def test_a_decide_that_raises_on_a_true_state_is_the_applications_fault_and_no_finding() -> None:
    """A correct system was accused of a handler that raised."""
    plan = [Submit("carol", Restock("bolt", 2))] * 22
    with pytest.raises(BrokenApplication, match=r"decide\(\) raised ZeroDivisionError: forty"):
        execute(Reference(), Rare(), plan)


class Cancelled(BaseException):
    """As trio and asyncio cancel: no `Exception`."""


@pytest.mark.parametrize(
    "error", [Cancelled("no"), SystemExit("no"), GeneratorExit("no")], ids=lambda error: type(error).__name__
)
def test_what_is_no_exception_is_an_error_of_the_application_all_the_same(error: BaseException) -> None:
    """In the walk and in a run; Ctrl-C is none."""

    def evolve(self: Any, state: Any, event: Any) -> Any:
        raise error

    application = variant(evolve=evolve)
    words = rf"evolve\(.*\) raised {type(error).__name__}: no \(.*test_application_check.py:\d+\)"
    with pytest.raises(BrokenApplication, match=words):
        trial(application)
    with pytest.raises(BrokenApplication, match=words):
        execute(Reference(), application, [Submit("alice", Register("acme", "ada"))])


def test_ctrl_c_in_an_application_is_ctrl_c() -> None:
    """Also in its `decide`."""

    def decide(self: Any, command: Any, state: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(Reference(), variant(decide=decide), [Submit("alice", Register("acme", "ada"))])


def test_a_decide_that_raises_on_a_command_of_the_plan_alone_is_no_finding() -> None:
    """A plan may hold a command that is not on the menu."""

    def decide(self: Any, command: Any, state: Any) -> Any:
        if command.name == "nobody":
            raise ValueError("no such name")
        return Accounts.decide(self, command, state)

    with pytest.raises(BrokenApplication, match=r"decide\(\) raised ValueError: no such name"):
        execute(Reference(), variant(decide=decide), [Submit("alice", Register("acme", "nobody"))])
