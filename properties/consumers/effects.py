"""Effects and checkpoints: every event changes a consumer's rows once, in the order of its stream, and the checkpoint follows (A9, A10).

Delivery is at-least-once, so a consumer sees duplicates and may see messages in flight out of order. This is usually broken by two
durable steps in the wrong order (catalogue: checkpoint-before-effect, effect-before-checkpoint), by a deduplication table that is too
small or is lost with the process, and by retries that let a later event overtake an earlier one.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from refold.model.event import Stored
from refold.model.parts.consuming.mailer import Reset
from refold.model.parts.consuming.rebuild import Rebuilt
from refold.model.record import Applied, CheckpointSaved, Ignored, Recovered
from refold.properties.consumers.replay import ReplayEquality
from refold.properties.oracle import AGAIN, AHEAD, NEXT, Oracle, Progress
from refold.properties.property import Asking, Evidence, Finding, Handler, Property, Sorter

REMEMBERED = 4_096
"""Applied events that are remembered as evidence."""


class Effects(Property):
    """For every ordered consumer c that takes part and every event e: e changes the rows of c once, after e's predecessors in its stream
    have changed them, and not while one of those predecessors is put aside. Only events that are in the log change the rows. c dismisses
    e as a duplicate only if it has dealt with e: it has applied e or put it aside, or did not ask for it.

    This property is kept, although `replay` also sees the wrong rows, because this property needs no application and says which event
    caused them and how.
    """

    name = "effects"
    guarantee = "CKPT"
    clauses = {
        "once": "an event that was applied does not change rows again",
        "in the log": "only events that are in the log are applied",
        "in the order of streams": "an event is applied after its predecessors in its stream",
        "not past a gap": "an event is not applied while a predecessor in its stream is put aside",
        "late is not old": "an event that a later one has overtaken is not dismissed as a duplicate",
        "only duplicates are dismissed": "in all other cases too, an event is dismissed as a duplicate only if it was dealt with",
    }
    judges = (Applied,)
    after = ("progress",)
    passes = frozenset({Applied})

    def __init__(self, oracle: Oracle, replay: ReplayEquality | None = None) -> None:
        super().__init__()
        self.oracle = oracle
        self.replay = replay
        self.recent: deque[tuple[int, Applied]] = deque(maxlen=oracle.window(REMEMBERED, "").size)

    def handlers(self) -> dict[type, Handler]:
        """Everything that happens to rows."""
        return {
            Applied: self.on_applied,
            Ignored: self.on_ignored,
            Recovered: self.on_recovered,
            Rebuilt: self.on_rebuilt,
        }

    def sorters(self) -> dict[type, Sorter]:
        """Effects that are the next ones."""
        return {Applied: self.next_one}

    def next_one(self, regular: list[Handler], others: list[Handler]) -> Asking:
        """An effect is regular if it is that of the next event on an ordered consumer, with nothing put aside and nothing applied beyond.
        Then the event counts as applied."""
        oracle, replay, recent, before = self.oracle, self.replay, self.recent, self.oracle.before

        def on_applied(number: int, record: Applied) -> list[Handler]:
            progress = oracle.consumers.get(record.consumer)
            if progress is None or not progress.simple or progress.beyond or progress.parked:
                return others
            position = record.position
            if before.get(position) != progress.contiguous:
                return others
            progress.contiguous = position
            if replay is None or replay.window.dropped:
                progress.rows.update(record.writes)
            recent.append((number, record))
            return regular

        return on_applied

    def rows(self, progress: Progress) -> dict[str, Any]:
        """The rows that a consumer ought to have, as `replay` folds them, if it does. Asked only for an event that was dealt with before,
        which changes no fold, so it does not matter which of the two judges the record first."""
        fold = None if self.replay is None else self.replay.folds.get(progress.spec.name)
        return progress.rows if fold is None else fold.rows

    def on_recovered(self, number: int, record: Recovered) -> None:
        """The rows are what the store holds now."""
        progress = self.oracle.consumers.get(record.process)
        if progress is not None and record.rows is not None:
            progress.rows = dict(record.rows)

    def on_rebuilt(self, number: int, record: Rebuilt) -> None:
        """The rows are those that were swapped in."""
        progress = self.oracle.consumers.get(record.consumer)
        if progress is not None:
            progress.rows = dict(record.rows)

    def on_applied(self, number: int, record: Applied) -> Finding | None:
        """Rows change once because of an event, and in the order of streams."""
        oracle = self.oracle
        progress = oracle.progress
        if progress is None or not progress.ordered:
            return None
        turn = oracle.turn
        mirrored = self.replay is None or self.replay.window.dropped
        if turn == NEXT and not progress.parked:  # the usual case, decided fast
            if mirrored:
                progress.rows.update(record.writes)
            self.recent.append((number, record))
            return None
        name = record.consumer
        finding = self.passing(number, record) if progress.parked else None
        if turn == AGAIN and self.oracle.nowhere(record.position):
            finding = self.unknown(number, record)
        elif turn == AGAIN:
            before = self.rows(progress)
            changed = [key for key, value in record.writes.items() if not self.same(value, before.get(key))]
            if changed:
                finding = self.finding(
                    "effect-applied-twice",
                    name,
                    number,
                    clause="once",
                    position=record.position,
                    expected={key: before.get(key) for key in changed},
                    actual={key: record.writes[key] for key in changed},
                    evidence=self.proof(number, record),
                )
        elif turn == AHEAD:
            finding = self.overtaking(number, record) or finding
        if mirrored:
            progress.rows.update(record.writes)
        self.recent.append((number, record))
        return finding

    def proof(self, number: int, record: Applied) -> list[Evidence]:
        """The first time, and this time."""
        first = next(
            (
                Evidence(n, earlier, "changed the row before")
                for n, earlier in reversed(self.recent)
                if earlier.consumer == record.consumer and earlier.position == record.position
            ),
            None,
        )
        return [*([] if first is None else [first]), Evidence(number, record, "changed it again")]

    def unknown(self, number: int, record: Applied) -> Finding:
        """There is no such event."""
        return self.finding(
            "unknown-event-applied",
            record.consumer,
            number,
            clause="in the log",
            guarantee="LOG",
            position=record.position,
            expected="an event that is in the log",
            actual=f"position {record.position}",
            evidence=[Evidence(number, record, "was applied")],
        )

    def overtaking(self, number: int, record: Applied) -> Finding | None:
        """Whether the event overtook an earlier one of its own stream; overtaking other streams is allowed."""
        oracle = self.oracle
        progress = oracle.consumers[record.consumer]
        event = oracle.events.get(record.position)
        if event is None:
            return self.unknown(number, record)
        for passed in oracle.between(progress.contiguous, record.position - 1):
            if passed.stream == event.stream and passed.position not in progress.beyond:
                return self.finding(
                    "applied-out-of-order",
                    record.consumer,
                    number,
                    clause="in the order of streams",
                    guarantee="ORD",
                    position=record.position,
                    expected=f"event {passed.position} first",
                    actual=f"event {record.position}",
                    evidence=[
                        Evidence(oracle.numbers[passed.position], passed, "comes first in the stream"),
                        Evidence(oracle.numbers[event.position], event, "follows it"),
                        Evidence(number, record, "was applied first all the same"),
                    ],
                )
        return None

    def passing(self, number: int, record: Applied) -> Finding | None:
        """Whether an earlier event of the same stream is parked, so that this one was applied past a gap."""
        oracle = self.oracle
        event = oracle.events.get(record.position)
        if event is None:
            return None
        progress = oracle.consumers[record.consumer]
        for parked, stream in progress.parked.items():
            if stream == event.stream and progress.rebuilt < parked < record.position:
                return self.finding(
                    "applied-out-of-order",
                    record.consumer,
                    number,
                    clause="not past a gap",
                    guarantee="ORD",
                    position=record.position,
                    expected=f"event {parked} first",
                    actual=f"event {record.position}",
                    evidence=[
                        *(
                            [Evidence(oracle.numbers[parked], aside, "comes first in the stream, and is parked")]
                            if (aside := oracle.events.get(parked)) is not None
                            else []
                        ),
                        Evidence(number, record, "was applied on the hole that it left"),
                    ],
                )
        return None

    def on_ignored(self, number: int, record: Ignored) -> Finding | None:
        """Only what was dealt with may be dismissed."""
        progress = self.oracle.consumers.get(record.consumer)
        if progress is None or not progress.ordered:
            return None
        if record.position in progress.beyond or record.position in progress.parked:
            return None
        if record.position <= progress.contiguous and not self.oracle.nowhere(record.position):
            return None
        types, events = progress.spec.types, self.oracle.events
        overtaken = any(
            position > record.position > progress.contiguous
            and (not types or position not in events or events[position].type in types)
            for position in progress.beyond
        )
        return self.finding(
            "overtaken-event-dropped" if overtaken else "dropped-as-duplicate",
            record.consumer,
            number,
            clause="late is not old" if overtaken else "only duplicates are dismissed",
            guarantee="ORD" if overtaken else None,
            position=record.position,
            expected="applied",
            actual="taken for a duplicate",
            evidence=[Evidence(number, record, "was dismissed, although it was never applied")],
        )


class Checkpoints(Property):
    """For every consumer that takes part: a checkpoint is never beyond the contiguous prefix of applied events or beyond the end of the
    log. It goes back only if the consumer was told to begin again, or is volatile and was restarted, and then no further than the
    position where it was told to begin. A durable consumer that is restarted continues at its newest checkpoint or later, and does not
    skip events that it has not applied. A rebuild that is swapped in has applied the events up to its position and no others; the
    consumer continues from there."""

    name = "checkpoints"
    guarantee = "CKPT"
    clauses = {
        "not ahead of effects": "a checkpoint covers no event that is not applied",
        "not beyond the tail": "a checkpoint is not beyond the end of the log",
        "never back": "a checkpoint is never lower than an earlier one, or than the position where the consumer was told to begin again",
        "restart not back": "a restarted durable consumer continues at its newest checkpoint or later",
        "restart within effects": "a restarted durable consumer does not skip an event that it has not applied",
    }
    judges = (CheckpointSaved,)
    passes = frozenset({CheckpointSaved})

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.saved: dict[str, tuple[int, CheckpointSaved | Reset | Rebuilt]] = {}
        self.begun: dict[str, tuple[int, Reset | Rebuilt]] = {}
        """Where consumers were told to begin that have neither saved a checkpoint since nor died."""

    def handlers(self) -> dict[type, Handler]:
        """Saved checkpoints, and where recovery goes on."""
        return {
            CheckpointSaved: self.on_saved,
            Recovered: self.on_recovered,
            Reset: self.on_reset,
            Rebuilt: self.on_reset,
        }

    def sorters(self) -> dict[type, Sorter]:
        """Checkpoints that are in their place."""
        return {CheckpointSaved: self.in_place}

    def in_place(self, regular: list[Handler], others: list[Handler]) -> Asking:
        """A checkpoint is regular if it is not ahead of effects, and not before an earlier one. Then it is the newest."""
        oracle, saved, begun = self.oracle, self.saved, self.begun

        def on_saved(number: int, record: CheckpointSaved) -> list[Handler]:
            name, position = record.consumer, record.position
            progress = oracle.consumers.get(name)
            if progress is None or position > progress.contiguous or (begun and name in begun):
                return others
            before = saved.get(name)
            if before is not None and position < before[1].position:
                return others
            saved[name] = (number, record)
            return regular

        return on_saved

    def on_reset(self, number: int, record: Reset | Rebuilt) -> None:
        """It may begin again there, and not before."""
        self.begun[record.consumer] = (number, record)
        before = self.saved.get(record.consumer)
        if before is not None and record.position < before[1].position:
            self.saved[record.consumer] = (number, record)

    def on_saved(self, number: int, record: CheckpointSaved) -> Finding | None:
        """A checkpoint is not ahead of effects, and not before an earlier one."""
        name = record.consumer
        progress = self.oracle.consumers.get(name)
        before = self.saved.get(name)
        begun = self.begun.pop(name, None)
        if begun is not None and (before is None or before[1].position < begun[1].position):
            before = begun
        self.saved[name] = (number, record)
        finding = None
        if progress is not None and record.position > progress.contiguous:
            finding = self.ahead(number, record, progress)
        if finding is None and before is not None and record.position < before[1].position:
            return self.finding(
                "checkpoint-goes-back",
                name,
                number,
                clause="never back",
                position=record.position,
                expected=before[1].position,
                actual=record.position,
                evidence=[self.earlier(*before), Evidence(number, record, "is behind it")],
            )
        return finding

    def earlier(self, number: int, record: CheckpointSaved | Reset | Rebuilt) -> Evidence:
        """Where the consumer was before."""
        saved = type(record) is CheckpointSaved
        return Evidence(number, record, "was saved before" if saved else "is where it was to go on")

    def ahead(self, number: int, record: CheckpointSaved, progress: Progress) -> Finding | None:
        """Whether a checkpoint behind the contiguous prefix covers more than what is applied, or than there is."""
        name = record.consumer
        first = self.unapplied(progress, record.position)
        if first is not None or record.position > self.oracle.tail:
            evidence = [] if first is None else [Evidence(self.oracle.numbers[first.position], first, "is not applied")]
            return self.finding(
                "checkpoint-beyond-tail" if first is None else "checkpoint-ahead-of-effects",
                name,
                number,
                clause="not beyond the tail" if first is None else "not ahead of effects",
                position=record.position if first is None else first.position,
                expected=progress.contiguous,
                actual=record.position,
                evidence=[*evidence, Evidence(number, record, "says that it is")],
            )
        return None

    def unapplied(self, progress: Progress, position: int) -> Stored | None:
        """The first event up to there that is not applied. Positions may have gaps, and a checkpoint in one covers what is before it."""
        if position <= progress.contiguous:
            return None
        missing = self.oracle.between(progress.contiguous, position)
        return next((event for event in missing if event.position not in progress.beyond), None)

    def on_recovered(self, number: int, record: Recovered) -> Finding | None:
        """A durable consumer goes on where its effects end, at the latest; a volatile one begins again, its checkpoint too."""
        self.begun.pop(record.process, None)
        progress = self.oracle.consumers.get(record.process)
        if progress is None:
            return None
        if progress.spec.volatile:
            self.saved.pop(record.process, None)
            return None
        before = self.saved.get(record.process)
        if before is not None and record.position < before[1].position:
            return self.finding(
                "checkpoint-goes-back",
                record.process,
                number,
                clause="restart not back",
                position=record.position,
                expected=before[1].position,
                actual=record.position,
                evidence=[self.earlier(*before), Evidence(number, record, "goes on below it")],
            )
        if (
            record.position <= max(progress.contiguous, self.oracle.tail)
            and self.unapplied(progress, record.position) is None
        ):
            return None
        return self.finding(
            "checkpoint-ahead-of-effects",
            record.process,
            number,
            clause="restart within effects",
            position=record.position,
            expected=progress.contiguous,
            actual=record.position,
            evidence=[Evidence(number, record, "goes on past events that were never applied")],
        )
