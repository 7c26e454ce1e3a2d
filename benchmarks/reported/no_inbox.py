"""proteanhq/protean#1042: "No consume-side idempotency: at-least-once redelivery double-applies non-idempotent projectors".

A projector counts the reviews of each product. Messages are delivered at least once, and nothing recognises those that were handled before:
a message that is delivered again is counted again.
Fixed (proteanhq/protean#1069): a marker for the message and the handler is stored in the unit of work that changes the read model, and a
message that has one is skipped.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application
from refold.systems.user import Service, Worker, sqlite_system

SCHEMA = """
create table reviews (position integer primary key autoincrement, product text, rating integer);
create table product_ratings (product text primary key, total_reviews integer, sum_of_ratings integer);
create table processed_messages (message text, handler text, primary key (message, handler));
create table subscriptions (handler text primary key, acknowledged integer);
insert into subscriptions values ('ProductRatingProjector', 0);
"""


class Reviews:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def approve(self, product, rating):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into reviews (product, rating) values (?, ?)", (product, rating))


class ProductRatingProjector:
    """Handles a message, and acknowledges it."""

    name = "ProductRatingProjector"

    def __init__(self, path):
        self.path = path

    def handle(self, message):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            with db:
                self.unit_of_work(db, message)
            with db:
                db.execute(
                    "update subscriptions set acknowledged = max(acknowledged, ?) where handler = ?",
                    (message.position, self.name),
                )

    def unit_of_work(self, db, message):
        self.on_review_approved(db, message.data)

    def on_review_approved(self, db, event):
        db.execute(
            "insert into product_ratings values (?, 1, ?) on conflict (product) do update"
            " set total_reviews = total_reviews + 1, sum_of_ratings = sum_of_ratings + excluded.sum_of_ratings",
            (event.product, event.rating),
        )


class FixedProductRatingProjector(ProductRatingProjector):
    """Skips what was handled before."""

    def unit_of_work(self, db, message):
        marked = db.execute("insert or ignore into processed_messages values (?, ?)", (message.id, self.name))
        if marked.rowcount == 1:
            self.on_review_approved(db, message.data)


@dataclass(frozen=True)
class Approve:
    product: str
    rating: int


@dataclass(frozen=True)
class Approved(Approve): ...


# What refold needs to know of it.


class App(Application):
    events = (Approved,)

    def commands(self):
        return [Approve(product, rating) for product in ("pen", "ink") for rating in (1, 5)]

    def decide(self, command, state):
        return [Approved(command.product, command.rating)]

    def evolve(self, state, event):
        count, total = state or (0, 0)
        return (count + 1, total + event.rating)

    def view(self, event, rows):
        return {event.product: self.evolve(rows.get(event.product), event)}


def system(projector):
    ratings = Worker(
        projector, handle="handle", rows="product_ratings", checkpoint="select acknowledged from subscriptions"
    )
    return sqlite_system(SCHEMA, Service(Reviews), events={Approved: "reviews"}, consumers={"ratings": ratings})


Bad, Good = system(ProductRatingProjector), system(FixedProductRatingProjector)
