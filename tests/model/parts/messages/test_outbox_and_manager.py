"""Outbox, process manager, double writes and change stream: what each contract allows and what not."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.action import Submit
from refold.model.event import Stored
from refold.model.examples.inventory import Inventory, Restock
from refold.model.parts.messages.change_stream import (
    TICKS_PER_STAMP,
    BeginChange,
    Capture,
    ChangeRow,
    CommitChange,
    Copied,
    CopyAtRest,
    CrashConnector,
    LoseOffset,
    RemoveRow,
)
from refold.model.parts.messages.dual_write import CrashWriter, Repair, StoresAtRest, WriteFirst, WriteSecond
from refold.model.parts.messages.outbox import CrashRelay, Delivered, Drain
from refold.model.parts.messages.process_manager import (
    CommandExecuted,
    CommandRecognised,
    CrashManager,
    Manage,
    ManageAgain,
    ProcessManager,
)
from refold.model.parts.reading.links import (
    Archive,
    FollowLink,
    LinkDiscarded,
    LinkShown,
    ListingAtRest,
    RebuildListing,
)
from refold.model.parts.reading.revisioned_keys import LookUp
from refold.search.run import execute
from refold.systems.reference import Reference
from refold.systems.registry import resolve

BOLT = Submit("alice", Restock("bolt", 1))


def run(kind: type, *plan: Any) -> list[Any]:
    """The records of one kind of a whole run of the reference system, which nobody accuses."""
    done = execute(Reference(), Inventory(), plan)
    assert done.findings == []
    assert len(done.performed) == len(plan)
    return [record for record in done.history if type(record) is kind]


def test_a_claimed_row_is_delivered_by_its_holder_alone() -> None:
    (delivered,) = run(Delivered, BOLT, Drain("relay-1"), Drain("relay-1"))
    assert delivered.relay == "relay-1"


def test_a_relay_that_dies_with_a_delivered_message_may_repeat_it() -> None:
    assert len(run(Delivered, BOLT, Drain("relay-1"), Drain("relay-1"), CrashRelay("relay-1"))) == 2


def test_a_relay_that_dies_before_the_delivery_leaves_nothing_out() -> None:
    assert len(run(Delivered, BOLT, Drain("relay-1"), CrashRelay("relay-1"))) == 1


def test_a_command_that_is_sent_again_is_recognised() -> None:
    assert len(run(CommandExecuted, BOLT, Manage(), CrashManager(), Manage())) == 2
    assert len(run(CommandRecognised, BOLT, Manage(), Manage(), Manage(), ManageAgain(1))) == 2


@pytest.mark.parametrize("back", [0, 2])
def test_only_an_event_that_the_manager_is_done_with_reaches_it_again(back: int) -> None:
    """Not the next one, nor one before the first."""
    done = (BOLT, Manage(), Manage(), Manage(), BOLT)
    assert execute(Reference(), Inventory(), (*done, ManageAgain(back))).performed == [*done]
    assert execute(Reference(), Inventory(), (*done, ManageAgain(1))).performed == [*done, ManageAgain(1)]


def test_what_a_dead_writer_left_is_repaired() -> None:
    (rest,) = run(StoresAtRest, WriteFirst("writer-1", "x"), CrashWriter("writer-1"), Repair())
    assert rest.first == rest.second == {"x": 1}


def test_a_writer_that_comes_late_does_not_undo_a_newer_fact() -> None:
    (rest,) = run(
        StoresAtRest,
        WriteFirst("writer-1", "x"),
        WriteFirst("writer-2", "x"),
        WriteSecond("writer-2"),
        WriteSecond("writer-1"),
    )
    assert rest.second == {"x": 2}


def test_a_change_that_commits_late_reaches_the_copy() -> None:
    (rest,) = run(CopyAtRest, BeginChange("a"), ChangeRow("b"), Capture(), CommitChange("a"))
    assert rest.rows == {"a": (2,), "b": (1,)}


@pytest.mark.parametrize("before", range(TICKS_PER_STAMP))
@pytest.mark.parametrize("between", range(2 * TICKS_PER_STAMP))
def test_whoever_asks_for_later_stamps_overlooks_only_what_bears_the_same_one(before: int, between: int) -> None:
    """So many ticks share one, and time does not run back."""
    wait = LookUp("bob", "lamp")
    plan = (*[wait] * before, ChangeRow("a"), Capture(), *[wait] * between, ChangeRow("b"))
    one, other = before + 1, len(plan)
    overlooked = one // TICKS_PER_STAMP == other // TICKS_PER_STAMP
    findings = execute(resolve("cdc-timestamp-cursor"), Inventory(), plan).findings
    assert [finding.anomaly for finding in findings] == ["copy-differs"] * overlooked


def test_a_row_deleted_while_the_offset_was_lost_is_swept_out_of_the_copy() -> None:
    (rest,) = run(CopyAtRest, ChangeRow("a"), ChangeRow("b"), Capture(), Capture(), LoseOffset(), RemoveRow("a"))
    assert rest.rows == {"b": (2,)}


def test_a_change_that_is_captured_again_after_a_crash_is_written_once() -> None:
    assert len(run(Copied, ChangeRow("a"), Capture(), CrashConnector(), Capture())) == 1


def test_an_archived_item_leaves_the_listing_and_stays_out_after_a_rebuild() -> None:
    plan = (BOLT, FollowLink(), Archive("bolt"), RebuildListing(), FollowLink())
    (rest,) = run(ListingAtRest, *plan)
    assert rest.rows == {}
    assert len(run(LinkShown, *plan)) == 1
    assert len(run(LinkDiscarded, *plan)) == 1


def test_a_stream_may_go_on_after_it_was_archived() -> None:
    (rest,) = run(ListingAtRest, BOLT, Archive("bolt"), BOLT)
    assert rest.rows == {"bolt": 1}


class SameIdForAll(ProcessManager):
    """Names commands after their events alone."""

    def command_id(self, event: Stored, handler: str) -> str:
        """One id for all handlers."""
        return event.id


def test_a_command_that_is_taken_for_another_handlers_is_found_missing() -> None:
    system = Reference("test", {"process-manager": SameIdForAll})
    (finding,) = execute(system, Inventory(), (BOLT, Manage())).findings
    assert (finding.anomaly, finding.guarantee, finding.where) == ("command-missing", "DUAL", "invoice")
