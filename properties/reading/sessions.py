"""Session guarantees of the reading side: clients read their own writes and never go back in time, and a query that must wait ends (READ,
LIVE, A14).

This is usually broken by a query that reads an eventually consistent view without checking its position (catalogue:
read-your-own-writes), by a wait for the wrong consumer (sync-wait-bar-wrong) or without a time limit, and by cache keys that lack the
tenant (tenant-scope-leak)."""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.reading.query import Answered, CachedAtRest, GaveUp, Searched, Waiting
from refold.model.record import Acknowledged, Settled, Settling
from refold.model.words import counted
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

Write = tuple[int, int, Acknowledged]
"""A version of a stream, and the acknowledgement (with its number) that told a client of it."""

Unresolved = list[tuple[int, Acknowledged]]
"""Acknowledgements (with their numbers) whose streams and versions are not known yet."""

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
        oracle.before_forgetting(self.catch_up)
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
        if version <= 0:
            return (self.application.initial(key),)
        states = self.states.get(key, {})
        if version in states:
            return (states[version],)
        self.window.miss()
        return None


class Sessions(Property):
    """For every answer a to client c about key k: version(a) is not lower than the version of any event of k that c wrote itself, if that
    event was acknowledged before c asked and is visible when c is answered, and not lower than the version of any earlier answer to c
    about k. version(a) is at most the number of visible events of k, and state(a) is the fold of the first version(a) of them. At rest,
    the query cache holds the newest version of each key in it, and the matching fold.

    Only keys whose events are in the stream of the same name are judged, because that stream gives them versions, and only states that
    are at most `VERSIONS` versions old.
    """

    name = "sessions"
    guarantee = "READ"
    clauses = {
        "own writes": "an answer contains the client's own events that were acknowledged before it asked",
        "never back": "an answer is not older than an earlier one to the same client about the same key",
        "not from the future": "an answer, or a row of the cache at rest, contains no more events than are visible",
        "state is the fold": "an answer of version n, or a row of the cache at rest, is the fold of the first n events of its key",
        "newest at rest": "at rest the query cache holds the newest version of each key in it",
    }
    needs = "queries"
    needs_application = True
    judges = (Answered,)

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        self.oracle = oracle
        self.histories = Histories(application, oracle)
        self.windows = (self.histories.window,)
        oracle.before_forgetting(self.resolve_all)
        self.unresolved: dict[str, Unresolved] = {}
        self.own: dict[tuple[str, str], Write] = {}
        self.asked: dict[tuple[str, str], tuple[Write | None, Unresolved]] = {}
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
        """Streams and versions of acknowledged writes; what is not visible yet is looked at again when the client asks once more."""
        hidden = []
        for number, record in self.unresolved.pop(client, ()):
            if self.hidden(record):
                hidden.append((number, record))
            elif (event := self.written(record)) is not None:
                held = self.own.get((client, event.stream))
                if held is None or held[0] < event.version:
                    self.own[client, event.stream] = (event.version, number, record)
        if hidden:
            self.unresolved[client] = hidden[-UNRESOLVED:]

    def written(self, record: Acknowledged) -> Stored | None:
        """The last event of an acknowledged append, if it is visible and not forgotten."""
        oracle = self.oracle
        if record.positions:
            return oracle.events.get(record.positions[-1])
        operation = oracle.appends.operations.get(record.op)
        if operation is None or not operation.seen:
            return None
        return next((event for event in reversed(oracle.events.values()) if event.operation == record.op), None)

    def hidden(self, record: Acknowledged) -> bool:
        """Whether readers of the whole log have not come to an acknowledged append."""
        if record.positions:
            return record.positions[-1] > self.oracle.tail
        operation = self.oracle.appends.operations.get(record.op)
        return operation is not None and not operation.seen

    def resolve_all(self) -> None:
        """Before events are forgotten: whose they are is known from then on."""
        for client in list(self.unresolved):
            self.resolve(client)

    def on_waiting(self, number: int, record: Waiting) -> None:
        """The question is asked now; what the client writes while it waits is concurrent."""
        client, question = record.client, (record.client, record.key)
        if question not in self.asked:
            self.resolve(client)
            self.asked[question] = (self.own.get(question), list(self.unresolved.get(client, ())))

    def bound(self, client: str, key: str) -> Write | None:
        """The client's newest own write of `key` from before it asked that is visible by now."""
        if (client, key) not in self.asked:
            return self.own.get((client, key))
        newest, hidden = self.asked.pop((client, key))
        for number, record in hidden:
            event = self.written(record)
            if event is not None and event.stream == key and (newest is None or newest[0] < event.version):
                newest = (event.version, number, record)
        return newest

    def on_gave_up(self, number: int, record: GaveUp) -> None:
        """The question is over."""
        self.asked.pop((record.client, record.key), None)

    def on_answered(self, number: int, record: Answered) -> Finding | None:
        """It contains the client's own writes, is no older than earlier answers, and is the fold of its version."""
        self.resolve(record.client)
        own = self.bound(record.client, record.key)
        histories = self.histories
        histories.catch_up()
        session = (record.client, record.key)
        before = self.answers.get(session)
        if before is None or before[1].version <= record.version:
            self.answers[session] = (number, record)
        if record.key in histories.strange:
            return None
        if own is not None and record.version < own[0]:
            return self.stale(
                "own-write-not-read",
                "own writes",
                number,
                record,
                own[0],
                Evidence(own[1], own[2], "told the client that it is done"),
            )
        if before is not None and record.version < before[1].version:
            return self.stale(
                "read-goes-back",
                "never back",
                number,
                record,
                before[1].version,
                Evidence(*before, "showed the client more"),
            )
        return self.judge(number, record.key, record.version, record.state, record)

    def stale(
        self, anomaly: str, clause: str, number: int, record: Answered, version: int, evidence: Evidence
    ) -> Finding:
        """An answer below what this session may see."""
        return self.finding(
            anomaly,
            record.key,
            number,
            clause=clause,
            expected=f"version {version} or later",
            actual=f"version {record.version}",
            evidence=[evidence, Evidence(number, record, "is what it read afterwards")],
        )

    def judge(self, number: int, key: str, version: int, state: Any, record: Any) -> Finding | None:
        """There is such a version, and `state` is the fold of so many events of `key`."""
        newest = self.histories.newest.get(key, 0)
        if version > newest:
            return self.finding(
                "answer-from-the-future",
                key,
                number,
                clause="not from the future",
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
            clause="state is the fold",
            expected=true[0],
            actual=state,
            evidence=[Evidence(number, record, f"shows it as version {version}")],
        )

    def on_cached(self, number: int, record: CachedAtRest) -> Finding | None:
        """At rest the query cache holds the newest version of each key that it holds, and its state."""
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
                    clause="newest at rest",
                    expected=f"version {newest}, or nothing",
                    actual=f"version {version}",
                    evidence=[Evidence(number, record, "shows the cache at rest")],
                )
            if (finding := self.judge(number, key, version, state, record)) is not None:
                return finding
        return None


