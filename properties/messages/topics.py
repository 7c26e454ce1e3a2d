"""Topics: acknowledged messages stay until retention removes them, and a subscriber's tally is the fold of all that were ever there.

Every tally that is seen counts all messages up to its offset, including those that retention has removed. An acknowledged message is lost
only through retention or a restore from a backup. This is usually broken by subscribers that continue after a gap without noticing it
(catalogue: retention-trims-undelivered), by recovery from a snapshot that the log no longer reaches (stale-snapshot-truncated-log), by a
new primary without the tail (acked-lost-on-failover), and by an offset that is kept although the topic has begun a new epoch
(checkpoint-ahead-of-log).
"""

from __future__ import annotations

from refold.model.parts.messages.topic import (
    Expired,
    FailedOver,
    Published,
    Restored,
    Tallied,
    TallyCopied,
    TallyObserved,
    TallyRecovered,
    TopicRead,
)
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

REMEMBERED = 65_536
"""Offsets whose fold is remembered."""

Shown = Tallied | TallyCopied | TallyRecovered | TallyObserved


class Topics(Property):
    """For every tally t at offset o: t == fold(messages[:o]), where messages are those that were acknowledged and not lost by a restore;
    at rest, o is the newest offset. For every acknowledged message: its offset is one more than that of the message before it, it
    survives a failover, and it is in every read from its offset or below until it expires or a restore loses it. A read returns nothing
    else.

    Offsets count from 1. If a new primary or a backup holds messages after the newest offset, they are in reads from then on. Tallies
    that count them are not judged, because the history does not say what they contain.
    """

    name = "topics"
    guarantee = "LOG"
    clauses = {
        "one message an offset": "a message does not get an offset that another message has",
        "no gap": "the offset of a message is not more than one above that of the message before it",
        "survives a failover": "a new primary has every acknowledged message",
        "reads are exact": "a read returns every message at or after its bound that is still there, in order, and nothing else",
        "new epoch noticed": "a tally is not that of an epoch in which the topic held other messages",
        "recovered whole": "the tally after a restart is the fold of all messages up to its offset",
        "gap noticed": "no message that retention removed is missing from a tally",
        "tally is the fold": "in all other cases too, a tally is the fold of all messages up to its offset",
        "reaches the end": "at rest the tally is at the newest offset",
    }
    needs = "topic"
    judges = (Published,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.window = oracle.window(REMEMBERED, "tallies at offsets of topics older than the newest {size}")
        self.brought = oracle.window(0, "tallies that count messages which a topic got from a new primary or a backup")
        self.windows = (self.window, self.brought)
        self.epoch = 1
        self.low = 1
        self.tail = 0
        self.folds: dict[int, tuple[int, int]] = {0: (0, 0)}
        self.published: tuple[int, Published] | None = None
        self.cut: tuple[int, FailedOver | Restored] | None = None
        self.expired: tuple[int, Expired] | None = None

    def handlers(self) -> dict[type, Handler]:
        """What happens to messages, and every tally."""
        return {
            Published: self.on_published,
            Expired: self.on_expired,
            FailedOver: self.on_failed_over,
            Restored: self.on_restored,
            Tallied: self.on_tally,
            TallyCopied: self.on_tally,
            TallyRecovered: self.on_tally,
            TallyObserved: self.on_observed,
            TopicRead: self.on_read,
        }

    # -- the messages

    def on_published(self, number: int, record: Published) -> Finding | None:
        """The offset of a message is the one after that of the message before it."""
        finding = None
        if record.offset != self.tail + 1:
            taken = record.offset <= self.tail
            finding = self.finding(
                "duplicate-position" if taken else "position-gap",
                "topic",
                number,
                clause="one message an offset" if taken else "no gap",
                position=record.offset,
                expected=self.tail + 1,
                actual=record.offset,
                evidence=[Evidence(number, record, "was acknowledged")],
            )
        before = self.folds.get(record.offset - 1, None if self.window.dropped or self.brought.dropped else (0, 0))
        if before is not None:
            count, total = before
            self.folds[record.offset] = (count + 1, total + record.number)
            if len(self.folds) >= self.window.full:
                self.window.trim(self.folds)
        self.tail = record.offset
        self.published = (number, record)
        return finding

    def on_expired(self, number: int, record: Expired) -> None:
        """Retention may remove any message, read or not; what it has removed does not come back."""
        self.low = max(self.low, record.low)
        self.expired = (number, record)

    def on_failed_over(self, number: int, record: FailedOver) -> Finding | None:
        """A new primary has every acknowledged message."""
        finding = None
        if record.tail < self.tail:
            evidence = [] if self.published is None else [Evidence(*self.published, "was acknowledged")]
            finding = self.finding(
                "acknowledged-append-lost",
                "topic",
                number,
                clause="survives a failover",
                position=self.tail,
                expected=f"messages up to offset {self.tail}",
                actual=f"messages up to offset {record.tail}",
                evidence=[*evidence, Evidence(number, record, "is a primary without it")],
            )
            self.begin(number, record)
        elif record.tail > self.tail:
            self.bring(record.tail)
        self.epoch = record.epoch
        return finding

    def on_restored(self, number: int, record: Restored) -> None:
        """The contract of this fault is that messages newer than the backup are gone."""
        self.low = record.low
        if record.tail > self.tail:
            self.bring(record.tail)
            self.folds = {0: (0, 0)}
        self.begin(number, record)

    def begin(self, number: int, record: FailedOver | Restored) -> None:
        """A new epoch."""
        self.epoch, self.tail = record.epoch, record.tail
        self.low = min(self.low, self.tail + 1)
        for offset in [offset for offset in self.folds if offset > record.tail]:
            del self.folds[offset]
        self.cut = (number, record)

    def bring(self, tail: int) -> None:
        """There are more messages than were acknowledged, or than an earlier restore had left."""
        self.tail = tail
        self.brought.miss()

    def on_read(self, number: int, record: TopicRead) -> Finding | None:
        """All that is still there from the bound on, in order, and nothing else."""
        expected = tuple(range(max(record.lower, self.low), self.tail + 1))
        if record.offsets == expected:
            return None
        return self.finding(
            "range-differs",
            "topic",
            number,
            clause="reads are exact",
            expected=expected,
            actual=record.offsets,
            evidence=[Evidence(number, record, "is the answer to this read")],
        )

    # -- the subscriber

    def on_tally(self, number: int, record: Tallied | TallyCopied | TallyRecovered) -> Finding | None:
        """A tally is the fold of the messages up to its offset."""
        return self.judge(number, record)

    def on_observed(self, number: int, record: TallyObserved) -> Finding | None:
        """At rest a tally is that fold too, and at the newest offset."""
        finding = self.judge(number, record)
        if finding is None and record.tally.offset != self.tail:
            finding = self.finding(
                "never-reaches-tail",
                "subscriber",
                number,
                clause="reaches the end",
                guarantee="LIVE",
                position=record.tally.offset,
                expected=self.tail,
                actual=record.tally.offset,
                evidence=[Evidence(number, record, "is where it came to rest")],
            )
        return finding

    def judge(self, number: int, record: Shown) -> Finding | None:
        """The anomaly has the name of what the subscriber did not notice: an epoch, a gap, or neither."""
        tally = record.tally
        expected = self.folds.get(tally.offset)
        if expected == (tally.count, tally.total):
            return None
        if expected is None and tally.offset <= self.tail:
            unjudged = next((window for window in self.windows if window.dropped), None)
            if unjudged is not None:
                unjudged.miss()
                return None
        evidence = [Evidence(number, record, "is its tally")]
        if tally.epoch != self.epoch and self.cut is not None:
            anomaly, guarantee, clause = "checkpoint-ahead-of-log", "CKPT", "new epoch noticed"
            evidence.insert(0, Evidence(*self.cut, "began a new epoch"))
        elif type(record) is TallyRecovered:
            anomaly, guarantee, clause = "recovered-state-partial", "SNAP", "recovered whole"
        elif self.expired is not None and expected is not None and tally.count < expected[0]:
            anomaly, guarantee, clause = "trimmed-message-skipped", "LOG", "gap noticed"
        else:
            anomaly, guarantee, clause = "replayed-state-differs", "REPL", "tally is the fold"
        if self.expired is not None and guarantee in ("SNAP", "LOG"):
            evidence.insert(0, Evidence(*self.expired, "removed messages"))
        return self.finding(
            anomaly,
            "subscriber",
            number,
            clause=clause,
            guarantee=guarantee,
            position=tally.offset,
            expected={"epoch": self.epoch, "count and sum": expected},
            actual={"epoch": tally.epoch, "count and sum": (tally.count, tally.total)},
            evidence=evidence,
        )
