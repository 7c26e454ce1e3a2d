"""Mistakes of public bug reports, rebuilt small, each with its repair. No code here knows of refold but for the ports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from refold.model.application import Refusal
from refold.model.event import NewEvent, Stored
from refold.model.examples.inventory import Inventory
from refold.model.expectation import Exact
from refold.model.log import Appended, AppendRequest, Conflict, Log
from refold.systems.gate import watch

from .bags import MyLog
from .own_consumers import Counter


class RowNumbers(MyLog):
    """akkadotnet/akka.net#2257: the position of an event is its row number in a query that is sorted by stream, so that an append to
    an early stream moves all later ones."""

    def sorted(self) -> list[Stored]:
        """By stream."""
        rows = sorted(self.inner.read(0, 1 << 20), key=lambda event: (event.stream, event.version))
        return [msgspec.structs.replace(event, position=n) for n, event in enumerate(rows, 1)]

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """The answer has row numbers too."""
        answer = super().append(request)
        if isinstance(answer, Conflict):
            return answer
        return Appended(tuple(event.position for event in self.sorted() if event.operation == request.op))

    def read(self, after: int, limit: int) -> Any:
        """A page of the query."""
        return self.sorted()[after : after + limit]

    def read_stream(self, stream: str, after: int) -> Any:
        """The events of a stream."""
        return [event for event in self.sorted() if event.stream == stream and event.version > after]


class Server:
    """Stores events, and knows no ids of requests."""

    def __init__(self) -> None:
        self.log = Log()

    def append(self, request: str, stream: str, version: int, payloads: list[Any]) -> bool:
        """Whether the stream was at this version."""
        if len(self.stream(stream)) != version:
            return False
        events = tuple(NewEvent(f"{request}/{n}", type(one).__name__, one) for n, one in enumerate(payloads))
        return isinstance(self.log.append(AppendRequest(request, stream, Exact(version), events)), Appended)

    def stream(self, stream: str) -> list[Stored]:
        """The events of a stream."""
        return list(self.log.read_stream(stream, 0))


class OwnWriteConflict:
    """kurrent-io/KurrentDB#2668: the answer to a write is lost; it is sent again, refused because of itself, and the refusal is
    believed."""

    def __init__(self) -> None:
        self.server = Server()
        self.remote = watch(self.server, name="server", methods=("append",))
        self.log = self.server.log
        self.inventory = Inventory()
        self.requests = 0

    def service(self, client: str) -> Any:
        """One object for all."""
        return self

    def execute(self, command: Any) -> None:
        """Read, decide, write; after an error again."""
        key = self.inventory.key(command)
        before = self.server.stream(key)
        state = self.inventory.initial(key)
        for event in before:
            state = self.inventory.evolve(state, event.data)
        wanted = list(self.inventory.decide(command, state))
        self.requests += 1
        request = f"r{self.requests}"
        while wanted:
            try:
                if not self.remote.append(request, key, len(before), wanted):
                    raise Refusal("somebody else has written")
            except ConnectionError:
                if self.is_there(key, request):
                    return
            else:
                return

    def is_there(self, key: str, request: str) -> bool:
        """Nobody looks."""
        return False


class LooksFirst(OwnWriteConflict):
    """After an error it looks whether its events are in the stream."""

    def is_there(self, key: str, request: str) -> bool:
        """By their ids."""
        return any(event.operation == request for event in self.server.stream(key))


class Totals(Counter):
    """Counts the events of each stream; rows and position are one transaction."""

    promises = ("atomic",)

    def __init__(self) -> None:
        super().__init__()
        self.restart()

    def handle(self, event: Stored) -> None:
        """Not what is there already."""
        if event.position > self.saved:
            self.apply(event)

    def apply(self, event: Stored) -> None:
        """One durable step."""
        self.effect(event)
        self.saved = event.position


class StopBeforeLoad(Totals):
    """prooph/pdo-event-store#233: a signal that comes before the position is loaded saves an empty one over full rows."""

    def restart(self) -> None:
        """The position is loaded with the first event."""
        self.position, self.loaded = 0, False

    def handle(self, event: Stored) -> None:
        """Load, then count."""
        if not self.loaded:
            self.position, self.loaded = self.saved, True
        if event.position > self.position:
            self.apply(event)
            self.position = event.position

    def stop(self) -> None:
        """Save the position."""
        self.saved = self.position


