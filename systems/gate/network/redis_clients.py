"""Clients of `redis.asyncio` whose commands are crossings, on a loop that the gate drives.

A crossing is one attempt to send a command and hear its answer, below the retries of the library: where an answer is lost, the library
connects again and sends the command again, if it was told to. A pipeline is one crossing. To connect, and to hang up, is none. A command
that waits in the server for something to come (`BLOCK`, `BLPOP`) asks for what there is; its time-out passes in the gate's time, and it
asks again.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from refold.systems.gate.actor import Actor, current
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.network.steady_names import steady
from refold.systems.gate.patches import Patches, Replacements
from refold.systems.gate.runtime.serving import cross, driving

LOST = "Connection closed by server."
Told = tuple[str, str] | None
WORDS = 2
"""Words of a command that are told: its name and its key."""
READING = ("XREAD", "XREADGROUP")
TIMEOUTS = {
    **dict.fromkeys(("BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BZPOPMIN", "BZPOPMAX"), -1),
    **dict.fromkeys(("BLMPOP", "BZMPOP"), 1),
}
"""Commands that wait, and where they say how long."""
SHORT = 0.001
"""Real seconds that a command waits which cannot be asked not to."""
PAUSE = 5.0
"""Seconds after which one that waits for ever asks again."""
COMMANDS = 3
"""Commands of a pipeline that are told."""


def words_of(arguments: tuple[Any, ...]) -> str:
    """A command in two words: ``SET seat``."""
    name, *rest = (one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in arguments)
    return steady(" ".join((name.upper(), *rest[: WORDS - 1])))


def of_command(client: Any, connection: Any, command: Any, *arguments: Any, **options: Any) -> Told:
    """The crossing that a command is."""
    return "message", words_of(arguments or (command,))


def of_pipeline(client: Any, connection: Any, commands: Any, *others: Any) -> Told:
    """The crossing that a pipeline or a transaction is."""
    told = [words_of(command[0] if isinstance(command, tuple) else command.args) for command in commands]
    return "message", ", ".join(told[:COMMANDS]) + (", …" if len(told) > COMMANDS else "")


def at_once(arguments: tuple[Any, ...]) -> tuple[tuple[Any, ...], float] | None:
    """A command that may wait in the server, without waiting, and the seconds that it would wait (0: for ever); None for all others."""
    words = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in arguments]
    name = words[0].upper() if words else ""
    if name in READING and "BLOCK" in words:
        place = words.index("BLOCK")
        return (*arguments[:place], *arguments[place + 2 :]), float(words[place + 1]) / 1000
    place = TIMEOUTS.get(name, 0)
    if not place:
        return None
    place %= len(arguments)
    return (*arguments[:place], SHORT, *arguments[place + 1 :]), float(words[place])


def broken(connection: Any) -> Boundary:
    """What goes wrong: the connection is lost. Who hears of it hangs up, and may try again."""
    import redis

    def lose() -> BaseException:
        hang_up(connection)
        lost: BaseException = redis.ConnectionError(LOST)
        return lost

    return Boundary(lose, lose)


def hang_up(connection: Any) -> None:
    """The server hears at once that the client is gone."""
    writer = getattr(connection, "_writer", None)
    if writer is not None:
        writer.transport.abort()


def waiting(real: Any) -> Any:
    """The method that sends a command: one that waits in the server waits in the gate's time."""
    once = crossing(real, of_command)
    once_more = crossing(real, lambda *command, **options: None)

    async def waits(client: Any, connection: Any, command: Any, *arguments: Any, **named: Any) -> Any:
        found = at_once(arguments) if driving(current()) is not None else None
        if found is None:
            return await once(client, connection, command, *arguments, **named)
        less, seconds = found
        answer = await once(client, connection, command, *less, **named)
        while not answer:
            await asyncio.sleep(seconds or PAUSE)
            answer = await once_more(client, connection, command, *less, **named)
            if seconds:
                break
        return answer

    return waits


def crossing(real: Any, told: Callable[..., Told]) -> Any:
    """A method of a client that speaks over a connection, its first argument."""

    async def crosses(client: Any, connection: Any, *arguments: Any, **named: Any) -> Any:
        actor = current()
        loop = driving(actor)
        if actor is None or loop is None:
            return await real(client, connection, *arguments, **named)
        return await cross(
            loop,
            actor,
            told(client, connection, *arguments, **named),
            lambda: real(client, connection, *arguments, **named),
            broken(connection),
        )

    return crosses


def quiet(real: Any, then: Callable[[Any, Actor], None] = lambda connection, actor: None) -> Any:
    """A method that waits for the server where nobody else sees it."""

    async def passes(itself: Any, *arguments: Any, **named: Any) -> Any:
        actor = current()
        loop = driving(actor)
        if actor is None or loop is None:
            return await real(itself, *arguments, **named)
        answer = await cross(loop, actor, None, lambda: real(itself, *arguments, **named), broken(None))
        then(answer, actor)
        return answer

    return passes


def belongs(connection: Any, actor: Actor) -> None:
    """A connection dies with the process of who uses it."""
    ours = weakref.ref(connection)
    actor.process.opened(connection, lambda: hang_up(ours()))


def _replacements() -> Replacements:
    from redis.asyncio.client import Pipeline, Redis
    from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool, ConnectionPool

    places: dict[str, tuple[Any, str, Any]] = {
        "client.Redis": (Redis, "_send_command_parse_response", waiting),
        "client.Pipeline": (Pipeline, "_execute_transaction", lambda real: crossing(real, of_pipeline)),
        "client.Pipeline ": (Pipeline, "_execute_pipeline", lambda real: crossing(real, of_pipeline)),
        "connection.ConnectionPool": (ConnectionPool, "get_connection", lambda real: quiet(real, belongs)),
        "connection.ConnectionPool ": (ConnectionPool, "release", quiet),
        "connection.BlockingConnectionPool": (
            BlockingConnectionPool,
            "get_connection",
            lambda real: quiet(real, belongs),
        ),
        "connection.AbstractConnection": (AbstractConnection, "connect", quiet),
        "connection.AbstractConnection ": (AbstractConnection, "disconnect", quiet),
    }
    return {
        f"redis.asyncio.{place.strip()}.{name}": replace(vars(cls)[name])
        for place, (cls, name, replace) in places.items()
        if name in vars(cls)
    }


def register(patches: Patches) -> None:
    """Replace what speaks to a server."""
    patches.add("redis.asyncio", _replacements)
