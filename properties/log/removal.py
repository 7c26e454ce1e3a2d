"""Removals: what was removed on purpose is gone for good, and nothing else is; its positions and versions are not given out again.

A log may remove events by retention, or by truncating or deleting a stream. This is usually broken by versions that are counted (the
number of rows of a stream decreases when rows are removed), by positions that are computed as the greatest one plus one, by removals that
are kept only in memory, and by a copy of the events (an index, a cache of streams) from which they are not removed. `durability` and
`reachability` judge whether a removal takes more than it names, `visibility` judges whether versions continue, and `ranges` judges what
reads of ranges show. A history shows every event before its removal: an event that was removed before readers reached it is missing from
the history, like a lost event.
"""

from __future__ import annotations

from refold.model.event import Stored
from refold.model.parts.removal import LogTrimmed, StreamDeleted, StreamTruncated
from refold.model.record import Acknowledged, Altered, Crashed, PowerCut, Record, Scanned, StreamScanned
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property
from refold.properties.removed import Removal, Removed


class RemovedForGood(Property):
    """For every visible event e that an answered removal names, and every later read or answer: the read contains neither e nor another
    event at its position, and no append is answered with its position.

    Unanswered removals are not judged. After a log that does not promise `durable-removal` has died, the removals before its death are
    not judged either.

    This property is kept, although no broken system of the zoo needs it: the logs of those systems remove nothing. It judges a user's own
    log.
    """

    name = "removals"
    guarantee = "LOG"
    shared = True
    judges = (LogTrimmed, StreamTruncated, StreamDeleted)
    clauses = {
        "stays removed": "a removed event is in no later read of the log",
        "in streams": "a removed event is in no later read of its stream",
        "durable": "what was removed before the log died is not there afterwards, if the log promises that",
        "positions go on": "no append is answered with the position of a removed event, and nothing is found at that position",
    }

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.removed = oracle.removed = Removed(oracle)

    def handlers(self) -> dict[type, Handler]:
        """Removals, deaths, reads, and answers."""
        return {
            LogTrimmed: self.on_removed,
            StreamTruncated: self.on_removed,
            StreamDeleted: self.on_removed,
            Crashed: self.on_died,
            PowerCut: self.on_died,
            Scanned: self.on_scanned,
            Altered: self.on_altered,
            StreamScanned: self.on_stream_scanned,
            Acknowledged: self.on_acknowledged,
        }

    def on_removed(self, number: int, record: Removal) -> None:
        """From here on."""
        self.removed.note(number, record)

    def on_died(self, number: int, record: Crashed | PowerCut) -> None:
        """What was not durable may be back."""
        self.removed.die(number, record)

    def on_scanned(self, number: int, record: Scanned) -> Finding | None:
        """Nothing is there that is gone, nor anything else at its position."""
        removed, events = self.removed, self.oracle.events
        doubted = False
        for position, event_id in zip(record.positions, record.ids, strict=True):
            event = events.get(position)
            if event is None:
                if position <= removed.gone.position:
                    return self.back(number, record, position, event_id, None)
            elif event.id != event_id:
                if removed.gone.names(event):
                    return self.used_again(number, record, event, event_id)
            elif removed.gone.names(event):
                return self.back(number, record, position, event_id, event)
            elif removed.doubt.names(event):
                doubted = True
        if not record.after:
            removed.scanned(not doubted)
        return None

    def on_altered(self, number: int, record: Altered) -> Finding | None:
        """An event that is gone is not read again, in whatever form; what is at its place now is for `visibility` to say."""
        event = self.oracle.events.get(record.position)
        if event is None or event.id != record.id or not self.removed.gone.names(event):
            return None
        return self.back(number, record, event.position, event.id, event)

    def back(self, number: int, record: Record, position: int, event_id: str, event: Stored | None) -> Finding:
        """What was removed is there."""
        removed = self.removed
        cause = removed.trims if event is None else removed.because_of(event)
        died = removed.died
        undone = died is not None and cause is not None and died[0] > cause[0]
        evidence = []
        if event is not None:
            evidence.append(Evidence(self.oracle.numbers[position], event, "was in the log"))
        if cause is not None:
            evidence.append(Evidence(*cause, "has removed it"))
        if undone and died is not None:
            evidence.append(Evidence(*died, "came behind the removal"))
        return self.finding(
            "removal-undone" if undone else "removed-event-returns",
            "log" if event is None else event.stream,
            number,
            clause="durable" if undone else "stays removed",
            position=position,
            expected="no event that was removed",
            actual=event_id,
            evidence=[*evidence, Evidence(number, record, "shows it again")],
        )

    def used_again(self, number: int, record: Record, event: Stored, other: str) -> Finding:
        """The position of an event that was removed belongs to another one."""
        cause = self.removed.because_of(event)
        return self.finding(
            "position-used-again",
            "log",
            number,
            clause="positions go on",
            position=event.position,
            expected=f"a position above {self.oracle.tail}",
            actual=f"{other} at position {event.position}",
            evidence=[
                Evidence(self.oracle.numbers[event.position], event, "was at this position"),
                *([] if cause is None else [Evidence(*cause, "has removed it")]),
                Evidence(number, record, "has another event there"),
            ],
        )

    def on_stream_scanned(self, number: int, record: StreamScanned) -> Finding | None:
        """Nothing is there that is gone."""
        removed = self.removed
        gone = removed.gone.versions.get(record.stream, 0)
        if not record.versions or min(record.versions) > gone:
            return None
        cause = max(
            (one for one in (removed.trims, removed.of_streams.get(record.stream)) if one is not None),
            key=lambda one: one[0],
        )
        died = removed.died
        undone = died is not None and died[0] > cause[0]
        return self.finding(
            "removal-undone" if undone else "removed-event-returns",
            record.stream,
            number,
            clause="durable" if undone else "in streams",
            expected=f"no version up to {gone}",
            actual=record.versions,
            evidence=[
                Evidence(*cause, "has removed its beginning"),
                *([Evidence(*died, "came behind the removal")] if undone and died is not None else []),
                Evidence(number, record, "shows it again"),
            ],
        )

    def on_acknowledged(self, number: int, record: Acknowledged) -> Finding | None:
        """No event is stored where one was removed."""
        for position in record.positions:
            event = self.oracle.events.get(position)
            if event is not None and event.operation != record.op and self.removed.gone.names(event):
                return self.used_again(number, record, event, f"an event of {record.op}")
        return None
