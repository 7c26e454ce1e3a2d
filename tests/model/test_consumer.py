"""Every design of consumer owes the fold of the log: under crashes at each durable step, duplicates and reordering."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

from refold.model.consumer import PAGE, AtomicConsumer, CacheConsumer, Consumer, SnapshotConsumer
from refold.model.event import NewEvent
from refold.model.examples.accounts import Accounts, Deleted, Registered
from refold.model.expectation import ANY
from refold.model.log import AppendRequest, Log
from refold.model.process import ProcessDied
from refold.model.record import (
    Applied,
    CheckpointSaved,
    Disordered,
    Failed,
    Held,
    Ignored,
    Recovered,
    SnapshotLoaded,
    SnapshotTaken,
)

from .built import consumer, filled, request, run_on

DESIGNS = [(Consumer, "pointers"), (AtomicConsumer, "states"), (SnapshotConsumer, "totals"), (CacheConsumer, "views")]
ORDERED = DESIGNS[:3]


def lively() -> Log:
    """Names come and go and come again."""
    log = Log()
    events = [Registered("acme", "ada"), Registered("acme", "bob"), Deleted("acme", "ada"), Registered("zeta", "ada")]
    events += [Deleted("acme", "bob"), Registered("acme", "ada"), Deleted("zeta", "ada"), Registered("zeta", "bob")]
    for n, event in enumerate(events, 1):
        log.append(AppendRequest(f"w-{n}", event.org, ANY, (NewEvent(f"w-{n}/0", type(event).__name__, event),)))
    return log


def folded(projection: str, log: Log) -> dict[str, Any]:
    """The rows that a full replay gives."""
    project, rows = Accounts().projection(projection), {}
    for event in log.entries:
        for key, value in project(event, rows).items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
    return rows


def kinds(records: Iterable[Any]) -> list[tuple[str, int]]:
    """Class and position of records."""
    return [(type(record).__name__, record.position) for record in records]


@pytest.mark.parametrize(("design", "projection"), DESIGNS)
def test_a_consumer_reaches_the_tail_and_holds_the_fold(design: type[Consumer], projection: str) -> None:
    """And sleeps then."""
    log = lively()
    reader, _ = consumer(design, projection, log)
    run_on(reader)
    assert reader.idle()
    assert reader.position == len(log.entries)
    assert reader.store.rows() == folded(projection, log)


@pytest.mark.parametrize(("design", "projection"), DESIGNS)
def test_a_sleeping_consumer_wakes_up_for_a_new_event(design: type[Consumer], projection: str) -> None:
    """The log announces it."""
    log = lively()
    reader, _ = consumer(design, projection, log)
    run_on(reader)
    log.append(AppendRequest("x-1", "acme", ANY, (NewEvent("x-1/0", "Registered", Registered("acme", "cy")),)))
    assert reader.idle()
    run_on(reader)
    assert reader.position == len(log.entries)
    assert reader.store.rows() == folded(projection, log)


@pytest.mark.parametrize("events_before", range(8))
@pytest.mark.parametrize("fuse", [1, 2, 3])
@pytest.mark.parametrize(("design", "projection"), ORDERED)
def test_a_crash_at_any_durable_step_loses_and_repeats_nothing(
    design: type[Consumer], projection: str, fuse: int, events_before: int
) -> None:
    """After the restart the rows become the fold of the whole log."""
    log = lively()
    reader, records = consumer(design, projection, log)
    for _ in range(events_before):
        reader.turn(0)
    reader.light(fuse)
    try:
        run_on(reader)
    except ProcessDied:
        reader.crash()
        reader.restart()
    recoveries = [record.position for record in records if isinstance(record, Recovered)]
    assert all(position <= reader.store.applied for position in recoveries), "it went on behind its effects"
    reader.fuse = 0
    run_on(reader)
    assert reader.store.rows() == folded(projection, log)
    if not reader.spec.volatile:
        applied = [record.position for record in records if isinstance(record, Applied)]
        assert applied == sorted(set(applied)), "an effect was applied twice"


def test_the_effect_comes_before_the_checkpoint_which_comes_before_the_next_effect() -> None:
    """Two durable steps per event."""
    reader, records = consumer(Consumer, "pointers", filled("ada", "bob"))
    run_on(reader)
    assert kinds(records) == [
        ("Applied", 1),
        ("CheckpointSaved", 1),
        ("Applied", 2),
        ("CheckpointSaved", 2),
    ]


def test_an_event_whose_checkpoint_was_lost_comes_again_and_is_recognised() -> None:
    """By the rows, which know their position."""
    reader, records = consumer(Consumer, "pointers", filled("ada"))
    reader.light(2)
    with pytest.raises(ProcessDied):
        reader.turn(0)
    reader.crash()
    reader.restart()
    assert reader.position == 0
    run_on(reader)
    assert kinds(records) == [("Applied", 1), ("Recovered", 0), ("Ignored", 1), ("CheckpointSaved", 1)]


def test_the_atomic_design_saves_rows_and_checkpoint_in_one_step() -> None:
    """There is nothing in between to die in."""
    reader, records = consumer(AtomicConsumer, "states", filled("ada"))
    reader.light(2)
    run_on(reader)
    assert reader.fuse == 1
    assert kinds(records) == [("Applied", 1)]
    assert (reader.store.applied, reader.store.checkpoint) == (1, 1)


@pytest.mark.parametrize("back", [1, 2, 3, 4, 100])
@pytest.mark.parametrize(("design", "projection"), ORDERED)
def test_a_duplicate_is_recognised_however_late_it_comes(design: type[Consumer], projection: str, back: int) -> None:
    """Nothing changes."""
    log = lively()
    reader, records = consumer(design, projection, log)
    run_on(reader)
    records.clear()
    assert reader.redeliver(back)
    assert kinds(records) == [("Ignored", max(len(log.entries) - back + 1, 1))]
    assert reader.store.rows() == folded(projection, log)


def test_nothing_is_redelivered_to_a_consumer_that_has_received_nothing() -> None:
    """There is nothing to repeat."""
    reader, records = consumer(Consumer, "pointers", filled("ada"))
    assert not reader.redeliver(1)
    assert records == []


@pytest.mark.parametrize("index", [1, 2, 3])
@pytest.mark.parametrize(("design", "projection"), ORDERED)
def test_an_early_message_is_put_off(design: type[Consumer], projection: str, index: int) -> None:
    """It stays in flight and is applied in its turn."""
    log = lively()
    reader, records = consumer(design, projection, log)
    reader.turn(index)
    assert kinds(records) == [("Held", index + 1)]
    assert len(reader.inbox) == PAGE
    run_on(reader)
    assert reader.store.rows() == folded(projection, log)


def test_a_handler_that_fails_keeps_its_successors_waiting() -> None:
    """The event is tried again first."""
    reader, records = consumer(SnapshotConsumer, "totals", filled("ada", "bob"))
    reader.fail()
    run_on(reader)
    assert kinds(records) == [("Failed", 1), ("Applied", 1), ("Applied", 2)]
    assert [record for record in records if isinstance(record, Failed)]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("design", "projection"), ORDERED)
def test_an_ordered_consumer_holds_the_fold_after_any_mixture_of_faults(
    design: type[Consumer], projection: str, seed: int
) -> None:
    """Random turns, duplicates, failures, snapshots and crashes."""
    generator = random.Random(f"{design.__name__} {seed}")
    log = lively()
    reader, records = consumer(design, projection, log)
    for _ in range(40):
        try:
            match generator.randrange(8):
                case 0:
                    reader.redeliver(generator.randint(1, 4))
                case 1:
                    reader.light(generator.randint(1, 3))
                case 2:
                    reader.crash()
                    reader.restart()
                case 3:
                    reader.fail()
                case 4 if reader.spec.snapshots and reader.position:
                    reader.take_snapshot()
                case _:
                    reader.turn(generator.choice((0, 0, 0, 1, 2)))
        except ProcessDied:
            reader.crash()
            reader.restart()
        checkpoints = [record.position for record in records if isinstance(record, CheckpointSaved)]
        assert checkpoints == sorted(checkpoints)
    reader.fuse = 0
    run_on(reader)
    assert reader.store.rows() == folded(projection, log)


# -- snapshots of consumers


def test_recovery_takes_the_newest_snapshot_and_the_tail() -> None:
    """And not a replay from the beginning."""
    log = lively()
    reader, records = consumer(SnapshotConsumer, "totals", log)
    for _ in range(3):
        reader.turn(0)
    reader.take_snapshot()
    reader.turn(0)
    reader.crash()
    records.clear()
    reader.restart()
    assert kinds(records) == [("SnapshotLoaded", 3), ("Recovered", 3)]
    run_on(reader)
    assert kinds(record for record in records if isinstance(record, Applied))[0] == ("Applied", 4)
    assert reader.store.rows() == folded("totals", log)


def test_a_snapshot_does_not_change_with_the_rows() -> None:
    """It is a copy."""
    reader, records = consumer(SnapshotConsumer, "totals", filled("ada", "bob", "cy"))
    reader.turn(0)
    reader.take_snapshot()
    run_on(reader)
    taken = next(record for record in records if isinstance(record, SnapshotTaken))
    assert taken.state == {"acme": 1}
    assert reader.snapshots.newest("totals").state == {"acme": 1}


def test_a_loaded_snapshot_does_not_change_with_the_rows_either() -> None:
    """It may be loaded again after the next crash."""
    reader, records = consumer(SnapshotConsumer, "totals", filled("ada", "bob", "cy"))
    reader.turn(0)
    reader.take_snapshot()
    for _ in range(2):
        reader.crash()
        reader.restart()
        run_on(reader)
    loaded = [record.state for record in records if isinstance(record, SnapshotLoaded)]
    assert loaded == [{"acme": 1}, {"acme": 1}]
    assert reader.store.rows() == {"acme": 3}


def test_a_snapshot_of_another_schema_is_not_used() -> None:
    """Recovery begins at the beginning."""
    log = filled("ada", "bob")
    reader, records = consumer(SnapshotConsumer, "totals", log)
    run_on(reader)
    reader.take_snapshot()
    reader.context.schema = 2
    reader.crash()
    records.clear()
    reader.restart()
    assert kinds(records) == [("Recovered", 0)]


def test_a_crash_in_the_middle_of_a_snapshot_leaves_the_one_before() -> None:
    """Saving is one durable step."""
    reader, _ = consumer(SnapshotConsumer, "totals", filled("ada", "bob"))
    reader.turn(0)
    reader.take_snapshot()
    reader.turn(0)
    reader.light(1)
    with pytest.raises(ProcessDied):
        reader.take_snapshot()
    assert reader.snapshots.newest("totals").position == 1


# -- caches


def test_a_late_change_does_not_undo_a_newer_one() -> None:
    """Of the same row; others are independent."""
    log = lively()
    reader, records = consumer(CacheConsumer, "views", log)
    reader.turn(2)
    assert records[-1] == Applied("views", 3, {"ada@acme": None})
    reader.turn(0)
    assert records[-1] == Ignored("views", 1)
    assert reader.store.get("ada@acme") is None
    reader.turn(0)
    assert records[-1] == Applied("views", 2, {"bob@acme": "acme"})
    run_on(reader)
    assert reader.store.rows() == folded("views", log)


@pytest.mark.parametrize(("taken", "position"), [((0,), 1), ((0, 0, 0), 3), ((2, 0), 1), ((2, 0, 0), 3), ((3,), 0)])
def test_a_cache_has_come_as_far_as_the_last_message_before_those_in_flight(
    taken: tuple[int, ...], position: int
) -> None:
    """Whatever it has taken beyond that."""
    reader, _ = consumer(CacheConsumer, "views", lively())
    for index in taken:
        reader.turn(index)
    assert (reader.position, reader.done_with()) == (position, position)


@pytest.mark.parametrize("seed", range(60))
def test_a_cache_agrees_with_the_fold_whatever_the_order(seed: int) -> None:
    """And shows no row after a crash that the log does not."""
    generator = random.Random(seed)
    log = lively()
    reader, _ = consumer(CacheConsumer, "views", log)
    crashed = False
    for _ in range(30):
        match generator.randrange(12):
            case 0:
                reader.crash()
                reader.restart()
                crashed = True
            case 1 if reader.position:
                reader.redeliver(generator.randint(1, 4))
            case _:
                reader.turn(generator.randrange(4))
    run_on(reader)
    rows, full = reader.store.rows(), folded("views", log)
    assert rows.items() <= full.items()
    assert crashed or rows == full


def test_a_cache_takes_a_duplicate_of_an_event_that_it_never_fetched() -> None:
    """A log that shows an event late: the harness must not fall over what it is there to find."""
    log = lively()
    late = log.entries.pop(1)
    log.dense = False
    reader, records = consumer(CacheConsumer, "views", log)
    run_on(reader)
    log.entries.insert(1, late)
    assert reader.redeliver(7)
    assert records[-1].position == late.position


def test_an_emptied_cache_does_not_bring_back_what_was_deleted_before() -> None:
    """The versions of deleted rows are forgotten, so what is older than the restart stays out."""
    log = lively()
    reader, records = consumer(CacheConsumer, "views", log)
    run_on(reader)
    reader.crash()
    reader.restart()
    assert records[-1] == Recovered("views", len(log.entries), {})
    for back in range(1, 9):
        reader.redeliver(back)
    assert reader.store.rows() == {}
    assert not [record for record in records if isinstance(record, Held)]


class Reordered(Log):
    """Gives the events at these positions, in this order, whoever asks."""

    page: tuple[int, ...] = ()

    def read(self, after: int, limit: int) -> Any:
        """One page, always the same."""
        return [self.entries[position - 1] for position in self.page]


@pytest.mark.parametrize("page", [(1, 2), (2,), (1, 2, 3), (2, 1), (1, 3, 2), (3, 2, 1)], ids=str)
def test_a_page_that_comes_in_the_wrong_order_is_told(page: tuple[int, ...]) -> None:
    """By the consumer that has read it, also where it has two events only; it is the log that is to blame."""
    log = Reordered()
    log.page = page
    for n, name in enumerate(("ada", "bob", "cleo"), 1):
        log.append(request(f"w-{n}", name))
    reader, records = consumer(Consumer, "pointers", log)
    reader.fetch()
    told = [(record.reader, record.positions) for record in records if isinstance(record, Disordered)]
    assert told == ([] if list(page) == sorted(page) else [("pointers", page)])


class Listening(Consumer):
    """Notes whose handler has raised."""

    raised: tuple[int, ...] = ()

    def failed(self, event: Any) -> None:
        """One more."""
        self.raised += (event.position,)


def test_of_the_messages_in_flight_it_is_the_next_one_whose_handler_raises() -> None:
    """That is what a design of its own is told, as the record says it."""
    reader, records = consumer(Listening, "pointers", filled("ada", "bob", "cy"))
    reader.fail()
    reader.turn(0)
    reader.fail()
    assert reader.raised == (1, 2)
    assert [record.position for record in records if isinstance(record, Failed)] == [1, 2]
