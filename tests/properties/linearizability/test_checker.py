"""The checker is right, and its witnesses can be checked by hand."""

import json
from pathlib import Path
from random import Random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refold.properties.linearizability import (
    IMPOSSIBLE,
    AddIfAbsentSet,
    BoundedCounter,
    CasRegister,
    FifoQueue,
    History,
    Mutex,
    Operation,
    Outcome,
    Role,
    Specification,
    Verdict,
    check,
    read_operations,
    specification_named,
)
from refold.properties.linearizability.exhaustive import linearizable_by_trying
from refold.properties.linearizability.generated import arbitrary_history, register_history, spoiled
from refold.properties.linearizability.searches import budget
from refold.properties.linearizability.searches.just_in_time import depth_first, frontier, relaxed
from refold.properties.linearizability.searches.race import Race
from refold.properties.linearizability.searches.schedule import Schedule
from refold.properties.linearizability.searches.wing_gong import wing_gong

from . import independent

RECORDED = Path(__file__).parents[2] / "data" / "histories"
EXPECTED: dict[str, bool] = json.loads((RECORDED / "expected.json").read_text())


def says_nothing(operation: Operation, specification: Specification) -> bool:
    """Whether the specification leaves the operation out of the search."""
    assert isinstance(specification, CasRegister | AddIfAbsentSet | BoundedCounter | FifoQueue | Mutex)
    return specification.role(operation) is Role.NOTHING


def replays(verdict: Verdict, history: History, specification: Specification) -> None:
    """The linearization of a yes is allowed by the specification, complete, and keeps the order of time."""
    state = specification.initial
    for operation in verdict.linearization:
        state = specification.step(state, operation)
        assert state is not IMPOSSIBLE, operation
    position = {operation.invoked: number for number, operation in enumerate(verdict.linearization)}
    assert len(position) == len(verdict.linearization)
    latest_invocation = -1
    for operation in verdict.linearization:
        assert operation.outcome is Outcome.UNKNOWN or (operation.returned or 0) > latest_invocation
        latest_invocation = max(latest_invocation, operation.invoked)
    for operation in history.operations:
        if operation.outcome is not Outcome.UNKNOWN and not says_nothing(operation, specification):
            assert operation.invoked in position


def cannot_be_shorter(verdict: Verdict, history: History, specification: Specification) -> None:
    """The prefix of a no cannot be linearized, and with one event fewer it can."""
    assert verdict.prefix_events is not None
    assert verdict.blame is not None
    assert verdict.blame.returned == verdict.prefix_events - 1
    assert check(history.prefix(verdict.prefix_events), specification).linearizable is False
    assert check(history.prefix(verdict.prefix_events - 1), specification).linearizable is True


def partial_order_is_allowed(verdict: Verdict, history: History, specification: Specification) -> None:
    """The partial linearization of a no is allowed, and holds all that had returned but the blamed operation."""
    state = specification.initial
    for operation in verdict.linearization:
        state = specification.step(state, operation)
        assert state is not IMPOSSIBLE, operation
    assert verdict.prefix_events is not None
    placed = {operation.invoked for operation in verdict.linearization}
    partition = getattr(specification, "for_history", lambda _: None)(history.operations)
    for operation in history.operations:
        if partition is not None and partition.partition(operation) != verdict.key:
            continue
        returned = operation.outcome is not Outcome.UNKNOWN and (operation.returned or 0) < verdict.prefix_events - 1
        assert not returned or says_nothing(operation, specification) or operation.invoked in placed


@pytest.mark.parametrize("file", sorted(EXPECTED))
def test_a_recorded_history_has_its_known_verdict(file: str) -> None:
    """Every recorded file is decided, as whoever recorded or generated it knows."""
    knossos = file.startswith("knossos/")
    specification = specification_named("cas-register", 0 if knossos else None, "any" if knossos else "value")
    _, history = read_operations(RECORDED / file)
    if knossos:
        kept = tuple(operation for operation in history.operations if operation.outcome is not Outcome.FAIL)
        assert check(history, specification, fail="nothing").linearizable is EXPECTED[file]
        history = attrs.evolve(history, operations=kept)
    verdict = check(history, specification)
    assert verdict.linearizable is EXPECTED[file]
    if verdict.linearizable:
        replays(verdict, history, specification)
    else:
        cannot_be_shorter(verdict, history, specification)
        partial_order_is_allowed(verdict, history, specification)


