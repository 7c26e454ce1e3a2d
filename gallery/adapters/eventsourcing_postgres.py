"""The shop on PostgreSQL: each client has an application of its own on one database."""

from __future__ import annotations

import os

from refold.gallery.adapters.eventsourcing_shop import Shop, in_module
from refold.systems.servers import PostgresDatabase


def on_postgres(dsn: str, create: str = "y") -> Shop:
    """A shop in this database, with its tables if they are to be created."""
    address, _, name = dsn.rpartition("/")
    host, _, port = address.rpartition("@")[2].partition(":")
    place = {"DBNAME": name, "HOST": host, "PORT": port, "USER": "postgres", "PASSWORD": "none", "POOL_SIZE": "1"}
    os.environ |= {"CREATE_TABLE": create, **{f"POSTGRES_{key}": value for key, value in place.items()}}
    return in_module("eventsourcing.postgres")


class Postgres:
    """Each client has an application of its own on one database. Notifications are promised to appear in the order of ids."""

    gaps = False
    refusals = (ValueError,)

    def __init__(self) -> None:
        self.database = PostgresDatabase(on_postgres)
        self.reader = on_postgres(self.database.dsn, create="n")
        self.read = self.reader.read

    def service(self, client: str) -> Shop:
        """A client's application."""
        return on_postgres(self.database.dsn, create="n")

    def close(self) -> None:
        """Newer releases have connections to close, older ones leave it to Python."""
        if hasattr(self.reader, "close"):
            self.reader.close()
        self.database.close()
