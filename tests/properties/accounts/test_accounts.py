"""Queues, sets and lists that are judged without a search: what each finds, and that nothing right is accused."""

from __future__ import annotations

from random import Random
from typing import Any

import attrs
import pytest

from refold.properties.accounts.finding import Account
from refold.properties.accounts.list_append import list_append
from refold.properties.accounts.models import account_named, is_account
from refold.properties.accounts.queue import queue, total_queue
from refold.properties.accounts.set_full import set_full
from refold.properties.linearizability import HistoryError, Operation, Outcome
from refold.properties.linearizability.histories.record import Record, history_of
from refold.properties.linearizability.models import KEPT_ACCOUNTS
from refold.properties.linearizability.value import frozen

from ..linearizability.independent import linearizable

OK, FAIL, UNKNOWN = Outcome.OK, Outcome.FAIL, Outcome.UNKNOWN


def history(*lines: tuple[int, str, str, Any]) -> Any:
    """A history of records, one a line."""
    return history_of(
        [Record(n, process, kind, f, frozen(value)) for n, (process, kind, f, value) in enumerate(lines, 1)], "history"
    )


def one(
    process: int, f: str, asked: Any = None, answer: Any = None, end: str = "ok"
) -> list[tuple[int, str, str, Any]]:
    """An operation that nothing overlaps."""
    return [(process, "invoke", f, asked), (process, end, f, answer)]


def names(account: Account) -> list[tuple[str, tuple[Any, ...], tuple[int, ...]]]:
    """What is broken, with values and lines."""
    return [(entry.anomaly, entry.values, entry.lines) for entry in account.broken]


def test_nothing_comes_out_of_a_queue_that_had_not_gone_in() -> None:
    """Nor oftener, nor what had failed; equal values are counted, and 1 is not true."""
    good = [*one(0, "enqueue", 1), *one(0, "enqueue", 1), *one(1, "dequeue", None, 1), *one(1, "dequeue", None, 1)]
    assert queue(history(*good)).held
    assert total_queue(history(*good)).held
    assert names(queue(history(*good, *one(1, "dequeue", None, 1)))) == [("duplicate-dequeue", (1,), (3, 10))]
    assert names(queue(history(*good, *one(1, "dequeue", None, True)))) == [("unexpected-dequeue", (True,), (10,))]
    failed = [*one(0, "enqueue", 7, None, "fail"), *one(1, "dequeue", None, 7)]
    assert names(queue(history(*failed))) == [("aborted-dequeue", (7,), (1, 4))]
    early = [*one(1, "dequeue", None, 3), *one(0, "enqueue", 3)]
    assert names(queue(history(*early))) == [("unexpected-dequeue", (3,), (2,))]
    beside = [(0, "invoke", "enqueue", 3), *one(1, "dequeue", None, 3), (0, "info", "enqueue", 3)]
    assert queue(history(*beside)).held


def test_what_goes_into_a_total_queue_comes_out() -> None:
    """A drain takes the rest; what may have left in an operation of unknown outcome is not called lost."""
    lines = [*one(0, "enqueue", 1), *one(0, "enqueue", 2), *one(1, "dequeue", None, 2), *one(1, "drain", None, [])]
    assert names(total_queue(history(*lines))) == [("lost-enqueue", (1,), (1, 2))]
    assert queue(history(*lines)).held
    drained = [*lines[:-1], (1, "ok", "drain", [1])]
    assert total_queue(history(*drained)).held
    doubt = total_queue(history(*lines, *one(2, "dequeue", None, None, "info")))
    assert doubt.held
    assert doubt.not_checked == ("values that may have come out in 1 operations of unknown outcome",)
    two = total_queue(history(*one(0, "enqueue", 8), *lines, *one(2, "dequeue", None, None, "info")))
    assert [entry.values for entry in two.broken] == [(8,), (1,)]


def test_an_element_is_lost_when_no_later_read_shows_it() -> None:
    """Stale when one does; known by a read as well as by the answer; never read is no verdict."""
    lost = [*one(0, "add", 1), *one(0, "add", 2), *one(1, "read", None, [1, 2]), *one(1, "read", None, [2])]
    assert names(set_full(history(*lost))) == [("lost-element", (1,), (2, 6, 8))]
    assert set_full(history(*lost)).broken[0].more == {"missing-since-line": 7}
    stale = [*lost, *one(1, "read", None, [1, 2])]
    assert set_full(history(*stale)).held
    assert [entry.anomaly for entry in set_full(history(*stale)).observed] == ["stale-element"]
    assert names(set_full(history(*stale), linearizable=True)) == [("stale-element", (1,), (2, 10, 8))]
    unknown = [*one(0, "add", 1, None, "info"), *one(1, "read", None, [])]
    assert set_full(history(*unknown)).held
    seen = [*one(0, "add", 1, None, "info"), *one(1, "read", None, [1]), *one(1, "read", None, [])]
    assert names(set_full(history(*seen))) == [("lost-element", (1,), (4, 6))]
    unread = set_full(history(*one(1, "read", None, []), *one(0, "add", 1)))
    assert unread.held
    assert unread.not_checked == ("1 element whose add was answered and that no later read asked for",)
    overlapping = [(1, "invoke", "read", None), *one(0, "add", 1), (1, "ok", "read", [])]
    assert set_full(history(*overlapping)).held
    assert set_full(history(*one(0, "add", 1), *one(0, "add", 1), *one(1, "read", None, [1]))).held


