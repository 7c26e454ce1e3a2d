"""Rebuild equality: rebuilt tables == fold(log[:p]) at the position p that they stand for, side tables included (A16).

The live path and the rebuild path must therefore produce the same stores. The difference shows what is broken. Rows of an earlier
position mean that events are missing (CKPT: a rebuild was swapped in without the events that arrived in the meantime). Side-table rows
that only one of the two has mean that a table was left out (READ). Anything else means that the rebuild does not read events as the live
path does (REPL).
"""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.parts.consuming.rebuild import Rebuilt
from refold.properties.consumers.replay import Fold, ReplayEquality, fold_for
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

SIDE_TABLE = "/"
"""What separates the name of a side table from the key in it."""


class RebuildEquality(Property):
    """For every rebuild of an ordered consumer c that is swapped in at position p: rows(c) == fold(log[:p]), side tables included.

    This property is kept, although `replay` sees the wrong rows later, because this property sees them at the swap and names the rebuild
    as their cause.
    """

    name = "rebuild"
    guarantee = "REPL"
    clauses = {
        "nothing is missing": "rebuilt rows are not those of a position before the one at which they are swapped in",
        "side tables": "rebuilt side tables have the rows of the live ones, and no others",
        "read alike": "in all other respects too, rebuilt rows are the fold of the log up to the position at which they are swapped in",
    }
    needs_application = True
    after = ("replay",)
    judges = (Rebuilt,)

    def __init__(self, application: Application, oracle: Oracle, replay: ReplayEquality) -> None:
        super().__init__(application)
        self.oracle = oracle
        self.replay = replay

    def handlers(self) -> dict[type, Handler]:
        """The moment of the swap."""
        return {Rebuilt: self.on_rebuilt}

    def on_rebuilt(self, number: int, record: Rebuilt) -> Finding | None:
        """The rows are the fold of the live path at that position, to which `replay` has moved its own."""
        fold = self.replay.folds.get(record.consumer)
        if fold is None or self.same(record.rows, fold.rows):
            return None
        return self.differs(number, record, fold)

    def differs(self, number: int, record: Rebuilt, fold: Fold) -> Finding:
        """What kind of difference it is."""
        rows = record.rows
        wrong = sorted(key for key in {*rows, *fold.rows} if not self.same(rows.get(key), fold.rows.get(key)))
        earlier = self.earlier(rows, fold, record.position)
        evidence = [Evidence(number, record, "are the rebuilt rows")]
        position = record.position
        if earlier is not None:
            anomaly, guarantee, clause, position = "rebuild-misses-events", "CKPT", "nothing is missing", earlier
            evidence.insert(0, Evidence(self.oracle.numbers[position], self.oracle.events[position], "is not in them"))
        elif all(SIDE_TABLE in key and (key in rows) != (key in fold.rows) for key in wrong):
            anomaly, guarantee, clause = "side-table-differs", "READ", "side tables"
        else:
            anomaly, guarantee, clause = "rebuild-differs", "REPL", "read alike"
        return self.finding(
            anomaly,
            record.consumer,
            number,
            clause=clause,
            guarantee=guarantee,
            position=position,
            expected={key: fold.rows.get(key) for key in wrong},
            actual={key: rows.get(key) for key in wrong},
            evidence=evidence,
        )

    def earlier(self, rows: dict[str, Any], fold: Fold, position: int) -> int | None:
        """The first event that is missing, if these are the rows of an earlier position; only a finding pays for the search."""
        older = fold_for(fold.spec, fold.project)
        missing = None
        for event in self.oracle.between(0, position):
            if self.same(rows, older.rows):
                missing = event.position
            older.step(event)
        return missing
