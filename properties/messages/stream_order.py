"""The order in which messages go out: behind those of earlier events of the same stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from refold.model.event import Stored
from refold.properties.property import Evidence, Finding, Property


class MessageRecord(Protocol):
    """The record of a message that went out."""

    @property
    def position(self) -> int:
        """That of the event that it is about."""


class StreamOrder:
    """For a property whose clause *in the order of streams* it judges: the newest version of each stream that went out.

    It does not keep the property: the two would keep each other alive, and with them the whole run until a garbage collection.
    """

    def __init__(self) -> None:
        self.newest: dict[tuple[str, str], tuple[int, int, MessageRecord]] = {}

    def sent(
        self,
        judge: Property,
        sender: str,
        who: str,
        number: int,
        record: MessageRecord,
        event: Stored,
        proofs: Sequence[Evidence],
    ) -> Finding | None:
        """The message of an event has gone out through `sender`; `judge` convicts `who`, `proofs` first, if a later one went before."""
        before = self.newest.get((sender, event.stream))
        if before is None or before[0] <= event.version:
            self.newest[sender, event.stream] = (event.version, number, record)
            return None
        version, earlier, overtaker = before
        return judge.finding(
            "sent-out-of-order",
            who,
            number,
            clause="in the order of streams",
            guarantee="ORD",
            position=record.position,
            expected=f"version {event.version} before version {version}",
            actual="after it",
            evidence=[
                *proofs,
                Evidence(earlier, overtaker, "went first"),
                Evidence(number, record, "came after it"),
            ],
        )
