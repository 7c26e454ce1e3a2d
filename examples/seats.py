"""An ordinary little service on PostgreSQL: seats that may be booked once, a seating plan, and a worker that counts."""

import psycopg

SCHEMA = """
create table events (position bigserial primary key, seat text, guest text);
create table plan (seat text primary key, guest text, bookings int);
create table guests (guest text primary key, bookings int);
create table progress (position bigint);
insert into progress values (0);
"""


class SeatTaken(Exception):
    """Somebody has that seat."""


class Seats:
    def __init__(self, dsn):
        self.dsn = dsn
        self.connection = psycopg.connect(dsn)

    def book(self, seat, guest):
        with self.connection.transaction():
            if self.connection.execute("select 1 from events where seat = %s", (seat,)).fetchone():
                raise SeatTaken(f"{seat} is taken")
        for attempt in range(3):
            try:
                with self.connection.transaction():
                    self.connection.execute("insert into events (seat, guest) values (%s, %s)", (seat, guest))
                break
            except psycopg.OperationalError:
                if attempt == 2:
                    raise
                self.connection = psycopg.connect(self.dsn)
        with self.connection.transaction():
            self.connection.execute(
                "insert into plan values (%s, %s, 1) on conflict (seat)"
                " do update set guest = excluded.guest, bookings = plan.bookings + 1",
                (seat, guest),
            )


class Worker:
    def __init__(self, dsn):
        self.connection = psycopg.connect(dsn)

    def work(self):
        """Deal with the next event; False if there is none."""
        with self.connection.transaction():
            (position,) = self.connection.execute("select position from progress").fetchone()
            event = self.connection.execute(
                "select position, guest from events where position > %s order by position limit 1", (position,)
            ).fetchone()
        if event is None:
            return False
        with self.connection.transaction():
            self.connection.execute("update progress set position = %s", (event[0],))
        with self.connection.transaction():
            self.connection.execute(
                "insert into guests values (%s, 1) on conflict (guest) do update set bookings = guests.bookings + 1",
                (event[1],),
            )
        return True
