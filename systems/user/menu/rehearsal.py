"""A rehearsal: the user's code works once or twice, and it is seen where it stops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from refold.model.action import Submit
from refold.model.errors import UsageError
from refold.model.parts.calls import Elapse, Enter, FailStep, Halt, Turn
from refold.systems.user.actors import numbered
from refold.systems.user.deployment import OwnDeployment
from refold.systems.user.errors import AdapterError
from refold.systems.user.menu.places import (
    COMMIT,
    acting,
    beginning_of,
    begins_otherwise,
    chosen,
    failed_at,
    queue_of,
    restart_of,
    waits,
)
from refold.systems.user.roles.relays import LATER
from refold.systems.user.service import Callers
from refold.systems.user.watching import INLINE, PULLING, Watched

AGAIN_MAX = {COMMIT: 3}
"""How often a place is told apart that comes again within one piece of work (what is read, written or committed there is something else),
if it is not `OFTEN`."""
OFTEN = 5
STEPS_OF_WALK = 300
"""Steps of one actor, at most, that are looked at to learn the places."""
WALKS = 12
"""Times that time passes on such a walk."""
REHEARSED_TURNS = 4
"""Turns of a consumer that are looked at."""
TO_THE_END = 40
"""The same of one that reads by itself: what it does when there is nothing more to read is a part of its work."""
TRIES = 4
"""Commands that are tried until a call comes to a place, and until one is done beside it."""


class Rehearsal:
    """What a run learns about the places of a user's code, in a deployment that is there for nothing else."""

    def __init__(self, run: OwnDeployment) -> None:
        """Raises `AdapterError` where there is no gate."""
        if run.stage is None:
            raise AdapterError(f"{run.name}: there is no gate at which anything could stop")
        self.run = run
        self.stage = run.stage

    def all_places(self, commands: Sequence[Any]) -> dict[str, list[str]]:
        """Let everything work once or twice, and note where it stops."""
        run = self.run
        places: dict[str, dict[str, None]] = {"service": {}, **{name: {} for name in run.consumers}}
        self.begin(commands, places["service"])
        for consumer in run.consumers.values():
            pulls = isinstance(consumer, Watched) and consumer.role == PULLING
            turns = self.turns(consumer, TO_THE_END if pulls else REHEARSED_TURNS)
            if pulls and begins_otherwise(turns):
                seen = run.observer.seen
                self.do(commands, {})
                turns += self.turns(consumer, TO_THE_END)
                if run.observer.seen > seen and begins_otherwise(turns):  # there was something to do once more
                    places[beginning_of(consumer.name)] = dict.fromkeys(turns[0])
            places[consumer.name].update(dict.fromkeys(place for turn in turns for place in turn))
            if consumer.name in run.system.mortal and isinstance(consumer, Watched) and consumer.role != INLINE:
                consumer.crash()
                consumer.begin_restart()
                self.walk(consumer.name, places.setdefault(restart_of(consumer.name), {}))
        for role in run.own:
            for name, words in role.rehearse(self.walked).items():
                places.setdefault(name, {}).update(dict.fromkeys(words))
        found = {name: chosen(list(words)) for name, words in places.items()}
        found[queue_of("service")] = self.overtaken(commands, found["service"])
        return found

    def in_time(self, commands: Sequence[Any]) -> dict[str, list[str]]:
        """After each command a long time passes, and workers take turns: a timer may have run out then, of which nothing is left when the
        next command is done. The places of their turns."""
        run = self.run
        workers = [one for one in run.consumers.values() if isinstance(one, Watched) and one.role == PULLING]
        found: dict[str, dict[str, None]] = {one.name: {} for one in workers}
        for command in commands:
            run.call_through(Submit(run.system.clients[0], command))
            run.elapse(Elapse(LATER))
            for worker in workers:
                for turn in self.turns(worker, REHEARSED_TURNS):
                    found[worker.name].update(dict.fromkeys(turn))
        return {name: list(places) for name, places in found.items()}

    def begin(self, commands: Sequence[Any], found: dict[str, None]) -> None:
        """The first calls, and their places."""
        for role in self.run.own:
            role.visible(())
        self.do(commands, found)

    def do(self, commands: Sequence[Any], found: dict[str, None]) -> None:
        """Something to do for consumers; the places of calls."""
        if self.run.service is not None:
            self.calls(self.run.service, commands, found)
        else:
            for command in commands:
                self.run.submit(Submit(next(iter(self.run.clients)), command))

    def calls(self, service: Callers, commands: Sequence[Any], found: dict[str, None]) -> None:
        """Each command twice. Raises `UsageError` if no call comes to an end that a service means."""
        for command in commands:
            for _ in range(2):
                service.begin("alice", command)
                self.walk("alice", found)
        if all(said == "raised" for said, _ in service.outcomes):
            raise UsageError(
                f"{self.run.name!r}: every call of the service raised, the first one {service.outcomes[0][1]}; if that is how it refuses,"
                " name the class in `refusals`"
            )

    def turns(self, consumer: Any, count: int) -> list[list[str]]:
        """The places of each turn, as long as there is something to do."""
        turns = []
        for _ in range(count):
            if isinstance(consumer, Watched) and not consumer.idle() and consumer.begin():
                turns.append(self.walked(consumer.name))
        return turns

    def overtaken(self, commands: Sequence[Any], places: Sequence[str]) -> list[str]:
        """One call is under way, at each of its places, another one is over, and consumers work. One that finds a gap may look at a clock:
        there, and nowhere else. The places at which the other call has to wait, for a lock of the process."""
        run, service = self.run, self.run.service
        if service is None:
            return []
        queue = []
        slow, fast = run.system.clients[0], run.system.clients[-1]
        for number, place in enumerate(places):
            tried = from_the(number, commands)
            if not self.call_stops(slow, tried, place):
                continue
            self.one_is_done(service, fast, tried)
            if self.stage.queues(fast):
                queue.append(place)
            for consumer in run.consumers:
                for _ in range(REHEARSED_TURNS):
                    run.take_turn(Turn(consumer))
            self.stage.finish()
        return queue

    def shown_after(self, commands: Sequence[Any], place: str, seconds: float) -> dict[str, list[str]]:
        """One call stops at a place, time passes, another one is over, and consumers work, before and after the end of the first one. What
        each consumer shows in the end; nothing if no call comes to the place."""
        run = self.run
        slow, fast = run.system.clients[0], run.system.clients[-1]
        self.begin(commands, {})
        readers = [one for one in run.consumers.values() if isinstance(one, Watched) and one.role != INLINE]
        if run.service is None or not self.call_stops(slow, commands[:TRIES], place):
            return {}
        run.elapse(Elapse(seconds))
        self.one_is_done(run.service, fast, commands[:TRIES])
        for _ in range(2):
            for reader in readers:
                self.turns(reader, TO_THE_END)
            self.stage.finish()
        return {reader.name: sorted(f"{key}: {row}" for key, row in reader.current().items()) for reader in readers}

    def one_is_done(self, service: Callers, client: str, commands: Sequence[Any]) -> None:
        """Calls of a client, until one of them has done something."""
        for command in commands:
            self.run.call_through(Submit(client, command))
            if service.outcomes and service.outcomes[-1][0] == "done":
                return

    def call_stops(self, client: str, commands: Sequence[Any], place: str) -> bool:
        """Begin calls, one after the other, until one comes to a place; those that do not come there come to their end."""
        for command in commands:
            self.run.enter(Enter(client, command))
            if self.comes_to(client, place):
                return True
        return False

    def comes_to(self, who: str, place: str) -> bool:
        """Let the work of somebody come to a place, or to its end."""
        self.run.halt(Halt(who, place))
        if not self.stage.busy(who):
            return False
        if self.stage.before(who).startswith(numbered(place)[0]):
            return True
        self.stage.finish([who])
        return False

    def after_failures(self, commands: Sequence[Any], places: dict[str, list[str]]) -> dict[str, list[str]]:
        """A step fails at each place where something is written or sent, and the work goes on: it tries again, or undoes what it did. For
        each of these places, those to which it then comes."""
        run, found = self.run, {}
        self.begin(commands, {})
        for number, place in enumerate(acting(places["service"])):
            client = run.system.clients[0]
            if run.service is not None and self.call_stops(client, from_the(number, commands), place):
                found[failed_at("service", place)] = self.after_a_failure(client)
        workers = [one for one in run.consumers.values() if isinstance(one, Watched) and one.role != INLINE]
        for worker, place in [(one, place) for one in workers for place in acting(places[one.name])]:
            for tried in range(TRIES):
                if worker.begin() and self.comes_to(worker.name, place):
                    found[failed_at(worker.name, place)] = self.after_a_failure(worker.name)
                    break
                self.do(from_the(tried, commands)[:1], {})
        return {place: then for place, then in found.items() if acting(then)}

    def after_a_failure(self, who: str) -> list[str]:
        """The step before which somebody stands fails. The places from there to the end."""
        self.run.fail_step(FailStep(who))
        return chosen(self.walked(who))

    def walked(self, who: str) -> list[str]:
        """Step by step to the end, and by which places."""
        found: dict[str, None] = {}
        self.walk(who, found)
        return list(found)

    def walk(self, who: str, found: dict[str, None]) -> None:
        """Step by step to the end; places that come again are told apart."""
        stage = self.stage
        passed: Counter[str] = Counter()
        for _ in range(WALKS):
            if not (stage.busy(who) or who in stage.loose):
                break
            for _ in range(STEPS_OF_WALK):
                if not stage.stands(who):
                    break
                place = stage.before(who)
                passed[place] += 1
                if 1 < passed[place] <= AGAIN_MAX.get(place, OFTEN) and not waits(place):
                    place = f"{place} ({passed[place]})"
                found[place] = None
                stage.step(who)
            if not stage.pass_time():
                break
        stage.finish([who])


def from_the(number: int, commands: Sequence[Any]) -> list[Any]:
    """A few commands, beginning with another one for each number."""
    first = number % len(commands)
    return [*commands[first:], *commands[:first]][:TRIES]
