"""Session guarantees of the reading side: clients read their own writes, never go back in time, and are told when they must wait (READ,
A14).

Usually broken by a query that looks at an eventually consistent view without asking how far it has come (catalogue:
read-your-own-writes), by a wait on the wrong consumer (sync-wait-bar-wrong) or without an end, and by a cache whose names lack the
tenant (tenant-scope-leak)."""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.parts.reading.query import Answered, CachedAtRest, GaveUp, Searched, Waiting
from refold.model.record import Acknowledged, Settling
from refold.model.words import counted
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

Write = tuple[int, int, Acknowledged]
"""A version of a stream, and the acknowledgement (with its number) that told a client of it."""

VERSIONS = 64
"""States of a key that are remembered, newest first; an answer that is older still is not compared."""

UNRESOLVED = 256
"""Acknowledged appends of a client that are remembered until it asks for something."""


class Histories:
    """The state of every key at its last versions; folds on only when somebody asks, so runs without queries pay nothing."""

    def __init__(self, application: Application, oracle: Oracle) -> None:
        self.application = application
        self.oracle = oracle
        self.position = 0
        self.window = oracle.window(VERSIONS, "answers with states older than the newest {size} of their key")
        oracle.forgetting.append(self.catch_up)
        self.states: dict[str, dict[int, Any]] = {}
        self.newest: dict[str, int] = {}
        self.strange: set[str] = set()

    def catch_up(self) -> None:
        """Fold what has become visible. A key whose events are in streams of other names has no versions to judge by."""
        application, oracle = self.application, self.oracle
        for event in oracle.between(self.position, oracle.tail):
            key = application.key(event.data)
            if event.stream != key:
                self.strange.add(key)
            states = self.states.get(key)
            if states is None:
                states = self.states[key] = {0: application.initial(key)}
            version = self.newest.get(key, 0) + 1
            states[version] = application.evolve(states[version - 1], event.data)
            states.pop(version - self.window.size, None)
            self.newest[key] = version
        self.position = oracle.tail

    def state(self, key: str, version: int) -> tuple[Any] | None:
        """The state of `key` at `version`, or None if there was none or it is forgotten."""
        if version == 0:
            return (self.application.initial(key),)
        states = self.states.get(key, {})
        if version in states:
            return (states[version],)
        self.window.miss()
        return None


class Sessions(Property):
    """For every answer a to client c about key k: version(a) is at least that of c's own events of k that were acknowledged before c
    asked, and that of every earlier answer to c about k; and state(a) is the fold of the first version(a) events of k."""

    name = "sessions"
    guarantee = "READ"
    needs = "queries"
    needs_application = True
    judges = (Answered,)

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        self.oracle = oracle
        self.histories = Histories(application, oracle)
        self.windows = (self.histories.window,)
        oracle.forgetting.append(self.resolve_all)
        self.unresolved: dict[str, list[tuple[int, Acknowledged]]] = {}
        self.own: dict[tuple[str, str], Write] = {}
        self.asked: dict[str, Write | None] = {}
        self.answers: dict[tuple[str, str], tuple[int, Answered]] = {}

    def handlers(self) -> dict[type, Handler]:
        """Acknowledged writes, answers, and the cache at rest."""
        return {
            Acknowledged: self.on_acknowledged,
            Waiting: self.on_waiting,
            GaveUp: self.on_gave_up,
            Answered: self.on_answered,
            CachedAtRest: self.on_cached,
        }

    def on_acknowledged(self, number: int, record: Acknowledged) -> None:
        """Something that this client must see from now on."""
        unresolved = self.unresolved.get(record.client)
        if unresolved is None:
            unresolved = self.unresolved[record.client] = []
        unresolved.append((number, record))
        if len(unresolved) > UNRESOLVED:
            self.resolve(record.client)

    def resolve(self, client: str) -> None:
        """Streams and versions of acknowledged writes; what is not visible yet cannot be asked for yet."""
        hidden = []
        for number, record in self.unresolved.pop(client, ()):
            event = self.oracle.events.get(record.positions[-1]) if record.positions else None
            if event is None:
                if record.positions and record.positions[-1] > self.oracle.tail:
                    hidden.append((number, record))
                continue
            held = self.own.get((client, event.stream))
            if held is None or held[0] < event.version:
                self.own[client, event.stream] = (event.version, number, record)
        if hidden:
            self.unresolved[client] = hidden[-UNRESOLVED:]

    def resolve_all(self) -> None:
        """Before events are forgotten: whose they are is known from then on."""
        for client in list(self.unresolved):
            self.resolve(client)

    def on_waiting(self, number: int, record: Waiting) -> None:
        """The question is asked now; what the client writes while it waits is concurrent."""
        if record.client not in self.asked:
            self.resolve(record.client)
            self.asked[record.client] = self.own.get((record.client, record.key))

    def on_gave_up(self, number: int, record: GaveUp) -> None:
        """The question is over."""
        self.asked.pop(record.client, None)

    def on_answered(self, number: int, record: Answered) -> Finding | None:
        """Own writes, then earlier answers, then the truth of the answer itself."""
        self.resolve(record.client)
        own = self.own.get((record.client, record.key))
        if record.client in self.asked:
            own = self.asked.pop(record.client)
        histories = self.histories
        histories.catch_up()
        session = (record.client, record.key)
        before = self.answers.get(session)
        self.answers[session] = (number, record)
        if record.key in histories.strange:
            return None
        if own is not None and record.version < own[0]:
            return self.stale(
                "own-write-not-read",
                number,
                record,
                own[0],
                Evidence(own[1], own[2], "told the client that it is done"),
            )
        if before is not None and record.version < before[1].version:
            return self.stale(
                "read-goes-back", number, record, before[1].version, Evidence(*before, "showed the client more")
            )
        return self.judge(number, record.key, record.version, record.state, record)

    def stale(self, anomaly: str, number: int, record: Answered, version: int, evidence: Evidence) -> Finding:
        """An answer below what this session may see."""
        return self.finding(
            anomaly,
            record.key,
            number,
            expected=f"version {version} or later",
            actual=f"version {record.version}",
            evidence=[evidence, Evidence(number, record, "is what it read afterwards")],
        )

    def judge(self, number: int, key: str, version: int, state: Any, record: Any) -> Finding | None:
        """Whether `state` is that of `key` at `version`."""
        newest = self.histories.newest.get(key, 0)
        if version > newest:
            return self.finding(
                "answer-from-the-future",
                key,
                number,
                expected=f"at most version {newest}",
                actual=f"version {version}",
                evidence=[Evidence(number, record, "shows it")],
            )
        true = self.histories.state(key, version)
        if true is None or self.same(state, true[0]):
            return None
        return self.finding(
            "answer-differs",
            key,
            number,
            expected=true[0],
            actual=state,
            evidence=[Evidence(number, record, f"shows it as version {version}")],
        )

    def on_cached(self, number: int, record: CachedAtRest) -> Finding | None:
        """At rest the query cache holds the newest version of what it holds."""
        histories = self.histories
        histories.catch_up()
        for key, (version, state) in record.rows.items():
            if key in histories.strange:
                continue
            newest = histories.newest.get(key, 0)
            if version < newest:
                return self.finding(
                    "cache-stale-at-rest",
                    key,
                    number,
                    expected=f"version {newest}, or nothing",
                    actual=f"version {version}",
                    evidence=[Evidence(number, record, "shows the cache at rest")],
                )
            if (finding := self.judge(number, key, version, state, record)) is not None:
                return finding
        return None


