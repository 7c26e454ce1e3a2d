"""Readers: caches, indexes, pages, whatever answers a question about a key (READ).

Nobody knows of which version an answer is, where a key has had a state more than once. Within a session it is taken for the first one that
the session may see: if there is a way to read all answers so that nothing is wrong, that is one. At rest it must be the newest of all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, ClassVar, Protocol

from refold.model.action import Submit
from refold.model.application import Application
from refold.model.declarations.offer import Cast
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.extension import Handler
from refold.model.parts.calls import FailStep, GoOn, Halt
from refold.model.parts.reading.consulting import BeginConsult, Consult
from refold.model.parts.reading.query import Answered, CachedAtRest, GaveUp, Queries, Waiting
from refold.model.tape import Group
from refold.model.words import short
from refold.systems.gate.crossing import Returned, Status
from refold.systems.user.actors import answer_of
from refold.systems.user.errors import awaited, close_part, let_through
from refold.systems.user.menu.places import READS
from refold.systems.user.roles.role import OwnRole, Places, Surroundings, example, makes
from refold.systems.user.roles.versions import Versions

PROMISES = ("sessions", "monotonic")
"""What a reader may promise of its answers before everything is at rest."""

NEVER = 1 << 62
"""The position that a query without an answer waited for, as far as anybody would know."""

EXPIRED = 7 * 86_400.0
"""Seconds that go by before readers are asked at rest: what is kept for a time only is not kept any more."""


class ReaderPort(Protocol):
    """Answers questions about keys: a cache, an index, a page.

    Every answer is a state that the key has or has had; at rest, it is the current one. `promises` may say more:
    ``sessions`` (a client sees what it has written itself, and never less than it has seen before), ``monotonic`` (no
    client ever sees less than any client has seen before). If `query` raises an exception, the history records that
    there was no answer. If the reader is given as a class or a function, the process that answers creates the reader
    once.
    """

    def query(self, key: str) -> Any:
        """The state of a key, as `Application.evolve` would make it; None if there is none."""


class Readers(OwnRole):
    """All readers of a system. Each is an actor of its name while it answers."""

    name = Queries.name
    field: ClassVar[str] = "readers"
    folds = True
    gives = (Queries.ability().name,)

    def __init__(self, scene: Surroundings, theirs: Mapping[str, Any]) -> None:
        super().__init__(scene, theirs)
        self.versions = Versions(self.application)
        self.made: dict[str, Any] = {}
        self.floors: dict[tuple[str, str], int] = {}
        """The version that a session has seen last of a key."""
        self.asked = 0
        self.open: set[str] = set()
        """Sessions that wait for an answer: one question at a time."""
        self.places: dict[int, tuple[str, int]] = {}
        """Position of an event -> its key and version."""

    @classmethod
    def check(cls, title: str, theirs: Any) -> None:
        """Each has `query`, and promises what there is to promise."""
        if not isinstance(theirs, Mapping) or not theirs:
            raise UsageError(f"{title!r}: its readers are {short(theirs)}, expected a dict of at least one name")
        for name, given in theirs.items():
            with example(f"{title}: reader {name}", given, "query") as reader:
                if not callable(getattr(reader, "query", None)):
                    raise UsageError(f"{title!r}: reader {name!r} is {short(reader)}, which has no query(key)")
                for promise in getattr(reader, "promises", ()):
                    if promise not in PROMISES:
                        raise UsageError(
                            f"{title!r}: reader {name!r} promises {short(promise)}, expected a tuple of {', '.join(PROMISES)}"
                        )

    @classmethod
    def actors(cls, theirs: Any) -> tuple[str, ...]:
        """Each answers under its name."""
        return tuple(theirs)

    @classmethod
    def words(cls, theirs: Any, cast: Cast, application: Application, places: Places) -> Iterator[Group]:
        """Questions; and a call right before one about the same key, or in the middle of it."""
        keys = application.keys
        yield "", 8, [(Consult(*one),) for one in product(cast.clients, theirs, keys)]
        calls = [(Submit(*talk), talk[0], application.key(talk[1])) for talk in cast.talks]
        yield "", 8, [(call, Consult(client, reader, key)) for reader, (call, client, key) in product(theirs, calls)]
        stops = [(reader, place) for reader in theirs for place in places.get(reader, ())]
        if not stops:
            return
        begun = [
            (BeginConsult(client, reader, key), Halt(reader, place))
            for client, (reader, place), key in product(cast.clients, stops, keys)
        ]
        yield "", 4, begun
        yield (
            "",
            8,
            [
                (BeginConsult(client, reader, key), Halt(reader, place), call, GoOn(reader))
                for (reader, place), (call, client, key) in product(stops, calls)
            ],
        )
        reads = [(reader, place) for reader, place in stops if place.startswith(READS)]
        if reads:
            yield (
                "",
                8,
                [
                    (
                        *(BeginConsult(client, reader, key), Halt(reader, answer_of(place)), call, GoOn(reader)),
                        Consult(writer, reader, key),
                    )
                    for (reader, place), (call, writer, key), client in product(reads, calls, cast.clients)
                    if client != writer
                ],
            )
        yield "failure", 2, [(*stop, FailStep(stop[0].reader), GoOn(stop[0].reader)) for stop in begun]

    def handlers(self) -> dict[type, Handler]:
        """Questions."""
        return {Consult: self.on_consult, BeginConsult: self.on_begin}

    def visible(self, events: Sequence[Stored]) -> None:
        """What the keys are now."""
        self.versions.fold(events)
        for event in events:
            self.places[event.position] = (event.stream, event.version)

    def on_consult(self, action: Consult) -> bool:
        """Ask, up to the answer."""
        return self.ask_about(action, self.stage.go_on)

    def on_begin(self, action: BeginConsult) -> bool:
        """Ask, up to the first stop."""
        return self.ask_about(action, lambda reader: None)

    def ask_about(self, action: Consult | BeginConsult, go_on: Callable[[str], None]) -> bool:
        """Ask, if the reader is there and free. From then on a question is open as long as there is no answer."""
        name, key = action.reader, action.key
        if name not in self.theirs or self.stage.busy(name):
            return False
        who, reader = self.who(action.client, name), self.reader(name)
        if who in self.open:
            return False
        self.step(action)
        self.open.add(who)
        least = max(self.floors.get((who, key), 0), self.written(who, key))
        self.stage.begin(name, lambda: reader.query(key), lambda status: self.over(name, who, key, least, status))
        go_on(name)
        if self.stage.busy(name):
            self.emit(Waiting(who, key, 0, 0, 1))
        return True

    def reader(self, name: str) -> Any:
        """The reader, made by its own actor the first time, if it is made."""
        if name not in self.made:
            given = self.theirs[name]
            made = self.stage.at_once(name, given) if makes(given, "query") else given
            self.made[name] = made
        return self.made[name]

    def who(self, client: str, name: str) -> str:
        """Whose session an answer belongs to: nobody's, if the reader promises nothing."""
        promises = getattr(self.reader(name), "promises", ())
        self.asked += 1
        if "sessions" in promises:
            return client
        return name if "monotonic" in promises else f"{name}-{self.asked}"

    def written(self, client: str, key: str) -> int:
        """The newest version of a key that a client knows to have written itself."""
        known = self.scene.acknowledged.get(client, ())
        return max(
            (self.places[position][1] for position in known if self.places.get(position, ("",))[0] == key), default=0
        )

    def over(self, name: str, who: str, key: str, least: int, status: Status) -> None:
        """There is an answer, or none."""
        self.open.discard(who)
        if not isinstance(status, Returned):
            self.emit(GaveUp(who, key, NEVER, 1, 1))
            return
        newest, state = self.place(name, key, status.value)
        first = self.versions.earliest(key, status.value, least)
        version = newest if first is None else first
        self.floors[who, key] = max(version, self.floors.get((who, key), 0))
        self.emit(Answered(who, key, name, version, state, self.versions.newest(key) - newest, 0))

    def place(self, name: str, key: str, answer: Any) -> tuple[int, Any]:
        """The newest version that an answer may be of, and the state; of one that the key never had, the newest version of all."""
        state = awaited(f"{self.scene.title}: reader {name!r}", "query", answer)
        version = self.versions.version(key, state)
        whole = self.versions.of(key)[0] if state is None else state
        return self.versions.newest(key) if version is None else version, whole

    def rest(self) -> None:
        """What every reader answers about every key when everything that expires has expired."""
        self.stage.gate.advance(EXPIRED)
        for name in self.theirs:
            rows = {}
            for key in self.application.keys:
                try:
                    answer = self.stage.at_once(name, self.reader(name).query, key)
                except BaseException as error:
                    let_through(error)
                    self.emit(GaveUp(f"{name} at rest", key, 0, 1, 1))
                else:
                    rows[key] = self.place(name, key, answer)
            self.emit(CachedAtRest(rows, name))

    def rehearse(self, walk: Callable[[str], list[str]]) -> dict[str, list[str]]:
        """Each answers twice about two keys."""
        found: dict[str, list[str]] = {}
        for name in self.theirs:
            reader = self.reader(name)
            for key in self.application.keys[:2] * 2:
                self.stage.begin(name, functools.partial(reader.query, key), lambda status: None)
                found.setdefault(name, []).extend(walk(name))
        return found

    def close(self) -> None:
        """Close those that were made."""
        for name, made in self.made.items():
            if made is not self.theirs[name]:
                close_part(f"{self.scene.title}: reader {name}", made)
