"""Every string of bytes is a plan."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory
from refold.model.extension import Extension
from refold.model.tape import FAMILIES, HEADER, PICKS, Menu
from refold.systems.deployment import CLIENTS, consumer_specs
from refold.systems.reference import EVERYTHING

APPLICATIONS = (Accounts(), Inventory())


def menu(application: Application = APPLICATIONS[0], can: frozenset[str] = EVERYTHING, **options: Any) -> Menu:
    """The menu of the reference system's core."""
    return Menu(application.commands(), tuple(CLIENTS), consumer_specs(), can, **options)


FULL = menu()
EVERY = set(FULL.actions())
LONGEST = max(len(word) for _, _, words in FULL.groups for word in words)


def everything(chosen: Menu, header: bytes) -> set[Action]:
    """The actions that a run with this header can speak of."""
    return {action for word in chosen.alphabet(header) for action in word}


@given(st.binary(max_size=600))
def test_every_tape_is_a_plan_of_actions_of_the_menu(tape: bytes) -> None:
    """With at most one word per byte."""
    plan = FULL.decode(tape)
    assert len(plan) <= max(len(tape) - HEADER, 0) * LONGEST
    assert set(plan) <= EVERY


def test_every_header_has_an_alphabet_of_256_words() -> None:
    """All 256 choices of families with a few dialects, all 256 dialects with a few choices; 0 is the empty word, and no other."""
    for swarm in range(256):
        for dialect in (*range(0, 256, 51), *((swarm,) if swarm else ())):
            for header in (bytes([swarm, dialect, 0, 0]), bytes([dialect, swarm, 0, 0])):
                alphabet = FULL.alphabet(header)
                assert len(alphabet) == 256
                assert [byte for byte, word in enumerate(alphabet) if not word] == [0]


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 50, 51])
def test_a_tape_of_zeros_is_the_empty_plan(length: int) -> None:
    """Shrinking bytes towards zero removes actions."""
    assert FULL.decode(bytes(length)) == ()


def test_a_zero_is_the_empty_word() -> None:
    """Its neighbours stay what they are."""
    assert FULL.decode(bytes(HEADER) + bytes([9, 0, 40])) == FULL.decode(bytes(HEADER) + bytes([9, 40]))
    assert FULL.decode(bytes(HEADER) + bytes([9, 0, 40]))


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.name)
def test_every_action_of_the_menu_has_a_place_in_some_dialect(application: Application) -> None:
    """While no family is left out."""
    full = menu(application)
    spoken = {action for dialect in range(256) for action in everything(full, bytes([0, dialect, 0, 0]))}
    assert spoken == set(full.actions())
    assert len(full.actions()) == len(spoken), "an action is listed twice"


def test_a_dialect_speaks_of_every_kind_of_action_and_gives_each_group_its_share() -> None:
    """Give or take a place."""
    total = sum(weight for _, weight, _ in FULL.groups)
    for dialect in range(256):
        alphabet = FULL.alphabet(bytes([0, dialect, 0, 0]))
        submits = sum(len(word) == 1 and type(word[0]) is Submit for word in alphabet)
        weight = next(weight for _, weight, words in FULL.groups if type(words[0][0]) is Submit)
        assert abs(submits - 255 * weight / total) <= 1


def test_dialects_differ_in_the_actions_they_speak_of() -> None:
    """There are more commands than places for slow appends."""
    spoken = {frozenset(a for a in everything(FULL, bytes([0, d, 0, 0])) if type(a) is Begin) for d in range(256)}
    assert len(spoken) > 20


def test_the_menu_of_the_reference_has_every_kind_of_action() -> None:
    """Nothing of the vocabulary is out of reach."""
    kinds = {type(action) for action in FULL.actions()}
    assert {cls for cls in ACTIONS.values() if cls.__module__ == "refold.model.action"} == kinds


