"""What is not asked about regular records would have found nothing in them, and keeps what it would have kept."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from refold.model.application import Application
from refold.model.documents.history import plain
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Registered
from refold.model.expectation import ANY, NO_STREAM, STREAM_EXISTS, Exact
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Aborted,
    Acknowledged,
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    Ignored,
    Opened,
    Prepared,
    Recovered,
    Refused,
    Retried,
    Scanned,
    Settled,
    Started,
    Unknown,
)
from refold.properties.appends import Appends, Operation
from refold.properties.log import durability
from refold.properties.log.durability import Durability
from refold.properties.oracle import Oracle, Progress
from refold.properties.property import Checker, Handler, Property
from refold.properties.suite import checker
from refold.properties.window import Window

from .cases.records import ADA, asked, event
from .test_judging_together import damaged, to_damage

HISTORIES = 120
SPECS = (
    ConsumerSpec(name="index", projection="totals", atomic=True),
    ConsumerSpec(name="totals", projection="totals"),
    ConsumerSpec(name="some", projection="totals", types=("Registered",)),
    ConsumerSpec(name="cache", projection="totals", ordered=False, volatile=True),
)
PASSING = {
    Appends: {"operation", "place", "first", "last"},
    Oracle: {"progress", "turn"},
    Operation: {"only"},
}
"""What means something for the record at hand alone, or is there for regular records."""


def content(thing: Any, seen: set[int]) -> Any:
    """What a property and all that it knows hold, to be compared."""
    if isinstance(thing, dict):
        return [(content(key, seen), content(value, seen)) for key, value in thing.items()]
    if isinstance(thing, list | tuple | deque):
        return [content(one, seen) for one in thing]
    if isinstance(thing, set | frozenset):
        return sorted(map(repr, thing))
    if isinstance(thing, Operation):
        return [getattr(thing, name) for name in thing.__struct_fields__ if name not in PASSING[Operation]]
    if isinstance(thing, Property | Oracle | Appends | Progress | Window):
        if id(thing) in seen:
            return "see above"
        seen.add(id(thing))
        names = getattr(type(thing), "__slots__", None) or vars(thing)
        return {
            name: content(getattr(thing, name), seen)
            for name in names
            if not any(isinstance(thing, cls) and name in left for cls, left in PASSING.items())
        }
    return thing if isinstance(thing, int | str | bool | float | msgspec.Struct | type(None)) else type(thing).__name__


def state(judge: Checker) -> Any:
    """All that a checker keeps of the past."""
    for one in judge.properties:
        if isinstance(one, Durability):
            one.catch_up()
    return [(type(one).__name__, content(one, set())) for one in judge.properties]


def everybody(judge: Checker) -> None:
    """From now on all handlers are asked about all records."""

    def always(handlers: list[Handler]) -> Any:
        return lambda number, record: handlers

    for kind, handlers in judge.table.handlers.items():
        judge.known[kind] = always(handlers)


class Story:
    """A history by a system that is right, with all that makes records irregular now and then."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.records: list[Any] = [Opened(1, "told", "accounts", ("alice", "bob"), SPECS)]
        self.versions: Counter[str] = Counter()
        self.log: list[Stored] = []
        self.places = dict.fromkeys(("index", "totals", "some", "cache"), 0)
        self.rows: Counter[tuple[str, str]] = Counter()
        self.ops = 0

    def told(self, steps: int) -> list[Any]:
        """So many things happen."""
        happenings = (
            (self.append,) * 4 + (self.consume,) * 6 + (self.save, self.refused, self.unknown, self.scan, self.slow)
        )
        for _ in range(steps):
            self.rng.choice(happenings)()
        return [*self.records, Settled(0)]

    def prepared(self) -> Prepared:
        """Somebody decides."""
        rng = self.rng
        client, stream = rng.choice(("alice", "bob")), rng.choice(("ada", "bea", "cat"))
        self.ops += 1
        op, version = f"{client}-{self.ops}", self.versions[stream]
        tags = ("t",) if rng.random() < 0.1 else ()
        events = tuple(
            NewEvent(f"{op}/{n}", rng.choice(("Registered", "Deleted")), Registered(stream, f"n{n}"), tags)
            for n in range(rng.choice((1, 1, 1, 2, 3)))
        )
        expected = rng.choice((ANY, Exact(version) if version else NO_STREAM, STREAM_EXISTS if version else ANY))
        made = Prepared(client, op, None, "log", stream, version, expected, events)
        self.records.append(made)
        return made

    def stored(self, made: Prepared) -> tuple[int, ...]:
        """It becomes visible."""
        positions = []
        for new in made.events:
            self.versions[made.stream] += 1
            last = self.log[-1].position if self.log else 0
            position = last + self.rng.choice((1, 1, 1, 3))
            data = self.rng.choice((new.data, Registered(made.stream, new.data.name)))
            self.log.append(Stored(position, made.stream, self.versions[made.stream], new.id, new.type, data, new.tags))
            self.records.append(self.log[-1])
            positions.append(position)
        return tuple(positions)

    def append(self) -> None:
        """All goes well, also where the answer comes before the event, or names no position."""
        made = self.prepared()
        if self.rng.random() < 0.1:
            self.records.append(Retried(made.client, made.op))
        place = len(self.records)
        positions = self.stored(made)
        answer = Acknowledged(made.client, made.op, self.rng.choice((positions, positions, positions, ())))
        self.records.insert(self.rng.choice((place, len(self.records), len(self.records), len(self.records))), answer)

    def refused(self) -> None:
        """It does not happen."""
        made = self.records[-1] = msgspec.structs.replace(self.prepared(), expected=Exact(999))
        self.records.append(Refused(made.client, made.op, self.versions[made.stream]))

    def unknown(self) -> None:
        """It happens, or not, and is asked for again, perhaps in another form."""
        made = self.prepared()
        self.records.append(Unknown(made.client, made.op))
        if self.rng.random() < 0.5:
            made = msgspec.structs.replace(made, expected=ANY)
            self.records.append(made)
        if self.rng.random() < 0.7:
            self.stored(made)

    def slow(self) -> None:
        """It takes its place early."""
        made = self.prepared()
        self.records.append(Started(made.client, made.op, ()))
        self.append()
        if self.rng.random() < 0.5:
            self.records.append(Acknowledged(made.client, made.op, self.stored(made)))
        else:
            self.records.append(Aborted(made.client, made.op))

    def consume(self) -> None:
        """A consumer goes on, takes an event again, or is restarted."""
        name = self.rng.choice(SPECS)
        ahead = [one for one in self.log if one.position > self.places[name.name]]
        if name.types:
            ahead = [one for one in ahead if one.type in name.types]
        if not ahead:
            return
        chosen, chance = ahead[0], self.rng.random()
        if chance < 0.05:
            self.records.append(Ignored(name.name, self.places[name.name]))
        elif chance < 0.1:
            rows = {key: count for (one, key), count in self.rows.items() if one == name.name}
            self.records.append(Recovered(name.name, self.places[name.name], rows))
        else:
            row = name.name, chosen.stream
            self.rows[row] += 1
            self.records.append(Applied(name.name, chosen.position, {chosen.stream: self.rows[row]}))
            self.places[name.name] = chosen.position

    def save(self) -> None:
        """A checkpoint."""
        self.records.append(CheckpointSaved("totals", self.places["totals"]))

    def scan(self) -> None:
        """All that is there."""
        self.records.append(Scanned(tuple(one.position for one in self.log), tuple(one.id for one in self.log)))


