"""A user's whole application as a system: it executes commands in its own way, and shows what it holds; nobody sees how it decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from refold.model.action import Action, Crash, Restart, Submit
from refold.model.application import Application, Refusal
from refold.model.declarations.capability import CRASH_LOG, Capability
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.parts.reading.looks import Executed, Look, Viewed, Work
from refold.model.process import Emit
from refold.model.record import (
    HISTORY_VERSION,
    ConsumerSpec,
    Crashed,
    Opened,
    Recovered,
    Scanned,
    Settled,
    Settling,
    Step,
)
from refold.model.tape import Group, Menu
from refold.model.words import short
from refold.systems.port import DeploymentPort, SystemPort
from refold.systems.user.errors import AdapterError, called, let_through, told
from refold.systems.user.log import check_class

WORK_MAX = 10_000
"""Steps of background work that a look waits for."""

PAGE = 1024


@runtime_checkable
class Whole(Protocol):
    """What a user brings: an object that is made anew for every run.

    It may have more. `work()` does a bounded piece of what goes on in the background, and says whether there was any. `crash()` and
    `restart()` come together. `close()` ends a run. `partial` names views that need not have every key, such as caches.
    """

    def execute(self, command: Any) -> object:
        """Do it, or raise `Refusal`; whatever else it raises counts as “not done, as far as one knows”."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """At most `limit` events of its log after position `after`."""

    def views(self) -> Mapping[str, Mapping[str, Any]]:
        """Name of a view (a cache, a snapshot, a table) -> key -> the state that it shows."""


class WholeSystem:
    """Opens one for each run. Where the application says what one event does, or decides, the same object is one of several roles: `others`
    makes the system for that."""

    clients: tuple[str, ...] = ("alice", "bob")
    parallel = False
    code: Mapping[str, object] = {}
    """The functions of the user's own that it is made of."""
    unasked: tuple[str, ...] = ()
    """What it has beside that nobody asks where the application does not say what one event does."""
    executes = True
    """It needs no clients that decide."""

    def __init__(
        self, name: str, make: Callable[[], object], made: Whole, others: Callable[[], SystemPort] | None = None
    ) -> None:
        self.name = name
        self.make = make
        self.mortal = callable(getattr(made, "crash", None)) and callable(getattr(made, "restart", None))
        self.works = callable(getattr(made, "work", None))
        self.capabilities: frozenset[Capability] = frozenset({CRASH_LOG} if self.mortal else ())
        self.consumers: tuple[ConsumerSpec, ...] = ()
        self.others = others
        self.other: SystemPort | None = None

    def menu(self, application: Application) -> Menu:
        """Commands, looks, and what else it can do. Raises `UsageError` for an application that it does not suit."""
        if not application.replayed:
            return self.become_other(application).menu(application)
        menu = Menu(application.commands(), self.clients, (), self.capabilities)
        groups: list[Group] = [
            (family, weight, words)
            for family, weight, words in menu.groups
            if all(isinstance(action, Submit | Crash | Restart) for word in words for action in word)
        ]
        groups.append(("", 12, [(Look(),)]))
        if self.works:
            groups.append(("", 16, [(Work(),)]))
        menu.groups = groups
        return menu

    def become_other(self, application: Application) -> SystemPort:
        """The same code as a system of roles, whose calls stop at the gate. Raises `UsageError` if there is none."""
        if self.others is None:
            raise UsageError(
                f"system {self.name!r} executes commands by itself; give it an application without decide()"
                " and with replay(events), which says what its log means"
            )
        if self.other is None:
            self.other = other = self.others()
            self.capabilities, self.clients, self.consumers = other.capabilities, other.clients, other.consumers
        return self.other

    def open(self, application: Application, emit: Emit) -> DeploymentPort:
        """A new deployment."""
        if not application.replayed:
            return self.become_other(application).open(application, emit)
        return WholeDeployment(self, application, emit)


