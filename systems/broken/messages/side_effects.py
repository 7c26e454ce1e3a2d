"""Broken side effects and double writes (DUAL)."""

from __future__ import annotations

from refold.model.event import Stored
from refold.model.parts.messages.dual_write import DualWrite, Fact
from refold.model.parts.messages.outbox import Outbox, Row
from refold.model.parts.messages.process_manager import HANDLERS, ProcessManager
from refold.systems.broken.registry import broken


@broken(
    "dual-write-partial",
    "dual-write",
    guarantee="DUAL",
    reference="protean#1040; OpenRisk#344",
    fix="log first, or one transaction with an outbox row",
)
class DualWritePartial(DualWrite):
    """Writes to the first store and, when that is done, to the second. Nothing records a crash in between, so the stores disagree for
    ever."""

    def note(self, fact: Fact) -> None:
        """The second write is the next statement, what could go wrong?"""


@broken(
    "dual-write-reorder",
    "dual-write",
    guarantee="DUAL/ORD",
    reference="kamu-cli#1398; Dekaf PR#2374; MassTransit#3512; namastack-outbox#195",
    fix="a single log that both stores follow, or a version guard in the second",
)
class DualWriteReorder(DualWrite):
    """Lets the last writer win in the second store. Two writers reach the stores in different orders, and the older value stays."""

    def newer(self, item: str, version: int) -> bool:
        """Whoever comes last must be right."""
        return True


@broken(
    "recovery-is-a-noop",
    "dual-write",
    guarantee="DUAL",
    reference="protean#1073",
    fix="test recovery itself with faults",
)
class RecoveryIsANoop(DualWrite):
    """Runs a repair job that always returns early: it looks for rows that are marked as failed, and a crash marks nothing."""

    def unfinished(self) -> list[Fact]:
        """Nothing is marked, so nothing is to be done."""
        return []


@broken(
    "outbox-double-drain",
    "outbox",
    guarantee="DUAL",
    reference="herdmates#59 (small project)",
    fix="an atomic claim (SKIP LOCKED, or an update that says who), before the delivery",
)
class OutboxDoubleDrain(Outbox):
    """Reads the oldest row and delivers it without claiming it first. Two relays deliver the same row, and the customer pays
    twice."""

    def claim(self, row: Row, name: str) -> None:
        """Marking it as done afterwards must do."""


@broken(
    "pm-duplicate-commands",
    "process-manager",
    guarantee="DUAL/CKPT",
    reference="commanded#18; nestjs/cqrs#164; camunda#24739; enode#29",
    fix="the command's id is a function of the event's id and the handler",
)
class PmDuplicateCommands(ProcessManager):
    """Gives every command that it sends a new id. When an event is delivered again, its command is sent again, and the receiver cannot
    tell that it is the same."""

    def command_id(self, event: Stored, handler: str) -> str:
        """A fresh number each time."""
        return f"command-{len(self.executed) + 1}"


@broken(
    "pm-handler-never-called",
    "process-manager",
    guarantee="DUAL",
    reference="nestjs/cqrs#487; protean#1048",
    fix="register handlers under unique names, and refuse a second registration",
    tier=2,
)
class PmHandlerNeverCalled(ProcessManager):
    """Registers handlers under the name of their class. Two handlers have the same name in two modules, so only one of them is ever
    called, and nobody misses the commands of the other."""

    def dispatch(self, event: Stored, handler: str) -> None:
        """Whoever was registered last."""
        if handler == HANDLERS[-1]:
            super().dispatch(event, handler)
