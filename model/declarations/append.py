"""An append: what a client asks of a log, and the two answers."""

from __future__ import annotations

import msgspec

from refold.model.event import NewEvent
from refold.model.expectation import AnyExpectation


class AppendRequest(msgspec.Struct, frozen=True, gc=False):
    """What a client asks of the log: to append all `events` (at least one) at the end of `stream`, if the stream is as `expected`. `op`
    names the operation. The events have different ids, and the log has already stored either all of these events or none."""

    op: str
    stream: str
    expected: AnyExpectation
    events: tuple[NewEvent, ...]


class Appended(msgspec.Struct, frozen=True, gc=False):
    """The log's acknowledgement: the global positions of the events, in order."""

    positions: tuple[int, ...]


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """The log's definite refusal: the stream is at version `found`, which is not what the append expected."""

    found: int
    reason: str = ""