class WholeDeployment:
    """One run."""

    def __init__(self, system: WholeSystem, application: Application, emit: Emit) -> None:
        self.title = system.name
        self.system = system
        self.capabilities = system.capabilities
        self.application = application
        self.emit = emit
        self.down = False
        self.seen = self.steps = 0
        self.part: Any = called(system.name, system.make)
        emit(
            Opened(
                HISTORY_VERSION, system.name, application.name, system.clients, (), tuple(sorted(system.capabilities))
            )
        )

    def perform(self, action: Action) -> bool:
        """One action."""
        if isinstance(action, Restart):
            return self.restart(action)
        if self.down or not isinstance(action, Submit | Work | Look | Crash):
            return False
        if isinstance(action, Work) and not self.system.works:
            return False
        if isinstance(action, Crash) and not self.system.mortal:
            return False
        self.step(action)
        if isinstance(action, Submit):
            self.submit(action)
        elif isinstance(action, Work):
            self.call("work")
        elif isinstance(action, Crash):
            self.call("crash")
            self.down = True
            self.emit(Crashed("log", 0))
        else:
            self.look()
        if not self.down:
            self.tail()
        return True

    def step(self, action: Action) -> None:
        """One more."""
        self.steps += 1
        self.emit(Step(self.steps, action))

    def submit(self, action: Submit) -> None:
        """The user's own way."""
        try:
            self.part.execute(action.command)
            outcome = "done"
        except Refusal as refusal:
            outcome = f"refused: {refusal.reason}"
        except BaseException as error:
            let_through(error)
            outcome = f"raised {told(error)}"
        self.emit(Executed(action.client, short(action.command), outcome))

    def restart(self, action: Action) -> bool:
        """It comes back."""
        if not self.down:
            return False
        self.step(action)
        self.call("restart")
        self.down = False
        self.emit(Recovered("log", self.seen, None))
        self.tail()
        return True

    def look(self) -> None:
        """Let the work come to its end, read the log, and show every view."""
        self.rest()
        self.tail()
        views = self.call("views")
        if not isinstance(views, Mapping) or not all(isinstance(view, Mapping) for view in views.values()):
            raise AdapterError(
                f"{self.title}: views() returned {short(views)}, expected a dict: name of a view -> key -> the state that it shows"
            )
        partial = getattr(self.part, "partial", ())
        for name, states in views.items():
            self.emit(Viewed(name, dict(states), name in partial))

    def rest(self) -> None:
        """Work until there is none."""
        if not self.system.works:
            return
        for _ in range(WORK_MAX):
            if not self.call("work"):
                return
        raise AdapterError(
            f"{self.title}: work() said {WORK_MAX:,} times that there was something to do; it returns False where there is nothing"
        )

    def tail(self) -> None:
        """What became visible in the log."""
        while page := self.page(self.seen):
            for event in page:
                self.emit(event)
            if page[-1].position <= self.seen:
                return
            self.seen = page[-1].position

    def page(self, after: int) -> list[Stored]:
        """Events, with payloads that are objects of the application."""
        found = self.call("read", after, PAGE)
        if not isinstance(found, list | tuple) or not all(isinstance(event, Stored) for event in found):
            raise AdapterError(f"{self.title}: read() returned {short(found)}, expected a list of Stored events")
        decode, known = self.application.decode, self.application.event_classes
        for event in found:
            if event.type in known and not isinstance(event.data, dict):
                check_class(self.title, event, known[event.type])
        return [
            msgspec.structs.replace(event, data=decode(event.type, event.data))
            if isinstance(event.data, dict)
            else event
            for event in found
        ]

    def scan(self) -> None:
        """The log once more, from its beginning."""
        found: list[Stored] = []
        while page := self.page(found[-1].position if found else 0):
            if found and page[-1].position <= found[-1].position:
                break
            found.extend(page)
        self.emit(Scanned(tuple(event.position for event in found), tuple(event.id for event in found)))

    def call(self, method: str, *arguments: object) -> Any:
        """Call the user's object; what it raises becomes a sentence."""
        try:
            return getattr(self.part, method)(*arguments)
        except BaseException as error:
            let_through(error)
            raise AdapterError(f"{self.title}: {method}() raised {told(error)}; only execute() may") from error

    def settle(self) -> None:
        """Come back, look, and read the log once more from its beginning."""
        self.emit(Settling())
        if self.down:
            self.call("restart")
            self.down = False
            self.emit(Recovered("log", self.seen, None))
        self.look()
        self.scan()
        self.emit(Settled(0))

    def close(self) -> None:
        """Over."""
        if callable(getattr(self.part, "close", None)):
            self.call("close")