class StopAfterLoad(StopBeforeLoad):
    """There is nothing to save before anything is loaded."""

    def stop(self) -> None:
        """Only what it knows."""
        if self.loaded:
            super().stop()


class CollectsThree(StopAfterLoad):
    """Three events are one transaction; what is collected when it is told to stop is saved then. Correct."""

    def restart(self) -> None:
        """Nothing is collected."""
        super().restart()
        self.collected: list[Stored] = []

    def handle(self, event: Stored) -> None:
        """Collect."""
        if not self.loaded:
            self.position, self.loaded = self.saved, True
        if event.position > self.position:
            self.collected.append(event)
            self.position = event.position
        if len(self.collected) == 3:
            self.flush()

    def flush(self) -> None:
        """All of them."""
        self.durable()
        for event in self.collected:
            self.table[event.stream] = self.table.get(event.stream, 0) + 1
            self.saved = event.position
        self.collected = []

    def stop(self) -> None:
        """Only what it knows."""
        if self.loaded:
            self.flush()


class IgnoredNotAcknowledged(Totals):
    """Eventuous/eventuous#142: events without a handler never reach the code that commits the contiguous part of the sequence."""

    projection = "arrivals"

    def restart(self) -> None:
        """The sequence begins anew."""
        self.numbers: dict[int, int] = {}
        self.done: dict[int, int] = {}
        self.next = 0

    def apply(self, event: Stored) -> None:
        """Only of one type; each row knows what it contains."""
        number = self.numbers.setdefault(event.position, len(self.numbers))
        if event.type != "Restocked":
            self.ignore(number, event.position)
            return
        count, newest = self.table.get(event.stream, (0, 0)) if event.stream in self.table else (0, 0)  # type: ignore[misc]
        if event.position > newest:
            self.durable()
            self.table[event.stream] = (count + 1, event.position)  # type: ignore[assignment]
        self.acknowledge(number, event.position)

    def rows(self) -> dict[str, int]:
        """The counts."""
        return {key: row[0] for key, row in self.table.items()}  # type: ignore[index]

    def ignore(self, number: int, position: int) -> None:
        """Nobody is interested."""

    def acknowledge(self, number: int, position: int) -> None:
        """Commit up to the first gap."""
        self.done[number] = position
        while self.next in self.done:
            self.saved = max(self.saved, self.done.pop(self.next))
            self.next += 1


class IgnoredAcknowledged(IgnoredNotAcknowledged):
    """What is passed over is acknowledged as well."""

    def ignore(self, number: int, position: int) -> None:
        """It is done."""
        self.acknowledge(number, position)


class ClosedWhileRestoring(Totals):
    """apache/kafka#15177: a store that is closed while it is restored from its changelog is said to have all of it."""

    def __init__(self) -> None:
        self.changelog: list[tuple[str, int]] = []
        self.file: int | None = None
        self.restored = 0
        super().__init__()

    def restart(self) -> None:
        """With a file go on after it, without one begin again; one entry at once, the rest with the next events."""
        if self.file is None:
            self.table, self.restored = {}, 0
        else:
            self.restored = self.file
        self.file = None
        self.restore(1)

    def restore(self, count: int) -> None:
        """The next entries of the changelog."""
        for key, value in self.changelog[self.restored : self.restored + count]:
            self.table[key] = value
        self.restored = min(len(self.changelog), self.restored + count)

    def handle(self, event: Stored) -> None:
        """Restore what is missing first, whatever the event is."""
        self.restore(len(self.changelog))
        super().handle(event)

    def apply(self, event: Stored) -> None:
        """Changelog and position in one transaction, and the store."""
        super().apply(event)
        self.changelog.append((event.stream, self.table[event.stream]))
        self.restored = len(self.changelog)

    def rows(self) -> dict[str, int]:
        """What queries are answered from; they wait while it is restored."""
        return dict(self.changelog) if self.restored < len(self.changelog) else dict(self.table)

    def stop(self) -> None:
        """Remember what need not be restored again."""
        self.file = len(self.changelog)


class ClosedAsRestored(ClosedWhileRestoring):
    """The file says how far the store is."""

    def stop(self) -> None:
        """No further."""
        self.file = self.restored


class AnswersWhileRestoring(ClosedAsRestored):
    """Queries are answered from the store as it is. Correct: it promises no more."""

    promises = ("volatile",)

    def rows(self) -> dict[str, int]:
        """What is there."""
        return dict(self.table)


