"""An ordinary asynchronous service: rooms that may be booked once, and a worker that keeps a table of guests."""

import asyncio
import sqlite3

SCHEMA = """
create table events (position integer primary key autoincrement, room text, guest text);
create table guests (room text primary key, guest text, nights integer);
create table progress (position integer);
insert into progress values (0);
"""


class Taken(Exception):
    """The room has a guest."""


class Database:
    """SQLite, called in threads: only the task that asks waits."""

    def __init__(self, path):
        self.path = path

    async def run(self, *statements):
        return await asyncio.to_thread(self.transact, statements)

    def transact(self, statements):
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                for sql, *values in statements:
                    cursor = connection.execute(sql, values)
                return cursor.fetchall() if cursor.description else cursor.rowcount
        finally:
            connection.close()


class Desk:
    def __init__(self, path):
        self.database = Database(path)

    async def book(self, room, guest):
        if await self.database.run(("select guest from events where room = ?", room)):
            raise Taken(f"{room} is taken")
        await self.database.run(("insert into events (room, guest) values (?, ?)", room, guest))


class Worker:
    def __init__(self, path):
        self.database = Database(path)

    async def work(self):
        """Deal with the next event; False if there is none."""
        ((position,),) = await self.database.run(("select position from progress",))
        query = "select position, room, guest from events where position > ? order by position limit 1"
        events = await self.database.run((query, position))
        for event in events:
            await self.deal(*event)
        return bool(events)

    async def deal(self, position, room, guest):
        await self.database.run(("update progress set position = ?", position))
        await self.database.run(("insert or replace into guests values (?, ?, 1)", room, guest))

    async def run(self):
        while True:
            if not await self.work():
                await asyncio.sleep(1)


class CarefulDesk(Desk):
    """Looks and writes in one statement."""

    async def book(self, room, guest):
        free = "not exists (select 1 from events where room = ?)"
        sql = f"insert into events (room, guest) select ?, ? where {free}"
        if not await self.database.run((sql, room, guest, room)):
            raise Taken(f"{room} is taken")


class CarefulWorker(Worker):
    """Saves row and position in one transaction, and goes on after an error."""

    async def deal(self, position, room, guest):
        await self.database.run(
            ("update progress set position = ?", position),
            ("insert or replace into guests values (?, ?, 1)", room, guest),
        )

    async def run(self):
        while True:
            try:
                if await self.work():
                    continue
            except sqlite3.Error:
                """The next time it may work."""
            await asyncio.sleep(1)
