"""One run of an application of the library `eventsourcing`: calls and turns at the gate, and looks at what it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from refold.model.action import Action, Submit
from refold.model.declarations.capability import Capability
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.parts.calls import (
    BeginTurn,
    Called,
    Die,
    Enter,
    FailStep,
    GoOn,
    Halt,
    LoseAnswer,
    Replied,
    Stuck,
    Turn,
)
from refold.model.parts.reading.looks import Look, Viewed
from refold.model.process import Emit
from refold.model.record import (
    HISTORY_VERSION,
    ConsumerSpec,
    Crashed,
    Opened,
    Scanned,
    Settled,
    Settling,
    Step,
)
from refold.systems.frameworks.calls import Command, MethodCall, results_for
from refold.systems.frameworks.events import Happened, Streams
from refold.systems.frameworks.oracle import FreshInstances, answered, named_for
from refold.systems.frameworks.stores import FEW, Persistence, Store
from refold.systems.frameworks.workers import FAILING, FollowerLife, LogFollower
from refold.systems.gate import Died, Raised, Returned, Status
from refold.systems.user.actors import Stage, how, numbered
from refold.systems.user.errors import AdapterError, asked, let_through, told

PAGE = 10_000
WRITING = ("COMMIT", "INSERT", "UPDATE", "DELETE", "REPLACE")
TIMES = 3
"""How often a place where something is written is told apart within one call."""
WORK_MAX = 10_000
"""Turns that a look waits for."""
REHEARSED = 60
"""Turns of a worker, at most, from which is learned where it stops."""
FAILURES = 3
"""Turns in a row, at rest, that may end with an error until a worker is left where it is."""


class SystemFacts(Protocol):
    """The system, as far as a run needs it."""

    @property
    def name(self) -> str: ...
    @property
    def cls(self) -> Any: ...
    @property
    def persistence(self) -> Persistence: ...
    @property
    def env(self) -> Mapping[str, str]: ...
    @property
    def clients(self) -> tuple[str, ...]: ...
    @property
    def consumers(self) -> tuple[ConsumerSpec, ...]: ...
    @property
    def workers(self) -> Mapping[str, LogFollower]: ...
    @property
    def capabilities(self) -> frozenset[Capability]: ...

    def store(self) -> Store:
        """The data of one run."""


class FrameworkDeployment:
    """One run."""

    def __init__(self, system: SystemFacts, application: FreshInstances, emit: Emit) -> None:
        self.system = system
        self.application = application
        self.capabilities = system.capabilities
        self.emit = emit
        self.steps = self.seen = 0
        self.lit = False
        self.streams = Streams()
        self.results: dict[str, Any] = {}
        self.ops: dict[str, str] = {}
        self.calls = 0
        self.labels: dict[str, int] = {}
        self.log: list[Stored] = []
        self.lives: dict[str, Any] = {}
        self.outcomes: list[tuple[str, str]] = []
        self.stuck: dict[str, str] = {}
        """Workers that have failed too often in a row at rest -> what they raised last."""
        self.store = system.store()
        self.env = {**FEW, **system.env, **self.store.env}
        self.stage = Stage(system.name, emit, self.looked)
        try:
            self.observer = asked(f"{system.cls.__name__}(env=…)", self.make)
            for client in system.clients:
                asked(f"{system.cls.__name__}(env=…)", self.client, client)
            for worker in system.workers:
                asked(f"making {worker}", self.stage.at_once, worker, self.follower, worker)
        except BaseException:
            self.close()
            raise
        self.lit = True
        emit(
            Opened(
                HISTORY_VERSION,
                system.name,
                application.name,
                system.clients,
                system.consumers,
                tuple(sorted(system.capabilities)),
            )
        )

    @property
    def separate(self) -> bool:
        """Whether each client has a process with an application of its own."""
        return self.system.persistence != "popo"

    def make(self) -> Any:
        """An application."""
        return self.system.cls(env={**self.env, **named_for(self.system.cls, self.store.env)})

    # -- processes

    def client(self, name: str) -> Any:
        """The application in a client's process, made at once."""
        if not self.separate:
            self.lives[name] = self.observer
        if name not in self.lives:
            self.lives[name] = self.stage.at_once(name, self.make)
        return self.lives[name]

    def follower(self, name: str) -> FollowerLife:
        """A worker in its process, with an application of its own; a new one after a death."""
        found: FollowerLife | None = self.lives.get(name)
        if found is None:
            worker = self.system.workers[name]
            leader = self.make() if self.separate else self.observer
            found = self.lives[name] = worker.make(leader, worker.settings(self.env))
        return found

    def fell(self, name: str) -> None:
        """A process has died."""
        self.lives.pop(name, None)
        self.emit(Crashed(name, 1))

    # -- the log

    def looked(self, who: str) -> None:
        """Somebody has taken a step: what is visible now is his doing."""
        if self.lit:
            self.tail(self.ops.get(who, who))

    def page(self, after: int) -> list[Any]:
        """Notifications after a position."""
        found: list[Any] = self.observer.recorder.select_notifications(start=after + 1, limit=PAGE)
        return found

    def tail(self, owner: str) -> None:
        """What became visible."""
        for notification in self.page(self.seen):
            happened = asked(f"reading event {notification.id} of the log", self.value, notification)
            number = self.labels.get(owner, 0)
            self.labels[owner] = number + 1
            event = Stored(
                notification.id,
                self.streams.name(happened),
                happened.version,
                f"{owner}/{number}",
                happened.name,
                happened,
            )
            self.log.append(event)
            self.seen = max(self.seen, notification.id)
            self.emit(event)

    def value(self, notification: Any) -> Happened:
        """An event, through the application's own mapper, which may upcast it."""
        return self.application.translator.value(self.observer.mapper.to_domain_event(notification))

    # -- the port

    def perform(self, action: Action) -> bool:
        """One action."""
        do: dict[type, Callable[[Any], bool]] = {
            Submit: self.submit,
            Enter: self.enter,
            Turn: self.turn,
            BeginTurn: self.begin_turn,
            Halt: lambda one: self.at(one, one.who, lambda: self.halt(one.who, one.before)),
            GoOn: lambda one: self.at(one, one.who, lambda: self.stage.go_on(one.who)),
            LoseAnswer: lambda one: self.at(one, one.who, lambda: self.stage.lose(one.who)),
            FailStep: self.fail_step,
            Die: lambda one: self.at(one, one.who, lambda: self.stage.die(one.who)),
            Look: self.look_at_all,
        }
        handler = do.get(type(action))
        return handler is not None and handler(action)

    def step(self, action: Action) -> None:
        """One more."""
        self.steps += 1
        self.emit(Step(self.steps, action))

    def at(self, action: Action, who: str, do: Callable[[], None]) -> bool:
        """Something happens to somebody who stands before a statement."""
        if not self.stage.stands(who):
            return False
        self.step(action)
        do()
        return True

    def fail_step(self, action: FailStep) -> bool:
        """A statement fails. Not a COMMIT: the library does not roll back then; SQLite has done so, with the write-ahead log it uses."""
        if not self.stage.stands(action.who) or self.stage.before(action.who).startswith("COMMIT"):
            return False
        return self.at(action, action.who, lambda: self.stage.fail(action.who))

    def halt(self, who: str, place: str) -> None:
        """Let somebody go on to a place: “COMMIT”, or “COMMIT (2)”, where he comes to the second one from here on."""
        words, number = numbered(place)
        for left in range(number - 1, -1, -1):
            while self.stage.stands(who) and not self.stage.before(who).startswith(words):
                self.stage.step(who)
            if left and self.stage.stands(who):
                self.stage.step(who)
        self.stage.tell(who)

    def submit(self, action: Submit) -> bool:
        """A call without a stop."""
        if not self.enter(action):
            return False
        self.stage.go_on(action.client)
        return True

    def enter(self, action: Enter | Submit) -> bool:
        """Begin a call; not if it needs the result of one that has not returned."""
        command = self.application.script.get(action.command.text)
        if command is None:
            raise UsageError(
                f"{self.system.name}: there is no command {action.command.text!r}; the commands are"
                f" {', '.join(self.application.script)}"
            )
        results = results_for(command, self.results)
        if results is None or self.stage.busy(action.client):
            return False
        self.step(action)
        self.begin(action.client, command, results)
        return True

    def begin(self, client: str, command: Command, results: list[Any]) -> None:
        """A client calls its application."""
        self.calls += 1
        op = self.ops[client] = f"{client}-{self.calls}"
        given = tuple(self.encoded(command, one) for one in results)
        self.emit(Called(client, op, MethodCall(command.text, given)))

        def call() -> Any:
            if client not in self.lives:
                self.lives[client] = self.make()
            return command.perform(self.lives[client], results)

        self.stage.begin(client, call, lambda status: self.over(client, op, command, status))

    def encoded(self, command: Command, result: Any) -> str:
        """What a call returned, for the history."""
        try:
            return self.application.translator.encode(result)
        except BaseException as error:
            let_through(error)
            raise UsageError(
                f"{command.text}: the application's transcoder cannot store what the call that it refers to returned"
                f" ({told(error)}); let that method return the id of the aggregate"
            ) from error

    def over(self, client: str, op: str, command: Command, status: Status) -> None:
        """The call has an answer, or will never have one."""
        said, detail = how(status)
        if isinstance(status, Raised):
            said = "raised" if of_storage(status.error) else "refused"
            detail = f"{type(status.error).__name__}: {status.error}"
        elif isinstance(status, Returned):
            self.results.setdefault(command.text, status.value)
            if not self.labels.get(op):
                detail = answered(status.value, {one.data.originator: one.stream for one in self.log})
        elif isinstance(status, Died):
            self.fell(client)
        self.ops.pop(client, None)
        self.outcomes.append((said, detail))
        self.emit(Replied(client, op, said, detail))

    # -- workers

    def begin_turn(self, action: BeginTurn | Turn) -> bool:
        """A worker begins with its next event."""
        name = action.consumer
        if name not in self.system.workers or self.stage.busy(name):
            return False
        self.step(action)
        self.work(name)
        return True

    def turn(self, action: Turn) -> bool:
        """A worker does what is to be done with its next event."""
        if not self.begin_turn(action):
            return False
        self.stage.go_on(action.consumer)
        return True

    def work(self, name: str) -> list[bool]:
        """Begin a turn. What it returns has at its end whether there was anything to do; an error ends the worker, as it ends a runner of
        the library's, and somebody starts it again."""
        answer: list[bool] = []
        self.stuck.pop(name, None)

        def ended(status: Status) -> None:
            if isinstance(status, Returned):
                answer.append(bool(status.value))
                return
            if not isinstance(status, Died):
                self.stage.end(name)
            if isinstance(status, Raised):
                self.stuck[name] = told(status.error)
            self.fell(name)

        self.stage.begin(name, lambda: self.follower(name).turn(), ended)
        return answer

    def rest(self) -> None:
        """Everybody comes to an end, and workers have nothing left to do."""
        self.stage.finish()
        for name in self.system.workers:
            failures = 0
            for _ in range(WORK_MAX):
                answer = self.work(name)
                self.stage.finish([name])
                failures = 0 if answer else failures + 1
                if failures > FAILURES or answer == [False]:
                    break
            else:
                raise AdapterError(f"{self.system.name}: {name} is still not done after {WORK_MAX:,} turns")
            if name in self.stuck:
                self.emit(Stuck(name, self.stands_at(name), self.stuck[name]))

    def stands_at(self, name: str) -> int:
        """The position up to which a worker is done; 0 if it cannot even start."""
        found = self.attempt(partial(self.stage.at_once, name, lambda: self.follower(name).stands_at()))
        return found if isinstance(found, int) else 0

    # -- looking

    def look_at_all(self, action: Look) -> bool:
        """Nothing is under way any more; everything is read."""
        self.step(action)
        self.look()
        return True

    def look(self) -> None:
        """Read everything."""
        self.rest()
        self.tail("somebody")
        names = {event.data.originator: event.stream for event in self.log}
        readers = dict(self.lives) if self.separate else {"everybody": self.observer}
        for client in [name for name in readers if name not in self.system.workers]:
            self.emit(Viewed(f"the repository of {client}", self.read(client, readers[client], names)))
        if self.separate:
            self.emit(Viewed("the repository after a restart", self.restarted(names)))
        elif getattr(self.observer.repository, "cache", None) is not None:
            self.emit(Viewed("the repository without its cache", self.uncached(names)))
        for name in self.system.workers:
            shown = self.attempt(partial(self.stage.at_once, name, self.follower_shows, name, names))
            self.emit(Viewed(name, shown if isinstance(shown, dict) else {FAILING: shown}))

    def restarted(self, names: Mapping[str, str]) -> dict[str, Any]:
        """What the repository of an application that has just started gives."""
        again = self.attempt(self.make)
        if isinstance(again, str):
            return {FAILING: again}
        try:
            return self.states(again, names)
        finally:
            asked(f"close() of {self.system.cls.__name__}", again.close)

    def follower_shows(self, name: str, names: Mapping[str, str]) -> dict[str, Any]:
        """What a worker shows."""
        shown = self.follower(name).shown(names)
        return {FAILING: f"raises {self.stuck[name]}", **shown} if name in self.stuck else shown

    def read(self, client: str, application: Any, names: Mapping[str, str]) -> dict[str, Any]:
        """What the repository of a client's application gives."""
        if not self.separate:
            return self.states(application, names)
        found: dict[str, Any] = self.stage.at_once(client, self.states, application, names)
        return found

    def states(self, application: Any, names: Mapping[str, str]) -> dict[str, Any]:
        """Stream -> state, as the repository gives it."""
        oracle = self.application
        found: dict[str, Any] = {}
        for stream in oracle.aggregates(self.log):
            event = oracle.translator.event(next(one.data for one in self.log if one.stream == stream))
            found[stream] = self.attempt(partial(self.state, application, event.originator_id, names))
        return found

    def uncached(self, names: Mapping[str, str]) -> dict[str, Any]:
        """What a repository in memory gives without its cache: else nobody would ever read a snapshot, for nothing dies there."""
        repository = self.observer.repository
        cache, repository.cache = repository.cache, None
        try:
            return self.states(self.observer, names)
        finally:
            repository.cache = cache

    def state(self, application: Any, originator: Any, names: Mapping[str, str]) -> Any:
        """The state of one aggregate, as the repository gives it."""
        projector = self.application.projector
        options = {} if projector is None else {"projector_func": projector}
        return self.application.shown(application.repository.get(originator, **options), names)

    def attempt(self, read: Callable[[], Any]) -> Any:
        """What it reads, or what it raises."""
        try:
            return read()
        except BaseException as error:
            let_through(error)
            return f"raises {told(error)}"

    # -- the end

    def settle(self) -> None:
        """Read everything, and the log once more from its beginning."""
        self.emit(Settling())
        self.look()
        page = self.page(0)
        ids = {event.position: event.id for event in self.log}
        self.emit(Scanned(tuple(one.id for one in page), tuple(ids.get(one.id, f"unknown-{one.id}") for one in page)))
        self.emit(Settled(0))

    def close(self) -> None:
        """Processes, connections, files."""
        try:
            self.stage.close()
            self.lives.clear()
            if getattr(self, "observer", None) is not None:
                asked(f"close() of {self.system.cls.__name__}", self.observer.close)
        finally:
            self.store.close()

    # -- learning

    def rehearse(self) -> dict[str, list[str]]:
        """Let everything run once or twice, and note where it stops."""
        found: dict[str, dict[str, None]] = {"calls": {}, **{name: {} for name in self.system.workers}}
        for _ in range(2):
            for command in self.application.script.values():
                results = results_for(command, self.results)
                if results is not None:
                    self.begin("alice", command, results)
                    self.walk("alice", found["calls"])
        if all(said != "done" for said, _ in self.outcomes):
            raise UsageError(
                f"{self.system.name}: no command succeeded, so a search would prove nothing; the first one said:"
                f" {self.outcomes[0][1] if self.outcomes else 'nothing'}"
            )
        for name in self.system.workers:
            for _ in range(REHEARSED):  # what it does with an event of one kind, it does not show with another
                answer = self.work(name)
                self.walk(name, found[name])
                if answer == [False]:
                    break
        return {who: sorted(places, key=lambda place: not place.startswith(WRITING)) for who, places in found.items()}

    def walk(self, who: str, places: dict[str, None]) -> None:
        """Step by step to the end. Places where something is written have a number where they come again."""
        times: dict[str, int] = {}
        while self.stage.stands(who):
            words = self.stage.before(who)
            times[words] = times.get(words, 0) + 1
            if times[words] == 1:
                places[words] = None
            elif words.startswith(WRITING) and times[words] <= TIMES:
                places[f"{words} ({times[words]})"] = None
            self.stage.step(who)
        self.stage.finish([who])


def of_storage(error: BaseException) -> bool:
    """Whether the library or its database says that something could not be stored or read, a conflict included: that is no decision."""
    import sqlite3

    from eventsourcing.persistence import PersistenceError

    return isinstance(error, PersistenceError | sqlite3.Error)
