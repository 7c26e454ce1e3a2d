"""The Kafka workload, on the cases that Jepsen's own tests of it state (jepsen.tests.kafka-test), line for line."""

from __future__ import annotations

from typing import Any

import pytest

from refold.properties.accounts.finding import Entry
from refold.properties.accounts.kafka import Kafka, kafka
from refold.properties.accounts.transaction import transactions
from refold.properties.linearizability import HistoryError
from refold.properties.linearizability.histories.record import Record
from refold.properties.linearizability.value import frozen

Line = tuple[int, str, str, Any]


def send(*messages: Any) -> list[Any]:
    """Sends to x, or to the key that stands before a message: `"y", 1`."""
    return [["send", *(message if isinstance(message, tuple) else ("x", message))] for message in messages]


def poll(*messages: Any, key: str = "x") -> list[Any]:
    """One poll of one key."""
    return [["poll", {key: [list(message) for message in messages]}]]


def records(*lines: Line) -> list[Record]:
    """The records of a history, one a line."""
    return [
        Record(number, process, type_, f, frozen(value)) for number, (process, type_, f, value) in enumerate(lines, 1)
    ]


def entries(*lines: Line) -> list[Entry]:
    """All that is found, allowed or not."""
    account = kafka(transactions(records(*lines), "history"))
    return [*account.broken, *account.observed]


def found(anomaly: str, *lines: Line) -> list[tuple[Any, ...]]:
    """The key, the values, the lines and the figures of the findings of one kind."""
    keep = ("delta", "skipped", "offset", "offsets", "count", "index", "max-read-index")
    return [
        (one.key, one.values, one.lines, {name: value for name, value in one.more.items() if name in keep})
        for one in entries(*lines)
        if one.anomaly == anomaly
    ]


ASKED: Line = (0, "invoke", "poll", [["poll"]])


def test_a_conflict_with_an_offset_that_was_never_committed_is_none() -> None:
    """Unless a read shows that it was: then either that read is of an aborted send, or the offset holds two values."""
    lines: list[Line] = [
        (0, "invoke", "send", send(1, ("y", 1))),
        (0, "info", "send", [["send", "x", [0, 1]], ["send", "y", 1]]),
        (1, "invoke", "send", send(2)),
        (1, "ok", "send", send([0, 2])),
    ]
    assert found("inconsistent-offsets", *lines) == []
    lines += [(2, "invoke", "poll", [["poll"]]), (2, "ok", "poll", poll((5, 1), key="y"))]
    ((key, values, _, more),) = found("inconsistent-offsets", *lines)
    assert (key, set(values), more) == ("x", {1, 2}, {"offset": 0, "index": 0})


def test_two_answers_with_one_offset() -> None:
    """The example from the real world."""
    lines: list[Line] = [
        (379, "invoke", "send", [["send", 11, 641]]),
        (379, "ok", "send", [["send", 11, [537, 641]]]),
        (363, "invoke", "send", [["send", 11, 645]]),
        (363, "ok", "send", [["send", 11, [537, 645]]]),
    ]
    assert found("inconsistent-offsets", *lines) == [(11, (641, 645), (2, 4), {"offset": 537, "index": 0})]


def test_what_was_aborted_is_read_by_nobody() -> None:
    """G1a."""
    lines: list[Line] = [
        (0, "invoke", "send", send(2, ("y", 3))),
        (0, "fail", "send", send(2, ("y", 3))),
        (1, "invoke", "poll", [["poll"]]),
        (1, "ok", "poll", poll((0, 2))),
    ]
    assert found("aborted-read", *lines) == [("x", (2,), (2, 4), {})]


def test_what_stands_below_a_message_that_was_read_is_read_by_somebody() -> None:
    """Two are lost; the third is only known by the read."""
    lines: list[Line] = [
        (0, "invoke", "send", send("a")),
        (0, "ok", "send", send([0, "a"])),
        (0, "invoke", "send", send("b", "d")),
        (0, "ok", "send", send([1, "b"], [3, "d"])),
        (1, "invoke", "send", send("c")),
        (1, "info", "send", send("c")),
        ASKED,
        (0, "ok", "poll", poll((2, "c"))),
    ]
    assert found("lost-write", *lines) == [
        ("x", ("a",), (2, 8), {"index": 0, "max-read-index": 2}),
        ("x", ("b",), (4, 8), {"index": 1, "max-read-index": 2}),
    ]


