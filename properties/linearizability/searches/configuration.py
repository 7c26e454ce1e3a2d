"""A configuration is what a partial linearization leaves open: a state, and what may be done with pending operations.

It is a state and one integer, with two bits for each pending operation that returns:

- *free*: it may still be put in the order (an observer has no such bit: it is put as soon as it fits);
- *met*: it may return now, nothing is owed for it.

With the same state, more bits are better: whatever the configuration with fewer bits can become, the one with more can
become too. So only the maximal ones are kept, and the size of a search depends on how much the bits can be made to say:

- **Just in time.** Nothing is put in the order until an operation returns that is not met; then those that have to go
  before it, and it.
- **Early observers.** A read, or a refused condition, is met in the first state that suits it.
- **Interchangeable operations.** Of pending operations with the same effect, the first to return goes first.
- **Unknown outcomes.** Such an operation owes nothing, so it has a *free* bit only; it is taken when its effect is
  needed and nothing that returns has the same. Having taken fewer is having more bits.
- **Overwritten writes.** When a write is put in the order, every pending write could have been put just before it,
  seen by nobody: it is *met*, and stays *free* while it is pending. So a write costs nothing by waiting.
"""

from collections.abc import Iterator
from typing import TypeAlias

from refold.properties.linearizability.searches.found import Trail
from refold.properties.linearizability.searches.schedule import Candidate, Moment, Schedule
from refold.properties.linearizability.specification import Role

__all__ = ["Configurations", "arrive", "expand", "keep"]

Configurations: TypeAlias = dict[int, dict[int, Trail]]
"""State -> the maximal sets of bits that were found with it, each with one way to get there."""


def keep(configurations: Configurations, state: int, bits: int, trail: Trail) -> bool:
    """Add a configuration unless one at least as good is there; drop those that it makes superfluous."""
    there = configurations.get(state)
    if there is None:
        configurations[state] = {bits: trail}
        return True
    if bits in there:
        return False
    for other in there:
        if bits & other == bits:
            return False
    for worse in [other for other in there if bits & other == other]:
        del there[worse]
    there[bits] = trail
    return True


def arrive(schedule: Schedule, moment: Moment, state: int, bits: int) -> int:
    """The bits of a configuration once the operations that are invoked before a moment are pending."""
    bits |= moment.free_new
    for effect, met in moment.observers_new:
        if schedule.step(state, effect) >= 0:
            bits |= met
    return bits


def expand(
    schedule: Schedule,
    moment: Moment,
    index: int,
    lacking: list[tuple[int, int, Trail]],
    into: Configurations,
    spent: int = -1,
) -> Iterator[int]:
    """Put the returning operation in the order of configurations that lack it, and before it what helps.

    Adds what it finds to `into`, with the slot of the returning operation cleared. Yields the work done for each
    configuration seen. A free bit outside `spent` is not used up: such operations never run out.
    """
    goal = schedule.effects[moment.returning]
    by_observation = schedule.roles[goal] is Role.OBSERVES
    seen: Configurations = {}
    queue = []
    for state, bits, trail in lacking:
        if keep(seen, state, bits, trail):
            queue.append((state, bits, trail, True))
    choices: dict[int, list[_Choice]] = {}
    suited: dict[int, int] = {}
    for state, bits, trail, gainful in queue:  # the queue grows meanwhile
        yield 1 + len(seen[state]) // 16
        here = choices.get(state)
        if here is None:
            here = choices[state] = _choices(schedule, moment, state, suited)
        for effect, after, free_any, gained, candidates, overwrites in here:
            if not bits & free_any or (overwrites and not gainful):
                continue
            for candidate in candidates:
                if bits & candidate[2]:
                    operation = candidate[1]
                    bits_after = (bits ^ candidate[2]) | candidate[3] | gained
                    break
            else:
                free = bits & free_any
                free &= -free
                operation = schedule.unknown_by_bit[free]
                bits_after = bits & ~(free & spent) | gained
            if bits_after & moment.met if by_observation else effect == goal:
                keep(into, after, bits_after & moment.keep, (operation, index, trail))
                continue
            new = bits_after & ~bits
            if new or after != state:
                trail_after = (operation, index, trail)
                if keep(seen, after, bits_after, trail_after):
                    queue.append((after, bits_after, trail_after, new & ~moment.waived != 0))


_Choice: TypeAlias = tuple[int, int, int, int, tuple[Candidate, ...], bool]
"""(effect, state after it, free bits of its operations, bits gained, those that return, whether it overwrites)."""


def _choices(schedule: Schedule, moment: Moment, state: int, suited: dict[int, int]) -> list[_Choice]:
    """What can be put in the order next; `suited` collects the met bits of observers by the state that suits them."""
    choices = []
    for effect, (free_any, candidates) in moment.changes.items():
        after = schedule.step(state, effect)
        if after < 0:
            continue
        gained = suited.get(after)
        if gained is None:
            gained = 0
            for observer, met in moment.observers.items():
                if schedule.step(after, observer) >= 0:
                    gained |= met
            suited[after] = gained
        overwrites = schedule.roles[effect] is Role.OVERWRITES
        if overwrites:
            gained |= moment.waived
        choices.append((effect, after, free_any, gained, candidates, overwrites))
    return choices
