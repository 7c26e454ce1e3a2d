"""Shares: the properties of one checker, divided among processes that each see the whole history.

A share judges the properties that it owns, and asks those that the owned ones look at: the keepers of the oracle (that of the states of
keys only where somebody holds these), properties that are named in `after`, and properties that another one holds. What these find is
told by the share that owns them. Each finding is kept with the record and the place of its property, so that the findings of all shares
can be put into the order of one checker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

import attrs

from refold.properties.property import Checker, Finding, Handler, Property
from refold.properties.states import States
from refold.properties.suite import Keeper, StatesKeeper

T = TypeVar("T")

AT_THE_END = 1 << 62
"""The number under which findings are kept that only the end of the history shows."""


SLACK = 1.1
"""How much longer than the least that is possible a share may be, if properties that look at the same ones are together for it."""


@attrs.frozen
class Placed:
    """What a property said: at this record, and which one in the order of all it is."""

    number: int
    place: int
    said: Any


def in_order_of_one(placed: Iterable[Placed]) -> list[Any]:
    """What one checker would have said, in its order; a property's own order stays as it is."""
    return [each.said for each in sorted(placed, key=lambda each: (each.number, each.place))]


class Share(Checker):
    """Judges the properties of `whole` whose places are owned. `whole` must not have judged anything."""

    def __init__(self, whole: Checker, owns: Callable[[int], bool]) -> None:
        self.owns = owns
        self.later = whole.table.late
        self.met = len(whole.properties)
        self.elsewhere: set[type] = set()
        self.placed: list[Placed] = []
        self.owned = {place for place in range(self.met) if owns(place)}
        asked = sorted(needed(whole.properties, self.owned))
        self.places = {id(whole.properties[place]): place for place in asked}
        super().__init__([whole.properties[place] for place in asked], self.mine)

    def mine(self, kind: type) -> Sequence[Property]:
        """The properties that come with a kind of record, as far as they are owned, or others look at what they keep. Every share counts
        all of them."""
        made: list[Property] = []
        if kind in self.elsewhere:
            return made
        for judge in self.later(kind):
            if self.owns(self.met):
                self.owned.add(self.met)
            if self.owns(self.met) or judge.shared:
                self.places[id(judge)] = self.met
                made.append(judge)
            else:
                self.elsewhere.update(judge.handlers())
            self.met += 1
        return made

    def note(self, number: int, record: Any, handler: Handler, finding: Finding) -> None:
        """Keep what an owned property found."""
        kind = type(record)
        asked = [judge for judge in self.properties if kind in judge.handlers()]
        which = next(n for n, other in enumerate(self.table.handlers[kind]) if other is handler)
        place = self.places[id(asked[which])]
        if place in self.owned:
            self.findings.append(finding)
            self.placed.append(Placed(number, place, finding))

    def finish(self) -> list[Finding]:
        """The end of the history, for all that were asked: some find at the end what others have kept."""
        for judge in self.properties:
            found = list(judge.finish())
            place = self.places[id(judge)]
            if place in self.owned:
                self.findings.extend(found)
                self.placed.extend(Placed(AT_THE_END, place, finding) for finding in found)
        return self.distinct()

    def forgotten(self) -> list[Placed]:
        """What the owned properties, and the keepers, which all shares ask, have not checked, in words."""
        return [
            Placed(0, self.places[id(judge)], words)
            for judge in self.properties
            if self.places[id(judge)] in self.owned or isinstance(judge, Keeper)
            for words in judge.given_up()
        ]


def needed(properties: Sequence[Property], owned: Collection[int]) -> set[int]:
    """The places of those that must see the history so that the owned ones can judge."""
    found: set[int] = set()
    always = [
        n for n, judge in enumerate(properties) if isinstance(judge, Keeper) and not isinstance(judge, StatesKeeper)
    ]
    waiting = [*owned, *always]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            values = vars(properties[place]).values()
            held = {id(value) for value in values if isinstance(value, Property)}
            names = {*properties[place].after}
            if any(isinstance(value, States) for value in values):
                names.add(StatesKeeper.name)
            waiting += [n for n, other in enumerate(properties) if other.name in names or id(other) in held]
    return found


def measured(whole: Checker, records: Iterable[Any]) -> list[float]:
    """The seconds that each property of `whole` takes for these records, by its place; `whole` is used up."""
    seconds = [0.0] * len(whole.properties)
    for place, judge in enumerate(whole.properties):
        for kind in judge.sorters():
            whole.known[kind] = timed(whole.known[kind], place, seconds)
    for kind, handlers in whole.table.handlers.items():
        asked = [place for place, judge in enumerate(whole.properties) if kind in judge.handlers()]
        times = {handler: timed(handler, place, seconds) for handler, place in zip(handlers, asked, strict=True)}
        for some in (handlers, whole.table.regular[kind]):
            some[:] = [times[handler] for handler in some]
    for record in records:
        whole.feed(record)
    return seconds


def timed(asked: Callable[[int, Any], T], place: int, seconds: list[float]) -> Callable[[int, Any], T]:
    """The same handler or sorter, whose time is added up."""

    def handle(number: int, record: Any) -> T:
        started = time.perf_counter()
        said = asked(number, record)
        seconds[place] += time.perf_counter() - started
        return said

    return handle


@attrs.frozen
class Division:
    """Which places each share owns, the `seconds` that all properties take for the sample, and those of the `longest` share."""

    groups: list[list[int]]
    seconds: float
    longest: float


def divided(properties: Sequence[Property], seconds: Sequence[float], shares: int) -> Division:
    """The places that each share owns, so that the longest share, with what it must ask, is about as short as it can be. A share that
    would own nothing is left out. Properties of
    the user's own stay together, because they may know of each other."""
    own = [place for place, judge in enumerate(properties) if not type(judge).__module__.startswith("refold.")]
    units = [[place] for place in range(len(properties)) if place not in own] + ([own] if own else [])

    def takes(owned: Collection[int]) -> float:
        return sum(seconds[place] for place in needed(properties, owned))

    groups: list[list[int]] = [[] for _ in range(shares)]
    times = [takes(group) for group in groups]
    enough = SLACK * max(sum(seconds) / shares, *map(takes, units))
    for unit in sorted(units, key=takes, reverse=True):
        _, _, best = min(
            (max([*times[:n], longer, *times[n + 1 :], enough]), longer - times[n], n)
            for n, group in enumerate(groups)
            for longer in [takes([*group, *unit])]
        )
        groups[best].extend(unit)
        times[best] = takes(groups[best])
    return Division([sorted(group) for group in groups if group], sum(seconds), max(times))
