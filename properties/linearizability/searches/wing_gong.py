"""The search of Wing and Gong, with Lowe's memory: one order, operation by operation, and back where it ends.

It goes over calls and returns in the order of time. An observer that the state suits goes into the order for good: it can
only help. At a return whose operation is not in the order something has to go first, and that is when a choice is made:
the operation itself, others that are open, and those of unknown outcome, which cost nothing until their effect is missed.
Where no choice is left the search goes back to the one before. This is fast where few operations overlap, however many
are of unknown outcome.

What is remembered of a place that was tried: the state, which operations are in the order (all below one of them, some of
those above it), and how many of each effect of unknown outcome were taken. Of equal ones the first invoked goes first, and
to have taken fewer is better.
"""

from collections.abc import Iterator
from typing import TypeAlias

from refold.properties.linearizability.operation import Outcome
from refold.properties.linearizability.searches.found import Found, Order, Search
from refold.properties.linearizability.searches.schedule import Schedule
from refold.properties.linearizability.specification import Role

__all__ = ["wing_gong"]

_STEPS_BETWEEN_YIELDS = 400
_WORK_BETWEEN_YIELDS = 80
_UNASKED = -2

_Chosen: TypeAlias = "tuple[int, _Chosen] | None"
"""Operations in the order, the last one first."""
_Place: TypeAlias = tuple[int, int, int]
"""Every operation below the first number is in the order, of the others those with a bit in the second; the state."""
_Choice: TypeAlias = tuple[int, int, int]
"""What to put in the order (an entry, or the complement of an operation of unknown outcome), the state after it, and what
is spent then."""
_Taken: TypeAlias = tuple[int, Iterator[_Choice] | None, int, int, int, int, int, _Chosen]
"""The return at which it was chosen, the other choices there, what was taken, and how it was before."""
_LATER: Iterator[_Choice] = iter(())
"""The other choices where the operation that returns could go first, and nobody has asked for others yet."""


def wing_gong(schedule: Schedule, until: int) -> Search:
    """Whether the first `until` returns have an order; if not, the first that has none."""
    line = _Line(schedule, until)
    entries, following, preceding = line.entries, line.following, line.preceding
    calls, ends, numbers = line.calls, line.ends, line.numbers
    effects, goals, stays, steps = line.effects, line.goals, line.stays, line.steps
    covered, remember = line.supply.covered, line.supply.remember
    tried: dict[_Place, list[int]] = {}
    stack: list[_Taken] = []
    state, floor, above, spent = schedule.initial, 0, 0, 0
    order: _Chosen = None
    choices: Iterator[_Choice] | None = None
    deepest, deepest_order = -1, order
    left, node = until, following[0]
    while left:
        yield _WORK_BETWEEN_YIELDS + line.supply.work()
        for _ in range(_STEPS_BETWEEN_YIELDS):
            call = entries[node]
            if call >= 0:
                effect = effects[call]
                if not stays[effect] or (steps[effect].get(state, _UNASKED) < 0 and line.step(state, effect) < 0):
                    node = following[node]
                    continue
                taken, after, more = node, state, spent
            else:
                choice = None
                if choices is None and not (tried and covered(tried.get((floor, above, state)), spent)):
                    goal, choices = goals[~call], _LATER
                    if not stays[goal]:
                        after = steps[goal].get(state, _UNASKED)
                        after = line.step(state, goal) if after == _UNASKED else after
                        choice = (calls[~call], after, spent) if after >= 0 else None
                if choice is None and choices is not None:
                    if choices is _LATER:
                        remember(tried, (floor, above, state), spent)
                        choices = line.choices(node, state, spent)
                        if ~call > deepest:
                            deepest, deepest_order = ~call, order
                    choice = next(choices, None)
                if choice is None:
                    choices = None
                    while choices is None:
                        if not stack:
                            return Found(False, deepest, order=_placed(schedule, deepest_order))
                        node, choices, taken, state, floor, above, spent, order = stack.pop()
                        if taken > 0:
                            left += line.put_back(taken)
                    continue
                taken, after, more = choice
            stack.append((node, choices, taken, state, floor, above, spent, order))
            if taken > 0:
                call = entries[taken]
                end = ends[call]
                if end:
                    before, behind = preceding[end], following[end]
                    following[before], preceding[behind] = behind, before
                    left -= 1
                before, behind = preceding[taken], following[taken]
                following[before], preceding[behind] = behind, before
                order = numbers[call], order
                above |= 1 << call - floor
                while above & 1:
                    above >>= 1
                    floor += 1
                if not left:
                    break
            else:
                order = ~taken, order
            node = following[node] if choices is None else following[0]
            state, spent, choices = after, more, None
    return Found(True, until, order=_placed(schedule, order))