def bent(rng: random.Random, records: list[Any]) -> list[Any]:
    """The history with one or two fields that say something else, or a record more or less."""
    records = damaged(rng, records, records) if rng.random() < 0.4 else list(records)
    for _ in range(rng.randint(0, 2)):
        place = rng.randrange(1, len(records))
        record = records[place]
        fields = [
            name for name in record.__struct_fields__ if name not in ("command", "events", "rows", "writes", "ids")
        ]
        if not fields:
            continue
        name = rng.choice(fields)
        value = getattr(record, name)
        others = [getattr(one, name) for one in records if type(one) is type(record) and hasattr(one, name)]
        fresh = value + rng.choice((-1, 1)) if type(value) is int and rng.random() < 0.6 else rng.choice(others)
        if not (type(record) is Scanned and name == "positions"):
            records[place] = msgspec.structs.replace(record, **{name: fresh})
    return records


def judged(
    application: Application | None, history: Sequence[Any], sorted_out: bool, rng: random.Random | None = None
) -> Any:
    """Findings, what was given up, and what is kept in the end: in blocks, or one record and one handler after the other."""
    judge = checker(application, plain, remembered=40)
    if not sorted_out:
        everybody(judge)
    failed = None
    try:
        start = 0
        while start < len(history):
            end = start + (rng.randint(1, 30) if rng is not None else len(history))
            judge.feed_all(history[start:end], 1 << 30)
            start = end
        kept = state(judge)
        judge.finish()
    except Exception as error:
        failed, kept = repr(error), None
    return failed, judge.findings, judge.given_up(), kept


