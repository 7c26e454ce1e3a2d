"""A schedule is a history made ready for searching: states and effects are small numbers, and each return is a moment.

Operations that constrain nothing are left out. Two operations with the same effect (same call, same answer) take the
same steps, so the specification is asked once for each state and effect, however long the history is.
"""

import heapq
from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import attrs

from refold.properties.linearizability.operation import Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Role, Specification
from refold.properties.linearizability.value import exact

__all__ = ["Candidate", "Moment", "Schedule"]

Candidate: TypeAlias = tuple[int, int, int, int]
"""A pending operation that must return: (the event of its return, operation, its free bit, its met bit)."""


@attrs.define(slots=True)
class Moment:
    """One return: the operation that returns, what was invoked since the last return, and what is pending."""

    returning: int
    free: int
    """The bit that says that the returning operation may still be put in the order; no bit for an observer."""
    met: int
    """The bit that the returning operation needs."""
    keep: int
    """Every bit but those of the slot that is freed."""
    free_new: int
    """The free bits of the changes invoked since the last moment."""
    observers_new: list[tuple[int, int]]
    """(effect, met bit) of the observers invoked since the last moment."""
    observers: dict[int, int]
    """Effect -> met bits of all pending observers with it."""
    changes: dict[int, tuple[int, tuple[Candidate, ...]]]
    """Effect -> the free bits of all pending changes with it, and those that must return, the first to return first."""
    waived: int
    """The met bits that any overwriting operation grants: those of all pending ones."""


class Schedule:
    """The operations on one object, in the order in which they return."""

    def __init__(self, operations: Sequence[Operation], specification: Specification, *, refusals: bool = True) -> None:
        """Without `refusals` a failed operation asserts nothing."""
        self.specification = specification
        self._refusals = refusals
        self.operations: list[Operation] = []
        self.effects: list[int] = []
        """Effect of each operation."""
        self.roles: list[Role] = []
        """Role of each effect."""
        self._examples: list[Operation] = []
        self._states: list[Any] = []
        self._state_ids: dict[Hashable, int] = {}
        self._steps: dict[tuple[int, int], int] = {}
        self.initial = self._state_id(specification.initial)
        self._admit(operations)
        finished = [
            (operation.returned, number)
            for number, operation in enumerate(self.operations)
            if operation.outcome is not Outcome.UNKNOWN and operation.returned is not None
        ]
        finished.sort()
        self.all_known = len(finished) == len(self.operations)
        """Whether no operation is of unknown outcome."""
        self.returns = [number for _, number in finished]

    @cached_property
    def unknown(self) -> dict[int, list[tuple[int, int]]]:
        """Effect -> (operation, its free bit) of the changes of unknown outcome with it, the first invoked first."""
        return self._unknown_by_effect()

    @cached_property
    def unknown_by_bit(self) -> dict[int, int]:
        """Free bit -> the change of unknown outcome that it belongs to."""
        return {free: number for group in self.unknown.values() for number, free in group}

    @cached_property
    def _slots_and_count(self) -> tuple[list[int], int]:
        return self._assign_slots()

    def step(self, state: int, effect: int) -> int:
        """The state after `effect`, or -1 where the specification does not allow it."""
        found = self._steps.get((state, effect))
        if found is None:
            after = self.specification.step(self._states[state], self._examples[effect])
            found = self._steps[state, effect] = -1 if after is IMPOSSIBLE else self._state_id(after)
        return found

    def again(self, operations: Sequence[Operation]) -> "Schedule":
        """A schedule of other operations under the same terms."""
        return Schedule(operations, self.specification, refusals=self._refusals)

    def event(self, index: int) -> int:
        """The event of the return that is moment `index`."""
        return self.operations[self.returns[index]].returned or 0

    def moments(self, until: int) -> "MomentSequence":
        """The first `until` moments, made as they are asked for."""
        return MomentSequence(self, until)

    def _admit(self, operations: Sequence[Operation]) -> None:
        role_of = getattr(self.specification, "role", None)
        refusals, silent = self._refusals, -1
        known: dict[Hashable, int] = {}
        for operation in operations:
            outcome = operation.outcome
            if outcome is Outcome.FAIL and not refusals:
                continue
            argument, result = operation.argument, operation.result
            identity = (
                operation.f,
                argument if type(argument) is int or argument is None else exact(argument),
                outcome,
                result if type(result) is int or result is None else exact(result),
            )
            effect = known.get(identity)
            if effect is None:
                role = Role.CHANGES if role_of is None else role_of(operation)
                if role is Role.NOTHING or (role is Role.OBSERVES and outcome is Outcome.UNKNOWN):
                    effect = silent
                else:
                    effect = len(self._examples)
                    self._examples.append(operation)
                    self.roles.append(role)
                known[identity] = effect
            if effect != silent:
                self.operations.append(operation)
                self.effects.append(effect)

    def _state_id(self, state: Any) -> int:
        number = self._state_ids.setdefault(exact(state), len(self._states))
        if number == len(self._states):
            self._states.append(state)
        return number

    def _assign_slots(self) -> tuple[list[int], int]:
        """Operations that are pending together have different slots; those of unknown outcome have none."""
        slots = [-1] * len(self.operations)
        slots_free: list[int] = []
        slot_count = 0
        returned = 0
        for number, operation in enumerate(self.operations):
            while returned < len(self.returns):
                earlier = self.operations[self.returns[returned]]
                if earlier.returned is None or earlier.returned > operation.invoked:
                    break
                heapq.heappush(slots_free, slots[self.returns[returned]])
                returned += 1
            if operation.outcome is not Outcome.UNKNOWN:
                if not slots_free:
                    slots_free.append(slot_count)
                    slot_count += 1
                slots[number] = heapq.heappop(slots_free)
        return slots, slot_count

    def _unknown_by_effect(self) -> dict[int, list[tuple[int, int]]]:
        by_effect: dict[int, list[tuple[int, int]]] = {}
        bit = 1 << 2 * self._slots_and_count[1]
        for number, operation in enumerate(self.operations):
            if operation.outcome is Outcome.UNKNOWN:
                by_effect.setdefault(self.effects[number], []).append((number, bit))
                bit <<= 1
        return by_effect

    def bits(self, number: int) -> tuple[int, int]:
        """The free bit and the met bit of an operation that returns."""
        free = 1 << 2 * self._slots_and_count[0][number]
        return free, free << 1


