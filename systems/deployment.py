"""A deployment, assembled of log, clients, consumers, datastores and snapshots: it does the actions of a plan, faults among them.

The reference system, its broken variants and real logs differ only in the parts that they are assembled of. This file turns
actions into calls of parts, and records at the boundary what the parts answered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from refold.model.action import (
    CORE_ACTIONS,
    Abort,
    Action,
    Append,
    AppendUnheard,
    Begin,
    Commit,
    Crash,
    CrashAt,
    CutPower,
    Deliver,
    Fail,
    FailDisk,
    Prepare,
    Redecide,
    Redeliver,
    Restart,
    Retry,
    Submit,
    TakeSnapshot,
)
from refold.model.application import Application
from refold.model.client import AggregateClient, Client
from refold.model.consumer import PAGE, AtomicConsumer, CacheConsumer, Consumer, SnapshotConsumer
from refold.model.context import Clock, Context
from refold.model.datastore import Datastore
from refold.model.declarations.capability import (
    CRASH_AT_STEP,
    CRASH_CONSUMER,
    CRASH_LOG,
    CRASH_LOG_AT_STEP,
    DISK_FAILURE,
    SYNC_FAILURE,
    Capability,
)
from refold.model.declarations.ports import Closing, DrivenLog, FailingLog, PoweredLog, SlowLog, SnapshotPort, StorePort
from refold.model.errors import DidNotRecover, OutcomeUnknown, UsageError
from refold.model.extension import Extension, Handler
from refold.model.log import Appended, AppendRequest, Conflict, DiskFailure, NothingAppended, pages
from refold.model.parts.side_consumers import Consumers, UnknownConsumer
from refold.model.process import Emit, Process, ProcessDied
from refold.model.record import (
    HISTORY_VERSION,
    Aborted,
    Acknowledged,
    ConsumerSpec,
    Crashed,
    DiskFailed,
    NotRecovered,
    Opened,
    PowerCut,
    Recovered,
    Refused,
    Retried,
    Settled,
    Settling,
    Started,
    Step,
    Unknown,
)
from refold.model.snapshot import SnapshotStore
from refold.systems.observer import Observer

Parts = Mapping[str, Any]
"""Name of a part of the reference system -> the class that takes its place."""

Mortal = Consumer | DrivenLog
"""What can be crashed and restarted by name."""

CLIENTS = {"alice": "store", "bob": "store", "carol": "log"}
"""Client -> where it reads before it decides: the view of a consumer, or the stream itself."""

CONSUMERS: dict[str, tuple[type[Consumer], str]] = {
    "store": (AtomicConsumer, "states"),
    "index": (Consumer, "pointers"),
    "totals": (SnapshotConsumer, "totals"),
    "cache": (CacheConsumer, "views"),
}
"""Consumer -> design and projection: the authoritative store, the search index that points into it, running totals, a cache."""


def consumer_specs(parts: Parts | None = None) -> tuple[ConsumerSpec, ...]:
    """What the consumers promise, given the parts that replace some of them."""
    return tuple(
        ConsumerSpec(name=name, projection=projection, **(parts or {}).get(name, design).promises)
        for name, (design, projection) in CONSUMERS.items()
    )


SETTLING_TURNS = 64
"""Turns that every consumer may take for each event in the log before the harness calls it stuck."""


def never(action: Action) -> bool:
    """Not enabled."""
    return False


@functools.cache
def callable_extensions(extensions: tuple[type[Extension], ...]) -> dict[type, type[Extension]]:
    """Action class -> the extension that it calls into being."""
    return {action: extension for extension in extensions for action in extension.called_by}


class Deployment:
    """Runs actions on parts. `parts` replaces the design of individual parts: ``{"log": MyLog, "index": MyConsumer, "carol":
    MyClient}``."""

    def __init__(
        self,
        name: str,
        application: Application,
        emit: Emit,
        *,
        log: DrivenLog,
        capabilities: frozenset[Capability],
        stores: Callable[[str], StorePort] = lambda name: Datastore(),
        snapshots: SnapshotPort | None = None,
        parts: Parts | None = None,
        extensions: Sequence[type[Extension]] = (),
        designs: Mapping[str, tuple[Callable[..., Consumer], str]] | None = None,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        parts = parts or {}
        self.name = name
        self.application = application
        self.emit = emit
        self.log = log
        self.capabilities = capabilities
        self.checked: set[type] = set()
        self.snapshots: SnapshotPort = SnapshotStore() if snapshots is None else snapshots
        self.clock = Clock()
        context = Context(application, log, self.snapshots, self.clock, emit, capabilities)
        self.observer = Observer(log, emit)
        self.skipped = 0
        self.turns = 0
        self.consumers = Consumers()
        for consumer, (design, projection) in (CONSUMERS if designs is None else designs).items():
            make = parts.get(consumer, design)
            self.consumers[consumer] = make(consumer, projection, context, stores(consumer))
        self.clients: dict[str, Client] = {}
        for client, source in (CLIENTS if sources is None else sources).items():
            make = parts.get(client) or (AggregateClient if source == "log" else Client)
            read = self.consumers.get(source)
            self.clients[client] = make(client, source, context, Datastore() if read is None else read.store)
        self.everyone: list[Consumer] = self.consumers.everyone
        self.everyone.extend(self.consumers.values())
        watched = any(consumer.spec.watched for consumer in self.everyone)
        self.note: Emit = emit if watched else getattr(emit, "unjudged", emit)
        self.context = context
        self.dormant = callable_extensions(tuple(extensions))
        self.extensions: list[Extension] = []
        self.watching: list[Extension] = []
        for make in extensions:
            if not make.called_by:
                self.extend(make)
        self.handlers = self.table()
        emit(
            Opened(
                HISTORY_VERSION,
                name,
                application.name,
                self.callers(),
                tuple([consumer.spec for consumer in self.everyone]),
                tuple(sorted(capabilities)),
            )
        )

    def callers(self) -> tuple[str, ...]:
        """The names of the callers that act as clients in this deployment."""
        return tuple(self.clients)

    def extend(self, make: type[Extension]) -> Extension:
        extension = make(self.context, self.consumers, self.clients, self.step)
        self.extensions.append(extension)
        if make.visible is not Extension.visible:
            self.watching.append(extension)
        return extension

    def call(self, action: type) -> Handler:
        """Called for the first action of its kind: creates the extension that handles it, and passes it all earlier
        events. If there is no such extension, actions of this kind are never enabled."""
        make = self.dormant.get(action)
        if make is None:
            self.handlers[action] = never
            return never
        extension = self.extend(make)
        seen = self.observer.seen
        for page in pages(self.log, 0, 1024) if seen else ():
            extension.visible([event for event in page if event.position <= seen])
            if page[-1].position >= seen:
                break
        self.handlers.update(self.handlers_of(extension))
        return self.handlers[action]

    def handlers_of(self, extension: Extension) -> dict[type, Handler]:
        """Action class -> the extension's handler for it. If an action may make events visible, the observer reads the
        log before anybody else does."""
        table = extension.handlers()
        for action in extension.reveals:
            table[action] = functools.partial(self.revealing, table[action])
        for action in extension.removes:
            table[action] = functools.partial(self.removing, extension, table[action])
        return table

    def removing(self, extension: Extension, handler: Handler, action: Action) -> bool:
        """Perform the removal, and read what is left: once after the removed events, and once from the beginning. While
        a slow append is open, readers may not see everything that is stored; in that case, refold relies on the reads
        after the next restart and at rest."""
        try:
            done = handler(action)
        except ProcessDied as death:
            self.died(death)
            return True
        if done:
            self.tail()
        if done and not any(client.slow for client in self.clients.values()):
            self.observer.scan_what_is_left(extension.removed_to, self.application.keys)
        return done

    def revealing(self, handler: Handler, action: Action) -> bool:
        """Perform the action, and let the observer read the log."""
        done = handler(action)
        if done:
            self.tail()
        return done

    def table(self) -> dict[type, Handler]:
        """Action class -> its handler in this deployment. Actions that the capabilities do not cover are left out."""
        handlers: dict[type[Action], Handler] = {
            Submit: self.submit,
            Prepare: self.prepare,
            Append: self.append,
            Deliver: self.deliver,
            AppendUnheard: self.append_unheard,
            Fail: self.fail,
            Retry: self.retry,
            Redecide: self.redecide,
            Begin: self.begin,
            Commit: self.commit,
            Abort: self.abort,
            Redeliver: self.redeliver,
            TakeSnapshot: self.take_snapshot,
            Crash: self.crash,
            Restart: self.restart,
            CrashAt: self.crash_at,
            CutPower: self.cut_power,
            FailDisk: self.fail_disk,
        }
        table: dict[type, Handler] = {
            kind: handlers[kind] for kind in CORE_ACTIONS.values() if kind.possible(self.capabilities)
        }
        for extension in self.extensions:
            table.update(self.handlers_of(extension))
        return table

    @property
    def slow(self) -> SlowLog:
        """The log, as one that supports slow appends."""
        self.require(SlowLog)
        return cast(SlowLog, self.log)

    @property
    def powered(self) -> PoweredLog:
        """The log, as one whose machine can lose power."""
        self.require(PoweredLog)
        return cast(PoweredLog, self.log)

    @property
    def failing(self) -> FailingLog:
        """The log, as one whose disk can fail."""
        self.require(FailingLog)
        return cast(FailingLog, self.log)

    def require(self, port: type) -> None:
        """Check that the log has the methods of a capability, and raise UsageError if it does not. Each capability is
        checked only once; a set holds those already checked. (A `cached_property` would write into the instance's dict,
        which would slow down every attribute look-up on this object.)
        """
        if port in self.checked:
            return
        if isinstance(self.log, port):
            self.checked.add(port)
            return
        lacking = [name for name in vars(port) if not name.startswith("_") and not hasattr(self.log, name)]
        raise UsageError(
            f"{self.name}: its log is a {type(self.log).__name__} without {' and '.join(f'{name}()' for name in lacking)}, which a"
            " capability of the system needs; leave that out of the capabilities, or give the log the methods"
        )

    # -- the port

    @property
    def steps(self) -> int:
        """Actions performed so far."""
        return self.clock.now

    def perform(self, action: Action) -> bool:
        """Perform one action. If the action is not enabled now, return False and count it as skipped."""
        try:
            handler = self.handlers[type(action)]
        except KeyError:
            handler = self.call(type(action))
        try:
            if handler(action):
                return True
        except UnknownConsumer:
            pass
        except DidNotRecover as error:
            self.gone(error)
            raise
        if self.consumers.fresh:
            self.consumers.withdraw()
        self.skipped += 1
        return False

    def settle(self) -> None:
        """Stop all faults, restart everything, roll back what is open, run the consumers until they have nothing left
        to do, and record the contents of every store."""
        try:
            self.come_to_rest()
        except DidNotRecover as error:
            self.gone(error)
            raise

    def come_to_rest(self) -> None:
        """Do the work of `settle`."""
        self.emit(Settling())
        log = self.log
        log.fuse = 0
        if log.down:
            self.restart_process(log)
        for client in self.clients.values():
            if client.slow and client.pending is not None:
                self.end_slow(client, client.pending)
        for consumer in self.everyone:
            consumer.fuse = 0
            if consumer.down:
                consumer.restart()
        for extension in self.extensions:
            extension.calm()
        self.tail()
        working = [one for one in self.extensions if type(one).turn is not Extension.turn]
        everyone = self.everyone
        turns = SETTLING_TURNS * (self.observer.seen + 4)
        busy = True
        while busy and turns > 0:
            before = turns
            for consumer in everyone:
                for _ in range(PAGE):
                    if consumer.idle():
                        break
                    consumer.turn(0)
                    turns -= 1
            for extension in working:
                if extension.turn():
                    turns -= 1
            self.turns += before - turns
            busy = turns < before
            if not busy:
                busy = (self.observer.news() and self.tail()) or self.time_passes()
                turns -= 1
        self.observer.scan_streams(self.application.keys)
        self.observer.scan()
        for consumer in self.everyone:
            self.emit(consumer.resting())
        for extension in self.extensions:
            extension.rest()
        self.rested()
        self.emit(Settled(self.skipped))

    def rested(self) -> None:
        """Called once everything stored at rest has been recorded. Subclasses can record more here; this class does
        nothing."""

    def time_passes(self) -> bool:
        """Called when no process has anything to do. Returns whether some process may have something to do after time
        has passed; always False in this class, because no process waits for time."""
        return False

    def close(self) -> None:
        """Close the files of the parts."""
        for consumer in self.everyone:
            consumer.store.close()
        for extension in self.extensions:
            extension.close()
            vars(extension).clear()
        self.extensions = self.watching = []
        self.handlers.clear()  # bound methods, as extensions have them: without them no cycle keeps this deployment alive
        self.dormant = {}
        self.consumers.expected.clear()
        self.snapshots.close()
        if isinstance(self.log, Closing):
            self.log.close()

    # -- clients

    def submit(self, action: Submit) -> bool:
        client = self.ready(action.client)
        if client is None:
            return False
        self.step(action)
        request = client.prepare(action.command)
        if request is not None:
            self.send(client, request)
        return True

    def prepare(self, action: Prepare) -> bool:
        client = self.ready(action.client)
        if client is None:
            return False
        self.step(action)
        client.prepare(action.command)
        return True

    def append(self, action: Append) -> bool:
        client = self.clients[action.client]
        request = client.pending
        if request is None or client.slow or client.paused or self.log.down:
            return False
        self.step(action)
        self.send(client, request)
        return True

    def append_unheard(self, action: AppendUnheard) -> bool:
        client = self.clients[action.client]
        request = client.pending
        if request is None or client.slow or client.paused or self.log.down:
            return False
        self.step(action)
        client.pending = None
        client.doubt(request)
        try:
            client.send(request)
        except ProcessDied as death:
            self.died(death)
        except NothingAppended as no:
            self.note_no(no)  # the answer is lost in any case
        except OutcomeUnknown as doubt:
            self.note_disk(doubt)
        self.emit(Unknown(client.name, request.op))
        self.tail()
        return True

    def retry(self, action: Retry) -> bool:
        client = self.clients[action.client]
        request = client.unknown
        if request is None or client.pending is not None or client.paused or self.log.down:
            return False
        self.step(action)
        self.emit(Retried(client.name, request.op))
        self.send(client, request)
        return True

    def redecide(self, action: Redecide) -> bool:
        client = self.ready(action.client)
        if client is None or client.unknown is None or any(other.slow for other in self.clients.values()):
            return False  # behind a slow append it would decide without seeing what it may have done
        self.step(action)
        op = client.unknown.op
        self.emit(Retried(client.name, op))
        request = client.prepare(client.doubted, op)
        if request is not None:
            client.unknown = request
            self.send(client, request)
        return True

    def begin(self, action: Begin) -> bool:
        client = self.ready(action.client)
        if client is None:
            return False
        self.step(action)
        request = client.prepare(action.command)
        if request is None:
            return True
        try:
            outcome = self.slow.begin(request)
        except ProcessDied as death:
            self.died(death)
            self.unheard(client, request)
            return True
        except OutcomeUnknown as doubt:
            self.doubtful(client, request, doubt)
            return True
        except NothingAppended as no:
            self.given_up(client, request, no)
            return True
        if isinstance(outcome, tuple):
            client.slow = True
            self.emit(Started(client.name, request.op, outcome))
        else:
            self.answered(client, request, outcome)
        return True

    def commit(self, action: Commit) -> bool:
        client = self.clients[action.client]
        request = client.pending
        if request is None or not client.slow or client.paused or self.log.down:
            return False
        self.step(action)
        client.slow = False
        try:
            outcome = self.slow.commit(request.op)
        except ProcessDied as death:
            self.died(death)
            self.unheard(client, request)
        except OutcomeUnknown as doubt:
            self.doubtful(client, request, doubt)
        except NothingAppended as no:
            self.given_up(client, request, no)
        else:
            if type(outcome) is Conflict:
                self.emit(Aborted(client.name, request.op))
            self.answered(client, request, outcome)
        return True

    def abort(self, action: Abort) -> bool:
        client = self.clients[action.client]
        request = client.pending
        if request is None or not client.slow or client.paused or self.log.down:
            return False
        self.step(action)
        self.end_slow(client, request)
        return True

    def end_slow(self, client: Client, request: AppendRequest) -> None:
        client.slow = False
        client.pending = None
        try:
            self.slow.abort(request.op)
        except ProcessDied as death:  # whether the rollback came before the death, only the log knows
            self.died(death)
            self.unheard(client, request)
            return
        self.emit(Aborted(client.name, request.op))
        self.tail()

    def ready(self, name: str) -> Client | None:
        """The client, if it is free and everything that it reads from and writes to is up."""
        client = self.clients[name]
        if client.pending is not None or client.paused or self.log.down:
            return None
        if client.source != "log" and self.consumers[client.source].down:
            return None
        return client

    def send(self, client: Client, request: AppendRequest) -> None:
        try:
            outcome = client.send(request)
        except ProcessDied as death:
            self.died(death)
            self.unheard(client, request)
        except OutcomeUnknown as doubt:
            self.doubtful(client, request, doubt)
        except NothingAppended as no:
            self.given_up(client, request, no)
        else:
            self.answered(client, request, outcome)

    def given_up(self, client: Client, request: AppendRequest, no: NothingAppended) -> None:
        """Record that this attempt stored nothing. If an earlier attempt got no answer, the outcome of the append
        remains unknown."""
        self.note_no(no)
        if client.unknown is request:
            self.unheard(client, request)
        else:
            client.pending = None
            self.emit(Aborted(client.name, request.op))

    def answered(self, client: Client, request: AppendRequest, outcome: Appended | Conflict) -> None:
        client.pending = None
        if client.unknown is request:
            client.unknown = None
        self.tail()
        if isinstance(outcome, Conflict):
            self.emit(Refused(client.name, request.op, outcome.found, outcome.reason))
        else:
            self.emit(Acknowledged(client.name, request.op, outcome.positions))
            for position in outcome.positions[-1:]:  # a broken log may name none; a retry is answered with old ones
                client.acknowledged = max(client.acknowledged, position)
        client.settled(request, outcome)

    def doubtful(self, client: Client, request: AppendRequest, doubt: OutcomeUnknown) -> None:
        """Deal with an append whose outcome the log does not know, perhaps because its disk failed."""
        self.note_disk(doubt)
        self.unheard(client, request)

    def note_disk(self, doubt: OutcomeUnknown) -> None:
        """Record that the disk failed, if that is why the outcome is unknown."""
        if isinstance(doubt, DiskFailure):
            self.emit(DiskFailed(self.log.name, doubt.how))

    def note_no(self, no: NothingAppended) -> None:
        """Record why nothing was stored, if there is a record of it."""
        record = no.told(self.log.name)
        if record is not None:
            self.emit(record)

    def unheard(self, client: Client, request: AppendRequest) -> None:
        client.pending = None
        client.doubt(request)
        self.emit(Unknown(client.name, request.op))
        self.tail()

    def tail(self) -> bool:
        """Let the observer read on, and announce the events that became visible. Returns whether there were any."""
        page = self.observer.tail()
        if not page:
            return False
        for consumer in self.everyone:
            if consumer.asleep:
                consumer.wake()
        for extension in self.watching:
            extension.visible(page)
        return True

    # -- consumers

    def deliver(self, action: Deliver) -> bool:
        consumer = self.consumers[action.consumer]
        if consumer.down or (not consumer.inbox and (consumer.asleep or self.log.down)):
            return False
        self.step(action)
        if not consumer.inbox and self.observer.seen - consumer.fetched < PAGE:
            self.tail()  # the consumer may read further than the observer has
        try:
            consumer.turn(action.index)
        except ProcessDied as death:
            self.died(death)
        return True

    def redeliver(self, action: Redeliver) -> bool:
        consumer = self.consumers[action.consumer]
        if consumer.down or self.log.down or not consumer.position:
            return False
        self.step(action)
        try:
            consumer.redeliver(action.back)
        except ProcessDied as death:
            self.died(death)
        return True

    def fail(self, action: Fail) -> bool:
        consumer = self.consumers[action.consumer]
        if consumer.down or consumer.idle():
            return False
        self.step(action)
        if not consumer.inbox:
            self.tail()
        try:
            consumer.fail()
        except ProcessDied as death:
            self.died(death)
        return True

    def take_snapshot(self, action: TakeSnapshot) -> bool:
        consumer = self.consumers[action.consumer]
        if consumer.down or not consumer.position or not consumer.spec.snapshots:
            return False
        self.step(action)
        try:
            consumer.take_snapshot()
        except ProcessDied as death:
            self.died(death)
        return True

    # -- faults

    def crash(self, action: Crash) -> bool:
        process = self.process(action.process)
        if process.down or not self.can_die(process, CRASH_LOG, CRASH_CONSUMER):
            return False
        self.step(action)
        process.crash()
        self.emit(Crashed(process.name, 0))
        self.forget_slow(process)
        return True

    def crash_at(self, action: CrashAt) -> bool:
        process = self.process(action.process)
        if process.down or process.fuse or not self.can_die(process, CRASH_LOG_AT_STEP, CRASH_AT_STEP):
            return False
        self.step(action)
        process.light(action.step)
        return True

    def can_die(self, process: Mortal, log: Capability, consumer: Capability) -> bool:
        """Whether this process can die. The log can die if the system has the capability passed as `log`; a consumer
        can die if the system has the one passed as `consumer`."""
        return (log if process is self.log else consumer) in self.capabilities

    def restart(self, action: Restart) -> bool:
        process = self.process(action.process)
        if not process.down or (process is not self.log and self.log.down):
            return False
        self.step(action)
        self.restart_process(process)
        return True

    def cut_power(self, action: CutPower) -> bool:
        if self.log.down:
            return False
        self.step(action)
        self.powered.cut_power(action.how)
        self.emit(PowerCut(self.log.name, action.how))
        self.forget_slow(self.log)
        return True

    def fail_disk(self, action: FailDisk) -> bool:
        need = SYNC_FAILURE if action.how == "sync" else DISK_FAILURE
        if self.log.down or action.process != self.log.name or need not in self.capabilities:
            return False
        self.step(action)
        self.failing.fail_disk(action.how)
        return True

    def process(self, name: str) -> Mortal:
        if name == self.log.name:
            return self.log
        consumer: Consumer = self.consumers[name]
        return consumer

    def restart_process(self, process: Mortal) -> None:
        process.restart()
        if process is self.log:
            self.emit(Recovered(self.log.name, 0, None))
            before = self.observer.seen
            self.tail()
            self.observer.scan_again(before, self.application.keys)
            for consumer in self.everyone:
                consumer.wake()

    def gone(self, error: DidNotRecover) -> None:
        """Record that the log does not come back. This is the last record of the history."""
        self.emit(NotRecovered(self.log.name, str(error)))

    def died(self, death: ProcessDied) -> None:
        """Deal with the death of a process that has reached the step at which it had to die."""
        death.process.crash()
        self.emit(Crashed(death.process.name, death.during))
        self.forget_slow(death.process)

    def forget_slow(self, process: Process | DrivenLog) -> None:
        """Drop slow appends, which die with the log; their clients get no answer."""
        if process is self.log:
            for extension in self.extensions:
                extension.log_died()
            for client in self.clients.values():
                if client.slow and client.pending is not None:
                    client.slow = False
                    self.unheard(client, client.pending)

    def step(self, action: Action) -> None:
        clock = self.clock
        clock.now = now = clock.now + 1
        self.note(Step(now, action))
        if self.consumers.fresh:
            self.consumers.announce()
