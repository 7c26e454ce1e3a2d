"""What refold needs to know of `rooms.py`: its rules, where its events and rows are, and what to call."""

import asyncio
import dataclasses
import pathlib
import sqlite3
import tempfile

import rooms

from refold import Application, Refusal
from refold.model import Stored


@dataclasses.dataclass(frozen=True)
class Book:
    room: str
    guest: str


@dataclasses.dataclass(frozen=True)
class Booked(Book): ...


class Rooms(Application):
    name = "rooms"
    events = (Booked,)

    def commands(self):
        return [Book(room, guest) for room in ("attic", "cellar") for guest in ("ann", "bo")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal(f"{command.room} is taken", "duplicate-create")
        return [Booked(command.room, command.guest)]

    def evolve(self, state, event):
        return (event.guest, 1 if state is None else state[1] + 1)


class System:
    refusals = (rooms.Taken,)
    desk, worker = rooms.Desk, rooms.Worker

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.folder.name) / "rooms.db")
        look(self.path, rooms.SCHEMA)
        self.consumers = {"guests": lambda: Guests(self.worker(self.path))}
        self.close = self.folder.cleanup

    def service(self, client):
        desk = self.desk(self.path)
        desk.execute = lambda command: desk.book(command.room, command.guest)
        return desk

    def read(self, after, limit):
        query = "select position, room, guest, row_number() over (partition by room order by position) from events"
        rows = look(self.path, f"select * from ({query}) where position > {after} order by position limit {limit}")
        return [Stored(p, room, v, str(p), "Booked", Booked(room, guest)) for p, room, guest, v in rows]


class Guests:
    """The worker, called again and again."""

    projection = "views"

    def __init__(self, worker):
        self.worker, self.poll = worker, worker.work

    async def rows(self):
        rows = await self.worker.database.run(("select room, guest, nights from guests",))
        return {room: (guest, nights) for room, guest, nights in rows}

    async def checkpoint(self):
        ((position,),) = await self.worker.database.run(("select position from progress",))
        return position


class Running(System):
    """The worker, which runs by itself."""

    def __init__(self):
        super().__init__()
        self.consumers = {"guests": lambda: RunningGuests(self.worker(self.path))}


class RunningGuests(Guests):
    def __init__(self, worker):
        self.worker = worker

    async def start(self):
        self.task = asyncio.create_task(self.worker.run(), name="worker")

    async def stop(self):
        self.task.cancel()


class Careful(System):
    desk, worker = rooms.CarefulDesk, rooms.CarefulWorker


class CarefulRunning(Running):
    desk, worker = rooms.CarefulDesk, rooms.CarefulWorker


def look(path, sql):
    connection = sqlite3.connect(path)
    try:
        return connection.executescript(sql) if ";" in sql else connection.execute(sql).fetchall()
    finally:
        connection.close()
