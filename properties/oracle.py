"""The oracle: an independent fold of the visible log, against which everything stored is compared.

Several properties ask the same questions (which event is at position p, what has consumer c applied, which append is behind this event,
what is the fold of the log up to here), so one `Oracle` answers them all. Properties read it and never move it: it moves itself, before
the properties judge a record (appends, states, the progress of consumers) or after them (the log), and finds nothing. Memory: one entry
per stream and row, the newest appends, and the events behind the slowest consumer (`REMEMBERED` at least).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.claims.idle_session import SessionClosed, SessionOpened
from refold.model.parts.consuming.dead_letters import Parked
from refold.model.parts.consuming.rebuild import Rebuilt
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Aborted,
    Acknowledged,
    Applied,
    ConsumerSpec,
    Ignored,
    Opened,
    Recovered,
    Started,
    Unknown,
)
from refold.properties import appends
from refold.properties.appends import Appends
from refold.properties.removed import Removed
from refold.properties.states import States
from refold.properties.window import Window

REMEMBERED = 8_192
"""Events that are kept even if every consumer has dealt with them, to explain findings and to check late rewinds."""

NEXT, AGAIN, HANDLED, AHEAD = range(4)
"""What an applied event is for its consumer: the next one; one that was dealt with before; one that was put aside and is handled at last;
one that comes before others."""


class Progress:
    """How far one consumer has come: everything visible up to `contiguous` is dealt with, and the positions in `beyond` too.

    Dealt with is what was applied, what the consumer did not ask for, and what is put aside in `parked` (position -> stream). What is put
    aside up to `rebuilt` is in the rows all the same: a rebuild has brought it. `simple`: it is ordered, and no other consumer bears its
    name. `rows` are those that it was seen to write, as `effects` keeps them.
    """

    __slots__ = ("beyond", "contiguous", "ordered", "parked", "rebuilt", "rows", "simple", "spec")

    def __init__(self, spec: ConsumerSpec) -> None:
        self.spec = spec
        self.ordered = spec.ordered
        self.simple = spec.ordered
        self.contiguous = 0
        self.beyond: set[int] = set()
        self.parked: dict[int, str] = {}
        self.rebuilt = 0
        self.rows: dict[str, Any] = {}


class Oracle:
    """Events by position, their order, the number of events per stream, the appends behind them, the states of keys, and the progress of
    every consumer.

    `remembered` replaces the size of every window, so that tests can forget soon.
    """

    def __init__(self, application: Application | None, remembered: int | None = None) -> None:
        self.application = application
        self.remembered = remembered
        self.kept = self.window(REMEMBERED, "").size
        self.lost = self.window(
            REMEMBERED, "what a consumer did that began, or began again, after events older than the newest {size}"
        )
        self.events: dict[int, Stored] = {}
        self.before: dict[int, int] = {}
        self.order: list[int] = []
        self.numbers: dict[int, int] = {}
        self.versions: dict[str, int] = {}
        self.changed: dict[str, tuple[int, Stored]] = {}
        """The newest event of a stream, as evidence: of the streams that changed last."""
        self.promised: dict[int, tuple[int, Acknowledged]] = {}
        """Positions that readers have not come to, and the answers that name them."""
        self.tail = 0
        self.consumers: dict[str, Progress] = {}
        self.names: set[str] = set()
        self.choosy: list[Progress] = []
        self.opened: Opened | None = None
        self.slow: set[str] = set()
        self.awaited: dict[str, int] = {}
        self.idle = 0
        self.trim_at = self.changed_max = 2 * self.kept
        self.low = self.begins = 0
        self.progress: Progress | None = None
        self.turn = NEXT
        self.appends = Appends(
            self.versions,
            self.window(
                appends.REMEMBERED,
                "whether events were asked for, are visible once and together, and keep their condition: those of appends older than the"
                " newest {size}",
            ),
        )
        self.states = None if application is None else States(application)
        self.removed: Removed | None = None
        self.forgetting: list[WeakMethod[Callable[[], None]]] = []

    def window(self, size: int, unjudged: str) -> Window:
        """A window of this size, if nothing else was asked for."""
        return Window(size if self.remembered is None else self.remembered, unjudged)

    def before_forgetting(self, catch_up: Callable[[], None]) -> None:
        """Call this method before events are forgotten: whoever folds them only when he must has to do it then. The reference is a weak
        one, because the method's object knows the oracle, and a run has to be gone with its last reference."""
        self.forgetting.append(WeakMethod(catch_up))

    def on_opened(self, number: int, record: Opened) -> None:
        """Who takes part."""
        self.opened = record
        self.consumers = {spec.name: Progress(spec) for spec in record.consumers if not spec.watched}
        self.choosy = [progress for progress in self.consumers.values() if progress.spec.types]
        names = [spec.name for spec in record.consumers]
        self.names = set(names)
        for progress in self.consumers.values():
            progress.simple = progress.ordered and names.count(progress.spec.name) == 1

    def on_joined(self, number: int, record: Joined) -> None:
        """One more consumer, which has everything before it; nobody can judge one that comes when events are forgotten already. One that is
        watched is not seen to apply anything."""
        known = self.consumers.get(record.spec.name)
        if known is not None:
            known.simple = False
        if record.spec.watched:
            self.names.add(record.spec.name)
            return
        if self.low:
            self.lost.miss()
            return
        self.consumers[record.spec.name] = progress = Progress(record.spec)
        progress.simple = progress.ordered and record.spec.name not in self.names
        self.names.add(record.spec.name)
        if record.spec.types:
            self.choosy.append(progress)
            for event in self.between(0, self.tail):
                self.pass_over(progress, event)

    def pass_over(self, progress: Progress, event: Stored) -> None:
        """What a consumer did not ask for is dealt with."""
        if event.type not in progress.spec.types:
            self.advance(progress, event.position)

    def on_parked(self, number: int, record: Parked) -> None:
        """Put aside, which is as good as applied for those after it in other streams; not if it was applied before."""
        progress = self.consumers.get(record.consumer)
        if progress is not None and record.position > progress.contiguous and record.position not in progress.beyond:
            event = self.events.get(record.position)
            progress.parked[record.position] = record.stream if event is None else event.stream
            self.advance(progress, record.position)

    def on_started(self, number: int, record: Started) -> None:
        """While a slow append is open, readers of the whole log may not see everything that is committed in a stream."""
        self.slow.add(record.op)

    def on_aborted(self, number: int, record: Aborted) -> None:
        """It hides nothing any more, and will never be seen."""
        self.slow.discard(record.op)
        self.appends.on_ended(number, record)

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
        stream = event.stream
        self.versions[stream] = event.version
        self.changed[stream] = (number, event)
        if len(self.changed) > self.changed_max:
            self.forget_changes()
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

    def forget_changes(self) -> None:
        """Keep the newest half: they are evidence only, and there may be many streams."""
        oldest = sorted(self.changed.items(), key=lambda item: item[1][0])
        for stream, _ in oldest[: len(oldest) // 2]:
            del self.changed[stream]

    def on_ignored(self, number: int, record: Ignored) -> None:
        """An unordered consumer has nothing to do for this event, which is as good as having applied it; and one that has put it aside goes
        past it again."""
        progress = self.consumers.get(record.consumer)
        if progress is not None and (not progress.ordered or record.position in progress.parked):
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

    def on_applied(self, number: int, record: Applied) -> None:
        """How far the consumer is with this event, before properties judge it."""
        self.progress = progress = self.consumers.get(record.consumer)
        if progress is None:
            return
        position = record.position
        if self.before.get(position) == progress.contiguous:
            self.turn = NEXT
            if progress.parked:
                progress.parked.pop(position, None)
            if progress.beyond:
                self.advance(progress, position)
            else:
                progress.contiguous = position
        elif position <= progress.contiguous or position in progress.beyond:
            self.turn = AGAIN if progress.parked.pop(position, None) is None else HANDLED
        else:
            self.turn = AHEAD
            progress.beyond.add(position)

    def on_recovered(self, number: int, record: Recovered) -> None:
        """A consumer whose rows are volatile, or saved together with the checkpoint, is where it says. Others keep their effects. One that
        begins again with events that are forgotten cannot be judged any more."""
        progress = self.consumers.get(record.process)
        if progress is not None and (progress.spec.volatile or progress.spec.atomic):
            self.go_on(record.process, progress, record.position)

    def on_rebuilt(self, number: int, record: Rebuilt) -> None:
        """The rows are others, and the consumer goes on behind the last event that is in them."""
        progress = self.consumers.get(record.consumer)
        if progress is not None:
            last = bisect_right(self.order, record.position)
            position = self.order[last - 1] if last and record.position > self.low else record.position
            self.go_on(record.consumer, progress, position)
            progress.rebuilt = position

    def go_on(self, name: str, progress: Progress, position: int) -> None:
        """The consumer has dealt with everything up to `position`, and nothing else."""
        if position < self.low:
            del self.consumers[name]
            self.choosy = [other for other in self.choosy if other is not progress]
            self.lost.miss()
            return
        progress.contiguous = position
        progress.rebuilt = min(progress.rebuilt, position)
        progress.beyond.clear()

    def trim(self) -> None:
        """Forget events that every consumer has dealt with, beyond the window; not those that are put aside and may be handled yet."""
        for catch_up in [method() for method in self.forgetting]:
            if catch_up is not None:
                catch_up()
        floor = min((progress.contiguous for progress in self.consumers.values()), default=self.tail)
        floor = min(floor, self.tail - self.kept)
        events, before, numbers = self.events, self.before, self.numbers
        aside = {position for progress in self.consumers.values() for position in progress.parked}
        for position in [p for p in events if p < floor and p not in aside]:
            del events[position]
            before.pop(position, None)
            numbers.pop(position, None)
        del self.order[: bisect_left(self.order, floor)]
        self.low = max(self.low, floor)
        self.trim_at = 2 * max(self.kept, len(events))

    def nowhere(self, position: int) -> bool:
        """Whether no event is at this position; False also if it may be one of which nobody knows any more. None is below position 1."""
        return position not in self.events and not 0 < position < self.low

    def positions(self, low: int, high: int) -> list[int]:
        """The visible positions with low < position <= high, in order, as far as they are still kept."""
        order = self.order
        return order[bisect_right(order, low) : len(order) if high >= self.tail else bisect_right(order, high)]

    def between(self, low: int, high: int) -> list[Stored]:
        """The visible events with low < position <= high, in order, as far as they are still kept."""
        events = self.events
        return [events[position] for position in self.positions(low, high)]
