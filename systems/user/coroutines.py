"""Asynchronous roles: which they are, who of a process goes on, and what is recorded of a run that is begun again.

The tasks of a call (those that it gathers, what it leaves in the background, the threads in which it waits) are its *group*. The plan
speaks of the whole group by the name of who leads it; within it the order is asyncio's, unless the plan has somebody stop.
"""

from __future__ import annotations

import functools
import inspect

from refold.model.process import Emit
from refold.model.record import Record
from refold.systems.gate.actor import Actor, Process
from refold.systems.gate.crossing import Blocked, Stopped
from refold.systems.gate.runtime.driven import Carrier


def asynchronous(function: object) -> bool:
    """Whether a call of this is to be awaited, as far as one can see without calling it."""
    if isinstance(function, type):
        return False
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function) if callable(function) else function
    return inspect.iscoroutinefunction(function)


def any_asynchronous(thing: object, *methods: str) -> bool:
    """Whether one of these methods is to be awaited."""
    return any(asynchronous(getattr(thing, method, None)) for method in methods)


# -- who goes on


def first_of(main: Actor, asleep: bool) -> Actor | None:
    """The one of a group that goes on first: in asyncio's order, then the threads that its tasks wait for. A sleeping one can go on too, if
    `asleep` counts: time passes for it."""
    host, actors = main.host, main.process.actors
    if isinstance(host, Carrier):
        ready = host.driven.ready_of(main.process)
        if ready is not None:
            return ready
    standing = next((actor for actor in actors if type(actor.status) is Stopped), None)
    if standing is None and asleep and isinstance(host, Carrier):
        return host.driven.sleeper_of(main.process) or next((actor for actor in actors if _naps(actor)), None)
    return standing


def _naps(actor: Actor) -> bool:
    """Whether somebody is in `time.sleep`."""
    return isinstance(actor.status, Blocked) and actor.status.wait.what == "time to pass"


def others_of(process: Process, held: Actor) -> Actor | None:
    """The same, without one that a plan has stop."""
    standing = [actor for actor in process.actors if actor is not held and type(actor.status) is Stopped]
    host = held.host
    if standing and isinstance(host, Carrier):
        order = [host.driven.members[task] for task in host.driven.runnable]
        standing.sort(key=lambda actor: order.index(actor) if actor in order else len(order))
    return standing[0] if standing else None


class Recorder:
    """Passes records on, and counts them: a run that is begun again is silent until it has come to where it was."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.count = 0
        self.silent = 0

    def __call__(self, record: Record) -> None:
        """One more."""
        if self.silent:
            self.silent -= 1
            return
        self.count += 1
        self.emit(record)

    def unjudged(self, record: Record) -> None:
        """One that no property looks at."""
        if self.silent:
            self.silent -= 1
            return
        self.count += 1
        note: Emit = getattr(self.emit, "unjudged", self.emit)
        note(record)

    def again(self) -> None:
        """From the beginning."""
        self.silent, self.count = self.count, 0

    def passing(self) -> Emit:
        """The next that count nothing, once they have come to where they were."""
        return self if self.silent else self.emit
