"""A shop written with protean, of which two releases run at once: the newer one has no note in its aggregate any more.

Both have one event store in memory. The older one takes commands; what the newer one loads is compared with the fold.
"""

from __future__ import annotations

import logging
import tempfile
from typing import Any

from protean import Domain, apply
from protean.exceptions import ObjectNotFoundError, ValidationError
from protean.fields import Identifier, Integer, String

from refold.model import Inventory, Stored

logging.disable(logging.CRITICAL)
RULES = Inventory()


def domain_of(noted: bool) -> tuple[Any, Any]:
    """A release of the shop: its domain, and the class of its aggregate."""
    domain: Any = Domain(name="Shop", root_path=tempfile.gettempdir())
    domain.config["snapshot_threshold"] = 2

    @domain.event(part_of="Stock")
    class Restocked:
        item = Identifier()
        count = Integer()

    @domain.event(part_of="Stock")
    class Reserved:
        item = Identifier()
        count = Integer()

    @domain.event(part_of="Stock")
    class Picked:
        item = Identifier()
        count = Integer()

    kinds: dict[str, Any] = {"Restocked": Restocked, "Reserved": Reserved, "Picked": Picked}

    class Stock:
        """How much is free of something."""

        item = Identifier(identifier=True)
        free = Integer(default=0)
        if noted:
            note = String(default="")

        def change(self: Any, kind: str, count: int) -> None:
            """Refuses what there is not."""
            if kind == "Reserved" and count > self.free:
                raise ValueError(f"{self.free} left")
            self.raise_(kinds[kind](item=self.item, count=count))

        def begun(self: Any, item: str) -> None:
            """What an event sets that may be the first one."""
            if getattr(self, "item", None) is None:
                self.item, self.free = item, 0
                if noted:
                    self.note = ""

        def restocked(self: Any, event: Any) -> None:
            """There is more."""
            self.begun(event.item)
            self.free += event.count

        def reserved(self: Any, event: Any) -> None:
            """There is less."""
            self.free -= event.count

        def picked(self: Any, event: Any) -> None:
            """An order to the warehouse."""

    for kind, event in kinds.items():
        method = getattr(Stock, kind.lower())
        method.__annotations__ = {"event": event}
        setattr(Stock, kind.lower(), apply(method))
    stock = domain.aggregate(is_event_sourced=True)(Stock)
    domain.init(traverse=False)
    return domain, stock


def share(source: Any, target: Any) -> None:
    """What one process has written to the store in memory, the other one has too."""
    for name, provider in target.providers._providers.items():
        theirs = vars(source.providers._providers[name])
        vars(provider).update({part: theirs[part] for part in ("_databases", "_locks", "_counters")})


class RollingDeployment:
    """Commands go to the older release; the newer one loads."""

    refusals = (ValueError,)
    short_runs = True
    """The store in memory copies all that it has whenever it is asked: what a step costs grows with the square of the events."""

    def __init__(self) -> None:
        self.older, self.noted = domain_of(noted=True)
        self.newer, self.plain = domain_of(noted=False)
        share(self.older, self.newer)
        self.repository = self

    def execute(self, command: Any) -> None:
        """Load, decide, save."""
        with self.older.domain_context():
            repository = self.older.repository_for(self.noted)
            try:
                stock = repository.get(command.item)
            except ObjectNotFoundError:
                stock = self.noted(item=command.item)
            if type(command).__name__ == "Restock":
                stock.change("Restocked", command.count)
            else:
                stock.change("Reserved", command.count)
                if command.count > 1:
                    stock.change("Picked", command.count)
            repository.add(stock)
        share(self.older, self.newer)

    def load(self, key: str) -> Any:
        """What the newer release has; in words, if it cannot load it."""
        with self.newer.domain_context():
            try:
                return self.newer.repository_for(self.plain).get(key).free
            except ObjectNotFoundError:
                return None
            except ValidationError as error:
                return f"cannot be loaded: {error}"
            finally:
                share(self.newer, self.older)

    def read(self, after: int, limit: int) -> list[Stored]:
        """Events of both items, but no snapshots. The store counts both; here events have the numbers of their order.

        They are taken from where the store in memory has them. To be asked, it copies all that it has once for each event that it finds.
        """
        rows = self.older.providers._providers["memory"]._databases.get("memory_message", {}).values()
        events = sorted((row for row in rows if row["type"] != "SNAPSHOT"), key=lambda row: row["global_position"])
        versions: dict[str, int] = {}
        found = []
        for position, row in enumerate(events, 1):
            kind, item = row["type"].split(".")[1], row["data"]["item"]
            versions[item] = versions.get(item, 0) + 1
            data = RULES.decode(kind, {"item": item, "count": row["data"]["count"]})
            found.append(Stored(position, item, versions[item], str(position), kind, data))
        return found[after : after + limit]
