"""The timeline: a history as marks on lanes, before anything is drawn.

One lane per client, the log, one lane per consumer, and one for every other actor. A mark is what one record (or two that belong
together) shows: a shape on a lane, an arrow that comes from another lane, a few words, and the full sentence. This file folds a history
into marks, `scene` chooses which of them a picture shows, and `spacetime` draws them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from refold.model.action import power_words
from refold.model.event import Stored
from refold.model.parts.calls import SERVICE
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Aborted,
    Acknowledged,
    Applied,
    CheckpointSaved,
    Crashed,
    Declined,
    Failed,
    Held,
    Ignored,
    Observed,
    Opened,
    PowerCut,
    Prepared,
    Recovered,
    Refused,
    Retried,
    Scanned,
    Settled,
    Settling,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
    Step,
    Unknown,
)
from refold.model.words import counted, places
from refold.reports.pictures.lanes import actor, place_of
from refold.reports.words.sentences import action_sentence, event_words, record_sentence
from refold.reports.words.values import name, value

LOG = "log"
CLIENT, CONSUMER = "client ", "consumer "
"""What the lanes of clients and consumers begin with: a client may bear the name of a consumer, or of the log. Lanes of other actors begin
with their kind and a blank as well, which is all that those of parts begin with."""
SETTLING = "faults stop: everything is restarted and runs on by itself"


@attrs.frozen
class Mark:
    """`numbers`: the records it stands for; `shape` at `lane`; `origin`: the lane that an arrow comes from; `line`: how the arrow looks;
    `label`: a few words; `title`: the whole sentence. A band (shape ``band``) goes over all lanes."""

    numbers: tuple[int, ...]
    shape: str
    lane: str
    label: str
    title: str
    origin: str | None = None
    line: str = "plain"


class Timeline:
    """Folds records into marks; remembers who wrote what and which consumer has received what."""

    def __init__(self) -> None:
        self.clients: list[str] = []
        self.consumers: list[str] = []
        self.others: list[str] = []
        self.settled_at: int | None = None
        self.marks: list[Mark] = []
        self.writers: dict[str, str] = {}
        self.arrived: set[str] = set()
        self.positions: list[int] = []
        self.received: dict[str, set[int]] = {}
        self.highest: dict[str, int] = {}
        self.passed: dict[str, int] = {}
        self.newest: dict[str, int] = {}
        self.acting: str | None = None
        self.named: set[str] = set()
        self.log = LOG
        self.table: dict[type, Callable[[int, Any], Mark | None]] = {
            Opened: self.opened,
            Joined: self.joined,
            Step: self.step,
            Stored: self.stored,
            Prepared: self.prepared,
            Declined: self.declined,
            Acknowledged: self.acknowledged,
            Refused: self.refused,
            Unknown: self.unknown,
            Retried: self.retried,
            Started: self.started,
            Aborted: self.aborted,
            Applied: self.applied,
            Ignored: self.ignored,
            Held: self.held,
            Failed: self.failed,
            CheckpointSaved: self.checkpoint,
            SnapshotTaken: self.snapshot_taken,
            SnapshotLoaded: self.snapshot_loaded,
            Recovered: self.recovered,
            Observed: self.observed,
            Scanned: self.scanned,
            Crashed: self.crashed,
            PowerCut: self.power_cut,
            Settling: self.settling,
            Settled: self.settled,
        }

    def feed(self, number: int, record: Any) -> None:
        """One record."""
        draw = self.table.get(type(record))
        mark = self.other(number, record) if draw is None else draw(number, record)
        if mark is not None:
            self.marks.append(mark)

    def mark(
        self,
        number: int,
        record: Any,
        shape: str,
        lane: str,
        label: str,
        origin: str | None = None,
        line: str = "plain",
    ) -> Mark:
        """A mark for one record."""
        return Mark((number,), shape, lane, label, record_sentence(record), origin, line)

    def client(self, who: str) -> str:
        """The lane of a client."""
        if who not in self.clients:
            self.clients.append(who)
        self.acting = CLIENT + who
        return self.acting

    def consumer(self, who: str) -> str:
        """The lane of a consumer."""
        if who not in self.consumers:
            self.consumers.append(who)
        return CONSUMER + who

    def process(self, who: str) -> str:
        """The lane of any process: what is no consumer is the log."""
        return CONSUMER + who if who in self.consumers else LOG

    # -- bands

    def opened(self, number: int, r: Opened) -> None:
        """Who takes part: the lanes."""
        self.clients = list(r.clients)
        self.consumers = [spec.name for spec in r.consumers]

    def joined(self, number: int, r: Joined) -> Mark:
        """One more consumer."""
        return self.mark(number, r, "note", self.consumer(r.spec.name), "takes part from here on")

    def step(self, number: int, r: Step) -> Mark:
        """The sentence of an action, across all lanes."""
        for field in ("consumer", "process"):
            who = getattr(r.action, field, None) or (r.action.get(field) if isinstance(r.action, dict) else None)
            if isinstance(who, str):
                self.named.add(who)
        return Mark((number,), "band", "", f"{r.number}. {action_sentence(r.action)}", record_sentence(r))

    def settling(self, number: int, r: Settling) -> Mark:
        """Where faults end."""
        self.settled_at = number
        return self.mark(number, r, "band", "", SETTLING)

    def settled(self, number: int, r: Settled) -> Mark:
        """Where everything rests."""
        return self.mark(number, r, "band", "", "at rest")

    def other(self, number: int, record: Any) -> Mark:
        """A record of an extension: on the lane of its actor, if it has one."""
        place = place_of(record)
        origin = self.actor(*actor(record, place.origin)) if place.origin else None
        lane = self.actor(*actor(record, place.lane)) if place.lane else ""
        return self.mark(number, record, place.shape, lane, record_sentence(record), origin, place.line)

    def actor(self, kind: str, who: str) -> str:
        """The lane of an actor of any kind."""
        if not kind and who == LOG:
            return LOG
        if kind in ("client", "consumer", "process"):
            return {"client": self.client, "consumer": self.consumer, "process": self.process}[kind](who)
        if kind == "who":
            return self.client(who) if who in self.clients else self.consumer(who)
        if kind == "owner":
            return self.owner(who)
        if kind == "reader" and who in self.consumers:
            return self.consumer(who)
        lane = f"{kind} {who}"
        if lane not in self.others:
            self.others.append(lane)
        return lane

    # -- clients and the log

    def prepared(self, number: int, r: Prepared) -> Mark:
        """A client has read and decided."""
        self.writers[r.op] = r.client
        origin = self.source(r.source)
        label = f"sees v{r.seen} of {name(r.stream)}, decides {value(r.command)}, expects {r.expected}"
        if r.source == SERVICE:
            label = f"appends to {name(r.stream)} for {value(r.command)}; the call began at v{r.seen}"
        return self.mark(number, r, "dot", self.client(r.client), label, origin, "read")

    def declined(self, number: int, r: Declined) -> Mark:
        """A client has read and decided against it."""
        label = f"sees v{r.seen} of {name(r.stream)}, decides against {value(r.command)}"
        return self.mark(number, r, "ring", self.client(r.client), label, self.source(r.source), "read")

    def source(self, source: str) -> str:
        """The lane that a decision read from."""
        if source in (LOG, SERVICE):
            return LOG
        self.named.add(source)
        return self.consumer(source)

    def stored(self, number: int, r: Stored) -> Mark:
        """One more event in the log; an arrow for the first of its append."""
        op = r.id.rpartition("/")[0]
        first = op not in self.arrived
        self.arrived.add(op)
        self.positions.append(r.position)
        writer = self.writers.get(op)
        label = f"event {r.position}: {event_words(r)}, v{r.version} of {name(r.stream)}"
        return self.mark(
            number, r, "event", LOG, label, CLIENT + writer if first and writer is not None else None, "append"
        )

    def acknowledged(self, number: int, r: Acknowledged) -> Mark:
        """The log said yes."""
        return self.mark(
            number, r, "yes", self.client(r.client), f"yes: {name(r.op)} at {places(r.positions)}", LOG, "yes"
        )

    def refused(self, number: int, r: Refused) -> Mark:
        """The log said no."""
        return self.mark(number, r, "no", self.client(r.client), f"refused: {name(r.op)}, found v{r.found}", LOG, "no")

    def unknown(self, number: int, r: Unknown) -> Mark:
        """The log said nothing."""
        return self.mark(number, r, "unknown", self.client(r.client), f"no answer to {name(r.op)}", LOG, "lost")

    def retried(self, number: int, r: Retried) -> Mark:
        """The same append once more."""
        self.arrived.discard(r.op)
        return self.mark(number, r, "dot", self.client(r.client), f"sends {name(r.op)} again")

    def started(self, number: int, r: Started) -> Mark:
        """A slow append has its positions."""
        return self.mark(
            number,
            r,
            "ring",
            LOG,
            f"slow append takes {places(r.positions)}, not visible",
            self.client(r.client),
            "read",
        )

    def aborted(self, number: int, r: Aborted) -> Mark:
        """A slow append came to nothing."""
        return self.mark(number, r, "cross", LOG, f"{name(r.op)} is rolled back", self.client(r.client), "no")

    def scanned(self, number: int, r: Scanned) -> Mark:
        """Somebody read the whole log."""
        return self.mark(number, r, "scan", LOG, f"read as a whole: {counted(len(r.ids), 'event')}")

    # -- consumers

    def delivery(self, number: int, r: Any, shape: str, verb: str, kept: bool = True) -> Mark:
        """The arrow tells whether this event came for the first time, in its turn; one that is not `kept` will come again, for the first
        time."""
        lane, who, position = self.consumer(r.consumer), r.consumer, r.position
        self.newest[who] = position
        received = self.received.setdefault(who, set())
        line, note = "plain", ""
        if position in received:
            line, note = "again", " again"
        elif self.skips(who, position, received):
            line, note = "early", " out of order"
        if kept:
            received.add(position)
            self.highest[who] = max(position, self.highest.get(who, 0))
        else:
            received.discard(position)
        return self.mark(number, r, shape, lane, f"{verb} event {position}{note}", LOG, line)

    def skips(self, who: str, position: int, received: set[int]) -> bool:
        """Whether an earlier event has not come yet, or a later one has."""
        done = self.passed.get(who, 0)
        while done < len(self.positions) and self.positions[done] in received:
            done += 1
        self.passed[who] = done
        return (done < len(self.positions) and self.positions[done] < position) or self.highest.get(who, 0) > position

    def applied(self, number: int, r: Applied) -> Mark:
        """An event took effect."""
        return self.delivery(number, r, "applied", "applies")

    def ignored(self, number: int, r: Ignored) -> Mark:
        """An event was taken for a duplicate."""
        return self.delivery(number, r, "ignored", "dismisses")

    def held(self, number: int, r: Held) -> Mark:
        """An event was put off."""
        return self.delivery(number, r, "held", "puts off", kept=False)

    def failed(self, number: int, r: Failed) -> Mark:
        """A handler failed, or a step of a process that was handed no event."""
        if not r.position:
            return self.mark(number, r, "cross", self.consumer(r.consumer), "a step fails")
        return self.delivery(number, r, "cross", "fails on", kept=False)

    def checkpoint(self, number: int, r: CheckpointSaved) -> Mark | None:
        """Drawn together with the effect that it directly follows."""
        lane, label = self.consumer(r.consumer), f"checkpoint {r.position}"
        last = self.marks[-1] if self.marks else None
        if (
            last is not None
            and last.shape == "applied"
            and last.lane == lane
            and self.newest.get(r.consumer) == r.position
        ):
            self.marks[-1] = attrs.evolve(
                last,
                numbers=(*last.numbers, number),
                shape="applied-saved",
                label=f"{last.label}, {label}",
                title=f"{last.title}; {record_sentence(r)}",
            )
            return None
        return self.mark(number, r, "checkpoint", lane, label)

    def snapshot_taken(self, number: int, r: SnapshotTaken) -> Mark:
        """A snapshot was saved."""
        return self.mark(number, r, "snapshot", self.owner(r.owner), f"snapshot at {r.position} saved")

    def snapshot_loaded(self, number: int, r: SnapshotLoaded) -> Mark:
        """A snapshot was read back."""
        return self.mark(number, r, "snapshot-loaded", self.owner(r.owner), f"snapshot at {r.position} loaded")

    def owner(self, owner: str) -> str:
        """A stream's snapshot belongs to the client that acts, that of a process (``journeys:bolt``) to the consumer that runs it."""
        who = owner.partition(":")[0]
        return CONSUMER + who if who in self.consumers else self.acting or LOG

    def observed(self, number: int, r: Observed) -> Mark:
        """Where a consumer rests."""
        return self.mark(
            number, r, "rest", self.consumer(r.consumer), f"rests at {r.position} with {counted(len(r.rows), 'row')}"
        )

    # -- faults

    def crashed(self, number: int, r: Crashed) -> Mark:
        """A process died."""
        during = f" before durable step {r.during}" if r.during else ""
        return self.mark(number, r, "crash", self.process(r.process), f"crash{during}")

    def power_cut(self, number: int, r: PowerCut) -> Mark:
        """A process died, and what was not synced with it."""
        return self.mark(number, r, "power", self.process(r.process), f"power cut: {name(power_words(r.how))}")

    def recovered(self, number: int, r: Recovered) -> Mark:
        """A process is back."""
        where = "" if r.rows is None else f", goes on after {r.position}"
        return self.mark(number, r, "restart", self.process(r.process), f"restart{where}")


def lane_name(lane: str) -> str:
    """What a lane is called."""
    return name(LOG if lane == LOG else lane.partition(" ")[2])


def lane_kind(lane: str) -> str:
    """What it is: a client, a consumer, a relay, …; nothing for the log and for parts of which there is one."""
    return "" if lane == LOG else lane.partition(" ")[0]
