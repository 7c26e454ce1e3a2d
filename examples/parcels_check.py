"""What refold needs to know of `parcels.py`: its rules, its tables, and the messages that events call for."""

from dataclasses import dataclass

import parcels

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system


@dataclass(frozen=True)
class Accept:
    parcel: str
    town: str


class Accepted(Accept): ...


class Parcels(Application):
    name = "parcels"
    events = (Accepted,)

    def commands(self):
        return [Accept(parcel, town) for parcel in ("p1", "p2", "p3") for town in ("Ulm", "Bern")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal(f"{command.parcel} is here", "duplicate-create")
        return [Accepted(command.parcel, command.town)]

    def evolve(self, state, event):
        return event.town


def told(event):
    return f"{event.data.parcel} goes to {event.data.town}"


def system(relay, promises=()):
    return sqlite_system(
        parcels.SCHEMA,
        Service(parcels.Desk, refusals=[parcels.AlreadyAccepted]),
        events={Accepted: "events"},
        sinks={"mail": Sink(told, promises=promises)},
        relays={"relay": Relay(relay, poll="run_once", sends="mail")},
    )


Good = system(parcels.Relay)
Hasty = system(parcels.HastyRelay)
