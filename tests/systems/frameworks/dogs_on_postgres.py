"""The views of `dogs.py`, on PostgreSQL."""

from __future__ import annotations

from typing import Any

from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from psycopg.sql import SQL


class Counts(PostgresTrackingRecorder):
    """A table of tricks, and how many dogs know each."""

    def __init__(self, datastore: PostgresDatastore, **named: Any) -> None:
        super().__init__(datastore, **named)
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS counts (trick text PRIMARY KEY, n integer)").format()
        )

    def count(self, trick: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self.add(cursor, trick)
            self._insert_tracking(cursor, tracking)

    def add(self, cursor: Any, trick: str) -> None:
        cursor.execute("INSERT INTO counts VALUES (%s, 1) ON CONFLICT (trick) DO UPDATE SET n = counts.n + 1", (trick,))

    def totals(self) -> dict[str, int]:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT trick, n FROM counts")
            return {row["trick"]: row["n"] for row in cursor.fetchall()}


class CountsInTwoSteps(Counts):
    """Notes where it has come to in a transaction of its own."""

    def count(self, trick: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self.add(cursor, trick)
        self.insert_tracking(tracking)
