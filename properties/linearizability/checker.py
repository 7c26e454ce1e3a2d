"""The checker: histories of independent objects are taken apart, each is searched, and the verdict gets its witness.

Linearizability is local: a history is linearizable exactly when its part for each object is. So one object that has no
order is an answer, whatever becomes of the others; and since one may be hard and the next easy, they take turns.
"""

from collections.abc import Hashable, Iterable
from typing import Literal

import attrs

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.models import MODELS, models_with, specification_named
from refold.properties.linearizability.operation import History, Operation, Outcome
from refold.properties.linearizability.refusal import order_of, refuse
from refold.properties.linearizability.searches.budget import Budget, BudgetSpent
from refold.properties.linearizability.searches.found import Found
from refold.properties.linearizability.searches.race import Race, entrants
from refold.properties.linearizability.searches.schedule import Schedule
from refold.properties.linearizability.specification import Specification
from refold.properties.linearizability.value import exact
from refold.properties.linearizability.verdict import LINEARIZABLE, UNDECIDED, Verdict

__all__ = ["check"]

_MEMORY_BYTES_MAX = 700 << 20


def check(
    history: History,
    specification: Specification,
    *,
    fail: Literal["refuses", "nothing"] = "refuses",
    seconds_cpu_max: float | None = None,
    memory_bytes_max: int = _MEMORY_BYTES_MAX,
) -> Verdict:
    """Decide whether a history is linearizable.

    `fail` says what a failed operation asserts: that its condition did not hold, or nothing. Without `seconds_cpu_max`
    the check goes on until it is decided; when a limit is hit the verdict is `UNDECIDED`, with the reason.
    """
    budget = Budget(seconds_cpu_max, memory_bytes_max)
    _complain(history, specification)
    verdict = _decide(history, specification, fail == "refuses", budget)
    return attrs.evolve(verdict, specification=specification, seconds_cpu=budget.seconds_cpu)


def _complain(history: History, specification: Specification) -> None:
    complaint_of = getattr(specification, "complaint", None)
    if complaint_of is None:
        return
    for operation in history.operations:
        complaint = complaint_of(operation)
        if complaint is not None:
            line = operation.line_invoked
            if operation.outcome is Outcome.OK and operation.line_returned is not None:
                line = operation.line_returned
            raise HistoryError(history.source, line, complaint, _remedy(history, operation, specification))


def _remedy(history: History, operation: Operation, specification: Specification) -> str:
    """What to do about a complaint: name a model that has all the operations, if this one lacks one."""
    fits = models_with({one.f for one in history.operations})
    if not fits or any(type(specification_named(model)) is type(specification) for model in fits if model in MODELS):
        return "correct the line, or choose another model"
    return f"say --model {' or '.join(fits)}"


class _Part:
    """The operations on one object, and the race for an order of them."""

    def __init__(self, operations: list[Operation], key: Hashable) -> None:
        self.operations = operations
        self.key = key
        self._schedule: Schedule | None = None
        self._race: Race | None = None

    def turn(self, specification: Specification, refusals: bool, budget: Budget) -> Found | None:
        """A turn of the race, for which it is made ready when it has its first."""
        if self._race is None:
            self._schedule = Schedule(self.operations, specification, refusals=refusals)
            self._race = Race(entrants(self._schedule), self._schedule, len(self._schedule.returns))
        return self._race.turn(budget)

    def give_up(self) -> None:
        """Let go of everything that the race has made."""
        self._race = self._schedule = None

    def placed(self, found: Found) -> list[tuple[int, Operation]]:
        """Operations in the order that was found, each with the event that it is put before."""
        assert self._schedule is not None
        operations = self._schedule.operations
        return [(event, operations[number]) for number, event in order_of(self._schedule, found)]

    def refuse(self, found: Found, budget: Budget) -> Verdict:
        """The verdict no."""
        assert self._schedule is not None
        return refuse(self.operations, self._schedule, found, budget, self.key)


def _decide(history: History, specification: Specification, refusals: bool, budget: Budget) -> Verdict:
    """Every object has its turn until all are decided, or one has no order and the others have had one turn more."""
    adapt = getattr(specification, "for_history", None)
    adapted: Specification = specification if adapt is None else adapt(history.operations)
    by_partition = hasattr(adapted, "partition")
    waiting = [
        _Part(operations, key if by_partition else operations[0].key)
        for key, operations in _apart(history.operations, adapted).items()
    ]
    placed: list[tuple[int, Operation]] = []
    refused: list[Verdict] = []
    given_up: list[str] = []
    turns_left = -1
    while waiting and turns_left:
        turns_left -= 1
        still: list[_Part] = []
        for part in waiting:
            try:
                found = part.turn(adapted, refusals, budget)
            except BudgetSpent as spent:  # of memory there may be more without this one
                given_up.append(str(spent))
                part.give_up()
                if spent.of_time:
                    turns_left = 0
                    break
                continue
            if found is None:
                still.append(part)
            elif found.linearizable:
                placed.extend(part.placed(found))
            else:
                turns_left = 1 if not refused else turns_left
                refused.append(part.refuse(found, budget))
        waiting = still
    if refused:
        first = min(refused, key=lambda verdict: verdict.prefix_events or 0)
        return attrs.evolve(first, prefix_shortest=first.prefix_shortest and not waiting and not given_up)
    if given_up:
        return Verdict(UNDECIDED, specification, reason=given_up[0])
    placed.sort(key=lambda place: place[0])
    return Verdict(LINEARIZABLE, specification, tuple(operation for _, operation in placed))


def _apart(operations: Iterable[Operation], specification: Specification) -> dict[Hashable, list[Operation]]:
    partition = getattr(specification, "partition", None)
    apart: dict[Hashable, list[Operation]] = {}
    for operation in operations:
        apart.setdefault(exact(operation.key) if partition is None else partition(operation), []).append(operation)
    return apart
