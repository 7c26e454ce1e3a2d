"""Memory that is given up: with windows of a few entries nobody is accused wrongly, and what is not judged is said.

Every history here is longer than its windows, so that every path on which something is forgotten is taken.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.examples.accounts import Accounts, Register, Registered
from refold.model.expectation import at_version
from refold.model.parts.calls import Shown
from refold.model.parts.claims.lock import Granted, LockedWrite, Renewed
from refold.model.parts.claims.reservation import HoldEnded, HoldTaken
from refold.model.parts.consuming.dead_letters import Parked
from refold.model.parts.consuming.mailer import Covered, Sent
from refold.model.parts.consuming.rebuild import Rebuilt, StreamAnswered
from refold.model.parts.messages.outbox import Delivered, RelayDied
from refold.model.parts.messages.process_manager import CommandExecuted, CommandRecognised
from refold.model.parts.messages.topic import Published, Tallied, Tally
from refold.model.parts.reading.looks import Viewed
from refold.model.parts.reading.query import Answered
from refold.model.parts.reading.range_reads import RangeRead
from refold.model.parts.removal import LogTrimmed
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Acknowledged,
    Applied,
    ConsumerSpec,
    Failed,
    Opened,
    Prepared,
    Recovered,
    Retried,
    Scanned,
    SnapshotTaken,
    Stored,
    StreamScanned,
)
from refold.properties.consumers.replay import ReplayEquality
from refold.properties.consumers.snapshots import SnapshotEquality
from refold.properties.oracle import Oracle
from refold.properties.property import Checker
from refold.properties.suite import checker, properties
from refold.properties.window import Window
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.systems.broken import BROKEN
from refold.systems.registry import correct_systems, resolve

from ..search.found import SHOWN_BY_PLANS, plans
from .cases.records import asked, event, yes

SMALL = 8
"""Entries that a window of these tests remembers."""


def histories(system: str, application: str, seeds: int, length: int = 400) -> Iterator[list[Any]]:
    """Histories of random plans, to their ends."""
    port, subject = resolve(system), application_named(application)
    menu = port.menu(subject)
    for seed in range(seeds):
        tape = random.Random(seed).randbytes(menu.length(length))
        yield execute(port, subject, menu.decode(tape), whole=True).history


def fed(judge: Checker, history: list[Any]) -> Checker:
    """The checker at the end of the history."""
    for record in history:
        judge.feed(record)
    judge.finish()
    return judge


@pytest.mark.parametrize("application", ["accounts", "inventory", "rota"])
@pytest.mark.parametrize("system", correct_systems())
def test_no_right_system_is_accused_by_judges_that_forget(system: str, application: str) -> None:
    """Also not where consumers begin again, or come to events that are forgotten."""
    subject = application_named(application)
    for history in histories(system, application, 3):
        judge = fed(checker(subject, remembered=SMALL), history)
        assert judge.findings == [], judge.findings[0]


@pytest.mark.parametrize("system", correct_systems())
def test_nothing_is_given_up_while_nothing_is_forgotten(system: str) -> None:
    """With windows of the usual size, in runs as a search makes them."""
    for history in histories(system, "accounts", 2):
        assert fed(checker(Accounts()), history).given_up() == ()


def test_a_window_forgets_the_oldest_and_says_what_that_costs() -> None:
    window = Window(2, "whether numbers come again that are older than the newest {size}")
    entries = dict.fromkeys(range(4))
    assert window.full == len(entries)
    assert window.given_up() == ""
    window.trim(entries)
    assert list(entries) == [2, 3]
    assert window.dropped == 2
    assert window.given_up() == "whether numbers come again that are older than the newest 2"
    window.miss()
    assert window.dropped == 3


@pytest.mark.parametrize("name", SHOWN_BY_PLANS)
def test_what_judges_that_forget_do_not_find_they_say(name: str) -> None:
    """They accuse only where those with a good memory do; and where they find less, they have given something up."""
    system, subject = BROKEN[name].system(), application_named(BROKEN[name].application)
    for plan in plans(system, subject, 6, 200):
        history = execute(system, subject, plan, whole=True).history
        known, forgot = fed(checker(subject), history), fed(checker(subject, remembered=SMALL), history)
        found, still = ({one.judge for one in judge.findings} for judge in (known, forgot))
        assert still <= found
        assert still == found or forgot.given_up()


# -- one thing after the other, in logs that are longer than the windows


NOBODY = Opened(1, "by hand", "accounts", ("alice",), ())
"""Nobody consumes, so that nothing but the window keeps events."""


def appends(count: int, first: int = 1) -> tuple[Any, ...]:
    """So many appends to one stream, the first at this position, each with its answer."""
    records: list[Any] = []
    for n in range(first, first + count):
        name, op = f"user{n}", f"alice-{n}"
        payload = Registered("acme", name)
        records += [
            asked(op, payload, expected=at_version(n - 1), command=Register("acme", name)),
            event(n, n, payload, f"{op}/0"),
            yes(op, n),
        ]
    return tuple(records)


def scan(*positions: int, after: int = 0, other: int = 0) -> Scanned:
    """A scan that shows these positions, one of them (`other`) under an id that is not its own."""
    ids = tuple(f"alice-{n}/0" if n != other else "mallory-1/0" for n in positions)
    return Scanned(positions, ids, after)


def verdict(*records: Any, opened: Opened = NOBODY) -> tuple[list[str], list[str]]:
    """The anomalies that judges with small windows find, and the first words of what they have given up."""
    judge = fed(checker(Accounts(), remembered=SMALL), [opened, *records])
    return [one.anomaly for one in judge.findings], [" ".join(words.split()[:4]) for words in judge.given_up()]


APPENDS_GIVEN_UP = "whether events were asked"
FEW, MANY = appends(SMALL), appends(5 * SMALL)
EVERYTHING = range(1, 5 * SMALL + 1)


def test_a_phantom_is_convicted_as_long_as_no_append_is_forgotten_and_not_judged_from_then_on() -> None:
    """In a log of any length: nothing is switched off while nothing was forgotten."""
    for count, found in ((SMALL, True), (2 * SMALL - 1, True), (2 * SMALL, False)):
        phantom = event(count + 1, count + 1, Registered("acme", "zoe"), "nobody-1/0")
        assert verdict(*appends(count), phantom)[0] == (["phantom-event"] if found else [])
    assert APPENDS_GIVEN_UP in verdict(*MANY)[1]
    assert APPENDS_GIVEN_UP not in verdict(*FEW)[1]


def test_an_append_that_is_sent_again_after_it_was_forgotten_is_not_judged() -> None:
    """Its effect may be there already."""
    again = Prepared("alice", "alice-1", Register("acme", "user1"), "store", "acme", 40, at_version(40), MANY[0].events)
    assert verdict(*MANY, Retried("alice", "alice-1"), again, yes("alice-1", 1), scan(*EVERYTHING))[0] == []


@pytest.mark.parametrize("missing", [1, 7, 40])
def test_that_an_event_is_missing_is_noticed_whether_it_is_remembered_or_only_digested(missing: int) -> None:
    """Only its name is lost."""
    shown = [n for n in EVERYTHING if n != missing]
    assert verdict(*MANY, scan(*EVERYTHING))[0] == []
    assert verdict(*MANY, scan(*shown))[0] == ["acknowledged-append-lost"]
    assert verdict(*MANY, scan(*shown), scan(*shown))[0] == ["acknowledged-append-lost"]
    assert verdict(*MANY, scan(*EVERYTHING, other=missing))[0] == ["acknowledged-append-lost"]


def test_an_event_that_was_lost_and_is_back_is_none_that_is_missing() -> None:
    """What a scan showed is what must stay from then on, in digests too."""
    shown = [n for n in EVERYTHING if n != 1]
    assert verdict(*MANY, scan(*shown), scan(*EVERYTHING), scan(*EVERYTHING))[0] == ["acknowledged-append-lost"]
    assert verdict(*MANY, scan(*shown), *appends(20, 41), scan(*shown, *range(41, 61)))[0] == [
        "acknowledged-append-lost"
    ]


def test_a_scan_that_begins_among_forgotten_events_is_judged_from_the_remembered_ones_on_and_that_is_said() -> None:
    shown = [n for n in EVERYTHING if n > 3]
    found, given_up = verdict(*MANY, scan(*shown, after=3), scan(*EVERYTHING))
    assert (found, "whether a scan of" in given_up) == ([], True)
    assert verdict(*MANY, scan(*shown[:-1], after=3))[0] == ["acknowledged-append-lost"]
    assert "whether a scan of" not in verdict(*MANY, scan(*EVERYTHING), scan(39, 40, after=38))[1]


def test_a_read_of_forgotten_events_is_judged_by_its_bounds_and_that_its_contents_are_not_is_said() -> None:
    assert verdict(*MANY, RangeRead(1, 2, 9, (), ())) == ([], [APPENDS_GIVEN_UP, "what reads of ranges"])
    assert verdict(*MANY, RangeRead(1, 2, 9, (3,), ("x/0",)))[0] == ["phantom-entry"]
    assert verdict(*MANY, RangeRead(1, 2, 9, (2, 1), ("x/0", "y/0")))[0] == ["read-out-of-order"]
    assert verdict(*MANY, RangeRead(40, 40, 9, (), ())) == (["range-differs"], [APPENDS_GIVEN_UP])


def test_a_late_answer_about_a_forgotten_event_is_not_judged_and_that_is_said() -> None:
    late = Acknowledged("alice", "alice-1", (2,))
    assert verdict(*MANY, late) == ([], [APPENDS_GIVEN_UP, "whether late answers name"])
    assert verdict(*MANY, Acknowledged("alice", "alice-40", (39,)))[0] == ["acknowledged-elsewhere"]


def test_the_number_of_a_forgotten_hold_may_come_again_and_that_is_said() -> None:
    holds = [
        record
        for n in range(1, 30)
        for record in (HoldTaken("alice", "seat-1", n, n + 2, n), HoldEnded("seat-1", n, "confirmed", n))
    ]
    assert verdict(*holds, HoldTaken("bob", "seat-1", 1, 90, 80)) == ([], ["whether holds have the"])
    assert verdict(*holds, HoldTaken("bob", "seat-1", 29, 90, 80))[0] == ["hold-number-reused"]


def test_side_effects_of_forgotten_events_are_not_judged_and_that_is_said() -> None:
    delivered = [Delivered("relay-1", f"alice-{n}/0", n, True) for n in EVERYTHING]
    executed = [CommandExecuted(f"command-{n}", "ship", n) for n in EVERYTHING]
    assert "whether messages of the" in verdict(*MANY, *delivered, delivered[0])[1]
    assert verdict(*MANY, *delivered, delivered[-1])[0] == ["side-effect-twice"]
    found, given_up = verdict(*MANY, *executed, executed[0], CommandRecognised("command-99", "ship", 99))
    assert (found, "whether commands older than" in given_up) == ([], True)
    assert verdict(*MANY[:6], *executed[:2], CommandRecognised("command-99", "ship", 99))[0] == ["command-missing"]


@pytest.mark.parametrize(
    "effect",
    [Delivered("relay-1", "x", 0, True), CommandExecuted("command-0", "ship", 0), Sent("mailer", 0, "acme")],
    ids=lambda effect: type(effect).__name__,
)
def test_an_effect_of_no_event_is_found_whatever_is_forgotten(effect: Any) -> None:
    """No event ever had a position below 1."""
    assert verdict(*MANY, effect)[0] == verdict(effect)[0] != []


CONSUMERS = (
    ConsumerSpec(name="totals", projection="totals", volatile=True, snapshots=True),
    ConsumerSpec(name="cache", projection="views", ordered=False, volatile=True),
)


def consumed(*extra: Any) -> list[Any]:
    """A log that consumers follow, event by event, and more."""
    records: list[Any] = []
    rows: dict[str, Any] = {}
    for n in EVERYTHING:
        appended = appends(1, n)
        stored: Stored = appended[1]
        writes = Accounts().projection("views")(stored, rows)
        rows.update(writes)
        records += [*appended, Applied("totals", n, {"acme": n}), Applied("cache", n, dict(writes))]
    return [*records, *extra]


def test_a_consumer_that_begins_again_behind_what_is_forgotten_is_not_judged_and_that_is_said() -> None:
    """It reads events that nobody knows any more; one that begins where they are known is judged."""
    opened = Opened(1, "by hand", "accounts", ("alice",), CONSUMERS)
    again = (Recovered("totals", 0, {}), Applied("totals", 1, {"acme": 1}), Applied("totals", 2, {"acme": 9}))
    found, given_up = verdict(*consumed(*again), opened=opened)
    assert (found, "what a consumer did" in given_up) == ([], True)
    assert verdict(*consumed(), opened=opened) == ([], [APPENDS_GIVEN_UP])
    from_snapshot = (SnapshotTaken("totals", 40, {"acme": 40}, 1), Recovered("totals", 40, {"acme": 40}))
    assert verdict(*consumed(*from_snapshot), opened=opened) == ([], [APPENDS_GIVEN_UP])


def test_a_consumer_that_begins_again_behind_its_snapshot_is_judged_though_older_events_are_forgotten() -> None:
    """The snapshot has what they made of its rows."""
    opened = Opened(1, "by hand", "accounts", ("alice",), CONSUMERS)
    log = consumed()
    place = next(n for n, one in enumerate(log) if isinstance(one, Applied) and one.position == 37)
    log.insert(place + 1, SnapshotTaken("totals", 37, {"acme": 37}, 1))
    for rows, anomalies in ((38, []), (37, ["replayed-state-differs"])):
        again = Recovered("totals", 38, {"acme": rows})
        assert verdict(*log, again, opened=opened) == (anomalies, [APPENDS_GIVEN_UP])


def test_a_consumer_that_joins_when_events_are_forgotten_is_not_judged_and_that_is_said() -> None:
    joined = Joined(ConsumerSpec(name="late", projection="totals"))
    opened = Opened(1, "by hand", "accounts", ("alice",), CONSUMERS)
    found, given_up = verdict(*consumed(joined, Applied("late", 7, {"acme": 99})), opened=opened)
    assert (found, "what a consumer did" in given_up) == ([], True)


def test_failures_are_forgotten_one_day_and_that_is_said() -> None:
    opened = Opened(1, "by hand", "accounts", ("alice",), CONSUMERS)
    failed = [Failed("totals", n) for n in range(100, 140)]
    log = consumed(*appends(1, 41))
    old = Parked("totals", 41, "acme", 1)
    found, given_up = verdict(*log, Failed("totals", 41), *failed, old, opened=opened)
    assert (found, "whether events were put" in given_up) == ([], True)
    assert verdict(*log, old, opened=opened)[0] == ["parked-without-cause"]
    assert verdict(*log, Failed("totals", 41), old, opened=opened)[0] == []
    assert verdict(*consumed(), Failed("totals", 41), old, opened=opened)[0] == ["parked-without-cause"], (
        "it is not there"
    )


def test_answers_and_snapshots_of_states_that_are_forgotten_are_not_judged_and_that_is_said() -> None:
    """Old states of keys, and old snapshots of streams; what is new is judged however long the log is."""
    old = Answered("bob", "acme", "store", 3, ["nobody"], 37, 37)
    assert verdict(*MANY, old) == ([], [APPENDS_GIVEN_UP, "answers with states older"])
    assert verdict(*MANY, Answered("bob", "acme", "store", 40, ["nobody"], 0, 0))[0] == ["answer-differs"]
    assert verdict(*MANY, Answered("alice", "acme", "store", 39, [], 1, 1))[0] == ["own-write-not-read"]
    assert verdict(*MANY, SnapshotTaken("stream:acme", 3, ["nobody"], 1)) == (
        [],
        [APPENDS_GIVEN_UP, "snapshots of states that"],
    )
    assert verdict(*MANY, SnapshotTaken("stream:acme", 40, ["nobody"], 1))[0] == ["snapshot-differs"]
    assert verdict(*MANY, SnapshotTaken("stream:zeta", 0, ["nobody"], 1))[0] == ["snapshot-differs"]
    remembered = SnapshotTaken("stream:acme", 33 - SMALL + 1, ["nobody"], 1)
    assert verdict(*appends(33), remembered)[0] == ["snapshot-differs"]


def test_of_a_stream_of_which_nobody_takes_a_snapshot_no_more_events_are_kept_than_the_window_says() -> None:
    """What is older is folded."""
    oracle = Oracle(Accounts(), remembered=SMALL)
    judge = SnapshotEquality(Accounts(), oracle, ReplayEquality(Accounts(), oracle))
    for n in EVERYTHING:
        judge.on_stored(n, event(n, n, Registered("acme", f"user{n}"), f"alice-{n}/0"))
        folded, _, kept = judge.streams["acme"]
        assert len(kept) < 2 * SMALL
        assert folded <= max(n - SMALL, 0)


def test_an_answer_about_the_newest_version_of_a_stream_is_judged_however_long_it_is() -> None:
    """And one about an older version only while its events are remembered."""
    log = appends(300)
    new, old = (StreamAnswered("index", "acme", version, frozenset()) for version in (int("300"), int("299")))
    assert verdict(*log, new) == (["answer-differs"], [APPENDS_GIVEN_UP])
    assert verdict(*log, old) == ([], [APPENDS_GIVEN_UP, "answers about streams as"])


@pytest.mark.parametrize(
    ("shown", "anomalies"),
    [
        ((*range(11, 41),), []),
        ((*range(15, 41),), []),
        ((11, *range(11, 41)), ["version-gap"]),
        ((12, 11, *range(13, 41)), ["version-gap"]),
        ((11, *range(13, 41)), ["removal-takes-more"]),
    ],
    ids=[
        "what is left",
        "nobody knows where it began",
        "its first one twice",
        "two in the wrong order",
        "one is missing",
    ],
)
def test_a_stream_of_which_forgotten_events_were_removed_may_begin_anywhere_but_goes_on_without_gaps(
    shown: tuple[int, ...], anomalies: list[str]
) -> None:
    assert verdict(*MANY, LogTrimmed(10), StreamScanned("acme", shown))[0] == anomalies


def test_a_rebuild_of_another_position_is_not_judged_when_events_are_forgotten_and_that_is_said() -> None:
    opened = Opened(1, "by hand", "accounts", ("alice",), CONSUMERS)
    found, given_up = verdict(*consumed(Rebuilt("totals", 39, {"acme": 99})), opened=opened)
    assert (found, "the rows of a" in given_up) == ([], True)
    assert verdict(*consumed(Rebuilt("totals", 40, {"acme": 99})), opened=opened)[0] == ["rebuild-differs"]


def topic_with(offset: int, total: int) -> Checker:
    """A topic of fifty messages, and a tally that is shown at last."""
    messages = [Published("alice", 1, n) for n in range(1, 51)]
    return fed(checker(None, remembered=SMALL), [*messages, Tallied(Tally(1, offset, offset, total))])


def test_a_tally_at_a_remembered_offset_is_judged_and_one_at_a_forgotten_offset_is_said_not_to_be() -> None:
    assert [finding.anomaly for finding in topic_with(50, 49).findings] == ["replayed-state-differs"]
    assert [topic_with(offset, offset).findings for offset in (50, 2)] == [[], []]
    late = topic_with(2, 7)
    assert not late.findings
    assert "tallies at offsets of topics older than the newest 8" in late.given_up()


def relayed(deaths: int, again: int) -> Checker:
    """Messages that relays delivered before they died; then one of them goes out again."""
    log = [event(n, n, Registered("acme", "ada"), f"op-{n}/0") for n in range(1, deaths + 2)]
    history: list[Any] = list(log)
    for stored in log[:deaths]:
        history += [Delivered("r", stored.id, stored.position, True), RelayDied("r", stored.id)]
    last = log[deaths]
    history += [Delivered("r", last.id, last.position, True)]
    return fed(checker(None, remembered=SMALL), [*history, Delivered("r", log[again].id, again + 1, True)])


def test_a_death_excuses_a_repetition_and_none_is_judged_when_deaths_are_forgotten_and_that_is_said() -> None:
    twice = "side-effect-twice"
    assert twice in {finding.anomaly for finding in relayed(3, 3).findings}
    assert twice not in {finding.anomaly for finding in relayed(3, 1).findings}
    forgotten = relayed(40, 40)
    assert twice not in {finding.anomaly for finding in forgotten.findings}
    assert any("deaths older than the newest 8" in words for words in forgotten.given_up())


REMEMBERED = {
    "appends": [10_000],
    "expected-version": [8192],
    "visibility": [8192],
    "durability": [10_000],
    "snapshot-integrity": [4],
    "snapshots": [16, 8192],
    "replay": [8192],
    "sessions": [64],
    "answers": [8192, 64],
    "external-effects": [8192],
    "dead-letters": [4096],
    "oracle": [8192],
    "listings": [8192],
    "outbox-delivery": [65_536, 8192, 65_536],
    "commands": [65_536, 8192],
    "locks": [4096],
    "reservations": [4096],
    "ranges": [8192],
    "topics": [65_536, 0],
    "replays": [8192],
    "service-answers": [4096],
    "watched-consumers": [8192],
}
"""Property -> the sizes of its windows. Reports name them to users, and the memory of a check rests on them."""


def test_histories_from_production_are_judged_by_windows_of_these_sizes() -> None:
    judges = [judge for judge in properties(Accounts()) if judge.windows]
    assert {judge.name: [window.size for window in judge.windows] for judge in judges} == REMEMBERED


def test_a_renewal_is_judged_by_the_last_grant_however_many_are_forgotten() -> None:
    grants = [Granted("alice", "ledger", n, 8 * n + 8, 8 * n) for n in range(1, 41)]
    assert verdict(*grants, Renewed("alice", "ledger", 40, 330, 322))[0] == []
    assert verdict(*grants, Renewed("bob", "ledger", 40, 330, 322))[0] == ["lease-renewed-by-another"]


def test_a_renewal_of_a_lock_that_was_never_granted_is_found_however_many_grants_of_others_are_forgotten() -> None:
    """The last grant of a lock is remembered for as long as the lock is."""
    grants = [Granted("alice", "ledger", n, 8 * n + 8, 8 * n) for n in range(1, 41)]
    assert verdict(*grants, Renewed("alice", "till", 1, 330, 322))[0] == ["lease-renewed-by-another"]


def test_a_write_under_a_token_of_a_forgotten_grant_is_not_judged_and_that_is_said() -> None:
    """One under a token that is remembered is judged however many are forgotten."""
    grants = [Granted("alice", "ledger", n, 8 * n + 8, 8 * n) for n in range(1, 41)]
    found, given_up = verdict(*grants, LockedWrite("alice", "ledger", 1))
    assert (found, given_up) == ([], ["whether writes under a"])
    assert verdict(*grants, LockedWrite("alice", "ledger", 40))[0] == []
    assert verdict(*grants, LockedWrite("bob", "ledger", 40))[0] == ["foreign-token-effect"]


@pytest.mark.parametrize("missing", [1, 20, 25, 33, 40])
def test_only_an_event_that_is_remembered_is_named_when_it_is_lost(missing: int) -> None:
    """Memory does not grow with the log: of the others a digest is kept."""
    judge = fed(checker(Accounts(), remembered=SMALL), [NOBODY, *MANY, scan(*(n for n in EVERYTHING if n != missing))])
    (found,) = judge.findings
    assert found.position == (missing if missing > len(EVERYTHING) - SMALL else None)
    assert (found.expected, found.actual) == ("40 events after position 0", "39 events")


def test_an_answer_to_a_forgotten_append_is_judged_by_scans_that_begin_before_its_position() -> None:
    answer = Acknowledged("alice", "alice-1", (41,))
    assert verdict(*MANY, answer, scan(after=40))[0] == ["acknowledged-append-lost"]
    assert verdict(*MANY, answer, scan(after=41))[0] == []


def test_what_watched_consumers_and_views_show_is_not_judged_when_events_are_forgotten_and_that_is_said() -> None:
    """While nothing is forgotten it is."""
    worker = ConsumerSpec(name="worker", projection="totals", watched=True)
    watching = Opened(1, "by hand", "accounts", ("alice",), (worker,))
    shows = (Shown("worker", None, {"acme": 0}, "resting"), Viewed("page", {"acme": 0}))
    found, given_up = verdict(*appends(3), *shows, opened=watching)
    assert (found, given_up) == (["replayed-state-differs", "view-differs-from-replay"], [])
    found, given_up = verdict(*appends(40), *shows, opened=watching)
    assert found == []
    assert {"what watched consumers show", "what views show when"} <= set(given_up)


@pytest.mark.parametrize("again", [20, 24, 27])
def test_a_message_that_comes_again_is_shown_with_its_note_while_the_event_is_remembered(again: int) -> None:
    """However many notes about older events are forgotten."""
    done = [
        record for n in range(1, 28) for record in (*appends(1, n), Sent("mailer", n, "acme"), Covered("mailer", n))
    ]
    judge = fed(checker(Accounts(), remembered=SMALL), [NOBODY, *done, Sent("mailer", again, "acme")])
    (found,) = judge.findings
    assert found.anomaly == "effect-repeated-on-replay"
    assert [proof.record for proof in found.evidence][1:] == [Covered("mailer", again), Sent("mailer", again, "acme")]
