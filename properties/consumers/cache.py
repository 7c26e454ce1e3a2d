"""Caches and other unordered readers: no update undoes a newer one, nothing deleted comes back, nothing stays stale for ever (A14).

A cache takes updates in any order, so it has to keep the version of the newest change of every row, even of deleted rows. This is usually
broken by deleting the version together with the row (catalogue: cache-resurrects-deleted), or by keeping no version at all
(stale-overwrites-newer).
"""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.parts.side_consumers import Joined
from refold.model.record import Applied, Observed, Opened, Recovered
from refold.properties.consumers.replay import Fold, fold_for
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class CacheOrder(Property):
    """For every row of an unordered consumer, since its last restart: an event before the row's newest change leaves the row as it is,
    even if that change deleted the row."""

    name = "cache-order"
    guarantee = "READ"
    clauses = {
        "deleted stays deleted": "no event before the one that deleted a row brings it back",
        "newer stays": "no event before the newest change of a row replaces or deletes it",
    }
    passes = frozenset({Applied})
    judges = (Applied,)

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, tuple[int, Applied]]] = {}

    def handlers(self) -> dict[type, Handler]:
        """Changes of rows, and restarts, which empty a cache."""
        return {
            Opened: self.on_opened,
            Joined: self.on_joined,
            Recovered: self.on_recovered,
            Applied: self.on_applied,
        }

    def on_opened(self, number: int, record: Opened) -> None:
        """The unordered consumers."""
        self.rows = {spec.name: {} for spec in record.consumers if not spec.ordered}

    def on_joined(self, number: int, record: Joined) -> None:
        """One more, if it is unordered."""
        if not record.spec.ordered:
            self.rows[record.spec.name] = {}

    def on_recovered(self, number: int, record: Recovered) -> None:
        """Whatever it knew, it has forgotten."""
        if record.process in self.rows:
            self.rows[record.process] = {}

    def on_applied(self, number: int, record: Applied) -> Finding | None:
        """An event before the newest change of a row leaves it as it is."""
        rows = self.rows.get(record.consumer)
        if rows is None:
            return None
        finding = None
        for key, value in record.writes.items():
            newest = rows.get(key)
            if newest is not None and newest[1].position > record.position:
                before = newest[1].writes[key]
                if before != value:
                    finding = self.finding(
                        "deleted-item-resurrected" if before is None else "stale-overwrites-newer",
                        record.consumer,
                        number,
                        clause="deleted stays deleted" if before is None else "newer stays",
                        position=record.position,
                        expected={key: before},
                        actual={key: value},
                        evidence=[
                            Evidence(*newest, "is the newer change"),
                            Evidence(number, record, "undid it"),
                        ],
                    )
            else:
                rows[key] = (number, record)
        return finding


class CacheAtRest(Property):
    """For every unordered consumer that is at rest at the end of the log: each of its rows equals the same row of the full fold. Every
    row of the full fold is present, unless a restart has emptied the consumer.

    This property is kept, although `cache-order` sees every undone change earlier, because this property compares values and notices rows
    that never arrived.
    """

    name = "cache"
    guarantee = "READ"
    clauses = {
        "rows are right": "at rest every row that is present equals that of the full fold",
        "rows are there": "at rest every row of the full fold is present, unless a restart has emptied the consumer",
    }
    needs_application = True
    judges = (Applied,)

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        self.decider = application
        self.oracle = oracle
        self.folds: dict[str, Fold] = {}
        oracle.before_forgetting(self.catch_up)
        self.emptied: set[str] = set()

    def handlers(self) -> dict[type, Handler]:
        """Restarts, and what is there in the end."""
        return {
            Opened: self.on_opened,
            Joined: self.on_joined,
            Recovered: self.on_recovered,
            Observed: self.on_observed,
        }

    def on_opened(self, number: int, record: Opened) -> None:
        """The unordered consumers."""
        self.folds = {
            spec.name: fold_for(spec, self.decider.projection(spec.projection))
            for spec in record.consumers
            if not spec.ordered
        }

    def on_joined(self, number: int, record: Joined) -> None:
        """One more, if it is unordered, and no event is forgotten that it has yet to take."""
        spec = record.spec
        if not spec.ordered and not self.oracle.low:
            self.folds[spec.name] = fold_for(spec, self.decider.projection(spec.projection))

    def catch_up(self) -> None:
        """Fold what is about to be forgotten."""
        for fold in self.folds.values():
            fold.advance(self.oracle, self.oracle.tail)

    def on_recovered(self, number: int, record: Recovered) -> None:
        """From now on rows may be missing."""
        if record.process in self.folds:
            self.emptied.add(record.process)

    def on_observed(self, number: int, record: Observed) -> Finding | None:
        """All rows are those of the full fold. A consumer that has stopped before the end is one for `convergence`: what it lacks it has
        not heard of."""
        fold = self.folds.get(record.consumer)
        if fold is None or record.position < self.oracle.tail:
            return None
        fold.advance(self.oracle, self.oracle.tail)
        rows: dict[str, Any] = record.rows
        if rows == fold.rows:
            return None  # the usual case, decided fast
        wrong = [key for key, value in rows.items() if not self.same(value, fold.rows.get(key))]
        clause = "rows are right" if wrong else "rows are there"
        if record.consumer not in self.emptied:
            wrong.extend(key for key in fold.rows if key not in rows)
        if not wrong:
            return None
        wrong.sort()
        return self.finding(
            "cache-differs",
            record.consumer,
            number,
            clause=clause,
            position=self.oracle.tail,
            expected={key: fold.rows.get(key) for key in wrong},
            actual={key: rows.get(key) for key in wrong},
            evidence=[Evidence(number, record, "shows the rows at rest")],
        )
