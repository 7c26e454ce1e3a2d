"""A loop whose tasks are actors of a gate: each stops wherever it awaits, and a plan decides who goes on.

A thread actor that calls `asyncio.run` gets such a loop, and its main task is that actor; further tasks are ``alice/NAME``. `Gate.spawn`
starts tasks that share a loop of their own. The tasks of a loop are one process: they die together. While one of them stands at a crossing
that is no await (a statement on a connection that does not await), the others of its loop have to wait, as they would in production.
"""

from __future__ import annotations

import _thread
import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any

from refold.systems.gate.actor import BY_THREAD, RUNNING, Actor, Death, Host, current
from refold.systems.gate.boundary import QUIET
from refold.systems.gate.crossing import AFTER, Blocked, Crossing, Ended, Exited, Raised, Returned, Stopped, Wait
from refold.systems.gate.decision import GO, Die, Fail, Go, Lose, Pause, Stop, error_of
from refold.systems.gate.patches import Patches, Replacements
from refold.systems.gate.runtime.chance import ENDING
from refold.systems.gate.runtime.loop import Loop, Task, awaited

TIDYING = frozenset({"shutdown_asyncgens", "shutdown_default_executor"})
"""Coroutines with which `asyncio.run` ends."""


class Steered:
    """What the loop runs in place of a coroutine: it passes everything on, and may raise something in it at its next step."""

    def __init__(self, coroutine: Any) -> None:
        self.coroutine = coroutine
        self.raises: BaseException | None = None
        self.future: Any = None
        """What it awaits."""
        self.buried = False

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = self.coroutine
        send: Callable[[Any], Any] = coroutine.send
        given: Any = None
        while True:
            if self.raises is not None:
                given, send, self.raises = self.raises, coroutine.throw, None
            try:
                self.future = send(given)
            except StopIteration as end:
                return end.value
            try:
                given = yield self.future
                send = coroutine.send
            except BaseException as error:  # whatever it is, it is for the coroutine
                if self.buried:
                    raise
                given, send = error, coroutine.throw


async def steered_by(steered: Steered) -> Any:
    """The coroutine of its task."""
    return await steered