@pytest.mark.parametrize("seed", range(4))
def test_small_histories_agree_with_every_order_tried(seed: int) -> None:
    """Every built-in object, up to eight operations of four clients, unknown outcomes included."""
    random = Random(seed)
    verdicts = set()
    for _ in range(1000):
        history, specification = arbitrary_history(random)
        verdict = check(history, specification)
        assert verdict.linearizable is linearizable_by_trying(history.operations, specification), history
        if verdict.linearizable:
            replays(verdict, history, specification)
        else:
            cannot_be_shorter(verdict, history, specification)
            partial_order_is_allowed(verdict, history, specification)
        verdicts.add(verdict.verdict)
    assert len(verdicts) == 2


@pytest.mark.parametrize("odd", [False, True], ids=["plain values", "odd values"])
def test_small_histories_agree_with_another_opinion(odd: bool) -> None:
    """Of one that shares no code with the checker, nor its idea of which values are equal."""
    random = Random(11)
    verdicts: dict[tuple[str, bool | None], int] = {}
    for _ in range(3000):
        history, specification = arbitrary_history(random, operations_max=6, odd=odd)
        verdict = check(history, specification).linearizable
        assert verdict is independent.opinion(history.operations, specification), (history, specification)
        met = type(specification).__name__, verdict
        verdicts[met] = verdicts.get(met, 0) + 1
    assert min(verdicts.values()) > 100


def test_in_a_set_true_is_not_one_either() -> None:
    """Neither is it taken for present, nor for the one that was read."""
    one = Operation(1, "add", 1, Outcome.OK, None, 0, 1)
    true = Operation(1, "add", True, Outcome.OK, None, 2, 3)
    read = Operation(1, "read", None, Outcome.OK, (1, True), 4, 5)
    assert check(History((one, true, read), 6), AddIfAbsentSet()).linearizable is True
    less = attrs.evolve(read, result=(True,), invoked=2, returned=3)
    assert check(History((one, less), 4), AddIfAbsentSet()).linearizable is False
    there = AddIfAbsentSet(frozenset({True}))
    assert check(History((one, true), 4), there).linearizable is False
    assert check(History((one,), 2), there).linearizable is True


@attrs.frozen
class BareRegister:
    """A register that tells no roles: the checker must not depend on them."""

    initial: int = 0

    def step(self, state: object, operation: Operation) -> object:
        return CasRegister(0).step(state, operation)


def test_roles_only_make_the_search_shorter() -> None:
    """The verdict is the same for a specification that tells nothing but its steps."""
    random = Random(5)
    for _ in range(500):
        history, specification = arbitrary_history(random)
        if isinstance(specification, CasRegister):
            assert check(history, BareRegister()).linearizable is check(history, specification).linearizable


@pytest.mark.parametrize("how", ["unlikely", "other"])
@pytest.mark.parametrize(("clients", "unknown"), [(5, 0.0), (20, 0.0), (10, 0.05), (20, 0.05)])
def test_long_histories_are_decided(clients: int, unknown: float, how: str) -> None:
    """A history that a register gave is linearizable; one with an answer out of nowhere is not; neither takes long."""
    random = Random(clients)
    history = register_history(random, 600, clients, unknown=unknown)
    verdict = check(history, CasRegister())
    assert verdict.linearizable is True
    replays(verdict, history, CasRegister())
    bad = spoiled(random, history, 0.5, "unlikely" if how == "unlikely" else "other")
    verdict = check(bad, CasRegister())
    assert verdict.linearizable is not None
    if how == "unlikely":
        assert verdict.linearizable is False
        cannot_be_shorter(verdict, bad, CasRegister())


def test_objects_are_checked_apart() -> None:
    """Each key has its own register, and the verdict no names the key."""
    operations = (
        Operation(1, "write", 1, Outcome.OK, None, 0, 1, key="a"),
        Operation(1, "read", None, Outcome.OK, None, 2, 3, key="b"),
        Operation(1, "read", None, Outcome.OK, None, 4, 5, key="a"),
    )
    verdict = check(History(operations, 6), CasRegister())
    assert verdict.linearizable is False
    assert verdict.key == "a"
    assert verdict.blame is operations[2]
    finding = verdict.finding()
    assert finding is not None
    assert finding["linearization"] == ["1: write 1"]


