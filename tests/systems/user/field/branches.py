"""Wallets with positions, timers, outboxes and tables that go wrong as public reports tell; each mistake beside its repair."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from . import accounts, wallets

SCHEMA = (
    accounts.SCHEMA
    + """
create table shown (wallet text primary key, balance integer);
create table other (wallet text primary key, balance integer);
create table alias (target text);
insert into alias values ('balances');
create table reminders (event integer primary key, due real);
"""
)
ALL = "select position, wallet, type, data, at from events"
PAGE = f"{ALL} where position > ? and position <= ? order by position"
ADD = "insert into {} values (?, ?) on conflict (wallet) do update set balance = balance + excluded.balance"


def change(event: Any) -> int:
    """What an event does to a balance."""
    return int(json.loads(event[3])["amount"]) * (1 if event[2] == "Deposited" else -1)


# -- services


class ShowsLater(wallets.Wallets):
    """The event is committed, and then the balance that the page shows, in a transaction of its own."""

    def store(self, wallet: wallets.Wallet, events: list[tuple[str, int]]) -> None:
        """In two."""
        super().store(wallet, events)
        with self.connection:
            self.show(wallet, events)

    def show(self, wallet: wallets.Wallet, events: list[tuple[str, int]]) -> None:
        """Add what has come."""
        for kind, amount in events:
            added = amount if kind == "Deposited" else -amount
            self.connection.execute(ADD.format("shown"), (wallet.name, added))


class ShowsWithIt(ShowsLater):
    """Both in one."""

    def store(self, wallet: wallets.Wallet, events: list[tuple[str, int]]) -> None:
        """Until the end of the outer block nothing is committed."""
        with self.connection:
            first = wallet.version - len(events) + 1
            for number, (kind, amount) in enumerate(events, first):
                data = json.dumps({"wallet": wallet.name, "amount": amount})
                self.connection.execute(accounts.INSERT, (wallet.name, number, kind, data, time.time()))
            self.show(wallet, events)


# -- workers


class EndAskedAfterwards(wallets.Balances):
    """kurrent-io/KurrentDB#4975 in kind: after an empty page of deposits the position is the end of the log, asked for after the page."""

    def run_once(self) -> bool:
        """The next deposit, or the end."""
        query = f"{ALL} where position > ? and type = 'Deposited' order by position limit 1"
        before = self.position()
        event = self.connection.execute(query, (before,)).fetchone()
        to = event[0] if event else self.end(before)
        with self.connection:
            if event:
                self.apply(event)
            self.save_position(to)
        return bool(to > before)

    def end(self, before: int) -> int:
        """Of the log."""
        return int(self.connection.execute("select coalesce(max(position), 0) from events").fetchone()[0])


class StaysAtThePage(EndAskedAfterwards):
    """An empty page moves nothing."""

    def end(self, before: int) -> int:
        """Where it was."""
        return before


class Segments(wallets.Balances):
    """Two segments of the wallets, each with a position of its own; they stay as they are."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with self.connection:
            self.begin()

    def begin(self) -> None:
        """Nothing is to be done."""

    def run_once(self) -> bool:
        """The first segment, or the second."""
        return self.work(0) or self.work(1)

    def work(self, segment: int) -> bool:
        """The next event of its wallets."""
        after = self.position_of(segment)
        rows = self.connection.execute(f"{ALL} where position > ? order by position", (after,)).fetchall()
        event = next((row for row in rows if row[1] == ("w1", "w2")[segment]), None)
        if event is None:
            return False
        with self.connection:
            self.apply(event)
            self.move(segment, event[0])
        return True

    def position_of(self, segment: int) -> int:
        """Behind this it goes on."""
        row = self.connection.execute("select position from progress where name = ?", (str(segment),)).fetchone()
        return int(row[0]) if row else 0

    def move(self, segment: int, position: int) -> None:
        """It has come this far."""
        self.connection.execute("insert or replace into progress values (?, ?)", (str(segment), position))


class MergesAtTheFurther(Segments):
    """AxonIQ/AxonFramework#4808 in kind: at the start the segments are merged, and go on where the further one was."""

    choose: ClassVar[Callable[[Sequence[int]], int]] = max

    def begin(self) -> None:
        """One position for both."""
        self.connection.execute("begin immediate")
        to = type(self).choose((self.position_of(0), self.position_of(1)))
        self.move(0, to)
        self.move(1, to)


