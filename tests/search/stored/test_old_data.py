"""Old data: events that a former version of a shop stored, read by good and bad versions of today."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from refold.model.action import Submit
from refold.model.application import Application
from refold.model.documents.history import MalformedHistory, to_line
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Registered
from refold.model.examples.inventory import Inventory, Reserve, Reserved, Restock, Restocked
from refold.model.examples.rota import Rota
from refold.model.expectation import Exact
from refold.model.parts.calls import Shown
from refold.model.parts.consuming.rebuild import Rebuilt
from refold.model.parts.reading.query import CachedAtRest
from refold.model.parts.side_consumers import Joined
from refold.model.record import ConsumerSpec, Crashed, Opened, Prepared, SnapshotLoaded, SnapshotTaken
from refold.properties.meaning import Comparison, Difference
from refold.properties.property import Finding
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.search.stored import old_data
from refold.search.stored.files import FileSource, MemorySource
from refold.search.stored.old_data import verify_history
from refold.search.tapes import tape
from refold.systems.registry import resolve

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"
OLD = FileSource(str(EXAMPLES / "shop-1.jsonl"))
_spec = importlib.util.spec_from_file_location("old_data_shop", EXAMPLES / "shop.py")
assert _spec is not None
assert _spec.loader is not None
shop: Any = importlib.util.module_from_spec(_spec)
sys.modules["old_data_shop"] = shop
_spec.loader.exec_module(shop)


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes are started only where a test is about them."""
    if "processes" not in request.node.name:
        monkeypatch.setattr(old_data, "in_other_processes", lambda *whatever: ([], []))


def found(application: Application, **options: Any) -> list[Finding]:
    """What the old file shows."""
    return [example.finding for example in verify_history(application, OLD, **options).counterexamples]


class Sign(shop.Shop):  # type: ignore[misc]
    """Counts backwards."""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        name, now = super().upcast(type_name, data)
        return name, {**now, "cents": -now["cents"]} if type_name == "ItemAdded" else now


class Unit(shop.Shop):  # type: ignore[misc]
    """Euros are no cents."""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        if type_name == "ItemAdded":
            return "Added", {"cart": data["cart"], "count": 1, "cents": data["price"]}
        return type_name, data


class Default(shop.Shop):  # type: ignore[misc]
    """An item without a number is one item, not none."""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        name, now = super().upcast(type_name, data)
        return name, {**now, "count": 0} if type_name == "ItemAdded" else now


@pytest.mark.parametrize("bad", [Sign, Unit, Default])
def test_another_meaning_is_found_at_the_first_event_that_has_it(bad: type[Application]) -> None:
    """Through the first state or row that was recorded."""
    first = found(bad())[0]
    assert (first.anomaly, first.guarantee) == ("old-state-differs", "REPL")
    assert first.position is not None
    assert list(first.expected) == list(first.actual)


def test_the_right_upcaster_is_innocent() -> None:
    """States and rows of old are compared, and what is new is named."""
    result = verify_history(shop.Shop(), OLD)
    assert result.verdict == "held"
    assert result.counts["states_compared"]
    assert result.counts["rows_compared"]
    assert any("Cart.pieces" in text for text in result.not_checked)


class Forgotten(shop.Shop):  # type: ignore[misc]
    """Has a new name for the event, and reads the old field no more."""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        return ("Added", data) if type_name == "ItemAdded" else (type_name, data)


class Dropped(shop.Shop):  # type: ignore[misc]
    """Has forgotten that there was another class."""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        return type_name, data


class Raises(shop.Shop):  # type: ignore[misc]
    """Has no case for a paid cart."""

    def evolve(self, state: Any, event: Any) -> Any:
        if isinstance(event, shop.Paid):
            raise KeyError("paid")
        return super().evolve(state, event)


@pytest.mark.parametrize(
    ("bad", "type_name", "said"),
    [
        (Forgotten, "ItemAdded", "missing required field"),
        (Dropped, "ItemAdded", "the application has no event 'ItemAdded'; it has Added, Paid"),
        (Raises, "Paid", "KeyError: 'paid'"),
    ],
)
def test_an_event_that_cannot_be_read_is_named_with_what_was_raised(
    bad: type[Application], type_name: str, said: str
) -> None:
    """Once for each type and error, with the position of the first one."""
    result = verify_history(bad(), OLD)
    (only,) = (example.finding for example in result.counterexamples)
    assert (only.anomaly, only.where) == ("old-event-unreadable", type_name)
    assert only.position is not None
    assert said in only.actual
    assert any("from that event on" in text for text in result.not_checked)


