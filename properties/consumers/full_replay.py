"""Full replay as the oracle: what an application shows is what a replay of its whole log gives.

This property is for applications without a decider. It is usually broken by a snapshot that misses an event, a projection that applies an
event twice, a cache that is never emptied, and a replay that depends on a global variable or on the order of a set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.calls import Shown
from refold.model.parts.reading.looks import Viewed
from refold.model.record import Scanned
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property
from refold.properties.window import Window

FORGOTTEN = "what views show when events are forgotten that are older than the newest {size}"


class FullReplay(Property):
    """For every observation of the log with n events, every view v and every key k: v(k) == replay(log[:n])(k). Two replays of the same
    events give the same states. The log still holds the events that it held before, in the same order.

    A partial view, such as a cache, need not have every key. A key whose state is None counts as absent, and so does one in its initial
    state. With an `oracle` only views are judged here; other properties judge the log.

    This property is kept, although no broken system of the catalogue has views of its own: views are a role in a user's system.
    """

    name = "replays"
    guarantee = "REPL"
    needs_application = True
    judges = (Viewed,)
    clauses = {
        "view": "while nothing is under way, a view shows what the replay of the whole log gives",
        "twice": "two replays of the same events give the same states",
        "log": "the log only grows at its end",
    }

    def __init__(self, application: Application, oracle: Oracle | None = None, seen: Oracle | None = None) -> None:
        """`seen` knows what was removed from the log, where this property judges the log too."""
        super().__init__(application)
        self.decider = application
        self.oracle = oracle
        self.seen = seen
        self.events: list[Stored] = []
        self.numbers: list[int] = []
        self.replayed: dict[str, dict[str, Any]] = {}
        self.window = Window(REMEMBERED if oracle is None else oracle.kept, FORGOTTEN)
        self.windows = (self.window,)
        self.views = 0
        self.replays = 0

    def handlers(self) -> dict[type, Handler]:
        """The log, and looks at it."""
        if self.oracle is not None:
            return {Viewed: self.on_viewed}
        return {
            Stored: self.on_stored,
            Viewed: self.on_viewed,
            Shown: self.on_shown,
            Scanned: self.on_scanned,
        }

    def observations(self) -> dict[str, int]:
        """What was compared."""
        return {"full_replays": self.replays, "views_compared": self.views}

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """One more event, behind all others."""
        last = self.events[-1].position if self.events else 0
        self.events.append(event)
        self.numbers.append(number)
        self.replayed.clear()
        if event.position > last:
            return None
        return self.finding(
            "visible-below-read-position",
            event.stream,
            number,
            guarantee="LOG",
            clause="log",
            position=event.position,
            expected=f"a position after {last}",
            actual=event.position,
            evidence=[Evidence(number, event, "became visible late")],
        )

    def on_scanned(self, number: int, record: Scanned) -> Finding | None:
        """The log, or what is after a position, read again; what was removed on purpose need not be there, and is the business of another
        property."""
        removed = None if self.seen is None else self.seen.removed
        pairs = [pair for pair in zip(self.numbers, self.events, strict=True) if pair[1].position > record.after]
        ids = record.ids
        if removed is not None:
            taken = {event.id for _, event in pairs if removed.names(event)}
            pairs = [pair for pair in pairs if pair[1].id not in taken]
            ids = tuple([event_id for event_id in ids if event_id not in taken])
        before = tuple([event.id for _, event in pairs])
        if ids[: len(before)] == before:
            return None
        place = next(n for n, id in enumerate(before) if ids[n : n + 1] != (id,))
        seen_at, event = pairs[place]
        return self.finding(
            "event-vanished",
            event.stream,
            number,
            guarantee="LOG",
            clause="log",
            position=event.position,
            expected=event.id,
            actual=ids[place] if place < len(ids) else "the end",
            evidence=[
                Evidence(seen_at, event, "was in the log"),
                Evidence(number, record, "is a scan without it"),
            ],
        )

    def on_shown(self, number: int, record: Shown) -> Finding | None:
        """The rows of a consumer at rest are a view as well."""
        if record.when != "resting":
            return None
        return self.on_viewed(number, Viewed(record.consumer, record.rows))

    def on_viewed(self, number: int, record: Viewed) -> Finding | None:
        """A view against the replay."""
        if self.oracle is not None and not self.follow(self.oracle):
            self.window.miss()
            return None
        if record.view not in self.replayed:
            one, other = (dict(self.decider.replay_of(record.view, tuple(self.events))) for _ in range(2))
            self.replays += 1
            self.replayed[record.view] = one
            if one != other:
                return self.differs(number, record, "twice", "replay-differs", one, other)
        expected = self.replayed[record.view]
        keys = record.states if record.partial else {**expected, **record.states}
        self.views += 1
        wrong = [key for key in keys if not self.shows(key, record.states.get(key), expected)]
        if not wrong:
            return None
        return self.differs(
            number,
            record,
            "view",
            "view-differs-from-replay",
            {key: expected.get(key) for key in wrong},
            {key: record.states.get(key) for key in wrong},
        )

    def shows(self, key: str, state: Any, expected: Mapping[str, Any]) -> bool:
        """Whether this is the state of a key."""
        there = expected.get(key)
        if self.same(state, there):
            return True
        if there is None:
            return self.same(state, self.decider.initial(key))
        return state is None and self.same(there, self.decider.initial(key))

    def follow(self, oracle: Oracle) -> bool:
        """See what the oracle has seen; False if it has forgotten the beginning."""
        if oracle.low or oracle.application is None:
            return False
        events = oracle.between(0, oracle.tail)
        if len(events) != len(self.events):
            self.events = list(events)
            self.numbers = [oracle.numbers[event.position] for event in events]
            self.replayed.clear()
        return True

    def differs(self, number: int, record: Viewed, clause: str, anomaly: str, expected: Any, actual: Any) -> Finding:
        """The finding."""
        evidence = [Evidence(number, record, "shows the states")]
        if self.events:
            evidence.insert(0, Evidence(self.numbers[-1], self.events[-1], "is the last event of the log"))
        return self.finding(
            anomaly,
            record.view,
            number,
            clause=clause,
            position=self.events[-1].position if self.events else None,
            expected=expected,
            actual=actual,
            evidence=evidence,
        )