class LoadsAtOnce(wallets.Balances):
    """The first time it reads what there is, page by page, in one transaction."""

    def run_once(self) -> bool:
        """The load, or the next event."""
        if self.position():
            return super().run_once()
        self.connection.execute("begin immediate")
        with self.connection:
            end = self.end()
            after = 0
            while page := self.connection.execute(f"{PAGE} limit 2", (after, end)).fetchall():
                after = page[-1][0]
                self.take(page)
            self.save_position(end)
        return bool(end)

    def end(self) -> int:
        """Of the log."""
        return int(self.connection.execute("select coalesce(max(position), 0) from events").fetchone()[0])

    def take(self, page: Sequence[Any]) -> None:
        """Into the rows."""
        for event in page:
            self.apply(event)


class LoadsAgain(LoadsAtOnce):
    """Each page is a transaction: whoever died over the second takes the first again."""

    def take(self, page: Sequence[Any]) -> None:
        """And commit."""
        super().take(page)
        self.connection.commit()


class LoadsPages(wallets.Balances):
    """Each time a page, whose end is saved with it."""

    def run_once(self) -> bool:
        """The next page."""
        page = self.connection.execute(f"{PAGE} limit 2", (self.position(), 1_000_000)).fetchall()
        if page:
            self.load(page)
        return bool(page)

    def load(self, page: Sequence[Any]) -> None:
        """One transaction."""
        with self.connection:
            for event in page:
                self.apply(event)
            self.save_position(page[-1][0])


class LoadsPagesInTwo(LoadsPages):
    """The end of a page is saved in a transaction of its own: a death before it repeats the page."""

    def load(self, page: Sequence[Any]) -> None:
        """Two transactions."""
        with self.connection:
            for event in page:
                self.apply(event)
        with self.connection:
            self.save_position(page[-1][0])


class FromNow(wallets.Balances):
    """commanded/commanded#14 in kind: who has no position begins with what comes from now on."""

    def position(self) -> Any:
        """The end, if nothing is stored."""
        row = self.connection.execute("select position from progress where name = ?", (self.name,)).fetchone()
        return row[0] if row else self.connection.execute("select coalesce(max(position), 0) from events").fetchone()[0]


class ReadThenWritten(wallets.Balances):
    """One of two, each with wallets of its own: reads a balance, and writes it."""

    mine = 0

    def run_once(self) -> bool:
        """The next event of its own."""
        query = f"{ALL} where position > ? order by position"
        rows = self.connection.execute(query, (self.position(),)).fetchall()
        event = next((row for row in rows if self.part(row) == self.mine), None)
        if event is None:
            return False
        balance = self.connection.execute("select balance from balances where wallet = ?", (event[1],)).fetchone()
        with self.connection:
            new = (balance[0] if balance else 0) + change(event)
            self.connection.execute("insert or replace into balances values (?, ?)", (event[1], new))
            self.save(event)
        return True

    def part(self, event: Any) -> int:
        """Whose event it is."""
        return ("w1", "w2").index(event[1])


class OfW1(ReadThenWritten):
    """The first."""

    name = "w1"


class OfW2(ReadThenWritten):
    """The second."""

    name, mine = "w2", 1


class OfEven(OfW1):
    """Shared by position: both may work on the same wallet."""

    def part(self, event: Any) -> int:
        """Every other one."""
        return int(event[0] % 2)


class OfOdd(OfW2):
    """The other one."""

    def part(self, event: Any) -> int:
        """Every other one."""
        return int(event[0] % 2)


