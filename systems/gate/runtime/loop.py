"""An event loop in which somebody else decides which task goes on, and in which time is simulated.

A task that could go on is *ready*. What futures call when they are done is no choice: it runs at once, in order. Where nobody is ready,
time jumps to the next timer (`simulate`), or passes when the gate lets it (`hosting.Hosted`). Nothing is awaited in real time but sockets.

A program that only awaits its own tasks, timers and queues takes the same steps whenever the same choices are made.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from typing import Any, TypeVar

from refold.systems.gate.users import is_users

T = TypeVar("T")
Task = asyncio.Task[Any]
Choose = Callable[[Sequence[Task]], int]
"""Which of the ready tasks goes on: its index. They come in the order in which they became ready."""

ROUNDS = 100
"""How often callbacks may call for further callbacks before a task gets its turn."""


class Stuck(RuntimeError):
    """Nobody can go on: each task waits for something that no other will ever do."""


class Loop(asyncio.SelectorEventLoop):
    """The loop. `choose` decides; `steps` counts the steps of tasks; `now` is its time, in seconds."""

    def __init__(self, choose: Choose, now: float = 0.0) -> None:
        super().__init__()
        self.choose = choose
        self.now = now
        self.steps = 0
        self.named = 0
        self.runnable: dict[Task, asyncio.Handle] = {}
        self._ready: Any
        self._scheduled: list[asyncio.TimerHandle]
        self._stopping: bool
        self._selector: Any
        self._own_files = len(self._selector.get_map())

    def time(self) -> float:
        """Simulated, in seconds."""
        return self.now

    def create_task(  # type: ignore[override]
        self, coro: Any, *, name: str | None = None, context: Context | None = None, **more: Any
    ) -> Any:
        """As the real one; a task without a name is called by its number in this loop, so that it has the same in every run."""
        self.named += 1
        return super().create_task(coro, name=name or f"task {self.named}", context=context, **more)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Call the function soon, on this thread, to its end."""
        future = self.create_future()
        self.call_soon(_fill, future, func, args)
        return future

    def _run_once(self) -> None:
        """One step of one task, or a wait."""
        self.gather()
        if self._stopping:
            return
        if self.runnable:
            tasks = list(self.runnable)
            self.run_step(tasks[self.choose(tasks)])
        else:
            self.idle()

    def gather(self) -> None:
        """Everything that is due: timers, files, and the callbacks of futures. Tasks that can go on become ready."""
        if len(self._selector.get_map()) > self._own_files:
            self.look_at_files()
        self._timers()
        ready = self._ready
        for _ in range(ROUNDS):
            if not ready or self._stopping:
                break
            for _ in range(len(ready)):
                handle = ready.popleft()
                if handle._cancelled:
                    continue
                task = getattr(handle._callback, "__self__", None)
                if isinstance(task, asyncio.Task):
                    self.runnable[task] = handle
                else:
                    handle._run()

    def look_at_files(self) -> None:
        """Let those who wait for a file know that it is ready."""
        self._process_events(self._selector.select(0))  # type: ignore[attr-defined]

    def _timers(self) -> None:
        scheduled = self._scheduled
        while scheduled and (scheduled[0]._cancelled or scheduled[0].when() <= self.time()):
            handle = heapq.heappop(scheduled)
            handle._scheduled = False  # type: ignore[attr-defined]
            if not handle._cancelled:
                self._ready.append(handle)

    def run_step(self, task: Task) -> None:
        """Let one task go on up to its next await."""
        self.steps += 1
        handle = self.runnable.pop(task)
        if not handle._cancelled:
            handle._run()

    def next_timer(self) -> float | None:
        """When the next timer is due; None if there is none."""
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False  # type: ignore[attr-defined]
        return scheduled[0].when() if scheduled else None

    def idle(self) -> None:
        """Nobody is ready: jump to the next timer, or wait for a file. Raises `Stuck`."""
        moment = self.next_timer()
        if len(self._selector.get_map()) > self._own_files:
            events = self._selector.select(0 if moment is not None else 10.0)
            self._process_events(events)  # type: ignore[attr-defined]
            if events:
                return
        if moment is None:
            raise Stuck(self.told())
        self.now = max(self.now, moment)

    def told(self) -> str:
        """Which task waits for what."""
        tasks = sorted((task for task in asyncio.all_tasks(self) if not task.done()), key=lambda task: task.get_name())
        return "deadlock: " + "; ".join(f"{task.get_name()} waits in {awaited(task.get_coro())}" for task in tasks)


def _fill(future: asyncio.Future[T], function: Callable[..., T], arguments: tuple[Any, ...]) -> None:
    """Give a future what a function returns or raises."""
    if future.cancelled():
        return
    try:
        result = function(*arguments)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # as an executor does
        future.set_exception(error)
    else:
        future.set_result(result)


def awaited(coroutine: Any) -> str:
    """What a coroutine awaits, in words: ``sleep in handle``; what is awaited, and in which function of the user's."""
    name, inner = "its code", coroutine
    while inner is not None:
        code = getattr(inner, "cr_code", None) or getattr(inner, "gi_code", None) or getattr(inner, "ag_code", None)
        if code is None:
            return f"{type(inner).__name__.removesuffix('Iter')} in {name}"
        if not is_users(code.co_filename):
            return f"{code.co_name} in {name}"
        name = code.co_name
        inner = (
            getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None) or getattr(inner, "ag_await", None)
        )
    return name


def simulate(
    main: Callable[[], Coroutine[Any, Any, T]],
    choose: Choose | None = None,
    *,
    now: float = 0.0,
    steps_max: int | None = None,
) -> T:
    """Run a coroutine function to its end in simulated time, with the schedule that `choose` decides; without it, in asyncio's order.

    Raises what it raises; `Stuck` if nobody can go on, or if it takes more than `steps_max` steps.
    """
    decide = choose or (lambda tasks: 0)
    loop = Loop(decide if steps_max is None else _limited(decide, steps_max), now)
    try:
        return loop.run_until_complete(main())
    finally:
        _end(loop)


def _limited(choose: Choose, steps_max: int) -> Choose:
    """The same choices, and an end."""
    left = steps_max

    def limited(tasks: Sequence[Task]) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            raise Stuck(
                f"not done after {steps_max} steps: {', '.join(task.get_name() for task in tasks)} could still go on"
            )
        return choose(tasks)

    return limited


def _end(loop: Loop) -> None:
    """Cancel what is left, and close; what does not end in 1000 steps is dropped."""
    left = [task for task in asyncio.all_tasks(loop) if not task.done()]
    for task in left:
        task.cancel()
    loop.choose = _limited(lambda tasks: 0, 1000)
    try:
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
    except Stuck:
        for task in left:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
    finally:
        loop.close()
