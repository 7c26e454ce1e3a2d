"""Trails: one deployment with its judge goes from plan to plan, and back again, where running each plan from its beginning would take longer.

An action changes a few parts of a state. Before it, what all parts hold is noted down flat, by reference: after it, one comparison of references
tells what changed. Only those parts are written down again for the fingerprint, and only those are set back when the action is undone.

This takes for granted what a fingerprint takes for granted: that everything that matters is in attributes and containers. A system of which
that is not known is explored by running plans again (`Replays`), and `agree` compares the two before an exploration relies on a trail.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, compress, count
from operator import attrgetter, is_not, ne
from typing import Any

import msgspec

from refold.model.action import Action
from refold.properties.property import Checker
from refold.properties.window import Window
from refold.search.explore.fingerprint import ALL, SIZE, Part, Roots, Writer, slots, total

Open = Callable[[], tuple[Checker, Any]]
"""Makes a new deployment, and who judges it."""


class Replays:
    """Comes to a plan by running it on a new deployment."""

    def __init__(self, opened: Open, alphabet: Sequence[Action]) -> None:
        self.opened = opened
        self.alphabet = alphabet
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

    def fingerprint(self) -> bytes:
        """Of where it is now."""
        writer = Writer()
        return total(writer.parts(Roots((self.deployment, self.judge.properties)))).to_bytes(SIZE, "little")


class Trail:
    """Comes to a plan from another one: back to where they part, and on from there."""

    def __init__(self, opened: Open, alphabet: Sequence[Action]) -> None:
        self.opened = opened
        self.alphabet = alphabet
        self.plan: tuple[int, ...] = ()
        self.writer = Writer()
        self.begin()

    def begin(self) -> None:
        """A new deployment, before its first action."""
        self.judge, self.deployment = self.opened()
        self.roots = Roots((self.deployment, self.judge.properties))
        self.judges = len(self.judge.properties)
        self.plan = ()
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

    def written(self, note: Note, changes: Changes) -> dict[int, Part] | None:
        """The parts that changed, written down again; None if other parts are met now than before, or elsewhere."""
        writer, order = self.writer, note.order
        writer.names = note.names
        fresh: dict[int, Part] = {}
        for place in changes.parts:
            old = order[place]
            part = writer.part(old.thing, old.name)
            writer.hide(part)
            if not (same(part.others, old.others) and same(part.hidden, old.hidden)):
                return None
            fresh[place] = part
        return fresh

    def fingerprint(self) -> bytes:
        """Of where it is now."""
        note = self.notes[-1]
        self.changed = changes = note.changes()
        fresh = self.written(note, changes)
        if fresh is None:
            writer = Writer()
            writer.kept = self.writer.kept
            return total(writer.parts(self.roots)).to_bytes(SIZE, "little")
        order = note.order
        value = note.total
        for place, part in fresh.items():
            value += part.digest - order[place].digest
        return (value & ALL).to_bytes(SIZE, "little")

    def settled(self) -> None:
        """More has changed than the fingerprint knows."""
        self.changed = None

    def back(self) -> None:
        """Undo what was done since `go`."""
        if len(self.judge.properties) != self.judges:
            plan = self.plan
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
    """What is not as it was noted down: views, by their places, objects with slots, and the parts that all of these belong to."""

    __slots__ = ("fixed", "parts", "views")

    def __init__(self, views: set[int], fixed: list[int], parts: list[int]) -> None:
        self.views = views
        self.fixed = fixed
        self.parts = parts


class Note:
    """What all parts of a state hold, by reference.

    `views` show contents as they are now: the values of an object's attributes, the members of a container, the keys and the values of a dict.
    `flat` is what they showed when this was noted down. Objects with slots have no such view, so they are asked one by one (`fixed`).
    """

    def __init__(self, parts: dict[int, Part], names: dict[int, str], value: int) -> None:
        self.parts = parts
        self.order = list(parts.values())
        self.names = names
        self.total = value
        self.since = Changes(set(), [], [])
        self.views: list[Any] = []
        self.held: list[Any] = []
        self.owners: list[int] = []
        self.fixed: list[tuple[Any, Any, tuple[str, ...], Any]] = []
        self.fixed_owners: list[int] = []
        for place, part in enumerate(self.order):
            self.add_part(place, part)
        self.lengths = [*map(len, self.views)]
        self.starts = [0, *accumulate(self.lengths)]
        self.flat = [*chain.from_iterable(self.views)]

    def add_part(self, place: int, part: Part) -> None:
        """What a part holds."""
        thing = part.thing
        held = getattr(thing, "__dict__", None)
        if held is not None:
            self.add_table(place, held)
        names = slots(type(thing))
        if names:
            self.add_fixed(place, thing, names)
        for cell in part.cells:
            kind = type(cell)
            if kind in (list, set, deque):
                self.add_view(place, cell, cell)
            elif isinstance(cell, dict):
                self.add_table(place, cell)
            elif kind is Window:
                self.add_fixed(place, cell, ("dropped",))
            else:
                self.add_fixed(place, cell, cell.__struct_fields__)

    def add_view(self, place: int, held: Any, view: Any) -> None:
        """One view of what is held."""
        self.views.append(view)
        self.held.append(held)
        self.owners.append(place)

    def add_table(self, place: int, held: dict[Any, Any]) -> None:
        """Two views of a dict."""
        self.add_view(place, held, held)
        self.add_view(place, held, held.values())

    def add_fixed(self, place: int, thing: Any, names: tuple[str, ...]) -> None:
        """An object with slots."""
        get = getter(names)
        self.fixed.append((thing, get, names, get(thing)))
        self.fixed_owners.append(place)

    def changes(self) -> Changes:
        """What has changed since this was noted down."""
        views = self.views
        lengths = [*map(len, views)]
        changed: set[int] = set()
        if lengths != self.lengths:
            changed.update(compress(count(), map(ne, lengths, self.lengths)))
            views = list(views)
            for place in changed:
                views[place] = self.shown(place)
        starts = self.starts
        for index in compress(count(), map(is_not, chain.from_iterable(views), self.flat)):
            changed.add(bisect_right(starts, index) - 1)
        fixed = [n for n, (thing, get, _, then) in enumerate(self.fixed) if any(map(is_not, get(thing), then))]
        owners = {self.owners[place] for place in changed}
        owners.update([self.fixed_owners[place] for place in fixed])
        return Changes(changed, fixed, sorted(owners))

    def shown(self, place: int) -> list[Any]:
        """What a view showed."""
        return self.flat[self.starts[place] : self.starts[place + 1]]

    def restore(self, changes: Changes) -> None:
        """Set back what has changed."""
        for place in changes.views:
            held = self.held[place]
            if isinstance(held, dict):
                keys = place if self.views[place] is held else place - 1
                if keys in changes.views:
                    dict.clear(held)
                dict.update(held, zip(self.shown(keys), self.shown(keys + 1), strict=True))
            else:
                held.clear()
                (held.update if type(held) is set else held.extend)(self.shown(place))
        for place in changes.fixed:
            thing, _, names, then = self.fixed[place]
            for name, value in zip(names, then, strict=True):
                put(thing, name, value)

    def after(self, changes: Changes, fresh: dict[int, Part] | None, roots: Roots, writer: Writer) -> Note:
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

