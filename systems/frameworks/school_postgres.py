"""The view of the example on PostgreSQL. Import it only where psycopg and psycopg_pool are there."""

from __future__ import annotations

from typing import Any

from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from psycopg.sql import SQL


class TricksOnPostgres(PostgresTrackingRecorder):
    """How many dogs know each trick, in a table beside the tracking of the library."""

    def __init__(self, datastore: PostgresDatastore, **named: Any) -> None:
        super().__init__(datastore, **named)
        table = "CREATE TABLE IF NOT EXISTS tricks (trick text PRIMARY KEY, dogs integer)"
        statements: Any = getattr(self, "create_table_statements", None)  # before 9.5
        if statements is None:
            self.sql_create_statements.append(SQL(table).format())
        else:
            statements.append(table)

    def learned(self, trick: str, tracking: Tracking) -> None:
        """One dog more, together with where the projection has come to."""
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(
                "INSERT INTO tricks VALUES (%s, 1) ON CONFLICT (trick) DO UPDATE SET dogs = tricks.dogs + 1", (trick,)
            )
            self._insert_tracking(cursor, tracking)

    def counts(self) -> dict[str, int]:
        """Trick -> number of dogs."""
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT trick, dogs FROM tricks")
            return {row["trick"]: row["dogs"] for row in cursor.fetchall()}
