"""Workers that append by themselves: what a timer gives back is judged as the command that it stands for."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from refold.model.application import Application, Refusal
from refold.properties.diagnosis.scores import diagnose
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.user import Service, Worker, sqlite_system
from refold.systems.user.adopt import adapt

SCHEMA = """
create table events (position integer primary key autoincrement, seat text, version integer, type text, at real, unique (seat, version));
"""
EVENTS = "select position, seat as stream, version, type, json_object('seat', seat) as data from events"
ROWS = "select seat, type from events e where version = (select max(version) from events l where l.seat = e.seat)"


class NotFree(Exception):
    """It is not what it would have to be."""


class Seats:
    """A seat is held, and then confirmed or given back."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)

    def hold(self, seat: str) -> None:
        """For a minute."""
        self.change(seat, "Released", "Held")

    def confirm(self, seat: str) -> None:
        """It is sold."""
        self.change(seat, "Held", "Confirmed")

    def release(self, seat: str) -> None:
        """Somebody else may have it."""
        self.change(seat, "Held", "Released")

    def change(self, seat: str, before: str, after: str) -> None:
        """If it is what it has to be."""
        query = "select type, version from events where seat = ? order by version desc limit 1"
        state, version = self.db.execute(query, (seat,)).fetchone() or ("Released", 0)
        if state != before:
            raise NotFree(seat)
        self.store(seat, version + 1, after)

    def store(self, seat: str, version: int, kind: str) -> None:
        """A version that is taken raises."""
        sql = "insert into events (seat, version, type, at) values (?, ?, ?, ?)"
        try:
            self.db.execute(sql, (seat, version, kind, time.time()))
        except sqlite3.IntegrityError:
            raise NotFree(seat) from None


class Hasty(Seats):
    """Stores under whatever version is free by now."""

    def store(self, seat: str, version: int, kind: str) -> None:
        """The next one."""
        sql = "insert into events (seat, version, type, at) select ?, count(*) + 1, ?, ? from events where seat = ?"
        self.db.execute(sql, (seat, kind, time.time(), seat))


class Sweeper:
    """Gives back what has been held for a minute."""

    seats: Callable[[str], Seats] = Seats

    def __init__(self, path: str) -> None:
        self.service = self.seats(path)

    def step(self) -> bool:
        """All that is due."""
        due = [
            seat
            for (seat,) in self.service.db.execute(
                "select seat from events e where type = 'Held' and at < ? and not exists"
                " (select 1 from events l where l.seat = e.seat and l.version > e.version)",
                (time.time() - 60,),
            ).fetchall()
        ]
        for seat in due:
            try:
                self.service.release(seat)
            except NotFree:
                continue
        return bool(due)


class HastySweeper(Sweeper):
    """Does not look whether the seat has been confirmed since."""

    seats = Hasty


@dataclass(frozen=True)
class Hold:
    """I want it."""

    seat: str


@dataclass(frozen=True)
class Confirm:
    """I take it."""

    seat: str


@dataclass(frozen=True)
class Release:
    """I do not want it."""

    seat: str


class Held(Hold):
    """Wanted."""


class Confirmed(Confirm):
    """Taken."""


class Released(Release):
    """Free."""


class Bookings(Application):
    """The rules; of what the sweeper does by itself they say nothing."""

    name = "bookings"
    events = (Held, Confirmed, Released)

    def commands(self) -> Sequence[Any]:
        """Two seats."""
        return [one(seat) for seat in ("1a", "1b") for one in (Hold, Confirm, Release)]

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        """A free seat is held; a held one is confirmed, or given back."""
        if state != ("Released" if isinstance(command, Hold) else "Held"):
            raise Refusal(state, "lost-update")
        return [{Hold: Held, Confirm: Confirmed, Release: Released}[type(command)](command.seat)]

    def initial(self, key: str) -> str:
        """Free."""
        return "Released"

    def evolve(self, state: Any, event: Any) -> str:
        """What has happened last."""
        return type(event).__name__


class InHisName(Bookings):
    """What the sweeper gives back, the guest could have given back."""

    def cause(self, event: Any) -> Any:
        """A release."""
        return Release(event.seat) if isinstance(event, Released) else None


def verified(sweeper: Any, application: Application, seed: int, examples: int) -> Result:
    """A short campaign; it ends at the first finding."""
    make = sqlite_system(
        SCHEMA,
        Service(Seats, refusals=[NotFree]),
        events=EVENTS,
        consumers={"sweeper": Worker(sweeper, poll="step", rows=ROWS)},
    )
    return Campaign(adapt("seats", make), application, seed, Budget(seconds=None, examples=examples, distinct=1)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_timer_that_gives_back_what_was_confirmed_meanwhile_is_found(seed: int) -> None:
    """Its time has to come first, and somebody has to confirm between its look and its write."""
    first = verified(HastySweeper, InHisName(), seed, 60).counterexamples[0]
    assert (first.finding.guarantee, first.finding.anomaly) == ("CAS", "lost-update")
    assert diagnose(first.findings, first.history)[0].row.name == "check-then-append"


def test_its_repair_is_held() -> None:
    """Seats were given back."""
    result = verified(Sweeper, InHisName(), 1, 12)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert not any("Application.cause()" in text for text in result.not_checked)


def test_what_a_worker_appends_is_not_judged_unless_the_application_says_what_it_stands_for() -> None:
    """And the report says so."""
    result = verified(HastySweeper, Bookings(), 1, 12)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert [text for text in result.not_checked if "Application.cause()" in text and "(sweeper)" in text]
