"""Decisions: what may happen to an actor that stands at a crossing.

To let others go first is no decision about an actor: a plan lets another one take a step. An actor that nobody lets go on stays where it is
for as long as the plan likes, with its transaction open and its locks held. That loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

ErrorOf = BaseException | Callable[[], BaseException] | None
"""An error, or what makes one; None for the one that the client library of this boundary would raise."""


@attrs.frozen
class Go:
    """The work is done and the answer arrives. Loses nothing."""


@attrs.frozen
class Hold(Go):
    """The work is done, and the actor stops once more before it hears the answer: at the same crossing, in phase ``after``. Loses nothing:
    what it has read may be old by the time it goes on. Where a server or a loop does the work for the gate, it is the same as `Go`."""


@attrs.frozen
class Fail:
    """The work is not done and the client library raises.

    May lose: this one piece of work, and what the library itself gives up with the error (a broken connection takes its open transaction
    along). Never loses: what was acknowledged before; an answer of "done" never comes from it. The actor goes on in whatever handles
    the error. At a crossing of phase ``after`` the work is done already, so it is the same as `Lose`.
    `error` None: the error of the boundary. Where no library raises any (a sleep, a lock, an await, `durable`), it is the same as `Go`.
    """

    error: ErrorOf = None


@attrs.frozen
class Lose:
    """The work is done, and the answer is lost: the client library raises what it raises when a connection ends.

    May lose: the answer, and with it the connection and a transaction that is open on it. Never loses: the work itself, once the server has
    it (a COMMIT is committed). The actor cannot tell it from `Fail`. Where an error means that nothing was done (a statement of SQLite
    inside a transaction), it is the same as `Fail`; where no library raises any, as `Go`.
    """

    error: ErrorOf = None


@attrs.frozen
class Die:
    """The process of the actor is dead from here on, with all its threads and tasks.

    May lose: everything that the process had in memory; open transactions, which the server rolls back; locks that end with a connection.
    Never loses: what was committed, or written where it survives a process. The work of this crossing is not done, or (in phase ``after``)
    done and not heard of. Code behind it never reaches anything again: `finally` and `except BaseException` may run, but whatever they
    try to cross raises `Death` once more, without a stop.
    """


@attrs.frozen
class Stop:
    """The process is asked to end in an orderly way, as SIGTERM asks: its handler runs here, in the actor's own thread, right before the
    work of this crossing, and its crossings are stops as well. Without a handler `error` is raised here.

    May lose: what the handler does not save. Never loses: what was acknowledged. When the handler returns, the work of this crossing
    follows, as after a signal. `error` None: `SystemExit`, or `asyncio.CancelledError` where a task awaits.
    """

    error: ErrorOf = None


@attrs.frozen
class Pause:
    """It stands still for `seconds` of the gate's time, as in a long collection of garbage or on a machine that sleeps.

    Loses nothing; leases and time-outs of others pass. Then it stands at the same crossing again.
    """

    seconds: float


Decision = Go | Fail | Lose | Die | Stop | Pause

GO = Go()
HOLD = Hold()
DIE = Die()


def error_of(asked: ErrorOf, otherwise: Callable[[], BaseException | None]) -> BaseException | None:
    """The error that is to be raised; None if there is none to be had here."""
    if asked is None:
        return otherwise()
    if isinstance(asked, BaseException):
        return asked
    return asked()
