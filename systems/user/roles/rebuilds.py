"""Rebuilds of read models: somebody makes the rows of a consumer anew, in a process of its own, while everybody else works on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, ClassVar

from refold.model.action import Submit
from refold.model.application import Application
from refold.model.declarations.capability import Capability
from refold.model.declarations.offer import Cast, alone
from refold.model.errors import UsageError
from refold.model.extension import Handler
from refold.model.parts.calls import BeginTurn, Die, FailStep, GoOn, Halt, LoseAnswer, Turn
from refold.model.parts.rebuilds import GIVEN_UP, REBUILDS, BeginRebuild, RebuildEnded, rebuild_of
from refold.model.tape import Group
from refold.model.words import short, suggestion
from refold.systems.gate.crossing import Raised, Returned, Status
from refold.systems.user.actors import how
from refold.systems.user.roles.role import OwnRole, Places, Surroundings
from refold.systems.user.watching import PATIENCE, Watched

STOPPED = "stopped-for-rebuild"
"""The promise of a consumer that is down while its rows are rebuilt: whoever operates it sees to that."""


class Rebuilds(OwnRole):
    """What makes the rows of consumers anew. A system has it as `rebuilds`: a dict from the names of consumers to functions.

    Promises: when the function has returned, and everybody has come to rest, rows and checkpoint are what they would be without it. It is
    begun again after it died or raised, from its beginning. It runs beside its consumer, unless the consumer promises
    ``stopped-for-rebuild``: then that one is told to stop (or dies, where it has no `stop`), and starts again afterwards.
    """

    name = "rebuilds"
    field: ClassVar[str] = "rebuilds"
    gives: ClassVar[tuple[Capability, ...]] = (REBUILDS,)

    def __init__(self, scene: Surroundings, theirs: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(scene, theirs)
        unknown = [name for name in theirs if self.consumer_of(name) is None]
        if unknown:
            raise UsageError(
                f"{scene.title!r}: there is a rebuild of {unknown[0]!r}, but no consumer of this name"
                f"{suggestion(unknown[0], scene.consumers)}"
            )
        self.unfinished: set[str] = set()
        self.details: dict[str, str] = {}  # what the latest attempt ended with
        self.behind: set[str] = set()
        """Consumers that are at work, and subscribe again as soon as that is done."""

    @classmethod
    def check(cls, title: str, theirs: Any) -> None:
        """A function for each consumer."""
        if not isinstance(theirs, Mapping) or not theirs:
            raise UsageError(
                f"{title!r}: its rebuilds are {short(theirs)}, expected a dict of at least one consumer's name and a function"
            )
        for name, function in theirs.items():
            if not callable(function):
                raise UsageError(f"{title!r}: the rebuild of {name!r} is {short(function)}, expected a function")

    @classmethod
    def actors(cls, theirs: Any) -> tuple[str, ...]:
        """One process for each."""
        return tuple(rebuild_of(name) for name in theirs)

    @classmethod
    def mortal(cls, theirs: Any) -> tuple[str, ...]:
        """All of them."""
        return cls.actors(theirs)

    @classmethod
    def words(cls, theirs: Any, cast: Cast, application: Application, places: Places) -> Iterator[Group]:
        """Rebuilds that stop, fail, lose an answer or die; and others that go first meanwhile."""
        for name in theirs:
            actor = rebuild_of(name)
            goes_on = GoOn(actor)
            begin = BeginRebuild(name)
            stops = [(begin, Halt(actor, place)) for place in places.get(actor, ())]
            works = any(spec.name == name and not spec.inline for spec in cast.specs)
            yield "", 4, [(begin, goes_on)]
            yield "", 3, [*alone([begin, goes_on]), *stops]
            yield "", 6, [(*stop, Submit(*talk), goes_on) for stop, talk in product(stops, cast.talks)]
            yield "unheard", 3, [(*stop, LoseAnswer(actor), goes_on) for stop in stops]
            yield "failure", 3, [(*stop, FailStep(actor), goes_on) for stop in stops]
            yield "consumer-crash", 5, [(*stop, Die(actor)) for stop in stops]
            if not works:
                continue
            turn = Turn(name)
            yield "", 8, [(*stop, *(turn,) * times, goes_on) for stop in stops for times in (1, 3)]
            yield (
                "",
                8,
                [(BeginTurn(name), Halt(name, place), begin, goes_on, GoOn(name)) for place in places.get(name, ())],
            )
            yield (
                "",
                6,
                [
                    (*stop, Submit(*talk), turn, goes_on)
                    for stop, talk in product(stops, cast.talks[: len(cast.talks) // 2 + 1])
                ],
            )

    def handlers(self) -> dict[type, Handler]:
        """Rebuilds."""
        return {BeginRebuild: self.on_begin}

    # -- in the middle of everything

    def on_begin(self, action: BeginRebuild) -> bool:
        """Not twice at once; not while a consumer works that is to be stopped for it."""
        consumer = self.consumer_of(action.consumer)
        if consumer is None or self.stage.busy(rebuild_of(action.consumer)):
            return False
        if self.stops_for(consumer) and not consumer.down and consumer.busy():
            return False
        self.step(action)
        self.begin(action.consumer, consumer)
        return True

    def consumer_of(self, name: str) -> Watched | None:
        """The consumer whose rows are rebuilt."""
        found = self.scene.consumers.get(name)
        return found if isinstance(found, Watched) else None

    def stops_for(self, consumer: Watched) -> bool:
        """Whether it is down while its rows are rebuilt."""
        return STOPPED in getattr(consumer.theirs, "promises", ())

    def begin(self, name: str, consumer: Watched) -> None:
        """Up to its first stop."""
        if self.stops_for(consumer) and not consumer.down:
            if callable(getattr(consumer.theirs, "stop", None)):
                consumer.stop()
            else:
                consumer.crash()
        self.unfinished.add(name)
        self.stage.begin(rebuild_of(name), self.theirs[name], functools.partial(self.over, name))

    def over(self, name: str, status: Status) -> None:
        """It has come to its end, or to an end."""
        if isinstance(status, Raised) and isinstance(status.error, UsageError):
            raise status.error
        self.stage.end(rebuild_of(name))  # what it has left open ends with its process
        said, detail = how(status)
        self.emit(RebuildEnded(name, said, detail))
        self.details[name] = detail
        if isinstance(status, Returned):
            self.unfinished.discard(name)
        consumer = self.consumer_of(name)
        if consumer is not None and not consumer.down:
            self.behind.add(name)
            self.looked(rebuild_of(name))

    def holds_down(self, who: str) -> bool:
        """Whether a consumer is down until the rebuild of its rows is over."""
        consumer = self.consumer_of(who)
        return consumer is not None and self.stage.busy(rebuild_of(who)) and self.stops_for(consumer)

    def looked(self, who: str) -> None:
        """What a rebuild does shows in the rows of its consumer. When it is over, the consumer goes on behind its checkpoint."""
        for name in self.theirs:
            consumer = self.consumer_of(name)
            if consumer is None or consumer.down:
                self.behind.discard(name)
                continue
            if who == rebuild_of(name):
                consumer.look()
            if name in self.behind and not consumer.busy():
                self.behind.discard(name)
                consumer.subscribe_again()

    # -- learning, and the end

    def rehearse(self, walk: Callable[[str], list[str]]) -> dict[str, list[str]]:
        """Each once."""
        found = {}
        for name in self.theirs:
            consumer = self.consumer_of(name)
            if consumer is not None:
                self.begin(name, consumer)
                found[rebuild_of(name)] = walk(rebuild_of(name))
        return found

    def come_to_an_end(self) -> None:
        """What died or raised is begun again, and nothing goes wrong any more."""
        for name in sorted(self.unfinished):
            consumer = self.consumer_of(name)
            for _ in range(PATIENCE):
                if consumer is None or name not in self.unfinished:
                    break
                self.begin(name, consumer)
                self.stage.finish([rebuild_of(name)])
            if name in self.unfinished:
                self.emit(RebuildEnded(name, GIVEN_UP, self.details.get(name, "")))
