"""The search of Wing and Gong, with Lowe's memory: one order, operation by operation, and back where it ends.

It goes over calls and returns in the order of time. A call that the state allows goes into the order, and the search
begins again at the first event that is left. At a return whose operation is not in the order, one of unknown outcome may
help; where none does, the search goes back to its last choice. So an operation of unknown outcome costs nothing until its
effect is missed. This is fast where few operations overlap, however many are of unknown outcome.

What is remembered of a place that was tried: the state, which operations are in the order (all below one of them, some of
those above it), and how many of each effect of unknown outcome were taken. Of equal ones the first invoked goes first, and
to have taken fewer is better. An observer that fits goes into the order for good: it can only help.
"""

from typing import TypeAlias

from refold.properties.linearizability.operation import Outcome
from refold.properties.linearizability.searches.found import Found, Order, Search
from refold.properties.linearizability.searches.schedule import Schedule
from refold.properties.linearizability.specification import Role

__all__ = ["wing_gong"]

_STEPS_BETWEEN_YIELDS = 400
_WORK_BETWEEN_YIELDS = 200
_Chosen: TypeAlias = "tuple[int, _Chosen] | None"
"""Operations in the order, the last one first."""
_Place: TypeAlias = tuple[int, int, int]
"""Every operation below the first number is in the order, of the others those with a bit in the second; the state."""


def wing_gong(schedule: Schedule, until: int) -> Search:
    """Whether the first `until` returns have an order; if not, the first that has none."""
    entries, numbers, ends = _events(schedule, until)
    following, preceding = list(range(1, len(entries) + 1)), list(range(-1, len(entries) - 1))
    effects = [schedule.effects[number] for number in numbers]
    stays = [role is Role.OBSERVES for role in schedule.roles]
    steps: list[dict[int, int]] = [{} for _ in schedule.roles]
    supply = _Supply(schedule)
    tried: dict[_Place, list[int]] = {}
    stack: list[tuple[int, int, int, int, int, int, _Chosen]] = []
    floor = above = spent = resumed = 0
    state = schedule.initial
    order: _Chosen = None
    deepest, deepest_order = -1, order
    left = until
    node = following[0]
    while left:
        yield _WORK_BETWEEN_YIELDS
        for _ in range(_STEPS_BETWEEN_YIELDS):
            call = entries[node]
            if call >= 0:
                effect = effects[call]
                after = steps[effect].get(state)
                if after is None:
                    after = steps[effect][state] = schedule.step(state, effect)
                if after < 0:
                    node = following[node]
                    continue
                low, bits = floor, above | 1 << call - floor
                while bits & 1:
                    bits >>= 1
                    low += 1
                if tried and supply.covered(tried.get((low, bits, after)), spent):
                    node = following[node]
                    continue
                stack.append((node, state, floor, above, spent, 0, order))
                before, behind = preceding[node], following[node]
                following[before], preceding[behind] = behind, before
                end = ends[call]
                if end:
                    before, behind = preceding[end], following[end]
                    following[before], preceding[behind] = behind, before
                    left -= 1
                floor, above, state, order = low, bits, after, (numbers[call], order)
                if not left:
                    break
                node = following[0]
                continue
            index = ~call
            if not resumed:
                supply.remember(tried, (floor, above, state), spent)
                if index > deepest:
                    deepest, deepest_order = index, order
            choices = supply.choices(state, schedule.returns[index]) if supply.shifts else ()
            event = schedule.event(index)
            while resumed < len(choices):
                effect, after = choices[resumed]
                resumed += 1
                taken = supply.next_of(effect, spent, event)
                more = spent + (1 << supply.shifts[effect])
                if taken >= 0 and not supply.covered(tried.get((floor, above, after)), more):
                    stack.append((-node, state, floor, above, spent, resumed, order))
                    spent, state, order, resumed = more, after, (taken, order), 0
                    node = following[0]
                    break
            else:
                while stack:
                    node, state, floor, above, spent, resumed, order = stack.pop()
                    if node < 0:
                        node = -node
                        break
                    end = ends[entries[node]]
                    if end:
                        following[preceding[end]] = preceding[following[end]] = end
                        left += 1
                    following[preceding[node]] = preceding[following[node]] = node
                    if not stays[effects[entries[node]]]:
                        node = following[node]
                        break
                else:
                    return Found(False, deepest, order=_placed(schedule, deepest_order))
    return Found(True, until, order=_placed(schedule, order))


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
        self._choices: dict[tuple[int, int], list[tuple[int, int]]] = {}
        shift = 0
        for effect, group in self._groups.items():
            self.shifts[effect] = shift
            width = len(group).bit_length()
            self._masks[effect] = (1 << width) - 1
            self._spare |= 1 << shift + width
            shift += width + 1

    def next_of(self, effect: int, spent: int, event: int) -> int:
        """The operation to take next for an effect, invoked before an event; -1 if there is none."""
        group = self._groups[effect]
        used = spent >> self.shifts[effect] & self._masks[effect]
        return group[used][1] if used < len(group) and group[used][0] < event else -1

    def choices(self, state: int, wanted: int) -> list[tuple[int, int]]:
        """(effect, state after it) of those that change the state; first those after which the wanted operation fits."""
        goal = self._schedule.effects[wanted]
        choices = self._choices.get((state, goal))
        if choices is None:
            step = self._schedule.step
            all_choices = [(effect, step(state, effect)) for effect in self._groups]
            choices = [choice for choice in all_choices if choice[1] >= 0 and choice[1] != state]
            choices.sort(key=lambda choice: step(choice[1], goal) < 0)
            self._choices[state, goal] = choices
        return choices

    def covered(self, tried: list[int] | None, spent: int) -> bool:
        """Whether a place was tried with no more spent of anything."""
        if tried is None:
            return False
        spare = self._spare
        more = spent | spare
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


def _events(schedule: Schedule, until: int) -> tuple[list[int], list[int], list[int]]:
    """Calls and returns in the order of time, behind an entry that is neither and before another.

    A call is the place of its operation in the second list, which leaves out those of unknown outcome; a return is the
    complement of its index. The third list has the entry of the return of each, 0 if it need not return.
    """
    last = schedule.event(until - 1) if until else -1
    entries, numbers, ends = [0], [], []
    place = [0] * len(schedule.operations)
    index, event = 0, schedule.event(0) if until else -1
    for number, operation in enumerate(schedule.operations):
        if operation.invoked > last:
            break
        if operation.outcome is Outcome.UNKNOWN:
            continue
        while event < operation.invoked:
            ends[place[schedule.returns[index]]] = len(entries)
            entries.append(~index)
            index += 1
            event = schedule.event(index)
        place[number] = len(numbers)
        entries.append(len(numbers))
        numbers.append(number)
        ends.append(0)
    for rest in range(index, until):
        ends[place[schedule.returns[rest]]] = len(entries)
        entries.append(~rest)
    entries.append(0)
    return entries, numbers, ends


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
