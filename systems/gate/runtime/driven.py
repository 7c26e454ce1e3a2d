"""A loop that the gate drives by itself: no thread is changed between two awaits.

The tasks of a driven loop are actors, as those of `hosting.Hosted` are. But their steps are taken where the decision is made, on the thread
of the gate, and its tasks may belong to several processes, which die one by one. Code that stops where it does not await (a statement on a
connection of `sqlite3`, a lock of `threading`) cannot be stopped on that thread: then `NeedsThread` is raised, and the same work is to be
begun again on a loop with a thread of its own (`threaded`), where a step is a hand-over like any other.
"""

from __future__ import annotations

import _thread
import asyncio
import ctypes
import heapq
import inspect
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context
from types import CoroutineType
from typing import Any, TypeVar, cast

import attrs

from refold.model.errors import SystemUnavailable
from refold.systems.gate.actor import BY_THREAD, RESISTS, Actor, Death, Host, Process, TaskLoop, Turns
from refold.systems.gate.boundary import QUIET
from refold.systems.gate.crossing import (
    AFTER,
    Blocked,
    Crossing,
    Died,
    Ended,
    Exited,
    Idle,
    Raised,
    Returned,
    Stopped,
    Wait,
)
from refold.systems.gate.decision import Decision, Die, Fail, Go, Lose, Pause, Stop, error_of
from refold.systems.gate.runtime.executor import OneThreadEach
from refold.systems.gate.runtime.hosting import Steered, at_a_proxy, close, steered_by
from refold.systems.gate.runtime.locks import awaited, owner
from refold.systems.gate.runtime.loop import Loop, Stuck, Task
from refold.systems.gate.runtime.places import place
from refold.systems.gate.runtime.serving import SILENCE, Announced, Serving, SilentServer
from refold.systems.gate.runtime.watchdog import LIMIT, WATCHDOG

T = TypeVar("T")
WAKES: Any = asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]
"""What ends a sleep."""
ASIDE = 0.5
"""Seconds within which a server answers what is asked beside the plan."""
MOMENT = 0.005
"""Real seconds within which a server sends what it has for who has subscribed to it."""
STEPS_ASIDE = 100_000
"""Rounds after which what is asked beside the plan is said to have no end."""
REAL_START = threading.Thread.start
REAL_TIME = time.monotonic


class NeedsThread(BaseException):
    """Code of a driven loop has come to a stop that is no await. Nothing of this run can be gone on with."""


class Overran(NeedsThread):
    """Code of a driven loop computes, and never awaits anything."""


class Carrier(Host):
    """Has the steps of one loop taken: on the thread of whoever asks, or on one of its own."""

    def __init__(self, gate: Turns, loop: Driven, threaded: bool) -> None:
        super().__init__(gate)
        self.driven = loop
        self.loop = cast(TaskLoop, loop)
        self.threaded = threaded
        self.midway: Actor | None = None
        """Whose step has stopped before its end."""
        self.overran: Overran | None = None
        self.outgrown = ""
        """Where code stopped that should have had a thread."""

    def give(self) -> None:
        """Take one step, or see what has come from outside."""
        if self.midway is not None:
            self.driven.picked = None
            super().give()
        elif self.threaded:
            self.job = self.driven.turn
            if self.thread is None:
                self.thread = threading.Thread(target=self._serve, daemon=True, name="gate:loop")
                REAL_START(self.thread)
            super().give()
        else:
            self.driven.turn()
            if self.overran is not None:
                raise self.overran
            if self.outgrown:
                raise NeedsThread(self.outgrown)

    def _serve(self) -> None:
        try:
            while True:
                self.baton.acquire()
                job, self.job = self.job, None
                if job is None:
                    break
                try:
                    job()
                except SystemUnavailable as failure:  # it is raised where the step was asked for
                    self.failure = failure
                self.gate.report(self)
        finally:
            self.ended = True
            self.gate.report(self)

    def hand_over(self) -> None:
        """A stop in the middle of a step. Raises `NeedsThread` where the gate itself would have to wait."""
        actor = self.driven.stepping
        if not self.threaded:
            self.outgrown = str(actor.crossing) if actor is not None else "a callback stops"
            raise NeedsThread(self.outgrown)
        self.midway = actor
        super().hand_over()
        self.midway = None

    def unwind(self, process: Process) -> bool:
        """End what belongs to one process; the others go on."""
        if self.midway is not None and self.midway.process is process:
            return False
        self.driven.bury(process)
        return True

    def shut(self) -> None:
        """The gate is closed."""
        self.driven.shut()
        if self.thread is not None and not self.ended:
            self.job = None
            self.baton.release()


