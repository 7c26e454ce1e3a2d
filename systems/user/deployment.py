"""One run of a system of a user's own code: his parts are made and put together, stand at the gate, and do what the plan says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from refold.model.action import (
    Abort,
    Action,
    Append,
    AppendUnheard,
    Begin,
    Commit,
    Crash,
    Prepare,
    Redecide,
    Redeliver,
    Restart,
    Retry,
    Submit,
)
from refold.model.application import Application
from refold.model.context import Context
from refold.model.declarations.capability import (
    Capability,
)
from refold.model.declarations.ports import StorePort
from refold.model.extension import Extension, Handler
from refold.model.log import pages
from refold.model.parts.calls import (
    BeginRestart,
    BeginTurn,
    Die,
    Elapse,
    Enter,
    FailStep,
    GoOn,
    Halt,
    HandledAgain,
    LoseAnswer,
    RestartedAtRest,
    StopOrderly,
    Turn,
)
from refold.model.parts.clocks import ClockSet, SetClock
from refold.model.parts.connection import Disconnect
from refold.model.process import Emit
from refold.model.record import ConsumerSpec, Crashed
from refold.systems.deployment import Deployment
from refold.systems.gate.databases import traffic
from refold.systems.gate.databases.traffic import Unchanged
from refold.systems.gate.runtime.driven import NeedsThread
from refold.systems.user.actors import Stage
from refold.systems.user.coroutines import Recorder
from refold.systems.user.errors import AdapterError, called, close_part
from refold.systems.user.late import InOrderOfCommit
from refold.systems.user.log import GuardedLog
from refold.systems.user.parts import Parts
from refold.systems.user.roles.relays import LATER, Patience
from refold.systems.user.roles.role import OwnRole, Surroundings
from refold.systems.user.roles.views import OwnViews
from refold.systems.user.service import Call, Callers, WatchedLog
from refold.systems.user.watching import (
    INLINE,
    PULLING,
    PUSHED,
    RUNNING,
    Watched,
)

OF_HARNESS = (Prepare, Append, AppendUnheard, Retry, Redecide, Begin, Commit, Abort)
"""What the clients of the harness do, beside submitting."""
WORK_MAX = 10_000
"""Turns that a look waits for."""


class OwnSystemFacts(Protocol):
    """What a run has to know of its system, which is the same in all runs."""

    name: str
    make: Callable[[], object]
    serves: bool
    gated: bool
    eager: bool
    threaded: bool
    awaits: set[str]
    clients: tuple[str, ...]
    consumers: tuple[ConsumerSpec, ...]
    capabilities: frozenset[Capability]
    roles: dict[str, str]
    mortal: set[str]
    stops: tuple[str, ...]
    unexplained: set[str]

    def parts_for(self, application: Application) -> tuple[type[Extension], ...]:
        """What the model adds to it."""

    def use_threads(self, stop: NeedsThread) -> None:
        """From now on asynchronous code has threads for its loops."""


class OwnDeployment(Deployment):
    """One run of a system of the user's own code."""

    def __init__(self, system: OwnSystemFacts, application: Application, emit: Emit) -> None:
        self.system = system
        self.stage: Stage | None = None
        self.patience = Patience()
        self.recorder = Recorder(emit)
        self.done: list[Action] = []
        try:
            self.assemble(application)
        except NeedsThread as stop:
            self.system.use_threads(stop)
            self.begin_with_threads(application)

    def assemble(self, application: Application) -> None:
        """A stage, if there is to be one, and what stands on it."""
        system = self.system
        emit = self.recorder if system.gated and not system.threaded else self.recorder.passing()
        self.lit = False
        self.as_read = Unchanged()
        """Whether reading the log would show the same once more."""
        self.own: list[OwnRole] = []
        self.ahead: dict[str, float] = {}
        """Whose clock has been set, and to what."""
        self.service: Callers | None = None
        self.watched_log: WatchedLog | None = None
        if system.gated:
            self.stage = Stage(system.name, emit, self.looked, system.threaded, system.awaits)
            self.stage.in_vain = lambda who: self.trouble(who, "has waited in vain")
        try:
            self.build(application, emit)
        except BaseException as error:
            if self.stage is not None:
                self.stage.close()
            if isinstance(error, AdapterError) and system.serves and not system.eager:
                system.eager = True
                self.assemble(application)
                return
            raise
        self.lit = True

    def begin_with_threads(self, application: Application) -> None:
        """Asynchronous code has stopped where it does not await. Begin again, with threads for its loops, and come to where this run was:
        up to there nothing is different."""
        self.recorder.again()
        self.assemble(application)
        for action in self.done:
            super().perform(action)

    def go_on_with_threads(self, stop: NeedsThread) -> None:
        """The same in the middle of a run, which is closed only if threads can help: where they cannot, nobody has to close it twice."""
        self.system.use_threads(stop)
        self.close_quietly()
        self.begin_with_threads(self.application)

    def perform(self, action: Action) -> bool:
        """As every deployment."""
        if self.stage is None or self.system.threaded:
            return super().perform(action)
        try:
            done = super().perform(action)
        except NeedsThread as stop:
            self.go_on_with_threads(stop)
            return super().perform(action)
        self.done.append(action)
        return done

    def close_quietly(self) -> None:
        """What was begun is not gone on with."""
        try:
            self.close()
        except NeedsThread:
            if self.stage is not None:
                self.stage.close()

    def build(self, application: Application, emit: Emit) -> None:
        """Have the user's parts made, and put them together."""
        system = self.system
        self.parts = parts = Parts(system.name, called(system.name, system.make))
        log: GuardedLog
        if system.serves:
            log = self.watched_log = WatchedLog(system.name, parts.log, application, emit)
            self.watched_log.unexplained = system.unexplained
        else:
            log = GuardedLog(system.name, parts.log, application)
            log.emit = emit
        if self.stage is not None and self.watched_log is not None:
            self.watched_log.stage = self.stage
            self.service = Callers(
                system.name,
                parts.serve,
                parts.refusals,
                self.stage,
                self.watched_log,
                emit,
                own=not parts.shared,
                awaits=parts.awaits,
            )
            if system.eager:
                self.service.make_all(system.clients)
        super().__init__(
            system.name,
            application,
            emit,
            log=log,
            capabilities=system.capabilities,
            designs={
                name: (self.wrap(given), spec.projection)
                for (name, given), spec in zip(parts.consumers.items(), system.consumers, strict=True)
            },
            sources={} if system.serves else dict.fromkeys(system.clients, "log"),
            extensions=system.parts_for(application),
        )
        if self.service is not None:
            self.service.without_append = self.look_back
        if self.stage is not None:
            self.begin_roles(self.stage)
        self.tail()

    def begin_roles(self, stage: Stage) -> None:
        """Let the other roles take part."""
        original = (lambda event: event) if self.watched_log is None else self.watched_log.original
        service_of = (lambda client: None) if self.service is None else self.service.service
        scene = Surroundings(
            self.system.name,
            self.context,
            stage,
            self.step,
            self.consumers,
            self.system.clients,
            original,
            service_of,
            {} if self.service is None else self.service.acknowledged,
            (lambda client: None) if self.service is None else self.service.forget,
        )
        for role, theirs in self.parts.roles.items():
            one = role(scene, theirs)
            self.own.append(one)
            self.extensions.append(one)
            if role.visible is not OwnRole.visible:
                self.watching.append(one)
            self.handlers.update(one.handlers())
            if isinstance(one, OwnViews):
                one.work = self.work_on

    def work_on(self) -> None:
        """Let everybody work until there is nothing to do."""
        if self.stage is not None:
            self.stage.finish()
        for _ in range(WORK_MAX):
            working = [one for one in self.consumers.values() if not one.down and not one.idle()]
            for one in working:
                one.turn(0)
            if not working:
                return
        raise AdapterError(
            f"{self.name}: consumers said {WORK_MAX:,} times that there was something to do; poll() returns False when there is nothing"
        )

    def wrap(self, given: Any) -> Callable[[str, str, Context, StorePort], Watched]:
        """The consumer behind the port."""
        covered = getattr(self.parts.log, "covered", None) if isinstance(self.parts.log, InOrderOfCommit) else None
        return lambda name, projection, context, store: Watched(
            name, projection, context, self.system.name, given, self.stage, covered
        )

    def callers(self) -> tuple[str, ...]:
        """Those of the service."""
        return self.system.clients

    def table(self) -> dict[type, Handler]:
        """What can be done here."""
        table = super().table()
        table[StopOrderly] = self.stop_orderly
        table[Disconnect] = self.disconnect
        if self.stage is not None:
            table |= {
                BeginRestart: self.begin_restart,
                Enter: self.enter,
                Turn: self.take_turn,
                BeginTurn: self.begin_turn,
                Halt: self.halt,
                GoOn: self.go_on,
                LoseAnswer: self.lose_answer,
                FailStep: self.fail_step,
                Die: self.die,
                SetClock: self.set_clock,
                Elapse: self.elapse,
            }
        if self.system.serves:
            table[Submit] = self.call_through
            for kind in OF_HARNESS:
                table.pop(kind, None)
        return table

    # -- looking

    def looked(self, who: str) -> None:
        """Somebody has taken a step: what is visible now is his doing."""
        if not self.lit:
            return
        if self.watched_log is not None and self.service is not None:
            call = self.service.calls.get(who)
            self.watched_log.at_work = call if isinstance(call, Call) else who
        if not self.as_read:
            with traffic.asked() as by_reading:
                self.tail()
            self.as_read.looked(by_reading)
        consumer = self.consumers.get(who)
        if isinstance(consumer, Watched) and not (self.stage is not None and self.stage.is_dead(who)):
            consumer.look()
        for role in self.own:
            role.looked(who)

    def look_back(self, call: Call) -> None:
        """A call is done that has appended nothing to the end of the log; it may have written where others have read something else."""
        log = self.watched_log
        if self.lit and log is not None and self.observer.finds_another(log.read_again()):
            log.at_work = call
            self.observer.scan()
            call.appends.clear()  # at these positions readers know others

    def begins(self, who: str) -> None:
        """Somebody begins a piece of work."""
        if self.watched_log is not None:
            self.watched_log.begins(who)
        for role in self.own:
            role.began(who)

    def trouble(self, who: str, how: str) -> None:
        """Something went wrong for somebody."""
        for role in self.own:
            role.troubled(who, how)

    # -- clients of the service

    def call_through(self, action: Submit) -> bool:
        """A call without a stop."""
        return self.enter(action) and self.passed(action.client)

    def passed(self, who: str) -> bool:
        """Go on to the end."""
        if self.stage is not None:
            self.stage.go_on(who)
        return True

    def enter(self, action: Enter | Submit) -> bool:
        """Begin a call."""
        if self.service is None or self.stage is None or self.stage.busy(action.client):
            return False
        self.step(action)
        self.begins(action.client)
        self.service.begin(action.client, action.command)
        return True

    # -- consumers

    def working(self, name: str) -> Watched | None:
        """A consumer that could take a turn; one that is down is started first. While others are in the middle of work, one that pulls may
        find what is not in the log yet: a job in a queue, a row of an outbox."""
        consumer = self.consumers.get(name)
        if not isinstance(consumer, Watched) or consumer.role == INLINE or consumer.busy() or self.held_down(name):
            return None
        others_work = consumer.role == PULLING and self.stage is not None and bool(self.stage.work)
        return consumer if consumer.down or others_work or not consumer.idle() else None

    def begin_turn(self, action: BeginTurn | Turn) -> bool:
        """A consumer begins to work."""
        consumer = self.working(action.consumer)
        if consumer is None:
            return False
        self.step(action)
        if consumer.down and not self.up(consumer):
            return True
        self.begins(action.consumer)
        consumer.begin()
        return True

    def begin_restart(self, action: BeginRestart) -> bool:
        """A consumer that is down begins to recover."""
        consumer = self.consumers.get(action.consumer)
        if (
            not isinstance(consumer, Watched)
            or not consumer.down
            or consumer.role == INLINE
            or self.held_down(consumer.name)
        ):
            return False
        self.step(action)
        consumer.begin_restart()
        return True

    def held_down(self, name: str) -> bool:
        """Whether a consumer must not start now."""
        return any(role.holds_down(name) for role in self.own)

    def up(self, consumer: Watched) -> bool:
        """Start it again, up to the end of its recovery; whether it came to that."""
        consumer.begin_restart()
        self.passed(consumer.name)
        return not consumer.down and not consumer.busy()

    def restart(self, action: Restart) -> bool:
        """A consumer recovers in its own process, in which it may wait for others."""
        consumer = self.consumers.get(action.process)
        if not isinstance(consumer, Watched) or self.stage is None:
            return super().restart(action)
        if not consumer.down or self.held_down(consumer.name):
            return False
        self.step(action)
        self.up(consumer)
        return True

    def take_turn(self, action: Turn) -> bool:
        """A consumer works without a stop."""
        return self.begin_turn(action) and self.passed(action.consumer)

    def stop_orderly(self, action: StopOrderly) -> bool:
        """A consumer is told to stop."""
        consumer = self.consumers.get(action.consumer)
        if not isinstance(consumer, Watched) or consumer.down or action.consumer not in self.system.stops:
            return False
        if consumer.busy() and not (self.stage is not None and self.stage.stands(action.consumer)):
            return False
        self.step(action)
        in_work = consumer.busy()
        consumer.stop()
        if in_work:
            self.trouble(action.consumer, "was told to stop")
        return True

    def crash(self, action: Crash) -> bool:
        """Only of what can die."""
        if action.process in self.system.roles and action.process not in self.system.mortal:
            return False
        done = super().crash(action)
        if done:
            self.trouble(action.process, "has died")
        return done

    def redeliver(self, action: Redeliver) -> bool:
        """Not in the middle of its work."""
        consumer = self.consumers[action.consumer]
        if consumer.busy() or consumer.role != PUSHED or not super().redeliver(action):
            return False
        return self.passed(action.consumer) if consumer.busy() else True

    def disconnect(self, action: Disconnect) -> bool:
        """The subscription of a consumer that is handed its events begins again, behind its checkpoint; its process lives on."""
        consumer = self.consumers.get(action.consumer)
        if not isinstance(consumer, Watched) or consumer.role != PUSHED or consumer.down or consumer.busy():
            return False
        self.step(action)
        consumer.subscribe_again()
        return True

    # -- at the gate

    def halt(self, action: Halt) -> bool:
        """Up to a place."""
        if self.stage is None or not self.stage.stands(action.who):
            return False
        self.step(action)
        self.stage.halt(action.who, action.before)
        return True

    def go_on(self, action: GoOn) -> bool:
        """To the end."""
        if self.stage is None or not self.stage.stands(action.who):
            return False
        self.step(action)
        self.stage.go_on(action.who)
        return True

    def lose_answer(self, action: LoseAnswer) -> bool:
        """Done, and not heard of."""
        if self.stage is None or not self.stage.stands(action.who):
            return False
        self.step(action)
        self.stage.lose(action.who)
        self.trouble(action.who, "has lost an answer")
        return True

    def fail_step(self, action: FailStep) -> bool:
        """Not done."""
        if self.stage is None or not self.stage.stands(action.who):
            return False
        self.step(action)
        self.stage.fail(action.who)
        self.trouble(action.who, "was refused a step")
        return True

    def die(self, action: Die) -> bool:
        """Dead where it stands."""
        mortal = action.who in self.system.mortal or action.who in self.system.clients
        if self.stage is None or not mortal or not self.stage.stands(action.who):
            return False
        consumer = self.consumers.get(action.who)
        if not self.stage.busy(action.who) and consumer is None:
            return False
        self.step(action)
        if self.stage.busy(action.who):
            self.stage.die(action.who)
        elif isinstance(consumer, Watched):
            consumer.crash()
            self.emit(Crashed(consumer.name, 1))
        self.trouble(action.who, "has died")
        return True

    def set_clock(self, action: SetClock) -> bool:
        """Of somebody who has one, to something new."""
        known = action.who in self.system.clients or action.who in self.system.roles
        if self.stage is None or not known or self.ahead.get(action.who, 0.0) == action.ahead:
            return False
        self.step(action)
        self.move_clock(self.stage, action.who, action.ahead)
        return True

    def move_clock(self, stage: Stage, who: str, ahead: float) -> None:
        """The clock of somebody differs from now on, or agrees again."""
        self.ahead[who] = ahead
        stage.gate.set_clock(who, ahead)
        self.emit(ClockSet(who, float(ahead)))
        for role in self.own:
            role.clock_was_set()

    def elapse(self, action: Elapse) -> bool:
        """Time passes: who pulls may find something to do for which the time has come, and who works by himself does it."""
        if self.stage is None:
            return False
        self.step(action)
        watched = [one for one in self.consumers.values() if isinstance(one, Watched)]
        by_themselves = [one.name for one in watched if one.role == RUNNING and not one.down]
        self.stage.others_go_on(by_themselves)
        self.stage.gate.advance(action.seconds)
        self.stage.others_go_on(by_themselves)
        for one in watched:
            if one.role == PULLING:
                one.wake()
        return True

    def asked(self, clock: str) -> set[str]:
        """Who has asked a clock; what one client does, all do."""
        found = set() if self.stage is None else {*getattr(self.stage.gate, clock)}
        return {*found, *self.system.clients} if found.intersection(self.system.clients) else found

    # -- the end

    def settle(self) -> None:
        """Whoever is in the middle of work comes to its end first."""
        try:
            self.come_to_an_end()
        except NeedsThread as stop:
            self.go_on_with_threads(stop)
            self.come_to_an_end()

    def come_to_an_end(self) -> None:
        """Everybody."""
        if self.stage is not None:
            for who in [one for one, ahead in self.ahead.items() if ahead]:
                self.move_clock(self.stage, who, 0.0)
            self.stage.finish()
            self.stage.rest()
            for role in self.own:
                role.come_to_an_end()
        for consumer in self.consumers.values():
            if isinstance(consumer, Watched):
                consumer.begin_anew()  # it may wait for the end of a transaction that nobody has seen anything of
        super().settle()

    def rested(self) -> None:
        """What each consumer would handle again, if it were started once more now."""
        for consumer in self.consumers.values():
            checkpoint = consumer.start_once_more() if isinstance(consumer, Watched) else None
            if checkpoint is None:
                continue
            self.emit(RestartedAtRest(consumer.name, checkpoint))
            for page in pages(self.log, checkpoint, 1024):
                for event in page:
                    self.emit(HandledAgain(consumer.name, event.position))

    def time_passes(self) -> bool:
        """Consumers that pull look again, for what they have put off: a back-off, a lease. Volatile ones that are pushed are handed an
        event that they know: they may still have to build up what they lost."""
        if any(one.remind() for one in self.consumers.values() if isinstance(one, Watched)):
            return True
        pulling = [one for one in self.consumers.values() if isinstance(one, Watched) and one.role == PULLING]
        if self.stage is None or not pulling:
            return False
        if not self.patience.lasts([consumer.shown for consumer in pulling], 2 * self.observer.seen + 4):
            return False
        self.stage.gate.advance(LATER)
        for consumer in pulling:
            consumer.wake()
        return True

    def close(self) -> None:
        """Threads, connections, and what the user has to close."""
        try:
            super().close()
        finally:
            if self.stage is not None:
                self.stage.close()
            if not self.parts.closed_as_log:
                close_part(self.name, self.parts.made)