class HandOverGap:
    """johanhaleby/occurrent#292: reads history up to the end that it saw at first, then listens from now on: what was committed in the
    meantime is in neither. It pulls."""

    projection = "totals"
    promises: ClassVar[tuple[str, ...]] = ("atomic",)

    def __init__(self, log: Any) -> None:
        self.log = log
        self.table: dict[str, int] = {}
        self.saved = 0
        self.restart()

    def restart(self) -> None:
        """Subscribe."""
        self.live_from: int | None = None
        self.head: int | None = None

    def crash(self) -> None:
        """Rows and position are durable."""

    def tail(self) -> int:
        """The end of the log."""
        return len(self.log.read(0, 1 << 20))

    def poll(self) -> bool:
        """One event of history, or of what comes live."""
        if self.head is None:
            self.head = self.tail()
        if self.live_from is None and self.saved >= self.head:
            self.live_from = self.resume_token()
            return True
        after = self.saved if self.live_from is None else max(self.saved, self.live_from - 1)
        for event in self.log.read(after, 1):
            self.table[event.stream] = self.table.get(event.stream, 0) + 1
            self.saved = event.position
            return True
        return False

    def resume_token(self) -> int:
        """From now on."""
        return self.tail() + 1

    def checkpoint(self) -> int:
        """Behind this it goes on."""
        return self.saved

    def rows(self) -> dict[str, int]:
        """All of them."""
        return dict(self.table)


class NoGap(HandOverGap):
    """Listens behind the last event that it has read."""

    def resume_token(self) -> int:
        """Behind history."""
        return self.saved + 1


class WokenReadsPages:
    """Events wake it, and it reads pages of the log by itself. Correct."""

    projection = "totals"
    promises: ClassVar[tuple[str, ...]] = ("atomic",)

    def __init__(self, log: Any) -> None:
        self.log = log
        self.table: dict[str, int] = {}
        self.saved = 0

    def handle(self, event: Stored) -> None:
        """A page of two."""
        for one in self.log.read(self.saved, 2):
            self.durable()
            self.table[one.stream] = self.table.get(one.stream, 0) + 1
            self.saved = one.position

    def checkpoint(self) -> int:
        """Behind this it goes on."""
        return self.saved

    def rows(self) -> dict[str, int]:
        """All of them."""
        return dict(self.table)

    def durable(self) -> None:
        """Put in its place by the harness."""

    def crash(self) -> None:
        """Rows and position are durable."""

    def restart(self) -> None:
        """There is nothing to load."""


class AppliedTwiceInline(MyLog):
    """JasperFx/marten#3294: the row is written in the transaction of the append, from an object to which the command has applied the
    new events already."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[str, int] = {}

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Events and documents."""
        before = len(self.inner.read(0, 1 << 20))
        answer = super().append(request)
        if len(self.inner.read(0, 1 << 20)) > before:
            stored = self.documents.get(request.stream, 0)
            self.documents[request.stream] = self.loaded(stored, len(request.events)) + len(request.events)
        return answer

    def loaded(self, stored: int, new: int) -> int:
        """What the session has in its hands."""
        return stored + new


class AppliedOnceInline(AppliedTwiceInline):
    """The row begins with what is stored."""

    def loaded(self, stored: int, new: int) -> int:
        """Not with what the command made of it."""
        return stored


class Documents:
    """Written with the append: nothing is ever called."""

    projection = "totals"

    def __init__(self, log: AppliedTwiceInline) -> None:
        self.log = log

    def rows(self) -> dict[str, int]:
        """As they are."""
        return dict(self.log.documents)


def around(consumer: Callable[[], Any]) -> Callable[[], Any]:
    """A log, and a consumer that is handed events."""
    return system(MyLog, lambda log: consumer())


def system(log: Callable[[], Any], consumer: Callable[[Any], Any]) -> Callable[[], Any]:
    """A log, and a consumer that knows it."""

    class System:
        def __init__(self) -> None:
            self.log = log()
            self.consumers = {"counts": consumer(self.log)}

    return System


class Stock(Inventory):
    """Counts what arrives, besides."""

    def arrivals(self, event: Stored, rows: Any) -> dict[str, Any]:
        """Only of one type."""
        return {event.stream: rows.get(event.stream, 0) + 1} if event.type == "Restocked" else {}