def test_a_message_is_lost_that_another_has_overwritten() -> None:
    """Both were told the same offset."""
    lines: list[Line] = [
        (0, "invoke", "send", send("a")),
        (0, "ok", "send", send([0, "a"])),
        (0, "invoke", "send", send("b", "c")),
        (0, "ok", "send", send([0, "b"], [2, "c"])),
        ASKED,
        (0, "ok", "poll", poll((0, "b"), (2, "c"))),
    ]
    assert found("lost-write", *lines) == [("x", ("a",), (2, 6), {"index": 0, "max-read-index": 1})]


def test_a_transaction_of_unknown_outcome_counts_when_one_of_its_messages_was_read() -> None:
    """Then the others must have been stored too."""
    lines: list[Line] = [
        (0, "invoke", "send", send("a", ("y", "b"))),
        (0, "info", "send", [["send", "x", "a"], ["send", "y", [0, "b"]]]),
        (1, "invoke", "send", send(("y", "c"))),
        (1, "info", "send", send(("y", "c"))),
        (3, "invoke", "poll", [["poll"]]),
        (3, "ok", "poll", poll((1, "c"), key="y")),
    ]
    assert found("lost-write", *lines) == []
    lines += [(2, "invoke", "poll", [["poll"]]), (2, "ok", "poll", poll((0, "a")))]
    assert found("lost-write", *lines) == [("y", ("b",), (2, 6), {"index": 0, "max-read-index": 1})]


def skipping(first: list[Line], second: list[Line]) -> list[Line]:
    """Process 0 polls 1, 2, then 4, then 7; that 3 and 6 exist, others show."""
    return [
        ASKED,
        (0, "ok", "poll", poll((1, "a"), (2, "b"))),
        (1, "invoke", "poll", [["poll"]]),
        (1, "ok", "poll", poll((3, "c"))),
        *first,
        ASKED,
        (0, "ok", "poll", poll((4, "d"))),
        *second,
        (2, "invoke", "send", send("f")),
        (2, "ok", "send", send([6, "f"])),
        ASKED,
        (0, "ok", "poll", poll((7, "g"))),
        (3, "invoke", "send", send("a", "b", "c", "d", "g")),
        (3, "info", "send", send("a", "b", "c", "d", "g")),
    ]


def moved(f: str, *keys: str, end: str = "ok") -> list[Line]:
    """Process 0 subscribes, or is assigned."""
    return [(0, "invoke", f, list(keys)), (0, end, f, list(keys))]


def test_polls_of_a_process_pass_over_nothing() -> None:
    """Unless it was assigned, or has subscribed to, other partitions in between."""
    expected = [("c",), ("f",)]
    assert [more["skipped"] for _, _, _, more in found("poll-skip", *skipping([], []))] == expected
    for between in (moved("subscribe", "y"), moved("assign", "y")):
        assert found("poll-skip", *skipping(between, moved("assign", "y", end="info"))) == []
    same = skipping(moved("subscribe", "x", "y"), moved("assign", "x", "y"))
    assert [(more["skipped"], more["delta"]) for _, _, _, more in found("poll-skip", *same)] == [
        (("c",), 2),
        (("f",), 2),
    ]
    account = kafka(transactions(records(*same), "history"))
    assert not [one for one in account.broken if one.anomaly == "poll-skip"]  # a rebalance may have moved it
    assert account.not_checked[1].startswith("skips and steps back between the polls")
    judged = [one.anomaly for one in kafka(transactions(records(*skipping([], [])), "history")).broken]
    assert judged == ["lost-write", "poll-skip", "poll-skip"]


def aborting(*polls: tuple[str, list[int]]) -> list[Line]:
    """Six messages; process 1 polls the first, then goes on in transactions that end as they are said to."""
    lines: list[Line] = [
        (0, "invoke", "send", send(*range(6))),
        (0, "ok", "send", send(*([n, n] for n in range(6)))),
        (1, "invoke", "txn", [["poll"]]),
        (1, "ok", "txn", poll((0, 0))),
    ]
    for end, values in polls:
        lines += [(1, "invoke", "txn", [["poll"]]), (1, end, "txn", poll(*((n, n) for n in values)))]
    return lines


