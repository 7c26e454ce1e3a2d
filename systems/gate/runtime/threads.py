"""Locks and threads of the code under test.

A lock that is made while a gate is open knows who has it: an actor that waits for it is blocked, and for whom is known. Conditions, events,
semaphores and queues are made of such locks. A lock that was made before (in a module's first line) is a real one; who waits for it is
recognised because its thread stands still.

A thread that an actor starts is an actor of the same process: ``alice/1`` stops before its first line.
"""

from __future__ import annotations

import _thread
import queue
import sys
import threading
from typing import Any

from refold.systems.gate.actor import BY_THREAD, Actor, Death, Host, current, made_for_actors
from refold.systems.gate.boundary import QUIET
from refold.systems.gate.crossing import Crossing, Died, Ended, Returned, Stopped, Wait, end_of
from refold.systems.gate.patches import Patches, Replacements
from refold.systems.gate.users import where

_real_start = threading.Thread.start
_real_join = threading.Thread.join
_real_queue = queue.SimpleQueue
_allocate = _thread.allocate_lock


class Lock:
    """`threading.Lock`."""

    def __init__(self) -> None:
        self._lock = _allocate()
        self.owner: Actor | None = None
        self.waiting: list[Actor] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As the real one; time-outs are of the gate's time."""
        actor = current()
        if actor is None or actor.free:
            return self._lock.acquire(blocking, timeout)
        if self._lock.acquire(False):
            self.owner = actor
            return True
        return blocking and timeout != 0 and self._wait(actor, timeout)

    def _wait(self, actor: Actor, timeout: float) -> bool:
        until = None if timeout < 0 else actor.gate.now + timeout
        place = where(sys._getframe(2))
        while not self._lock.acquire(False):
            if until is not None and actor.gate.now >= until:
                return False
            self.waiting.append(actor)
            holders = () if self.owner is None or self.owner is actor else (self.owner.name,)
            try:
                actor.wait_at("lock", f"acquire{place}", Wait(f"a lock{place}", holders, until))
            finally:
                self.waiting.remove(actor)
        self.owner = actor
        return True

    def release(self) -> None:
        """As the real one."""
        self.owner = None
        self._lock.release()
        for actor in self.waiting:
            actor.gate.unblock(actor)

    def locked(self) -> bool:
        """As the real one."""
        return self._lock.locked()

    def _at_fork_reinit(self) -> None:
        """As the real one: `threading` asks for it in a child of this process, for threads that were begun at a gate."""
        self._lock = _allocate()
        self.owner = None
        self.waiting = []

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class RLock:
    """`threading.RLock`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread: int | None = None
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As the real one."""
        me = _thread.get_ident()
        if self._thread == me:
            self._count += 1
            return True
        if not self._lock.acquire(blocking, timeout):
            return False
        self._thread, self._count = me, 1
        return True

    def release(self) -> None:
        """As the real one."""
        if self._thread != _thread.get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._thread = None
            self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()

    # what threading.Condition asks of its lock

    def _release_save(self) -> tuple[int, int | None]:
        saved = self._count, self._thread
        self._count, self._thread = 0, None
        self._lock.release()
        return saved

    def _acquire_restore(self, saved: tuple[int, int | None]) -> None:
        self._lock.acquire()
        self._count, self._thread = saved

    def _is_owned(self) -> bool:
        return self._thread == _thread.get_ident()


def start(thread: threading.Thread) -> None:
    """`threading.Thread.start`: what an actor starts is an actor."""
    parent = current()
    if parent is None:
        _real_start(thread)
        return
    if parent.process.dead:
        raise parent.process.death()
    child = _adopt(parent, thread)
    outer, parent.free = parent.free, True  # how Python learns that the thread has begun is no business of the gate
    try:
        _real_start(thread)
    finally:
        parent.free = outer
    thread._refold_actor = child  # type: ignore[attr-defined]


def _adopt(parent: Actor, thread: threading.Thread) -> Actor:
    """An actor for a thread, that stands before its first line."""
    process = parent.process
    process.children += 1
    host = Host(parent.gate)
    host.thread = thread
    child = parent.gate.admit(Actor(parent.gate, f"{process.name}/{process.children}", process, host))
    child.helps = True
    child.number += 1
    child.crossing = Crossing(child.name, child.number, "its first line", "thread")
    child.status = Stopped(child.crossing)
    original = thread.run

    def run() -> None:
        BY_THREAD[_thread.get_ident()] = child
        try:
            _run_as(child, original)
        finally:
            BY_THREAD.pop(_thread.get_ident(), None)
            host.ended = True
            host.gate.report(host)

    thread.run = run  # type: ignore[method-assign]
    thread.daemon = True  # nothing of a run outlives it
    return child


def _run_as(child: Actor, function: Any) -> None:
    """The thread of a child, from the moment at which it is let go on."""
    try:
        child.host.baton.acquire()
        crossing = child.crossing
        assert crossing is not None
        child.obey(child.decided(crossing), crossing, QUIET)
        child.ended(Returned(function()))
    except Death:
        child.ended(Died(child.crossing))
    except BaseException as error:  # whatever ended it is what the gate says of it
        child.ended(child.outcome(error))


def join(thread: threading.Thread, timeout: float | None = None) -> None:
    """`threading.Thread.join`: who waits for the end of an actor is blocked."""
    actor = current()
    child: Actor | None = getattr(thread, "_refold_actor", None)
    if actor is None or child is None or actor.free:
        _real_join(thread, timeout)
        return
    until = None if timeout is None else actor.gate.now + max(0.0, timeout)
    while not isinstance(child.status, Ended) and (until is None or actor.gate.now < until):
        actor.wait_at("thread", f"join of {child.name}", Wait(end_of(child.name), (child.name,), until))
    if isinstance(child.status, Ended):
        _real_join(thread, 1.0)


def _made(ours: Any, real: Any) -> Any:
    """A factory: ours for actors, the real one for everybody else."""

    def make() -> Any:
        return ours() if made_for_actors() else real()

    return make


def register(patches: Patches) -> None:
    """Replace what makes locks and starts threads."""

    def replacements() -> Replacements:
        return {
            "threading.Lock": _made(Lock, threading.Lock),
            "threading.RLock": _made(RLock, threading.RLock),
            "threading._allocate_lock": _made(Lock, _allocate),
            "threading.Thread.start": start,
            "threading.Thread.join": join,
        }

    patches.add("threading", replacements)
    patches.add("queue", lambda: {"queue.SimpleQueue": _made(queue._PySimpleQueue, _real_queue)})  # type: ignore[attr-defined]
