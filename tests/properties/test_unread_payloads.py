"""Payloads that nobody has read: a history is judged without its application as if all of them had been read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec

from refold.model.documents.history import HistoryReader, plain, to_line
from refold.model.event import NewEvent, Stored
from refold.model.expectation import ANY
from refold.model.record import Opened, Prepared, Retried, read_payloads
from refold.properties.suite import checker

from .cases.records import OPENED
from .test_judging_together import damaged, to_damage

HISTORIES = 600


def respelled(rng: random.Random, line: bytes) -> bytes:
    """The same record in other JSON: the keys of payloads in another order, with blanks, perhaps with what is not ASCII; or another
    payload."""
    record = msgspec.json.decode(line)
    for owner in (record, *record.get("events", ())):
        data = owner.get("data")
        if isinstance(data, dict) and rng.random() < 0.3:
            owner["data"] = dict(rng.sample(sorted(data.items()), len(data)))
        elif "data" in owner and rng.random() < 0.1:
            owner["data"] = rng.choice((None, {"größe": 1}, {"size": 1.0}, {"size": 1}, [1], "text", 10**30))
    encoded: bytes = msgspec.json.encode(record)
    return (msgspec.json.format(encoded, indent=0) if rng.random() < 0.3 else encoded) + b"\n"


def said(batches: Any) -> Any:
    """What is found in these records, and what is given up."""
    judge = checker(None, plain, remembered=40)
    for batch in batches:
        judge.feed_all(batch, 1 << 30)
    return judge.finish(), judge.given_up()


def both_ways(lines: Sequence[bytes], at_once: int) -> tuple[Any, Any]:
    """With payloads that are read when somebody asks, and with all of them read."""
    blocks = [b"".join(lines[start : start + at_once]) for start in range(0, len(lines), at_once)]
    return said(HistoryReader(unread=True).batches(blocks)), said([list(HistoryReader().records(lines))])


def test_damaged_histories_are_judged_as_if_all_payloads_were_read() -> None:
    rng = random.Random(8)
    pool, others = to_damage()
    guilty = altered = 0
    for _ in range(HISTORIES):
        _, records = rng.choice(pool)
        whole = records if records and type(records[0]) is Opened else (OPENED, *records)
        history = damaged(rng, whole, others)
        lines = [to_line(history[0]), *(respelled(rng, to_line(record)) for record in history[1:])]
        unread, read = both_ways(lines, rng.choice((1, 2, 5, 100)))
        assert unread == read, lines
        guilty += bool(read[0])
        altered += any(finding.anomaly == "event-altered" for finding in read[0])
    assert HISTORIES // 4 < guilty < HISTORIES
    assert altered > HISTORIES // 40


def test_an_operation_that_is_decided_in_two_forms_is_read() -> None:
    """They are the same form if they say the same, however they are written."""
    first = Prepared(
        "alice", "alice-1", {"Do": {}}, "log", "s", 0, ANY, (NewEvent("alice-1/0", "Done", {"a": 1, "b": 2}),)
    )
    again = msgspec.structs.replace(first, events=(NewEvent("alice-1/0", "Done", {"b": 2, "a": 1}),))
    event = Stored(1, "s", 1, "alice-1/0", "Done", {"b": 2, "a": 3})
    lines = [to_line(record) for record in (OPENED, first, Retried("alice", "alice-1"), again, event)]
    unread, read = both_ways(lines, 100)
    assert unread == read
    assert [finding.anomaly for finding in read[0]] == ["event-altered"]


def test_a_payload_that_nobody_can_read_stays_text() -> None:
    record = Stored[Any](1, "s", 1, "alice-1/0", "Done", msgspec.Raw(b'{"a":1e999}'))
    read_payloads(record)
    assert record.data == '{"a":1e999}'
