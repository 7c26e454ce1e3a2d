"""A history that is judged while it is written, for as long as somebody writes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from refold.model.application import Application
from refold.model.documents.history import HistoryReader, plain
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.record import Opened, Step
from refold.properties.partial_history import Beginning, partial_checker
from refold.properties.property import Checker, Finding
from refold.properties.suite import checker
from refold.search.stored.history import FINDINGS_MAX, WITHOUT_APPLICATION, ended
from refold.search.stored.judged import BROKEN, HELD, UNDECIDED
from refold.search.stored.seen import Seen

BYTES_BEFORE_EVENTS = 1 << 26
"""What a history may hold before its first event, which tells whether it begins with its log or in the middle of it."""


def opens(lines: bytes) -> bool:
    """Whether these lines begin with the first record of a history."""
    try:
        return bool(msgspec.json.decode(lines.partition(b"\n")[0], type=Kind).kind == Opened.__struct_config__.tag)
    except msgspec.DecodeError:
        return False


class Kind(msgspec.Struct):
    """What a record is."""

    kind: str = ""


class FollowedHistory:
    """One history: what was found so far, and how far it was read. Memory does not grow with it, but with the number of its streams.

    Of findings the first `FINDINGS_MAX` of different kinds and places are `told`; all are counted in `found`, by anomaly and guarantee.
    """

    def __init__(self, name: str, application: Application | None = None) -> None:
        self.name = name
        self.application = application
        self.begins: Beginning | None = None
        self.judge: Checker | None = None
        self.reader = HistoryReader(None, unread=True)
        self.seen = Seen()
        self.waiting: list[bytes] = []
        self.told: dict[tuple[str, str, str], Finding] = {}
        self.found: Counter[tuple[str, str]] = Counter()
        self.error: BaseException | None = None

    @property
    def records(self) -> int:
        """How many were judged."""
        return self.seen.records

    @property
    def verdict(self) -> str:
        """So far."""
        if self.found:
            return BROKEN
        return HELD if self.error is None and self.judge is not None else UNDECIDED

    def feed(self, lines: bytes) -> list[Finding]:
        """Some more whole lines; returns what was found in them and not before. What ends the reading is the `error`, and nothing is read
        behind it."""
        if self.error is not None:
            return []
        try:
            for block in self.known_beginning(lines):
                self.judge_lines(block)
        except BaseException as error:
            self.error = ended(error, self.application, self.seen.line)
            if isinstance(error, KeyboardInterrupt):
                self.error = None
                raise
        return self.fresh()

    def known_beginning(self, lines: bytes) -> list[bytes]:
        """What can be judged now: nothing before the first event, which tells how; then everything."""
        if self.judge is not None:
            return [lines]
        self.waiting.append(lines)
        position = first_position(lines, first=len(self.waiting) == 1)
        if position is None:
            if sum(map(len, self.waiting)) > BYTES_BEFORE_EVENTS:
                self.error = UsageError(f"there is no event in the first {BYTES_BEFORE_EVENTS:,} bytes of this history")
                self.waiting.clear()
            return []
        self.begin(position)
        waiting, self.waiting = self.waiting, []
        return waiting

    def begin(self, position: int) -> None:
        """Judge from here on: as a whole, or as one that begins in the middle of a log."""
        if position > 1:
            self.begins = Beginning(position, {})
            self.judge = partial_checker(self.begins, plain)
        else:
            self.reader = HistoryReader(self.application, unread=True)
            self.judge = checker(self.application, plain)

    def judge_lines(self, block: bytes) -> None:
        """These lines are next."""
        judge = self.judge
        assert judge is not None
        for batch in self.reader.batch(block):
            try:
                judge.feed_all(batch, sys.maxsize)
            finally:
                self.seen.count(batch[: judge.number - self.seen.records])

    def fresh(self) -> list[Finding]:
        """What was not told before."""
        new = []
        if self.judge is not None:
            for finding in self.judge.findings:
                self.found[finding.anomaly, finding.guarantee] += 1
                key = finding.anomaly, finding.judge, finding.where
                if key not in self.told and len(self.told) < FINDINGS_MAX:
                    self.told[key] = finding
                    new.append(finding)
            self.judge.findings.clear()
        return new

    def end(self) -> list[Finding]:
        """Nothing more will come, ever; returns what only that shows."""
        if self.error is not None or self.judge is None:
            return []
        self.judge.finish()
        return self.fresh()

    def not_checked(self) -> Iterator[str]:
        """What was not looked at, in words."""
        if self.judge is None:
            yield f"{self.name}: it has no event, so nothing in it is judged"
            return
        if self.begins is not None:
            yield self.begins.not_checked()
        elif self.application is None:
            yield f"{WITHOUT_APPLICATION}; name it with --application"
        yield from self.judge.given_up()

    def counts(self) -> dict[str, int]:
        """What happened."""
        return self.seen.tally.totals()


def first_position(lines: bytes, first: bool) -> int | None:
    """The position of the first event in these lines; 1 if the history is one of a plan, or cannot be read, which is told where it is
    judged; None if there is neither."""
    reader = HistoryReader(None)
    try:
        records: list[Any] = reader.decoder.decode_lines(lines)
    except (ValueError, RecursionError):
        return 1
    if first and (not records or type(records[0]) is not Opened):
        return 1
    for record in records:
        if type(record) is Step:
            return 1
        if type(record) is Stored:
            return int(record.position)
    return None
