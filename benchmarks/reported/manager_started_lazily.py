"""eventuate-tram/eventuate-tram-sagas#40: "SagaManagers are initialized lazily when saga is started => doesn't process replies in
failure scenario".

The factory of sagas makes the manager of a saga when the first one of that kind is started, and it is the manager that subscribes
to the replies. If the service dies while there are sagas that wait for replies, it handles none of them after its restart, until
somebody happens to start another saga.
Fixed: the managers are made when the service starts.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, kind text, number text, verdict text,
    unique (kind, number));
create table sagas (number text primary key, state text);
create table received (kind text primary key, position integer);
insert into received values ('Placed', 0), ('Replied', 0);
"""


class Rejected(Exception):
    """There is such an order, or none that waits for a reply."""


class Orders:
    """What clients call: customers place orders, and the credit service replies."""

    def __init__(self, path):
        self.path = path

    def place(self, number):
        self.record("Placed", number, None)

    def reply(self, number, verdict):
        self.record("Replied", number, verdict)

    def record(self, kind, number, verdict):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            happened = {kind for (kind,) in db.execute("select kind from events where number = ?", (number,))}
            if kind in happened or (kind == "Replied" and "Placed" not in happened):
                raise Rejected(number)
            db.execute("insert into events (kind, number, verdict) values (?, ?, ?)", (kind, number, verdict))
            db.execute("commit")


class SagaManager:
    """Starts sagas, and handles the replies to them."""

    def __init__(self, path, broker):
        self.path, self.broker = path, broker

    def create(self, position, number, _):
        self.broker.send(f"reserve credit for {number}")
        self.received("Placed", position, "insert or ignore into sagas values (?, 'waiting')", number)

    def handle_reply(self, position, number, verdict):
        self.broker.send(f"{'approve' if verdict == 'ok' else 'reject'} {number}")
        self.received("Replied", position, "update sagas set state = 'ended' where number = ?", number)

    def received(self, kind, position, sql, number):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute(sql, (number,))
            db.execute("update received set position = ? where kind = ?", (position, kind))


class OrderService:
    """The process with the sagas."""

    def __init__(self, path, broker):
        self.path, self.broker, self.manager = path, broker, None

    def get_manager(self):
        if self.manager is None:
            self.manager = SagaManager(self.path, self.broker)
        return self.manager

    def receive(self):
        """Handle a message; False if there is none."""
        placed = self.next("Placed")
        if placed is not None:
            self.get_manager().create(*placed)
            return True
        if self.manager is None:  # nobody subscribes
            return False
        replied = self.next("Replied")
        if replied is not None:
            self.manager.handle_reply(*replied)
        return replied is not None

    def next(self, kind):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute(
                "select position, number, verdict from events where kind = ?1"
                " and position > (select position from received where kind = ?1) order by position limit 1",
                (kind,),
            ).fetchone()


class FixedOrderService(OrderService):
    """Makes the manager at once."""

    def __init__(self, path, broker):
        super().__init__(path, broker)
        self.get_manager()


@dataclass(frozen=True)
class Place:
    number: str


@dataclass(frozen=True)
class Reply:
    number: str
    verdict: str


@dataclass(frozen=True)
class Placed(Place): ...


@dataclass(frozen=True)
class Replied(Reply): ...


# What refold needs to know of it.


class App(Application):
    events = (Placed, Replied)

    def commands(self):
        orders = ("o1", "o2", "o3", "o4")
        return [*map(Place, orders), *(Reply(order, verdict) for order in orders for verdict in ("ok", "no"))]

    def decide(self, command, state):
        if type(command) is Place:
            if state is not None:
                raise Refusal(f"{command.number} is {state}", "duplicate-create")
            return [Placed(command.number)]
        if state != "placed":
            raise Refusal(f"{command.number} is {state}", "duplicate-create")
        return [Replied(command.number, command.verdict)]

    def evolve(self, state, event):
        return "placed" if type(event) is Placed else "replied"


def message(stored):
    event = stored.data
    if type(event) is Placed:
        return f"reserve credit for {event.number}"
    return f"{'approve' if event.verdict == 'ok' else 'reject'} {event.number}"


def system(service):
    events = {
        Placed: "select position, number from events where kind = 'Placed'",
        Replied: "select position, number, verdict from events where kind = 'Replied'",
    }
    return sqlite_system(
        SCHEMA,
        Service(Orders, refusals=[Rejected]),
        events=events,
        sinks={"broker": Sink(message)},
        relays={"sagas": Relay(service, poll="receive", sends="broker")},
    )


Bad, Good = system(OrderService), system(FixedOrderService)
