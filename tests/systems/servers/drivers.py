"""The same little service with other drivers than psycopg's synchronous one: as people write it, with what is wrong, and repaired."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from refold.systems.user import Service, postgres_system

from . import theatre

SCHEMA = "create table events (position bigserial primary key, request text, seat text, guest text);"
UNIQUE = SCHEMA + "create unique index on events (seat); create unique index on events (request);"


class AsyncDesk:
    """Looks, then inserts, in one transaction."""

    schema = SCHEMA
    tries = 1
    look = "select 1 from events where seat = %s"
    asked = "select 1 from events where request = %s"
    insert = "insert into events (request, seat, guest) values (%s, %s, %s)"

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection: Any = None

    async def book(self, seat: str, guest: str) -> None:
        """After an error of the connection it tries again, with a new one."""
        request = str(uuid.uuid4())
        for attempt in range(self.tries):
            try:
                await self.once(request, seat, guest)
                return
            except self.taken as error:
                raise theatre.SeatTaken(seat) from error
            except self.lost:
                self.connection = None
                if attempt == self.tries - 1:
                    raise

    async def once(self, request: str, seat: str, guest: str) -> None:
        """One transaction."""
        if self.connection is None:
            self.connection = await self.connect()
        async with self.connection.transaction():
            await self.inside(request, seat, guest)

    async def inside(self, request: str, seat: str, guest: str) -> None:
        """What is in it."""
        if await self.found(self.look, seat):
            raise theatre.SeatTaken(seat)
        await self.run(self.insert, request, seat, guest)

    taken: Any
    lost: Any

    async def connect(self) -> Any:
        """A connection."""
        raise NotImplementedError

    async def found(self, query: str, value: str) -> bool:
        """Whether there is a row."""
        raise NotImplementedError

    async def run(self, query: str, *values: str) -> None:
        """A statement."""
        raise NotImplementedError


class ByPsycopg(AsyncDesk):
    """With `psycopg.AsyncConnection`."""

    def __init__(self, dsn: str) -> None:
        import psycopg

        super().__init__(dsn)
        self.taken, self.lost = psycopg.errors.UniqueViolation, psycopg.OperationalError

    async def connect(self) -> Any:
        import psycopg

        return await psycopg.AsyncConnection.connect(self.dsn)

    async def found(self, query: str, value: str) -> bool:
        cursor = await self.connection.execute(query, (value,))
        return await cursor.fetchone() is not None

    async def run(self, query: str, *values: str) -> None:
        await self.connection.execute(query, values)


class ByAsyncpg(AsyncDesk):
    """With asyncpg."""

    look = "select 1 from events where seat = $1"
    asked = "select 1 from events where request = $1"
    insert = "insert into events (request, seat, guest) values ($1, $2, $3)"

    def __init__(self, dsn: str) -> None:
        import asyncpg

        super().__init__(dsn)
        self.taken = asyncpg.UniqueViolationError
        self.lost = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)

    async def connect(self) -> Any:
        import asyncpg

        return await asyncpg.connect(self.dsn)

    async def found(self, query: str, value: str) -> bool:
        return await self.connection.fetchrow(query, value) is not None

    async def run(self, query: str, *values: str) -> None:
        await self.connection.execute(query, *values)


class ByPsycopg2:
    """With psycopg2, which awaits nothing."""

    schema = SCHEMA
    tries = 1

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection: Any = None

    def book(self, seat: str, guest: str) -> None:
        """After an error of the connection it tries again, with a new one."""
        import psycopg2

        request = str(uuid.uuid4())
        for attempt in range(self.tries):
            try:
                if self.connection is None:
                    self.connection = psycopg2.connect(self.dsn)
                with self.connection, self.connection.cursor() as cursor:
                    self.once(cursor, request, seat, guest)
                return
            except psycopg2.errors.UniqueViolation as error:
                raise theatre.SeatTaken(seat) from error
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self.connection = None
                if attempt == self.tries - 1:
                    raise

    def once(self, cursor: Any, request: str, seat: str, guest: str) -> None:
        """One transaction."""
        if self.found(cursor, AsyncDesk.look, seat):
            raise theatre.SeatTaken(seat)
        cursor.execute(AsyncDesk.insert, (request, seat, guest))

    @staticmethod
    def found(cursor: Any, query: str, value: str) -> bool:
        """Whether there is a row."""
        cursor.execute(query, (value,))
        return cursor.fetchone() is not None


def that_tries_again(desk: Any) -> Any:
    """The commit may have worked whose answer was lost, and then it is made once more, without a look."""
    if issubclass(desk, AsyncDesk):

        class TriesAgain(desk):  # type: ignore[misc]
            tries = 3

            async def inside(self, request: str, seat: str, guest: str) -> None:
                await self.run(self.insert, request, seat, guest)

        return TriesAgain

    class Again(desk):  # type: ignore[misc]
        tries = 3

        def once(self, cursor: Any, request: str, seat: str, guest: str) -> None:
            cursor.execute(AsyncDesk.insert, (request, seat, guest))

    return Again


def repaired(desk: Any) -> Any:
    """A unique index, and a number for each request, which is looked up first."""
    if issubclass(desk, AsyncDesk):

        class Right(desk):  # type: ignore[misc]
            schema = UNIQUE
            tries = 3

            async def inside(self, request: str, seat: str, guest: str) -> None:
                if not await self.found(self.asked, request):
                    await super().inside(request, seat, guest)

        return Right

    class Careful(desk):  # type: ignore[misc]
        schema = UNIQUE
        tries = 3

        def once(self, cursor: Any, request: str, seat: str, guest: str) -> None:
            if not self.found(cursor, AsyncDesk.asked, request):
                super().once(cursor, request, seat, guest)

    return Careful


def system(desk: Any) -> Callable[[], Any]:
    """One call."""
    query = "select position, seat, guest from events"
    return postgres_system(desk.schema, Service(desk, [theatre.SeatTaken]), events={theatre.Booked: query})
