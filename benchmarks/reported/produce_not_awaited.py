"""abpframework/abp#24340: "Outbox events are marked as published (and deleted) even when Kafka broker is down".

The outbox worker hands a batch of events to the producer and deletes them. The producer only queues them: it delivers later,
in the background, and reports failures to a callback that nobody looks at. If the broker is down, or the process dies, the events
are gone.
Fixed: the worker waits for the delivery reports, and deletes what was delivered.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table orders (position integer primary key autoincrement, number text unique, town text);
create table outbox (id integer primary key autoincrement, message text);
"""
BATCH = 3


class AlreadyPlaced(Exception):
    """There is an order with that number."""


class Shop:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def place(self, number, town):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                with db:
                    db.execute("insert into orders (number, town) values (?, ?)", (number, town))
                    db.execute("insert into outbox (message) values (?)", (f"{number} to {town}",))
            except sqlite3.IntegrityError:
                raise AlreadyPlaced(number) from None


class Producer:
    """Like a Kafka client's: `produce` queues, `poll` delivers what is queued, and the reports tell how it went."""

    def __init__(self, broker):
        self.broker, self.queue = broker, []

    def produce(self, message, report=None):
        self.queue.append((message, report))

    def poll(self):
        while self.queue:
            message, report = self.queue.pop(0)
            try:
                self.broker.send(message)
                error = None
            except ConnectionError as failed:
                error = failed
            if report is not None:
                report(error)

    flush = poll


class OutboxSender:
    """Publishes what is in the outbox, and deletes it."""

    def __init__(self, path, broker):
        self.path, self.producer = path, Producer(broker)

    def run_once(self):
        self.producer.poll()  # what a thread of the client does all the time
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            batch = db.execute("select id, message from outbox order by id limit ?", (BATCH,)).fetchall()
            with db:
                for number in self.publish(batch):
                    db.execute("delete from outbox where id = ?", (number,))
        return bool(batch)

    def publish(self, batch):
        """The ids of what was published."""
        for _, message in batch:
            self.producer.produce(message)
        return [number for number, _ in batch]


class FixedOutboxSender(OutboxSender):
    """Deletes what was delivered."""

    def publish(self, batch):
        delivered = []
        for number, message in batch:
            self.producer.produce(message, lambda error, number=number: error is None and delivered.append(number))
        self.producer.flush()
        return delivered


@dataclass(frozen=True)
class Place:
    number: str
    town: str


@dataclass(frozen=True)
class Placed(Place): ...


# What refold needs to know of it.


class App(Application):
    events = (Placed,)

    def commands(self):
        return [Place(number, town) for number in ("o1", "o2", "o3") for town in ("Ulm", "Bern")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal(f"{command.number} exists", "duplicate-create")
        return [Placed(command.number, command.town)]

    def evolve(self, state, event):
        return event.town


def system(sender):
    return sqlite_system(
        SCHEMA,
        Service(Shop, refusals=[AlreadyPlaced]),
        events={Placed: "orders"},
        sinks={"broker": Sink(lambda event: f"{event.data.number} to {event.data.town}")},
        relays={"sender": Relay(sender, poll="run_once", sends="broker")},
    )


Bad, Good = system(OutboxSender), system(FixedOutboxSender)
