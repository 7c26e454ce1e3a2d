"""A queue in which what went in first comes out first."""

from collections.abc import Hashable, Iterable
from typing import Any

import attrs

from refold.properties.linearizability.objects.wording import ending, unknown_operation
from refold.properties.linearizability.operation import Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Role
from refold.properties.linearizability.value import brief, exact

__all__ = ["FifoQueue"]


def _items(given: Iterable[Hashable] | None) -> tuple[Hashable, ...]:
    """What is in a queue: exact keys of the items, so that 1 and true are two of them."""
    return tuple(map(exact, given or ()))


@attrs.frozen
class FifoQueue:
    """A queue: `enqueue` an item, `dequeue` the oldest one (refused while it is empty). Items may be equal."""

    initial: tuple[Hashable, ...] = attrs.field(default=(), converter=_items)

    def step(self, state: tuple[Hashable, ...], operation: Operation) -> Any:
        """The items after `operation`, the oldest first."""
        if operation.f == "enqueue":
            return state if operation.outcome is Outcome.FAIL else (*state, exact(operation.argument))
        if operation.outcome is Outcome.FAIL:
            return IMPOSSIBLE if state else state
        if not state or (operation.outcome is Outcome.OK and state[0] != exact(operation.result)):
            return IMPOSSIBLE
        return state[1:]

    def role(self, operation: Operation) -> Role:
        """A refused dequeue observes; a failed enqueue asserts nothing."""
        if operation.outcome is not Outcome.FAIL:
            return Role.CHANGES
        return Role.NOTHING if operation.f == "enqueue" else Role.OBSERVES

    def complaint(self, operation: Operation) -> str | None:
        """What is wrong with the operation's name or values."""
        if operation.f not in ("enqueue", "dequeue"):
            return unknown_operation(operation, "enqueue", "dequeue")
        answered = operation.f == "enqueue" and operation.outcome is Outcome.OK and operation.result is not None
        if answered and exact(operation.result) != exact(operation.argument):
            return f"enqueue of {brief(operation.argument)} answered {brief(operation.result)}"
        return None

    def describe(self, operation: Operation) -> str:
        """For people: `dequeue: 7`."""
        if operation.f == "dequeue" and operation.outcome is Outcome.OK:
            return f"dequeue: {brief(operation.result)}"
        return f"{operation.f} {brief(operation.argument)}".removesuffix(" nil") + ending(operation)
