"""The verdict no: the shortest prefix that shows it, and the longest order found of what is in it.

A search knows how the operations end that are open where it fails. The prefix has to be impossible without that
knowledge, so its end moves to the first return that makes it so. Looking for it may take longer than the verdict did,
so there is a limit; then the verdict stands on a longer prefix.
"""

from collections.abc import Hashable, Sequence

from refold.properties.linearizability.operation import Operation, Outcome, known_after
from refold.properties.linearizability.searches.budget import Budget, BudgetSpent
from refold.properties.linearizability.searches.found import Found, Order
from refold.properties.linearizability.searches.just_in_time import depth_first, frontier, relaxed
from refold.properties.linearizability.searches.race import Entrant, Race, entrants, searched
from refold.properties.linearizability.searches.schedule import Schedule
from refold.properties.linearizability.searches.wing_gong import wing_gong
from refold.properties.linearizability.searches.witness import linearize
from refold.properties.linearizability.verdict import NOT_LINEARIZABLE, Verdict

__all__ = ["order_of", "refuse"]

_TRAILS_COMPARED_MAX = 50
_WORK_MAX = 20_000_000
"""Of one race for a shorter prefix; some ten seconds."""


def refuse(operations: Sequence[Operation], schedule: Schedule, found: Found, budget: Budget, key: Hashable) -> Verdict:
    """The verdict on operations of which the race has found that they have no order."""
    entered = [wing_gong, relaxed] if found.order is not None else [relaxed, wing_gong]  # the winner first
    found = searched(schedule, found, budget)
    shortest, orders = found.earliest, [order_of(schedule, found)]
    event = end = schedule.event(found.moments)
    try:
        if not shortest:
            raise BudgetSpent("the work allowed was spent")
        end = _without_foresight(operations, schedule, event, [*entered, frontier, depth_first], budget)
        if end > event:
            schedule = schedule.again(known_after(operations, end))
            found = Race(entrants(schedule), schedule, len(schedule.returns)).run(budget, _WORK_MAX)
            orders = [order_of(schedule, found)]
        elif found.order is None:
            trails = found.trails[:_TRAILS_COMPARED_MAX]
            orders = [linearize(schedule, trail, found.moments) for trail in trails]
    except BudgetSpent:
        end, shortest, orders = _last_that_tells(operations, event), False, []
    blame = next(operation for operation in operations if _return(operation) == end)
    return Verdict(
        NOT_LINEARIZABLE,
        schedule.specification,
        tuple(schedule.operations[number] for number, _ in max(orders, key=len, default=[])),
        blame=blame,
        prefix_events=end + 1,
        prefix_line=blame.line_returned,
        key=key,
        prefix_shortest=shortest,
    )


def order_of(schedule: Schedule, found: Found) -> Order:
    """The order that was found, if one was."""
    if found.order is not None:
        return found.order
    return linearize(schedule, found.trails[0], found.moments) if found.trails else []


def _without_foresight(
    operations: Sequence[Operation], schedule: Schedule, event: int, entered: Sequence[Entrant], budget: Budget
) -> int:
    """The first return that is impossible when what is open at it counts as of unknown outcome."""
    foretold = _last_that_tells(operations, event)
    ends = sorted(_return(operation) for operation in operations if event <= _return(operation) <= foretold)
    possible, impossible = -1, len(ends) - 1
    midpoint = 0
    while impossible - possible > 1:
        prefix = schedule.again(known_after(operations, ends[midpoint] + 1))
        race = Race(entered, prefix, len(prefix.returns), patience=8)
        if race.run(budget, _WORK_MAX).linearizable:
            possible = midpoint
        else:
            impossible = midpoint
        midpoint = (possible + impossible) // 2
    return ends[impossible]


def _last_that_tells(operations: Sequence[Operation], event: int) -> int:
    """The last return that a search may have known of at an event, of operations that were open there."""
    return max(event, max((_return_that_tells(one) for one in operations if one.invoked < event), default=event))


def _return(operation: Operation) -> int:
    """The event at which the operation ended; -1 if it never did."""
    return -1 if operation.outcome is Outcome.UNKNOWN or operation.returned is None else operation.returned


def _return_that_tells(operation: Operation) -> int:
    """The same, for an operation whose end says more than that it took effect as asked."""
    tells = operation.outcome is Outcome.FAIL or operation.result not in (None, operation.argument)
    return _return(operation) if tells else -1
