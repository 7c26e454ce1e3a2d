"""The clock of the code under test: `time` and `datetime` tell actors the gate's time, each its own.

The gate's time stands still until somebody lets it pass (`Gate.advance`, `Gate.finish`); a process may be ahead or behind. Also
`time.monotonic` is taken from it: it is what leases and time-outs are counted with, and it never jumps. `time.perf_counter` and
`time.process_time` stay real.
"""

from __future__ import annotations

import copyreg
import datetime as datetime_module
import time as time_module
from collections.abc import Callable
from typing import Any

from refold.systems.gate.actor import current
from refold.systems.gate.boundary import QUIET
from refold.systems.gate.crossing import Wait
from refold.systems.gate.patches import Patches, Replacements

_time = time_module.time
_time_ns = time_module.time_ns
_monotonic = time_module.monotonic
_monotonic_ns = time_module.monotonic_ns
_sleep = time_module.sleep
_datetime = datetime_module.datetime
_date = datetime_module.date


def now() -> float | None:
    """What the clock of the actor whose code this is says, in seconds since 1970; None outside of every actor."""
    actor = current()
    if actor is None:
        return None
    actor.gate.told_time.add(actor.process.name)
    return actor.gate.now + actor.process.offset


def time() -> float:
    """`time.time`."""
    found = now()
    return _time() if found is None else found


def time_ns() -> int:
    """`time.time_ns`."""
    found = now()
    return _time_ns() if found is None else round(found * 1_000_000) * 1000


def monotonic() -> float:
    """`time.monotonic`: it has no offset, because it is only ever compared with itself."""
    actor = current()
    if actor is None:
        return _monotonic()
    actor.gate.measured.add(actor.process.name)
    return actor.gate.now


def waiting() -> float:
    """`time.monotonic`, as the standard library's own waiting counts with it."""
    actor = current()
    return _monotonic() if actor is None else actor.gate.now


def monotonic_ns() -> int:
    """`time.monotonic_ns`."""
    actor = current()
    if actor is None:
        return _monotonic_ns()
    actor.gate.measured.add(actor.process.name)
    return round(actor.gate.now * 1_000_000) * 1000


def sleep(seconds: float) -> None:
    """`time.sleep`: the actor is blocked until the gate's time has come. Sleeping for no time is a stop."""
    actor = current()
    if actor is None or actor.free:
        if actor is None:
            _sleep(seconds)
        return
    words = f"sleep {seconds:g} s"
    if seconds <= 0:
        actor.cross("sleep", words, lambda: None, QUIET)
    else:
        until = actor.gate.now + seconds
        while actor.gate.now < until:  # a handler that a signal calls does not end the sleep
            actor.wait_at("sleep", words, Wait("time to pass", until=until))


def _localtime(function: Callable[..., Any]) -> Callable[..., Any]:
    """One of the functions of `time` that take seconds since 1970, and the present if they get none."""

    def replacement(seconds: float | None = None) -> Any:
        return function(time() if seconds is None else seconds)

    return replacement


class _Real(type):
    """What was made by the real class, or is a kind of it, counts as made by its replacement."""

    real: type

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.real)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.real)


class datetime(_datetime, metaclass=_Real):  # the name is that of the class that it stands for
    """`datetime.datetime`; all that it makes are instances of the real one."""

    __module__ = "datetime"
    real = _datetime

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        return _datetime(*arguments, **named)

    @classmethod
    def now(cls, tz: datetime_module.tzinfo | None = None) -> Any:
        """The present of the actor."""
        return _datetime.fromtimestamp(time(), tz)

    @classmethod
    def today(cls) -> Any:
        """The present of the actor."""
        return _datetime.fromtimestamp(time())

    @classmethod
    def utcnow(cls) -> Any:
        """The present of the actor."""
        return _datetime.fromtimestamp(time(), datetime_module.UTC).replace(tzinfo=None)


class date(_date, metaclass=_Real):  # the name is that of the class that it stands for
    """`datetime.date`; all that it makes are instances of the real one."""

    __module__ = "datetime"
    real = _date

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        return _date(*arguments, **named)

    @classmethod
    def today(cls) -> Any:
        """The day of the actor."""
        return _date.fromtimestamp(time())


FUNCTIONS: dict[Any, Any] = {
    _time: time,
    _time_ns: time_ns,
    _monotonic: monotonic,
    _monotonic_ns: monotonic_ns,
    _sleep: sleep,
}
"""What of Python's tells the time or lets it pass, and what stands in its place."""


def _datetime_pickled(value: Any) -> Any:
    """As usual, but by the class that has the name now: pickle refuses another one."""
    return datetime_module.datetime, value.__reduce_ex__(4)[1]


def _date_pickled(value: Any) -> Any:
    """The same for a date."""
    return datetime_module.date, value.__reduce_ex__(4)[1]


def register(patches: Patches) -> None:
    """Replace what tells the time."""
    copyreg.pickle(_datetime, _datetime_pickled)
    copyreg.pickle(_date, _date_pickled)

    def replacements() -> Replacements:
        return {
            "time.time": time,
            "time.time_ns": time_ns,
            "time.monotonic": monotonic,
            "time.monotonic_ns": monotonic_ns,
            "time.sleep": sleep,
            "time.localtime": _localtime(time_module.localtime),
            "time.gmtime": _localtime(time_module.gmtime),
            "datetime.datetime": datetime,
            "datetime.date": date,
            "threading._time": waiting,
        }

    patches.add("time", replacements)
    patches.add("queue", lambda: {"queue.time": waiting})
