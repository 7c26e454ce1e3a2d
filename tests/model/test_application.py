"""The example applications decide rightly, and what the base class gives for nothing is right."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import attrs
import msgspec
import pytest

from refold.model.application import Application, Refusal
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Delete, Deleted, Register, Registered, Released, Rename
from refold.model.examples.inventory import Inventory, Picked, Reserve, Reserved, Restock, Restocked

NOBODY: frozenset[str] = frozenset()
ADA = frozenset({"ada"})
BOTH = frozenset({"ada", "bob"})


@pytest.mark.parametrize(
    ("command", "state", "events"),
    [
        (Register("acme", "ada"), NOBODY, (Registered("acme", "ada"),)),
        (Register("acme", "bob"), ADA, (Registered("acme", "bob"),)),
        (Delete("acme", "ada"), ADA, (Deleted("acme", "ada"),)),
        (Rename("acme", "ada", "bob"), ADA, (Released("acme", "ada"), Registered("acme", "bob"))),
    ],
)
def test_accounts_accept_what_the_names_allow(command: Any, state: Any, events: Any) -> None:
    """A rename is one batch of two."""
    assert tuple(Accounts().decide(command, state)) == events


@pytest.mark.parametrize(
    ("command", "state", "anomaly"),
    [
        (Register("acme", "ada"), ADA, "duplicate-create"),
        (Rename("acme", "ada", "bob"), BOTH, "duplicate-create"),
        (Rename("acme", "ada", "bob"), NOBODY, "lost-update"),
        (Delete("acme", "ada"), NOBODY, "lost-update"),
    ],
)
def test_accounts_refuse_what_the_names_forbid(command: Any, state: Any, anomaly: str) -> None:
    """And say what it would have been."""
    with pytest.raises(Refusal) as refusal:
        Accounts().decide(command, state)
    assert refusal.value.anomaly == anomaly
    assert "acme" in refusal.value.reason


def test_accounts_fold_names() -> None:
    """Without changing the state before."""
    accounts, state = Accounts(), NOBODY
    for event in (Registered("acme", "ada"), Released("acme", "ada"), Registered("acme", "bob")):
        state = accounts.evolve(state, event)
    assert state == {"bob"}
    assert accounts.evolve(BOTH, Deleted("acme", "ada")) == {"bob"}
    assert {"ada", "bob"} == BOTH


def test_stock_can_be_reserved_down_to_zero_and_not_below() -> None:
    """Reservations of two are a batch."""
    inventory = Inventory()
    assert inventory.decide(Reserve("bolt", 1), 1) == (Reserved("bolt", 1),)
    assert inventory.decide(Reserve("bolt", 2), 2) == (Reserved("bolt", 2), Picked("bolt", 2))
    with pytest.raises(Refusal) as refusal:
        inventory.decide(Reserve("bolt", 2), 1)
    assert refusal.value.anomaly == "oversold"


def test_stock_below_zero_is_impossible() -> None:
    """The invariant says so."""
    inventory, state = Inventory(), 0
    for event in (Restocked("bolt", 2), Reserved("bolt", 1), Picked("bolt", 2)):
        state = inventory.evolve(state, event)
    assert state == 1
    assert inventory.broken_invariant("bolt", 0) is None
    assert inventory.broken_invariant("bolt", -1) == "the stock of bolt is -1"


def test_facts_have_no_condition_and_decisions_have() -> None:
    """Deliveries of stock against reservations."""
    assert not Inventory().conditional(Restock("bolt", 1))
    assert Inventory().conditional(Reserve("bolt", 1))
    assert Accounts().conditional(Register("acme", "ada"))


class ByStruct(msgspec.Struct, frozen=True):
    """One kind of event class."""

    shop: str
    count: int


@dataclasses.dataclass(frozen=True)
class ByDataclass:
    """Another."""

    shop: str
    count: int


@attrs.frozen
class ByAttrs:
    """A third."""

    shop: str
    count: int


class Counting(Application):
    """As little as an application can be."""

    name = "counting"
    events = (ByStruct, ByDataclass, ByAttrs)

    def evolve(self, state: int | None, event: Any) -> int:
        return (state or 0) + event.count


@pytest.mark.parametrize("cls", Counting.events)
def test_messages_may_be_structs_dataclasses_or_attrs(cls: Any) -> None:
    """The first field is the key; they survive JSON."""
    application, message = Counting(), cls("north", 3)
    assert application.key(message) == "north"
    assert application.encode(message) == {"shop": "north", "count": 3}
    assert application.decode(cls.__name__, {"shop": "north", "count": 3}) == message


def test_an_event_of_an_unknown_class_stays_as_it_is() -> None:
    """A history may hold events that this version does not know."""
    assert Counting().decode("Forgotten", {"x": 1}) == {"x": 1}


def test_the_default_view_is_one_row_of_state_per_key() -> None:
    """Folded by evolve."""
    application = Counting()
    assert application.view(ByStruct("north", 3), {}) == {"north": 3}
    assert application.view(ByStruct("north", 3), {"north": 4}) == {"north": 7}


def test_a_message_without_fields_needs_a_key_of_its_own() -> None:
    """The message says what to override."""
    with pytest.raises(TypeError, match=r"int has no fields .* override Application\.key"):
        Counting().key(7)


def stored(position: int, version: int, data: Any) -> Stored:
    """An event with its place."""
    return Stored(position, data.org, version, f"w-{position}/0", type(data).__name__, data)


def test_the_four_projections_say_what_they_say() -> None:
    """States with their version, views, pointers with their number of changes, totals."""
    accounts = Accounts()
    first, second = stored(1, 1, Registered("acme", "ada")), stored(2, 2, Deleted("acme", "ada"))
    assert accounts.projection("states")(first, {}) == {"acme": (1, ADA)}
    assert accounts.projection("states")(second, {"acme": (1, ADA)}) == {"acme": (2, NOBODY)}
    assert accounts.projection("views")(first, {}) == {"ada@acme": "acme"}
    assert accounts.projection("views")(second, {}) == {"ada@acme": None}
    assert accounts.projection("pointers")(first, {}) == {"ada@acme": ("acme", 1, "acme")}
    assert accounts.projection("pointers")(first, {"ada@acme": ("acme", 4, "acme")}) == {
        "ada@acme": ("acme", 5, "acme")
    }
    assert accounts.projection("pointers")(second, {"ada@acme": ("acme", 4, "acme")}) == {"ada@acme": None}
    assert accounts.projection("totals")(second, {"acme": 1}) == {"acme": 2}


def test_the_operation_of_an_event_is_its_id_up_to_the_last_slash() -> None:
    """Also where the client's name has one."""
    assert stored(3, 1, Registered("acme", "ada")).operation == "w-3"
    assert Stored(1, "s", 1, "eu/alice-3/0", "X", None).operation == "eu/alice-3"
    assert NewEvent("alice-1/0", "X", None).id == "alice-1/0"


@pytest.mark.parametrize("count", range(1, 5))
def test_a_pointer_counts_the_changes_of_its_row(count: int) -> None:
    """Whether rows are keys, as in the default view, or the application's own."""
    restocked = Stored(9, "bolt", 9, "w-9/0", "Restocked", Restocked("bolt", 2))
    rows = {"bolt": ("bolt", count, 3), "ada@acme": ("acme", count, "acme")}
    assert Inventory().pointers(restocked, rows) == {"bolt": ("bolt", count + 1, 5)}
    assert Inventory().pointers(restocked, {}) == {"bolt": ("bolt", 1, 2)}
    again = stored(1, 1, Registered("acme", "ada"))
    assert Accounts().pointers(again, rows) == {"ada@acme": ("acme", count + 1, "acme")}


def test_whoever_overrides_a_method_names_its_arguments_as_he_likes() -> None:
    """They are given by place: type checkers would complain of `decide(self, command, sold)` otherwise."""
    named = {
        f"{name}({parameter.name})"
        for name, function in vars(Application).items()
        if inspect.isfunction(function)
        for parameter in list(inspect.signature(function).parameters.values())[1:]
        if parameter.kind is not inspect.Parameter.POSITIONAL_ONLY
    }
    assert named == set()
