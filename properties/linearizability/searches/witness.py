"""From a trail, which names only the changes that had to be put in the order, to the whole order.

A trail says at which moment each change went into the order. The rest follows: an observer goes in as soon as the state
suits it; a write that never was needed goes in just before the first write that could overwrite it.
"""

from refold.properties.linearizability.operation import Outcome
from refold.properties.linearizability.searches.found import Order, Trail, steps
from refold.properties.linearizability.searches.schedule import Schedule
from refold.properties.linearizability.specification import Role

__all__ = ["linearize"]


def linearize(schedule: Schedule, trail: Trail, until: int) -> Order:
    """The order after `until` moments and the calls up to the next: (operation, the event it is put before)."""
    changes = list(steps(trail))[::-1]
    needed = {number for number, _ in changes}
    order: Order = []
    state = schedule.initial
    waiting: dict[int, None] = {}
    overwritable: dict[int, None] = {}
    invoked = position = 0
    for index in range(min(until + 1, len(schedule.returns))):
        event = schedule.event(index)
        while invoked < len(schedule.operations) and schedule.operations[invoked].invoked <= event:
            effect = schedule.effects[invoked]
            if schedule.roles[effect] is Role.OBSERVES:
                if schedule.step(state, effect) >= 0:
                    order.append((invoked, event))
                else:
                    waiting[invoked] = None
            elif schedule.roles[effect] is Role.OVERWRITES and invoked not in needed and _returns(schedule, invoked):
                overwritable[invoked] = None
            invoked += 1
        while position < len(changes) and changes[position][1] == index:
            number = changes[position][0]
            position += 1
            effect = schedule.effects[number]
            if schedule.roles[effect] is Role.OVERWRITES:
                order.extend((overwritten, event) for overwritten in overwritable)
                overwritable.clear()
            order.append((number, event))
            state = schedule.step(state, effect)
            suited = [observer for observer in waiting if schedule.step(state, schedule.effects[observer]) >= 0]
            for observer in suited:
                order.append((observer, event))
                del waiting[observer]
        waiting.pop(schedule.returns[index], None)
        overwritable.pop(schedule.returns[index], None)
    return order


def _returns(schedule: Schedule, number: int) -> bool:
    return schedule.operations[number].outcome is not Outcome.UNKNOWN
