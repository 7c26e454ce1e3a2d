"""Histories from a seeded generator: arbitrary small ones, and long ones that a real register could have given."""

from collections.abc import Callable, Hashable, Sequence
from random import Random
from typing import Any, Literal

import attrs

from refold.properties.linearizability.objects import AddIfAbsentSet, BoundedCounter, CasRegister, FifoQueue, Mutex
from refold.properties.linearizability.operation import History, Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Specification

__all__ = ["arbitrary_history", "register_history", "spoiled"]

_UNLIKELY = 777
"""A value that nobody writes."""

ODD: tuple[tuple[Hashable, ...], ...] = (
    (1, True, "1", 1.0),
    (0, False, None, ""),
    ((1,), (True,), 1),
    ((0, (1,)), (False, (1,)), (0, (True,))),
    ((), None, "nil", "null"),
)
"""Values that are easily taken for each other."""


def arbitrary_history(
    random: Random,
    *,
    operations_max: int = 8,
    clients_max: int = 4,
    odd: bool = False,
    model: str | None = None,
) -> tuple[History, Specification]:
    """A small history with any answers at all, unknown ones included; `odd`: of odd values; `model`: of that built-in
    object, or of any."""
    count = random.randint(1, 3)
    values = random.choice(ODD)[:count] if odd else range(count)
    objects = _objects(values)
    specification, call, answer = objects[random.choice(list(objects)) if model is None else model]
    count, clients = random.randint(1, operations_max), random.randint(1, clients_max)
    operations: list[Operation] = []
    open_calls: dict[int, int] = {}
    event = 0
    while len(operations) < count or (open_calls and random.random() < 0.95):
        client = random.randrange(clients)
        if client in open_calls:
            number = open_calls.pop(client)
            outcome = random.choices(list(Outcome), (5, 2, 2))[0]
            result = answer(random, operations[number]) if outcome is Outcome.OK else None
            operations[number] = attrs.evolve(operations[number], outcome=outcome, result=result, returned=event)
        elif len(operations) < count:
            f, argument = call(random)
            open_calls[client] = len(operations)
            operations.append(Operation(client, f, argument, invoked=event))
        else:
            continue
        event += 1
    return History(tuple(operations), event, "arbitrary"), specification


def register_history(
    random: Random, operations: int, clients: int, *, unknown: float = 0.0, values: int = 5
) -> History:
    """What `clients` saw of one register: each operation took effect at a random instant while it was open."""
    specification = CasRegister()
    state: Any = specification.initial
    made: list[Operation] = []
    open_calls: dict[int, int] = {}
    acted: set[int] = set()
    names = list(range(clients))
    event = 0
    while len(made) < operations or open_calls:
        client = random.randrange(clients)
        number = open_calls.get(client)
        if number is None:
            if len(made) == operations:
                continue
            open_calls[client] = len(made)
            made.append(Operation(names[client], *_register_call(random, range(values)), invoked=event))
            event += 1
        elif number in acted:
            made[number] = attrs.evolve(made[number], returned=event)
            del open_calls[client]
            event += 1
        else:
            acted.add(number)
            after = specification.step(state, attrs.evolve(made[number], outcome=Outcome.UNKNOWN))
            if random.random() < unknown:
                state = after if after is not IMPOSSIBLE and random.random() < 0.5 else state
                names[client] = names[client] + clients
                made[number] = attrs.evolve(made[number], returned=event)
                del open_calls[client]
                event += 1
                continue
            outcome = Outcome.FAIL if after is IMPOSSIBLE else Outcome.OK
            state = state if after is IMPOSSIBLE else after
            made[number] = attrs.evolve(
                made[number], outcome=outcome, result=state if made[number].f == "read" else None
            )
    return History(tuple(made), event, "register", event)


def spoiled(random: Random, history: History, at: float, how: Literal["unlikely", "other"] = "unlikely") -> History:
    """The history with the answer of one read changed, `at` a fraction of its length: to a value that nobody wrote, or
    to another one that somebody did, which may still be linearizable."""
    operations = list(history.operations)
    reads = [n for n, operation in enumerate(operations) if operation.f == "read" and operation.outcome is Outcome.OK]
    number = reads[min(int(at * len(reads)), len(reads) - 1)]
    others = {operation.result for operation in operations} - {operations[number].result, None}
    result = _UNLIKELY if how == "unlikely" else random.choice(sorted(others))
    operations[number] = attrs.evolve(operations[number], result=result)
    return attrs.evolve(history, operations=tuple(operations))


def _register_call(random: Random, values: Sequence[Hashable]) -> tuple[str, Any]:
    f = random.choice(("read", "write", "cas"))
    if f == "read":
        return f, None
    return f, random.choice(values) if f == "write" else (random.choice(values), random.choice(values))


_Call = Callable[[Random], tuple[str, Any]]
_Answer = Callable[[Random, Operation], Any]


def _objects(values: Sequence[Hashable]) -> dict[str, tuple[Specification, _Call, _Answer]]:
    def elements(random: Random) -> tuple[Hashable, ...]:
        return tuple(value for value in values if random.random() < 0.5)

    def set_call(random: Random) -> tuple[str, Any]:
        f = random.choice(("add", "add", "remove", "contains", "read"))
        return f, None if f == "read" else random.choice(values)

    def set_answer(random: Random, operation: Operation) -> Any:
        if operation.f == "contains":
            return operation.argument, random.random() < 0.5
        return elements(random) if operation.f == "read" else None

    def counter_call(random: Random) -> tuple[str, Any]:
        return ("read", None) if random.random() < 0.4 else ("add", random.choice((-1, 1, 2)))

    def count(random: Random, operation: Operation) -> Any:
        return random.randrange(len(values)) if operation.f == "read" else None

    def read_answer(random: Random, operation: Operation) -> Any:
        return random.choice(values) if operation.f == "read" else None

    def queue_call(random: Random) -> tuple[str, Any]:
        return ("dequeue", None) if random.random() < 0.5 else ("enqueue", random.choice(values))

    def queue_answer(random: Random, operation: Operation) -> Any:
        return random.choice(values) if operation.f == "dequeue" else None

    return {
        "fifo-queue": (FifoQueue(), queue_call, queue_answer),
        "mutex": (Mutex(), lambda random: (random.choice(("acquire", "release")), None), lambda *_: None),
        "cas-register": (CasRegister(values[0]), lambda random: _register_call(random, values), read_answer),
        "set": (AddIfAbsentSet(), set_call, set_answer),
        "counter": (BoundedCounter(0, 0, len(values)), counter_call, count),
    }
