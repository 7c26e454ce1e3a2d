"""Relays, and what they send: outboxes as people write them; each mistake is found with three seeds, each repair is held."""

from __future__ import annotations

import pathlib
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.action import Submit
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.parts.calls import Elapse, Enter, Halt, Turn
from refold.model.parts.messages.outbox import Interrupted
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.gate import watch
from refold.systems.user import Relay, Service, Sink, sqlite_system
from refold.systems.user.adopt import adapt
from refold.systems.user.module import load

CHECK = str(pathlib.Path(__file__).parents[4] / "examples" / "parcels_check.py")
Parcels: Any = load(f"{CHECK}:Parcels")
Accept: Any = load(f"{CHECK}:Accept")
Accepted: Any = load(f"{CHECK}:Accepted")
parcels: Any = sys.modules[Parcels.__module__].parcels
UNSENT = "select id, text from outbox where sent = 0 order by id limit 1"


class Claiming:
    """Claims a message before it sends it, in one step that finds it free, and takes up its own claims again."""

    name = ""

    def __init__(self, path: str, mail: Any) -> None:
        self.connection = sqlite3.connect(path)
        self.mail = mail

    def run_once(self) -> bool:
        """One message."""
        connection, name = self.connection, self.name
        with connection:
            connection.execute(
                "update outbox set holder = ? where sent = 0 and id ="
                " (select min(id) from outbox where sent = 0 and (holder is null or holder = ?))",
                (name, name),
            )
        row = connection.execute("select id, text from outbox where sent = 0 and holder = ?", (name,)).fetchone()
        if row is None:
            return False
        self.mail.send(row[1])
        with connection:
            connection.execute("update outbox set sent = 1 where id = ?", (row[0],))
        return True


class One(Claiming):
    """The first of two."""

    name = "one"


class Two(Claiming):
    """The second."""

    name = "two"


class Impatient(parcels.Relay):  # type: ignore[misc,name-defined]
    """What cannot be sent now is put at the end."""

    def run_once(self) -> bool:
        """One message."""
        connection = self.connection
        row = connection.execute("select id, text from outbox where sent = 0 order by tries, id limit 1").fetchone()
        if row is None:
            return False
        try:
            self.mail.send(row[1])
        except ConnectionError:
            with connection:
                connection.execute("update outbox set tries = tries + 1 where id = ?", (row[0],))
            return True
        with connection:
            connection.execute("update outbox set sent = 1 where id = ?", (row[0],))
        return True


class Batches(parcels.Relay):  # type: ignore[misc,name-defined]
    """Sends all that is there, and marks it at the end."""

    def run_once(self) -> bool:
        """A batch."""
        rows = self.connection.execute("select id, text from outbox where sent = 0 order by id").fetchall()
        for _, text in rows:
            self.mail.send(text)
        with self.connection:
            self.connection.executemany("update outbox set sent = 1 where id = ?", [(id,) for id, _ in rows])
        return bool(rows)


class Moving(parcels.Desk):  # type: ignore[misc,name-defined]
    """A parcel may be sent on, so that it has several events."""

    def accept(self, parcel: str, town: str) -> None:
        """Note where it goes to."""
        with self.connection:
            self.connection.execute("insert into events (parcel, town) values (?, ?)", (parcel, town))
            self.connection.execute(
                "insert into outbox (parcel, text) values (?, ?)", (parcel, f"{parcel} goes to {town}")
            )


class TellsAfter(parcels.Desk):  # type: ignore[misc,name-defined]
    """Dual write: the event is committed, then it is told."""

    def __init__(self, path: str, mail: Any) -> None:
        super().__init__(path)
        self.mail = mail

    def accept(self, parcel: str, town: str) -> None:
        """Two stores, one after the other."""
        super().accept(parcel, town)
        self.mail.send(f"{parcel} goes to {town}")


class TellsBefore(TellsAfter):
    """Dual write: it is told, then the event is committed."""

    def accept(self, parcel: str, town: str) -> None:
        """The other way round."""
        if not self.connection.execute("select 1 from events where parcel = ?", (parcel,)).fetchone():
            self.mail.send(f"{parcel} goes to {town}")
        parcels.Desk.accept(self, parcel, town)


SCHEMA = parcels.SCHEMA.replace(
    "sent integer default 0", "sent integer default 0, holder text, tries integer default 0"
)
OFTEN = SCHEMA.replace("parcel text unique", "parcel text")


TOWNS = ("Ulm", "Bern", "Graz", "Linz", "Basel", "Trier", "Bonn", "Wien")
"""Enough that two events seldom call for the same message."""


class Everywhere(Parcels):  # type: ignore[misc]
    """A parcel may be accepted for another town again."""

    def commands(self) -> Any:
        """One parcel, to any town."""
        return [Accept("p1", town) for town in TOWNS]

    def decide(self, command: Any, state: Any) -> Any:
        """Always."""
        return [Accepted(command.parcel, command.town)]

    def evolve(self, state: Any, event: Any) -> Any:
        """Where it has been."""
        return (*(state or ()), event.town)