def test_each_bit_of_the_header_leaves_its_family_out() -> None:
    """And nothing else."""
    words = {
        family: {word for name, _, words in FULL.groups if name == family for word in words} for family in FAMILIES
    }
    assert all(words.values())
    for bit, family in enumerate(FAMILIES):
        included = FULL.included(bytes([1 << bit, 0, 0, 0]))
        assert included == {"", *FAMILIES} - {family}
        alphabet = set(FULL.alphabet(bytes([1 << bit, 0, 0, 0])))
        own = words[family] - {word for name, _, others in FULL.groups if name != family for word in others}
        assert not alphabet & own
    core = everything(FULL, bytes([255, 0, 0, 0]))
    assert core <= {action for name, _, words in FULL.groups if not name for word in words for action in word}
    assert any(isinstance(action, Submit) for action in core)
    assert any(isinstance(action, Deliver) for action in core)


def test_the_header_is_read_before_the_words() -> None:
    """Four bytes."""
    assert HEADER == 2 + PICKS
    assert FULL.length(24) == 28
    words = random.Random(5).randbytes(200)
    assert FULL.decode(bytes([0, 7, 0, 0]) + words) != FULL.decode(bytes([255, 7, 0, 0]) + words)
    assert FULL.decode(bytes([0, 7, 0, 0]) + words) != FULL.decode(bytes([0, 8, 0, 0]) + words)
    assert not [
        a for a in FULL.decode(bytes([255, 7, 0, 0]) + words) if isinstance(a, Crash | CrashAt | CutPower | Redeliver)
    ]


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
    assert Crash("ninth") in wide.actions()
    assert Crash("ninth") not in everything(wide, bytes(HEADER))
    for pick in range(PICKS):
        header = bytearray(HEADER)
        header[2 + pick] = 1
        assert Crash("ninth") in everything(wide, bytes(header))
    assert wide.decode(bytes(HEADER + 2)) == ()


def test_a_process_that_dies_in_a_word_may_be_restarted_in_it() -> None:
    """Half of the ways to die."""
    words = [word for _, _, words in FULL.groups for word in words if isinstance(word[0], Crash | CutPower)]
    alone = [word for word in words if len(word) == 1]
    assert len(alone) * 2 == len(words)
    assert all(word[-1] == Restart(word[0].process) for word in words if len(word) > 1)


def test_two_slow_appends_overlap_in_a_word() -> None:
    """Of two clients, ended in the order in which they began: both took their places before either was visible."""
    words = [word for _, _, words in FULL.groups for word in words if [type(one) for one in word[:2]] == [Begin, Begin]]
    assert words
    for first, second, *ends in words:
        assert first.client != second.client  # type: ignore[attr-defined]
        assert ends == [Commit(first.client), Commit(second.client)]  # type: ignore[attr-defined]


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


def test_more_commands_than_there_are_bytes_still_have_a_place_each() -> None:
    """An application with a large menu: each of its commands in some dialect."""

    class Large(Accounts):
        def commands(self) -> Any:
            from refold.model.examples.accounts import Register

            return tuple(Register("acme", f"user-{n}") for n in range(400))

    large = menu(Large())
    there = {
        action
        for dialect in range(256)
        for action in everything(large, bytes([0, dialect, 0, 0]))
        if isinstance(action, Submit)
    }
    assert len(there) == 3 * 400


def test_an_application_without_commands_is_told_so() -> None:
    """There is nothing to choose from."""
    with pytest.raises(ValueError, match="at least one"):
        Menu((), ("alice",), consumer_specs(), EVERYTHING)


def test_a_random_tape_is_mostly_about_appends_and_deliveries() -> None:
    """Faults are the spice: no more than half of the actions even with every family in."""
    generator = random.Random(3)
    plan = [action for _ in range(50) for action in FULL.decode(b"\x00" + generator.randbytes(200))]
    plain = [
        action
        for action in plan
        if isinstance(action, Submit | Append) or action == Deliver(getattr(action, "consumer", ""), 0)
    ]
    assert len(plain) > len(plan) / 2
