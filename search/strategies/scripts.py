"""The strategies for conditional updates as scripts of a simulation: what each of them sends to whom, and when. One brings one command to
its end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from refold.model.application import Command
from refold.model.client import View
from refold.model.expectation import ANY, Fenced, OnHold, at_version
from refold.model.log import Appended
from refold.model.parts.claims.lease import Lease
from refold.search.strategies.simulated_system import (
    ATTEMPTS,
    BACK_OFF,
    DECLINED,
    DONE,
    PATIENCE,
    REFUSED,
    SEND,
    UNKNOWN,
    WORK,
    SimulatedSystem,
    appending,
    asking,
    decision,
)
from refold.search.strategies.simulation import LOST, Actor, Call, Script
from refold.search.strategies.single_writer import single_writer


def blind(system: SimulatedSystem, actor: Actor, op: str, command: Command) -> Script:
    """View, decision, append."""
    key = system.application.key(command)
    view = yield from asking(system, system.view_server, partial(system.look, key))
    yield WORK
    events = decision(system.application, command, view, op)
    if events is None:
        return DECLINED
    yield from appending(system, op, key, ANY, events)
    return DONE


def expected_version(system: SimulatedSystem, actor: Actor, op: str, command: Command, fresh: bool = False) -> Script:
    """View (or with `fresh` the log's tail), decision, append at that version; after a conflict again, a little later each time."""
    key = system.application.key(command)
    for attempt in range(ATTEMPTS):
        view = yield from asking(system, system.view_server, partial(system.look, key))
        if fresh:
            view = yield from asking(system, system.log_server, partial(system.tail, key))
        yield WORK
        events = decision(system.application, command, view, op)
        if events is None:
            return DECLINED
        expected = at_version(view.version) if system.application.conditional(command) else ANY
        outcome = yield from appending(system, op, key, expected, events)
        if type(outcome) is Appended:
            return DONE
        system.retries += 1
        yield BACK_OFF * (attempt if fresh else 1 << min(attempt, 6))
    return REFUSED


def catch_up(system: SimulatedSystem, actor: Actor, op: str, command: Command) -> Script:
    """Expected version on the log's tail."""
    return expected_version(system, actor, op, command, fresh=True)


def locking(system: SimulatedSystem, actor: Actor, key: str, claim: str) -> Script:
    """Ask for the lock until it is granted, or it has taken too long."""
    waited = 0
    while waited < PATIENCE:
        lease = yield Call(system.lock_server, partial(grant, system, key, claim))
        if isinstance(lease, Lease):
            return lease
        system.retries += 1
        pause = BACK_OFF + system.random.randint(0, BACK_OFF)
        holder = system.locks.live(key)
        if holder is not None and system.down(holder.holder):
            system.blocked += pause
        waited += pause
        yield pause
    return None


def grant(system: SimulatedSystem, key: str, holder: str) -> Lease | None:
    """The lock service's answer; whoever asks again for what it was given, and did not hear of, gets the same answer."""
    live = system.locks.live(key)
    return live if live is not None and live.holder == holder else system.locks.acquire(key, holder)


def lock(system: SimulatedSystem, actor: Actor, op: str, command: Command, fenced: bool = False) -> Script:
    """Lock, tail, decision, a look at the clock, append, unlock."""
    key = system.application.key(command)
    for attempt in range(ATTEMPTS):
        lease = yield from locking(system, actor, key, f"{actor.name}#{actor.life}#{op}.{attempt}")
        if lease is None:
            return REFUSED
        read = partial(system.fenced_tail, key, lease.token) if fenced else partial(system.tail, key)
        view = yield from asking(system, system.log_server, read)
        yield WORK
        events = decision(system.application, command, view, op)
        if events is None:
            unlock(system, key, lease)
            return DECLINED
        if system.now >= lease.until:
            system.retries += 1
            continue
        yield SEND
        if fenced:
            outcome = yield from appending(system, op, key, Fenced(lease.token), events)
        else:
            outcome = yield from appending(system, op, key, ANY, events, until=lease.until)
        if outcome is None:
            return UNKNOWN
        unlock(system, key, lease)
        if type(outcome) is Appended:
            return DONE
        system.retries += 1
    return REFUSED


def unlock(system: SimulatedSystem, key: str, lease: Lease) -> None:
    """Tell the lock service, and do not wait for it."""
    system.at(system.now + system.travel(), partial(system.locks.release, key, lease.token))


def lock_fenced(system: SimulatedSystem, actor: Actor, op: str, command: Command) -> Script:
    """The same with a token that the log compares."""
    return lock(system, actor, op, command, fenced=True)


def reservation(system: SimulatedSystem, actor: Actor, op: str, command: Command) -> Script:
    """Hold and tail in one question to the store, decision, append under the hold."""
    key = system.application.key(command)
    waited = 0
    while waited < PATIENCE:
        claim = f"{actor.name}#{actor.life}#{op}.{waited}"
        number, view = yield from asking(system, system.log_server, partial(take, system, key, claim))
        if not number:
            pause = BACK_OFF + system.random.randint(0, BACK_OFF)
            hold = system.book.holds.get(key)
            if hold is not None and system.down(hold.client):
                system.blocked += pause
            system.retries += 1
            waited += pause
            yield pause
            continue
        yield WORK
        events = decision(system.application, command, view, op)
        if events is None:
            system.at(system.now + system.travel(), partial(system.book.end, key, number))
            return DECLINED
        outcome = yield from appending(system, op, key, OnHold(number), events)
        if type(outcome) is Appended:
            system.book.end(key, number)
            return DONE
        waited += 1
        system.retries += 1
    return REFUSED


def take(system: SimulatedSystem, key: str, client: str) -> tuple[int, View]:
    """Sweep what is too old, and put the key on hold: the number of the hold (0 if it is somebody else's), and the tail."""
    system.book.sweep()
    mine = system.book.holds.get(key)
    if mine is not None and mine.client == client:
        return mine.number, system.tail(key)
    hold = system.book.take(key, client)
    return 0 if hold is None else hold.number, system.tail(key)


def change_data_capture(system: SimulatedSystem, actor: Actor, op: str, command: Command) -> Script:
    """One transaction; the rest follows by itself."""
    events = yield from asking(system, system.database_server, partial(system.transaction, op, command, captured=True))
    return DECLINED if events is None else DONE


def dual_writes(system: SimulatedSystem, actor: Actor, op: str, command: Command) -> Script:
    """One transaction, then the log."""
    events = yield Call(system.database_server, partial(system.transaction, op, command, captured=False))
    if events is LOST:
        return UNKNOWN
    if events is None:
        return DECLINED
    yield SEND
    yield from appending(system, op, system.application.key(command), ANY, events)
    return DONE


SCRIPTS: dict[str, Callable[[SimulatedSystem, Actor, str, Command], Script]] = {
    "blind": blind,
    "expected-version": expected_version,
    "catch-up": catch_up,
    "lock": lock,
    "lock-fenced": lock_fenced,
    "reservation": reservation,
    "single-writer": single_writer,
    "change-data-capture": change_data_capture,
    "dual-writes": dual_writes,
}
"""Strategy -> its script; the names are those of `refold.model.strategies.strategy`."""