def test_a_read_of_a_set_shows_what_was_added_and_once() -> None:
    """Not what failed, nor what comes later."""
    lines = [*one(0, "add", 1), *one(0, "add", 2, None, "fail"), *one(1, "read", None, [1, 1, 2, 3]), *one(0, "add", 3)]
    assert names(set_full(history(*lines))) == [
        ("duplicate-element", (1,), (6,)),
        ("aborted-element", (2,), (6,)),
        ("unexpected-element", (3,), (6,)),
    ]


LISTS = {
    "lost-append": [*one(0, "append", 1), *one(0, "read", None, [])],
    "stale-read": [
        *one(0, "append", 1),
        *one(0, "read", None, [1]),
        (1, "invoke", "read", None),
        (1, "ok", "read", []),
    ],
    "reordered-append": [*one(0, "append", 1), *one(0, "append", 2), *one(0, "read", None, [2, 1])],
    "read-from-the-future": [*one(0, "read", None, [1]), *one(0, "append", 1)],
    "duplicate-append": [*one(0, "append", 1), *one(0, "read", None, [1, 1])],
    "phantom-append": [*one(0, "read", None, [1])],
    "aborted-read": [*one(0, "append", 1, None, "fail"), *one(0, "read", None, [1])],
    "incompatible-order": [
        (0, "invoke", "append", 1),
        (1, "invoke", "append", 2),
        *one(2, "read", None, [1]),
        *one(2, "read", None, [2, 1]),
    ],
}


@pytest.mark.parametrize("anomaly", sorted(LISTS))
def test_what_is_wrong_with_a_list_has_a_name(anomaly: str) -> None:
    """And each history has one."""
    account = list_append(history(*LISTS[anomaly]))
    assert [entry.anomaly for entry in account.broken] == [anomaly]


def step(state: tuple[Any, ...], operation: Operation) -> tuple[Any, ...] | None:
    """A list, as another opinion has it."""
    if operation.f == "read":
        return state if operation.outcome is not OK or state == operation.result else None
    return state if operation.outcome is FAIL else (*state, operation.argument)


def test_lists_are_decided_as_every_order_tried_decides_them() -> None:
    """On small histories of any kind, good ones with a lie among them."""
    random = Random(3)
    verdicts = {True: 0, False: 0}
    for _ in range(4000):
        operations, event, open_calls, state = [], 0, {}, ()
        count = random.randint(2, 7)
        while len(operations) < count or open_calls:
            client = random.randrange(3)
            if client in open_calls:
                number = open_calls.pop(client)
                made = operations[number]
                outcome = random.choice((OK, OK, OK, UNKNOWN, FAIL))
                if made.f == "append" and outcome is not FAIL and random.random() < (1 if outcome is OK else 0.5):
                    state = (*state, made.argument)
                result = state if made.f == "read" else None
                if made.f == "read" and random.random() < 0.2:
                    result = random.choice((state[:-1], state[::-1], (*state, 99), (*state[:1], *state)))
                ended = {"outcome": outcome, "result": result if outcome is OK else None, "returned": event}
                operations[number] = attrs.evolve(made, **ended)
            elif len(operations) < count:
                open_calls[client] = len(operations)
                append = random.random() < 0.5
                argument = len(operations) if append else None
                operations.append(Operation(client, "append" if append else "read", argument, invoked=event))
            else:
                continue
            event += 1
        made_history = attrs.evolve(history(), operations=tuple(operations), events=event)
        held = list_append(made_history).held
        assert held is linearizable(tuple(operations), (), step), operations
        verdicts[held] += 1
    assert min(verdicts.values()) > 300


def test_what_an_account_cannot_be_kept_of_is_said() -> None:
    """Another operation, a value appended twice, an answer of another kind; with the line."""
    for lines, judge, said in (
        (
            one(0, "append", 1) + one(0, "append", 1),
            list_append,
            "line 3: 1 is appended a second time, first in line 1",
        ),
        (one(0, "read", None, 3), list_append, "line 2: a read of a list answers a list of values, found 3"),
        (one(0, "read", None, 3), set_full, "line 2: a read of a set answers a list of elements, found 3"),
        (one(0, "drain", None, 3), total_queue, "line 2: drain answers a list of values, found 3"),
        (one(0, "cas", [1, 2]), queue, "line 1: unknown operation 'cas'; this model knows enqueue, dequeue, drain"),
        (one(0, "cas", [1, 2]), set_full, "line 1: unknown operation 'cas'"),
    ):
        with pytest.raises(HistoryError) as raised:
            judge(history(*lines))
        assert f"history, {said}" in str(raised.value)


def test_accounts_have_names() -> None:
    """And no options but one."""
    for name in KEPT_ACCOUNTS:
        assert is_account(name)
        assert account_named(name, [], "history").held
        with pytest.raises(ValueError, match=r"options|linearizable=true"):
            account_named(f"{name}?size=3", [], "history")
    assert not is_account("cas-register")
    records = [Record(1, 0, "invoke", "add", 1), Record(2, 0, "ok", "add", None)]
    assert account_named("set-full?linearizable=true", records, "history").held