def test_an_aborted_transaction_is_polled_again_from_where_it_began() -> None:
    """Whether it failed or its outcome is unknown; one that goes on after it skips, whatever becomes of that one."""
    assert entries(*aborting(("fail", [1, 2]), ("info", [1, 2]), ("ok", [1, 2]))) == []
    assert [
        (lines, more["delta"], more["skipped"])
        for _, _, lines, more in found("poll-skip", *aborting(("fail", [1, 2]), ("fail", [3, 4]), ("ok", [5])))
    ] == [((4, 8), 3, (1, 2)), ((4, 10), 5, (1, 2, 3, 4))]
    assert [more["skipped"] for _, _, _, more in found("poll-skip", *aborting(("fail", [1, 2]), ("info", [3, 4])))] == [
        (1, 2)
    ]


def test_polls_of_a_process_do_not_go_back() -> None:
    """Unless it was assigned other partitions in between."""

    def lines(between: list[Line]) -> list[Line]:
        return [
            (0, "invoke", "send", send("a", "b", "c", "d")),
            (0, "ok", "send", send("a", "b", "c", "d")),
            ASKED,
            (0, "ok", "poll", poll((1, "a"), (2, "b"), (3, "c"))),
            *between,
            ASKED,
            (0, "ok", "poll", poll((2, "b"), (3, "c"), (4, "d"))),
        ]

    back = ("x", ("c", "b"), (4, 6), {"delta": -1})
    assert found("nonmonotonic-poll", *lines([])) == [back]
    for f in ("subscribe", "assign"):
        assert found("nonmonotonic-poll", *lines(moved(f, "y"))) == []
        assert [one[:2] for one in found("nonmonotonic-poll", *lines(moved(f, "x", "y")))] == [back[:2]]


def test_sends_of_a_process_are_stored_in_their_order() -> None:
    """Unless it was assigned other partitions in between."""

    def lines(between: list[Line]) -> list[Line]:
        return [
            (0, "invoke", "send", send("c", "d")),
            (0, "ok", "send", send([3, "c"], [4, "d"])),
            *between,
            (0, "invoke", "send", send(1, 2)),
            (0, "ok", "send", send([1, "a"], [2, "b"])),
        ]

    assert found("nonmonotonic-send", *lines([])) == [("x", ("d", "a"), (2, 4), {"delta": -3})]
    for f in ("subscribe", "assign"):
        assert found("nonmonotonic-send", *lines(moved(f, "y", end="info"))) == []
        assert len(found("nonmonotonic-send", *lines(moved(f, "x", "y")))) == 1


def test_a_transaction_polls_without_a_gap() -> None:
    """Within one poll, and from one to the next."""
    lines: list[Line] = [
        (1, "invoke", "send", send("a", "b", "d")),
        (1, "info", "send", send("a", "b", "d")),
        ASKED,
        (0, "ok", "poll", poll((1, "a"), (4, "d"))),
        ASKED,
        (0, "ok", "poll", [*poll((1, "a")), *poll((4, "d"))]),
        ASKED,
        (0, "ok", "poll", poll((2, "b"))),
    ]
    assert found("int-poll-skip", *lines) == [
        ("x", ("a", "d"), (line,), {"delta": 2, "skipped": ("b",)}) for line in (4, 6)
    ]


def test_sends_of_a_transaction_may_be_stored_among_others() -> None:
    """Which is seen, and no violation."""
    lines: list[Line] = [
        (0, "invoke", "send", send("a", "c")),
        (0, "ok", "send", send([1, "a"], "c")),
        (1, "invoke", "send", send("b")),
        (1, "info", "send", send("b")),
        (2, "invoke", "poll", [["poll"]]),
        (2, "ok", "poll", poll((2, "b"), (3, "c"))),
    ]
    assert found("int-send-skip", *lines) == [("x", ("a", "c"), (2,), {"delta": 2, "skipped": ("b",)})]
    account = kafka(transactions(records(*lines), "history"))
    assert [one.anomaly for one in account.observed] == ["int-send-skip", "write-cycle"]


