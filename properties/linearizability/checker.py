"""The checker: histories of independent objects are taken apart, each is searched, and the verdict gets its witness.

Linearizability is local: a history is linearizable exactly when its part for each object is. No single search wins, so
three are raced, each stepped in turn with a share that doubles: the first to finish is right, whichever it is, and
none can hold up the others for more than a constant factor.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Literal

import attrs

from refold.properties.linearizability.budget import Budget, BudgetSpent
from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.operation import History, Operation, Outcome, known_after
from refold.properties.linearizability.schedule import Schedule
from refold.properties.linearizability.search import Found, Search, depth_first, frontier, relaxed
from refold.properties.linearizability.specification import Specification
from refold.properties.linearizability.value import exact
from refold.properties.linearizability.verdict import LINEARIZABLE, NOT_LINEARIZABLE, UNDECIDED, Verdict
from refold.properties.linearizability.witness import linearize

__all__ = ["check"]

_MEMORY_BYTES_MAX = 700 << 20
_SHARE_FIRST = 2000
_TRAILS_COMPARED_MAX = 50
_WORK_TO_SHORTEN_MAX = 1_000_000


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
    try:
        verdict = _decide(history, specification, fail == "refuses", budget)
    except BudgetSpent as spent:
        verdict = Verdict(UNDECIDED, specification, reason=str(spent))
    return attrs.evolve(verdict, seconds_cpu=budget.seconds_cpu)


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
            raise HistoryError(history.source, line, complaint, "correct the line, or choose another model")


def _decide(history: History, specification: Specification, refusals: bool, budget: Budget) -> Verdict:
    adapt = getattr(specification, "for_history", None)
    adapted: Specification = specification if adapt is None else adapt(history.operations)
    placed: list[tuple[int, Operation]] = []
    refused: Verdict | None = None
    for key, operations in _apart(history.operations, adapted).items():
        schedule = Schedule(operations, adapted, refusals=refusals)
        found = _search(schedule, budget)
        if found.linearizable:
            order = linearize(schedule, found.trails[0], found.moments)
            placed.extend((event, schedule.operations[number]) for number, event in order)
            continue
        shown = key if hasattr(adapted, "partition") else operations[0].key
        verdict = _refuse(operations, schedule, found, budget, shown)
        if refused is None or (verdict.prefix_events or 0) < (refused.prefix_events or 0):
            refused = verdict
    if refused is not None:
        return attrs.evolve(refused, specification=specification)
    placed.sort(key=lambda place: place[0])
    return Verdict(LINEARIZABLE, specification, tuple(operation for _, operation in placed))


def _apart(operations: Iterable[Operation], specification: Specification) -> dict[Hashable, list[Operation]]:
    partition = getattr(specification, "partition", None)
    apart: dict[Hashable, list[Operation]] = {}
    for operation in operations:
        apart.setdefault(exact(operation.key) if partition is None else partition(operation), []).append(operation)
    return apart


def _search(schedule: Schedule, budget: Budget) -> Found:
    """Whether there is an order, and if not, the first moment that is impossible."""
    until = len(schedule.returns)
    found = _race(
        [frontier, depth_first, relaxed] if schedule.unknown else [frontier, depth_first], schedule, until, budget
    )
    if found.linearizable or found.earliest:
        return found
    try:
        before = _race([depth_first, frontier, relaxed], schedule, found.moments, budget, work_max=_WORK_TO_SHORTEN_MAX)
    except BudgetSpent:
        return found
    return attrs.evolve(before, linearizable=False) if before.linearizable or before.earliest else before


def _race(
    searches: Sequence[Callable[[Schedule, int], Search]],
    schedule: Schedule,
    until: int,
    budget: Budget,
    patience: int = 1,
    work_max: int | None = None,
) -> Found:
    """The end of the search that ends first; the more patience, the longer the first ones go on before the others."""
    work_left = work_max
    share = patience * (_SHARE_FIRST + 8 * until)
    running = [search(schedule, until) for search in searches]
    while True:
        for search in running:
            spent = 0
            try:
                while spent < share:
                    work = next(search)
                    spent += work
                    budget.spend(work)
                if work_left is not None:
                    work_left -= spent
                    if work_left < 0:
                        raise BudgetSpent("the work allowed was spent")
            except StopIteration as end:
                found: Found = end.value
                return found
        share *= 2


def _refuse(
    operations: Sequence[Operation], schedule: Schedule, found: Found, budget: Budget, key: Hashable
) -> Verdict:
    """The verdict no, with the shortest prefix that shows it and the longest order found of what is in it.

    A search knows how the operations end that are open where it fails. The prefix has to be impossible without that
    knowledge, so its end moves to the first return that makes it so.
    """
    event = schedule.event(found.moments)
    end = _without_foresight(operations, schedule, event, budget) if found.earliest else event
    if end > event:
        schedule = schedule.again(known_after(operations, end))
        found = _search(schedule, budget)
    orders = [linearize(schedule, trail, found.moments) for trail in found.trails[:_TRAILS_COMPARED_MAX]]
    blame = next(operation for operation in operations if operation.returned == end)
    return Verdict(
        NOT_LINEARIZABLE,
        schedule.specification,
        tuple(schedule.operations[number] for number, _ in max(orders, key=len, default=[])),
        blame=blame,
        prefix_events=end + 1,
        prefix_line=blame.line_returned,
        key=key,
        prefix_shortest=found.earliest,
    )


def _without_foresight(operations: Sequence[Operation], schedule: Schedule, event: int, budget: Budget) -> int:
    """The first return that is impossible when what is open at it counts as of unknown outcome."""
    foretold = max((_return_that_tells(operation) for operation in operations if operation.invoked < event), default=0)
    ends = sorted(_return(operation) for operation in operations if event <= _return(operation) <= max(event, foretold))
    possible, impossible = -1, len(ends) - 1
    middle = 0
    while impossible - possible > 1:
        prefix = schedule.again(known_after(operations, ends[middle] + 1))
        if _race([relaxed, frontier, depth_first], prefix, len(prefix.returns), budget, patience=32).linearizable:
            possible = middle
        else:
            impossible = middle
        middle = (possible + impossible) // 2
    return ends[impossible]


def _return(operation: Operation) -> int:
    """The event at which the operation ended; -1 if it never did."""
    return -1 if operation.outcome is Outcome.UNKNOWN or operation.returned is None else operation.returned


def _return_that_tells(operation: Operation) -> int:
    """The same, for an operation whose end says more than that it took effect as asked."""
    tells = operation.outcome is Outcome.FAIL or operation.result not in (None, operation.argument)
    return _return(operation) if tells else -1
