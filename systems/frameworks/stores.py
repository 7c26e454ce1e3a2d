"""Where the runs of an `eventsourcing` application have their data, as settings of the library: in memory, in a file, on a server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from refold.model.errors import SystemUnavailable
from refold.systems.run_folder import RunFolder
from refold.systems.servers.catalogue import OFFERS
from refold.systems.user.errors import AdapterError, asked, let_through, told

FEW = {"POSTGRES_POOL_SIZE": "1", "POSTGRES_MAX_OVERFLOW": "4"}
"""Connections of a pool, where the user does not say how many: there are many processes, and each uses one at a time."""


Settings = Callable[[str], Mapping[str, str]]
"""Makes settings of the path of a folder."""

Persistence = str | Settings
"""``sqlite``, ``postgres``, ``popo``, or a function that makes settings of the folder in which a run has its files."""


class Store(Protocol):
    """The data of one run."""

    @property
    def env(self) -> Mapping[str, str]:
        """The settings for it."""

    def close(self) -> None:
        """The run is over."""


class Memory:
    """Nothing outlives the application."""

    env: Mapping[str, str] = {"PERSISTENCE_MODULE": "eventsourcing.popo"}

    def close(self) -> None:
        """There is nothing left."""


class File:
    """A database of SQLite in a folder of its own."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.env = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": f"{folder}/events.db"}

    def close(self) -> None:
        """Delete it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Files:
    """Files in a folder of its own, to which settings of the user's lead. Raises `AdapterError` if they name no module."""

    def __init__(self, folder: str, settings: Settings) -> None:
        self.folder = folder
        try:
            self.env = dict(settings(folder))
        except BaseException as error:
            let_through(error)
            raise AdapterError(f"persistence(folder) raised {told(error)}") from error
        if "PERSISTENCE_MODULE" not in self.env:
            raise AdapterError(
                f"persistence(folder) returned the settings {', '.join(self.env) or 'of nothing'}; PERSISTENCE_MODULE has to be one of them"
            )

    def close(self) -> None:
        """Delete it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Server:
    """A database of PostgreSQL, on the server that refold has started. `tables` makes the tables of a new one."""

    def __init__(self, tables: Callable[[str], object]) -> None:
        from refold.systems.servers.database import PostgresDatabase

        self.database = PostgresDatabase(tables)
        self.env = {**on_server(self.database.dsn), "CREATE_TABLE": "n"}

    def close(self) -> None:
        """It is emptied for the next run."""
        self.database.close()


def on_server(dsn: str) -> dict[str, str]:
    """Settings for a database at this address."""
    address = urlsplit(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": address.path.lstrip("/"),
        "POSTGRES_HOST": address.hostname or "",
        "POSTGRES_PORT": str(address.port or 5432),
        "POSTGRES_USER": unquote(address.username or ""),
        "POSTGRES_PASSWORD": unquote(address.password or "none"),
    }


class Tables:
    """Makes the tables of an application and of what follows it, as the library does. Each system has its own."""

    def __init__(self, application: Any, env: Mapping[str, str], workers: Mapping[str, Any]) -> None:
        self.application = application
        self.env = env
        self.workers = workers

    def __call__(self, dsn: str) -> None:
        """In the database at this address."""
        env = {**FEW, **self.env, **on_server(dsn), "CREATE_TABLE": "y"}
        leader = asked(f"{self.application.__name__}(env=…)", lambda: self.application(env=env))
        for name, worker in self.workers.items():
            asked(f"making {name}", worker.make, leader, worker.settings(env)).close()
        leader.close()


def stores(persistence: Persistence, tables: Tables) -> Callable[[], Store]:
    """What makes the data of a run. Raises `SystemUnavailable` if that cannot be had here."""
    if not isinstance(persistence, str):
        folders, settings = RunFolder("eventsourcing"), persistence
        return lambda: Files(folders.fresh(), settings)
    if persistence == "popo":
        return Memory
    if persistence == "sqlite":
        folder = RunFolder("eventsourcing")
        return lambda: File(folder.fresh())
    check_postgres()
    return lambda: Server(tables)


def check_postgres() -> None:
    """Whether there is a server, and what the library needs to speak to it. Raises `SystemUnavailable`."""
    OFFERS["postgres"].check()
    if find_spec("psycopg_pool") is None:
        raise SystemUnavailable(
            "persistence=postgres needs psycopg_pool, found none; install with: pip install 'refold[eventsourcing]'"
        )
    import_module("eventsourcing.postgres")  # a gate replaces names of modules that are there when it is opened
