"""What refold needs to know of `seats.py`: its rules, where its events and rows are, and what to call."""

import dataclasses

import seats

from refold import Application, Refusal
from refold.systems.user import Service, Worker, postgres_system


@dataclasses.dataclass(frozen=True)
class Book:
    seat: str
    guest: str


@dataclasses.dataclass(frozen=True)
class Booked(Book): ...


class Theatre(Application):
    name = "theatre"
    events = (Booked,)

    def key(self, command):
        return command.seat

    def commands(self):
        return [Book(seat, guest) for seat in ("A1", "A2") for guest in ("ann", "bo")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal(f"{command.seat} is taken", "duplicate-create")
        return [Booked(command.seat, command.guest)]

    def evolve(self, state, event):
        return (event.guest, 1 if state is None else state[1] + 1)

    def guests(self, event, rows):
        return {event.data.guest: rows.get(event.data.guest, 0) + 1}


System = postgres_system(
    seats.SCHEMA,
    Service(seats.Seats, refusals=[seats.SeatTaken]),
    events={Booked: "events"},
    consumers={
        "plan": Worker(rows="plan"),
        "guests": Worker(seats.Worker, poll="work", rows="guests", checkpoint="progress", projection="guests"),
    },
)