class RaisesTwice(shop.Shop):  # type: ignore[misc]
    """Has no case for what ann took, and another one for what bob did."""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        if type_name == "ItemAdded":
            raise KeyError(data["cart"])
        return super().upcast(type_name, data)


def test_where_events_of_a_type_raise_two_errors_the_second_is_named_too() -> None:
    """The type alone would be the name of the first finding again."""
    first, second = found(RaisesTwice())[:2]
    assert (first.where, second.where) == ("ItemAdded", f"ItemAdded ({second.actual})")
    assert first.actual != second.actual


class Hidden(Application):
    """An inventory whose count has another name, and a default that hides it."""

    name = "hidden"

    @dataclasses.dataclass(frozen=True)
    class Restocked:
        item: str
        pieces: int = 0

    @dataclasses.dataclass(frozen=True)
    class Reserved:
        item: str
        pieces: int = 0

    events = (Restocked, Reserved)
    renamed = False

    def commands(self) -> Sequence[Any]:
        return [Restock("bolt", 1)]

    def initial(self, key: str) -> int:
        return 0

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        return [Hidden.Restocked(command.item, command.count)]

    def evolve(self, state: int, event: Any) -> int:
        return state + (event.pieces if isinstance(event, Hidden.Restocked) else -event.pieces)

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        if self.renamed and "count" in data:
            return type_name, {"item": data["item"], "pieces": data["count"]}
        return type_name, data


class Renamed(Hidden):
    """The innocent twin."""

    renamed = True


def inventory(*commands: Any, whole: bool = True) -> MemorySource:
    """What the inventory of refold records."""
    plan = tuple(Submit("alice", one) for one in commands)
    return MemorySource.of(execute(resolve("reference"), Inventory(), plan, whole=whole).history)


def test_a_default_that_hides_a_renamed_field_is_found_and_the_field_is_named() -> None:
    """msgspec reads no field that it does not know; the state tells."""
    source = inventory(Restock("bolt", 2), Reserve("bolt", 1))
    result = verify_history(Hidden(), source)
    assert {example.finding.anomaly for example in result.counterexamples} == {"old-state-differs"}
    assert any("Restocked.count (in 1)" in text for text in result.not_checked)
    assert verify_history(Renamed(), source).verdict == "held"


class Moved(Inventory):
    """Looks for its events in other streams."""

    def key(self, message: Any) -> str:
        return f"item-{message.item}"


class Clock(Inventory):
    """Numbers what it reads."""

    number = itertools.count()

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        return type_name, {**data, "count": next(self.number)} if "count" in data else data


class Forgetful(Inventory):
    """Its totals take no goods."""

    def totals(self, event: Stored, rows: Any) -> dict[str, Any]:
        if isinstance(event.data, Restocked):
            raise KeyError("count")
        return super().totals(event, rows)


class Thrifty(Inventory):
    """Has a new rule: one piece is too few."""

    def broken_invariant(self, key: str, state: int) -> str | None:
        return "there is one piece only" if state == 1 else None


@pytest.mark.parametrize(
    ("bad", "anomaly"),
    [(Moved, "old-event-moved"), (Clock, "old-event-read-two-ways"), (Thrifty, "old-state-breaks-invariant")],
)
def test_other_ways_to_misread_have_names(bad: type[Application], anomaly: str) -> None:
    """And the application that recorded them is innocent."""
    source = inventory(Restock("bolt", 1), Reserve("bolt", 1))
    assert verify_history(bad(), source).counterexamples[0].finding.anomaly == anomaly
    assert verify_history(Inventory(), source).verdict == "held"


class InPlace(Inventory):
    """Changes what it is given, as it may: what was stored is decoded anew each time."""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        data["count"] = data.pop("pieces")
        return type_name, data


@dataclasses.dataclass(frozen=True, eq=False)
class Counted:
    """Equal to itself alone."""

    item: str
    pieces: int


class Uncomparable(Application):
    """Has events of such a class."""

    name = "uncomparable"
    events = (Counted,)

    def commands(self) -> Sequence[Any]:
        return [Counted("bolt", 1)]

    def initial(self, key: str) -> int:
        return 0

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        return [command]

    def evolve(self, state: int, event: Any) -> int:
        return state + int(event.pieces)


class Drifting(Uncomparable):
    """Reads another number each time."""

    number = itertools.count()

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        return type_name, {**data, "pieces": next(self.number)}


