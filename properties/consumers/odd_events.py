"""Odd events: which ones must be lost, or must have counted twice, for the rows of a consumer to be what they are.

The fold of the log is known, and the rows are not it. Each row that differs is followed through the events that write it, each counted
as often as is allowed; of all ways that lead to the row as it is, the one with the fewest odd events is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import attrs

from refold.model.datastore import write
from refold.model.event import Stored

Rows = dict[str, Any]
Project = Callable[[Stored, Rows], Rows]
"""What an event changes in rows."""
Ways = dict[str, tuple[Any, int, Stored | None]]
"""A value, as text -> the value, how many odd events the shortest way to it has, and the first of them."""

Way = tuple[Stored, int] | None
"""The first odd event on a way, and how many there are; None if there is no way."""

SEARCHED = 100
"""Values of a row, each with the shortest way to it, that are followed while it is asked which events were lost, or applied again."""
IN_A_ROW_MAX = 24
"""Events of a row among which successive ones are sought that were passed over, or handled once more."""
LOST, DOUBLED = (0, 1), (1, 2, 3)
"""How often an event may count where some are lost, and where some are applied again."""
RULE = 4
"""So many events, at least, are lost or applied again by rule: all of them, or all of one type."""


def folds(project: Project, events: Iterable[Stored], start: Rows | None = None) -> Iterator[tuple[Stored, Rows]]:
    """Each event, and what the events up to it make of the rows at the start (none); these are the same rows every time."""
    rows = dict(start or {})
    for event in events:
        write(rows, project(event, rows))
        yield event, rows


def first_of(events: Sequence[Stored]) -> Stored | None:
    """The one with the lowest position; None of none."""
    return min(events, key=lambda event: event.position, default=None)


def fold(project: Project, events: Iterable[Stored]) -> Rows:
    """What the events make."""
    rows: Rows = {}
    for event in events:
        write(rows, project(event, rows))
    return rows


def imagined_folds(project: Project, events: Iterable[Stored]) -> Iterator[tuple[Stored, Rows]]:
    """As `folds`, of events that need not be all of the log, as far as the application can say: it need not know their rows."""
    with suppress(Exception):
        yield from folds(project, events)


def imagined_fold(project: Project, events: Iterable[Stored]) -> Rows | None:
    """What the events would make, which need not be all of the log; None if the application cannot say."""
    with suppress(Exception):
        return fold(project, events)
    return None


@attrs.frozen
class OddEvents:
    """Asks of rows that are not fold(events) which events did not count once. `same` tells whether a value is the expected one; no event
    up to the position `sure` was lost, for they all were in the rows when these were last seen whole."""

    project: Project
    same: Callable[[Any, Any], bool]
    events: Sequence[Stored]
    sure: int = 0

    def causes(self, rows: Rows, expected: Rows) -> tuple[Stored | None, Stored | None]:
        """The first event that must be lost, and the first that must have counted twice, for the rows to be as they are; both, or none, if
        that does not explain them. Of two ways to explain a row, the one with fewer such events; but what happens to all events, or to all
        of one type, is a rule, however many they are."""
        ruled = self.by_rule(rows)
        if ruled is not None:
            return ruled
        ways: list[tuple[Way, Way]] = []
        for key in {**expected, **rows}:
            if self.same(rows.get(key), expected.get(key)):
                continue
            missing = self.lost(key, rows.get(key))
            again = self.way(key, rows.get(key), DOUBLED)
            if again is not None and again[1] > 1:
                missing, again = self.in_a_row(key, rows.get(key), missing, again)
            if missing is None and again is None:
                return None, None
            ways.append((missing, again))
        return self.told(ways)

    @staticmethod
    def told(ways: Sequence[tuple[Way, Way]]) -> tuple[Stored | None, Stored | None]:
        """For each row how events that were lost explain it, and how events that counted twice do: the first of each kind, where a row is
        explained by what needs fewer events. If that needs both kinds, and one kind explains all rows, it is that kind alone."""
        fewer = [lost is not None and (again is None or lost[1] <= again[1]) for lost, again in ways]
        if any(fewer) and not all(fewer):
            for kind in (True, False):
                if all(way[not kind] is not None for way in ways):
                    fewer = [kind] * len(ways)
                    break
        lost_first = [lost[0] for (lost, _), chosen in zip(ways, fewer, strict=True) if chosen and lost]
        twice_first = [again[0] for (_, again), chosen in zip(ways, fewer, strict=True) if not chosen and again]
        return first_of(lost_first), first_of(twice_first)

    def by_rule(self, rows: Rows) -> tuple[Stored | None, Stored | None] | None:
        """The first event lost, or applied twice, where all events are, or all of one type; None if that does not explain the rows."""
        kinds = dict.fromkeys(event.type for event in self.events)
        for group in (self.events, *([event for event in self.events if event.type == kind] for kind in kinds)):
            if len(group) < RULE:
                continue
            chosen = {event.position for event in group}
            left = imagined_fold(self.project, [event for event in self.events if event.position not in chosen])
            if left is not None and self.same(rows, left):
                return group[0], None
            twice = [event for event in self.events for _ in range(1 + (event.position in chosen))]
            doubled = imagined_fold(self.project, twice)
            if doubled is not None and self.same(rows, doubled):
                return None, group[0]
        return None

    def explained_by_loss(self, rows: Rows, expected: Rows) -> bool:
        """Whether lost events, however many, explain every row that is not as it should be."""
        differ = [key for key in {**expected, **rows} if not self.same(rows.get(key), expected.get(key))]
        return all(self.way(key, rows.get(key), LOST) is not None for key in differ)

    def lost(self, key: str, value: Any) -> tuple[Stored, int] | None:
        """The first event that was lost, and how many were, for a row to have this value: none of those that are surely in it, if that
        explains the row as well."""
        late = self.way(key, value, LOST, after=self.sure) if self.sure else None
        return late or self.way(key, value, LOST)

    def in_a_row(self, key: str, value: Any, missing: Way, again: Way) -> tuple[Way, Way]:
        """The same ways, where some successive events that were passed over, or handled once more as a page, are one mistake: the shorter
        run, if it needs fewer events than were lost one by one."""
        passed, doubled = self.run(key, value, 0), self.run(key, value, 2)
        if doubled is not None and (passed is None or doubled[1] < passed[1]):
            return (missing, (doubled[0], 1)) if missing is None or doubled[1] < missing[1] else (missing, again)
        if passed is None or (missing is not None and missing[1] < passed[1]):
            return missing, again
        return (passed[0], 1), again

    def run(self, key: str, value: Any, times: int) -> Way:
        """The first of some successive events of a row that each counted so often, for the row to be as it is, and how many there are. None
        if there are none, or too many events to try."""
        of_row, rows = [], dict[str, Any]()
        for event in self.events:
            writes = self.project(event, rows)
            if key in writes:
                of_row.append(event)
            write(rows, writes)
        if len(of_row) > IN_A_ROW_MAX:
            return None
        runs = [(count, first) for count in range(2, len(of_row) + 1) for first in range(len(of_row) - count + 1)]
        for count, first in sorted(runs, key=lambda run: not times and of_row[run[1]].position <= self.sure):
            odd = of_row[first : first + count]
            made = [*of_row[:first], *(event for event in odd for _ in range(times)), *of_row[first + count :]]
            folded = imagined_fold(self.project, made)
            if folded is not None and self.same(folded.get(key), value):
                return of_row[first], count
        return None

    def way(
        self, key: str, value: Any, times: Sequence[int], *, start: Any = None, usual: int = 1, after: int = 0
    ) -> tuple[Stored, int] | None:
        """The first event that did not count as often as is `usual`, on the shortest way to this value of a row, from `start`, on which
        each event behind the position `after` counts as often as one of `times` says, and how long it is; None if there is no such way.
        Of many ways the shortest are followed."""
        rows: Rows = {}
        ways: Ways = {repr(start): (start, 0, None)}
        for event in self.events:
            writes = self.project(event, rows)
            if key in writes:
                ways = self.ways_on(key, rows, ways, event, times if event.position > after else (usual,), usual)
                if len(ways) > SEARCHED:
                    ways = dict(sorted(ways.items(), key=lambda way: way[1][1])[:SEARCHED])
            write(rows, writes)
        found = [way for way in ways.values() if self.same(value, way[0]) and way[2] is not None]
        if not found:
            return None
        _, cost, first = min(found, key=lambda way: way[1])
        return None if first is None else (first, cost)

    def ways_on(self, key: str, rows: Rows, ways: Ways, event: Stored, times: Sequence[int], usual: int) -> Ways:
        """What one more event makes of a row, on the shortest way to each value."""
        after: Ways = {}
        mixed = dict(rows)
        for value, cost, first in ways.values():
            now = value
            for count in range(max(times) + 1):
                if count:
                    write(mixed, {key: now})
                    try:
                        now = self.project(event, mixed).get(key, now)
                    except Exception:  # the log does not lead to these rows
                        break
                if count not in times:
                    continue
                odd = cost + abs(count - usual)
                name = repr(now)
                if name not in after or odd < after[name][1]:
                    after[name] = (now, odd, first or (event if count != usual else None))
        return after
