"""Correct variants of side effects, double writes and change data capture."""

from __future__ import annotations

from refold.model.context import Context
from refold.model.extension import Clients, Consumers, Step
from refold.model.parts.messages.change_stream import ORIGIN, Change, ChangeStream
from refold.model.parts.messages.dual_write import DualWrite, Fact
from refold.model.parts.messages.outbox import Outbox, Row
from refold.systems.variants.registry import variant


@variant("log-first", "dual-write", fixes=("dual-write-partial", "dual-write-reorder", "recovery-is-a-noop"))
class LogFirst(DualWrite):
    """Appends the fact to a log, and both stores follow the log: whoever is at work takes the oldest fact first, so the order is the
    log's."""

    def finish(self, writer: str, fact: Fact) -> None:
        """Everything in the log up to this fact, in order."""
        if writer in self.hands:
            self.hands[writer] = None
        for oldest in list(self.outbox):
            super().finish(writer, oldest)
            if oldest == fact:
                return


@variant("idempotent-sink", "outbox", fixes=("outbox-double-drain",))
class IdempotentSink(Outbox):
    """Claims nothing; the receiver recognises a message by its id and does nothing the second time."""

    def __init__(self, context: Context, consumers: Consumers, clients: Clients, step: Step) -> None:
        super().__init__(context, consumers, clients, step)
        self.received: set[str] = set()

    def claim(self, row: Row, name: str) -> None:
        """Nobody owns a row."""

    def receive(self, message: str) -> bool:
        """The first time only."""
        first = message not in self.received
        self.received.add(message)
        return first


@variant("resume-at-earliest", "change-stream", fixes=("cdc-resume-at-latest", "cdc-resnapshot-duplicates"))
class ResumeAtEarliest(ChangeStream):
    """Reads the whole stream again when the offset is lost: it is kept for ever, so no snapshot is needed."""

    def without_offset(self) -> Change | None:
        """The beginning."""
        return ORIGIN


@variant("truncate-before-snapshot", "change-stream", fixes=("cdc-resnapshot-duplicates",))
class TruncateBeforeSnapshot(ChangeStream):
    """Empties the copy when a snapshot begins, and goes on with the changes since then."""

    def begin_snapshot(self) -> None:
        """An empty copy knows no versions."""
        super().begin_snapshot()
        for item in list(self.copy):
            self.put(Change(self.place.lsn, item, None, 0), [])
        self.lsns = {}
