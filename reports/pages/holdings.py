"""What every actor holds after each record of a history, and what it should hold by the fold of the log.

Records are folded once more, next to the properties that judge them: rows are compared with the fold that `ReplayEquality` keeps, and a
finding of any property is put where it was found. So nothing is red here that no property would convict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Aborted,
    Acknowledged,
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    Crashed,
    Declined,
    Disordered,
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
    Settling,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
    Step,
    StreamScanned,
    Unknown,
)
from refold.model.words import places
from refold.properties.consumers.replay import ReplayEquality
from refold.properties.oracle import Oracle
from refold.properties.property import Finding
from refold.properties.suite import checker
from refold.reports.pages.board import Board, Change
from refold.reports.pages.services import Services
from refold.reports.pictures.timeline import CLIENT, CONSUMER, LOG
from refold.reports.words.sentences import event_words, record_sentence, source_words
from refold.reports.words.values import inert, name, rows, shorten, told, value

FOLD = "the fold of the log"
"""The lane of what the visible events amount to."""
ROW, FLIGHT, EVENT = "row ", "put off: event ", "event "
TEXT_MAX = 400
"""Characters of one item."""
TAIL = 6
"""Events at the end of the log that are shown one by one."""


PASSING = (Step, Settling, Scanned, StreamScanned, Disordered)
"""Records that say nothing of what is held from then on."""


class Holdings:
    """Folds records. `plain` says how values look in a history that was read from a file."""

    def __init__(self, application: Application | None, plain: Callable[[Any], Any] | None = None) -> None:
        self.board = Board()
        self.judge = checker(application, plain)
        self.plain = plain
        self.replay = next((one for one in self.judge.properties if isinstance(one, ReplayEquality)), None)
        self.oracle: Oracle | None = None if self.replay is None else self.replay.oracle
        self.specs: dict[str, ConsumerSpec] = {}
        self.stored: dict[str, dict[str, Any]] = {}
        self.folded: dict[str, int] = {}
        self.clients: dict[str, str] = {}
        self.tail: list[str] = []
        self.seen_findings = 0
        self.trusted = True
        self.services = Services(self.put)
        self.table: dict[type, Callable[[Any], None]] = {
            Opened: self.opened,
            Joined: lambda r: self.takes_part(r.spec),
            Stored: self.event,
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
            Held: lambda r: self.put_off(r, "came before its predecessors"),
            Failed: lambda r: self.put_off(r, "its handler failed"),
            CheckpointSaved: self.checkpoint,
            SnapshotTaken: self.snapshot,
            SnapshotLoaded: self.loaded,
            Recovered: self.recovered,
            Observed: self.observed,
            Crashed: lambda r: self.down(r.process, record_sentence(r)),
            PowerCut: lambda r: self.down(r.process, record_sentence(r)),
        }

    def feed(self, record: Any, lane: str) -> tuple[Change, ...]:
        """One record, which is drawn on this lane; returns what it changed."""
        if self.trusted:
            self.judged(record)
        write = self.table.get(type(record))
        if write is not None:
            write(record)
        elif lane and not isinstance(record, PASSING):
            self.put(lane, str(record.__struct_config__.tag).replace("-", " "), record_sentence(record))
        self.services.feed(record)
        for finding in self.judge.findings[self.seen_findings :]:
            self.found(finding, lane)
        self.seen_findings = len(self.judge.findings)
        return self.board.take()

    def judged(self, record: Any) -> None:
        """Let the properties see it. A history out of which the user's own code cannot be folded is shown without a fold."""
        try:
            self.judge.feed(record)
        except Exception:
            self.trusted = False
            self.replay = self.oracle = None

    def found(self, finding: Finding, lane: str) -> None:
        """A property convicts this record: what was found, and what should be there."""
        if isinstance(finding.actual, Mapping) and isinstance(finding.expected, Mapping):
            differ = {
                key: (finding.actual.get(key), finding.expected.get(key))
                for key in {**finding.expected, **finding.actual}
            }
            where = CONSUMER + finding.where
            if finding.where in self.specs and any((where, ROW + name(key)) in self.board.cells for key in differ):
                for key, (actual, expected) in differ.items():
                    if actual != expected:
                        self.put(where, ROW + name(key), said(actual), said(expected))
                return
        where = self.lane_of(finding.where, lane)
        self.put(where, finding.anomaly, told(finding.actual) or "found", told(finding.expected) or "otherwise")

    def lane_of(self, where: str, lane: str) -> str:
        """The lane of whoever a finding names."""
        if where in self.specs:
            return CONSUMER + where
        if where in self.clients:
            return CLIENT + where
        return lane or LOG

    def put(self, lane: str, item: str, text: str, should: str = "") -> None:
        """Harmless and bounded."""
        self.board.put(lane, inert(item), shorten(inert(text), TEXT_MAX), shorten(inert(should), TEXT_MAX))

    # -- the log and clients

    def opened(self, r: Opened) -> None:
        """Who takes part."""
        self.clients.update(dict.fromkeys(r.clients, ""))
        for spec in r.consumers:
            self.takes_part(spec)

    def takes_part(self, spec: ConsumerSpec) -> None:
        """One more consumer, which holds nothing."""
        self.specs[spec.name] = spec
        self.stored[spec.name] = {}

    def event(self, r: Stored) -> None:
        """The end of the log, the version of the stream, and the state of the key."""
        item = f"{EVENT}{r.position}"
        self.put(LOG, item, f"{event_words(r)}, version {r.version} of {name(r.stream)}")
        self.put(LOG, f"stream {name(r.stream)}", f"version {r.version}")
        self.tail.append(item)
        if len(self.tail) > TAIL:
            self.put(LOG, self.tail.pop(0), "")
        if self.oracle is not None and self.oracle.states is not None and self.trusted:
            states = self.oracle.states
            self.put(FOLD, f"state of {name(states.key)}", value(states.of(states.key)))
        op = r.operation
        for client, flying in self.clients.items():
            if flying == op:
                self.put(CLIENT + client, "in flight", f"{name(op)}: in the log, not answered yet")

    def prepared(self, r: Prepared) -> None:
        """A decision that is on its way."""
        events = " and ".join(map(event_words, r.events))
        self.clients[r.client] = r.op
        self.put(CLIENT + r.client, "sees", f"version {r.seen} of {name(r.stream)} in {source_words(r.source)}")
        self.put(CLIENT + r.client, "in flight", f"{name(r.op)}: append {events}, expecting {r.expected}")

    def declined(self, r: Declined) -> None:
        """A command that came to nothing."""
        self.put(CLIENT + r.client, "sees", f"version {r.seen} of {name(r.stream)} in {source_words(r.source)}")
        self.answer(r, f"decided against {value(r.command)}")

    def acknowledged(self, r: Acknowledged) -> None:
        """The log promises to keep it."""
        if r.positions:
            self.put(LOG, "confirmed, to be kept", f"up to position {max(r.positions)}")
        self.answer(r, f"{name(r.op)}: yes, at {places(r.positions)}")

    def refused(self, r: Refused) -> None:
        """A clear no."""
        self.answer(r, f"{name(r.op)}: refused, the log had version {r.found}")

    def unknown(self, r: Unknown) -> None:
        """No answer: still in flight, as far as anybody knows."""
        self.put(CLIENT + r.client, "in flight", f"{name(r.op)}: no answer, it may have happened or not")

    def retried(self, r: Retried) -> None:
        """Once more."""
        self.clients[r.client] = r.op
        self.put(CLIENT + r.client, "in flight", f"{name(r.op)}: sent again")

    def started(self, r: Started) -> None:
        """A slow append."""
        self.put(LOG, f"open append {name(r.op)}", f"has {places(r.positions)}, not visible")

    def aborted(self, r: Aborted) -> None:
        """It came to nothing."""
        self.put(LOG, f"open append {name(r.op)}", "")
        self.answer(r, f"{name(r.op)}: rolled back or given up")

    def answer(self, r: Any, text: str) -> None:
        """What a client heard last."""
        if self.clients.get(r.client) == r.op:
            self.clients[r.client] = ""
            self.put(CLIENT + r.client, "in flight", "")
        self.put(LOG, f"open append {name(r.op)}", "")
        self.put(CLIENT + r.client, "last answer", text)

    # -- consumers

    def applied(self, r: Applied) -> None:
        """Rows change."""
        if r.consumer not in self.specs:
            return
        lane, held = CONSUMER + r.consumer, self.stored[r.consumer]
        for key, new in r.writes.items():
            held[key] = new
        self.put(lane, f"{FLIGHT}{r.position}", "")
        self.put(lane, "newest event applied", str(r.position))
        self.compare(r.consumer, r.writes)

    def compare(self, consumer: str, written: Mapping[str, Any]) -> None:
        """Rows that changed, in the store or in the fold, next to each other."""
        fold = None if self.replay is None else self.replay.folds.get(consumer)
        held, keys = self.stored[consumer], dict.fromkeys(written)
        if fold is not None:
            if fold.position != self.folded.get(consumer, 0) + 1:
                keys.update(dict.fromkeys((*held, *fold.rows)))
            self.folded[consumer] = fold.position
        for key in keys:
            actual, should = held.get(key), ""
            if fold is not None and self.trusted and self.replay is not None:
                expected = fold.rows.get(key)
                should = "" if self.replay.same(actual, expected) else said(expected)
            text = "" if actual is None and not should else said(actual)
            self.put(CONSUMER + consumer, ROW + name(key), text, should)

    def replaced(self, consumer: str, found: Mapping[str, Any]) -> None:
        """All rows of a store are seen."""
        before = self.stored[consumer]
        self.stored[consumer] = dict(found)
        self.folded[consumer] = -1
        self.compare(consumer, {**before, **found})

    def ignored(self, r: Ignored) -> None:
        """Nothing is left to do for this event."""
        self.put(CONSUMER + r.consumer, f"{FLIGHT}{r.position}", "")

    def put_off(self, r: Any, why: str) -> None:
        """It will come again."""
        self.put(CONSUMER + r.consumer, f"{FLIGHT}{r.position}", why)

    def checkpoint(self, r: CheckpointSaved) -> None:
        """A durable position."""
        self.put(CONSUMER + r.consumer, "checkpoint (durable)", str(r.position))

    def snapshot(self, r: SnapshotTaken) -> None:
        """The newest one of its owner."""
        self.put(self.owner(r.owner), f"snapshot of {name(r.owner)}", f"at {r.position}: {state(r.state)}")

    def loaded(self, r: SnapshotLoaded) -> None:
        """What somebody goes on from."""
        self.put(self.owner(r.owner), f"loaded snapshot of {name(r.owner)}", f"at {r.position}: {state(r.state)}")

    def owner(self, owner: str) -> str:
        """The lane that a snapshot belongs to."""
        who = owner.partition(":")[0]
        return CONSUMER + who if who in self.specs else LOG

    def down(self, process: str, text: str) -> None:
        """A process died; what it had in memory is gone."""
        spec = self.specs.get(process)
        lane = LOG if spec is None else CONSUMER + process
        self.put(lane, "down", text)
        self.board.clear(lane, self.board.items(lane, FLIGHT))
        if spec is not None and spec.volatile:
            self.board.clear(lane, [*self.board.items(lane, ROW), "newest event applied"])
            self.stored[process] = {}

    def recovered(self, r: Recovered) -> None:
        """It is up again, with what was durable."""
        spec = self.specs.get(r.process)
        self.put(LOG if spec is None else CONSUMER + r.process, "down", "")
        if spec is not None and r.rows is not None:
            self.put(CONSUMER + r.process, "goes on after", str(r.position))
            self.replaced(r.process, r.rows)

    def observed(self, r: Observed) -> None:
        """At rest."""
        if r.consumer in self.specs:
            self.put(CONSUMER + r.consumer, "at rest at", str(r.position))
            self.replaced(r.consumer, r.rows)


def said(actual: Any) -> str:
    """One row."""
    return "absent" if actual is None else value(actual)


def state(kept: Any) -> str:
    """What a snapshot says."""
    return rows(kept) if isinstance(kept, Mapping) else told(kept)
