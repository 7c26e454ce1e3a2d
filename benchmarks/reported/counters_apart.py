"""aws-samples/sample-voice-of-customer-datalake#383: "fix(aggregator): make an arrival idempotent under stream redelivery (#264)".

A function is given batches of records from a stream. For each record it increments several counters, one update after the other. If one of
the updates fails, the record is reported as failed, and the stream delivers it again, and all after it: the counters that were incremented
before are incremented again. So is a whole batch if the function dies before its checkpoint is saved.
Fixed: the id of the record is claimed in the transaction that increments all of its counters; a record that was claimed before is skipped.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application
from refold.systems.user import Service, Worker, sqlite_system

SCHEMA = """
create table feedback (position integer primary key autoincrement, source text, sentiment text);
create table aggregates (metric text primary key, value integer);
create table idempotency (event integer primary key);
create table shard (checkpoint integer);
insert into shard values (0);
"""
BATCH = 3


class Feedback:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def submit(self, source, sentiment):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into feedback (source, sentiment) values (?, ?)", (source, sentiment))


class Aggregator:
    """The function."""

    def __init__(self, path):
        self.path = path

    def handler(self, records):
        """The positions of the records that could not be processed."""
        failures = []
        for record in records:
            try:
                with contextlib.closing(sqlite3.connect(self.path)) as db:
                    self.process(db, *record)
            except sqlite3.Error:
                failures.append(record[0])
                break
        return failures

    def process(self, db, event, source, sentiment):
        for metric in self.metrics(source, sentiment):
            with db:
                self.increment(db, metric)

    @staticmethod
    def metrics(source, sentiment):
        return ("total", f"source {source}", f"sentiment {sentiment}")

    def increment(self, db, metric):
        db.execute(
            "insert into aggregates values (?, 1) on conflict (metric) do update set value = value + 1", (metric,)
        )


class FixedAggregator(Aggregator):
    """Claims the event together with its counters."""

    def process(self, db, event, source, sentiment):
        with db:
            if db.execute("insert or ignore into idempotency values (?)", (event,)).rowcount == 1:
                for metric in self.metrics(source, sentiment):
                    self.increment(db, metric)


class EventSource:
    """Polls the stream, and calls the function with what is next."""

    function = Aggregator

    def __init__(self, path):
        self.path, self.aggregator = path, self.function(path)

    def poll(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            records = db.execute(
                "select * from feedback where position > (select checkpoint from shard) order by position limit ?",
                (BATCH,),
            ).fetchall()
            if not records:
                return False
            failures = self.aggregator.handler(records)
            done = [position for position, _, _ in records if not failures or position < failures[0]]
            if done:
                with db:
                    db.execute("update shard set checkpoint = ?", (done[-1],))
        return True


class FixedEventSource(EventSource):
    """With the function that claims."""

    function = FixedAggregator


@dataclass(frozen=True)
class Submit:
    source: str
    sentiment: str


@dataclass(frozen=True)
class Submitted(Submit): ...


# What refold needs to know of it.


class App(Application):
    events = (Submitted,)

    def commands(self):
        return [Submit(source, sentiment) for source in ("web", "phone") for sentiment in ("good", "bad")]

    def decide(self, command, state):
        return [Submitted(command.source, command.sentiment)]

    def evolve(self, state, event):
        return (state or 0) + 1

    def view(self, event, rows):
        return {metric: rows.get(metric, 0) + 1 for metric in Aggregator.metrics(event.source, event.sentiment)}


def system(source):
    aggregates = Worker(source, poll="poll", rows="aggregates", checkpoint="shard")
    return sqlite_system(
        SCHEMA, Service(Feedback), events={Submitted: "feedback"}, consumers={"aggregates": aggregates}
    )


Bad, Good = system(EventSource), system(FixedEventSource)
