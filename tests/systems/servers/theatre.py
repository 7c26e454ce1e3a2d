"""Services on PostgreSQL as they come, with psycopg: each with one thing that is wrong, and twins with nothing wrong."""

from __future__ import annotations

import pathlib
import uuid
from typing import Any

import psycopg

from refold.model.event import Stored
from refold.systems.user.module import load

CHECK = str(pathlib.Path(__file__).parents[3] / "examples" / "seats_check.py")
System: Any = load(f"{CHECK}:System")
Theatre: Any = load(f"{CHECK}:Theatre")
Book: Any = load(f"{CHECK}:Book")
Booked: Any = load(f"{CHECK}:Booked")
SeatTaken: Any = load(f"{pathlib.Path(CHECK).with_name('seats.py')}:SeatTaken")

from refold.systems.servers import PostgresDatabase  # noqa: E402

SCHEMA = """
create table seats (seat text primary key);
insert into seats values ('A1'), ('A2');
create table events (position bigserial primary key, request uuid, seat text, guest text);
create table plan (seat text primary key, guest text, bookings int);
create table guests (guest text primary key, bookings int);
create table progress (position bigint);
insert into progress values (0);
"""
UNIQUE = SCHEMA + "create unique index once on events (seat); create unique index asked_once on events (request);"
PLAN = """
insert into plan values (%s, %s, 1)
on conflict (seat) do update set guest = excluded.guest, bookings = plan.bookings + 1"""
COUNT = "insert into guests values (%s, 1) on conflict (guest) do update set bookings = guests.bookings + 1"


class Service:
    """Locks the seat, looks, writes event and plan: one transaction, never tried twice."""

    schema = SCHEMA

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection = psycopg.connect(dsn)

    def execute(self, command: Any) -> None:
        """Book a seat. After an error of the connection there is a new one for the next call."""
        if self.connection.closed:
            self.connection = psycopg.connect(self.dsn)
        self.book(command.seat, command.guest)

    def book(self, seat: str, guest: str) -> None:
        """All or nothing."""
        with self.connection.transaction():
            self.connection.execute("select seat from seats where seat = %s for update", (seat,))
            self.refuse_taken(seat)
            self.write(seat, guest)

    def refuse_taken(self, seat: str) -> None:
        """Look."""
        if self.connection.execute("select 1 from events where seat = %s", (seat,)).fetchone():
            raise SeatTaken(seat)

    def write(self, seat: str, guest: str) -> None:
        """Event and plan."""
        self.insert(seat, guest)
        self.connection.execute(PLAN, (seat, guest))

    def insert(self, seat: str, guest: str) -> None:
        """The event."""
        self.connection.execute("insert into events (seat, guest) values (%s, %s)", (seat, guest))


class LooksFirst(Service):
    """Nobody holds the seat between the look and the insert."""

    def book(self, seat: str, guest: str) -> None:
        """READ COMMITTED."""
        with self.connection.transaction():
            self.refuse_taken(seat)
            self.write(seat, guest)


class Serializable(Service):
    """The same, and the server says no to one of two; who is told so begins again."""

    def book(self, seat: str, guest: str) -> None:
        """SERIALIZABLE."""
        self.connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        while True:
            try:
                with self.connection.transaction():
                    self.refuse_taken(seat)
                    self.write(seat, guest)
                return
            except psycopg.errors.SerializationFailure:
                continue


class Unique(Service):
    """The same with a unique index; and a call that was lost is made again under its own number."""

    schema = UNIQUE

    def book(self, seat: str, guest: str) -> None:
        """Three times, but once."""
        request = uuid.uuid4()
        for attempt in range(3):
            try:
                if self.connection.closed:
                    self.connection = psycopg.connect(self.dsn)
                with self.connection.transaction():
                    if self.connection.execute("select 1 from events where request = %s", (request,)).fetchone():
                        return
                    self.refuse_taken(seat)
                    self.connection.execute(
                        "insert into events (request, seat, guest) values (%s, %s, %s)", (request, seat, guest)
                    )
                    self.connection.execute(PLAN, (seat, guest))
                return
            except psycopg.errors.UniqueViolation as error:
                raise SeatTaken(seat) from error
            except psycopg.OperationalError:
                if attempt == 2:
                    raise


