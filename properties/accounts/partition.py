"""One partition: which values were seen at which offset, and the order that follows.

Offsets may have gaps, because transactions take up offsets that nobody sees. So places are counted without the gaps.
"""

from collections.abc import Hashable, Iterable, Mapping

import attrs

from refold.properties.accounts.transaction import Message, Transaction

__all__ = ["Partition", "committed", "partitions"]


@attrs.define
class Partition:
    """What is known of one partition."""

    log: dict[int, dict[Hashable, None]] = attrs.Factory(dict)
    """Offset -> the values that were seen there, the first one first."""
    offsets: list[int] = attrs.Factory(list)
    """In order; a place is an index into it."""
    place: dict[Hashable, int] = attrs.Factory(dict)
    """Value -> its place, where it is the one that counts."""

    def add(self, messages: Iterable[Message]) -> None:
        """What somebody saw."""
        for offset, value in messages:
            if offset is not None:
                self.log.setdefault(offset, {}).setdefault(value)

    def order(self) -> None:
        """Number the places, when everything was added."""
        self.offsets = sorted(self.log)
        self.place = {next(iter(self.log[offset])): place for place, offset in enumerate(self.offsets)}

    def between(self, low: int, high: int) -> tuple[Hashable, ...]:
        """The values at the places between two."""
        return tuple([next(iter(self.log[self.offsets[place]])) for place in range(low + 1, high)])

    def step(self, before: Hashable, after: Hashable) -> int:
        """How many places after one value the other is; 1 where that is not known."""
        low, high = self.place.get(before), self.place.get(after)
        return 1 if low is None or high is None else high - low

    def extent(self) -> tuple[dict[Hashable, int], dict[Hashable, int]]:
        """The first and the last place of each value that was seen at an offset."""
        first: dict[Hashable, int] = {}
        last: dict[Hashable, int] = {}
        for place, offset in enumerate(self.offsets):
            for value in self.log[offset]:
                first.setdefault(value, place)
                last[value] = place
        return first, last


def committed(transaction: Transaction, read: Mapping[Hashable, Mapping[Hashable, Transaction]]) -> bool:
    """Whether it certainly took effect: it was answered, or its outcome is unknown and one of its messages was read."""
    if transaction.type == "ok":
        return True
    return transaction.type == "info" and any(
        value in read.get(key, {}) for key, sent in transaction.sends.items() for _, value in sent
    )


def partitions(
    history: Iterable[Transaction], read: Mapping[Hashable, Mapping[Hashable, Transaction]]
) -> dict[Hashable, Partition]:
    """What is known of each partition: from all polls, aborted ones too, and from sends that took effect."""
    found: dict[Hashable, Partition] = {}
    for transaction in history:
        if transaction.sends and committed(transaction, read):
            for key, messages in transaction.sends.items():
                found.setdefault(key, Partition()).add(messages)
        for key, messages in transaction.polls.items():
            found.setdefault(key, Partition()).add(messages)
    for partition in found.values():
        partition.order()
    return found