def test_a_transaction_polls_in_the_order_of_the_log() -> None:
    """And nothing twice; not where its partitions changed meanwhile."""
    lines: list[Line] = [
        (0, "invoke", "send", send("a", "b", "c")),
        (0, "info", "send", send("a", "b", "c")),
        (2, "invoke", "poll", [["poll"]]),
        (2, "ok", "poll", poll((3, "c"), (1, "a"))),
        (4, "invoke", "poll", [["poll"]]),
        (4, "ok", "poll", [*poll((2, "b"), (3, "c")), *poll((3, "c"))]),
    ]
    assert found("int-nonmonotonic-poll", *lines) == [
        ("x", ("c", "a"), (4,), {"delta": -2}),
        ("x", ("c", "c"), (6,), {"delta": 0}),
    ]
    made = records(*lines)
    rebalanced = [
        Record(one.line, one.process, one.type, one.f, one.value, rebalance=((("keys", ("x",)),),)) for one in made
    ]
    assert not list(Kafka(transactions(rebalanced, "history")).within_transactions())


def test_sends_of_a_transaction_are_stored_in_their_order() -> None:
    """As their answers say, or as polls show."""
    lines: list[Line] = [
        (0, "invoke", "send", send(3, 1)),
        (0, "ok", "send", send([3, "c"], [1, "a"])),
        (2, "invoke", "send", send(("y", "d"), ("y", "b"))),
        (2, "info", "send", send(("y", "d"), ("y", "b"))),
        (1, "invoke", "send", send(("y", "c"))),
        (1, "info", "send", send(("y", "c"))),
        (3, "invoke", "poll", [["poll"]]),
        (3, "ok", "poll", poll((2, "b"), (3, "c"), (4, "d"), key="y")),
    ]
    assert found("int-nonmonotonic-send", *lines) == [
        ("x", ("c", "a"), (2,), {"delta": -1}),
        ("y", ("d", "b"), (4,), {"delta": -2}),
    ]


def test_a_message_stands_at_one_offset() -> None:
    """Its answer says one, a poll another."""
    lines: list[Line] = [
        (0, "invoke", "send", send("a")),
        (0, "ok", "send", send([1, "a"])),
        (1, "invoke", "send", send("b")),
        (1, "info", "send", send("b")),
        (2, "invoke", "poll", [["poll"]]),
        (2, "ok", "poll", poll((2, "b"), (3, "a"))),
    ]
    assert [(one[1], one[3]) for one in found("duplicate", *lines)] == [(("a",), {"count": 2, "offsets": (1, 3)})]


def test_many_messages_at_two_offsets_are_all_told() -> None:
    """Whichever value an offset is taken to hold."""
    lines: list[Line] = []
    for value in range(10):
        lines += [(0, "invoke", "send", send(value)), (0, "ok", "send", send([0, value]))]
        lines += [(1, "invoke", "poll", [["poll"]]), (1, "ok", "poll", poll((1, value)))]
    assert {one[1] for one in found("duplicate", *lines)} == {(value,) for value in range(10)}
    assert [(one[3]["offset"], set(one[1])) for one in found("inconsistent-offsets", *lines)] == [
        (offset, set(range(10))) for offset in (0, 1)
    ]


def test_polls_of_aborted_transactions_count_and_their_sends_do_not() -> None:
    """What a poll gives is safe whatever becomes of its transaction."""
    lines: list[Line] = [
        (0, "invoke", "send", send(0)),
        (0, "ok", "send", send([1, 0])),
        (0, "invoke", "send", send(1)),
        (0, "fail", "send", send([2, 1])),
        (1, "invoke", "poll", [["poll"]]),
        (1, "fail", "poll", poll((11, 0), (12, 1))),
    ]
    assert [(one[1], one[3]["offsets"]) for one in found("duplicate", *lines)] == [((0,), (1, 11))]


GOOD: dict[str, list[Line]] = {
    "sent and polled": [*aborting(("ok", [1, 2, 3]), ("ok", [4, 5]))],
    "a gap in the offsets": [
        (0, "invoke", "send", send("a", "b")),
        (0, "ok", "send", send([0, "a"], [5, "b"])),
        ASKED,
        (0, "ok", "poll", poll((0, "a"), (5, "b"))),
    ],
    "not read yet": [(0, "invoke", "send", send("a")), (0, "ok", "send", send([0, "a"]))],
    "failed": [(0, "invoke", "send", send("a")), (0, "fail", "send", send("a"))],
}


@pytest.mark.parametrize("case", sorted(GOOD))
def test_a_good_history_holds(case: str) -> None:
    """Nothing is found, and what is not judged is said."""
    account = kafka(transactions(records(*GOOD[case]), "history"))
    assert account.held
    assert account.observed == ()
    assert account.not_checked[0].startswith("messages after the last one")


