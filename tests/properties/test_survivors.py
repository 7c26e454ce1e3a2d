"""Details of properties that no other test demands: each was changed once by a mutant that all tests let pass."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from refold.model.documents.history import plain
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Register, Registered
from refold.model.expectation import NO_STREAM
from refold.model.parts.calls import Moved
from refold.model.parts.claims.entity import Journaled, TookOver
from refold.model.parts.claims.idle_session import SessionClosed, SessionOpened
from refold.model.parts.consuming.rebuild import StreamAnswered
from refold.model.parts.messages.change_stream import Copied, SnapshotBegun, SourceChanged
from refold.model.parts.messages.outbox import Delivered, Interrupted, RelayDied
from refold.model.parts.messages.process_manager import CommandExecuted, ManagerAtRest
from refold.model.parts.messages.topic import FailedOver, Published, Restored, Tallied, Tally
from refold.model.parts.reading.query import Hit, Searched
from refold.model.parts.reading.range_reads import RangeRead
from refold.model.parts.removal import LogTrimmed
from refold.model.record import (
    Aborted,
    Altered,
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    Ignored,
    NotRecovered,
    Observed,
    Opened,
    Refused,
    Retried,
    Scanned,
    Settled,
    SnapshotTaken,
    Unknown,
)
from refold.properties.oracle import Oracle
from refold.properties.partial_history import Beginning, partial_checker
from refold.properties.property import Property, Wording
from refold.properties.suite import checker

from .cases import CASES, own
from .cases.log import CLEO
from .cases.records import ADA, BOB, FIRST, OPENED, SECOND, asked, event, yes
from .test_clauses import judged


def signatures(*records: Any) -> list[tuple[str, str]]:
    """Anomaly and guarantee of what is found."""
    return [one.signature for one in judged(records, None)]


def test_a_scan_shows_what_readers_who_follow_the_log_have_missed() -> None:
    """Though they have seen all that there is above it."""
    missed = Scanned((1, 2), ("bob-1/0", "alice-1/0"))
    assert signatures(asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), missed) == [
        ("visible-below-read-position", "LOG")
    ]


@pytest.mark.parametrize(
    ("executed", "rest", "anomaly"),
    [
        ((CommandExecuted("c1", "ship", 1), CommandExecuted("c2", "ship", 2)), ManagerAtRest(1), "manager-never-done"),
        ((CommandExecuted("c1", "ship", 1),), ManagerAtRest(2), "command-missing"),
    ],
    ids=["not done with every event", "one command was not executed"],
)
def test_either_is_a_process_manager_that_has_left_something_undone(
    executed: tuple[CommandExecuted, ...], rest: ManagerAtRest, anomaly: str
) -> None:
    """That the manager says that it is done does not excuse a handler, nor the other way round."""
    assert [found for found, _ in signatures(*FIRST, *SECOND, *executed, rest)] == [anomaly]


def test_a_tally_that_is_wrong_in_its_own_epoch_has_noticed_that_the_topic_began_anew() -> None:
    """So that is not its name, and not its guarantee."""
    anew = (Published("alice", 1, 1), Published("alice", 1, 2), Restored(2, 1, 1), Published("alice", 5, 2))
    assert signatures(*anew, Tallied(Tally(2, 2, 2, 2))) == [("replayed-state-differs", "REPL")]
    assert signatures(*anew, Tallied(Tally(1, 2, 2, 2))) == [("checkpoint-ahead-of-log", "CKPT")]


def test_only_the_deletion_of_a_snapshot_excuses_a_copy_that_goes_back() -> None:
    """One that was copied from the stream does not."""
    changed = (SourceChanged(1, "a", 1), Copied(1, "a", 1, 1), SourceChanged(2, "a", None))
    assert signatures(*changed, Copied(2, "a", None, 0), Copied(1, "a", 1, 1)) == [("copy-goes-back", "CDC")]


def test_an_event_that_should_not_have_been_accepted_is_the_last_proof_of_it() -> None:
    """After whose the entity was, and the event before."""
    records = (TookOver("node-1", 1, 0), Journaled("node-1", 1, 1), Journaled("node-1", 1, 1))
    (finding,) = judged(records, None)
    assert [proof.record for proof in finding.evidence] == list(records)


def test_a_snapshot_of_a_stream_without_events_holds_what_a_key_begins_with() -> None:
    assert signatures(*FIRST, SnapshotTaken("stream:zeta", 0, frozenset({"zoe"}), 1)) == [("snapshot-differs", "SNAP")]
    assert signatures(*FIRST, SnapshotTaken("stream:zeta", 0, frozenset(), 1)) == []


def test_what_a_consumer_dismisses_counts_as_applied_only_where_it_promises_no_order() -> None:
    """A cache that takes an event for older than its row has dealt with it; an ordered consumer has not."""
    assert signatures(*FIRST, Ignored("cache", 1), CheckpointSaved("cache", 1)) == []
    found = signatures(*FIRST, Ignored("index", 1), CheckpointSaved("index", 1))
    assert found == [("dropped-as-duplicate", "CKPT"), ("checkpoint-ahead-of-effects", "CKPT")]


@pytest.mark.parametrize(
    ("shown", "expected", "actual"),
    [
        (RangeRead(1, 2, 9, (1,), ("alice-1/0",)), (1, 2), (1,)),
        (RangeRead(1, 2, 9, (1, 2), ("alice-1/0", "zoe-1/0")), ("alice-1/0", "bob-1/0"), ("alice-1/0", "zoe-1/0")),
    ],
    ids=["wrong positions", "right positions"],
)
def test_a_wrong_answer_to_a_read_of_a_range_is_told_by_its_positions_or_if_they_are_right_by_its_ids(
    shown: RangeRead, expected: tuple[Any, ...], actual: tuple[Any, ...]
) -> None:
    (found,) = judged((*FIRST, *SECOND, shown), None)
    assert (found.expected, found.actual) == (expected, actual)


def test_an_event_that_becomes_visible_below_others_does_not_move_the_end_of_the_log() -> None:
    """Its position counts among those that are visible, in no order but that of their arrival."""
    oracle = Oracle(Accounts())
    for number, position in enumerate((1, 3, 2), 1):
        oracle.on_stored(number, event(position, position, ADA, f"alice-{position}/0"))
    assert oracle.tail == 3
    assert list(oracle.order) == [1, 3]
    assert set(oracle.events) == {1, 2, 3}


@pytest.mark.parametrize(("shown", "there"), [(True, 0), (False, 1)], ids=["dangling", "living"])
def test_a_wrong_hit_of_a_search_is_told_as_what_it_was_and_what_it_should_have_been(shown: bool, there: int) -> None:
    (found,) = judged((Searched("alice", "acme", (Hit("ada@acme", there, shown),)),), None)
    words = ("discarded", "shown")
    assert (found.expected, found.actual) == (words[not shown], words[shown])


def test_a_deletion_of_another_lsn_than_that_of_the_snapshot_is_one_that_the_source_must_have_made() -> None:
    """The rows that a snapshot removes before it is filled bear its own."""
    begun = (SourceChanged(1, "a", 1), Copied(1, "a", 1, 1), SourceChanged(2, "b", 2), SnapshotBegun(2))
    assert signatures(*begun, Copied(2, "a", None, 0), Copied(2, "a", 1, 1)) == []
    assert signatures(*begun, Copied(1, "a", None, 0)) == [("wrong-value-copied", "CDC")]


def test_where_an_event_was_read_first_is_proof_that_its_position_changed() -> None:
    moved = Moved("alice-1/0", 1, 2)
    (found,) = judged((*FIRST, *SECOND, moved), None)
    assert [proof.record for proof in found.evidence] == [FIRST[1], moved]


def test_another_event_where_one_was_removed_is_not_the_removed_one_again() -> None:
    """Its place has two events now, which `visibility` tells."""
    other = Altered(1, "acme", 1, "cleo-1/0", "Registered", CLEO)
    found = judged((*FIRST, *SECOND, LogTrimmed(1), asked("cleo-1", CLEO), other), None)
    assert [(one.judge, one.anomaly) for one in found] == [("visibility", "duplicate-position")]


def test_another_event_at_the_position_that_an_answer_named_is_what_is_told() -> None:
    """However great the position is."""
    promised = (asked("alice-1", ADA), asked("bob-1", BOB), yes("alice-1", 1000))
    at, behind = (judged((*promised, event(int(place), 1, BOB, "bob-1/0")), None)[0] for place in ("1000", "1001"))
    assert (at.anomaly, at.position, at.actual) == ("acknowledged-elsewhere", 1000, "bob-1/0")
    assert (behind.position, behind.actual) == (1000, "nothing: readers have come to position 1001")


def test_what_an_unknown_append_was_promised_is_visible_where_another_event_stands() -> None:
    """So a scan without it has lost what was visible, which is more than a promise that was not kept."""
    found = judged((*FIRST, yes("zoe-1", 1), Scanned((), ())), None)
    assert [one.clause for one in found if one.judge == "durability"] == ["visible"]


def test_without_an_application_what_is_applied_again_is_compared_with_what_was_applied() -> None:
    """Nobody folds the rows there, so they are remembered. To write the same once more changes nothing."""

    def found(*rows: int) -> list[tuple[str, str]]:
        judge = checker(None)
        for record in (OPENED, *FIRST, *(Applied("index", 1, {"acme": row}) for row in rows)):
            judge.feed(record)
        return [one.signature for one in judge.findings]

    assert found(1, 1) == []
    assert found(1, 2) == [("effect-applied-twice", "CKPT")]


def test_a_session_that_is_closed_hides_nothing_any_more() -> None:
    oracle = Oracle(Accounts())
    oracle.on_session_opened(1, SessionOpened("s"))
    oracle.on_session_closed(2, SessionClosed("s"))
    oracle.on_unknown(3, Unknown("bob", "bob-1"))
    assert not oracle.slow


def test_an_own_write_that_is_not_read_is_told_by_its_version() -> None:
    case = CASES["sessions", "own writes"]
    (found,) = judged(case.history, case.application)
    assert found.expected == "version 2 or later"


def test_a_part_of_a_decision_is_told_as_so_many_events_of_how_many() -> None:
    case = CASES["service-answers", "whole"]
    (found,) = judged(case.history, case.application)
    assert (found.expected, found.actual) == (2, 1)


@pytest.mark.parametrize(("answered", "lost"), [(4, False), (5, True), (6, True)])
def test_in_a_recording_what_was_answered_with_a_position_before_its_beginning_is_not_looked_for(
    answered: int, lost: bool
) -> None:
    """It was sent again, and may have been stored long before."""
    judge = partial_checker(Beginning(5, {"zeta": 0}))
    again = (Retried("alice", "alice-9"), yes("alice-9", answered))
    for record in (OPENED, *again, event(7, 1, BOB, "bob-1/0", "zeta"), Scanned((7,), ("bob-1/0",), 4)):
        judge.feed(record)
    assert ("acknowledged-append-lost" in [one.anomaly for one in judge.finish()]) == lost


class Polite(Property):
    """Nobody says no twice. The rest of this docstring is for its author."""

    headline = "two refusals"
    rule = "one is enough"
    fix = "say it once"
    clauses = {"once": "nobody says no a second time"}


def test_a_property_of_ones_own_is_told_by_its_clause_or_else_by_what_its_docstring_begins_with() -> None:
    told = [Polite.wording(clause) for clause in ("once", "")]
    words = ("nobody says no a second time", "Nobody says no twice")
    assert told == [Wording("two refusals", "one is enough", "say it once", last) for last in words]


def test_each_death_excuses_one_delivery_more_and_nothing_but_a_death_does() -> None:
    """However often it was accused before."""

    def accused(*records: Any) -> int:
        return len(signatures(*FIRST, *records))

    sent, died = Delivered("relay-1", "alice-1/0", 1, True), RelayDied("relay-1", "alice-1/0")
    assert accused(sent, sent, sent, sent) == 3
    assert accused(sent, died, sent, died, sent) == 0
    assert accused(sent, died, died, sent, sent) == 1
    assert accused(sent, died, sent, sent, sent) == 2


def test_of_a_log_that_is_gone_the_last_event_is_named() -> None:
    (found,) = judged((*FIRST, *SECOND, NotRecovered("log", "it ended while it started")), None)
    assert [type(proof.record) for proof in found.evidence] == [Stored, NotRecovered]
    assert found.evidence[0].record.position == 2


def test_what_a_new_primary_lacks_is_told_with_the_message_that_was_acknowledged() -> None:
    case = CASES["topics", "survives a failover"]
    (found,) = judged(case.history, case.application)
    assert [type(proof.record) for proof in found.evidence] == [Published, FailedOver]
    assert found.evidence[0].record.offset == 2


@pytest.mark.parametrize("version", range(5))
def test_an_answer_about_any_version_of_a_stream_is_the_fold_of_so_many_of_its_events(version: int) -> None:
    """Whatever other streams have between them."""
    names = ["ada", "bob", "cy", "dee"]
    log: list[Any] = []
    for n, name in enumerate(names):
        for place, org in enumerate(("zeta", "acme"), 2 * n + 1):
            op, payload = f"alice-{place}", Registered(org, name)
            log += [asked(op, payload, command=Register(org, name), stream=org)]
            log += [event(place, n + 1, payload, f"{op}/0", org), yes(op, place)]
    for told in ({*names[:count]} for count in range(5)):
        wrong = signatures(*log, StreamAnswered("index", "acme", version, frozenset(told)))
        assert wrong == ([] if len(told) == version else [("answer-differs", "REPL")])


@pytest.mark.parametrize("position", [0, 1, 2])
def test_of_the_events_that_never_arrived_the_first_is_named(position: int) -> None:
    log = (*FIRST, *SECOND, asked("cy-1", CLEO), event(3, 3, CLEO, "cy-1/0"), yes("cy-1", 3))
    found = judged((*log, Observed("index", position, {}), Settled(0)), None)
    (behind,) = [one for one in found if one.judge == "convergence" and one.where == "index"]
    named = [proof.record.position for proof in behind.evidence if type(proof.record) is Stored]
    assert (behind.position, named) == (position + 1, [position + 1])


@pytest.mark.parametrize("after", range(4))
def test_a_scan_that_lacks_an_event_is_told_how_many_there_are_behind_its_beginning(after: int) -> None:
    """Those before it do not count."""
    log: list[Any] = []
    for place, name in enumerate(("ada", "bob", "cy", "dee"), 1):
        payload = Registered("acme", name)
        log += [asked(f"op-{place}", payload), event(place, place, payload, f"op-{place}/0"), yes(f"op-{place}", place)]
    shown = range(after + 1, 4)
    (found,) = judged((*log, Scanned((*shown,), tuple(f"op-{n}/0" for n in shown), after)), None)
    assert found.expected.startswith(f"{4 - after} event")
    assert found.expected.endswith(f" after position {after}")


@pytest.mark.parametrize("there", range(3))
def test_a_scan_that_shows_a_batch_with_a_hole_is_told_by_how_much_of_it_is_there(there: int) -> None:
    """The beginning, and the event behind the hole."""
    names = ("ada", "bob", "cy", "dee")
    batch = asked("alice-1", *(Registered("acme", name) for name in names), expected=NO_STREAM)
    shown = (*range(there), there + 1)
    found = judged((batch, Scanned(tuple(n + 1 for n in shown), tuple(f"alice-1/{n}" for n in shown))), None)
    (torn,) = [one for one in found if one.anomaly == "partial-batch"]
    assert (torn.expected, torn.actual) == (4, there + 1)


def test_a_call_that_was_refused_without_reason_should_have_been_accepted_or_told_what_it_did() -> None:
    """The latter if its effect is in the log."""
    idle, busy = CASES["service-answers", "refused with cause"].history, own.ADDED[:-1]
    told = [
        judged(records, own.BAG)[0].expected for records in (idle, (own.BEGUN, *busy, own.done("alice-1", "refused")))
    ]
    assert told == [
        "accepted: no state since the call forbids it",
        "done: its effect is in the log, and nobody else was in its way",
    ]


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("deaths", range(4))
def test_each_death_after_a_delivery_excuses_one_repetition(deaths: int, interrupted: bool) -> None:
    """However many there were before the first of them."""
    history: list[Any] = [*FIRST, Delivered("relay-0", "alice-1/0", 1, True)]
    for relay in (f"relay-{number}" for number in range(deaths)):
        if interrupted:
            history.append(Interrupted(relay, ("alice-1/0",), "has died"))
        else:
            history += [Delivered(relay, "alice-1/0", 1, False), RelayDied(relay, "alice-1/0")]
    for repetitions in range(1, 6):
        history.append(Delivered("relay-9", "alice-1/0", 1, True))
        assert len(signatures(*history)) == max(repetitions - deaths, 0)


def test_of_the_newest_events_of_streams_those_that_came_first_are_forgotten_first() -> None:
    """They are evidence; the names of the streams say nothing about their age."""
    oracle = Oracle(Accounts(), remembered=2)
    for number, stream in enumerate(("zeta", "yew", "xenon", "acme", "beta"), 1):
        oracle.on_stored(number, event(number, 1, ADA, f"alice-{number}/0", stream))
    assert list(oracle.changed) == ["xenon", "acme", "beta"]


@pytest.mark.parametrize(("state", "wrong"), [({"ada", "bob", "cleo"}, []), ({"zoe"}, [("snapshot-differs", "SNAP")])])
def test_an_append_of_unknown_outcome_may_be_hidden_behind_all_that_is_hidden_already(
    state: set[str], wrong: list[tuple[str, str]]
) -> None:
    """So a snapshot that has it is not ahead of the log, and is judged once it is visible."""
    hidden = (
        SessionOpened("s"),
        asked("bob-1", BOB),
        yes("bob-1", 2),
        asked("cleo-1", CLEO),
        Unknown("cleo", "cleo-1"),
    )
    taken = SnapshotTaken("stream:acme", 3, frozenset(state), 1)
    visible = (event(2, 2, BOB, "bob-1/0"), taken, event(3, 3, CLEO, "cleo-1/0"))
    assert signatures(*FIRST, *hidden, *visible, Settled(0)) == wrong


def test_where_only_some_types_were_asked_for_one_that_is_dismissed_was_overtaken_by_those_all_the_same() -> None:
    """By the next event of its type, which was applied before it."""
    index = ConsumerSpec(name="index", projection="pointers", types=("Registered",))
    judge = checker(None)
    opened = Opened(1, "by hand", "accounts", ("alice", "bob"), (index,))
    for record in (opened, *FIRST, *SECOND, Applied("index", 2, {}), Ignored("index", 1)):
        judge.feed(record)
    assert "overtaken-event-dropped" in [one.anomaly for one in judge.findings]


@pytest.mark.parametrize(
    ("answer", "more"),
    [(Refused("bob", "bob-1", 1), []), (Aborted("bob", "bob-1"), ["lost-update"])],
    ids=["refused", "aborted"],
)
def test_an_event_whose_append_was_refused_is_not_judged_as_an_update_but_one_that_was_aborted_is(
    answer: Any, more: list[str]
) -> None:
    """Nothing was expected of the stream once the log has said no; a client that gives up has not seen an answer."""
    records = (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), answer, event(2, 2, BOB, "bob-1/0"))
    assert [one.anomaly for one in judged(records, None)] == ["refused-append-visible", *more]


def test_a_recording_that_begins_in_the_middle_is_compared_in_plain_values_if_it_comes_from_a_file() -> None:
    """There an event is a dict, and what was asked for is one of the application's."""
    records = (OPENED, asked("bob-1", BOB, stream="zeta"), event(7, 1, plain(BOB), "bob-1/0", "zeta"))
    stored = (*records[:2], msgspec.structs.replace(records[2], type="Registered"))
    for compared, anomalies in ((plain, []), (None, ["event-altered"])):
        judge = partial_checker(Beginning(5, {"zeta": 0}), compared)
        for record in stored:
            judge.feed(record)
        assert [one.anomaly for one in judge.finish()] == anomalies
