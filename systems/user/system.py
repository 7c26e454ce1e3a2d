"""A system of a user's own code: a log that can be read, a service that clients call, consumers that are watched.

Where there is a service, or a consumer that reads by itself, the code runs at a gate: it stops wherever it leaves itself, and the plan says
what happens there. Which places there are is learned once, by letting the code run.
"""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from refold.model.action import (
    Action,
    Crash,
    CrashAt,
    Deliver,
    Fail,
    Redeliver,
    Restart,
)
from refold.model.application import Application
from refold.model.declarations.capability import (
    APPEND,
    BROUGHT,
    CRASH_AT_STEP,
    CRASH_CONSUMER,
    CRASH_LOG_AT_STEP,
    OWN_SNAPSHOTS,
    REMOVALS,
    SNAPSHOTS,
    Capability,
)
from refold.model.declarations.offer import Cast, alone
from refold.model.errors import UsageError
from refold.model.extension import Extension
from refold.model.parts.calls import (
    CALLS,
    GoOn,
    StopOrderly,
    Turn,
)
from refold.model.parts.clocks import Clocks
from refold.model.parts.connection import Connections, Disconnect
from refold.model.parts.removal import Removals
from refold.model.process import Emit
from refold.model.tape import Group, Menu
from refold.model.words import short
from refold.systems.gate.runtime.driven import NeedsThread, Overran
from refold.systems.gate.runtime.kept_clocks import missed
from refold.systems.user.asked import check_declared
from refold.systems.user.deployment import OF_HARNESS, OwnDeployment
from refold.systems.user.errors import AdapterError, called, close_part, line_of
from refold.systems.user.late import InOrderOfCommit
from refold.systems.user.log import BESIDE, declared_by, log_capabilities, unasked, with_removals
from refold.systems.user.menu.places import acting, beginning_of, chosen, due_of, late_of, queue_of
from refold.systems.user.menu.rehearsal import Rehearsal
from refold.systems.user.menu.words import (
    CATCH_UP,
    of_beginnings,
    of_clocks,
    of_consumers,
    of_due,
    of_queues,
    of_relays,
    of_running,
    of_service,
    of_time,
    overtakings,
)
from refold.systems.user.parts import Parts, at_gate, parts_of
from refold.systems.user.roles.relays import LATER
from refold.systems.user.service import CLIENTS
from refold.systems.user.watching import (
    INLINE,
    PULLING,
    PUSHED,
    RUNNING,
    is_factory,
    role_of,
    watched_spec,
)

AHEAD = 30.0
"""Seconds by which clocks differ, at least; where something lasts longer, twice that."""
KEPT_CLOCK = "simulated time, in code that keeps a clock of Python's where refold cannot replace it"
UNEXPLAINED = (
    "whether events were allowed that workers append by themselves: Application.cause() names no command for them"
)
REHEARSED = 12
"""Commands that are tried to learn the places."""
SHORT = (12, 24, 48)
"""Words per plan where many short runs find more in the same time than few long ones: where a part of the user's says so, and where a
consumer runs by itself. Who has missed its last wake-up is put right by the next event, so only the ends of runs show it."""


WITH_BEGINNINGS = (6, 12, 6, 24, 6, 96)
"""Words per plan where a consumer's first turn is unlike all others: there is one in each run, and what it does wrong is often overwritten
later in a long one. Half of the words are in long ones all the same."""