class Driven(Loop):
    """The loop. Use it through `Gate.task`."""

    def __init__(self, gate: Turns, threaded: bool) -> None:
        super().__init__(_nobody)
        self.gate = gate
        self.host = Carrier(gate, self, threaded)
        self.picked: Actor | None = None
        self.last: Actor | None = None
        """Who has taken the last step."""
        self.stepping: Actor | None = None
        self.looking = False
        """What runs is beside the plan."""
        self.incoming: list[tuple[Actor, Callable[..., Any], tuple[Any, ...]]] = []
        self.members: dict[Task, Actor] = {}
        self.tasks: dict[Actor, Task] = {}
        self.steered: dict[Actor, Steered] = {}
        self.fresh: list[Task] = []
        """Those that have become ready since they were looked at last."""
        self.unnamed: dict[Task, Actor] = {}
        """Those that the gate does not know yet."""
        self.expects = False
        """Somebody has subscribed to what a server sends by itself."""
        self.outdated = False
        """Where its actors stand has to be shown again."""
        self.paused: dict[Actor, float] = {}
        """Those that a plan has paused, and until when."""
        self.sleeping: dict[Actor, float] = {}
        """Those that wait for nothing but time, and until when."""
        self.served: dict[Actor, Serving] = {}
        """Those whose work is in a server."""
        self.announced: dict[Actor, Announced] = {}
        """Those who say at what they stop with their next await."""
        self.failed: list[tuple[str, BaseException]] = []
        """Background tasks that ended with an error, which nobody may ever hear of."""
        self.seen_files: set[tuple[int, int]] = set()
        self.pools: dict[Process, Executor] = {}
        self.set_exception_handler(lambda loop, context: None)  # tasks that fail are in `failed`

    def time(self) -> float:
        """The gate's."""
        return self.gate.now

    def _write_to_self(self) -> None:
        """Nobody sleeps that would have to be woken."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """As the real one: its threads are actors, and each process has its own."""
        if self.looking or self.stepping in self.served:
            return super().run_in_executor(executor, func, *args)
        if executor is None:
            actor = self.stepping or self.last
            assert actor is not None
            executor = self.pools.get(actor.process)
            if executor is None:
                executor = self.pools[actor.process] = OneThreadEach()
        return asyncio.BaseEventLoop.run_in_executor(self, executor, func, *args)

    # --- tasks ---

    def create_task(  # type: ignore[override]
        self, coro: Any, *, name: str | None = None, context: Context | None = None, **more: Any
    ) -> Any:
        """As the real one; the task is an actor of the process that has made it."""
        parent = self.stepping or self.last
        if parent is None or self.looking or parent in self.served:
            return super().create_task(coro, name=name, context=context)
        return self.beside(parent.process, coro, name, context)

    def beside(self, process: Process, coro: Any, name: str | None = None, context: Context | None = None) -> Task:
        """A further task of a process."""
        process.children += 1
        actor = Actor(self.gate, f"{process.name}/{process.children}", process, self.host)
        actor.helps = True
        task = self._begin(actor, coro, name, context)
        self.unnamed[task] = actor
        return task

    def _begin(self, actor: Actor, coroutine: Any, name: str | None, context: Context | None = None) -> Task:
        steered = Steered(coroutine)
        task: Task = super().create_task(steered_by(steered), name=name or actor.name, context=context)
        self.members[task] = actor
        self.tasks[actor] = task
        self.steered[actor] = steered
        actor.crossing = Crossing(actor.name, actor.number + 1, "its first line", "task")
        task.add_done_callback(self._done)
        return task

    def _done(self, task: Task) -> None:
        actor = self.members.pop(task, None)
        if actor is None:
            return
        del self.tasks[actor]
        self.paused.pop(actor, None)
        self.sleeping.pop(actor, None)
        close(self.steered.pop(actor).coroutine)  # one that was cancelled before its first line
        process = actor.process
        if process.dead:
            return
        self.gate.blocked.discard(actor)
        if task.cancelled():
            actor.ended(Exited() if process.stopping else Raised(asyncio.CancelledError()))
        elif (error := task.exception()) is None:
            actor.ended(Returned(task.result()))
        else:
            actor.ended(actor.outcome(error))
        if actor.helps:
            if isinstance(actor.status, Raised) and not isinstance(actor.status.error, asyncio.CancelledError):
                self.failed.append((actor.name, actor.status.error))
            self.gate.dismiss(actor)

    def _admit(self) -> None:
        """Take new tasks in as actors, by the names that the user has given them by now."""
        for task, actor in self.unnamed.items():
            if task not in self.members:
                continue
            name = task.get_name()
            if name != actor.name:
                wanted = f"{actor.process.name}/{name}"
                taken = self.gate.actors.get(wanted)
                actor.name = wanted if taken is None or isinstance(taken.status, Ended) else f"{wanted}/{actor.name}"
            self.gate.admit(actor)
            if actor.crossing is not None and actor.crossing.words == "its first line":
                actor.number += 1
                actor.crossing = Crossing(actor.name, actor.number, "its first line", "task")
            self.show(task, actor)
        self.unnamed.clear()

    # --- steps ---

    def turn(self) -> None:
        """One step of whoever was picked; what comes of it; and where everybody stands now."""
        actor, self.picked = self.picked, None
        with self.inside(actor or self.last):
            for one, function, arguments in self.incoming:
                native = inspect.iscoroutinefunction(function)
                self._begin(one, function(*arguments) if native else _called(function, arguments), one.name)
            if self.incoming:
                self.incoming.clear()
                self.gather()
            if actor is not None and actor.process.dead:
                actor = None
            stepped = actor is not None and self.take(actor)
            self.gather()
        self.serve_all(actor)
        if actor is not None:
            self.arrive(actor, stepped)
        if self.unnamed:
            self._admit()
        if self.outdated:
            self.outdated = False
            for task, one in self.members.items():
                self.show(task, one)
        for task in self.fresh:
            other = self.members.get(task)
            if other is not None and other is not actor:
                self.show(task, other)
        self.fresh.clear()

    @contextmanager
    def inside(self, actor: Actor | None) -> Iterator[None]:
        """What runs here runs in this loop, as code of this actor."""
        ident = _thread.get_ident()
        outer, running = BY_THREAD.get(ident), asyncio._get_running_loop()
        hooks = sys.get_asyncgen_hooks()
        asyncio._set_running_loop(self)
        sys.set_asyncgen_hooks(
            firstiter=self._asyncgen_firstiter_hook,  # type: ignore[attr-defined]
            finalizer=self._asyncgen_finalizer_hook,  # type: ignore[attr-defined]
        )
        if actor is not None:
            BY_THREAD[ident] = actor
        self.stepping = actor
        try:
            yield
        finally:
            self.stepping = None
            asyncio._set_running_loop(running)
            sys.set_asyncgen_hooks(*hooks)
            if outer is None:
                BY_THREAD.pop(ident, None)
            else:
                BY_THREAD[ident] = outer

    def take(self, actor: Actor) -> bool:
        """One step, as it was decided; whether it was taken."""
        task = self.tasks[actor]
        decision = actor.decision
        if not isinstance(decision, Go) and not self.obeyed(actor, task, decision):
            return False
        handle = self.runnable.pop(task, None)
        if handle is None:
            return False
        self.sleeping.pop(actor, None)
        self.run_one(actor, task, handle)
        return True

    def run_one(self, actor: Actor, task: Task, handle: asyncio.Handle) -> None:
        """The step itself."""
        self.last = actor
        self.steps += 1
        watched = not self.host.threaded
        if watched:
            WATCHDOG.begin(Overran)
        try:
            handle._run()
        except SystemExit:
            """The task has it as its error."""
        except (KeyboardInterrupt, NeedsThread):
            if not WATCHDOG.struck:
                raise
        finally:
            if watched and WATCHDOG.end():
                self._overran(actor, task)

    # --- in a server ---

    @property
    def in_server(self) -> bool:
        """Whether somebody's work is in a server."""
        return bool(self.served)

    def serve_all(self, picked: Actor | None) -> None:
        """Let everybody whose work is in a server come to where he has his answer, or waits there for somebody."""
        for actor in list(self.served):
            moved = self.serve(actor)
            if moved and actor is not picked and actor in self.tasks:
                self.arrive(actor, True)
            elif actor in self.tasks:
                self.show(self.tasks[actor], actor)

    def serve(self, actor: Actor) -> bool:
        """The same for one; whether he has his answer. Raises `SilentServer`."""
        pause, began = 0.001, REAL_TIME()
        while (serving := self.served.get(actor)) is not None and actor in self.tasks:
            task = self.tasks[actor]
            handle = self.runnable.pop(task, None)
            with self.inside(actor):
                if handle is not None:
                    self.run_one(actor, task, handle)
                    self.gather()
                heard = handle is not None or (self.listen(pause) and task in self.runnable)
            if heard:
                began = REAL_TIME()
            else:
                if serving.look() is not None:
                    return False
                pause = min(2 * pause, 0.016)
                if REAL_TIME() - began > SILENCE:
                    raise SilentServer(f"a server has not answered {actor.name} for {SILENCE:g} seconds; it hangs")
        return True

    def listen(self, seconds: float) -> bool:
        """Wait for what comes from outside; whether there was anything."""
        events = self._selector.select(seconds)
        self._process_events(events)  # type: ignore[attr-defined]
        self.gather()
        return bool(events)

    def _overran(self, actor: Actor, task: Task) -> None:
        """A step had to be interrupted."""
        words = f"{actor.name} has computed for more than {LIMIT:g} s without an await"
        error = task.exception() if task.done() and not task.cancelled() else None
        if isinstance(error, Overran):
            self.host.overran = Overran(words).with_traceback(error.__traceback__)
        else:
            self.host.outgrown = words

    def gather(self) -> None:
        """Everything that is due. What belongs to nobody takes its steps at once."""
        if len(self._selector.get_map()) > self._own_files:
            self.look_at_files()  # once: a file is ready until somebody has read it
        while True:
            if self._scheduled:
                self._timers()
            ready = self._ready
            if not ready:
                return
            for _ in range(len(ready)):
                handle = ready.popleft()
                if handle._cancelled:
                    continue
                task = getattr(handle._callback, "__self__", None)
                if isinstance(task, asyncio.Task) and task in self.members:
                    self.runnable[task] = handle
                    self.fresh.append(task)
                else:
                    handle._run()

    def look_at_files(self) -> None:
        """As in any loop."""
        events = self._selector.select(0)
        self.seen_files = {(key.fd, mask) for key, mask in events}
        self._process_events(events)  # type: ignore[attr-defined]

    def obeyed(self, actor: Actor, task: Task, decision: Decision) -> bool:
        """Prepare what a decision does at an await; whether the task then takes its step."""
        if isinstance(decision, Die):
            actor.process.die()
            actor.ended(Died(actor.crossing))
            return False
        if isinstance(decision, Pause):
            self.paused[actor] = self.gate.now + decision.seconds
            return False
        if isinstance(decision, Stop):
            process = actor.process
            process.stopping = True
            if decision.error is not None:
                self.steered[actor].raises = error_of(decision.error, SystemExit)
            elif process.on_stop is not None:
                process.on_stop()
                self.gather()
            else:
                task.cancel()
                self.gather()
        elif actor in self.announced:
            """It reads the decision itself."""
        elif isinstance(decision, Lose) and decision.error is None:
            return self.expire(task)
        elif isinstance(decision, Fail | Lose):
            self.steered[actor].raises = error_of(decision.error, QUIET.lose)
        return True

    def cancel(self, actor: Actor) -> None:
        """Cancel a task where it stands, as whoever called it may: it hears of it with its next step."""
        task = self.tasks.get(actor)
        if task is not None and self.at_choice:
            task.cancel()
            self.turn()

    def expire(self, task: Task) -> bool:
        """The answer comes too late, where there is a time-out around the await, or around that of who waits for it: time passes up to it.
        Elsewhere nothing is lost. Whether the task takes its step: not if the time-out is that of somebody else, who goes first."""
        process = self.members[task].process
        group = [one for one, actor in self.members.items() if actor.process is process]
        timers = [handle for handle in self._scheduled if not handle._cancelled]
        limits = {handle.when(): one for handle in timers for one in group if _limits(handle, one)}
        if not limits:
            return True
        moment = min(limits)
        self.gate.now = max(self.gate.now, moment)
        self.gather()
        if limits[moment] is task:
            return True
        handle = self.runnable.pop(task, None)
        if handle is not None:
            self.runnable[task] = handle
        return False

    # --- beside the plan ---

    def aside(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Take all steps of a coroutine, now. Its timers are due at once; nobody else takes a step, but for threads that belong to who has
        nothing to do. Raises what it raises; `Stuck` if it waits for somebody."""
        if self.host.midway is not None:
            coroutine.close()
            raise Stuck("somebody stands in the middle of a step")
        others = {id(handle) for handle in self._scheduled}
        self.looking = True
        try:
            with self.inside(None):
                task = super().create_task(coroutine)
                task.add_done_callback(self._heard)
                for _ in range(STEPS_ASIDE):
                    self.gather()
                    if task.done() or not (self._heard_files() or self._hurry(others) or self._helped()):
                        break
                if not task.done():
                    words = place(task.get_coro())
                    task.cancel()
                    self.gather()
                    raise Stuck(f"it waits in {words}")
        finally:
            self.looking = False
            self.outdated = self.outdated or bool(self.fresh)
        result: T = task.result()
        return result

    def _heard(self, task: Task) -> None:
        """Somebody looks at what it raised."""
        if not task.cancelled():
            task.exception()

    def _heard_files(self) -> bool:
        """Wait for a server, if somebody is connected to one."""
        return len(self._selector.get_map()) > self._own_files and self.listen(ASIDE)

    def _hurry(self, others: set[int]) -> bool:
        """Have the next timer go off that is none of these."""
        own = [handle for handle in self._scheduled if id(handle) not in others and not handle._cancelled]
        if not own:
            return False
        first = min(own, key=lambda handle: handle.when())
        self._scheduled.remove(first)
        heapq.heapify(self._scheduled)
        first._scheduled = False  # type: ignore[attr-defined]
        self._ready.append(first)
        return True

    def _helped(self) -> bool:
        """Have a thread take a step that stands, of a process that is not at work."""
        for actor in self.gate.actors.values():
            if actor.helps and type(actor.status) is Stopped and not isinstance(actor.host, Carrier):
                others = [one for one in actor.process.actors if not one.helps]
                if all(isinstance(one.status, Idle | Ended) for one in others):
                    self.gate.step(actor.name)
                    return True
        return False

    # --- where everybody stands ---

    def arrive(self, actor: Actor, stepped: bool) -> None:
        """It may have come to its next await."""
        task = self.tasks.get(actor)
        if task is None:
            return
        if actor.process.dead:
            return
        if not stepped:
            self.show(task, actor)
            return
        if actor not in self.served:
            actor.flagged = False
            actor.crossing = self.reached(actor)
        self.show(task, actor)

    def reached(self, actor: Actor) -> Crossing:
        """The crossing to which one has come."""
        announced = self.announced.get(actor)
        if announced is not None and announced.phase == AFTER and actor.crossing is not None:
            return attrs.evolve(actor.crossing, phase=AFTER)
        actor.number += 1
        if announced is not None:
            return Crossing(actor.name, actor.number, announced.words, announced.kind)
        coroutine = self.steered[actor].coroutine
        if coroutine.__class__ is CoroutineType and coroutine.cr_code is CALLED:
            coroutine = coroutine.cr_await or coroutine
        return Crossing(actor.name, actor.number, f"await {place(coroutine)}", "await", AFTER)

    def show(self, task: Task, actor: Actor) -> None:
        """Say where one stands."""
        if at_a_proxy(actor) or isinstance(actor.status, Ended):
            return
        if self.sleeping:
            self.sleeping.pop(actor, None)
        blocked = self.gate.blocked
        serving = self.served.get(actor)
        if serving is not None and serving.wait is not None:
            blocked.add(actor)
            actor.status = Blocked(actor.crossing, serving.wait)
            return
        if self.paused and actor in self.paused:
            until = self.paused[actor]
            if until > self.gate.now:
                blocked.add(actor)
                actor.status = Blocked(actor.crossing, Wait("the end of its pause", until=until, seen="loop"))
                return
            del self.paused[actor]
        if task in self.runnable and actor.crossing is not None:
            blocked.discard(actor)
            actor.status = Stopped(actor.crossing)
        else:
            blocked.add(actor)
            actor.status = Blocked(actor.crossing, self._wait_of(task, actor))

    def _wait_of(self, task: Task, actor: Actor) -> Wait:
        """What it waits for: whom, if it awaits a task; how long, if a timer is set for it."""
        future = self.steered[actor].future
        holder = self.members.get(future) if isinstance(future, asyncio.Task) else None
        until = None
        for handle in self._scheduled:
            if handle._cancelled:
                continue
            sleeps = _of(handle, future)
            if sleeps and handle._callback is WAKES:  # type: ignore[attr-defined]
                self.sleeping[actor] = handle.when()
            if (sleeps or _limits(handle, task)) and (until is None or handle.when() < until):
                until = handle.when()
        words = actor.crossing.words.removeprefix("await ") if actor.crossing is not None else "something"
        return Wait(words, () if holder is None else (holder.name,), until, seen="loop")

    def has_what(self, actor: Actor) -> tuple[str, ...]:
        """Who has the lock for which one of its tasks waits."""
        steered = self.steered.get(actor)
        lock = awaited(steered.coroutine) if steered is not None and actor in self.tasks else None
        holder = None if lock is None else owner(lock)
        return (holder.name,) if holder is not None and holder in self.tasks else ()

    def keep_others(self, actor: Actor) -> None:
        """One of its tasks stands where it does not await: the others have to wait for it."""
        wait = Wait("the event loop", (actor.name,), seen="loop")
        for other in self.members.values():
            if other is not actor and isinstance(other.status, Stopped | Blocked):
                other.status = Blocked(other.crossing, wait)
                self.gate.blocked.add(other)
        self.outdated = True

    @property
    def at_choice(self) -> bool:
        """Whether it could take a step now."""
        return self.host.midway is None and not self.looking

    def news(self) -> bool:
        """Whether something has come from outside since the last step: from a thread, a file, or with time."""
        if self._ready or self.outdated or self.incoming:
            return True
        if len(self._selector.get_map()) > self._own_files:
            events = self._selector.select(0)
            if any((key.fd, mask) not in self.seen_files for key, mask in events):
                return True
        if any(moment <= self.gate.now for moment in self.paused.values()):
            self.outdated = True
            return True
        moment = self.next_timer()
        return moment is not None and moment <= self.gate.now

    def hears(self) -> bool:
        """Give a server the moment that it needs to send what it has; whether something came. Where time passes in no time, it would never
        have one."""
        if not self.expects or not self.at_choice or not self._selector.select(MOMENT):
            return False
        self.seen_files.clear()
        return True

    def sleeper_of(self, process: Process) -> Actor | None:
        """Who of a process waits for nothing but time, and the shortest."""
        found = [actor for actor in self.sleeping if actor.process is process]
        return min(found, key=self.sleeping.__getitem__, default=None)

    def ready_of(self, process: Process) -> Actor | None:
        """Who of a process goes on first: asyncio's order."""
        for task in self.runnable:
            actor = self.members[task]
            if actor.process is process and type(actor.status) is Stopped:
                return actor
        return None

    # --- death ---

    def bury(self, process: Process | None = None) -> None:
        """The dead have no more steps to take: their `finally` blocks run, and cross nothing."""
        for task, actor in list(self.members.items()):
            if process is not None and actor.process is not process:
                continue
            del self.members[task], self.tasks[actor]
            handle = self.runnable.pop(task, None)
            self.unnamed.pop(task, None)
            self.paused.pop(actor, None)
            self.sleeping.pop(actor, None)
            self.announced.pop(actor, None)
            steered = self.steered.pop(actor)
            steered.buried = True
            with self.inside(actor):
                if not _killed(steered.coroutine, actor.process.dead):
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object(steered.coroutine))  # closing it would never end
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                task.cancel()  # for those who wait for it
                if handle is not None:
                    self._ready.append(handle)
                if not self.is_closed():
                    self.gather()
            if actor.helps:
                self.gate.dismiss(actor)
        if process is not None and not self.is_closed():
            for task, one in self.members.items():
                self.show(task, one)  # it may have waited for what the dead have let go
        self.last = None if self.last is not None and self.last.process is process else self.last

    def shut(self) -> None:
        """Over."""
        if not self.is_closed():
            self.bury()
            self._drop()
            self._ready.clear()
            self._scheduled.clear()
            self.close()

    def _drop(self) -> None:
        """End what belongs to nobody, such as the tasks of a client of a server: nothing would ever let it go on."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with self.inside(None):
                if not _killed(task.get_coro(), True):
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object(task.get_coro()))

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
        """As the real one: what is to happen on SIGTERM or SIGINT happens when its process is told to end (`Stop`)."""
        actor = self.stepping or self.last
        if actor is not None:
            actor.process.on_stop = lambda: self.call_soon(callback, *args)

    def remove_signal_handler(self, sig: int) -> bool:
        """As the real one."""
        actor = self.stepping or self.last
        if actor is None or actor.process.on_stop is None:
            return False
        actor.process.on_stop = None
        return True


class DeathOfTask(Death, asyncio.CancelledError):
    """The first that a task hears of it: locks and queues that others share pass on what it was about to get, as after a cancellation."""


def _killed(coroutine: Any, dead: bool) -> bool:
    """Let a coroutine run to its end under an error that comes again at each of its awaits; False if it outlives that."""
    errors = [DeathOfTask("its process is dead"), *[Death("its process is dead")] * (RESISTS - 1)]
    try:
        if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
            coroutine.close()
            return True
        for error in errors:
            coroutine.throw(error)
    except BaseException as end:  # the last words of the dead
        del end
        return True
    return False


def _of(handle: asyncio.TimerHandle, future: Any) -> bool:
    """Whether a timer does something to a future."""
    arguments = handle._args
    return bool(arguments) and arguments[0] is future


def _limits(handle: asyncio.TimerHandle, task: Task) -> bool:
    """Whether a timer is that of a time-out of this task: of `asyncio.timeout`, or of `asyncio.wait_for`."""
    callback: Any = handle._callback  # type: ignore[attr-defined]
    if getattr(getattr(callback, "__self__", None), "_task", None) is task:
        return True
    return getattr(callback, "__name__", "") == "_release_waiter" and task._fut_waiter in handle._args  # type: ignore[attr-defined]


async def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What a function answers, when it is there."""
    answer = function(*arguments)
    return await answer if inspect.isawaitable(answer) else answer


CALLED = _called.__code__


def _nobody(tasks: Any) -> int:
    raise AssertionError("a driven loop is told who goes on")