def told(event: Stored) -> str:
    """What has to be told."""
    return f"{event.data.parcel} goes to {event.data.town}"


def system(
    *relays: Any, promises: tuple[str, ...] = (), desk: Any = parcels.Desk, sends: str = "", schema: str = SCHEMA
) -> Callable[[], object]:
    """The service with these relays."""
    return sqlite_system(
        schema,
        Service(desk, refusals=[parcels.AlreadyAccepted], sends=sends),
        events={Accepted: "events"},
        sinks={"mail": Sink(told, promises=promises)},
        relays={f"relay-{n}": Relay(one, poll="run_once", sends="mail") for n, one in enumerate(relays, 1)},
    )


class Numbers:
    """A database that takes the id of a row from a sequence, and shows the row once its transaction commits."""

    def __init__(self) -> None:
        self.number = 0
        self.events: list[Stored] = []
        self.outbox: dict[int, str] = {}
        self.saved = 0

    def take(self) -> int:
        """The next number."""
        self.number += 1
        return self.number

    def commit(self, number: int, event: Any) -> None:
        """Event and message, unless the parcel is here."""
        if any(one.stream == event.parcel for one in self.events):
            raise parcels.AlreadyAccepted(event.parcel)
        place = len(self.events) + 1
        self.events.append(Stored(place, event.parcel, 1, f"e{place}", "Accepted", event))
        self.outbox[number] = f"{event.parcel} goes to {event.town}"


class ByNumber:
    """Sends what is behind the number that it has sent last."""

    def __init__(self, database: Numbers, mail: Sink) -> None:
        self.database = database
        self.mail = mail

    def poll(self) -> bool:
        """One message."""
        number = min((one for one in self.database.outbox if one > self.database.saved), default=None)
        if number is None:
            return False
        self.mail.send(self.database.outbox[number])
        self.database.saved = number
        return True


class ByRow(ByNumber):
    """Sends whatever is there, and takes it out."""

    def poll(self) -> bool:
        """One message."""
        number = min(self.database.outbox, default=None)
        if number is None:
            return False
        self.mail.send(self.database.outbox[number])
        self.database.outbox.pop(number, None)
        return True


class Sequenced:
    """A service, a relay and a sink in memory: a system without any database."""

    refusals = (parcels.AlreadyAccepted,)
    relay: type = ByNumber

    def __init__(self) -> None:
        self.database = database = Numbers()
        sink = Sink(told)
        self.sinks = {"mail": sink}
        self.relays = {"relay": lambda: self.relay(database, sink)}

    def service(self, client: str) -> Any:
        """The connection stops at every statement."""
        database = watch(self.database, name="database")

        def accept(command: Any) -> None:
            """In one transaction."""
            database.commit(database.take(), Accepted(command.parcel, command.town))

        return accept

    def read(self, after: int, limit: int) -> list[Stored]:
        """What is committed."""
        return self.database.events[after : after + limit]


class SequencedRows(Sequenced):
    """Its repair."""

    relay = ByRow


def moving(relay: Any) -> Callable[[], object]:
    """Parcels with several events, told in their order."""
    return system(relay, promises=("ordered",), desk=Moving, schema=OFTEN)


BAD: dict[str, tuple[Callable[[], object], str, str]] = {
    "marks-first": (system(parcels.HastyRelay), "DUAL", "side-effect-missing"),
    "tells-after-the-commit": (system(desk=TellsAfter, sends="mail"), "DUAL", "side-effect-missing"),
    "tells-before-the-commit": (system(desk=TellsBefore, sends="mail"), "DUAL", "side-effect-without-cause"),
    "two-relays-no-claim": (system(parcels.Relay, parcels.Relay, promises=("once",)), "DUAL", "side-effect-twice"),
    "at-most-once-by-two-steps": (system(parcels.Relay, promises=("at-most-once",)), "DUAL", "side-effect-twice"),
    "late-commits-skipped": (Sequenced, "DUAL", "side-effect-missing"),
    "put-at-the-end": (moving(Impatient), "ORD", "sent-out-of-order"),
}
"""Mistake -> system, guarantee, anomaly."""

GOOD: dict[str, Callable[[], object]] = {
    "marks-last": system(parcels.Relay),
    "two-relays-that-may-repeat": system(parcels.Relay, parcels.Relay),
    "two-relays-with-claims": system(One, Two, promises=("once",)),
    "a-batch-marked-at-its-end": system(Batches, promises=("once",)),
    "marks-first-and-may-lose": system(parcels.HastyRelay, promises=("at-most-once",)),
    "late-commits-seen": SequencedRows,
    "tried-again-in-its-place": moving(parcels.Relay),
}


ORDERED = ("put-at-the-end", "tried-again-in-its-place")