class Waits(Property):
    """Every query that has to wait ends before everything is at rest: with an answer or, once its time is up and not before, with the
    message that there is none. It does not continue to wait after its time is up. Once faults stop, it ends with an answer if the
    position that it waits for is visible.

    This property is kept, although no broken system has been convicted by it alone so far, because no other property looks at readers that
    wait.
    """

    name = "waits"
    guarantee = "LIVE"
    clauses = {
        "no longer than its patience": "a query whose time is up does not continue to wait",
        "ends": "when everything is at rest, no query is waiting",
        "not before its time": "a query does not give up before its time is up",
        "answered in the end": "once faults stop, a query that waits for a visible position does not give up",
    }
    needs = "queries"
    judges = (Waiting,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.calm = False
        self.waiting: dict[tuple[str, str], tuple[int, Waiting]] = {}

    def handlers(self) -> dict[type, Handler]:
        """Waiting queries, their ends, and the end of everything."""
        return {
            Settling: self.on_settling,
            Waiting: self.on_waiting,
            Answered: self.on_answered,
            GaveUp: self.on_gave_up,
            Settled: self.on_settled,
        }

    def on_settling(self, number: int, record: Settling) -> None:
        """From now on nothing is in the way of an answer."""
        self.calm = True

    def on_waiting(self, number: int, record: Waiting) -> Finding | None:
        """A query waits only while its patience lasts."""
        self.waiting[record.client, record.key] = (number, record)
        if record.ticks < record.patience:
            return None
        return self.finding(
            "query-waits-for-ever",
            record.client,
            number,
            clause="no longer than its patience",
            position=record.needed,
            expected=f"an end after {counted(record.patience, 'tick')}",
            actual=f"still waiting after {record.ticks}",
            evidence=[Evidence(number, record, "waits on")],
        )

    def on_answered(self, number: int, record: Answered) -> None:
        """The best of ends."""
        self.waiting.pop((record.client, record.key), None)

    def on_gave_up(self, number: int, record: GaveUp) -> Finding | None:
        """It had waited as long as was promised; and once faults stop there is nothing to give up for."""
        self.waiting.pop((record.client, record.key), None)
        if record.ticks < record.patience:
            return self.finding(
                "query-gives-up-early",
                record.client,
                number,
                clause="not before its time",
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
            clause="answered in the end",
            position=record.needed,
            expected="an answer: nothing is in the way any more",
            actual="none",
            evidence=[Evidence(number, record, "gave up at rest")],
        )

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """Nobody waits any more."""
        for (client, _), (asked, waiting) in self.waiting.items():
            return self.finding(
                "query-waits-for-ever",
                client,
                number,
                clause="ends",
                position=waiting.needed,
                expected="an end, with or without an answer",
                actual="still waiting when everything is at rest",
                evidence=[
                    Evidence(asked, waiting, "began to wait, or waited on"),
                    Evidence(number, record, "is the end"),
                ],
            )
        return None


class Pointers(Property):
    """A hit that a search returns is shown if and only if the store held its target when the search looked."""

    name = "pointers"
    guarantee = "READ"
    clauses = {
        "none dangling": "a hit whose target the store does not hold is not shown",
        "all living": "a hit whose target the store holds is not discarded",
    }
    needs = "queries"

    def handlers(self) -> dict[type, Handler]:
        """Searches."""
        return {Searched: self.on_searched}

    def on_searched(self, number: int, record: Searched) -> Finding | None:
        """Each hit is shown if its target is there, and only then."""
        for hit in record.hits:
            if hit.shown != (hit.version > 0):
                return self.finding(
                    "dangling-pointer" if hit.shown else "living-pointer-discarded",
                    hit.row,
                    number,
                    clause="none dangling" if hit.shown else "all living",
                    expected="discarded" if hit.shown else "shown",
                    actual="shown" if hit.shown else "discarded",
                    evidence=[
                        Evidence(
                            number, record, f"points to {record.key}, of which the store holds version {hit.version}"
                        )
                    ],
                )
        return None