class MomentSequence:
    """The moments of a schedule, in order; it keeps none of them."""

    def __init__(self, schedule: Schedule, until: int) -> None:
        self._schedule = schedule
        self._until = until
        self._invoked = 0
        self._index = 0
        self._observers: dict[int, int] = {}
        self._changes: dict[int, tuple[int, tuple[Candidate, ...]]] = {}
        self._overwriters = 0
        self._unknown_bits = {number: free for free, number in schedule.unknown_by_bit.items()}

    def __iter__(self) -> "MomentSequence":
        return self

    def __next__(self) -> Moment:
        schedule = self._schedule
        if self._index == self._until:
            raise StopIteration
        returning = schedule.returns[self._index]
        free_new, observers_new = self._invoke_until(schedule.event(self._index))
        free, met = schedule.bits(returning)
        moment = Moment(
            returning=returning,
            free=0 if schedule.roles[schedule.effects[returning]] is Role.OBSERVES else free,
            met=met,
            keep=~(free | met),
            free_new=free_new,
            observers_new=observers_new,
            observers=self._observers.copy(),
            changes=self._changes.copy(),
            waived=self._overwriters,
        )
        self._release(returning, met)
        self._index += 1
        return moment

    def _invoke_until(self, event: int) -> tuple[int, list[tuple[int, int]]]:
        schedule = self._schedule
        free_new, observers_new = 0, []
        while self._invoked < len(schedule.operations):
            number = self._invoked
            operation = schedule.operations[number]
            if operation.invoked > event:
                break
            self._invoked += 1
            effect = schedule.effects[number]
            if operation.outcome is Outcome.UNKNOWN:
                free = self._unknown_bits[number]
                free_any, pending = self._changes.get(effect, (0, ()))
                self._changes[effect] = free_any | free, pending
                free_new |= free
                continue
            free, met = schedule.bits(number)
            if schedule.roles[effect] is Role.OBSERVES:
                observers_new.append((effect, met))
                self._observers[effect] = self._observers.get(effect, 0) | met
                continue
            free_new |= free
            free_any, pending = self._changes.get(effect, (0, ()))
            candidates = [*pending, (operation.returned or 0, number, free, met)]
            self._changes[effect] = free_any | free, tuple(sorted(candidates))
            if schedule.roles[effect] is Role.OVERWRITES:
                self._overwriters |= met
        return free_new, observers_new

    def _release(self, number: int, met: int) -> None:
        effect = self._schedule.effects[number]
        if self._schedule.roles[effect] is Role.OBSERVES:
            left = self._observers.pop(effect) & ~met
            if left:
                self._observers[effect] = left
            return
        self._overwriters &= ~met
        free_any, pending = self._changes.pop(effect)
        free_any &= ~(met >> 1)
        if free_any:
            self._changes[effect] = free_any, tuple(candidate for candidate in pending if candidate[1] != number)