def test_what_a_failed_operation_asserts_is_for_the_caller_to_say() -> None:
    """A refused cas asserts that its condition did not hold, or nothing."""
    history = History((Operation(1, "cas", (None, 1), Outcome.FAIL, None, 0, 1),), 2)
    assert check(history, CasRegister()).linearizable is False
    assert check(history, CasRegister(), fail="nothing").linearizable is True


def test_true_is_not_one() -> None:
    """Python takes them for equal; a history does not."""
    operations = (
        Operation(1, "write", 1, Outcome.OK, None, 0, 1),
        Operation(1, "read", None, Outcome.OK, True, 2, 3),
    )
    assert check(History(operations, 4), CasRegister()).linearizable is False


def test_a_spent_budget_is_said() -> None:
    """Undecided, and why."""
    history = register_history(Random(1), 5000, 20, unknown=0.05)
    verdict = check(spoiled(Random(1), history, 0.9), CasRegister(), seconds_cpu_max=0.01)
    assert verdict.verdict == "undecided"
    assert verdict.reason == "the budget of 0.01 s of CPU time was spent"


def test_an_element_can_be_added_once() -> None:
    """Two adds of one element both accepted: one of them was decided on an old view."""
    operations = (
        Operation(1, "add", "ada", Outcome.OK, None, 0, 2),
        Operation(2, "add", "ada", Outcome.OK, None, 1, 3),
        Operation(3, "add", "bob", Outcome.OK, None, 4, 5),
    )
    verdict = check(History(operations, 6), AddIfAbsentSet())
    assert verdict.linearizable is False
    assert verdict.blame is operations[1]


def test_a_counter_stays_in_its_bounds() -> None:
    """The last seat is sold twice."""
    operations = (
        Operation(1, "decrement", None, Outcome.OK, None, 0, 2),
        Operation(2, "decrement", None, Outcome.OK, None, 1, 3),
    )
    assert check(History(operations, 4), BoundedCounter(1)).linearizable is False
    assert check(History(operations, 4), BoundedCounter(2)).linearizable is True


def test_the_same_history_has_the_same_witness() -> None:
    """Nothing depends on time or hash order."""
    history = register_history(Random(3), 300, 10, unknown=0.05)
    assert check(history, CasRegister()).linearization == check(history, CasRegister()).linearization


@pytest.mark.parametrize("short_of", ["memory", "time"])
def test_an_object_without_an_order_is_the_answer_whatever_becomes_of_the_others(
    short_of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one would need more memory, or more time, than there is; alone it is undecided."""
    hard = spoiled(Random(1), register_history(Random(1), 5000, 20, unknown=0.05), 0.9).operations
    easy = (
        Operation("x", "write", 1, Outcome.OK, None, 0, 1, key="easy"),
        Operation("x", "read", None, Outcome.OK, 2, 2, 3, key="easy"),
    )
    late = tuple(attrs.evolve(one, invoked=one.invoked + 4, returned=(one.returned or 0) + 4) for one in hard)
    both, limit = (*late, *easy), None
    if short_of == "time":
        both, limit = (*easy, *late), 0.0
    for operations, linearizable in ((both, False), (late, None)):
        used = iter([0, 1 << 40])
        monkeypatch.setattr(budget, "_memory_bytes", lambda used=used: next(used, 0) if short_of == "memory" else 0)
        verdict = check(History(operations, 10_004), CasRegister(), seconds_cpu_max=limit)
        assert verdict.linearizable is linearizable
        assert verdict.key == (None if linearizable is None else "easy")
    assert verdict.reason is not None
    assert short_of in verdict.reason


@given(st.integers(0, 2**64), st.booleans())
@settings(max_examples=400, deadline=None)
def test_every_search_alone_is_right(seed: int, odd: bool) -> None:
    """Whichever wins the race: the verdict, and for a no the first return that cannot be, but for the relaxed one, which only says
    that it is not the first."""
    history, specification = arbitrary_history(Random(seed), operations_max=6, odd=odd)
    schedule = Schedule(history.operations, specification)
    expected = linearizable_by_trying(history.operations, specification)
    moments = set()
    for search in (wing_gong, frontier, depth_first, relaxed):
        if search is relaxed and isinstance(specification, FifoQueue):
            continue  # an endless supply of items makes an endless number of queues: alone it need not end
        found = Race([search], schedule, len(schedule.returns)).run(budget.Budget(None, 1 << 40))
        assert found.linearizable is expected
        if found.earliest:
            moments.add(found.moments)
    assert len(moments) <= 1
