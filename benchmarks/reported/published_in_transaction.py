"""headsnet/domain-events-bundle#27: "Events get published while rollback transaction is open".

Domain events are stored in a table together with the change that they tell of. When a request is over, everything in the table that was
not published yet is published. If the request has failed, its transaction may still be open at that time: its events are read over the
same connection, and published, and then the transaction is rolled back.
Fixed (headsnet/domain-events-bundle#46): nothing is published while a transaction is open.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table orders (number integer primary key autoincrement, customer text, item text, paid integer default 0);
create table event (position integer primary key autoincrement, kind text, customer text, item text,
    published integer default 0);
"""
LIMIT = 2


class CreditExceeded(Exception):
    """The customer has to pay first."""


class NothingToPay(Exception):
    """The customer has no open order."""


class Kernel:
    """Runs requests, each over a connection of its own, and publishes when they are over."""

    def __init__(self, path, bus):
        self.path, self.bus = path, bus

    def request(self, controller, *arguments):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            try:
                if controller is not None:
                    db.execute("begin immediate")
                    controller(db, *arguments)
                    db.execute("commit")
            finally:
                self.terminate(db)

    def terminate(self, db):
        for position, kind, customer, item in db.execute(
            "select position, kind, customer, item from event where published = 0 order by position"
        ).fetchall():
            self.bus.send(f"{position}: {customer} {kind} {item}")
            db.execute("update event set published = 1 where position = ?", (position,))

    def order(self, customer, item):
        self.request(self.place, customer, item)

    def pay(self, customer):
        self.request(self.settle, customer)

    def place(self, db, customer, item):
        db.execute("insert into orders (customer, item) values (?, ?)", (customer, item))
        self.record(db, "Ordered", customer, item)
        (open_orders,) = db.execute(
            "select count(*) from orders where customer = ? and not paid", (customer,)
        ).fetchone()
        if open_orders > LIMIT:
            raise CreditExceeded(customer)

    def settle(self, db, customer):
        done = db.execute("update orders set paid = 1 where customer = ? and not paid", (customer,))
        if done.rowcount == 0:
            raise NothingToPay(customer)
        self.record(db, "Paid", customer, "everything")

    def record(self, db, kind, customer, item):
        db.execute("insert into event (kind, customer, item) values (?, ?, ?)", (kind, customer, item))


class FixedKernel(Kernel):
    """Waits until no transaction is open."""

    def terminate(self, db):
        if not db.in_transaction:
            super().terminate(db)


class Cron:
    """A command without any work of its own: when it is over, it publishes as well."""

    kernel = Kernel

    def __init__(self, path, bus):
        self.console, self.path = self.kernel(path, bus), path

    def run(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            waiting = db.execute("select count(*) from event where published = 0").fetchone()[0]
        self.console.request(None)
        return waiting > 0


class FixedCron(Cron):
    """With the repaired kernel."""

    kernel = FixedKernel


@dataclass(frozen=True)
class Order:
    customer: str
    item: str


@dataclass(frozen=True)
class Pay:
    customer: str


@dataclass(frozen=True)
class Ordered(Order): ...


@dataclass(frozen=True)
class Paid(Pay): ...


# What refold needs to know of it.


class App(Application):
    events = (Ordered, Paid)

    def commands(self):
        customers = ("ann", "bob")
        return [*(Order(who, item) for who in customers for item in ("tea", "jam")), *(Pay(who) for who in customers)]

    def initial(self, key):
        return 0

    def decide(self, command, state):
        if isinstance(command, Pay):
            if state == 0:
                raise Refusal("nothing to pay", "lost-update")
            return [Paid(command.customer)]
        if state >= LIMIT:
            raise Refusal(f"{state} open orders", "oversold")
        return [Ordered(command.customer, command.item)]

    def evolve(self, state, event):
        return 0 if isinstance(event, Paid) else state + 1


def message(event):
    item = event.data.item if event.type == "Ordered" else "everything"
    return f"{event.position}: {event.data.customer} {event.type} {item}"


def system(kernel, cron):
    return sqlite_system(
        SCHEMA,
        Service(kernel, refusals=[CreditExceeded, NothingToPay], sends="bus"),
        events={
            Ordered: "select position, customer, item from event where kind = 'Ordered'",
            Paid: "select position, customer from event where kind = 'Paid'",
        },
        sinks={"bus": Sink(message)},
        relays={"cron": Relay(cron, poll="run", sends="bus")},
    )


Bad, Good = system(Kernel, Cron), system(FixedKernel, FixedCron)