class Hosted(Loop):
    """The loop of one process, on the thread of one of its hosts. `main` is the actor that its first task is; None if all tasks are
    spawned."""

    in_server = False

    def __init__(self, host: Host, main: Actor | None) -> None:
        super().__init__(self._decide)
        self.host = host
        self.main = main
        self.picked: Actor | None = None
        self.last: Actor | None = None
        """Who has taken the last step."""
        self.incoming: list[tuple[Actor, Callable[..., Any], tuple[Any, ...]]] = []
        self.actors: dict[Task, Actor] = {}
        self.steered: dict[Actor, Steered] = {}
        self.fresh: set[Actor] = set()
        """Those that have taken a step since the last choice, so that they are at a new crossing."""
        self.outdated = False
        """Where its actors stand has to be shown again."""
        self.unnamed: dict[Task, Actor] = {}
        """Those that the gate does not know yet."""
        self.seen_files: set[tuple[int, int]] = set()
        """Files that were ready at the last look; who waits for them may not have taken his step yet."""
        self.at_choice = False
        """It waits for the gate to pick somebody."""
        self.paused: dict[Actor, float] = {}
        """Those that a plan has paused, and until when."""
        host.loop = self

    def time(self) -> float:
        """The gate's."""
        return self.host.gate.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """As the real one: its threads are actors."""
        return asyncio.BaseEventLoop.run_in_executor(self, executor, func, *args)

    # --- tasks ---

    def create_task(  # type: ignore[override]
        self, coro: Any, *, name: str | None = None, context: Context | None = None, **more: Any
    ) -> Any:
        """As the real one; the task is an actor, unless it belongs to asyncio's own tidying up."""
        if getattr(coro, "__name__", "") in TIDYING:
            return super().create_task(coro, name=name, context=context)
        main = self.main
        if main is not None and main not in self.actors.values():
            return self._begin(main, coro, name, context)
        process = self.process()
        process.children += 1
        actor = Actor(self.host.gate, f"{process.name}/{process.children}", process, self.host)
        task = self._begin(actor, coro, name, context)
        self.unnamed[task] = actor
        return task

    def _begin(self, actor: Actor, coroutine: Any, name: str | None, context: Context | None = None) -> Task:
        steered = Steered(coroutine)
        task: Task = super().create_task(steered_by(steered), name=name or actor.name, context=context)
        self.actors[task] = actor
        self.steered[actor] = steered
        if actor is not self.main:
            actor.crossing = Crossing(actor.name, actor.number + 1, "its first line", "task")
            actor.status = Stopped(actor.crossing)
        else:
            self.fresh.add(actor)
            self.picked, actor.decision = actor, GO  # up to its first await
        task.add_done_callback(self._done)
        return task

    def _admit(self) -> None:
        """Take new tasks in as actors, by the names that the user has given them by now."""
        gate = self.host.gate
        for task, actor in self.unnamed.items():
            name = task.get_name()
            if name != actor.name:
                wanted = f"{actor.process.name}/{name}"
                taken = gate.actors.get(wanted)
                actor.name = wanted if taken is None or isinstance(taken.status, Ended) else f"{wanted}/{actor.name}"
            gate.admit(actor)
            if actor.crossing is not None and actor.crossing.words == "its first line":
                actor.number += 1
                actor.crossing = Crossing(actor.name, actor.number, "its first line", "task")
        self.unnamed.clear()

    def _done(self, task: Task) -> None:
        actor = self.actors.pop(task)
        close(self.steered.pop(actor).coroutine)  # one that was cancelled before its first line
        if actor is self.main or self.host.ended:
            return
        if task.cancelled():
            actor.ended(Exited() if actor.process.stopping else Raised(asyncio.CancelledError()))
            return
        error = task.exception()
        if error is None:
            actor.ended(Returned(task.result()))
        elif not isinstance(error, Death):
            actor.ended(actor.outcome(error))

    # --- choices ---

    def _decide(self, tasks: Any) -> int:
        raise AssertionError("a hosted loop asks its gate")

    def _run_once(self) -> None:
        """One step of the task that the gate picks."""
        self.gather()
        if self.host_is_dead():
            raise self.process().death()
        if self._stopping:
            return
        self._show()
        if self.picked is None or not self._can_go(self.picked):
            self.picked = None
            self.at_choice = True
            self.host.hand_over()
            self.at_choice = False
            self._take_in()
            self._tell_to_stop()
            return
        actor, self.picked = self.picked, None
        self._step(actor)

    def _take_in(self) -> None:
        """What has come with the baton: coroutines to start, or a pick that stands for the next round."""
        for actor, function, arguments in self.incoming:
            self._begin(actor, function(*arguments), actor.name)
        self.incoming.clear()

    def _tell_to_stop(self) -> None:
        """A request to end reaches a task that waits as well."""
        actor = self.picked
        if actor is not None and isinstance(actor.decision, Stop) and not self._can_go(actor):
            task = next(task for task, one in self.actors.items() if one is actor)
            self._obeyed(actor, task, actor.decision)
            actor.decision = GO

    def gather(self) -> None:
        """As in any loop; what belongs to nobody takes its steps at once."""
        super().gather()
        while own := [task for task in self.runnable if task not in self.actors]:
            self.run_step(own[0])
            super().gather()

    def look_at_files(self) -> None:
        """As in any loop."""
        events = self._selector.select(0)
        self.seen_files = {(key.fd, mask) for key, mask in events}
        self._process_events(events)  # type: ignore[attr-defined]

    def _can_go(self, actor: Actor) -> bool:
        return any(self.actors.get(task) is actor for task in self.runnable)

    def _step(self, actor: Actor) -> None:
        task = next(task for task in self.runnable if self.actors.get(task) is actor)
        decision = actor.decision
        if not isinstance(decision, Go) and not self._obeyed(actor, task, decision):
            return
        ident = _thread.get_ident()
        outer = BY_THREAD.get(ident)
        BY_THREAD[ident] = actor
        actor.status = RUNNING
        self.last = actor
        self.fresh.add(actor)
        try:
            self.run_step(task)
        finally:
            if outer is None:
                BY_THREAD.pop(ident, None)
            else:
                BY_THREAD[ident] = outer

    def _obeyed(self, actor: Actor, task: Task, decision: Any) -> bool:
        """Prepare what a decision does at an await; whether the task then takes its step."""
        if isinstance(decision, Die):
            actor.process.die()
            raise actor.process.death()
        if isinstance(decision, Pause):
            self.paused[actor] = self.host.gate.now + decision.seconds
            self._pause(actor)
            return False
        if isinstance(decision, Stop):
            actor.process.stopping = True
            handler = actor.process.on_stop
            if decision.error is None and handler is not None:
                handler()
            elif decision.error is None:
                task.cancel()
            else:
                self.steered[actor].raises = error_of(decision.error, SystemExit)
        elif isinstance(decision, Fail | Lose):
            self.steered[actor].raises = error_of(decision.error, QUIET.lose)
        return True

    def _pause(self, actor: Actor) -> None:
        """It stands still, whether it could go on or not."""
        actor.status = Blocked(actor.crossing, Wait("the end of its pause", until=self.paused[actor], seen="loop"))
        self.host.gate.blocked.add(actor)

    def _show(self) -> None:
        """Give every task the status that it has at this choice."""
        gate = self.host.gate
        self._admit()
        ready = {self.actors[task] for task in self.runnable if task in self.actors}
        timers = self._timers_by_future()
        for task, actor in self.actors.items():
            if actor in self.fresh:
                self._arrives(actor)
            crossing = actor.crossing
            if at_a_proxy(actor):
                continue
            if self.paused.get(actor, gate.now) > gate.now:
                self._pause(actor)
                continue
            self.paused.pop(actor, None)
            if actor in ready and crossing is not None:
                gate.blocked.discard(actor)
                actor.status = Stopped(crossing)
            else:
                gate.blocked.add(actor)
                actor.status = Blocked(crossing, self._wait_of(task, actor, timers))
        self.fresh.clear()
        self.outdated = False
        main = self.main
        if main is not None and main not in self.actors.values():
            gate.blocked.add(main)
            main.status = Blocked(main.crossing, Wait("the end of its event loop", seen="loop"))

    def _timers_by_future(self) -> dict[object, float]:
        """When something will happen by itself, by the future or task that it happens to."""
        found: dict[object, float] = {}
        for handle in self._scheduled:
            if not handle._cancelled:
                owner = getattr(getattr(handle._callback, "__self__", None), "_task", None)  # type: ignore[attr-defined]
                for thing in (owner, *handle._args):
                    if isinstance(thing, asyncio.Future):
                        found[thing] = min(handle.when(), found.get(thing, handle.when()))
        return found

    def keep_others(self, actor: Actor) -> None:
        """One of its tasks stands where it does not await: the others have to wait for it."""
        wait = Wait("the event loop", (actor.name,), seen="loop")
        for other in self.actors.values():
            if other is not actor and isinstance(other.status, Stopped | Blocked):
                other.status = Blocked(other.crossing, wait)
                self.host.gate.blocked.add(other)

    def _arrives(self, actor: Actor) -> None:
        """It has come to its next await."""
        actor.number += 1
        actor.flagged = False
        words = f"await {awaited(self.steered[actor].coroutine)}"
        actor.crossing = Crossing(actor.name, actor.number, words, "await", AFTER)

    def _wait_of(self, task: Task, actor: Actor, timers: dict[object, float]) -> Wait:
        """What it waits for: whom, if it awaits a task; how long, if a timer is set for it."""
        future = self.steered[actor].future
        holder = self.actors.get(future) if isinstance(future, asyncio.Task) else None
        moments = [timers[thing] for thing in (future, task) if thing in timers]
        words = actor.crossing.words.removeprefix("await ") if actor.crossing is not None else "something"
        return Wait(words, () if holder is None else (holder.name,), min(moments, default=None), seen="loop")

    def news(self) -> bool:
        """Whether something has come from outside since the last choice: from a thread, a file, or with time."""
        if self._ready or self.outdated:
            return True
        if len(self._selector.get_map()) > self._own_files:
            events = self._selector.select(0)
            if any((key.fd, mask) not in self.seen_files for key, mask in events):
                return True
        moment = min((one for one in (self.next_timer(), *self.paused.values()) if one is not None), default=None)
        return moment is not None and moment <= self.time()

    def idle(self) -> None:
        """The gate waits for it."""

    # --- death ---

    def process(self) -> Any:
        """The process that the loop is in."""
        return self.main.process if self.main is not None else self._first.process

    def host_is_dead(self) -> bool:
        """Whether its process is dead."""
        return bool(self.process().dead)

    _first: Actor

    def serve(self, first: Actor) -> None:
        """Run the spawned tasks until the process is dead."""
        self._first = first
        self._take_in()
        try:
            self.run_forever()
        except Death:
            raise
        except BaseException as error:  # it ends the loop, and all its tasks
            for actor in self.actors.values():
                actor.ended(actor.outcome(error))
        finally:
            self.bury()

    def close(self) -> None:
        """As the real one. A task that is left has come to its end."""
        for actor in self.actors.values():
            if actor is not self.main and not isinstance(actor.status, Ended) and not self.host_is_dead():
                cancelled = Raised(asyncio.CancelledError("its event loop was closed"))
                actor.ended(Exited() if actor.process.stopping else cancelled)
        super().close()

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
        """As the real one: what is to happen on SIGTERM or SIGINT happens when its process is told to end (`Stop`)."""
        if sig in ENDING:
            self.process().on_stop = lambda: self.call_soon(callback, *args)

    def remove_signal_handler(self, sig: int) -> bool:
        """As the real one."""
        process = self.process()
        had, process.on_stop = process.on_stop is not None, None
        return had

    def bury(self) -> None:
        """Close what is left of the tasks of a dead process here, where their last words cross nothing."""
        ident = _thread.get_ident()
        self.set_exception_handler(lambda loop, context: None)  # the dead complain of nothing
        self.close()
        for task, actor in list(self.actors.items()):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            BY_THREAD[ident] = actor
            self.steered[actor].buried = True
            close(self.steered[actor].coroutine)
            close(task.get_coro())
        self.actors.clear()
        self.host.loop = None


def at_a_proxy(actor: Actor) -> bool:
    """Whether a proxy says where it stands."""
    return actor.held is not None or (actor.way is not None and actor.way.flagged)


def close(coroutine: Any) -> None:
    """End a coroutine; it may refuse, and then nobody asks it any more."""
    try:
        coroutine.close()
    except (Exception, Death) as error:
        del error  # the words of the dead


def new_event_loop() -> Any:
    """`asyncio.new_event_loop`: actors get a loop that asks the gate."""
    actor = current()
    if actor is None:
        return _real_new()
    if actor.process.dead:
        raise actor.process.death()
    return Hosted(actor.host, actor)


_real_new = asyncio.new_event_loop


def register(patches: Patches) -> None:
    """Replace what makes event loops."""

    def replacements() -> Replacements:
        return {"asyncio.events.new_event_loop": new_event_loop, "asyncio.new_event_loop": new_event_loop}

    patches.add("asyncio", replacements)
