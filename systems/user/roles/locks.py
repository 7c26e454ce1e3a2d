"""Locks with leases, and the effects that they guard (LOCK).

A lease ends by the clock, and its holder may not notice. So clients stop in the middle of their calls, half leases pass, and what is
granted, renewed, given back and written is held against the rules of fencing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, ClassVar, Protocol

import attrs

from refold.model.action import Action
from refold.model.application import Application
from refold.model.declarations.offer import Cast
from refold.model.errors import UsageError
from refold.model.extension import Handler
from refold.model.parts.calls import Die, FailStep, GoOn, Halt, LoseAnswer
from refold.model.parts.claims.lock import (
    Acquire,
    FencedOff,
    Granted,
    LockedWrite,
    Locks,
    PassTime,
    Queued,
    Release,
    Released,
    Renew,
    Renewed,
    TimePassed,
    WriteLocked,
)
from refold.model.parts.claims.lock_calls import BeginLocked
from refold.model.tape import Group, Word
from refold.model.words import short
from refold.systems.gate.crossing import Died, Returned, Status
from refold.systems.gate.gate import EPOCH
from refold.systems.user.errors import AdapterError, awaited, called, close_part
from refold.systems.user.roles.role import OwnRole, Places, Surroundings

SOME = 0.55
"""The part of a lease that passes at once: a little more than half, so that two of them are more than a lease."""

FOR_EVER = 1 << 62
"""The end of a lease that has none."""

WHOLE: dict[type[Action], str] = {Acquire: "acquire", WriteLocked: "write", Renew: "renew", Release: "release"}
"""Action -> the method of the user's that it calls."""


class HolderPort(Protocol):
    """A lock as one client uses it. `Lock` creates a `HolderPort` each time a client's process starts.

    If a `Lock` has names, each method is passed the name of the lock as its argument.

    `acquire` must not wait for long; it returns None or False instead. These methods are optional:

    - `renew` returns whether the lease starts again from now.
    - `write` performs the write that the lock guards, with the client's token. If the write is refused, it returns
      False or raises an exception.
    - `crash` is called when the client's process has died, and does what a server would do when it notices the death.
    - `close` is called at the end of the run.
    """

    def acquire(self, *name: str) -> int | bool | None:
        """The fencing token under which the lock was granted, or True if the lock has no tokens; None or False if it is taken."""

    def release(self, *name: str) -> object:
        """Give the lock back."""


@attrs.frozen
class Lock:
    """A lock of your own: `make(client)` returns the object through which that client uses it, a `HolderPort`.

    `lease` is how many seconds a grant lasts; None if it lasts until the lock is released or the client's process dies.
    `written()` returns what the lock guards, as read from outside: a value that changes when a write takes effect. If
    the guarded data is in a database, `written` is a table or a query instead. Without `written`, a write counts as
    taking effect when it returns, and no time passes during the write. `name` is what reports call the guarded
    resource.

    `names`: there is one lock for each of these names, independent of all others. A client may hold several, and
    `acquire`, `renew`, `write` and `release` are passed the name of the lock as their argument.
    """

    make: Callable[..., Any]
    lease: float | None = None
    written: Callable[[], Any] | str | None = attrs.field(default=None, kw_only=True)
    name: str = attrs.field(default="resource", kw_only=True)
    names: Sequence[str] = attrs.field(default=(), kw_only=True)


@attrs.define
class Holding:
    """What one client is at with one lock: the token that it believes in, since when the call lasts that it is in, and whether others did
    something meanwhile, or something went wrong in it."""

    client: str
    lock: str
    token: int | None = None
    until: int = 0
    doing: str = ""
    since: int = 0
    disturbed: bool = False


@attrs.define
class Lent:
    """One lock: the newest token under which it was granted; when somebody was told of the last grant, until when, at the latest, that
    lease is in force, and one may be of which nobody has told."""

    granted: int = 0
    told: int = -1
    latest: int = -1
    doubtful: int = -1


