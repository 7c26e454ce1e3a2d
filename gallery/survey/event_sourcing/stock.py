"""What the event stores of the survey have in common: items of which no more may be taken than there are."""

from dataclasses import dataclass

from refold import Application, Refusal


@dataclass(frozen=True)
class Change:
    item: str
    count: int


class Changed(Change): ...


class Stock(Application):
    """Two items; nothing may be taken that is not there."""

    name = "stock"
    events = (Changed,)

    def commands(self):
        return [Change(item, count) for item in ("nut", "nail") for count in (2, -1, -2)]

    def initial(self, key):
        return 0

    def decide(self, command, state):
        if state + command.count < 0:
            raise Refusal(f"there are only {state}", "oversold")
        return [Changed(command.item, command.count)]

    def evolve(self, state, event):
        return state + event.count

    def applied(self, event, rows):
        """For consumers that note each event, in any order: how often they did."""
        return {str(event.position): 1}
