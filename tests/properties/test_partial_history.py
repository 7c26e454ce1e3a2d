"""Histories that begin in the middle: no right system is accused, wherever the beginning is cut off, and wrong ones are still found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.event import NewEvent, Stored
from refold.model.expectation import at_version
from refold.model.parts.removal import LogTrimmed, StreamDeleted, StreamTruncated
from refold.model.record import Acknowledged, Crashed, Opened, Prepared, Retried, Scanned, Step, Unknown
from refold.properties.partial_history import Beginning, beginning, partial_checker
from refold.properties.property import Finding
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.systems.broken import BROKEN
from refold.systems.registry import correct_systems, resolve


def histories(system: str, application: str, seeds: int) -> Iterator[list[Any]]:
    """Histories of random plans, which go on to the end whatever is found."""
    port, subject = resolve(system), application_named(application)
    menu = port.menu(subject)
    for seed in range(seeds):
        tape = random.Random(seed).randbytes(menu.length(192))
        yield execute(port, subject, menu.decode(tape), whole=True).history


def recorded(history: list[Any], start: int) -> list[Any]:
    """What somebody would have who began to record at this place, and knows of no plan."""
    return [history[0], *(record for record in history[start:] if type(record) is not Step)]


def judged(history: list[Any], while_written: bool = False) -> list[Finding] | None:
    """The findings; None if the history is whole. What is judged while it is written has told no versions before its events do."""
    begins = beginning(history)
    if begins is None:
        return None
    if while_written:
        begins = Beginning(begins.position, {})
    judge = partial_checker(begins)
    for record in history:
        judge.feed(record)
    return judge.finish()


@pytest.mark.parametrize("application", ["accounts", "inventory", "rota"])
@pytest.mark.parametrize("system", correct_systems())
def test_no_right_system_is_accused_wherever_the_recording_begins(system: str, application: str) -> None:
    """Twelve beginnings for each history."""
    looked = 0
    for history in histories(system, application, 2):
        for start in range(2, len(history), max(len(history) // 12, 1)):
            findings = judged(recorded(history, start))
            looked += findings is not None
            assert not findings, (start, findings[0])
            assert not judged(recorded(history, start), while_written=True), start
    assert looked > 10


@pytest.mark.parametrize("while_written", [False, True], ids=["complete", "while it is written"])
@pytest.mark.parametrize(
    ("system", "anomaly"),
    [
        ("ack-before-fsync", "acknowledged-append-lost"),
        ("memory-log-lost-on-kill", "acknowledged-append-lost"),
        ("first-append-race", "lost-update"),
        ("unordered-read", "read-out-of-order"),
    ],
)
def test_what_breaks_after_the_beginning_is_found(system: str, anomaly: str, while_written: bool) -> None:
    """Though half of the history is gone."""
    found = set()
    for history in histories(system, BROKEN[system].application, 16):
        for start in (len(history) // 4, len(history) // 2):
            found.update(finding.anomaly for finding in judged(recorded(history, start), while_written) or ())
    assert anomaly in found


def test_a_history_of_refold_is_whole_whatever_its_first_position_is() -> None:
    """Its steps say that it began on an empty log: a log that loses its first position is not excused."""
    history = next(histories("reference", "inventory", 1))
    first = next(number for number, record in enumerate(history) if type(record) is Stored and record.position > 3)
    assert beginning(history) is None
    assert beginning(history[:1] + history[first:]) is None
    begins = beginning(recorded(history, first))
    assert begins is not None
    assert begins.position == history[first].position
    assert begins.versions[history[first].stream] == history[first].version - 1


def test_an_append_that_was_sent_before_the_beginning_and_is_decided_anew_is_not_judged() -> None:
    """Its effect may be there already, or come on the condition that it had before."""
    wanted = NewEvent("alice-1/0", "Restocked", None)
    anew = Prepared("alice", "alice-1", None, "log", "bolt", 5, at_version(5), (wanted,))
    opened = Opened(1, "x", "inventory", ("alice",), ())
    stored = Stored(49, "bolt", 9, "alice-1/0", "Restocked", None)
    sent_again = (Unknown("alice", "alice-1"), Retried("alice", "alice-1"))
    scanned = Scanned((48, 49), ("bob-1/0", "alice-1/0"))
    answer = Acknowledged("alice", "alice-1", (49,))
    assert judged([opened, stored, *sent_again, anew, answer, scanned]) == []
    assert judged([opened, *sent_again, anew, stored, answer, scanned]) == []
    found = judged([opened, anew, stored, answer, scanned])
    assert found is not None
    assert [finding.anomaly for finding in found] == ["lost-update"]


TWO = (
    Opened(1, "x", "inventory", ("alice",), ()),
    Prepared("alice", "alice-1", None, "log", "bolt", 6, at_version(6), (NewEvent("alice-1/0", "Restocked", 1),)),
    Stored(101, "bolt", 7, "alice-1/0", "Restocked", 1),
    Acknowledged("alice", "alice-1", (101,)),
    Prepared("alice", "alice-2", None, "log", "bolt", 7, at_version(7), (NewEvent("alice-2/0", "Restocked", 1),)),
    Stored(102, "bolt", 8, "alice-2/0", "Restocked", 1),
    Acknowledged("alice", "alice-2", (102,)),
)
BOTH = Scanned((101, 102), ("alice-1/0", "alice-2/0"), 100)
SECOND = Scanned((102,), ("alice-2/0",), 100)
NEITHER = Scanned((), (), 100)


@pytest.mark.parametrize("while_written", [False, True], ids=["complete", "while it is written"])
@pytest.mark.parametrize(
    ("records", "clauses"),
    [
        ((LogTrimmed(101), SECOND), []),
        ((StreamTruncated("bolt", 7), SECOND), []),
        ((StreamDeleted("bolt", 8), NEITHER, Stored(103, "bolt", 9, "bob-1/0", "Restocked", 1)), []),
        ((LogTrimmed(101, done=False), BOTH, SECOND), []),
        ((LogTrimmed(101), Crashed("log", 0), BOTH), []),
        ((LogTrimmed(50), BOTH), []),
        ((LogTrimmed(101), NEITHER), ["spared"]),
        ((LogTrimmed(101), BOTH), ["stays removed"]),
        ((StreamDeleted("bolt", 8), Stored(103, "bolt", 1, "bob-1/0", "Restocked", 1)), ["versions go on"]),
        ((LogTrimmed(102), Acknowledged("bob", "bob-1", (102,))), ["positions go on"]),
    ],
)
def test_what_was_removed_on_purpose_is_not_lost(
    records: tuple[Any, ...], clauses: list[str], while_written: bool
) -> None:
    """Nor is it back, and nothing else is gone."""
    found = judged([*TWO, *records], while_written)
    assert found is not None
    assert [finding.clause for finding in found] == clauses
