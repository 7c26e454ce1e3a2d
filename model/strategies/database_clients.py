"""Clients that decide in a database: change data capture feeds the log from there alone, dual writes write to both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from refold.model.application import Application, Command
from refold.model.client import Client, View
from refold.model.context import Context
from refold.model.event import Stored
from refold.model.expectation import AnyExpectation, at_version
from refold.model.extension import Extension
from refold.model.log import AppendRequest, Log


class Database(Log):
    """The authoritative store: rows, and a change record for each change of a row, written in one transaction.

    What readers see of it is its change stream, which is the event log of everybody downstream.
    """

    application: Application

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, View] = {}

    def row(self, key: str) -> View:
        """The row of `key`: its state, and how often it has changed."""
        row = self.rows.get(key)
        return View(self.application.initial(key), 0) if row is None else row

    def put(self, batch: Sequence[Stored]) -> None:
        """Rows and change records together."""
        super().put(batch)
        for event in batch:
            self.change(event)

    def change(self, event: Stored) -> None:
        """Change the row."""
        row = self.row(event.stream)
        self.rows[event.stream] = View(self.application.evolve(row.state, event.data), event.version)

    def undo(self, batch: Sequence[Stored]) -> None:
        """What the disk has failed to keep is no change of a row either."""
        super().undo(batch)
        self.fold()

    def cut_power(self, how: str) -> None:
        """What is lost is lost from both."""
        super().cut_power(how)
        self.fold()

    def fold(self) -> None:
        """The rows are what the change records say."""
        self.rows.clear()
        for event in self.entries:
            self.change(event)


class TransactionClient(Client):
    """Reads the row, decides and writes in one transaction of the database, which commits only if the row is as it was read."""

    log: Database

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.reads = "database"

    def bound(self, command: Command) -> bool:
        """Every transaction is isolated."""
        return True

    def view(self, key: str) -> View:
        """The row itself, not a copy somewhere downstream."""
        return self.log.row(key)

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """The transaction's isolation."""
        return key, at_version(view.version)


class DualWriter(Client):
    """Writes its decision to the database, and then, as a second step, to the log. The baseline that the event log replaces.

    Whatever comes between the two steps (a crash, another client) makes database and log disagree for ever.
    """

    database: dict[str, View]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.reads = "database"

    def bound(self, command: Command) -> bool:
        """The log is told, not asked."""
        return False

    def view(self, key: str) -> View:
        """The row."""
        row = self.database.get(key)
        return View(self.application.initial(key), 0) if row is None else row

    def prepare(self, command: Command, op: str = "") -> AppendRequest | None:
        """Decide, and write to the database at once; the log comes later."""
        request = super().prepare(command, op)
        if request is not None:
            row = self.view(request.stream)
            state = row.state
            for event in request.events:
                state = self.application.evolve(state, event.data)
            self.database[request.stream] = View(state, row.version + len(request.events))
        return request


class Databases(Extension):
    """Gives the database its application, and clients their database."""

    name = "database"
    log: Database

    def __init__(
        self, context: Context, consumers: dict[str, Any], clients: dict[str, Any], step: Callable[[Any], None]
    ) -> None:
        super().__init__(context, consumers, clients, step)
        self.log.application = context.application
        rows: dict[str, View] = {}
        for client in clients.values():
            client.database = rows
