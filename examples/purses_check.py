"""What refold needs to know of `purses.py`: its rules, its tables, what loads a purse, and what shows a balance."""

from dataclasses import dataclass

import purses

from refold import Application, Refusal
from refold.systems.user import Reader, Service, sqlite_system


@dataclass(frozen=True)
class Pay:
    purse: str
    amount: int


@dataclass(frozen=True)
class Paid(Pay): ...


class Purses(Application):
    name = "purses"
    events = (Paid,)

    def commands(self):
        return [Pay(purse, amount) for purse in ("ann", "bob") for amount in (5, -3)]

    def initial(self, key):
        return 0

    def decide(self, command, state):
        if state + command.amount < 0:
            raise Refusal(f"{command.purse} has only {state}", "oversold")
        return [Paid(command.purse, command.amount)]

    def evolve(self, state, event):
        return state + event.amount


def system(service=purses.Purses, page=purses.Page, promises=("sessions",)):
    return sqlite_system(
        purses.SCHEMA,
        Service(
            service,
            refusals=[purses.Empty],
            load="load",
            state=lambda purse: purse.balance,
            snapshots="snapshots",
            snapshot=int,
        ),
        events={Paid: "events"},
        readers={"page": Reader(page, query="balance", promises=promises)},
    )


Good = system()
Eager = system(service=purses.EagerPurses)
Hasty = system(page=purses.HastyPage, promises=())