class Waits(Property):
    """Every query ends: with an answer, or, when its time is up and not before, with the word that there is none; and once faults stop,
    with an answer.

    Kept although no broken system leaves only a query without an end so far: nobody else looks at readers that wait.
    """

    name = "waits"
    guarantee = "LIVE"
    needs = "queries"
    judges = (Waiting,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.calm = False

    def handlers(self) -> dict[type, Handler]:
        """Waiting queries and their ends."""
        return {Settling: self.on_settling, Waiting: self.on_waiting, GaveUp: self.on_gave_up}

    def on_settling(self, number: int, record: Settling) -> None:
        """From now on nothing is in the way of an answer."""
        self.calm = True

    def on_waiting(self, number: int, record: Waiting) -> Finding | None:
        """Still within its patience?"""
        if record.ticks < record.patience:
            return None
        return self.finding(
            "query-waits-for-ever",
            record.client,
            number,
            position=record.needed,
            expected=f"an end after {counted(record.patience, 'tick')}",
            actual=f"still waiting after {record.ticks}",
            evidence=[Evidence(number, record, "waits on")],
        )

    def on_gave_up(self, number: int, record: GaveUp) -> Finding | None:
        """Not before its time; and at rest there is nothing to wait for."""
        if record.ticks < record.patience:
            return self.finding(
                "query-gives-up-early",
                record.client,
                number,
                position=record.needed,
                expected=f"a wait of {record.patience} ticks",
                actual=f"given up after {record.ticks}",
                evidence=[Evidence(number, record, "gave up early")],
            )
        if not self.calm or record.needed > self.oracle.tail:
            return None
        return self.finding(
            "query-never-answered",
            record.client,
            number,
            position=record.needed,
            expected="an answer: nothing is in the way any more",
            actual="none",
            evidence=[Evidence(number, record, "gave up at rest")],
        )


class Pointers(Property):
    """A search shows exactly those hits whose targets the store holds: no dangling pointer is shown, no living one discarded."""

    name = "pointers"
    guarantee = "READ"
    needs = "queries"

    def handlers(self) -> dict[type, Handler]:
        """Searches."""
        return {Searched: self.on_searched}

    def on_searched(self, number: int, record: Searched) -> Finding | None:
        """Hit by hit."""
        for hit in record.hits:
            if hit.shown != (hit.version > 0):
                return self.finding(
                    "dangling-pointer" if hit.shown else "living-pointer-discarded",
                    hit.row,
                    number,
                    expected="discarded" if hit.shown else "shown",
                    actual="shown" if hit.shown else "discarded",
                    evidence=[
                        Evidence(
                            number, record, f"points to {record.key}, of which the store holds version {hit.version}"
                        )
                    ],
                )
        return None
