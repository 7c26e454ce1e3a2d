"""Small scopes, explored: what is left out loses nothing, what is found is shortest, and what is seen does not depend on how."""

from __future__ import annotations

import itertools
import os
import pathlib
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest

from refold.model.action import Append, CrashAt, Deliver, Prepare, Restart, Submit
from refold.model.application import Application
from refold.model.consumer import Consumer
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Delete, Register
from refold.model.examples.inventory import Inventory, Reserve, Restock
from refold.properties.suite import checker
from refold.search.campaign import Budget, Campaign
from refold.search.explore.aspects import CalledByPosition, names_of
from refold.search.explore.certificate import certificate
from refold.search.explore.explorer import Explorer
from refold.search.explore.fingerprint import CanonicalForm, fingerprint
from refold.search.explore.scope import Scope, ScopeLimits, Spent, smallest
from refold.search.explore.stored import load, save
from refold.search.explore.trail import Replays, Trail, agree
from refold.search.explore.visitor import Visitor
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference
from refold.systems.registry import resolve


def explored(system: str, bounds: ScopeLimits, application: Application | None = None, **how: bool | int) -> Explorer:
    """To the end."""
    explorer = Explorer(resolve(system), application or Inventory(), bounds, **how)  # type: ignore[arg-type]
    explorer.go_on()
    return explorer


def shortest(explorer: Explorer) -> dict[tuple[str, str], int]:
    """What was found, by how many actions."""
    return {signature: len(plan) for signature, plan in explorer.progress.found.items()}


CALM = {"crashes": 0, "reordered": 0, "values": 1}

SMALL = [
    ("reference", ScopeLimits(clients=1, commands=1, length=1), None),
    ("reference", ScopeLimits(clients=1, commands=1, crashes=0, values=1, length=3), None),
    ("reference", ScopeLimits(clients=1, commands=2, length=3, **CALM), None),
    ("reference", ScopeLimits(clients=2, commands=1, unanswered=1, length=3, **CALM), None),
    ("reference", ScopeLimits(clients=2, commands=1, slow=1, length=3, **CALM), None),
    ("reference", ScopeLimits(clients=1, commands=1, snapshots=1, length=3, **CALM), None),
    ("reference", ScopeLimits(clients=1, commands=1, redelivered=1, length=3, **CALM), None),
    ("reference", ScopeLimits(clients=1, commands=1, failures=1, length=2, **CALM), None),
    ("checkpoint-before-effect", ScopeLimits(clients=1, commands=1, length=3, **CALM), 1),
    ("lost-wakeup", ScopeLimits(clients=1, commands=1, length=3, **CALM), 2),
    ("event-payload-mutated", ScopeLimits(clients=1, commands=1, length=3, **CALM), 2),
    ("stale-overwrites-newer", ScopeLimits(clients=1, commands=2, crashes=0, values=1, length=3), 3),
    ("check-then-append", ScopeLimits(clients=2, commands=2, length=3, **CALM), None),
    ("expected-any-misuse", ScopeLimits(clients=2, commands=2, length=3, **CALM), 2),
    ("unique-via-stale-read-model", ScopeLimits(clients=2, commands=2, length=3, **CALM), 2),
    ("first-append-race", ScopeLimits(clients=2, commands=2, length=3, **CALM), 2),
    ("duplicate-append-lost-ack", ScopeLimits(clients=1, commands=1, unanswered=1, length=3, **CALM), 3),
    ("seq-gap-commit-order", ScopeLimits(clients=2, commands=2, slow=1, length=3, **CALM), None),
    ("partial-batch-append", ScopeLimits(clients=1, commands=1, length=3, **CALM), None),
    ("memory-log-lost-on-kill", ScopeLimits(clients=1, commands=1, crashes=1, reordered=0, values=1, length=2), 2),
    ("reference", ScopeLimits(clients=1, commands=1, crashes=1, reordered=1, values=1, length=2), None),
    ("reference", ScopeLimits(clients=1, commands=1, crashes=2, reordered=0, values=1, length=2), None),
    ("checkpoint-before-effect", ScopeLimits(clients=1, commands=1, crashes=1, reordered=0, values=1, length=2), 1),
    ("memory-log-lost-on-kill", ScopeLimits(clients=1, commands=1, crashes=2, reordered=0, values=1, length=2), 2),
]
"""Scopes that a plain enumeration can come to the end of, and the length of the shortest plan that breaks something there."""


