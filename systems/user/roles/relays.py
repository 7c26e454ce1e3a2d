"""Relays, process managers, mailers: processes that take turns, and whose doing is what they send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, ClassVar, Protocol

from refold.model.action import Submit
from refold.model.application import Application
from refold.model.declarations.offer import Cast
from refold.model.declarations.ports import StoredRows
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.parts.calls import BeginTurn, FailStep, GoOn, Halt
from refold.model.record import ConsumerSpec, Crashed, Failed
from refold.model.tape import Group
from refold.model.words import short
from refold.systems.gate.crossing import Died, Exited, Raised, Returned, Status
from refold.systems.user.errors import awaited
from refold.systems.user.roles.role import OwnRole, Places, Surroundings, example, makes
from refold.systems.user.watching import PATIENCE, PULLING, Watched

LATER = 3_600.0
"""Seconds that go by at rest before everybody looks once more: back-offs and leases are over by then."""

AWAY = 5
"""Turns in a row in which the same call fails: whoever it goes to is away for a while. Many give up after three attempts, or five."""


def calls(place: str) -> bool:
    """Whether somebody calls an object there that is watched: no statement, and no wait."""
    return "." in place.partition(" ")[0]


class Patience:
    """How often time goes by at rest: twice after anything has moved, since whoever waited for one thing may then wait for the next. Some
    things happen every hour, so it ends."""

    def __init__(self) -> None:
        self.left = 2
        self.spent = 0
        self.seen: object = None

    def lasts(self, seen: object, most: int) -> bool:
        """Whether time is to go by once more; `seen` is what there is to see now. It does not more than `most` times."""
        if seen != self.seen:
            self.seen, self.left = seen, 2
        if not self.left or self.spent >= most:
            return False
        self.left -= 1
        self.spent += 1
        return True


HOURS_MAX = 200
"""Times that it goes by for relays."""


class RelayPort(Protocol):
    """A process that works in turns: the relay of an outbox, a process manager, a mailer.

    If the relay is given as a class or a function, a new relay is created each time its process starts, and the process
    may die anywhere. Several relays may run at once. If `poll` raises an exception, the failure is recorded and `poll`
    is called again. When the system comes to rest, the fourth failure in a row ends the attempts, until simulated time
    has passed; the relay is not started again.

    Optional: `stop` (an orderly shutdown, as requested by SIGTERM), `crash` and `restart` (for an object that outlives
    its process), and `close`.
    """

    def poll(self) -> bool:
        """Do a bounded piece of work; returns whether there was any. If `poll` returns None, refold assumes that there
        was some if a message was sent."""


class RelayProcess(Watched):
    """One relay. It has no rows and no checkpoint that anybody looks at."""

    def __init__(self, name: str, scene: Surroundings, given: Any) -> None:
        self.sent = 0
        self.messages = 0
        """All that it has sent."""
        super().__init__(name, "views", scene.context, scene.title, given, scene.stage)

    def kind(self) -> str:
        """It reads by itself."""
        return PULLING

    def promise(self) -> ConsumerSpec:
        """Nothing that is asked of rows."""
        return ConsumerSpec(name=self.name, projection="views")

    def current(self) -> StoredRows:
        """None."""
        return {}

    def checkpoint_now(self) -> int | None:
        """None that counts."""
        return None

    def look(self, when: str = "working") -> None:
        """There is nothing to be seen of it."""

    def polled(self, status: Status) -> None:
        """What it answers says whether there was anything."""
        self.messages += self.sent
        if isinstance(status, Died):
            self.fell()
            self.emit(Crashed(self.name, 1))
        elif isinstance(status, Exited):
            self.leave()
        elif isinstance(status, Raised):
            self.failures += 1
            self.emit(Failed(self.name, 0))
            self.asleep = self.failures > PATIENCE
        elif isinstance(status, Returned):
            self.failures = 0
            answer = awaited(self.title, "poll", status.value)
            self.asleep = not answer if answer is not None else self.sent == 0
        self.sent = 0

    def recovered(self) -> None:
        """A new life."""
        super().recovered()
        self.sent = 0


def ends_of(name: str, given: Any) -> tuple[str, ...]:
    """How a relay may end."""
    with example(name, given, "poll") as made:
        mortal = makes(given, "poll") or (hasattr(made, "crash") and hasattr(made, "restart"))
        stops = callable(getattr(made, "stop", None))
    return (*(("crash",) if mortal else ()), *(("stop",) if stops else ()))


class Relays(OwnRole):
    """All relays of a system."""

    name = "relays"
    field: ClassVar[str] = "relays"

    def __init__(self, scene: Surroundings, theirs: Mapping[str, Any]) -> None:
        super().__init__(scene, theirs)
        self.processes = {name: RelayProcess(name, scene, given) for name, given in theirs.items()}
        scene.consumers.update(self.processes)
        self.patience = Patience()

    @classmethod
    def check(cls, title: str, theirs: Any) -> None:
        """Each has `poll`, or is what makes one."""
        if not isinstance(theirs, Mapping) or not theirs:
            raise UsageError(f"{title!r}: its relays are {short(theirs)}, expected a dict of at least one name")
        for name, given in theirs.items():
            with example(f"{title}: relay {name}", given, "poll") as made:
                if not callable(getattr(made, "poll", None)):
                    raise UsageError(f"{title!r}: relay {name!r} is {short(made)}, which has no poll()")

    @classmethod
    def workers(cls, theirs: Any) -> dict[str, tuple[str, ...]]:
        """One that is made anew for each life may die, and so may one that recovers."""
        return {name: ends_of(name, given) for name, given in theirs.items()}

    @classmethod
    def words(cls, theirs: Any, cast: Cast, application: Application, places: Places) -> Iterator[Group]:
        """What it calls is away for a while."""
        attempts = [
            (BeginTurn(name), Halt(name, place), FailStep(name), GoOn(name)) * AWAY
            for name in (theirs if isinstance(theirs, Mapping) else (cls.name,))
            for place in places.get(name, ())
            if calls(place)
        ]
        if attempts:
            yield "failure", 3, [(Submit(*talk), *each) for each, talk in product(attempts, cast.talks)]

    def visible(self, events: Sequence[Stored]) -> None:
        """There may be something to do."""
        for process in self.processes.values():
            process.asleep = False

    def calm(self) -> None:
        """Everybody is up, and looks once more."""
        for process in self.processes.values():
            if process.down:
                process.restart()
            process.failures, process.asleep = 0, False

    def turn(self) -> bool:
        """One piece of work of each that has any; when nobody has, time goes by, and everybody looks again."""
        busy = False
        for process in self.processes.values():
            if not process.idle():
                process.turn(0)
                busy = True
        if not busy and self.patience.lasts([process.messages for process in self.processes.values()], HOURS_MAX):
            self.stage.gate.advance(LATER)
            for process in self.processes.values():
                process.asleep = False
            return True
        return busy

    def close(self) -> None:
        """Close those that can be closed."""
        for process in self.processes.values():
            process.store.close()


class Background(Relays):
    """What runs beside an application that executes its commands: `work()` does a bounded piece of it, and says whether there was
    any."""

    name = "work"
    field: ClassVar[str] = "work"

    def __init__(self, scene: Surroundings, theirs: Callable[[], object]) -> None:
        super().__init__(scene, {"work": Polled(theirs)})

    @classmethod
    def check(cls, title: str, theirs: Any) -> None:
        """A method."""
        if not callable(theirs):
            raise UsageError(
                f"{title!r}: its work is {short(theirs)}, expected a method that returns whether there was any"
            )

    @classmethod
    def workers(cls, theirs: Any) -> dict[str, tuple[str, ...]]:
        """It lives as long as the application."""
        return {"work": ()}


class Polled:
    """A function, as an object with the method `poll`."""

    def __init__(self, poll: Callable[[], object]) -> None:
        self.poll = poll