class _Line:
    """Calls and returns in the order of time, linked, so that those of operations in the order can be taken out."""

    def __init__(self, schedule: Schedule, until: int) -> None:
        self._schedule = schedule
        self.entries = [0]
        """A call is a place in `numbers`, a return the complement of its index. The first and the last are neither."""
        self.numbers: list[int] = []
        """The operations that are called, but for those of unknown outcome."""
        self.ends: list[int] = []
        """The entry of the return of each of them, 0 if it need not return."""
        self.calls: list[int] = []
        """The entry of the call of each return."""
        self._fill(schedule, until)
        count = len(self.entries)
        self.following, self.preceding = list(range(1, count + 1)), list(range(-1, count - 1))
        self.effects = [schedule.effects[number] for number in self.numbers]
        self.goals = [schedule.effects[number] for number in schedule.returns[:until]]
        """The effect of the operation of each return."""
        self.stays = [role is Role.OBSERVES for role in schedule.roles]
        """For each effect whether it never changes the state."""
        self.steps: list[dict[int, int]] = [{} for _ in schedule.roles]
        """For each effect the state after each state, as far as it was asked."""
        self.supply = _Supply(schedule)

    def _fill(self, schedule: Schedule, until: int) -> None:
        entries, numbers, ends, unknown = self.entries, self.numbers, self.ends, Outcome.UNKNOWN
        calls_of: list[int] = []
        operations, returns = schedule.operations, schedule.returns
        place: dict[int, int] = {}
        index = 0
        event = schedule.event(0) if until else -1
        last = schedule.event(until - 1) if until else -1
        for number, operation in enumerate(operations):
            invoked = operation.invoked
            if invoked > last:
                break
            while event < invoked:
                ends[place[returns[index]]] = len(entries)
                entries.append(~index)
                index += 1
                event = operations[returns[index]].returned or 0
            if operation.outcome is not unknown:
                place[number] = len(numbers)
                ends.append(0)
                calls_of.append(len(entries))
                entries.append(len(numbers))
                numbers.append(number)
        for rest in range(index, until):
            ends[place[returns[rest]]] = len(entries)
            entries.append(~rest)
        entries.append(0)
        self.calls = [calls_of[place[number]] for number in returns[:until]]

    def step(self, state: int, effect: int) -> int:
        """The state after an effect, or -1."""
        after = self.steps[effect].get(state)
        if after is None:
            after = self.steps[effect][state] = self._schedule.step(state, effect)
        return after

    def put_back(self, node: int) -> int:
        """Put a call, and the return that it has, back where they were; how many returns that makes more."""
        following, preceding, end = self.following, self.preceding, self.ends[self.entries[node]]
        following[preceding[node]] = preceding[following[node]] = node
        if end:
            following[preceding[end]] = preceding[following[end]] = end
        return 1 if end else 0

    def choices(self, node: int, state: int, spent: int) -> Iterator[_Choice]:
        """What can go next at a return besides its operation: what helps that, and the rest, the first to return first."""
        schedule, step = self._schedule, self.step
        index = ~self.entries[node]
        goal = self.goals[index]
        open_calls: dict[int, tuple[bool, int, int, int]] = {}
        call = self.following[0]
        while call != node:
            effect = self.effects[self.entries[call]]
            if effect != goal and not self.stays[effect]:
                after = step(state, effect)
                if after >= 0:
                    end = self.ends[self.entries[call]] or len(self.entries)
                    way = (step(after, goal) < 0, end, call, after)
                    open_calls[effect] = min(way, open_calls.get(effect, way))
            call = self.following[call]
        ways = sorted(open_calls.values())
        unknown = self.supply.choices(state, goal)
        event = schedule.event(index)
        for helps in (True, False):
            for fails, _, call, after in ways:
                if fails is not helps:
                    yield call, after, spent
            for effect, after, fails in unknown:
                if fails is not helps:
                    taken = self.supply.next_of(effect, spent, event)
                    if taken >= 0:
                        yield ~taken, after, self.supply.more(effect, spent)


