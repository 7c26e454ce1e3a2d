"""A set with add-if-absent."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import attrs

from refold.properties.linearizability.objects.wording import ending, unknown_operation
from refold.properties.linearizability.operation import Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Role
from refold.properties.linearizability.value import brief, exact

__all__ = ["AddIfAbsentSet"]


def _elements(given: Iterable[Hashable] | None) -> frozenset[Hashable]:
    """What is in a set: its state holds the exact keys of its elements, so that 1 and true are two of them."""
    return frozenset(map(exact, given or ()))


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
        return f"{operation.f} {brief(operation.argument)}{ending(operation)}"

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
