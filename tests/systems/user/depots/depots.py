"""Wallets once more, with what several rows, workers and attempts get wrong: mistakes of public reports, and their repairs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from typing import Any

from ..field import accounts, wallets

SCHEMA = (
    accounts.SCHEMA
    + """
create table totals (name text primary key, amount integer);
create table letters (id integer primary key autoincrement, event integer, wallet text, sent integer default 0,
    attempts integer default 0, claimed real default 0);
create table lease (until real, owner text);
insert into lease values (0, null);
"""
)
ADD = "insert into {} values (?, ?) on conflict do update set {} = {} + excluded.{}"


def change(kind: str, data: str) -> int:
    """What an event does to a balance."""
    amount = int(json.loads(data)["amount"])
    return amount if kind == "Deposited" else -amount


# -- memory


class Remembering(wallets.Balances):
    """JasperFx/marten#4730 in kind: the documents are in memory as well, and changed there before they are written."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.memory: dict[str, int] = {}

    def apply(self, event: Any) -> None:
        """To the document, and then into the table."""
        row = self.connection.execute("select balance from balances where wallet = ?", (event[1],)).fetchone()
        known = self.memory.setdefault(event[1], row[0] if row else 0)
        self.memory[event[1]] = known + change(event[2], event[3])
        self.connection.execute("insert or replace into balances values (?, ?)", (event[1], self.memory[event[1]]))


class Forgetting(Remembering):
    """What was not committed is not remembered."""

    def run_once(self) -> bool:
        """As before."""
        try:
            return super().run_once()
        except sqlite3.Error:
            self.memory.clear()
            raise


class RemembersPages(Remembering):
    """The same, page by page."""

    def run_once(self) -> bool:
        """A page."""
        query = "select position, wallet, type, data, at from events where position > ? order by position limit 5"
        page = self.connection.execute(query, (self.position(),)).fetchall()
        if not page:
            return False
        with self.connection:
            for event in page:
                self.apply(event)
            self.save(page[-1])
        return True


class WholeRow(wallets.Balances):
    """prolic/awesomeness#3 in kind: the row is written anew from the aggregate, which is loaded once."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.loaded: dict[str, int] = {}

    def apply(self, event: Any) -> None:
        """All of the wallet."""
        if event[1] not in self.loaded:
            query = "select type, data from events where wallet = ? order by version"
            self.loaded[event[1]] = sum(change(*row) for row in self.connection.execute(query, (event[1],)).fetchall())
        self.connection.execute("insert or replace into balances values (?, ?)", (event[1], self.loaded[event[1]]))


class FreshRow(WholeRow):
    """It is loaded each time."""

    def apply(self, event: Any) -> None:
        """All of the wallet."""
        self.loaded.clear()
        super().apply(event)


# -- rows that several write


class KeepsTotal(accounts.Beside):
    """JasperFx/marten#3488 in kind: the total is read before the transaction that writes it."""

    def store(self, wallet: wallets.Wallet, events: list[tuple[str, int]]) -> None:
        """With the total."""
        row = self.connection.execute("select amount from totals").fetchone()
        self.total = (row[0] if row else 0) + sum(amount if kind == "Deposited" else -amount for kind, amount in events)
        super().store(wallet, events)

    def beside(self, position: Any) -> None:
        """As it was, and what is new."""
        self.connection.execute("insert or replace into totals values ('all', ?)", (self.total,))


class AddsToTotal(KeepsTotal):
    """The database adds."""

    def beside(self, position: Any) -> None:
        """What is new."""
        query = "select type, data from events where position = ?"
        amount = change(*self.connection.execute(query, (position,)).fetchone())
        self.connection.execute(ADD.format("totals", *["amount"] * 3), ("all", amount))


class Ins(wallets.Balances):
    """Makes rows, and adds what comes in."""

    name, kind = "ins", "Deposited"

    def following(self) -> Any:
        """Of its kind."""
        query = "select position, wallet, type, data, at from events where position > ? and type = ? order by position"
        return self.connection.execute(query, (self.position(), self.kind)).fetchone()


class Outs(Ins):
    """pingdotgg/t3code#1973 in kind: books what goes out on the row, whether that is there or not."""

    name, kind = "outs", "Withdrawn"

    def apply(self, event: Any) -> None:
        """Of a row."""
        query = "update balances set balance = balance + ? where wallet = ?"
        self.connection.execute(query, (change(event[2], event[3]), event[1]))


class OutsAnyway(Ins):
    """It may be the first."""

    name, kind = "outs", "Withdrawn"


