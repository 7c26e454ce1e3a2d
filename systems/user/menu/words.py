"""Words of a menu for a user's own code at the gate: calls and turns that stop, fail, lose an answer, die, and let others go first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import product
from typing import Any

from refold.model.action import Crash, Submit
from refold.model.declarations.offer import Cast, Talk, alone
from refold.model.parts.calls import (
    BeginRestart,
    BeginTurn,
    Die,
    Elapse,
    Enter,
    FailStep,
    GoOn,
    Halt,
    LoseAnswer,
    StopOrderly,
    Turn,
)
from refold.model.parts.clocks import SetClock
from refold.model.tape import Group, Word
from refold.systems.user.actors import answer_of
from refold.systems.user.menu.places import QUIET, READS, acting, beginning_of, due_of, failed_at, late_of, restart_of

CATCH_UP = 5
"""Turns in a row by which a consumer gets to the end of the log now and then: only there some mistakes show."""
LOADED = (1, 5)
"""Events that are there when a consumer begins to load them: within one page, and beyond a small one."""
WAITING_FOR = (2, 5)
"""Events that wait for one that works by itself: for two of its tasks, and for more than one page."""


def of_beginnings(
    cast: Cast, places: dict[str, list[str]], working: Sequence[str], mortal: Collection[str]
) -> Iterator[Group]:
    """First turns that are unlike all others: somebody writes, or the consumer dies, while it loads what there is."""
    talks = cast.talks
    loads: list[Any] = [
        ((*(Submit(*talks[(n + k) % len(talks)]) for k in range(1, count + 1)), BeginTurn(one), Halt(one, place)), talk)
        for one in working
        for place in places.get(beginning_of(one), ())
        for count in LOADED
        for n, talk in enumerate(talks)
    ]
    if loads:
        yield "", 48, [(*load, Submit(*talk), GoOn(load[-1].who)) for load, talk in loads]
        yield (
            "",
            24,
            [
                (*load, Submit(*talk), *then, GoOn(load[-1].who))
                for load, talk in loads
                for then in twice(cast, load[-1], places[beginning_of(load[-1].who)])
            ],
        )
    deaths = [(*load, Die(load[-1].who), Turn(load[-1].who)) for load, _ in loads if load[-1].who in mortal]
    if deaths:
        yield "consumer-crash", 12, deaths


def twice(cast: Cast, stop: Halt, places: Sequence[str]) -> Iterator[Word]:
    """Somebody who has stopped at one of these places goes on to a later one, and somebody else writes meanwhile."""
    for number, later in enumerate(places[places.index(stop.before) + 1 :]):
        yield (Halt(stop.who, later), Submit(*cast.talks[number % len(cast.talks)]))


def of_clocks(cast: Cast, actors: Collection[str], ahead: float) -> Iterator[Group]:
    """Clocks of those who ask for the time of day, ahead and behind; and a command of somebody whose clock is not that of the others."""
    sets = [SetClock(one, seconds) for one in actors for seconds in (ahead, -ahead)]
    yield "clock", 5, [(one,) for one in sets]
    yield "clock", 3, [(one, Submit(*talk)) for one in sets for talk in cast.talks if talk[0] == one.who]


def of_time(
    cast: Cast,
    places: dict[str, list[str]],
    working: Sequence[str],
    counting: Collection[str],
    lengths: Sequence[float],
    *,
    serves: bool,
) -> Iterator[Group]:
    """Time that passes for everybody; while one of those who look at a clock has stopped, and another takes his turn; and while a consumer
    may wait for the end of a call."""
    passes = [Elapse(seconds) for seconds in lengths]
    yield "clock", 2, alone(passes)
    begun: list[Any] = [
        (BeginTurn(one), Halt(one, place)) for one in working if one in counting for place in places[one]
    ]
    turns = [
        (*stop, wait, Turn(other), GoOn(stop[0].consumer))
        for stop, wait, other in product(begun, passes, working)
        if other != stop[0].consumer
    ]
    if turns:
        yield "clock", 6, turns
    if serves and any(client in counting for client in cast.clients):
        yield (
            "clock",
            4,
            [
                (Enter(*one), Halt(one[0], place), wait, Submit(*other), GoOn(one[0]))
                for (one, other), place, wait in product(cast.rivals, places["service"], passes)
            ],
        )
    late = [(worker, place) for worker in working for place in places.get(late_of(worker), ())]
    if late:
        yield (
            "clock",
            12,
            [
                (Enter(*one), Halt(one[0], place), *another_is_done, GoOn(one[0]), *another_is_done)
                for (one, other), (worker, place) in product(cast.rivals, late)
                for another_is_done in ((passes[0], Submit(*other), Turn(worker)),)
            ],
        )
    patient = [one for one in working if one in counting]
    if places["service"] and patient:
        yield (
            "clock",
            8,
            [
                (Enter(*one), Halt(one[0], place), Submit(*other), *to_end, wait, *to_end[:2], GoOn(one[0]))
                for to_end in ((Turn(worker),) * CATCH_UP for worker in patient)
                for wait, (one, other), place in product(passes, cast.rivals, places["service"])
            ],
        )


def of_running(
    cast: Cast, places: dict[str, list[str]], running: Sequence[str], mortal: Collection[str], wait: float
) -> Iterator[Group]:
    """Who works by himself may do several things at once: one of them stops in its middle, and time passes for the others."""
    talks = cast.talks
    begun: list[Any] = [
        (*(Submit(*talks[(n + k) % len(talks)]) for k in range(count)), BeginTurn(one), Halt(one, place), Elapse(wait))
        for one in running
        for place in acting(places[one])
        for count in WAITING_FOR
        for n in range(len(talks))
    ]
    if begun:
        yield "", 6, [(*stop, GoOn(stop[-2].who)) for stop in begun]
        yield "failure", 6, [(*stop, FailStep(stop[-2].who), GoOn(stop[-2].who)) for stop in begun]
    deaths = [(*stop, Die(stop[-2].who)) for stop in begun if stop[-2].who in mortal]
    if deaths:
        yield "consumer-crash", 10, deaths


def of_due(cast: Cast, places: dict[str, list[str]], working: Sequence[str], wait: float) -> Iterator[Group]:
    """Work for which the time has to come: when it has, a worker begins, and somebody else changes the same thing meanwhile."""
    due: list[Any] = [(BeginTurn(one), Halt(one, place)) for one in working for place in places.get(due_of(one), ())]
    if due:
        yield (
            "clock",
            24,
            [
                (Submit(*one), Elapse(wait), *stop, Submit(*other), GoOn(stop[0].consumer))
                for stop, (one, other) in product(due, cast.rivals)
            ],
        )


def of_queues(cast: Cast, places: Sequence[str], key: Callable[[Any], str]) -> Iterator[Group]:
    """One call waits for another about the same key, and gets its turn; then a third one begins, which should wait as well."""
    kin = [
        (first, *pair) for first, pair in product(cast.commands, cast.rivals) if alike(key, (pair[0][0], first), *pair)
    ]
    if places and kin:
        yield (
            "",
            24,
            [
                (
                    *(Enter(one[0], first), Halt(one[0], place), Submit(*other), GoOn(one[0])),
                    *(Halt(other[0], inner), Submit(*one), GoOn(other[0])),
                )
                for (first, one, other), place, inner in product(kin, places, places)
            ],
        )


def alike(key: Callable[[Any], str], *talks: Talk) -> bool:
    """Whether what several clients ask for is about the same key."""
    return len({key(command) for _, command in talks}) == 1


def of_service(cast: Cast, known: dict[str, list[str]], key: Callable[[Any], str], *, shared: bool) -> Iterator[Group]:
    """Calls that stop, lose an answer, die. Where they share what is in memory, one of them may have read what is old by the time that it
    keeps it there."""
    places = known["service"]
    if not places:
        return
    stops = [(Enter(*talk), Halt(talk[0], place)) for talk, place in product(cast.talks, places)]
    yield "", 6, stops
    yield (
        "",
        16,
        [
            (Enter(*one), Halt(one[0], place), Submit(*other), GoOn(one[0]))
            for (one, other), place in product(cast.rivals, places)
        ],
    )
    reads = [place for place in places if place.startswith(READS)] if shared else []
    if reads:
        yield (
            "",
            8,
            [
                (Enter(*one), Halt(one[0], answer_of(place)), Submit(*other), GoOn(one[0]))
                for (one, other), place in product(cast.rivals, reads)
            ],
        )
    yield "unheard", 10, [(*stop, LoseAnswer(stop[0].client), GoOn(stop[0].client)) for stop in stops]
    yield "failure", 6, [(*stop, FailStep(stop[0].client), GoOn(stop[0].client)) for stop in stops]
    yield "consumer-crash", 4, [(*stop, Die(stop[0].client)) for stop in stops]
    yield from of_second_faults((*stop, known.get(failed_at("service", stop[1].before), ())) for stop in stops)
    yield (
        "failure",
        16,
        [
            (Enter(*one), Halt(one[0], place), FailStep(one[0]), Halt(one[0], later), Submit(*other), GoOn(one[0]))
            for (one, other), place in product(cast.rivals, places)
            if alike(key, one, other)
            for later in known.get(failed_at("service", place), ())
        ],
    )


def of_second_faults(stops: Iterable[tuple[Enter | BeginTurn, Halt, Sequence[str]]]) -> Iterator[Group]:
    """Work in which a step fails, or an answer is lost, and which comes to another place then: there a second thing goes wrong. Each stop
    comes with the places that are known to follow; where there are none, there are no words."""
    again = [(begin, first, Halt(first.who, later)) for begin, first, then in stops for later in acting(then)]
    firsts = (("failure", 4, FailStep), ("unheard", 3, LoseAnswer))
    for family, weight, first in firsts:
        yield (
            family,
            weight,
            [
                (begin, stop, first(there.who), there, second(there.who), GoOn(there.who))
                for begin, stop, there in again
                for second in (Die, FailStep, LoseAnswer)
            ],
        )


def overtakings(cast: Cast, places: list[str], working: Sequence[str]) -> Iterator[Group]:
    """A consumer works while one call is under way and another, which began later, is over."""
    first = cast.talks[0][0]
    inserts = next((number for number, place in enumerate(places, 1) if place.startswith("INSERT")), 0)
    late = places[inserts:]  # behind the first one: what has no position yet is overtaken by nobody
    begun = [(Enter(*talk), Halt(first, place)) for talk, place in product(cast.talks, late) if talk[0] == first]
    others = [Submit(*talk) for talk in cast.talks if talk[0] != first]
    yield "", 16, [(*one, other, Turn(consumer)) for one, other, consumer in product(begun, others, working)]


def of_consumers(
    cast: Cast,
    places: dict[str, list[str]],
    working: Sequence[str],
    *,
    mortal: Collection[str],
    stops: Collection[str],
    serves: bool,
) -> Iterator[Group]:
    """The same for the turns of consumers."""
    if places["service"]:
        yield (
            "",
            8,
            [
                (Enter(*one), Halt(one[0], place), Submit(*other), Turn(worker), GoOn(one[0]))
                for worker, (one, other), place in product(working, cast.rivals, places["service"])
            ],
        )
    begun: list[Any] = [(BeginTurn(one), Halt(one, place)) for one in working for place in places[one]]
    if not begun:
        return
    yield "", 4, begun
    yield "", 6, [(*stop, Submit(*talk), GoOn(stop[0].consumer)) for stop, talk in product(begun, cast.talks)]
    if len(working) > 1:
        yield (
            "",
            8,
            [
                (*stop, *(Turn(other),) * n, GoOn(stop[0].consumer))
                for stop in begun
                for other in working
                for n in (1, 2)
                if other != stop[0].consumer
            ],
        )
    yield "unheard", 5, [(*stop, LoseAnswer(stop[0].consumer), GoOn(stop[0].consumer)) for stop in begun]
    yield "failure", 4, [(*stop, FailStep(stop[0].consumer), GoOn(stop[0].consumer)) for stop in begun]
    if serves:
        yield (
            "failure",
            4,
            [
                (Submit(*one), Submit(*other), *stop, FailStep(stop[0].consumer), GoOn(stop[0].consumer))
                for (one, other), stop in product(cast.rivals, begun)
            ],
        )
    yield from of_second_faults((*stop, places.get(failed_at(stop[1].who, stop[1].before), ())) for stop in begun)
    deaths: list[Word] = [(*stop, Die(stop[0].consumer)) for stop in begun if stop[0].consumer in mortal]
    if deaths:
        yield "consumer-crash", 10, deaths
        yield "consumer-crash", 6, [(*death, Turn(death[0].consumer)) for death in deaths]  # type: ignore[attr-defined]
    recoveries: list[Any] = [
        (Crash(one), BeginRestart(one), Halt(one, place))
        for one in working
        if one in mortal
        for place in places.get(restart_of(one), ())
    ]
    if recoveries:
        yield "consumer-crash", 6, [(*stop, Die(stop[0].process)) for stop in recoveries]
        yield "failure", 3, [(*stop, FailStep(stop[0].process)) for stop in recoveries]
        yield (
            "",
            3,
            [(*stop, Submit(*talk), GoOn(stop[0].process)) for stop, talk in product(recoveries, cast.talks)],
        )
    ends = [(*stop, StopOrderly(stop[0].consumer)) for stop in begun if stop[0].consumer in stops]
    if ends:
        yield "consumer-crash", 6, ends


def of_relays(
    cast: Cast, places: dict[str, list[str]], relays: Sequence[str], mortal: Collection[str]
) -> Iterator[Group]:
    """Workers that send: somebody writes while one of them works on the last that there was, and one fails in its first turn after a death,
    in which it puts in order what it had begun."""
    begun: list[Any] = [(BeginTurn(one), Halt(one, place)) for one in relays for place in places[one]]
    if not begun:
        return
    yield (
        "",
        6,
        [
            (*(Turn(stop[0].consumer),) * CATCH_UP, Submit(*one), *stop, Submit(*other), GoOn(stop[0].consumer))
            for (one, other), stop in product(cast.rivals, begun)
        ],
    )
    again = [
        (*stop, Die(stop[0].consumer), stop[0], Halt(stop[1].who, place), FailStep(stop[1].who), GoOn(stop[1].who))
        for stop in begun
        if stop[0].consumer in mortal and not stop[1].before.startswith(QUIET)
        for place in places[stop[0].consumer]
    ]
    if again:
        yield "consumer-crash", 8, again
