"""An ordinary service with an outbox: a message is stored in the same transaction as its event, and sent later."""

import sqlite3

SCHEMA = """
create table events (position integer primary key autoincrement, parcel text unique, town text);
create table outbox (id integer primary key autoincrement, parcel text, text text, sent integer default 0);
"""


class AlreadyAccepted(Exception):
    """That parcel has been accepted already."""


class Desk:
    def __init__(self, path):
        self.connection = sqlite3.connect(path)

    def accept(self, parcel, town):
        try:
            with self.connection:
                self.connection.execute("insert into events (parcel, town) values (?, ?)", (parcel, town))
                self.connection.execute(
                    "insert into outbox (parcel, text) values (?, ?)", (parcel, f"{parcel} goes to {town}")
                )
        except sqlite3.IntegrityError:
            raise AlreadyAccepted(parcel) from None


class Relay:
    def __init__(self, path, mail):
        self.connection = sqlite3.connect(path)
        self.mail = mail

    def run_once(self):
        """Send the next message; False if there is none."""
        row = self.connection.execute("select id, text from outbox where sent = 0 order by id limit 1").fetchone()
        if row is None:
            return False
        self.mail.send(row[1])
        with self.connection:
            self.connection.execute("update outbox set sent = 1 where id = ?", (row[0],))
        return True


class HastyRelay(Relay):
    """Marks a message as sent before sending it, so that nobody sends it twice."""

    def run_once(self):
        row = self.connection.execute("select id, text from outbox where sent = 0 order by id limit 1").fetchone()
        if row is None:
            return False
        with self.connection:
            self.connection.execute("update outbox set sent = 1 where id = ?", (row[0],))
        self.mail.send(row[1])
        return True