class OwnLocks(OwnRole):
    """The lock of a system, and its clients."""

    name = Locks.name
    field: ClassVar[str] = "lock"
    gives = (Locks.ability().name,)

    def __init__(self, scene: Surroundings, theirs: Lock) -> None:
        super().__init__(scene, theirs)
        self.lent = {lock: Lent() for lock in theirs.names or (theirs.name,)}
        self.held = {(client, lock): Holding(client, lock) for client in scene.clients for lock in self.lent}
        self.holders: dict[str, Any] = {}
        """Client -> the lock as it uses it, in this life of its process."""
        self.clocks_agree = True
        """Nobody's clock has ever been ahead or behind: leases last as long as they say, for everybody."""
        self.seen: Any = None
        self.seen = self.guarded()

    @classmethod
    def means(cls, theirs: Any) -> bool:
        """Not a lock of `threading` or `asyncio`, with which the code keeps its own threads or tasks apart."""
        return isinstance(theirs, type) or not all(
            callable(getattr(theirs, one, None)) for one in ("acquire", "release")
        )

    @classmethod
    def check(cls, title: str, theirs: Any) -> None:
        """It is a `Lock`, and what it makes can be asked."""
        if not isinstance(theirs, Lock):
            raise UsageError(
                f"{title!r}: its lock is {short(theirs)}, expected Lock(make, lease) of refold.systems.user"
            )
        if isinstance(theirs.written, str):
            raise UsageError(
                f"{title!r}: its lock has the query {theirs.written!r} as `written`, but there is no database; give a function"
            )
        if isinstance(theirs.names, str) or not all(isinstance(name, str) and name for name in theirs.names):
            raise UsageError(f"{title!r}: its lock has the names {short(theirs.names)}, expected a list of texts")
        holder = called(f"{title}: lock", lambda: theirs.make("alice"))
        missing = [method for method in ("acquire", "release") if not callable(getattr(holder, method, None))]
        close_part(title, holder)
        if missing:
            raise UsageError(f"{title!r}: its lock made {short(holder)}, which has no {'() and no '.join(missing)}()")

    # -- plans

    @classmethod
    def lasts(cls, theirs: Lock) -> float:
        """A lease."""
        return theirs.lease or 0.0

    @classmethod
    def words(cls, theirs: Lock, cast: Cast, application: Application, places: Places) -> Iterator[Group]:
        """Locking, writing, giving back; stops in the middle of that, in which time passes and others come."""
        clients, names, pass_time = cast.clients, cls.given_names(theirs), PassTime()
        held = list(product(clients, names))
        yield "", 10, [(Acquire(*one),) for one in held]
        yield "", 8, [(WriteLocked(*one),) for one in held]
        yield "", 3, [(Release(*one),) for one in held]
        yield "", 3, [(Renew(*one),) for one in held]
        late: tuple[Action, ...] = ()
        if theirs.lease is not None:
            late = (pass_time, pass_time)
            yield "", 6, [(pass_time,)]
            yield "", 4, [late]
        pairs = [(one, other, lock) for one, other, lock in product(clients, clients, names) if one != other]
        words: list[Word] = []
        for one, other, lock in pairs:
            again: list[Word] = [
                (Renew(one, lock),),
                (Release(one, lock), Acquire(one, lock)),
                (WriteLocked(other, lock), WriteLocked(one, lock)),
            ]
            words.extend((Acquire(one, lock), *late, Acquire(other, lock), *then) for then in again)
        yield "", 10, words
        yield "", 8, list(cls.of_two_locks(pairs, names))
        stops = [
            (BeginLocked(one, what, lock), Halt(one, place))
            for one, lock in held
            for what, place in cls.stops(places, one)
        ]
        if not stops:
            return
        yield "", 8, stops
        races: list[Word] = []
        for one, other, lock in pairs:
            for what, place in cls.stops(places, one):
                stop = (BeginLocked(one, what, lock), Halt(one, place))
                if what == "acquire":
                    races.append((*stop, Acquire(other, lock), GoOn(one)))
                elif what == "write":
                    races.append(
                        (Acquire(one, lock), *stop, *late, Acquire(other, lock), WriteLocked(other, lock), GoOn(one))
                    )
                elif what == "release":
                    taken = (Acquire(one, lock), *stop, *late, Acquire(other, lock))
                    races.append((*taken, GoOn(one), Acquire(one, lock)))
        yield "", 10, races
        yield "unheard", 3, [(*stop, LoseAnswer(stop[0].client), GoOn(stop[0].client)) for stop in stops]
        yield "failure", 3, [(*stop, FailStep(stop[0].client), GoOn(stop[0].client)) for stop in stops]
        yield "consumer-crash", 4, [(*stop, Die(stop[0].client)) for stop in stops]

    @staticmethod
    def given_names(theirs: Lock) -> Sequence[str]:
        """The names of its locks in a plan; "" if there is only one."""
        return tuple(theirs.names) or ("",)

    @staticmethod
    def of_two_locks(pairs: Sequence[tuple[str, str, str]], names: Sequence[str]) -> Iterator[Word]:
        """What is done with one lock, and must not touch another."""
        for (one, other, lock), second in product(pairs, names):
            if second != lock:
                yield (Acquire(one, lock), Acquire(one, second), Release(one, second), Acquire(other, lock))
                yield (Acquire(one, lock), Acquire(other, second), WriteLocked(one, lock))

    @staticmethod
    def stops(places: Places, client: str) -> list[tuple[str, str]]:
        """What a client may be at, and where it stops in that."""
        return [(what, place) for what in WHOLE.values() for place in places.get(f"lock:{what}", ())]

    def rehearse(self, walk: Callable[[str], list[str]]) -> dict[str, list[str]]:
        """One client takes the lock, writes, renews, and gives it back."""
        client, found = self.scene.clients[0], {}
        for what in WHOLE.values():
            if self.begin(client, what, ""):
                found[f"lock:{what}"] = walk(client)
        return found

    def handlers(self) -> dict[type, Handler]:
        """What clients do with the lock, and time."""
        whole = dict.fromkeys(WHOLE, self.on_whole)
        return {**whole, BeginLocked: self.on_begin, PassTime: self.on_time}

    # -- calls

    def on_whole(self, action: Any) -> bool:
        """Without a stop."""
        if self.may(action.client, WHOLE[type(action)], action.lock) is None:
            return False
        self.step(action)
        self.begin(action.client, WHOLE[type(action)], action.lock)
        self.stage.go_on(action.client)
        return True

    def on_begin(self, action: BeginLocked) -> bool:
        """Up to the first stop."""
        if action.what not in WHOLE.values() or self.may(action.client, action.what, action.lock) is None:
            return False
        self.step(action)
        self.begin(action.client, action.what, action.lock)
        return True

    def clock_was_set(self) -> None:
        """From now on nobody knows how long a lease lasts that somebody's clock has ended; tokens go on to count."""
        self.clocks_agree = False

    def on_time(self, action: PassTime) -> bool:
        """Half a lease passes; not in the middle of a call of which nobody could say whether it came before or after. Whoever has begun to
        give a lock back has it no more."""
        exact = ("", "release", "write") if self.theirs.written is not None else ("", "release")
        if self.theirs.lease is None or any(held.doing not in exact for held in self.held.values()):
            return False
        self.step(action)
        self.stage.gate.advance(self.theirs.lease * SOME)
        self.emit(TimePassed(round(self.theirs.lease * SOME * 1000)))
        return True

    def may(self, client: str, what: str, lock: str) -> Holding | None:
        """What a client has of a lock, if it would do that now: whoever believes in a lease does not ask for one, and nobody else does the
        rest."""
        held = self.held.get((client, lock or next(iter(self.lent))))
        if held is None or self.stage.busy(client) or (held.token is None) != (what == "acquire"):
            return None
        return held if callable(getattr(self.holder(client), what, None)) else None

    def holder(self, client: str) -> Any:
        """The lock as a client uses it, made in its process."""
        if client not in self.holders:
            self.holders[client] = self.stage.at_once(client, self.theirs.make, client)
        return self.holders[client]

    def begin(self, client: str, what: str, lock: str) -> bool:
        """Begin a call."""
        held = self.may(client, what, lock)
        if held is None:
            return False
        method = functools.partial(getattr(self.holder(client), what), *((held.lock,) if self.theirs.names else ()))
        held.doing, held.since, held.disturbed = what, self.now(), self.others_at_work(client)
        self.disturb(client)
        if what == "release":
            self.given_back(held)
        self.stage.begin(client, method, lambda status: self.over(held, status))
        return True

    def others_at_work(self, client: str) -> bool:
        """Whether somebody else is in the middle of a call."""
        return any(held.doing for held in self.held.values() if held.client != client)

    def disturb(self, client: str) -> None:
        """Everybody else who is in the middle of a call is not alone any more."""
        for held in self.held.values():
            held.disturbed = held.disturbed or held.client != client

    def now(self) -> int:
        """The time, in milliseconds since the beginning."""
        return round((self.stage.gate.now - EPOCH) * 1000)

    def until(self, since: int) -> int:
        """The end of a lease that began, at the earliest, then."""
        return FOR_EVER if self.theirs.lease is None else since + round(self.theirs.lease * 1000)

    def over(self, held: Holding, status: Status) -> None:
        """A call has an answer, or none."""
        doing, held.doing = held.doing, ""
        if isinstance(status, Died):
            self.died(held, doing)
        elif not isinstance(status, Returned):
            self.doubt(held, doing)
        else:
            answer = awaited(f"{self.scene.title}: lock", doing, status.value)
            held.disturbed = held.disturbed or held.client in self.stage.hindered
            {"acquire": self.acquired, "write": self.wrote, "renew": self.renewed, "release": self.released}[doing](
                held, answer
            )

    def died(self, held: Holding, doing: str) -> None:
        """Its memory is gone. A lock without a lease ends with its process."""
        if self.theirs.lease is not None:
            self.doubt(held, doing)
        self.forget(held.client)
        self.scene.forget(held.client)

    def forget(self, client: str) -> None:
        """The process is dead, and knows nothing of its locks."""
        holder = self.holders.pop(client, None)
        if callable(getattr(holder, "crash", None)):
            self.ask(holder, "lock", "crash")
        for held in [one for one in self.held.values() if one.client == client]:
            if self.theirs.lease is None:
                self.given_back(held)
            held.token = None

    def troubled(self, who: str, how: str) -> None:
        """The process of a client may have died in a call of the service."""
        if how == "has died" and who in self.holders:
            self.forget(who)

    def given_back(self, held: Holding) -> None:
        """From now on the lock is free, if it was this one; whoever begins to give it back has it no more, whatever comes of that."""
        token, held.token = held.token, None
        if token is None:
            return
        lent = self.lent[held.lock]
        if token == lent.granted:
            lent.latest = -1
        self.emit(Released(held.client, held.lock, token))

    def doubt(self, held: Holding, doing: str) -> None:
        """Nobody knows what has come of a call: there may be a lease that nobody believes in."""
        lent = self.lent[held.lock]
        if doing in ("acquire", "renew", "release"):
            lent.doubtful = max(lent.doubtful, self.until(self.now()))

    # -- what comes of them

    def acquired(self, held: Holding, answer: Any) -> None:
        """Granted, or not."""
        if answer is None or answer is False:
            self.refused(held)
            return
        if answer is not True and type(answer) is not int:
            raise AdapterError(
                f"{self.scene.title}: acquire() of the lock returned {short(answer)}, expected a token, True, or None if it is taken"
            )
        lent, bare = self.lent[held.lock], answer is True
        token = lent.granted + 1 if bare else answer
        lent.granted = max(lent.granted, token)
        now, late = self.now(), self.comes_late(held)
        held.token, held.until, lent.latest = token, self.until(held.since), self.until(now)
        apart = held.until <= lent.told  # this lease may have ended before the one before it began
        lent.told = now
        until = None if late else max(held.until, now)
        self.emit(
            Granted(held.client, held.lock, token, until, now, (bare or self.clocks_agree) and not (late and apart))
        )

    def comes_late(self, held: Holding) -> bool:
        """Whether a call has lasted longer than the lease that it gives: nobody knows when that began, or whether it has ended by now."""
        return self.until(held.since) <= self.now() < self.until(self.now())

    def refused(self, held: Holding) -> None:
        """It is told that the lock is taken; whether by somebody, is known if nobody else was at it and nothing went wrong. An error of the
        library may be told so too, and then there may be a lease in which nobody believes."""
        lent = self.lent[held.lock]
        if held.client in self.stage.hindered:
            self.doubt(held, "acquire")
            return
        if self.clocks_agree and not held.disturbed and self.now() > max(lent.doubtful, lent.latest):
            self.emit(Queued(held.client, held.lock, FOR_EVER, self.now()))

    def renewed(self, held: Holding, answer: Any) -> None:
        """It lasts from now on, or is not renewed."""
        token = held.token
        if token is None:
            return
        if answer is False:
            held.token = None
        elif held.disturbed or self.comes_late(held):
            self.doubt(held, "renew")
        else:
            held.until, self.lent[held.lock].latest = self.until(held.since), self.until(self.now())
            self.emit(Renewed(held.client, held.lock, token, held.until, self.now()))

    def released(self, held: Holding, answer: Any) -> None:
        """It had given it back as it began to."""

    def guarded(self) -> Any:
        """What the lock guards, as it is now."""
        written = self.theirs.written
        if written is None:
            return None
        try:
            return self.ask(WrittenOf(written), "lock", "written")
        except AdapterError as error:
            if self.stage.work and "locked" in str(error):
                return self.seen
            raise

    def looked(self, who: str) -> None:
        """A write has its effect in the step after which it is to be seen."""
        if self.theirs.written is None:
            return
        now = self.guarded()
        if now == self.seen:
            return
        self.seen = now
        for held in self.held.values():
            if held.client == who and held.doing == "write" and held.token is not None:
                self.emit(LockedWrite(who, held.lock, held.token))

    def wrote(self, held: Holding, answer: Any) -> None:
        """It was refused; or it had its effect, which was seen where it can be."""
        token = held.token
        if token is None:
            return
        if answer is not False:
            if self.theirs.written is None:
                self.emit(LockedWrite(held.client, held.lock, token))
        elif (
            self.clocks_agree
            and token == self.lent[held.lock].granted
            and not held.disturbed
            and self.now() < held.until
        ):
            self.emit(FencedOff(held.client, held.lock, token))

    def close(self) -> None:
        """Close what was made."""
        for holder in self.holders.values():
            close_part(self.scene.title, holder)


class WrittenOf:
    """A function, as an object with the method `written`."""

    def __init__(self, written: Callable[[], Any]) -> None:
        self.written = written
