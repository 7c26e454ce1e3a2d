"""What refold needs to know of `seats.py`: its rules, where its events and rows are, and what to call."""

import dataclasses

import seats

from refold import Application, Refusal
from refold.model import Stored
from refold.systems.servers import PostgresDatabase


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


class System:
    refusals = (seats.SeatTaken,)

    def __init__(self):
        self.database = PostgresDatabase(seats.SCHEMA)
        self.close = self.database.close
        self.consumers = {"plan": lambda: Plan(self.database), "guests": lambda: Guests(self.database)}

    def service(self, client):
        service = seats.Seats(self.database.dsn)
        service.execute = lambda command: service.book(command.seat, command.guest)
        return service

    def read(self, after, limit):
        query = "select position, seat, guest, row_number() over (partition by seat order by position) from events"
        rows = self.database.rows(
            f"select * from ({query}) e where position > %s order by position limit %s", (after, limit)
        )
        return [Stored(p, seat, v, str(p), "Booked", Booked(seat, guest)) for p, seat, guest, v in rows]


class Plan:
    projection = "views"

    def __init__(self, database):
        self.database = database

    def rows(self):
        return {seat: (guest, n) for seat, guest, n in self.database.rows("select * from plan")}


class Guests(seats.Worker):
    projection = "guests"

    def __init__(self, database):
        super().__init__(database.dsn)
        self.database, self.poll = database, self.work

    def rows(self):
        return dict(self.database.rows("select * from guests"))

    def checkpoint(self):
        return self.database.rows("select position from progress")[0][0]