@pytest.mark.parametrize(
    ("application", "type_name", "clauses"),
    [
        (InPlace(), "Restocked", []),
        (Uncomparable(), "Counted", []),
        (Drifting(), "Counted", ["read alike"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Application) else "",
)
def test_reading_an_event_twice_changes_nothing(application: Application, type_name: str, clauses: list[str]) -> None:
    """An upcaster that works in place, and events that cannot be compared, are no reason to accuse anybody."""
    stored = [Stored(n, "bolt", n, f"alice-{n}/0", type_name, {"item": "bolt", "pieces": n}) for n in (1, 2)]
    source = MemorySource.of([Opened(1, "by hand", application.name, ("alice",), ()), *stored])
    assert [one.finding.clause for one in verify_history(application, source).counterexamples] == clauses


@pytest.mark.parametrize(("pieces", "clauses"), [((3,), []), ((4,), ["decided alike"]), ((3, 3), ["decided alike"])])
def test_decisions_are_compared_by_what_is_written_where_events_cannot_be(
    pieces: tuple[int, ...], clauses: list[str]
) -> None:
    stored = Stored(1, "bolt", 1, "alice-1/0", "Counted", {"item": "bolt", "pieces": 1})
    events = tuple(NewEvent(f"alice-2/{n}", "Counted", {"item": "bolt", "pieces": n}) for n in pieces)
    command = {"Counted": {"item": "bolt", "pieces": 3}}
    decided = Prepared("alice", "alice-2", command, "log", "bolt", 1, Exact(1), events)
    source = MemorySource.of(
        [to_line(record).decode() for record in (Opened(1, "x", "x", ("alice",), ()), stored, decided)]
    )
    result = verify_history(Uncomparable(), source, decisions=True)
    assert [one.finding.clause for one in result.counterexamples] == clauses
    assert result.counts["decisions_compared"] == 1


def test_a_state_of_events_that_never_come_is_said_not_to_be_compared() -> None:
    """Of those that are there, nothing is said."""
    for version, said in ((2, False), (3, True)):
        shown = SnapshotTaken("stream:acme", version, BOTH, 1)
        result = verify_history(
            Accounts(), MemorySource.of([to_line(one).decode() for one in (FORMER, *STORED, shown)])
        )
        assert result.verdict == "held"
        assert ("states of more events than their streams have in the history: 1" in result.not_checked) is said


class Scarce(Inventory):
    """All items share a shelf with room for three; some say that they share none."""

    together = True

    def group(self, key: str) -> str:
        return "shelf" if self.together else key

    def broken_group_invariant(self, group: str, states: Mapping[str, int]) -> str | None:
        return "the shelf is full" if sum(states.values()) > 3 else None


class Roomy(Scarce):
    """The innocent twin."""

    together = False


class Misread(Scarce):
    """Cannot fold what takes from the shelf, so nobody knows what is on it."""

    def evolve(self, state: int, event: Any) -> int:
        if isinstance(event, Reserved):
            raise KeyError("count")
        return super().evolve(state, event)


@pytest.mark.parametrize(("application", "clauses"), [(Scarce(), ["invariant"]), (Roomy(), []), (Misread(), ["read"])])
def test_an_invariant_of_a_group_of_keys_holds_of_old_events_too(application: Application, clauses: list[str]) -> None:
    events = (("bolt", 1, 2), ("bolt", 2, -1), ("nut", 1, 2), ("bolt", 3, 2), ("bolt", 4, -2))
    stored = [
        Stored(
            n, item, version, f"a-{n}/0", "Restocked" if count > 0 else "Reserved", {"item": item, "count": abs(count)}
        )
        for n, (item, version, count) in enumerate(events, 1)
    ]
    source = MemorySource.of([Opened(1, "by hand", "inventory", ("alice",), ()), *stored])
    found = [one.finding for one in verify_history(application, source).counterexamples]
    assert [one.clause for one in found] == clauses
    if clauses == ["invariant"]:
        assert (found[0].position, found[0].actual) == (4, "the shelf is full")


class Unwritable(Inventory):
    """Cannot write what it has read."""

    def encode(self, payload: Any) -> Any:
        raise TypeError("no form")


def test_what_an_application_raises_about_an_old_event_ends_no_check() -> None:
    """A finding: also where it cannot write the event, or a consumer that joins late has it folded."""
    opened, *stored = execute_bare()
    assert isinstance(opened, Opened)
    events = [record for record in stored if type(record) is Stored]
    late = Joined(ConsumerSpec(name="late", projection="totals"))
    for bad, records in ((Unwritable(), events), (Forgetful(), [*events, late])):
        bare = msgspec.structs.replace(opened, consumers=())
        (only,) = verify_history(bad, MemorySource.of([bare, *records])).counterexamples
        assert (only.finding.clause, only.finding.number) == ("read", len(records) + 1)
    whole = inventory(Restock("bolt", 1), Restock("nut", 1))
    assert {one.finding.clause for one in verify_history(Unwritable(), whole, decisions=True).counterexamples} == {
        "read"
    }
    bare = msgspec.structs.replace(opened, consumers=())
    assert verify_history(Inventory(), MemorySource.of([bare, *events, late])).verdict == "held"


class Stricter(Inventory):
    """Reserves one piece at most."""

    def decide(self, command: Any, state: int) -> Sequence[Restocked | Reserved]:
        return (Restocked(command.item, 9),) if isinstance(command, Restock) else super().decide(command, state)  # type: ignore[return-value]


def test_decisions_are_told_and_are_findings_only_if_asked_for() -> None:
    """Rules may change; the events stay what they were."""
    source = inventory(Restock("bolt", 1), Reserve("bolt", 1))
    quiet = verify_history(Stricter(), source)
    assert quiet.verdict == "held"
    assert any(text.startswith("decisions that would come out otherwise: 1") for text in quiet.not_checked)
    strict = verify_history(Stricter(), source, decisions=True)
    assert [example.finding.signature for example in strict.counterexamples] == [("old-decision-differs", "CAS")]
    assert verify_history(Inventory(), source, decisions=True).verdict == "held"


@pytest.mark.parametrize("seen", range(5))
def test_only_decisions_on_events_that_the_history_holds_are_made_again(seen: int) -> None:
    """What a client has seen besides, nobody knows."""
    opened, *rest = execute(resolve("reference"), Inventory(), (Submit("alice", Restock("bolt", 1)),) * 2).history
    events = [record for record in rest if type(record) is Stored]
    decided = next(record for record in rest if type(record) is Prepared)
    told = MemorySource.of([opened, *events, msgspec.structs.replace(decided, seen=seen)])
    result = verify_history(Inventory(), told, decisions=True)
    assert result.verdict == "held"
    assert result.counts["decisions_compared"] == (seen <= len(events))


@pytest.mark.parametrize("bad", [Inventory, Moved, Forgetful])
def test_what_is_not_compared_behind_an_event_that_is_misread_is_said(bad: type[Application]) -> None:
    """Whether it has gone to another stream, or cannot be taken by a projection alone."""
    result = verify_history(bad(), inventory(Restock("bolt", 1), Reserve("bolt", 1)))
    assert any("from that event on" in text for text in result.not_checked) == (bad is not Inventory)


class Unordered(Inventory):
    """A state that depends on the order of a set."""

    def initial(self, key: str) -> Any:
        return ()

    def evolve(self, state: Any, event: Any) -> Any:
        return (*state, *{f"{key}{len(state)}" for key in "abcdefgh"})

    def broken_invariant(self, key: str, state: Any) -> str | None:
        return None

    def upcast_state(self, key: str, state: Any) -> Any:
        return state


def test_a_fold_that_depends_on_the_process_is_found_in_other_processes() -> None:
    """Under other hash seeds; nothing was recorded that could be compared."""
    events = [record for record in execute_bare() if type(record) in (Opened, Stored)]
    result = verify_history(Unordered(), MemorySource.of(events))
    assert [example.finding.anomaly for example in result.counterexamples] == ["replay-differs-elsewhere"]
    held = verify_history(Inventory(), MemorySource.of(events))
    assert held.verdict == "held"
    assert any("no state and no rows" in text for text in held.not_checked)


def execute_bare() -> tuple[Any, ...]:
    """A short history."""
    plan = (Submit("alice", Restock("bolt", 1)),)
    return tuple(execute(resolve("reference"), Inventory(), plan).history)


def test_nothing_to_read_is_no_verdict() -> None:
    """A gate that has looked at nothing must not be green."""
    opened = execute_bare()[:1]
    with pytest.raises(MalformedHistory, match="holds no event"):
        verify_history(Inventory(), MemorySource.of(opened))


@pytest.mark.parametrize("kind", [Inventory, Accounts, Rota])
def test_whoever_recorded_a_history_understands_it(kind: type[Application]) -> None:
    """Through every fault of the model: rows after redeliveries and restarts, snapshots of several schemas, slow appends."""
    application, port = kind(), resolve("reference")
    menu = Campaign(port, application, 11, Budget(None, 1)).menu
    compared = 0
    for number in range(60):
        run = execute(port, application, menu.decode(tape(11, number, menu)))
        if any(type(record) is Stored for record in run.history):
            result: Result = verify_history(application, MemorySource.of(run.history))
            assert result.verdict == "held", (number, result.counterexamples[0].finding)
            compared += result.counts["rows_compared"] + result.counts["states_compared"]
    assert compared > 100


@dataclasses.dataclass(frozen=True)
class Line:
    """An object in a state."""

    sku: str
    count: int = 1


def test_new_fields_are_no_difference_and_new_keys_are() -> None:
    """Fields of an object are a form, keys of a dict are data."""
    comparison = Comparison(lambda value: value)
    assert comparison.first({"sku": "a"}, Line("a")) is None
    assert list(comparison.added) == ["Line.count"]
    assert comparison.first({"sku": "a", "price": 1}, Line("a")) == Difference(".price", 1, "(nothing)")
    assert comparison.first({"a": 1}, {"a": 1, "b": 2}) == Difference("['b']", "(nothing)", 2)
    assert comparison.first([{"sku": "b"}], (Line("a"),)) == Difference("[0].sku", "b", "a")
    assert comparison.first(1, True) == Difference("", 1, True)
    assert comparison.first(1, 1.0) is None


ROW, BOTH = ("acme", 1, "acme"), frozenset({"ada", "bob"})
STORED = tuple(
    Stored(n, "acme", n, f"a-{n}/0", "Registered", Registered("acme", name)) for n, name in ((1, "ada"), (2, "bob"))
)
FORMER = Opened(
    1,
    "by hand",
    "accounts",
    ("alice",),
    (
        ConsumerSpec(name="index", projection="pointers"),
        ConsumerSpec(name="counter", projection="totals", watched=True),
        ConsumerSpec(name="once", projection="totals", watched=True, at_most_once=True),
    ),
)
INDEX = {"ada@acme": ROW, "bob@acme": ROW}


@pytest.mark.parametrize(
    ("records", "clauses"),
    [
        ((*STORED, Rebuilt("index", 2, INDEX)), []),
        ((*STORED, Rebuilt("index", 2, {"ada@acme": ROW})), ["same rows"]),
        ((Rebuilt("index", 2, INDEX), *STORED), []),
        ((*STORED, CachedAtRest({"acme": (2, BOTH)})), []),
        ((*STORED, CachedAtRest({"zeta": (1, BOTH), "acme": (2, frozenset())})), ["same state"]),
        ((*STORED, Shown("counter", 2, {"acme": 2}, "resting")), []),
        ((*STORED, Shown("counter", 2, {"acme": 3}, "resting")), ["same rows"]),
        ((*STORED, Shown("counter", 2, {"acme": 1})), []),
        ((*STORED, Shown("once", 2, {"acme": 1}, "resting")), []),
        ((SnapshotTaken("stream:acme", 2, BOTH, 1), *STORED), []),
        ((SnapshotTaken("stream:acme", 1, BOTH, 1), *STORED), ["same state"]),
        *(
            ((*(SnapshotTaken("stream:acme", 2, state, 1) for state in states), *STORED), ["same state"])
            for states in ((BOTH, frozenset()), (frozenset(), BOTH))
        ),
        # both of them, where two were recorded before the event
        (
            (SnapshotTaken("stream:acme", 2, frozenset(), 1), SnapshotLoaded("stream:acme", 2, BOTH, 1), *STORED),
            ["same state"],
        ),
        ((SnapshotTaken("stream:acme", 2, BOTH, 1), SnapshotLoaded("stream:acme", 2, BOTH, 1), *STORED), []),
        ((SnapshotTaken("stream:acme", 2, frozenset(), 1), Crashed("log", 0), *STORED), []),
    ],
)
def test_every_record_of_a_state_or_of_rows_is_compared(records: tuple[Any, ...], clauses: list[str]) -> None:
    """Whatever kind of record it is, and also where it comes before the events that are in it."""
    source = MemorySource.of([to_line(record).decode() for record in (FORMER, *records)])
    assert [example.finding.clause for example in verify_history(Accounts(), source).counterexamples] == clauses
