"""A compare-and-set register."""

from collections.abc import Hashable
from typing import Any

import attrs

from refold.properties.linearizability.objects.wording import ending, unknown_operation
from refold.properties.linearizability.operation import Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Role
from refold.properties.linearizability.value import brief, same

__all__ = ["CasRegister"]


@attrs.frozen
class CasRegister:
    """One value: `read`, `write` a value, `cas` from an expected value to a new one (argument: the pair).

    A refused `cas` asserts that the register did not hold the expected value. Any other failed operation only says that
    it took no effect. With `nil_reads_any` a read that answered None saw nothing, so it fits every value.
    """

    initial: Hashable = None
    nil_reads_any: bool = False

    def step(self, state: Any, operation: Operation) -> Any:
        """The value after `operation`."""
        if operation.f == "read":
            return state if operation.outcome is not Outcome.OK or same(state, operation.result) else IMPOSSIBLE
        if operation.f == "write":
            return state if operation.outcome is Outcome.FAIL else operation.argument
        expected, new = operation.argument
        if operation.outcome is Outcome.FAIL:
            return IMPOSSIBLE if same(state, expected) else state
        return new if same(state, expected) else IMPOSSIBLE

    def role(self, operation: Operation) -> Role:
        """A read observes, and so does a refused cas; a write overwrites."""
        if operation.f == "cas":
            return Role.OBSERVES if operation.outcome is Outcome.FAIL else Role.CHANGES
        if operation.f == "write":
            return Role.NOTHING if operation.outcome is Outcome.FAIL else Role.OVERWRITES
        silent = self.nil_reads_any and operation.result is None
        return Role.OBSERVES if operation.outcome is Outcome.OK and not silent else Role.NOTHING

    def complaint(self, operation: Operation) -> str | None:
        """What is wrong with the operation's name or values."""
        if operation.f not in ("read", "write", "cas"):
            return unknown_operation(operation, "read", "write", "cas")
        if operation.f == "cas" and not (isinstance(operation.argument, tuple) and len(operation.argument) == 2):
            return f"cas takes a pair [expected, new], found {brief(operation.argument)}"
        if operation.f != "read" and operation.result not in (None, operation.argument):
            return f"{operation.f} of {brief(operation.argument)} answered {brief(operation.result)}"
        return None

    def describe(self, operation: Operation) -> str:
        """For people: `cas 1 -> 2: refused`."""
        if operation.f == "read":
            return f"read: {brief(operation.result)}" if operation.outcome is Outcome.OK else f"read{ending(operation)}"
        if operation.f == "write":
            return f"write {brief(operation.argument)}{ending(operation)}"
        expected, new = operation.argument
        return f"cas {brief(expected)} -> {brief(new)}{ending(operation)}"
