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
from refold.search.strategies.simulation import LOST, Actor, Call, Script
from refold.search.strategies.single_writer import single_writer
from refold.search.strategies.world import (
    ATTEMPTS,
    BACK_OFF,
    DECLINED,
    DONE,
    PATIENCE,
    REFUSED,
    SEND,
    UNKNOWN,
    WORK,
    World,
    appending,
    asking,
    decision,
)


def blind(world: World, actor: Actor, op: str, command: Command) -> Script:
    """View, decision, append."""
    key = world.application.key(command)
    view = yield from asking(world, world.view_server, partial(world.look, key))
    yield WORK
    events = decision(world.application, command, view, op)
    if events is None:
        return DECLINED
    yield from appending(world, op, key, ANY, events)
    return DONE


def expected_version(world: World, actor: Actor, op: str, command: Command, fresh: bool = False) -> Script:
    """View (or with `fresh` the log's tail), decision, append at that version; after a conflict again, a little later each time."""
    key = world.application.key(command)
    for attempt in range(ATTEMPTS):
        view = yield from asking(world, world.view_server, partial(world.look, key))
        if fresh:
            view = yield from asking(world, world.log_server, partial(world.tail, key))
        yield WORK
        events = decision(world.application, command, view, op)
        if events is None:
            return DECLINED
        expected = at_version(view.version) if world.application.conditional(command) else ANY
        outcome = yield from appending(world, op, key, expected, events)
        if type(outcome) is Appended:
            return DONE
        world.retries += 1
        yield BACK_OFF * (attempt if fresh else 1 << min(attempt, 6))
    return REFUSED


def catch_up(world: World, actor: Actor, op: str, command: Command) -> Script:
    """Expected version on the log's tail."""
    return expected_version(world, actor, op, command, fresh=True)


def locking(world: World, actor: Actor, key: str, claim: str) -> Script:
    """Ask for the lock until it is granted, or it has taken too long."""
    waited = 0
    while waited < PATIENCE:
        lease = yield Call(world.lock_server, partial(grant, world, key, claim))
        if isinstance(lease, Lease):
            return lease
        world.retries += 1
        pause = BACK_OFF + world.random.randint(0, BACK_OFF)
        holder = world.locks.live(key)
        if holder is not None and world.down(holder.holder):
            world.blocked += pause
        waited += pause
        yield pause
    return None


def grant(world: World, key: str, holder: str) -> Lease | None:
    """The lock service's answer; whoever asks again for what it was given, and did not hear of, gets the same answer."""
    live = world.locks.live(key)
    return live if live is not None and live.holder == holder else world.locks.acquire(key, holder)


def lock(world: World, actor: Actor, op: str, command: Command, fenced: bool = False) -> Script:
    """Lock, tail, decision, a look at the clock, append, unlock."""
    key = world.application.key(command)
    for attempt in range(ATTEMPTS):
        lease = yield from locking(world, actor, key, f"{actor.name}#{actor.life}#{op}.{attempt}")
        if lease is None:
            return REFUSED
        read = partial(world.fenced_tail, key, lease.token) if fenced else partial(world.tail, key)
        view = yield from asking(world, world.log_server, read)
        yield WORK
        events = decision(world.application, command, view, op)
        if events is None:
            unlock(world, key, lease)
            return DECLINED
        if world.now >= lease.until:
            world.retries += 1
            continue
        yield SEND
        if fenced:
            outcome = yield from appending(world, op, key, Fenced(lease.token), events)
        else:
            outcome = yield from appending(world, op, key, ANY, events, until=lease.until)
        if outcome is None:
            return UNKNOWN
        unlock(world, key, lease)
        if type(outcome) is Appended:
            return DONE
        world.retries += 1
    return REFUSED


def unlock(world: World, key: str, lease: Lease) -> None:
    """Tell the lock service, and do not wait for it."""
    world.at(world.now + world.travel(), partial(world.locks.release, key, lease.token))


def lock_fenced(world: World, actor: Actor, op: str, command: Command) -> Script:
    """The same with a token that the log compares."""
    return lock(world, actor, op, command, fenced=True)


def reservation(world: World, actor: Actor, op: str, command: Command) -> Script:
    """Hold and tail in one question to the store, decision, append under the hold."""
    key = world.application.key(command)
    waited = 0
    while waited < PATIENCE:
        claim = f"{actor.name}#{actor.life}#{op}.{waited}"
        number, view = yield from asking(world, world.log_server, partial(take, world, key, claim))
        if not number:
            pause = BACK_OFF + world.random.randint(0, BACK_OFF)
            hold = world.book.holds.get(key)
            if hold is not None and world.down(hold.client):
                world.blocked += pause
            world.retries += 1
            waited += pause
            yield pause
            continue
        yield WORK
        events = decision(world.application, command, view, op)
        if events is None:
            world.at(world.now + world.travel(), partial(world.book.end, key, number))
            return DECLINED
        outcome = yield from appending(world, op, key, OnHold(number), events)
        if type(outcome) is Appended:
            world.book.end(key, number)
            return DONE
        waited += 1
        world.retries += 1
    return REFUSED


def take(world: World, key: str, client: str) -> tuple[int, View]:
    """Sweep what is too old, and put the key on hold: the number of the hold (0 if it is somebody else's), and the tail."""
    world.book.sweep()
    mine = world.book.holds.get(key)
    if mine is not None and mine.client == client:
        return mine.number, world.tail(key)
    hold = world.book.take(key, client)
    return 0 if hold is None else hold.number, world.tail(key)


def change_data_capture(world: World, actor: Actor, op: str, command: Command) -> Script:
    """One transaction; the rest follows by itself."""
    events = yield from asking(world, world.database_server, partial(world.transaction, op, command, captured=True))
    return DECLINED if events is None else DONE


def dual_writes(world: World, actor: Actor, op: str, command: Command) -> Script:
    """One transaction, then the log."""
    events = yield Call(world.database_server, partial(world.transaction, op, command, captured=False))
    if events is LOST:
        return UNKNOWN
    if events is None:
        return DECLINED
    yield SEND
    yield from appending(world, op, world.application.key(command), ANY, events)
    return DONE


SCRIPTS: dict[str, Callable[[World, Actor, str, Command], Script]] = {
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
