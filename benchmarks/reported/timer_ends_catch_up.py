"""commanded/eventstore#327: "Keep catching up when the checkpoint timer fires".

A subscription first catches up: it reads page after page, while notifications only tell it what the newest event is. When it has
caught up, it is subscribed, and takes the next event from the notification. Its checkpoint is saved every few events, or by a timer.
When the timer fires, the subscription becomes subscribed, whatever it was before: it stops reading, and takes the next event that is
notified for the one that it is waiting for. All events in between are skipped, and the checkpoint is past them.
Fixed: the timer saves the checkpoint, and changes nothing else.
"""

import contextlib
import sqlite3
import time
from dataclasses import dataclass

from refold import Application
from refold.systems.user import Service, Worker, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, player text, points integer);
create table scores (player text primary key, points integer, last integer);
create table checkpoints (position integer);
insert into checkpoints values (0);
"""
PAGE, THRESHOLD, AFTER = 2, 5, 5.0


class Game:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def score(self, player, points):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into events (player, points) values (?, ?)", (player, points))


class Scores:
    """The subscriber. An event that it has seen changes nothing."""

    def handle(self, db, position, player, points):
        with db:
            db.execute(
                "insert into scores values (?, ?, ?) on conflict (player)"
                " do update set points = points + excluded.points, last = excluded.last where last < excluded.last",
                (player, points, position),
            )


class Subscription:
    """Sends events to its subscriber: those of the past from the store, new ones as they are notified."""

    def __init__(self, path):
        self.path, self.subscriber, self.state = path, Scores(), "initial"

    def poll(self):
        """What has arrived, and the next page; after an error, the supervisor starts the subscription again."""
        try:
            with contextlib.closing(sqlite3.connect(self.path)) as db:
                return self.step(db)
        except BaseException:
            self.state = "initial"
            raise

    def step(self, db):
        if self.state == "initial":
            self.subscribe(db)
        notified = self.read(db, self.notified, -1)
        if notified:
            self.notify_events(db, notified)
            self.notified = notified[-1][0]
        if self.timer is not None and time.monotonic() >= self.timer:
            self.checkpoint(db)
        if self.state != "catching_up":
            return bool(notified)
        self.catch_up(db)
        return True

    def subscribe(self, db):
        ((self.saved,),) = db.execute("select position from checkpoints").fetchall()
        self.last_sent = self.last_received = self.saved
        ((self.notified,),) = db.execute("select coalesce(max(position), 0) from events").fetchall()
        self.timer, self.state = None, "catching_up"

    def read(self, db, after, limit):
        return db.execute(
            "select position, player, points from events where position > ? order by position limit ?", (after, limit)
        ).fetchall()

    def catch_up(self, db):
        page = self.read(db, self.last_sent, PAGE)
        for event in page:
            self.send(db, event)
        self.last_received = max(self.last_received, self.last_sent)
        if not page and self.last_sent == self.last_received:
            self.state = "subscribed"

    def notify_events(self, db, events):
        if self.state == "subscribed" and events[0][0] == self.last_received + 1:
            for event in events:
                self.send(db, event)
        elif self.state == "subscribed" and events[-1][0] > self.last_received:
            self.state = "catching_up"
        self.last_received = max(self.last_received, events[-1][0])

    def send(self, db, event):
        self.subscriber.handle(db, *event)
        self.last_sent = event[0]
        if self.last_sent - self.saved >= THRESHOLD:
            self.persist_checkpoint(db)
        elif self.timer is None:
            self.timer = time.monotonic() + AFTER

    def persist_checkpoint(self, db):
        with db:
            db.execute("update checkpoints set position = ?", (self.last_sent,))
        self.saved, self.timer = self.last_sent, None

    def checkpoint(self, db):
        """The timer fires."""
        self.persist_checkpoint(db)
        self.state = "subscribed"


class FixedSubscription(Subscription):
    """Stays as it is when the timer fires."""

    def checkpoint(self, db):
        self.persist_checkpoint(db)


@dataclass(frozen=True)
class Score:
    player: str
    points: int


@dataclass(frozen=True)
class Scored(Score): ...


# What refold needs to know of it.


class App(Application):
    events = (Scored,)

    def commands(self):
        return [Score(player, points) for player in ("ann", "bob", "cat") for points in (1, 3)]

    def decide(self, command, state):
        return [Scored(command.player, command.points)]

    def evolve(self, state, event):
        return (state or 0) + event.points


def system(subscription):
    scores = Worker(
        subscription, rows="select player, points from scores", checkpoint="checkpoints", saves_every=THRESHOLD
    )
    return sqlite_system(SCHEMA, Service(Game), events={Scored: "events"}, consumers={"scores": scores})


Bad, Good = system(Subscription), system(FixedSubscription)
