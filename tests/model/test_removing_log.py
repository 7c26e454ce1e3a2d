"""The log that removes events: versions go on where they were, and what is left is read from any version on."""

from __future__ import annotations

import pytest

from refold.model.declarations.append import AppendRequest
from refold.model.event import NewEvent
from refold.model.expectation import ANY
from refold.model.parts.removing_log import RemovingLog


def filled(count: int) -> RemovingLog:
    """With so many events of one stream, and one of another between the first two."""
    log = RemovingLog()
    for n in range(1, count + 1):
        log.append(AppendRequest(f"x-{n}", "a", ANY, (NewEvent(f"x-{n}/0", "Added", n),)))
        if n == 1:
            log.append(AppendRequest("y-1", "b", ANY, (NewEvent("y-1/0", "Added", n),)))
    return log


@pytest.mark.parametrize("truncated", [0, 1, 3, 5])
def test_after_a_truncation_a_stream_is_read_from_any_version_on(truncated: int) -> None:
    log = filled(5)
    log.truncate("a", truncated)
    for after in range(7):
        left = [event.version for event in log.read_stream("a", after)]
        assert left == [version for version in range(1, 6) if version > max(after, truncated)]
    assert [event.version for event in log.read_stream("b", 0)] == [1]


def test_a_stream_that_was_deleted_goes_on_with_its_versions() -> None:
    log = filled(3)
    log.delete_stream("a")
    assert (log.version("a"), list(log.read_stream("a", 0))) == (3, [])
    log.append(AppendRequest("x-9", "a", ANY, (NewEvent("x-9/0", "Added", 9),)))
    assert [event.version for event in log.read_stream("a", 0)] == [4]
