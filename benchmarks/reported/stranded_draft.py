"""nextcloud/mail#13421: "Outbox message stranded forever when the send request is lost: type=OUTGOING + send_at=NULL matches
neither findDue() nor findDueDrafts()".

"Send" is two requests: the first stores the message, the second sends it. If the second never arrives, or fails, the background
job should send it. But the job looks for messages with a time to send at, and "send now" stores none.
Fixed: "send now" stores the present time.
"""

import contextlib
import sqlite3
import time
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table messages (position integer primary key autoincrement, recipient text, subject text, send_at real,
    sent integer default 0, unique (recipient, subject));
"""


class Duplicate(Exception):
    """That message is in the outbox, or was sent."""


class Outbox:
    """What the page calls."""

    def __init__(self, path, smtp):
        self.path, self.smtp = path, smtp

    def send_at(self):
        """When "send now" is due."""
        return

    def create(self, recipient, subject):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                with db:
                    done = db.execute(
                        "insert into messages (recipient, subject, send_at) values (?, ?, ?)",
                        (recipient, subject, self.send_at()),
                    )
                    return done.lastrowid
            except sqlite3.IntegrityError:
                raise Duplicate(subject) from None

    def deliver(self, number):
        deliver(self.path, self.smtp, number)

    def compose(self, recipient, subject):
        """What happens when somebody clicks on "Send"."""
        number = self.create(recipient, subject)
        self.deliver(number)


class FixedOutbox(Outbox):
    """With a time for the background job to go by."""

    def send_at(self):
        return time.time()


def deliver(path, smtp, number):
    with contextlib.closing(sqlite3.connect(path)) as db:
        row = db.execute(
            "select recipient, subject from messages where position = ? and sent = 0", (number,)
        ).fetchone()
        if row is not None:
            smtp.send(*row)
            with db:
                db.execute("update messages set sent = 1 where position = ?", (number,))


class OutboxWorkerJob:
    """The background job: sends what is due."""

    def __init__(self, path, smtp):
        self.path, self.smtp = path, smtp

    def flush(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            due = db.execute(
                "select position from messages where send_at is not null and send_at <= ? and sent = 0"
                " order by position limit 1",
                (time.time(),),
            ).fetchone()
        if due is None:
            return False
        deliver(self.path, self.smtp, due[0])
        return True


@dataclass(frozen=True)
class Compose:
    recipient: str
    subject: str


@dataclass(frozen=True)
class Composed(Compose): ...


# What refold needs to know of it.


class App(Application):
    events = (Composed,)

    def commands(self):
        return [Compose(recipient, subject) for recipient in ("ann", "bob") for subject in ("hi", "bill")]

    def decide(self, command, state):
        if command.subject in (state or ()):
            raise Refusal(f"{command.subject} was sent", "duplicate-create")
        return [Composed(command.recipient, command.subject)]

    def evolve(self, state, event):
        return (*(state or ()), event.subject)


def system(outbox):
    return sqlite_system(
        SCHEMA,
        Service(outbox, refusals=[Duplicate], sends="smtp"),
        events={Composed: "select position, recipient, subject from messages"},
        sinks={"smtp": Sink(lambda event: (event.data.recipient, event.data.subject))},
        relays={"job": Relay(OutboxWorkerJob, poll="flush", sends="smtp")},
    )


Bad, Good = system(Outbox), system(FixedOutbox)