@pytest.mark.parametrize(("system", "bounds", "length"), SMALL, ids=[f"{n}-{one[0]}" for n, one in enumerate(SMALL)])
def test_what_is_left_out_says_what_something_else_says(system: str, bounds: ScopeLimits, length: int | None) -> None:
    """A plain enumeration, which recognises no state and leaves no plan out, finds the same, and nothing shorter."""
    application = Accounts() if system in BROKEN and BROKEN[system].application == "accounts" else Inventory()
    few = explored(system, bounds, application)
    all_of_them = explored(system, bounds, application, plain=True)
    assert shortest(few) == shortest(all_of_them)
    beginnings = len(few.scope.beginnings())
    assert few.progress.transitions <= beginnings * all_of_them.progress.transitions
    assert min(shortest(few).values(), default=None) == length


FOUND = [
    ("checkpoint-before-effect", ScopeLimits(commands=2, values=1)),
    ("lost-wakeup", ScopeLimits(commands=2, values=1)),
    ("expected-any-misuse", ScopeLimits(commands=2, values=1)),
    ("first-append-race", ScopeLimits(commands=2, values=1)),
    ("unique-via-stale-read-model", ScopeLimits(commands=2, values=1)),
    ("event-payload-mutated", ScopeLimits(commands=2, values=1)),
    ("memory-log-lost-on-kill", ScopeLimits(commands=2, values=1)),
    ("duplicate-append-lost-ack", ScopeLimits(clients=1, commands=1, values=1, unanswered=1, crashes=0)),
    ("partial-batch-append", ScopeLimits(clients=1, commands=2, values=4, reordered=0)),
    ("retry-reorders", ScopeLimits(clients=1, commands=2, failures=1, **CALM)),
    ("dedupe-window-too-small", ScopeLimits(clients=1, commands=3, redelivered=1, **CALM)),
    ("out-of-order-completion", ScopeLimits(clients=1, commands=2, values=2, keys=2, crashes=0)),
]
"""Rows of the catalogue, and bounds that have room for them."""


@pytest.mark.parametrize(("name", "bounds"), FOUND, ids=[name for name, _ in FOUND])
def test_the_plan_that_is_found_is_no_longer_than_a_shrunk_one(name: str, bounds: ScopeLimits) -> None:
    broken = BROKEN[name]
    application = Accounts() if broken.application == "accounts" else Inventory()
    searched = Campaign(broken.system(), application, 1, Budget(seconds=None, examples=200, distinct=1)).run()
    explorer = explored(name, bounds, application)
    (found, *_) = explorer.counterexamples()
    assert len(found.plan) <= min(len(one.plan) for one in searched.counterexamples)
    assert found.findings