@pytest.mark.parametrize("application", [None, Accounts()], ids=["none", "accounts"])
def test_histories_are_judged_as_if_everybody_were_asked(
    application: Application | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right ones and bent ones, with memories that are too small; nothing of what is kept differs."""
    rng = random.Random(2 if application is None else 3)
    guilty = 0
    for number in range(HISTORIES):
        history = Story(rng).told(rng.randint(5, 90))
        if number % 4:
            history = bent(rng, history)
        with monkeypatch.context() as patch:
            patch.setattr(durability, "TOGETHER", 1)
            expected = judged(application, history, sorted_out=False)
        found = judged(application, history, True, rng)
        assert found[:3] == expected[:3], history
        assert found[3] == expected[3], history
        guilty += bool(found[1])
    assert HISTORIES // 4 < guilty < HISTORIES


def test_damaged_cases_leave_the_same_behind() -> None:
    rng = random.Random(5)
    pool, others = to_damage()
    for _ in range(HISTORIES):
        application, records = rng.choice(pool)
        history = damaged(rng, records, others)
        assert judged(application, history, True) == judged(application, history, False), history


def asked_about(judge: Checker, records: Sequence[Any]) -> Counter[tuple[str, str]]:
    """(property, class of record) -> how often it was asked."""
    times: Counter[tuple[str, str]] = Counter()
    for number, record in enumerate(records, 1):
        for handler in judge.known[type(record)](number, record) if type(record) in judge.known else ():
            owner: Any = getattr(handler, "__self__", None)
            times[type(owner).__name__, type(record).__name__] += 1
            assert handler(number, record) is None
    return times


def test_most_properties_are_not_asked_about_regular_records() -> None:
    records: list[Any] = [Opened(1, "told", "", ("alice",), SPECS[:2])]
    for n in range(1, 9):
        op = f"alice-{n}"
        stored = msgspec.structs.replace(event(n, n, ADA, f"{op}/0"), version=n)
        made = msgspec.structs.replace(asked(op, ADA), stream=stored.stream, expected=ANY)
        records += [made, stored, Acknowledged("alice", op, (n,)), Applied("index", n, {"ada": n})]
        records += [CheckpointSaved("index", n)]
    times = asked_about(checker(None), records)
    kinds = {"Prepared", "Stored", "Acknowledged", "Applied", "CheckpointSaved"}
    assert {pair for pair in times if pair[1] in kinds} == {("Durability", "Stored"), ("Oracle", "Stored")}


def test_two_consumers_of_one_name_are_never_regular() -> None:
    """One of them may be a cache, of which `cache-order` keeps the rows."""
    twice = (SPECS[0], msgspec.structs.replace(SPECS[3], name="index"))
    for specs, more in ((twice[::-1], []), (SPECS[:1], [Joined(twice[1])]), (SPECS[:1], [Joined(SPECS[0])])):
        made = asked("alice-1", ADA)
        history = [
            Opened(1, "told", "", ("alice",), specs),
            *more,
            made,
            Stored(1, made.stream, 1, "alice-1/0", made.events[0].type, ADA),
            Applied("index", 1, {"ada": 1}),
        ]
        times = asked_about(checker(None), history)
        assert times["CacheOrder", "Applied"] == 1
