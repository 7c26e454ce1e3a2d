"""Trails: one deployment with its judge goes from plan to plan and back, where running each plan from its beginning would take longer.

An action changes a few parts of a state. Before it, what all parts hold is noted down flat, by reference; after it, one comparison of
references tells what changed. Only those parts are written down again for the fingerprint, and only those are set back to undo it.

This takes for granted what a fingerprint takes for granted: that everything that matters is in attributes and containers. A system of which
that is not known is explored by running plans again (`Replays`), and `agree` compares the two before an exploration relies on a trail.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, compress, count
from operator import attrgetter, is_not, ne
from typing import Any

import msgspec

from refold.model.action import Action
from refold.model.context import Clock
from refold.properties.property import Checker
from refold.properties.window import Window
from refold.search.explore.fingerprint import (
    ALL,
    SIZE,
    CanonicalForm,
    Roots,
    StatePart,
    left_out,
    of_no_interest,
    slots,
    total,
)

Open = Callable[[], tuple[Checker, Any]]
"""Makes a new deployment, and who judges it."""

Seen = Callable[[Any, Iterable[StatePart], CanonicalForm], int]
"""Deployment, its parts, the form in which they are written down -> the sum of the hashes of what is seen of them."""


class Replays:
    """Comes to a plan by running it on a new deployment."""

    def __init__(self, opened: Open, alphabet: Sequence[Action], pattern: re.Pattern[str] | None = None) -> None:
        self.opened = opened
        self.alphabet = alphabet
        self.pattern = pattern
        self.plan: tuple[int, ...] | None = None
        self.judge: Checker
        self.deployment: Any = None

    def go(self, plan: tuple[int, ...]) -> None:
        """Come to where a plan leads. Does nothing if that is where it is."""
        if self.plan == plan:
            return
        self.leave()
        self.judge, self.deployment = self.opened()
        for number in plan:
            self.deployment.perform(self.alphabet[number])
        self.plan = plan

    def back(self) -> None:
        """Undo what was done since."""
        self.leave()

    def leave(self) -> None:
        """Give back what the deployment holds."""
        if self.deployment is not None:
            self.deployment.close()
        self.deployment = self.plan = None

    def settled(self) -> None:
        """More has changed than the fingerprint knows: nothing to it, here."""

    def fingerprint(self, seen: Seen | None = None) -> bytes:
        """Of where it is now; of what is seen of it, if not all of it is."""
        writer = CanonicalForm(of_no_interest(self.deployment), self.pattern)
        parts = writer.parts(Roots((self.deployment, self.judge.properties)))
        value = total(parts) if seen is None else seen(self.deployment, parts.values(), writer)
        return value.to_bytes(SIZE, "little")


class Trail:
    """Comes to a plan from another one: back to where they part, and on from there."""

    def __init__(self, opened: Open, alphabet: Sequence[Action], pattern: re.Pattern[str] | None = None) -> None:
        self.opened = opened
        self.alphabet = alphabet
        self.pattern = pattern
        self.plan: tuple[int, ...] = ()
        self.begin()

    def begin(self) -> None:
        """A new deployment, before its first action."""
        self.judge, self.deployment = self.opened()
        self.roots = Roots((self.deployment, self.judge.properties))
        self.judges = len(self.judge.properties)
        self.plan = ()
        self.writer = CanonicalForm(of_no_interest(self.deployment), self.pattern)
        parts = self.writer.parts(self.roots)
        self.notes = [Note(parts, self.writer.names, total(parts))]
        self.changed: Changes | None = None

    def go(self, plan: tuple[int, ...]) -> None:
        """Come to where a plan leads. Does nothing if that is where it is."""
        if self.plan == plan:
            return
        same = 0
        for here, there in zip(self.plan, plan, strict=False):
            if here != there:
                break
            same += 1
        while len(self.plan) > same:
            left = self.notes.pop()
            self.notes[-1].restore(left.since)
            self.plan = self.plan[:-1]
        self.writer.names = self.notes[-1].names
        for number in plan[same:]:
            self.deployment.perform(self.alphabet[number])
            self.notes.append(self.next_note())
            self.plan = (*self.plan, number)
        self.judge.findings.clear()

    def next_note(self) -> Note:
        """What there is to note down of where it is now."""
        note = self.notes[-1]
        changes = note.changes()
        return note.after(changes, self.written(note, changes), self.roots, self.writer)

    def written(self, note: Note, changes: Changes) -> dict[int, StatePart] | None:
        """The parts that changed, written down again; None if other parts are met now than before, or elsewhere."""
        writer, order = self.writer, note.order
        writer.names = note.names
        fresh: dict[int, StatePart] = {}
        for place in changes.parts:
            old = order[place]
            if type(old.thing) is Clock:
                fresh[place] = old
                continue
            part = writer.part(old.thing, old.name)
            writer.hide(part)
            if not same(part.others, old.others) or any(id(one) not in note.parts for one in part.hidden):
                return None
            fresh[place] = part
        return fresh

    def fingerprint(self, seen: Seen | None = None) -> bytes:
        """Of where it is now; of what is seen of it, if not all of it is."""
        note = self.notes[-1]
        self.changed = changes = note.changes()
        fresh = self.written(note, changes)
        if fresh is None:
            writer = CanonicalForm(self.writer.unseen, self.pattern)
            writer.kept = self.writer.kept
            parts = writer.parts(self.roots)
            value = total(parts) if seen is None else seen(self.deployment, parts.values(), writer)
            return value.to_bytes(SIZE, "little")
        order = note.order
        if seen is not None:
            now = order.copy()
            for place, part in fresh.items():
                now[place] = part
            return seen(self.deployment, now, self.writer).to_bytes(SIZE, "little")
        value = note.total
        for place, part in fresh.items():
            value += part.digest - order[place].digest
        return (value & ALL).to_bytes(SIZE, "little")

    def touched(self, things: Iterable[Any]) -> bool:
        """Whether one of these is not as it was, as far as the last fingerprint knows."""
        if self.changed is None:
            return True
        order = self.notes[-1].order
        changed = {id(order[place].thing) for place in self.changed.parts}
        return not changed.isdisjoint(map(id, things))

    def settled(self) -> None:
        """More has changed than the fingerprint knows."""
        self.changed = None

    def back(self) -> None:
        """Undo what was done since `go`."""
        if len(self.judge.properties) != self.judges:
            plan = self.plan
            self.leave()
            self.begin()  # properties that nobody needed so far have come, and the judge knows them by now
            self.go(plan)
            return
        note = self.notes[-1]
        note.restore(note.changes() if self.changed is None else self.changed)
        self.writer.names = note.names
        self.changed = None
        self.judge.findings.clear()

    def leave(self) -> None:
        """Give back what the deployment holds."""
        self.deployment.close()


def agree(trail: Trail, replays: Replays, plans: Sequence[tuple[int, ...]]) -> bool:
    """Whether both come to the same states on these plans, from wherever they were, also after coming to rest."""
    for plan in plans:
        for way in (trail, replays):
            way.go(plan)
        if trail.fingerprint() != replays.fingerprint():
            return False
        trail.deployment.settle()
        trail.settled()
        trail.back()
        if trail.fingerprint() != replays.fingerprint():
            return False
    return True


def same(these: Sequence[Any], those: Sequence[Any]) -> bool:
    """Whether two rows hold the same objects."""
    return len(these) == len(those) and not any(map(is_not, these, those))


class Changes:
    """What is not as it was noted down: views, by their places, objects with slots, windows, and the parts that these belong to."""

    __slots__ = ("fixed", "parts", "views", "windows")

    def __init__(self, views: set[int], fixed: list[int], windows: list[int], parts: list[int]) -> None:
        self.views = views
        self.fixed = fixed
        self.windows = windows
        self.parts = parts


class Note:
    """What all parts of a state hold, by reference.

    `views` show contents as they are now: the values of attributes, the members of a container, the keys and the values of a dict.
    `flat` is what they showed when this was noted down. Objects with slots have no such view, so they are asked one by one (`fixed`).
    """

    def __init__(self, parts: dict[int, StatePart], names: dict[int, str], value: int) -> None:
        self.parts = parts
        self.order = order = list(parts.values())
        self.names = names
        self.total = value
        self.since = Changes(set(), [], [], [])
        holdings = [part.holdings or holdings_of(part) for part in order]
        self.views = [*chain.from_iterable([one.views for one in holdings])]
        self.held = [*chain.from_iterable([one.held for one in holdings])]
        self.first_views = [0, *accumulate([len(one.views) for one in holdings])]
        self.lengths = [*map(len, self.views)]
        self.starts = [0, *accumulate(self.lengths)]
        self.flat = [*chain.from_iterable(self.views)]
        self.silent = {
            self.starts[self.first_views[place] + 1] + offset
            for place, one in enumerate(holdings)
            for offset in one.silent
        }
        self.fixed = [*chain.from_iterable([one.fixed for one in holdings])]
        self.first_fixed = [0, *accumulate([len(one.fixed) for one in holdings])]
        self.then = [get(thing) for thing, get, _ in self.fixed]
        self.windows = [*chain.from_iterable([one.windows for one in holdings])]
        self.dropped = [window.dropped for window in self.windows]
        self.first_windows = [0, *accumulate([len(one.windows) for one in holdings])]

    def changes(self) -> Changes:
        """What has changed since this was noted down."""
        views = self.views
        lengths = [*map(len, views)]
        changed: set[int] = set()
        said: set[int] = set()
        if lengths != self.lengths:
            changed.update(compress(count(), map(ne, lengths, self.lengths)))
            said.update(changed)
            views = list(views)
            for place in changed:
                views[place] = self.shown(place)
        starts, silent = self.starts, self.silent
        for index in compress(count(), map(is_not, chain.from_iterable(views), self.flat)):
            place = bisect_right(starts, index) - 1
            changed.add(place)
            if index not in silent:
                said.add(place)
        then = self.then
        fixed = [n for n, (thing, get, _) in enumerate(self.fixed) if any(map(is_not, get(thing), then[n]))]
        owners = {bisect_right(self.first_views, place) - 1 for place in said}
        owners.update([bisect_right(self.first_fixed, place) - 1 for place in fixed])
        windows: list[int] = []
        dropped = [window.dropped for window in self.windows]
        if dropped != self.dropped:
            windows.extend(compress(count(), map(ne, dropped, self.dropped)))
            owners.update([bisect_right(self.first_windows, place) - 1 for place in windows])
        return Changes(changed, fixed, windows, sorted(owners))

    def shown(self, place: int) -> list[Any]:
        """What a view showed."""
        return self.flat[self.starts[place] : self.starts[place + 1]]

    def restore(self, changes: Changes) -> None:
        """Set back what has changed."""
        views, changed = self.views, changes.views
        for place in changed:
            held = self.held[place]
            if not isinstance(held, dict):
                held.clear()
                (held.update if type(held) is set else held.extend)(self.shown(place))
            elif views[place] is held:
                dict.clear(held)
                dict.update(held, zip(self.shown(place), self.shown(place + 1), strict=True))
            elif place - 1 not in changed:
                dict.update(held, zip(self.shown(place - 1), self.shown(place), strict=True))
        for place in changes.windows:
            self.windows[place].dropped = self.dropped[place]
        for place in changes.fixed:
            thing, _, names = self.fixed[place]
            for name, value in zip(names, self.then[place], strict=True):
                put(thing, name, value)

    def after(self, changes: Changes, fresh: dict[int, StatePart] | None, roots: Roots, writer: CanonicalForm) -> Note:
        """What there is to note down after these changes."""
        if fresh is None:
            parts = writer.parts(roots)
            note = Note(parts, writer.names, total(parts))
        else:
            parts = dict(self.parts)
            value = self.total
            for place, part in fresh.items():
                old = self.order[place]
                parts[id(old.thing)] = part
                value += part.digest - old.digest
            note = Note(parts, self.names, value & ALL)
        note.since = changes
        return note


class PartViews:
    """Where to look for what a part holds: views of what has contents, each with that, and objects with slots, with what reads these.
    `silent` are the places of attributes that hold numbers of no interest."""

    __slots__ = ("fixed", "held", "silent", "views", "windows")

    def __init__(self) -> None:
        self.silent: Sequence[int] = ()
        self.windows: list[Window] = []
        self.views: list[Any] = []
        self.held: list[Any] = []
        self.fixed: list[tuple[Any, Callable[[Any], Sequence[Any]], tuple[str, ...]]] = []

    def table(self, held: dict[Any, Any]) -> None:
        """Two views of a dict."""
        self.views += (held, held.values())
        self.held += (held, held)

    def slotted(self, thing: Any, names: tuple[str, ...]) -> None:
        """An object with slots."""
        if names:
            self.fixed.append((thing, getter(names), names))


def holdings_of(part: StatePart) -> PartViews:
    """What a part holds."""
    part.holdings = holdings = PartViews()
    thing = part.thing
    made: type = type(thing)
    attributes = getattr(thing, "__dict__", None)
    if attributes is not None:
        holdings.table(attributes)
        out = left_out(made)
        holdings.silent = [n for n, (name, held) in enumerate(attributes.items()) if name in out and type(held) is int]
    holdings.slotted(thing, slots(made))
    for cell in part.cells:
        kind = type(cell)
        if kind in (list, set, deque):
            holdings.views.append(cell)
            holdings.held.append(cell)
        elif isinstance(cell, dict):
            holdings.table(cell)
        elif kind is Window:
            holdings.windows.append(cell)
        else:
            holdings.slotted(cell, cell.__struct_fields__)
    return holdings


ABSENT: Any = type("Absent", (), {})()
"""A slot that holds nothing."""


@functools.cache
def getter(names: tuple[str, ...]) -> Callable[[Any], Sequence[Any]]:
    """Reads these slots. A slot that holds nothing is told as such."""
    read = attrgetter(*names) if names else nothing

    def get(thing: Any) -> Sequence[Any]:
        try:
            return read(thing) if len(names) != 1 else (read(thing),)
        except AttributeError:
            return [getattr(thing, name, ABSENT) for name in names]

    return get


def nothing(thing: Any) -> Sequence[Any]:
    """No slots, no values."""
    return ()


def put(thing: Any, name: str, value: Any) -> None:
    """Write a slot, of a frozen object too."""
    if value is not ABSENT:
        if isinstance(thing, msgspec.Struct):
            setattr(thing, name, value)
        else:
            object.__setattr__(thing, name, value)
    elif hasattr(thing, name):
        object.__delattr__(thing, name)
