"""Every string of bytes is a plan."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refold.model.accounts import Accounts
from refold.model.action import (
    ACTIONS,
    Action,
    Append,
    Begin,
    Commit,
    Crash,
    CrashAt,
    CutPower,
    Deliver,
    Redeliver,
    Restart,
    Retry,
    Submit,
    TakeSnapshot,
)
from refold.model.application import Application
from refold.model.extension import Extension
from refold.model.inventory import Inventory
from refold.model.tape import FAMILIES, PICKS, Menu
from refold.systems.deployment import CLIENTS, consumer_specs
from refold.systems.reference import EVERYTHING

APPLICATIONS = (Accounts(), Inventory())


def menu(application: Application = APPLICATIONS[0], can: frozenset[str] = EVERYTHING, **options: Any) -> Menu:
    """The menu of the reference system's core."""
    return Menu(application.commands(), tuple(CLIENTS), consumer_specs(), can, **options)


FULL = menu()


@given(st.binary(max_size=600))
def test_every_tape_is_a_plan_of_actions_of_the_menu(tape: bytes) -> None:
    """With at most one action per pair of bytes."""
    plan = FULL.decode(tape)
    assert len(plan) <= max(len(tape) - FULL.header, 0) // 2
    assert set(plan) <= set(FULL.actions())


def test_every_pair_of_bytes_decodes_under_every_choice_of_families() -> None:
    """All 256 swarms, all 65,536 pairs."""
    for swarm in range(256):
        table = FULL.table(swarm)
        assert len(table) == 256
        assert table[0] is None
        for row in table[1:]:
            assert row is not None
            assert len(row) == 256


@pytest.mark.parametrize("length", [0, 1, 2, 3, 50, 51])
def test_a_tape_of_zeros_is_the_empty_plan(length: int) -> None:
    """Shrinking bytes towards zero removes actions."""
    assert FULL.decode(bytes(length)) == ()


def test_a_pair_that_begins_with_zero_is_a_rest() -> None:
    """Its neighbours stay what they are."""
    tape = bytes([0, 9, 3, 0, 77, 40, 5])
    assert FULL.decode(tape) == FULL.decode(bytes([0, 9, 3, 40, 5]))
    assert len(FULL.decode(tape)) == 2


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.name)
def test_every_action_of_the_menu_has_a_place_on_the_tape(application: Application) -> None:
    """While no family is left out."""
    full = menu(application)
    there = {action for row in full.table(0) if row is not None for action in row}
    assert there == set(full.actions())
    assert len(full.actions()) == len(there), "an action is listed twice"


def test_the_menu_of_the_reference_has_every_kind_of_action() -> None:
    """Nothing of the vocabulary is out of reach."""
    kinds = {type(action) for action in FULL.actions()}
    assert {cls for cls in ACTIONS.values() if cls.__module__ == "refold.model.action"} == kinds


def test_each_bit_of_the_header_leaves_its_family_out() -> None:
    """And nothing else."""
    of_family = {
        family: {action for name, _, actions in FULL.groups if name == family for action in actions}
        for family in FAMILIES
    }
    everything = set(FULL.actions())
    assert all(of_family.values())
    for bit, family in enumerate(FAMILIES):
        there = {action for row in FULL.table(1 << bit) if row is not None for action in row}
        assert there == everything - of_family[family]
    core = {action for row in FULL.table(255) if row is not None for action in row}
    assert core == {action for name, _, actions in FULL.groups if not name for action in actions}
    assert any(isinstance(action, Submit) for action in core)
    assert any(isinstance(action, Deliver) for action in core)


def test_the_header_is_read_before_the_pairs() -> None:
    """One byte for the eight families of the core."""
    assert FULL.header == 1
    assert FULL.length(24) == 49
    pairs = random.Random(5).randbytes(200)
    assert FULL.decode(b"\x00" + pairs) != FULL.decode(b"\xff" + pairs)
    assert not [a for a in FULL.decode(b"\xff" + pairs) if isinstance(a, Crash | CrashAt | CutPower | Redeliver)]


def test_extensions_are_picked_by_bytes_of_their_own() -> None:
    """The bits of the core keep their meaning."""

    class Ninth(Extension):
        name = "ninth"
        family = "ninth"

        @classmethod
        def groups(cls, commands: Any, clients: Any, consumers: Any) -> list[tuple[str, int, list[Action]]]:
            return [("ninth", 5, [Crash("ninth")]), ("nothing", 5, [])]

    wide = menu(extensions=[Ninth])
    assert wide.extra == ("ninth",)
    assert wide.header == 1 + PICKS
    out = {action for row in wide.table(0) if row is not None for action in row}
    assert out == set(FULL.actions())
    for pick in range(1, PICKS + 1):
        assert Crash("ninth") in {action for row in wide.table(1 << 8 * pick) if row is not None for action in row}
    assert wide.decode(bytes(wide.header + 2)) == ()


@pytest.mark.parametrize(
    ("capability", "kind"),
    [
        ("dedupe", Retry),
        ("slow-append", Begin),
        ("slow-append", Commit),
        ("redeliver", Redeliver),
        ("snapshots", TakeSnapshot),
        ("crash-at-step", CrashAt),
        ("power-cut", CutPower),
    ],
)
def test_a_menu_offers_nothing_that_the_system_cannot_do(capability: str, kind: type[Action]) -> None:
    """Capability by capability."""
    lesser = menu(can=EVERYTHING - {capability})
    consumers = [spec.name for spec in consumer_specs()]
    left = [a for a in lesser.actions() if isinstance(a, kind) and getattr(a, "process", "") in ("", *consumers)]
    assert left == []


def test_a_log_that_cannot_crash_is_neither_crashed_nor_restarted() -> None:
    """Consumers still are."""
    lesser = menu(can=EVERYTHING - {"crash-log", "crash-log-at-step", "power-cut"})
    touched = {a.process for a in lesser.actions() if isinstance(a, Crash | CrashAt | Restart)}
    assert touched == {"store", "index", "totals", "cache"}


def test_more_actions_than_fit_in_one_row_still_have_a_place_each() -> None:
    """An application with a large menu of commands."""

    class Large(Accounts):
        def commands(self) -> Any:
            from refold.model.accounts import Register

            return tuple(Register("acme", f"user-{n}") for n in range(400))

    large = menu(Large())
    there = {action for row in large.table(0) if row is not None for action in row if isinstance(action, Submit)}
    assert len(there) == 3 * 400


def test_an_application_without_commands_is_told_so() -> None:
    """There is nothing to choose from."""
    with pytest.raises(ValueError, match="at least one"):
        Menu((), ("alice",), consumer_specs(), EVERYTHING)


def test_a_random_tape_is_mostly_about_appends_and_deliveries() -> None:
    """Faults are the spice: no more than half of the actions even with every family in."""
    generator = random.Random(3)
    plan = [action for _ in range(50) for action in FULL.decode(b"\x00" + generator.randbytes(400))]
    plain = [
        action
        for action in plan
        if isinstance(action, Submit | Append) or action == Deliver(getattr(action, "consumer", ""), 0)
    ]
    assert len(plain) > len(plan) / 2