class _Supply:
    """The operations of unknown outcome: how many of each effect there are, which is the next, and what they lead to.

    What was taken is one number, with a field for each effect and a spare bit above each, so that two can be compared in
    one subtraction.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._groups: dict[int, list[tuple[int, int]]] = {}
        for number, operation in enumerate(schedule.operations):
            if operation.outcome is Outcome.UNKNOWN:
                self._groups.setdefault(schedule.effects[number], []).append((operation.invoked, number))
        self.shifts: dict[int, int] = {}
        """Effect -> the lowest bit of its field."""
        self._masks: dict[int, int] = {}
        self._spare = 0
        self._compared = 0
        self._choices: dict[tuple[int, int], list[tuple[int, int, bool]]] = {}
        shift = 0
        for effect, group in self._groups.items():
            self.shifts[effect] = shift
            width = len(group).bit_length()
            self._masks[effect] = (1 << width) - 1
            self._spare |= 1 << shift + width
            shift += width + 1

    def work(self) -> int:
        """The work of comparing since it was last asked for."""
        work, self._compared = self._compared // 4, 0
        return work

    def next_of(self, effect: int, spent: int, event: int) -> int:
        """The operation to take next for an effect, invoked before an event; -1 if there is none."""
        group = self._groups[effect]
        used = spent >> self.shifts[effect] & self._masks[effect]
        return group[used][1] if used < len(group) and group[used][0] < event else -1

    def more(self, effect: int, spent: int) -> int:
        """What is spent with one more of an effect."""
        return spent + (1 << self.shifts[effect])

    def choices(self, state: int, goal: int) -> list[tuple[int, int, bool]]:
        """(effect, state after it, whether the goal is still not possible) of those that change the state."""
        choices = self._choices.get((state, goal))
        if choices is None:
            step = self._schedule.step
            afters = [(effect, step(state, effect)) for effect in self._groups]
            choices = [(effect, after, step(after, goal) < 0) for effect, after in afters if after not in (-1, state)]
            self._choices[state, goal] = choices
        return choices

    def covered(self, tried: list[int] | None, spent: int) -> bool:
        """Whether a place was tried with no more spent of anything."""
        if tried is None:
            return False
        spare = self._spare
        more = spent | spare
        self._compared += len(tried)
        return any(more - other & spare == spare for other in tried)

    def remember(self, tried: dict[_Place, list[int]], place: _Place, spent: int) -> None:
        """A place that is tried now, with so much spent; it makes those superfluous where more was."""
        there = tried.get(place)
        if there is None:
            tried[place] = [spent]
        elif not self.covered(there, spent):
            spare = self._spare
            tried[place] = [other for other in there if (other | spare) - spent & spare != spare]
            tried[place].append(spent)


def _placed(schedule: Schedule, chosen: _Chosen) -> Order:
    """The order from its beginning: (operation, the event that it is put before)."""
    numbers = []
    while chosen is not None:
        number, chosen = chosen
        numbers.append(number)
    returns = schedule.returns
    done = bytearray(len(schedule.operations))
    placed = []
    index, last = 0, len(returns) - 1
    event = schedule.event(0) if returns else 0
    for number in reversed(numbers):
        while index < last and done[returns[index]]:
            index += 1
            event = schedule.event(index)
        done[number] = 1
        placed.append((number, event))
    return placed