class TriesAgain(Service):
    """After an error it does the same again: the commit may have worked."""

    def book(self, seat: str, guest: str) -> None:
        """Three times."""
        with self.connection.transaction():
            self.connection.execute("select seat from seats where seat = %s for update", (seat,))
            self.refuse_taken(seat)
        for attempt in range(3):
            try:
                if self.connection.closed:
                    self.connection = psycopg.connect(self.dsn)
                with self.connection.transaction():
                    self.write(seat, guest)
                return
            except psycopg.OperationalError:
                if attempt == 2:
                    raise


class TwoTransactions(Service):
    """The event, and then the plan."""

    def write(self, seat: str, guest: str) -> None:
        """Only the event belongs to this transaction."""
        self.insert(seat, guest)

    def book(self, seat: str, guest: str) -> None:
        """One after the other."""
        super().book(seat, guest)
        with self.connection.transaction():
            self.connection.execute(PLAN, (seat, guest))


class Worker:
    """Counts guests: rows and position in one transaction, and before it looks it waits until nobody writes to the log any more."""

    projection = "guests"
    new = "select position, guest from events where position > %s order by position limit 1"

    def __init__(self, database: PostgresDatabase) -> None:
        self.database = database
        self.connection = psycopg.connect(database.dsn)

    def poll(self) -> bool:
        """The next event."""
        with self.connection.transaction():
            event = self.next()
            if event is not None:
                self.connection.execute(COUNT, (event[1],))
                self.save(event[0])
        return event is not None

    def next(self) -> Any:
        """What comes after the position."""
        row = self.connection.execute("select position from progress for update").fetchone()
        assert row is not None
        self.wait_for_writers()
        return self.connection.execute(self.new, row).fetchone()

    def wait_for_writers(self) -> None:
        """Who inserts holds a lock on the table from before he takes a position until he commits."""
        self.connection.execute("lock table events in share mode")

    def save(self, position: int) -> None:
        """The position."""
        self.connection.execute("update progress set position = %s", (position,))

    def rows(self) -> dict[str, int]:
        """What is in its table."""
        return dict(self.database.rows("select * from guests"))

    def checkpoint(self) -> int:
        """Where it goes on."""
        return int(self.database.rows("select position from progress")[0][0])


class Naive(Worker):
    """Goes on after the highest position that it has seen."""

    def wait_for_writers(self) -> None:
        """It does not."""


class SavesFirst(Worker):
    """The position in a transaction of its own, before the row."""

    def poll(self) -> bool:
        """The next event."""
        with self.connection.transaction():
            event = self.next()
        if event is None:
            return False
        with self.connection.transaction():
            self.save(event[0])
        with self.connection.transaction():
            self.connection.execute(COUNT, (event[1],))
        return True


class Made:
    """A system of one service and one worker."""

    refusals = (SeatTaken,)

    def __init__(self, service: type[Service], worker: type[Worker]) -> None:
        self.database = PostgresDatabase(service.schema)
        self.close = self.database.close
        self.consumers = {"plan": lambda: Plan(self.database), "guests": lambda: worker(self.database)}
        self.service = lambda client: service(self.database.dsn)

    def read(self, after: int, limit: int) -> list[Stored]:
        """The table of events."""
        query = "select position, seat, guest, row_number() over (partition by seat order by position) from events"
        rows = self.database.rows(
            f"select * from ({query}) e where position > %s order by position limit %s", (after, limit)
        )
        return [Stored(p, seat, v, str(p), "Booked", Booked(seat, guest)) for p, seat, guest, v in rows]


class InOrder(Made):
    """The same, which says that its positions show in order."""

    gaps = False


class Plan:
    """The table of seats, which is written with the events."""

    projection = "views"

    def __init__(self, database: PostgresDatabase) -> None:
        self.database = database

    def rows(self) -> dict[str, Any]:
        """What is in it."""
        return {seat: (guest, n) for seat, guest, n in self.database.rows("select * from plan")}
