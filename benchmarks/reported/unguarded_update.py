"""hoangdaochuz/booking#27: "Seat reservation UPDATE has no status guard — double booking possible under concurrency".

Before a seat is reserved, the booking service reads whether it is available. The update that reserves it does not ask again, and
nobody looks at the number of rows: the second of two users overwrites the reservation of the first, and both are told that the seat is
theirs. (The lock in front of it has the user in its key, so it keeps no two users apart; it is left out here.)
Fixed as the report says: the update has "and status = 'available'", and a booking that updates no row fails.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, sqlite_system

SCHEMA = """
create table seats (id text primary key, status text, reserved_by text);
insert into seats values ('a1', 'available', null), ('a2', 'available', null);
create table bookings (position integer primary key autoincrement, kind text, seat text, user text);
"""


class SeatNotAvailable(Exception):
    """Somebody has that seat."""


class NotYours(Exception):
    """Nobody can give back what he has not."""


class Bookings:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def book(self, seat, user):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            (status,) = db.execute("select status from seats where id = ?", (seat,)).fetchone()
            if status != "available":
                raise SeatNotAvailable(seat)
            with db:
                self.reserve(db, seat, user)
                self.record(db, "Booked", seat, user)

    def reserve(self, db, seat, user):
        db.execute("update seats set status = 'reserved', reserved_by = ? where id = ?", (user, seat))

    def give_back(self, seat, user):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            done = db.execute(
                "update seats set status = 'available', reserved_by = null where id = ? and reserved_by = ?",
                (seat, user),
            )
            if done.rowcount != 1:
                raise NotYours(seat)
            self.record(db, "GivenBack", seat, user)

    def record(self, db, kind, seat, user):
        db.execute("insert into bookings (kind, seat, user) values (?, ?, ?)", (kind, seat, user))


class FixedBookings(Bookings):
    """Reserves only what is available."""

    def reserve(self, db, seat, user):
        done = db.execute(
            "update seats set status = 'reserved', reserved_by = ? where id = ? and status = 'available'", (user, seat)
        )
        if done.rowcount != 1:
            raise SeatNotAvailable(seat)


@dataclass(frozen=True)
class Book:
    seat: str
    user: str


@dataclass(frozen=True)
class GiveBack(Book): ...


@dataclass(frozen=True)
class Booked(Book): ...


@dataclass(frozen=True)
class GivenBack(Book): ...


# What refold needs to know of it.


class App(Application):
    events = (Booked, GivenBack)

    def commands(self):
        return [make(seat, user) for make in (Book, GiveBack) for seat in ("a1", "a2") for user in ("ann", "bob")]

    def initial(self, key):
        return "nobody"

    def decide(self, command, state):
        if type(command) is Book:
            if state != "nobody":
                raise Refusal(f"{command.seat} is {state}'s", "duplicate-create")
            return [Booked(command.seat, command.user)]
        if state != command.user:
            raise Refusal(f"{command.seat} is {state}'s", "lost-update")
        return [GivenBack(command.seat, command.user)]

    def evolve(self, state, event):
        return event.user if isinstance(event, Booked) else "nobody"


def system(make):
    return sqlite_system(
        SCHEMA,
        Service(make, refusals=[SeatNotAvailable, NotYours]),
        events={
            event: f"select position, seat, user from bookings where kind = '{event.__name__}'" for event in App.events
        },
    )


Bad, Good = system(Bookings), system(FixedBookings)