class ByAlias(wallets.Balances):
    """Adds to whatever table the alias names; a rebuild fills the other one and moves the alias."""

    def run_once(self) -> bool:
        """In one transaction, from the first query on."""
        self.connection.execute("begin immediate")
        with self.connection:
            event = self.following()
            if event is not None:
                self.connection.execute(ADD.format(self.target()), (event[1], change(event)))
                self.save(event)
        return event is not None

    def target(self) -> str:
        """What the alias names."""
        return str(self.connection.execute("select target from alias").fetchone()[0])

    def rebuild(self) -> None:
        """In one transaction, too."""
        self.connection.execute("begin immediate")
        with self.connection:
            target = "other" if ByAlias.target(self) == "balances" else "balances"
            self.connection.execute(f"delete from {target}")
            for event in self.connection.execute(f"{ALL} order by position").fetchall():
                self.connection.execute(ADD.format(target), (event[1], change(event)))
                self.save(event)
            self.connection.execute("update alias set target = ?", (target,))


class AliasOfTheStart(ByAlias):
    """Looks the alias up as it starts."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.found = super().target()

    def target(self) -> str:
        """What it was."""
        return self.found


# -- what is sent


class Reminders:
    """Reminds of each event after a minute; timers are in a table."""

    def __init__(self, path: str, mail: Any) -> None:
        self.connection = sqlite3.connect(path)
        self.mail = mail

    def step(self) -> bool:
        """What is due; then the next event."""
        fired = self.fire()
        row = self.connection.execute("select position from progress where name = 'mail'").fetchone()
        after = row[0] if row else 0
        event = self.connection.execute(f"{ALL} where position > ? order by position limit 1", (after,)).fetchone()
        if event is None:
            return fired
        with self.connection:
            self.arm(event[0], event[4] + 60)
            self.connection.execute("insert or replace into progress values ('mail', ?)", (event[0],))
        return True

    def arm(self, event: int, due: float) -> None:
        """A timer."""
        self.connection.execute("insert or ignore into reminders values (?, ?)", (event, due))

    def fire(self) -> bool:
        """The first one that is due."""
        query = "select event from reminders where due <= ? order by due limit 1"
        row = self.connection.execute(query, (time.time(),)).fetchone()
        if row is None:
            return False
        self.mail.send({"event_id": row[0]})
        with self.connection:
            self.connection.execute("delete from reminders where event = ?", row)
        return True


class RemindersInMemory(Reminders):
    """MassTransit/Automatonymous#50: timers are in memory, and gone after a restart."""

    def __init__(self, path: str, mail: Any) -> None:
        super().__init__(path, mail)
        self.due: dict[int, float] = {}

    def arm(self, event: int, due: float) -> None:
        """In memory."""
        self.due[event] = due

    def fire(self) -> bool:
        """The first one that is due."""
        event = next((one for one, due in self.due.items() if due <= time.time()), None)
        if event is None:
            return False
        self.mail.send({"event_id": event})
        del self.due[event]
        return True


class PutsOff(accounts.Outbox):
    """ow00us/sb11-mopl-team1#266: what the broker refused is due five seconds later, and what follows it is due now."""

    first = ""

    def step(self) -> bool:
        """All that is due."""
        query = f"select id, event from outbox o where sent = 0 and due <= ? {self.first} order by id"
        rows = self.connection.execute(query, (time.time(),)).fetchall()
        for number, event in rows:
            try:
                self.broker.publish({"event_id": event})
                self.mark(number)
            except ConnectionError:
                with self.connection:
                    self.connection.execute("update outbox set due = ? where id = ?", (time.time() + 5, number))
        return bool(rows)


class WaitsForTheFirst(PutsOff):
    """Only the oldest is due."""

    first = "and id = (select min(id) from outbox where sent = 0)"


class MarksWhatIsThere(accounts.Outbox):
    """Sends what it has selected, and marks whatever is unsent by then."""

    def step(self) -> bool:
        """A batch."""
        rows = self.connection.execute("select id, event from outbox where sent = 0 order by id").fetchall()
        for _, event in rows:
            self.broker.publish({"event_id": event})
        with self.connection:
            self.connection.execute("update outbox set sent = 1 where sent = 0")
        return bool(rows)
