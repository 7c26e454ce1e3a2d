"""Side effects: what cannot be taken back happens exactly once for each reason, although relays and managers die and events come again
(DUAL).

Usually broken by two relays that deliver one row because neither claims it (catalogue: outbox-double-drain), and by commands that get a
new id each time they are sent (pm-duplicate-commands). A relay that dies between delivery and its note of it may repeat that one
message: nothing could prevent it."""

from __future__ import annotations

from typing import Any

from refold.model.event import Stored
from refold.model.parts.messages.outbox import Delivered, OutboxAtRest, RelayDied
from refold.model.parts.messages.process_manager import CommandExecuted, CommandRecognised, ManagerAtRest
from refold.model.words import counted
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property
from refold.properties.window import Window

REMEMBERED = 65_536
"""Effects that are remembered, to recognise a second one."""


class Occurrences:
    """The first occurrence of each effect, and how many different ones there were."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.first: dict[Any, tuple[int, Any]] = {}
        self.distinct = 0

    def again(self, reason: Any, number: int, record: Any) -> tuple[int, Any] | None:
        """The earlier occurrence, if this is not the first."""
        first = self.first
        before = first.get(reason)
        if before is None:
            first[reason] = (number, record)
            self.distinct += 1
            if len(first) >= self.window.full:
                self.window.trim(first)
        return before


class OutboxDelivery(Property):
    """For every event e: the outside world acts on the message of e once; more often only after a relay died with e in its hand,
    delivered; and at rest not less than once."""

    name = "outbox-delivery"
    guarantee = "DUAL"
    needs = "outbox"
    judges = (Delivered,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.effects = Occurrences(
            oracle.window(
                REMEMBERED, "whether messages of the outbox older than the newest {size} have an effect again"
            )
        )
        self.windows = (self.effects.window,)
        self.excused: dict[str, int] = {}

    def handlers(self) -> dict[type, Handler]:
        """Deliveries, deaths, rest."""
        return {Delivered: self.on_delivered, RelayDied: self.on_died, OutboxAtRest: self.on_rest}

    def on_died(self, number: int, record: RelayDied) -> None:
        """One repetition of this message is nobody's fault."""
        if record.message:
            self.excused[record.message] = self.excused.get(record.message, 0) + 1

    def on_delivered(self, number: int, record: Delivered) -> Finding | None:
        """Once."""
        if not record.effect:
            return None
        before = self.effects.again(record.position, number, record)
        if before is None:
            return None
        if self.excused.get(record.message):
            self.excused[record.message] -= 1
            return None
        return self.finding(
            "side-effect-twice",
            record.relay,
            number,
            position=record.position,
            expected="one delivery",
            actual=f"a second one, by {record.relay} after {before[1].relay}",
            evidence=[Evidence(*before, "delivered it"), Evidence(number, record, "delivered it again")],
        )

    def on_rest(self, number: int, record: OutboxAtRest) -> Finding | None:
        """Nothing forgotten."""
        events = sum(self.oracle.versions.values())
        if self.effects.distinct >= events and not record.rows:
            return None
        return self.finding(
            "side-effect-missing",
            "outbox",
            number,
            expected=f"{counted(events, 'message')} delivered, none left",
            actual=f"{self.effects.distinct} delivered, {record.rows} left",
            evidence=[Evidence(number, record, "is the outbox at rest")],
        )


class Commands(Property):
    """For every event e and handler h of the process manager: the command of (e, h) is executed once, and, at rest, not less than once."""

    name = "commands"
    guarantee = "DUAL"
    needs = "process-manager"
    judges = (CommandExecuted,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.effects = Occurrences(
            oracle.window(
                REMEMBERED, "whether commands older than the newest {size} are executed again, or were at all"
            )
        )
        self.windows = (self.effects.window,)
        self.handled: dict[str, int] = {}

    def handlers(self) -> dict[type, Handler]:
        """Executions, rest."""
        return {
            CommandExecuted: self.on_executed,
            CommandRecognised: self.on_recognised,
            ManagerAtRest: self.on_rest,
        }

    def on_executed(self, number: int, record: CommandExecuted) -> Finding | None:
        """Once."""
        before = self.effects.again((record.position, record.handler), number, record)
        if before is None:
            self.handled[record.handler] = self.handled.get(record.handler, 0) + 1
            return None
        event: Stored | None = self.oracle.events.get(record.position)
        cause = [] if event is None else [Evidence(self.oracle.numbers[record.position], event, "is the cause")]
        return self.finding(
            "command-executed-twice",
            record.handler,
            number,
            position=record.position,
            expected=f"{before[1].command} alone",
            actual=f"{record.command} as well",
            evidence=[*cause, Evidence(*before, "was executed"), Evidence(number, record, "was executed again")],
        )

    def on_recognised(self, number: int, record: CommandRecognised) -> Finding | None:
        """Only what was executed may be taken for done."""
        if (record.position, record.handler) in self.effects.first or self.effects.window.dropped:
            return None
        return self.finding(
            "command-missing",
            record.handler,
            number,
            position=record.position,
            expected="executed",
            actual=f"{record.command} was taken for one that is done",
            evidence=[Evidence(number, record, "was dismissed, although it was never executed")],
        )

    def on_rest(self, number: int, record: ManagerAtRest) -> Finding | None:
        """Every event, every handler."""
        events = sum(self.oracle.versions.values())
        missing = {handler: done for handler, done in self.handled.items() if done < events}
        if not missing and record.done >= events:
            return None
        return self.finding(
            "command-missing",
            "process-manager",
            number,
            expected=f"every handler for {counted(events, 'event')}",
            actual=missing or f"done with {record.done}",
            evidence=[Evidence(number, record, "is the process manager at rest")],
        )
