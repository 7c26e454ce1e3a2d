"""Events: what happened, before and after the log has given it a place.

An event's life: a decider returns payloads (the application's own frozen objects), a client wraps them as
`NewEvent` with a stable id, the log stores them as `Stored` with a place in its stream and in the whole log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Generic

import msgspec

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Payload = TypeVar("Payload", default=Any)
else:
    from typing import TypeVar

    Payload = TypeVar("Payload")
"""What events and commands hold: objects of the application, plain values, or `msgspec.Raw`, the JSON of a history that nobody has read."""


class NewEvent(msgspec.Struct, Generic[Payload], frozen=True, gc=False, omit_defaults=True):
    """An event that no log has accepted yet.

    ``id`` stays the same across retries (``alice-3/0``: client, operation, number in the batch). ``data`` is the application's payload,
    and ``tags`` are what conditions over tags look for.
    """

    id: str
    type: str
    data: Payload
    tags: tuple[str, ...] = ()


class Stored(
    msgspec.Struct, Generic[Payload], frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="event"
):
    """An event with its place; also the history record “this event became visible”.

    `position` counts over the whole log from 1 (gaps are possible); `version` counts over the stream from 1, without gaps. `tags` are
    those that the append gave; they are left out if the event has none.
    """

    position: Annotated[int, msgspec.Meta(ge=1)]
    stream: str
    version: Annotated[int, msgspec.Meta(ge=1)]
    id: str
    type: str
    data: Payload
    tags: tuple[str, ...] = ()

    @property
    def operation(self) -> str:
        """The id of the client's operation that wrote this event: the event id up to the last slash."""
        return self.id.rpartition("/")[0]


def ascending(page: Sequence[Stored]) -> bool:
    """Whether the positions in `page` only grow. Two events at one position are in no order: that they share it is another matter."""
    last = page[0]
    for event in page[1:]:
        if event.position < last.position or (event.position == last.position and event.id == last.id):
            return False
        last = event
    return True


def written_alike(payload: Any, other: Any) -> bool:
    """Whether nobody has read these two payloads, and they are the same JSON."""
    return type(payload) is msgspec.Raw and type(other) is msgspec.Raw and bytes(payload) == bytes(other)