def verified(name: str, make: Callable[[], object], seed: int, examples: int) -> Result:
    """A short campaign; it ends at the first finding."""
    subject = Everywhere() if name in ORDERED else Parcels()
    return Campaign(adapt("parcels", make), subject, seed, Budget(None, examples, distinct=1)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_found(name: str, seed: int) -> None:
    """Under its name, which comes first."""
    make, guarantee, anomaly = BAD[name]
    found = [one.finding for one in verified(name, make, seed, 60).counterexamples]
    assert found, name
    assert (found[0].anomaly, found[0].guarantee) == (anomaly, guarantee), found


@pytest.mark.parametrize("name", GOOD)
def test_its_repair_is_held(name: str) -> None:
    """And something had been sent, and gone wrong."""
    result = verified(name, GOOD[name], 1, 30)
    assert [str(one.finding) for one in result.counterexamples] == []
    counts = result.counts
    assert min(counts["messages_sent"], counts["deaths_in_work"], counts["answers_lost"], counts["turns"]) > 10, counts
    assert ("outbox-delivery", "DUAL") in result.checked
    assert not any("an outbox" in text for text in result.not_checked)


def test_who_has_waited_in_vain_may_send_again() -> None:
    """A relay that has sent, and cannot write that down because somebody has the lock for too long, has been interrupted."""
    accept = Accept("p1", "Ulm")
    plan = (
        Submit("bob", accept),
        Enter("alice", Accept("p2", "Ulm")),
        Halt("alice", "COMMIT"),
        Turn("relay-1"),
        Elapse(30.0),
        Halt("relay-1", "SELECT outbox"),
    )
    run = execute(adapt("parcels", GOOD["a-batch-marked-at-its-end"]), Parcels(), plan, whole=True)
    assert [record.how for record in run.history if isinstance(record, Interrupted)] == ["has waited in vain"]
    assert run.findings == []


def test_a_sink_keeps_what_it_is_sent() -> None:
    """One argument as it is, several as a tuple; by whatever name it is called."""
    sink = Sink()
    sink.send("a")
    sink.publish("topic", "b")
    sink("c", key="k")
    assert sink.sent() == ["a", ("topic", "b"), ("c", "k")]
    assert sink.fresh().sent() == []


def named(mail: Any) -> Any:
    """A system whose messages name their event in some way."""

    class Naming(parcels.Relay):  # type: ignore[misc,name-defined]
        """Sends the number of the row, which is that of the event."""

        def run_once(self) -> bool:
            """One message."""
            row = self.connection.execute("select id from outbox where sent = 0 order by id limit 1").fetchone()
            if row is None:
                return False
            self.mail.send("parcels", mail(row[0]))
            with self.connection:
                self.connection.execute("update outbox set sent = 1 where id = ?", row)
            return True

    return sqlite_system(
        SCHEMA,
        Service(parcels.Desk, refusals=[parcels.AlreadyAccepted]),
        events={Accepted: "events"},
        sinks={"mail": Sink()},
        relays={"relay": Relay(Naming, poll="run_once", sends="mail")},
    )


@pytest.mark.parametrize(
    ("mail", "verdict"),
    [(lambda n: {"event_id": str(n)}, "held"), (lambda n: n, "held"), (lambda n: {"event_id": str(n + 1)}, "broken")],
)
def test_a_message_may_name_its_event(mail: Callable[[int], Any], verdict: str) -> None:
    """By id or position, itself or in a field; one that names another is one without a cause."""
    result = verified("named", named(mail), 1, 20)
    assert result.verdict == verdict, [one.finding for one in result.counterexamples]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sinks": {"mail": Sink(promises=("twice",))}}, "promises 'twice', expected a tuple of once, at-most-once"),
        ({"sinks": {"mail": object()}}, "which has no sent()"),
        ({"sinks": {}}, "expected a dict of at least one name"),
        ({"relays": {"relay": object()}}, r"relay 'relay' is <object .*, which has no poll\(\)"),
    ],
)
def test_parts_that_are_none_are_told_so(change: dict[str, Any], said: str) -> None:
    """In a sentence."""

    def make() -> object:
        made: Any = system(parcels.Relay)()
        for field, value in change.items():
            setattr(made, field, value)
        return made

    with pytest.raises(UsageError, match=said):
        adapt("parcels", make)


def test_whoever_sends_names_a_sink_that_there_is() -> None:
    """Before anything is made."""
    with pytest.raises(UsageError, match=r"there is no sink 'male' .did you mean 'mail'"):
        system(parcels.Relay, desk=TellsAfter, sends="male")


def test_a_relay_that_is_made_by_a_coroutine_function_is_told_so() -> None:
    """It would be a coroutine, which has no `poll`."""

    async def connect(*given: Any) -> Any:
        return parcels.Relay(*given)

    with pytest.raises(
        UsageError, match=r"connect is async def, but a part of a system of tables is made by a function that is not"
    ):
        adapt("parcels", system(connect))
