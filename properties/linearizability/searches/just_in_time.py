"""Three searches over the same configurations, each a generator that can be stepped, so that they can be raced.

- **Frontier**: all configurations, moment by moment. Settles bad histories, and grows linearly with their length.
- **Depth first**: one configuration as far as it goes, and back. Settles good histories where the frontier is wide.
- **Relaxed**: the frontier as if operations of unknown outcome never ran out, so that it need not remember which were
  taken. What it refuses is refused for good; what it lets through counts only if nothing was taken twice, otherwise
  what was taken twice is counted from then on. Settles bad histories with many unknown outcomes.
"""

import attrs

from refold.properties.linearizability.searches.configuration import Configurations, arrive, expand, keep
from refold.properties.linearizability.searches.found import Found, Search, Trail, steps
from refold.properties.linearizability.searches.schedule import Moment, Schedule

__all__ = ["depth_first", "frontier", "relaxed"]


def frontier(schedule: Schedule, until: int, spent: int = -1) -> Search:
    """Every configuration of a moment before any of the next, for the first `until` moments."""
    now: Configurations = {schedule.initial: {0: None}}
    for index, moment in enumerate(schedule.moments(until)):
        after: Configurations = {}
        lacking: list[tuple[int, int, Trail]] = []
        for state, entries in now.items():
            gained = arrive(schedule, moment, state, 0)
            for bits, trail in entries.items():
                bits |= gained
                if bits & moment.met:
                    keep(after, state, bits & moment.keep, trail)
                if bits & moment.free or not bits & moment.met:
                    lacking.append((state, bits, trail))
            yield 1 + len(entries) // 4
        if lacking:
            yield from expand(schedule, moment, index, lacking, after, spent)
        if not after:
            return Found(False, index, [trail for _, _, trail in lacking])
        now = after
    return Found(True, until, [trail for entries in now.values() for trail in entries.values()][:1])


def depth_first(schedule: Schedule, until: int) -> Search:
    """The most promising configuration first; one that is no better than one tried before is not tried again."""
    moments = schedule.moments(until)
    met: list[Moment] = []
    tried: list[Configurations] = []
    stack: list[tuple[int, int, int, Trail]] = [(0, schedule.initial, 0, None)]
    while stack:
        index, state, bits, trail = stack.pop()
        if index == until:
            return Found(True, index, [trail])
        if index == len(met):
            met.append(next(moments))
            tried.append({})
        moment = met[index]
        bits |= arrive(schedule, moment, state, 0)
        if not keep(tried[index], state, bits, trail):
            yield 2
            continue
        yield 2 + len(tried[index][state]) // 8
        after: Configurations = {}
        if bits & moment.met:
            keep(after, state, bits & moment.keep, trail)
        if bits & moment.free or not bits & moment.met:
            yield from expand(schedule, moment, index, [(state, bits, trail)], after)
        ways = [(index + 1, state, bits, trail) for state, entries in after.items() for bits, trail in entries.items()]
        ways.sort(key=lambda way: way[2].bit_count())
        stack.extend(ways)
    return Found(False, len(met) - 1, [trail for entries in tried[-1].values() for trail in entries.values()])


def relaxed(schedule: Schedule, until: int) -> Search:
    """The frontier with an endless supply of unknown outcomes, limited for those effects that were overdrawn."""
    limited: set[int] = set()
    while True:
        endless = 0
        for effect, candidates in schedule.unknown.items():
            if effect not in limited:
                for _, free in candidates:
                    endless |= free
        found = yield from frontier(schedule, until, ~endless)
        if not found.linearizable:
            return attrs.evolve(found, earliest=not endless, trails=[] if endless else found.trails)
        overdrawn, trail = _draw(schedule, found.trails[0])
        if not overdrawn:
            return attrs.evolve(found, trails=[trail])
        limited |= overdrawn


def _draw(schedule: Schedule, trail: Trail) -> tuple[set[int], Trail]:
    """The effects of unknown outcome taken more often than they were on offer, and the trail with each taken once."""
    taken: dict[int, int] = {}
    overdrawn: set[int] = set()
    drawn: Trail = None
    supply = {number: effect for effect, group in schedule.unknown.items() for number, _ in group}
    for number, index in reversed(list(steps(trail))):
        effect = supply.get(number)
        if effect is not None:
            position = taken.get(effect, 0)
            taken[effect] = position + 1
            group = schedule.unknown[effect]
            if position >= len(group) or schedule.operations[group[position][0]].invoked > schedule.event(index):
                overdrawn.add(effect)
                continue
            number = group[position][0]
        drawn = (number, index, drawn)
    return overdrawn, drawn
