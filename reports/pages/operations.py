"""The story of a history without positions: the operations in the order that was found, with the state before and after each."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from refold.properties.linearizability import IMPOSSIBLE, Operation, Outcome, Verdict
from refold.properties.linearizability.value import brief
from refold.properties.linearizability.verdict import describe
from refold.reports.pages.board import Board
from refold.reports.pages.story import Lane, Row, Story
from refold.reports.words.values import inert, shorten

OPERATIONS_MAX = 20_000
"""Operations of one history that a page holds at most: the last ones of the order, and those that have no place in it."""
NOUN = "operation"
TEXT_MAX = 200
STATE = "state"
"""The lane of the objects."""


def identity(operation: Operation) -> tuple[str, int]:
    """What tells operations apart, whatever was known of their outcome."""
    return (brief(operation.process), operation.invoked)


def client(process: Hashable) -> str:
    """The lane of a client."""
    return f"client {brief(process)}"


class Order:
    """The operations in the order of the page: first those that were put in an order, then the one that fits nowhere, then the others.

    `numbers`: operation -> its row; `placed`: how many have a place in the order."""

    def __init__(self, verdict: Verdict, operations: Iterable[Operation]) -> None:
        blame = None if verdict.blame is None else identity(verdict.blame)
        everything = {identity(operation): operation for operation in operations}
        order = [identity(one) for one in verdict.linearization if identity(one) != blame]
        known = set(order)
        self.blame = blame
        self.placed = len(order)
        rest = [one for one in everything if one not in known and one != blame]
        ends = [] if blame is None else [blame]
        told = {identity(one): one for one in verdict.linearization}
        self.operations = [told.get(one) or everything[one] for one in (*order, *ends, *rest) if one in everything]
        self.numbers = {identity(one): n for n, one in enumerate(self.operations, 1)}


def story_of_operations(verdict: Verdict, order: Order) -> Story:
    """Rows of operations."""
    board, states = Board(), dict[Hashable, Any]()
    rows: list[Row] = []
    last: dict[Hashable, int] = {}  # key -> the row that changed its state last
    for number, operation in enumerate(order.operations, start=1):
        blamed = identity(operation) == order.blame
        before = states.get(operation.key, verdict.specification.initial)
        said = words_of(verdict, operation)
        item = "state" if operation.key is None else f"state of {inert(brief(operation.key))}"
        if number == 1 or operation.key not in states:
            board.put(STATE, item, shown(before))
            states[operation.key] = before
        if number <= order.placed:
            after = stepped(verdict, before, operation)
            board.put(STATE, item, shown(after))
            states[operation.key] = after
        if number <= order.placed:
            board.put(client(operation.process), "last operation in the order", said)
        if blamed:
            board.put(STATE, item, shown(before), f"what explains {said}")
        text = said if number <= order.placed else f"{said}; {'fits into no order' if blamed else 'not in the order'}"
        causes = (last[operation.key],) if operation.key in last else ()
        outcome = operation.outcome
        shape = {Outcome.OK: "yes", Outcome.FAIL: "no", Outcome.UNKNOWN: "unknown"}[outcome]
        rows.append(
            Row(
                number,
                f"client {inert(brief(operation.process))}: {text}",
                inert(operation.f),
                client(operation.process),
                shape,
                key="" if operation.key is None else brief(operation.key),
                causes=causes,
                changes=board.take(),
                style="bad" if blamed else "",
            )
        )
        if number <= order.placed and states[operation.key] != before:
            last[operation.key] = number
    first = max(0, len(rows) - OPERATIONS_MAX)
    lanes = {row.lane: Lane(row.lane, inert(row.lane.partition(" ")[2]), "client") for row in rows}
    opens = order.numbers[order.blame] if order.blame in order.numbers else len(rows)
    first = min(first, max(opens - OPERATIONS_MAX // 2, 0))
    return Story(
        rows[first : first + OPERATIONS_MAX],
        [Lane(STATE, "the object", ""), *sorted(lanes.values(), key=by_name)],
        (),
        "",
        NOUN,
        opens,
    )


def state_at_end(verdict: Verdict, order: Order) -> str:
    """The state of the blamed operation's object, after all operations that have a place in the order."""
    key = None if verdict.blame is None else verdict.blame.key
    state = verdict.specification.initial
    for operation in order.operations[: order.placed]:
        if operation.key == key:
            state = stepped(verdict, state, operation)
    return shown(state)


def words_of(verdict: Verdict, operation: Operation) -> str:
    """What an operation did, and on which lines."""
    return inert(shorten(describe(verdict.specification, operation).partition(": ")[2], TEXT_MAX))


def by_name(lane: Lane) -> tuple[int, str]:
    """Numbers by their size."""
    return (len(lane.name) if lane.name.isdigit() else 99, lane.name)


def stepped(verdict: Verdict, state: Any, operation: Operation) -> Any:
    """The state after an operation of the order; what the specification cannot say stays as it was."""
    try:
        after = verdict.specification.step(state, operation)
    except Exception:
        return state
    return state if after is IMPOSSIBLE else after


def shown(state: Any) -> str:
    """A state in a few words."""
    return inert(shorten(brief(state), TEXT_MAX)) or "nothing"