def invoked(*ends: Line) -> list[Line]:
    """Transactions that overlap: all are invoked before one of them ends."""

    def asked(operation: list[Any]) -> list[Any]:
        return [*operation[:2], operation[2][1]] if operation[0] == "send" else ["poll"]

    return [*((process, "invoke", f, list(map(asked, value))) for process, _, f, value in ends), *ends]


def test_transactions_that_have_polled_each_other_are_a_circle() -> None:
    """Two or three of them; not if one of them is aborted, and not if one has only read."""
    first = (0, "ok", "txn", [*send([0, "a"]), *poll((0, "b"), key="y")])
    second = (1, "ok", "txn", [["send", "y", [0, "b"]], *poll((0, "a"))])
    assert found("circular-information-flow", *invoked(first, second)) == [(None, (), (3, 4), {})]
    third = (1, "ok", "txn", [["send", "z", [0, "c"]], *poll((0, "a"))])
    fourth = (2, "ok", "txn", [["send", "y", [0, "b"]], *poll((0, "c"), key="z")])
    assert found("circular-information-flow", *invoked(first, third, fourth)) == [(None, (), (4, 5, 6), {})]
    reader = (1, "ok", "txn", poll((0, "a")))
    assert found("circular-information-flow", *invoked(first, reader)) == []
    aborted = (1, "fail", "txn", [["send", "y", "b"], ["poll"]])
    lines = [(0, "invoke", "txn", [["send", "x", "a"], ["poll"]]), (1, "invoke", "txn", [["send", "y", "b"], ["poll"]])]
    assert found("circular-information-flow", *lines, first, aborted) == []


def test_circles_of_sends_are_observed_and_no_violation() -> None:
    """Two orders in two partitions; and one of sends and polls together."""
    lines = invoked(
        (0, "ok", "send", [["send", "x", [0, "a"]], ["send", "y", [1, "a"]]]),
        (1, "ok", "send", [["send", "x", [1, "b"]], ["send", "y", [0, "b"]]]),
    )
    account = kafka(transactions(records(*lines), "history"))
    assert account.held
    assert [(one.anomaly, one.lines) for one in account.observed] == [("write-cycle", (3, 4))]
    lines = invoked(
        (0, "ok", "txn", [["send", "x", [0, "a"]], ["send", "y", [2, "c"]]]),
        (1, "ok", "txn", [*poll((0, "a")), ["send", "y", [1, "b"]]]),
    )
    account = kafka(transactions(records(*lines), "history"))
    assert account.held
    assert [(one.anomaly, one.lines) for one in account.observed] == [("mixed-cycle", (3, 4))]
    straight = invoked(
        (0, "ok", "send", [["send", "x", [0, "a"]], ["send", "y", [0, "a"]]]),
        (1, "ok", "send", [["send", "x", [1, "b"]], ["send", "y", [1, "b"]]]),
    )
    assert entries(*straight) == []


def test_what_nobody_sent_and_what_is_not_committed_yet_is_read_by_nobody() -> None:
    """A phantom, and a transaction that sees itself."""
    assert found("phantom-message", ASKED, (0, "ok", "poll", poll((0, "z")))) == [("x", ("z",), (2,), {})]
    own: list[Line] = [
        (0, "invoke", "txn", [["send", "x", "a"], ["poll"]]),
        (0, "ok", "txn", [["send", "x", [0, "a"]], *poll((0, "a"))]),
    ]
    assert found("precommitted-read", *own) == [("x", ("a",), (2,), {})]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ((0, "invoke", "enqueue", 1), "unknown operation 'enqueue'; this model knows send, poll, txn"),
        ((0, "ok", "send", 3), "the value of send is 3; write a list of"),
        ((0, "ok", "send", [["send", "x"]]), "('send', 'x') is no operation of a transaction"),
        ((0, "ok", "poll", [["poll", {"x": [[-1, 2]]}]]), "is no operation of a transaction"),
        ((0, "ok", "poll", [["poll", {"x": 7}]]), "is no operation of a transaction"),
        ((0, "done", "poll", []), "unknown type 'done'; use invoke, ok, fail or info"),
    ],
)
def test_what_is_no_line_of_this_workload_is_said(line: Line, said: str) -> None:
    """With its number."""
    with pytest.raises(HistoryError) as raised:
        list(transactions(records(line), "history"))
    assert str(raised.value).startswith("history, line 1: ")
    assert said in str(raised.value)