def test_a_correct_system_gets_a_certificate() -> None:
    """The same from every number of processes, and in every process."""
    quiet = ScopeLimits(commands=1, crashes=0, reordered=0)
    one, two = (certificate(explored("reference", quiet, jobs=jobs)) for jobs in (1, 2))
    assert one.complete
    assert one.shortest is None
    assert (one.states, one.transitions, one.digest) == (two.states, two.transitions, two.digest)
    program = (
        "from refold.search.explore.explorer import Explorer\n"
        "from refold.search.explore.certificate import certificate\n"
        "from refold.search.explore.scope import ScopeLimits\n"
        "from refold.model.examples.accounts import Accounts\n"
        "from refold.systems.reference import Reference\n"
        "explorer = Explorer(Reference(), Accounts(), ScopeLimits(commands=1, crashes=0, length=3))\n"
        "explorer.go_on()\n"
        "print(certificate(explorer).digest)\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_an_exploration_that_is_stopped_goes_on_where_it_was(tmp_path: pathlib.Path) -> None:
    """However often: time is over at once, here, after a few nodes."""
    bounds = ScopeLimits(clients=1, commands=2, values=1, crashes=0)
    whole = explored("reference", bounds)
    file = tmp_path / "state"
    for turn in range(10_000):
        explorer = Explorer(Reference(), Inventory(), bounds)
        assert load(explorer, file) == bool(turn)
        explorer.go_on(time.monotonic() + 0.01)
        if explorer.ended:
            break
        save(explorer, file)
    assert turn > 2
    assert [(level.states, level.transitions) for level in explorer.progress.levels] == [
        (level.states, level.transitions) for level in whole.progress.levels
    ]
    assert certificate(explorer).digest == certificate(whole).digest


def test_the_state_of_another_world_is_not_gone_on_from(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "state"
    save(Explorer(Reference(), Inventory(), ScopeLimits()), file)
    assert load(Explorer(Reference(), Inventory(), ScopeLimits()), file)
    assert not load(Explorer(Reference(), Inventory(), ScopeLimits(crashes=2)), file)
    assert not load(Explorer(Reference(), Accounts(), ScopeLimits()), file)
    file.write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="--fresh"):
        load(Explorer(Reference(), Inventory(), ScopeLimits()), file)


def test_states_in_files_are_not_taken_for_one_another() -> None:
    """Nobody sees them, so every plan is run."""
    bounds = ScopeLimits(clients=1, commands=1, crashes=0, reordered=0, values=1, length=2)
    explorer = explored("sqlite?crash=process", bounds)
    assert explorer.complete
    assert certificate(explorer).known == 0
    assert not any("a state leads to" in one for one in certificate(explorer).left_out)


# -- states


def state(*plan: object) -> bytes:
    """The fingerprint of where a plan leads."""
    judge = checker(Inventory())
    deployment = Reference().core().open(Inventory(), judge.feed)
    for action in plan:
        assert deployment.perform(action)  # type: ignore[arg-type]
    return fingerprint(deployment)


RESTOCK, RESERVE = Submit("alice", Restock("bolt", 1)), Submit("carol", Reserve("bolt", 1))


def test_two_ways_to_the_same_state_have_one_fingerprint() -> None:
    one = state(RESTOCK, Deliver("index", 0), Deliver("totals", 0))
    assert one == state(RESTOCK, Deliver("totals", 0), Deliver("index", 0))
    assert one != state(RESTOCK, Deliver("index", 0))
    assert one != state(RESTOCK, RESERVE, Deliver("index", 0), Deliver("totals", 0))


def test_what_lives_only_in_memory_is_part_of_a_state() -> None:
    """A prepared append, a fuse that is lit, an event in flight."""
    prepared = Prepare("alice", Restock("bolt", 1))
    assert len({state(), state(prepared), state(CrashAt("index", 1)), state(CrashAt("index", 2))}) == 4
    assert state(RESTOCK) == state(prepared, Append("alice"))


def test_values_that_print_alike_by_their_kind_are_told_apart() -> None:
    """Also where they have no attributes that Python can see."""
    told = [
        1,
        True,
        1.0,
        "1",
        Decimal(1),
        Decimal(2),
        date(2026, 1, 1),
        date(2026, 1, 2),
        (1,),
        [1],
        {1},
        Kept(1),
        Kept(2),
    ]
    assert len({fingerprint([one]) for one in told}) == len(told)


@attrs.frozen
class Kept:
    """A frozen value."""

    number: int


# -- trails


def visited(name: str, bounds: ScopeLimits) -> Visitor:
    """A visitor of a scope."""
    application = Accounts() if name in BROKEN and BROKEN[name].application == "accounts" else Inventory()
    system = resolve(name)
    return Visitor(system, application, Scope(system, application, bounds))


ROOMY = ScopeLimits(commands=4, crashes=2, reordered=2, redelivered=1, unanswered=1, slow=1, snapshots=1, failures=1)


@pytest.mark.parametrize("name", ["reference", "lost-wakeup", "event-payload-mutated", "snapshot-off-by-one"])
def test_a_trail_comes_to_the_states_that_replays_come_to(name: str) -> None:
    """On plans that begin alike and on plans that do not, with every kind of fault."""
    visitor = visited(name, ROOMY)
    trail, replays = Trail(visitor.opened, visitor.scope.alphabet), Replays(visitor.opened, visitor.scope.alphabet)
    plans = visitor.samples()
    assert agree(trail, replays, [*plans, *[plan[:5] for plan in plans], *[plan[::-1] for plan in plans]])
    replays.leave()
    trail.leave()


class Forgetful(Consumer):
    """Counts where nobody can look."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.counted = itertools.count()

    def effect(self, event: Stored) -> None:
        """As usual, and one more."""
        next(self.counted)
        super().effect(event)


def test_what_cannot_be_set_back_is_run_again_from_the_beginning() -> None:
    bounds = ScopeLimits(commands=1, crashes=0)
    system = Reference("forgetful", {"index": Forgetful})
    visitor = Visitor(system, Inventory(), Scope(system, Inventory(), bounds))
    assert isinstance(visitor.way(), Replays)
    assert isinstance(visited("reference", bounds).way(), Trail)
    assert not agree(
        Trail(visitor.opened, visitor.scope.alphabet), Misled(visitor.opened, visitor.scope.alphabet), [(0,)]
    )


class Misled(Replays):
    """Runs something else."""

    def go(self, plan: tuple[int, ...]) -> None:
        """Nothing at all."""
        super().go(())


def test_a_state_that_is_met_with_more_left_to_do_covers_the_same_with_less() -> None:
    less = Spent((1, 1, 0, 0, 0, 0, 0, 0), frozenset({"alice"}), "index")
    assert Spent((1, 0, 0, 0, 0, 0, 0, 0), frozenset({"alice"}), "").covers(less)
    assert not Spent((1, 0, 1, 0, 0, 0, 0, 0), frozenset({"alice"}), "").covers(less)
    assert not Spent((1, 0, 0, 0, 0, 0, 0, 0), frozenset({"alice"}), "cache").covers(less)
    assert not Spent((1, 0, 0, 0, 0, 0, 0, 0), frozenset({"alice"}), "", "log").covers(less)
    assert not Spent((1, 0, 0, 0, 0, 0, 0, 0), frozenset({"bob"}), "").covers(less)


# -- aspects


def test_a_consumer_that_writes_into_the_log_is_not_told_apart() -> None:
    bounds = ScopeLimits(clients=1, commands=1, length=2, **CALM)
    assert not explored("event-payload-mutated", bounds, Accounts()).scope.aspects
    assert explored("reference", bounds).scope.aspects == ("index", "totals", "cache")


def test_consumers_of_an_extension_are_in_the_scope_of_a_system_that_has_others() -> None:
    """Those of one extension may share something, so they are not told apart."""
    bounds = ScopeLimits(clients=1, commands=1, failures=1, **CALM)
    scope = Scope(resolve("dedupe-key-lacks-consumer"), Inventory(), bounds)
    assert scope.groups["billing"] == scope.groups["shipping"] == "billing+shipping"
    assert "billing" not in scope_of(bounds).groups
    assert shortest(explored("dedupe-key-lacks-consumer", bounds))[("dropped-as-duplicate", "CKPT")] == 3


def closed(explorer: Explorer) -> int:
    """States in which no client can act any more."""
    return sum(spent.closed for _, spent in explorer.progress.asleep)


def test_once_no_client_can_act_it_makes_no_difference_who_has_written_an_event() -> None:
    """Alice and carol append the same; a consumer meets one log, and applies its event or has not yet."""
    bounds = ScopeLimits(clients=2, commands=1, crashes=0, reordered=0, values=1)
    with_lens = explored("reference", bounds)
    without = Explorer(Reference(), Inventory(), bounds)
    without.begin(aspects=False)
    without.go_on()
    assert closed(with_lens) == 2 * len(with_lens.scope.aspects)
    assert not closed(without)
    stranger = explored("failed-event-checkpointed", bounds)
    assert closed(stranger) == 2 * len(stranger.scope.aspects) + 2, "its index may take names apart"
    assert with_lens.complete
    assert without.complete


def test_a_name_that_is_shown_in_another_way_keeps_all_names() -> None:
    event = Stored(1, "bolt", 1, "alice-1/0", "Restocked", None)
    form = CanonicalForm(pattern=names_of(["alice"]))
    named, longer, plain = (form.part(Part(held), "0") for held in (event, f"billing|{event.id}", "bolt"))
    assert (named.named, longer.named, plain.named) == (True, True, False)
    other = CalledByPosition({event.id: "@1"}, form)
    assert other.total([named, plain], form) is not None
    assert other.total([named, longer], form) is None
    twin = msgspec.structs.replace(event, id="carol-1/0")
    carols = CalledByPosition({twin.id: "@1"}, form)
    form = CanonicalForm(pattern=names_of(["alice", "carol"]))
    assert carols.total([form.part(Part(twin), "0")], form) == other.total([named], form)


class Part:
    """Holds something."""

    def __init__(self, held: object) -> None:
        self.held = held


def test_an_error_of_the_explorer_is_not_taken_for_one_of_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise LookupError("in the explorer")

    monkeypatch.setattr(Visitor, "seen", fails)
    with pytest.raises(LookupError, match="in the explorer"):
        explored("reference", ScopeLimits(clients=1, commands=1, **CALM))


# -- scopes


def scope_of(bounds: ScopeLimits, **how: bool) -> Scope:
    """Of the reference system."""
    return Scope(Reference(), Inventory(), bounds, **how)


def allowed(scope: Scope, *plan: object) -> bool:
    """Whether the scope has this plan, whatever it says that it is about."""
    reached: list[Spent | None] = [*scope.beginnings()]
    for action in plan:
        reached = [scope.after(spent, action) for spent in reached if spent is not None]  # type: ignore[arg-type]
    return any(reached)


def test_a_plan_keeps_to_the_bounds() -> None:
    here = scope_of(ScopeLimits(clients=1, commands=1, crashes=1, reordered=1))
    assert allowed(here, RESTOCK, Deliver("index", 1), Deliver("index", 0), Deliver("index", 0))
    assert not allowed(here, RESTOCK, RESTOCK)
    assert not allowed(here, RESTOCK, RESERVE)
    assert not allowed(here, Deliver("index", 1), Deliver("index", 2))
    assert not allowed(here, CrashAt("index", 1), Deliver("index", 0), CrashAt("index", 1))


def test_of_clients_that_are_made_alike_the_first_begins() -> None:
    """Carol reads the log, alice and bob a view."""
    bob = Submit("bob", Restock("bolt", 1))
    assert allowed(scope_of(ScopeLimits()), RESTOCK, bob)
    assert allowed(scope_of(ScopeLimits()), RESERVE, RESTOCK)
    assert not allowed(scope_of(ScopeLimits()), bob)
    assert allowed(scope_of(ScopeLimits(), together=True), bob)


def test_a_plan_moves_one_of_the_consumers_that_nobody_reads() -> None:
    here = scope_of(ScopeLimits())
    assert here.apart == ("index", "totals", "cache")
    assert allowed(here, Deliver("index", 0), Deliver("store", 0), Deliver("index", 0))
    assert not allowed(here, Deliver("index", 0), Deliver("cache", 0))


def test_a_crash_at_a_step_comes_right_before_something_happens_to_the_process() -> None:
    here = scope_of(ScopeLimits())
    assert allowed(here, CrashAt("index", 1), Deliver("index", 0), Restart("index"))
    assert not allowed(here, CrashAt("index", 1), RESTOCK)
    assert allowed(here, CrashAt("log", 1), RESTOCK)


def test_the_commands_of_a_world_are_of_all_kinds_and_about_one_key() -> None:
    assert smallest(Accounts(), 2) == (Register("acme", "ada"), Delete("acme", "ada"))
    assert smallest(Inventory(), 3) == (Restock("bolt", 1), Reserve("bolt", 1), Restock("bolt", 2))
