"""A log whose positions show late hides nothing else: what is lost, changed, or there twice is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from refold.model.application import Refusal
from refold.model.event import Stored
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.user import Sink
from refold.systems.user.adopt import adapt
from refold.systems.user.late import InOrderOfCommit
from refold.systems.user.roles.run_database import EventTables

from ..asynchronous import Book, Booked, Hotel

Line = tuple[int, str, Booked]


class Desk:
    """Books a room in one step; positions have gaps."""

    def __init__(self, house: House) -> None:
        self.house = house

    def execute(self, command: Book) -> None:
        """Book it, if it is free."""
        house = self.house
        if command.room in house.taken:
            raise Refusal(f"{command.room} is taken", "duplicate-create")
        house.taken.add(command.room)
        position = len(house.lines) * 2 + 10
        house.write((position, str(position), Booked(command.room, command.guest)))


class House:
    """A service and its log."""

    gaps = True

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.taken: set[str] = set()

    def service(self, client: str) -> Desk:
        """For each client."""
        return Desk(self)

    def write(self, line: Line) -> None:
        """One more line."""
        self.lines.append(line)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """In the order of positions."""
        return self.stored(after)[:limit]

    def stored(self, after: int) -> list[Stored]:
        """The lines as events; a room has one."""
        return [Stored(place, line.room, 1, id, "Booked", line) for place, id, line in self.lines if place > after]


class ReadsStreams(House):
    """Each stream can be read by itself."""

    def read_stream(self, stream: str, after: int) -> list[Stored]:
        """One room."""
        return [event for event in self.stored(0) if event.stream == stream and event.version > after]


class Awaited(House):
    """Its log is to be awaited."""

    async def read(self, after: int, limit: int) -> Sequence[Stored]:  # type: ignore[override]
        return self.stored(after)[:limit]


class Forgets(House):
    """The second line wipes out the first."""

    def write(self, line: Line) -> None:
        self.lines = [line]


class Overwrites(House):
    """The second line changes the guest of the first."""

    def write(self, line: Line) -> None:
        self.lines = [(place, id, Booked(old.room, "somebody")) for place, id, old in self.lines]
        super().write(line)


class WritesTwice(House):
    """The same line at two positions."""

    def write(self, line: Line) -> None:
        super().write(line)
        super().write((line[0] + 1, *line[1:]))


class Tells(House):
    """Sends the position of a line before anybody else gets a turn, as often as it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.sinks = {"mail": Sink(promises=("at-most-once",))}

    def write(self, line: Line) -> None:
        super().write(line)
        self.sinks["mail"].send(line[0])


def verified(make: Any) -> Result:
    """A short search."""
    return Campaign(adapt("house", make), Hotel(), 1, Budget(None, 40, distinct=4)).run()


@pytest.mark.parametrize("make", [House, ReadsStreams, Awaited, Tells])
def test_what_is_right_is_held(make: Any) -> None:
    """Also where a message names the position that the user's log has, and not the place in which the event counts."""
    assert not verified(make).counterexamples


@pytest.mark.parametrize(
    ("make", "anomaly"),
    [(Forgets, "acknowledged-append-lost"), (Overwrites, "event-altered"), (WritesTwice, "duplicate-append")],
)
def test_what_is_wrong_is_found(make: Any, anomaly: str) -> None:
    """As in a log without gaps."""
    assert anomaly in {one.finding.anomaly for one in verified(make).counterexamples}


class Looked:
    """A table of events in a database."""

    def __init__(self, *columns: str) -> None:
        self.columns = ["position", "room", "guest", *columns]
        self.rows: list[tuple[Any, ...]] = []

    def table(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """All of it."""
        return self.columns, list(self.rows)


@pytest.mark.parametrize(("columns", "versions"), [((), [1, 2]), (("version",), [1, 1])])
def test_events_of_a_stream_are_counted_in_the_order_of_their_commits(
    columns: tuple[str, ...], versions: list[int]
) -> None:
    """Where no column says which version they have; a column is believed."""
    looks: Any = Looked(*columns)
    tables = EventTables(looks, {Booked: "bookings"})
    tables.application = Hotel()
    log = InOrderOfCommit(tables)
    ones = (1,) * len(columns)
    for row in ((5, "attic", "ann", *ones), (4, "attic", "bo", *ones)):
        looks.rows.append(row)
        log.read(0, 10)
    assert [(event.position, event.id, event.version) for event in log.read(0, 10)] == [
        (1, "5", versions[0]),
        (2, "4", versions[1]),
    ]


OPEN: list[object] = []


class Opens(House):
    """Has something to close, exactly once."""

    def __init__(self) -> None:
        super().__init__()
        OPEN.append(self)

    def close(self) -> None:
        """Not a second time."""
        OPEN.remove(self)


class OpensInOrder(Opens):
    """The same without gaps."""

    gaps = False


@pytest.mark.parametrize("make", [Opens, OpensInOrder])
def test_whatever_is_made_is_closed_once(make: Any) -> None:
    """Also what is made to be looked at, and a system that is its own log."""
    adapt("house", make)
    assert not OPEN
    Campaign(adapt("house", make), Hotel(), 1, Budget(None, 3)).run()
    assert not OPEN
