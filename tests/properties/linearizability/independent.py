"""Another opinion on small histories: every order tried, on objects written a second time, with nothing of refold's.

Values are compared by their text: what JSON writes differently is different, but for `1` and `1.0`.
"""

import json
from collections.abc import Callable
from typing import Any

from refold.properties.linearizability import (
    AddIfAbsentSet,
    BoundedCounter,
    CasRegister,
    FifoQueue,
    Mutex,
    Operation,
    Outcome,
    Specification,
)

Step = Callable[[Any, Operation], Any]
"""The state after an operation that took effect (`OK`, `UNKNOWN`) or was refused (`FAIL`); None if it could not be so."""


def text(value: Any) -> str:
    """A value as text; integral floats as integers, sets in a list with a sign of their own."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(text, value))}]"
    if isinstance(value, frozenset):
        return f"set[{','.join(sorted(map(text, value)))}]"
    return json.dumps(value)


def cas_register(state: str, operation: Operation) -> str | None:
    """A register; its state is the text of its value."""
    if operation.f == "read":
        return state if operation.outcome is not Outcome.OK or state == text(operation.result) else None
    if operation.f == "write":
        return state if operation.outcome is Outcome.FAIL else text(operation.argument)
    expected, new = map(text, operation.argument)
    if operation.outcome is Outcome.FAIL:
        return None if state == expected else state
    return new if state == expected else None


def set_of_elements(state: tuple[str, ...], operation: Operation) -> tuple[str, ...] | None:
    """A set; its state is the sorted texts of its elements."""
    if operation.f == "read":
        seen = tuple(sorted({text(element) for element in operation.result or ()}))
        return state if operation.outcome is not Outcome.OK or state == seen else None
    element = text(operation.argument)
    if operation.f == "contains":
        wrong = operation.outcome is Outcome.OK and (element in state) is not operation.result[1]
        return None if wrong else state
    could = (element in state) is (operation.f == "remove")
    if operation.outcome is Outcome.FAIL or not could:
        return state if not could and operation.outcome is Outcome.FAIL else None
    if operation.f == "remove":
        return tuple(one for one in state if one != element)
    return tuple(sorted((*state, element)))


def counter_between(minimum: int, maximum: int) -> Step:
    """A counter within bounds."""

    def step(state: int, operation: Operation) -> int | None:
        if operation.f == "read":
            return state if operation.outcome is not Outcome.OK or state == operation.result else None
        after = state + operation.argument
        fits = minimum <= after <= maximum
        if operation.outcome is Outcome.FAIL:
            return None if fits else state
        return after if fits else None

    return step


def mutex(held: str, operation: Operation) -> str | None:
    """A lock; its state is the text `held` or `free`."""
    fits, then = ("free", "held") if operation.f == "acquire" else ("held", "free")
    if operation.outcome is Outcome.FAIL:
        return None if held == fits else held
    return then if held == fits else None


def fifo_queue(state: tuple[str, ...], operation: Operation) -> tuple[str, ...] | None:
    """A queue; its state is the texts of its items."""
    if operation.outcome is Outcome.FAIL:
        return None if state and operation.f == "dequeue" else state
    if operation.f == "enqueue":
        return (*state, text(operation.argument))
    if not state or (operation.outcome is Outcome.OK and text(operation.result) != state[0]):
        return None
    return state[1:]


def linearizable(operations: tuple[Operation, ...], initial: Any, step: Step) -> bool:
    """Whether some order is allowed; those of unknown outcome may stay out of it."""
    known = [operation for operation in operations if operation.outcome is not Outcome.UNKNOWN]
    if not known:
        return True
    first_end = min(operation.returned or 0 for operation in known)
    for number, operation in enumerate(operations):
        if operation.invoked <= first_end:
            after = step(initial, operation)
            if after is not None and linearizable(operations[:number] + operations[number + 1 :], after, step):
                return True
    return False


def opinion(operations: tuple[Operation, ...], specification: Specification) -> bool:
    """Of the object that `refold.properties.linearizability.generated` drew; only its kind and bounds are looked at."""
    if isinstance(specification, CasRegister):
        return linearizable(operations, text(specification.initial), cas_register)
    if isinstance(specification, AddIfAbsentSet):
        return linearizable(operations, (), set_of_elements)
    if isinstance(specification, Mutex):
        return linearizable(operations, "free", mutex)
    if isinstance(specification, FifoQueue):
        return linearizable(operations, (), fifo_queue)
    assert isinstance(specification, BoundedCounter)
    assert specification.minimum is not None
    assert specification.maximum is not None
    step = counter_between(specification.minimum, specification.maximum)
    return linearizable(operations, specification.initial, step)
