"""A counter between bounds."""

from typing import Any

import attrs

from refold.properties.linearizability.objects.wording import ending, is_integer, unknown_operation
from refold.properties.linearizability.operation import Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Role
from refold.properties.linearizability.value import brief

__all__ = ["BoundedCounter"]


def _count(given: int | None) -> int:
    return given or 0


@attrs.frozen
class BoundedCounter:
    """A number between bounds: `add` an amount (refused where it would leave the bounds), `read`.

    `increment` and `decrement` add and subtract their argument, or one.
    """

    initial: int = attrs.field(default=0, converter=_count)
    minimum: int | None = 0
    maximum: int | None = None

    def step(self, state: Any, operation: Operation) -> Any:
        """The count after `operation`."""
        if operation.f == "read":
            return state if operation.outcome is not Outcome.OK or state == operation.result else IMPOSSIBLE
        after = state + self._amount(operation)
        above = self.minimum is None or after >= self.minimum
        fits = above and (self.maximum is None or after <= self.maximum)
        if operation.outcome is Outcome.FAIL:
            return IMPOSSIBLE if fits else state
        return after if fits else IMPOSSIBLE

    def role(self, operation: Operation) -> Role:
        """Reads and refused updates observe."""
        if operation.f == "read":
            return Role.OBSERVES if operation.outcome is Outcome.OK else Role.NOTHING
        return Role.OBSERVES if operation.outcome is Outcome.FAIL else Role.CHANGES

    def complaint(self, operation: Operation) -> str | None:
        """What is wrong with the operation's name or values."""
        if operation.f not in ("add", "increment", "decrement", "read"):
            return unknown_operation(operation, "add", "increment", "decrement", "read")
        if operation.f != "read" and not is_integer(operation.argument):
            if operation.f == "add" or operation.argument is not None:
                return f"{operation.f} takes an integer, found {brief(operation.argument)}"
        elif operation.f == "read" and operation.outcome is Outcome.OK and not is_integer(operation.result):
            return f"a read of a counter answers an integer, found {brief(operation.result)}"
        return None

    def describe(self, operation: Operation) -> str:
        """For people: `add 3: refused`."""
        if operation.f == "read":
            return f"read: {brief(operation.result)}" if operation.outcome is Outcome.OK else f"read{ending(operation)}"
        return f"add {self._amount(operation)}{ending(operation)}"

    def _amount(self, operation: Operation) -> int:
        amount: int = 1 if operation.argument is None else operation.argument
        return -amount if operation.f == "decrement" else amount