class Refreshes(wallets.Balances):
    """ecotoneframework/ecotone-dev#253 in kind: the table is emptied, and then filled with all there is."""

    def run_once(self) -> bool:
        """All of it."""
        events = self.connection.execute("select position, wallet, type, data from events order by position").fetchall()
        if not events or events[-1][0] == self.position():
            return False
        self.refresh(events)
        return True

    def refresh(self, events: Any) -> None:
        """In two transactions."""
        with self.connection:
            self.connection.execute("delete from balances")
        with self.connection:
            self.fill(events)

    def fill(self, events: Any) -> None:
        """From nothing."""
        for event in events:
            self.apply(event)
        self.save(events[-1])


class RefreshesAtOnce(Refreshes):
    """Nobody sees it empty."""

    def refresh(self, events: Any) -> None:
        """In one transaction."""
        with self.connection:
            self.connection.execute("delete from balances")
            self.fill(events)


# -- attempts


class Leased(wallets.Balances):
    """prooph/pdo-event-store#194 in kind: whoever works makes its lease longer, and writes down how far it is."""

    def run_once(self) -> bool:
        """The next event."""
        event = self.following()
        if event is None:
            return False
        self.extend(event)
        with self.connection:
            self.apply(event)
            self.save(event)
        return True

    def extend(self, event: Any) -> None:
        """The lease, and the position."""
        with self.connection:
            self.connection.execute("update lease set until = ?", (time.time() + 10,))
            self.save(event)


class LeasedAlone(Leased):
    """A lease is no position."""

    def extend(self, event: Any) -> None:
        """The lease."""
        with self.connection:
            self.connection.execute("update lease set until = ?", (time.time() + 10,))


class Impatient(wallets.Balances):
    """Koed00/django-q#183, xing/beetle#73: an attempt that takes too long is made again, and goes on."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    async def poll(self) -> bool:
        """The next event; an attempt may take five seconds."""
        event = self.following()
        while event is not None:
            try:
                await asyncio.wait_for(asyncio.to_thread(self.handle, event), 5)
                return True
            except TimeoutError:
                continue
        return False

    def handle(self, event: Any) -> None:
        """On a connection of its own."""
        attempt = type(self).attempt(self.path)
        with attempt.connection:
            self.work(attempt, event)
        attempt.connection.close()

    attempt = wallets.Balances

    def work(self, attempt: wallets.Balances, event: Any) -> None:
        """Row and position."""
        attempt.apply(event)
        attempt.save(event)


class MovesFirst(Impatient):
    """Whoever moves the position applies the event."""

    def work(self, attempt: wallets.Balances, event: Any) -> None:
        """Row and position."""
        attempt.connection.execute("insert or ignore into progress values ('balances', 0)")
        query = "update progress set position = ? where name = 'balances' and position < ?"
        if attempt.connection.execute(query, (event[0], event[0])).rowcount:
            attempt.apply(event)


# -- relays


class Writes(accounts.Beside):
    """Each event has a letter."""

    def beside(self, position: Any) -> None:
        """With the event."""
        query = "insert into letters (event, wallet) select position, wallet from events where position = ?"
        self.connection.execute(query, (position,))


class GivesUp:
    """MarcosRabadan/Agendia#322 in kind: what was refused twice is not sent any more."""

    due = "not sent and attempts < 2"

    def __init__(self, path: str, broker: Any) -> None:
        self.connection = sqlite3.connect(path)
        self.broker = broker

    def step(self) -> bool:
        """The next letter."""
        query = f"select id, event from letters where {self.due} order by attempts, id"
        letter = self.connection.execute(query).fetchone()
        if letter is None:
            return False
        try:
            self.broker.send(letter[1])
        except ConnectionError:
            with self.connection:
                self.connection.execute("update letters set attempts = attempts + 1 where id = ?", letter[:1])
            return True
        with self.connection:
            self.connection.execute("update letters set sent = 1 where id = ?", letter[:1])
        return True


class GoesOn(GivesUp):
    """It is sent later."""

    due = "not sent"


class Claims(GivesUp):
    """AlexeyRaga/kafkaflow-contrib#24 in kind: several claim letters, each the oldest one that is free."""

    free = "not sent and claimed < :stale"

    def step(self) -> bool:
        """The next letter."""
        now = time.time()
        with self.connection:
            query = f"select min(id) from letters where {self.free}"
            claim = f"update letters set claimed = :now where id = ({query}) returning id, event"
            letter = self.connection.execute(claim, {"now": now, "stale": now - 60}).fetchone()
        if letter is None:
            return False
        self.broker.send(letter[1])
        with self.connection:
            self.connection.execute("update letters set sent = 1 where id = ?", letter[:1])
        return True


class ClaimsInOrder(Claims):
    """None of a wallet of which an older one is not sent."""

    free = (
        "not sent and claimed < :stale and not exists (select 1 from letters older"
        " where not older.sent and older.wallet = letters.wallet and older.id < letters.id)"
    )
