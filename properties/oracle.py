"""The truth: an independent fold of the visible log, against which everything stored is compared.

Several properties ask the same questions (which event is at position p, what has consumer c applied, what is the fold of the log
up to here), so one `Oracle` answers them all. It is fed first and finds nothing itself. Memory: one entry per stream and row, and
the events behind the slowest consumer (`WINDOW` at least).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.claims.idle_session import SessionClosed, SessionOpened
from refold.model.parts.consuming.dead_letters import Parked
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Aborted,
    Acknowledged,
    ConsumerSpec,
    Ignored,
    Opened,
    Recovered,
    Started,
    Unknown,
)

WINDOW = 8_192
"""Events that are kept even if every consumer has dealt with them, to explain findings and to check late rewinds."""


class Progress:
    """How far one consumer has come: everything visible up to `contiguous` is dealt with, and the positions in `beyond` too.

    Dealt with is what was applied, what the consumer did not ask for, and what is put aside in `parked` (position -> stream).
    """

    __slots__ = ("beyond", "contiguous", "ordered", "parked", "spec")

    def __init__(self, spec: ConsumerSpec) -> None:
        self.spec = spec
        self.ordered = spec.ordered
        self.contiguous = 0
        self.beyond: set[int] = set()
        self.parked: dict[int, str] = {}


class Oracle:
    """Events by position, their order, the number of events per stream, and the progress of every consumer."""

    def __init__(self, application: Application | None) -> None:
        self.application = application
        self.events: dict[int, Stored] = {}
        self.before: dict[int, int] = {}
        self.order: list[int] = []
        self.numbers: dict[int, int] = {}
        self.versions: dict[str, int] = {}
        self.tail = 0
        self.consumers: dict[str, Progress] = {}
        self.choosy: list[Progress] = []
        self.opened: Opened | None = None
        self.slow: set[str] = set()
        self.awaited: dict[str, int] = {}
        self.idle = 0
        self.trim_at = 2 * WINDOW
        self.low = 0

    def on_opened(self, number: int, record: Opened) -> None:
        """Who takes part."""
        self.opened = record
        self.consumers = {spec.name: Progress(spec) for spec in record.consumers}
        self.choosy = [progress for progress in self.consumers.values() if progress.spec.types]

    def on_joined(self, number: int, record: Joined) -> None:
        """One more consumer, which has everything before it; nobody can judge one that comes when events are forgotten already."""
        if self.low:
            return
        self.consumers[record.spec.name] = progress = Progress(record.spec)
        if record.spec.types:
            self.choosy.append(progress)
            for event in self.between(0, self.tail):
                self.pass_over(progress, event)

    def pass_over(self, progress: Progress, event: Stored) -> None:
        """What a consumer did not ask for is dealt with."""
        if event.type not in progress.spec.types:
            self.advance(progress, event.position)

    def on_parked(self, number: int, record: Parked) -> None:
        """Put aside, which is as good as applied for those behind it in other streams; not if it was applied before."""
        progress = self.consumers.get(record.consumer)
        if progress is not None and record.position > progress.contiguous and record.position not in progress.beyond:
            progress.parked[record.position] = record.stream
            self.advance(progress, record.position)

    def on_started(self, number: int, record: Started) -> None:
        """While a slow append is open, readers of the whole log may not see everything that is committed in a stream."""
        self.slow.add(record.op)

    def on_aborted(self, number: int, record: Aborted) -> None:
        """It hides nothing any more."""
        self.slow.discard(record.op)

    def on_unknown(self, number: int, record: Unknown) -> None:
        """Not open any more. Whether it is stored and hidden by an idle transaction will show with the next event that is not."""
        self.slow.discard(record.op)
        if self.idle:
            self.slow.add(record.op)
            self.awaited[record.op] = max([self.tail, *self.awaited.values()]) + 1  # behind what is hidden already

    def on_session_opened(self, number: int, record: SessionOpened) -> None:
        """A log may wait for it, for a bounded time."""
        self.idle += 1

    def on_session_closed(self, number: int, record: SessionClosed) -> None:
        """Nothing to wait for."""
        self.idle -= 1

    def on_acknowledged(self, number: int, record: Acknowledged) -> None:
        """Stored, but perhaps hidden from readers of the whole log by something else."""
        if record.positions and record.positions[-1] > self.tail:
            self.slow.add(record.op)
            self.awaited[record.op] = record.positions[-1]
        else:
            self.slow.discard(record.op)

    def appear(self) -> None:
        """Forget those appends that are no longer hidden."""
        for op in [op for op, position in self.awaited.items() if position <= self.tail]:
            del self.awaited[op]
            self.slow.discard(op)

    def on_stored(self, number: int, event: Stored) -> None:
        """One more event at the end (or, in a broken log, below it)."""
        position = event.position
        self.versions[event.stream] = event.version
        self.events[position] = event
        self.numbers[position] = number
        if position > self.tail:
            self.before[position] = self.tail
            self.order.append(position)
            self.tail = position
            if self.awaited:
                self.appear()
            for progress in self.choosy:
                self.pass_over(progress, event)
            if len(self.events) > self.trim_at:
                self.trim()

    def on_ignored(self, number: int, record: Ignored) -> None:
        """An unordered consumer has nothing to do for this event, which is as good as having applied it."""
        progress = self.consumers.get(record.consumer)
        if progress is not None and not progress.ordered:
            self.advance(progress, record.position)

    def advance(self, progress: Progress, position: int) -> None:
        """Count `position` as applied."""
        contiguous = progress.contiguous
        if position <= contiguous:
            return
        if self.before.get(position) == contiguous:
            progress.contiguous = contiguous = position
            beyond = progress.beyond
            if beyond:
                order = self.order
                place = bisect_right(order, contiguous)
                while place < len(order) and order[place] in beyond:
                    beyond.remove(order[place])
                    progress.contiguous = order[place]
                    place += 1
        else:
            progress.beyond.add(position)

    def on_recovered(self, number: int, record: Recovered) -> None:
        """A consumer whose rows are volatile, or saved together with the checkpoint, is where it says. Others keep their effects."""
        progress = self.consumers.get(record.process)
        if progress is not None and (progress.spec.volatile or progress.spec.atomic):
            progress.contiguous = record.position
            progress.beyond.clear()

    def trim(self) -> None:
        """Forget events that every consumer has dealt with, beyond the window."""
        floor = min((progress.contiguous for progress in self.consumers.values()), default=self.tail)
        floor = min(floor, self.tail - WINDOW)
        events, before, numbers = self.events, self.before, self.numbers
        for position in [p for p in events if p < floor]:
            del events[position]
            before.pop(position, None)
            numbers.pop(position, None)
        del self.order[: bisect_left(self.order, floor)]
        self.low = max(self.low, floor)
        self.trim_at = 2 * max(WINDOW, len(events))

    def positions(self, low: int, high: int) -> list[int]:
        """The visible positions with low < position <= high, in order, as far as they are still kept."""
        order = self.order
        return order[bisect_right(order, low) : len(order) if high >= self.tail else bisect_right(order, high)]

    def between(self, low: int, high: int) -> list[Stored]:
        """The visible events with low < position <= high, in order, as far as they are still kept."""
        events = self.events
        return [events[position] for position in self.positions(low, high)]