class OwnSystem:
    """A system of the user's own code. `make` makes a new, empty one for each run."""

    parallel = False
    code: Mapping[str, object] = {}
    """The functions of the user's own that it is made of."""

    def __init__(self, name: str, make: Callable[[], object], sample: object) -> None:
        self.name = name
        self.make = make
        parts = Parts(name, sample)
        parts.check()
        self.serves = parts.service is not None
        self.gaps = isinstance(parts.log, InOrderOfCommit)
        self.gated = at_gate(parts)
        self.executes = self.serves
        self.shares = self.serves and parts.shared
        """All clients call one service, and share what it has in memory."""
        self.clients: tuple[str, ...] = CLIENTS[:2]
        self.given = dict(parts.roles)
        for role, theirs in parts.roles.items():
            role.check(name, theirs)
        self.check_names(parts)
        examples = {title: self.example(title, given) for title, given in parts.consumers.items()}
        self.kinds = {title: type(theirs) for title, theirs in examples.items()}
        self.roles = {title: role_of(theirs) for title, theirs in examples.items()}
        short = any(getattr(part, "short_runs", False) for part in parts_of(sample)) or RUNNING in self.roles.values()
        self.lengths = SHORT if short else ()
        workers = {one: ends for role, theirs in parts.roles.items() for one, ends in role.workers(theirs).items()}
        self.roles |= dict.fromkeys(workers, PULLING)
        stops = [title for title, theirs in examples.items() if callable(getattr(theirs, "stop", None))]
        self.consumers = tuple(watched_spec(title, theirs) for title, theirs in examples.items())
        self.mortal = {
            title
            for title, theirs in examples.items()
            if is_factory(parts.consumers[title]) or (hasattr(theirs, "crash") and hasattr(theirs, "restart"))
        }
        declared = declared_by(name, sample) if sample is not parts.log else None
        log = frozenset[Capability]() if self.serves else log_capabilities(name, parts.log)
        self.capabilities = declared if declared is not None else self.offered(examples, log)
        self.removes = any(
            callable(getattr(parts.log, method, None)) for way in REMOVALS.values() for method in way.methods
        )
        """Whether the log can remove events."""
        self.tagged = False
        self.stops = (*stops, *(one for one, ends in workers.items() if "stop" in ends))
        self.mortal |= {one for one, ends in workers.items() if "crash" in ends}
        self.mortal |= {one for role, theirs in parts.roles.items() for one in role.mortal(theirs)}
        self.workers = tuple(workers)
        if any(one in self.mortal for one in workers):
            self.capabilities |= {CRASH_CONSUMER}
        self.capabilities |= {capability for role, theirs in parts.roles.items() for capability in role.offers(theirs)}
        self.places: dict[Any, dict[str, list[str]]] = {}
        self.timed: set[str] = set()
        """Who asks for the time of day."""
        self.unexplained: set[str] = set()
        """Workers that have appended events by themselves which stand for no command of the application."""
        self.measuring: set[str] = set()
        """Who asks a clock that only ever goes on, by which time-outs are counted."""
        self.eager = False
        """Services are made before anybody looks into what they create."""
        self.awaits: set[str] = set()
        """Whose work has turned out to be asynchronous."""
        self.threaded = False
        """Asynchronous code stops where it does not await: its loops have threads of their own."""
        for theirs in examples.values():
            close_part(name, theirs)

    def check_names(self, parts: Parts) -> None:
        """Whether no two processes have the same name. Raises `UsageError`."""
        owners = [(one, "a client") for one in self.clients if self.serves or parts.roles]
        owners += [(one, "a consumer") for one in parts.consumers]
        owners += [(one, f"in {role.field}") for role, theirs in parts.roles.items() for one in role.actors(theirs)]
        seen: dict[str, str] = {}
        for one, owner in owners:
            if one in seen:
                raise UsageError(
                    f"{self.name!r}: the name {one!r} is that of {seen[one]}, and {owner}; each needs its own"
                )
            seen[one] = owner

    def example(self, title: str, given: Any) -> Any:
        """One consumer, to see what it has. Raises `UsageError`."""
        theirs = called(f"{self.name}: consumer {title}", given) if is_factory(given) else given
        where = f"{self.name!r}: consumer {title!r}"
        if not role_of(theirs):
            raise UsageError(f"{where} is {short(theirs)}, which has no rows()")
        check_declared(where, theirs)
        if role_of(theirs) == INLINE and callable(getattr(theirs, "checkpoint", None)):
            raise UsageError(f"{where} has a checkpoint(), but neither handle() nor poll() to move it")
        if role_of(theirs) == PUSHED and not callable(getattr(theirs, "checkpoint", None)):
            raise UsageError(f"{where} has no checkpoint(), which returns the position after which it goes on")
        return theirs

    def offered(self, examples: dict[str, Any], log: frozenset[Capability]) -> frozenset[Capability]:
        """What can be done to it."""
        can = (BROUGHT | log) - {SNAPSHOTS, CRASH_AT_STEP, CRASH_CONSUMER}
        if self.serves:
            can = can - {APPEND}
        if self.gated:
            can = (can | {CALLS}) - {CRASH_LOG_AT_STEP}
        if self.mortal:
            can |= {CRASH_CONSUMER}
        if any(callable(getattr(theirs, "snapshot", None)) for theirs in examples.values()):
            can |= {OWN_SNAPSHOTS}
        pushed = [theirs for title, theirs in examples.items() if self.roles[title] == PUSHED]
        if pushed and not self.gated and all(hasattr(one, "durable") for one in pushed):
            can |= {CRASH_AT_STEP}
        if pushed:
            can |= {Connections.ability().name}
        else:
            can -= {Capability("redeliver")}
        return can

    # -- the port

    @staticmethod
    def stand_down() -> None:
        """What the runs have left in circles is let go, and with it the connections that are open in there."""
        gc.collect()

    def open(self, application: Application, emit: Emit) -> OwnDeployment:
        """A new deployment."""
        return OwnDeployment(self, application, emit)

    def menu(self, application: Application) -> Menu:
        """What plans may do: what the core knows and this system can do, and what happens at the gate."""
        self.check_folds(application)
        self.tagged = application.tagged
        commands, keys = application.commands(), application.keys
        parts = self.parts_for(application)
        menu = Menu(
            commands, self.clients, self.consumers, self.capabilities, lengths=self.lengths, extensions=parts, keys=keys
        )
        if parts:
            reading = [turn for title in self.kinds for turn in (self.turn_of(title),) * CATCH_UP]
            menu.replace(with_removals(menu.groups, reading, keys, self.capabilities))
        kept: list[Group] = []
        for family, weight, words in menu.groups:
            possible = [word for word in words if all(map(self.possible, word))]
            if possible:
                kept.append((family, weight, possible))
        menu.replace([*kept, *(group for group in self.groups(application) if group[2])])
        learned = self.places.get(type(application), {})
        if any(beginning_of(one) in learned for one in self.roles) and not menu.lengths:
            menu.lengths = WITH_BEGINNINGS
        return menu

    def parts_for(self, application: Application) -> tuple[type[Extension], ...]:
        """Removals, where the log has any: not where decisions read the whole log, by tags, and not beside a service or another role, of
        which nobody knows what it reads once more."""
        return (Removals,) if self.removes and not (self.is_beside or application.tagged) else ()

    @property
    def is_beside(self) -> bool:
        """Whether there is more than the log and consumers."""
        return self.serves or bool(self.given)

    def turn_of(self, title: str) -> Action:
        """The action by which a consumer reads on."""
        return Turn(title) if self.gated else Deliver(title, 0)

    def check_folds(self, application: Application) -> None:
        """Whether the application says what one event does, where a role needs that. Raises `UsageError`."""
        fields = [role.field for role in self.given if role.folds]
        if application.replayed and fields:
            raise UsageError(
                f"{self.name!r} has {' and '.join(fields)}, judged by what each event does to a state; application {application.name!r} has"
                " replay(events) alone, give it evolve(state, event)"
            )

    def possible(self, action: Action) -> bool:
        """Whether an action of the core means something here."""
        if isinstance(action, OF_HARNESS):
            return not self.serves
        if isinstance(action, Deliver | Fail | Redeliver):
            return self.roles.get(action.consumer) == PUSHED and (not self.gated or isinstance(action, Redeliver))
        if isinstance(action, CrashAt):
            return not self.gated
        if isinstance(action, Crash | Restart) and action.process != "log":
            return action.process in self.mortal
        return True

    def groups(self, application: Application) -> Iterator[Group]:
        """Stops and interrupted subscriptions of consumers, and what happens at the gate."""
        working = [title for title, role in self.roles.items() if role != INLINE]
        if self.stops:
            yield "consumer-crash", 4, alone(StopOrderly(one) for one in self.stops)
            yield "consumer-crash", 3, [(StopOrderly(one), Restart(one)) for one in self.stops]
            yield "consumer-crash", 3, [(Restart(one), StopOrderly(one)) for one in self.stops]
        yield "duplicate", 4, alone(Disconnect(title) for title, role in self.roles.items() if role == PUSHED)
        if not self.gated:
            return
        cast = Cast(application.commands(), self.clients, self.consumers, "log")
        places = self.learned(application)
        actors = [*(self.clients if self.serves else ()), *working]
        if self.serves:
            yield from of_service(cast, places, application.key, shared=self.shares)
            yield from of_queues(cast, places.get(queue_of("service"), ()), application.key)
        if self.gaps:
            yield from overtakings(cast, places["service"], working)
        if working:
            yield "", 20, alone(Turn(one) for one in working)
            yield "", 8, [(Turn(one),) * 2 for one in working]
            yield "", 6, [(Turn(one),) * CATCH_UP for one in working]
            yield from of_beginnings(cast, places, working, self.mortal)
            yield from of_consumers(cast, places, working, mortal=self.mortal, stops=self.stops, serves=self.serves)
            running = [one for one in working if self.roles[one] == RUNNING]
            yield from of_running(cast, places, running, self.mortal, AHEAD)
            if self.serves:
                yield from of_relays(cast, places, self.workers, self.mortal)
        timed = [one for one in dict.fromkeys((*self.clients, *working)) if one in self.timed]
        if timed:
            self.capabilities |= {Clocks.ability().name}
            lasting = max((role.lasts(theirs) for role, theirs in self.given.items()), default=0.0)
            yield from of_clocks(cast, timed, max(AHEAD, math.ceil(2 * lasting)))
        counting = [one for one in dict.fromkeys((*self.clients, *working)) if one in self.timed | self.measuring]
        if counting and not any(role.lasts(theirs) for role, theirs in self.given.items()):
            yield from of_time(cast, places, working, counting, (AHEAD, LATER), serves=self.serves)
            yield from of_due(cast, places, working, LATER)
        mortal = [one for one in self.workers if one in self.mortal]
        if mortal:
            yield "consumer-crash", 2, alone(Crash(one) for one in mortal)
        for role, theirs in self.given.items():
            yield from role.words(theirs, cast, application, places)
        yield "", 6, alone(GoOn(one) for one in actors)

    @property
    def unseen(self) -> tuple[str, ...]:
        """What of the user's code takes no part in what happens at the gate."""
        kept = missed() if self.gated else ()
        removals: tuple[str, ...] = ()
        if self.removes:
            removals = (BESIDE,) if self.is_beside else unasked(self.capabilities, tagged=self.tagged)
        workers = [f"{UNEXPLAINED} ({', '.join(sorted(self.unexplained))})"] if self.unexplained else ()
        return (*removals, *([f"{KEPT_CLOCK}: {', '.join(kept)}"] if kept else ()), *workers)

    def use_threads(self, stop: NeedsThread) -> None:
        """From now on. Raises `AdapterError` for code that would only go on for ever there, too."""
        if isinstance(stop, Overran):
            raise AdapterError(f"{self.name}: {stop}, and nobody else gets a turn{line_of(stop)}") from None
        self.threaded = True

    def learned(self, application: Application) -> dict[str, list[str]]:
        """The places at which the code stops: ``service``, and each consumer by its name."""
        kind = type(application)
        if kind not in self.places:
            commands = application.commands()[:REHEARSED]
            found = self.rehearsed(application, lambda rehearsal: rehearsal.all_places(commands))
            asking = (self.timed | self.measuring).difference(self.clients)
            if self.serves and asking.intersection(found):  # a worker's time may have to come first
                later = self.rehearsed(application, lambda rehearsal: rehearsal.in_time(commands))
                for name, turn in later.items():
                    new = [place for place in turn if place not in found[name]]
                    if new:
                        found |= {name: chosen([*found[name], *new]), due_of(name): chosen(new)}
            with contextlib.suppress(AdapterError):  # a search comes to that as well, and says so when it does
                found |= self.rehearsed(application, lambda rehearsal: rehearsal.after_failures(commands, found))
                if self.serves and (self.timed | self.measuring).intersection(self.clients):
                    found |= self.late_calls(application, commands, acting(found["service"]))
            self.places[kind] = found
        return self.places[kind]

    def late_calls(
        self, application: Application, commands: Sequence[Any], places: Sequence[str]
    ) -> dict[str, list[str]]:
        """For each consumer, at which places of a call it makes a difference that time passes before another call is done."""
        found: dict[str, list[str]] = {}
        for place in places:
            at_once = self.shown_after(application, commands, place, 0.0)
            for name, rows in self.shown_after(application, commands, place, AHEAD).items():
                if rows != at_once.get(name):
                    found.setdefault(late_of(name), []).append(place)
        return found

    def shown_after(
        self, application: Application, commands: Sequence[Any], place: str, seconds: float
    ) -> dict[str, list[str]]:
        """What consumers show after a call that has taken so long at a place, in a rehearsal of its own."""
        return self.rehearsed(application, lambda rehearsal: rehearsal.shown_after(commands, place, seconds))

    def rehearsed(
        self, application: Application, rehearse: Callable[[Rehearsal], dict[str, list[str]]]
    ) -> dict[str, list[str]]:
        """What a rehearsal in a deployment of its own finds."""
        while True:
            deployment = self.open(application, lambda record: None)
            try:
                found = rehearse(Rehearsal(deployment))
                self.timed |= deployment.asked("told_time")
                self.measuring |= deployment.asked("measured")
                return found
            except NeedsThread as stop:
                self.use_threads(stop)
            finally:
                deployment.close()
