"""The objects of conditional updates: a compare-and-set register, a set with add-if-absent, a bounded counter."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import attrs

from refold.properties.linearizability.operation import Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Role
from refold.properties.linearizability.value import brief, exact, same

__all__ = ["AddIfAbsentSet", "BoundedCounter", "CasRegister"]


def _elements(given: Iterable[Hashable] | None) -> frozenset[Hashable]:
    """What is in a set: its state holds the exact keys of its elements, so that 1 and true are two of them."""
    return frozenset(map(exact, given or ()))


def _count(given: int | None) -> int:
    return given or 0


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
            return (
                f"read: {brief(operation.result)}" if operation.outcome is Outcome.OK else f"read{_ending(operation)}"
            )
        if operation.f == "write":
            return f"write {brief(operation.argument)}{_ending(operation)}"
        expected, new = operation.argument
        return f"cas {brief(expected)} -> {brief(new)}{_ending(operation)}"


@attrs.frozen
class AddIfAbsentSet:
    """A set: `add` an element (refused if present), `remove` one (refused if absent), `contains`, `read` them all.

    An `add` that was answered asserts that the element was absent, and a `remove` that it was present.

    `contains` answers the pair of element and truth. `read` answers every element. Without a `read` the elements are
    independent of each other and are checked one by one.
    """

    initial: frozenset[Hashable] = attrs.field(default=frozenset(), converter=_elements)

    def step(self, state: Any, operation: Operation) -> Any:
        """The set after `operation`."""
        if operation.f == "read":
            return state if operation.outcome is not Outcome.OK or state == _elements(operation.result) else IMPOSSIBLE
        element = exact(operation.argument)
        present = element in state
        if operation.f == "contains":
            return state if operation.outcome is not Outcome.OK or present is operation.result[1] else IMPOSSIBLE
        if present is not (operation.f == "remove"):
            return state if operation.outcome is Outcome.FAIL else IMPOSSIBLE
        if operation.outcome is Outcome.FAIL:
            return IMPOSSIBLE
        return state - {element} if present else state | {element}

    def role(self, operation: Operation) -> Role:
        """Reads and refused updates observe."""
        if operation.f in ("read", "contains"):
            return Role.OBSERVES if operation.outcome is Outcome.OK else Role.NOTHING
        return Role.OBSERVES if operation.outcome is Outcome.FAIL else Role.CHANGES

    def complaint(self, operation: Operation) -> str | None:
        """What is wrong with the operation's name or values."""
        if operation.f not in ("add", "remove", "contains", "read"):
            return unknown_operation(operation, "add", "remove", "contains", "read")
        if operation.outcome is Outcome.OK:
            answer = operation.result
            if operation.f == "read" and not isinstance(answer, tuple | frozenset):
                return f"a read of a set answers a list of elements, found {brief(answer)}"
            if operation.f == "contains" and not (
                isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], bool)
            ):
                return f"contains answers a pair [element, true or false], found {brief(answer)}"
        return None

    def describe(self, operation: Operation) -> str:
        """For people: `add 7: refused`."""
        if operation.outcome is Outcome.OK and operation.f == "read":
            return f"read: {{{', '.join(sorted(map(brief, operation.result)))}}}"
        if operation.outcome is Outcome.OK and operation.f == "contains":
            return f"contains {brief(operation.argument)}: {operation.result[1]}"
        return f"{operation.f} {brief(operation.argument)}{_ending(operation)}"

    def for_history(self, operations: Sequence[Operation]) -> "AddIfAbsentSet":
        """Element by element, where nobody read the whole set."""
        read = {operation.key for operation in operations if operation.f == "read" and operation.outcome is Outcome.OK}
        return _SetByElement(self.initial, frozenset(read))


@attrs.frozen
class _SetByElement(AddIfAbsentSet):
    """The same sets, those that were never read as a whole taken apart into their elements."""

    read: frozenset[Hashable] = frozenset()

    def partition(self, operation: Operation) -> Hashable:
        """The set, and where it can be taken apart the element."""
        return operation.key, None if operation.key in self.read else exact(operation.argument)


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
        if operation.f != "read" and not _is_integer(operation.argument):
            if operation.f == "add" or operation.argument is not None:
                return f"{operation.f} takes an integer, found {brief(operation.argument)}"
        elif operation.f == "read" and operation.outcome is Outcome.OK and not _is_integer(operation.result):
            return f"a read of a counter answers an integer, found {brief(operation.result)}"
        return None

    def describe(self, operation: Operation) -> str:
        """For people: `add 3: refused`."""
        if operation.f == "read":
            return (
                f"read: {brief(operation.result)}" if operation.outcome is Outcome.OK else f"read{_ending(operation)}"
            )
        return f"add {self._amount(operation)}{_ending(operation)}"

    def _amount(self, operation: Operation) -> int:
        amount: int = 1 if operation.argument is None else operation.argument
        return -amount if operation.f == "decrement" else amount


def unknown_operation(operation: Operation, *known: str) -> str:
    """The complaint about an operation that the object does not have."""
    return f"unknown operation {brief(operation.f)}; this model knows {', '.join(known)}"


def _ending(operation: Operation) -> str:
    return {Outcome.OK: "", Outcome.FAIL: ": refused", Outcome.UNKNOWN: ": unknown outcome"}[operation.outcome]


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
