"""`protean`: aggregates whose rows and whose events (in the outbox) are written in one transaction, on SQLite through SQLAlchemy.

Promised: a unit of work is committed as a whole, with its events in the outbox; of two writers of one version, one gets an error.
"""

import contextlib

from protean import Domain, UnitOfWork
from protean.exceptions import ExpectedVersionError, ObjectNotFoundError, ValidationError
from protean.fields import Identifier, Integer
from stock import Changed

from refold.systems.user import Service, sqlite_system

NEEDS = ["protean[sqlite]"]
RUNS = {"System": "stock.py:Stock", "SaysDone": "stock.py:Stock"}
CONTROLS = {"SaysDone": "the application reports success although another writer came first"}


def domain_at(path):
    domain = Domain(name="Shop", root_path=path)
    domain.config["databases"]["default"] = {"provider": "sqlite", "database_uri": f"sqlite:///{path}"}
    domain.config["server"]["default_subscription_type"] = "stream"  # with an outbox

    @domain.event(part_of="Item")
    class Changed:
        item = Identifier()
        count = Integer()

    @domain.aggregate
    class Item:
        item = Identifier(identifier=True)
        free = Integer(default=0)

        def change(self, count):
            if self.free + count < 0:
                raise ValidationError({"free": ["there is less than that"]})
            self.free += count
            self.raise_(Changed(item=self.item, count=count))
            return self

    domain.init(traverse=False)
    with domain.domain_context():
        domain.setup_database()
    return domain, Item


class Shop:
    def __init__(self, path):
        self.domain, self.item = domain_at(path)

    def found(self, item):
        try:
            return self.domain.repository_for(self.item).get(item)
        except ObjectNotFoundError:
            return self.item(item=item)

    def change(self, item, count):
        with self.domain.domain_context(), UnitOfWork():
            self.domain.repository_for(self.item).add(self.found(item).change(count))

    def load(self, item):
        with self.domain.domain_context():
            return self.found(item).free


class SwallowingShop(Shop):
    def change(self, item, count):
        with contextlib.suppress(ExpectedVersionError):
            super().change(item, count)


def system(shop):
    service = Service(shop, refusals=[ValidationError, ExpectedVersionError], load="load")
    columns = "rowid as position, message_id as id, data ->> 'item' as item, data ->> 'count' as count"
    return sqlite_system(domain_at, service, events={Changed: f"select {columns} from outbox"})


System, SaysDone = system(Shop), system(SwallowingShop)
