"""Counts: what is counted over a campaign to prove that something happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs


@attrs.frozen
class Count:
    """How often records, or performed actions, of the classes `of` came up; with `where`, only those of which it is true. `what` is
    counted, in words.

    A count with `where` looks at every record of these classes, so these should be rare. `within` is the count of what must happen for
    this to happen in it: a campaign in which that is rare need not have come to this.
    """

    name: str
    what: str
    of: tuple[type, ...]
    where: Callable[[Any], bool] | None = None
    within: str = ""


def count(name: str, what: str, *of: type, where: Callable[[Any], bool] | None = None, within: str = "") -> Count:
    """The count called `name` of records or actions of these classes."""
    return Count(name, what, of, where, within)


class Tally:
    """Counts while records and actions go by."""

    def __init__(self, counts: Iterable[Count]) -> None:
        self.counts = tuple(counts)
        self.kinds: Counter[type[Any]] = Counter()
        self.special: Counter[str] = Counter()
        self.watched: dict[type, list[Count]] = {}
        for one in self.counts:
            if one.where is not None:
                for kind in one.of:
                    self.watched.setdefault(kind, []).append(one)

    def run(self, history: Sequence[Any], performed: Iterable[Any]) -> None:
        """A whole run: its records and the actions that were performed."""
        kinds = Counter(map(type, history))
        if any(kind in kinds for kind in self.watched):
            for record in history:
                if type(record) in self.watched:
                    self.look(record)
        self.kinds.update(kinds)
        self.kinds.update(map(type, performed))

    def look(self, thing: Any) -> None:
        """Ask the counts that ask."""
        for one in self.watched[type(thing)]:
            if one.where is not None and one.where(thing):
                self.special[one.name] += 1

    def totals(self) -> dict[str, int]:
        """Name of a count -> how often it came up."""
        return {
            one.name: sum(self.kinds[kind] for kind in one.of) if one.where is None else self.special[one.name]
            for one in self.counts
        }
