"""Side effects: what cannot be taken back happens exactly once for each reason, although relays and managers die and events come again
(DUAL).

This is usually broken by two relays that deliver the same row because neither claims it (catalogue: outbox-double-drain), by commands
that get a new id each time they are sent (pm-duplicate-commands), and by a handler that is never called (pm-handler-never-called). A
relay that dies between delivering a message and recording the delivery may repeat that message, once for each such death: nothing could
prevent it."""

from __future__ import annotations

from typing import Any

from refold.model.event import Stored
from refold.model.parts.messages.outbox import Delivered, Interrupted, OutboxAtRest, RelayDied
from refold.model.parts.messages.process_manager import CommandExecuted, CommandRecognised, ManagerAtRest
from refold.model.words import counted
from refold.properties.messages.coverage import Coverage
from refold.properties.messages.stream_order import StreamOrder
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property
from refold.properties.window import Window

REMEMBERED = 65_536
"""Effects that are remembered, to recognise a second one."""


ANY_OUTBOX = ""
"""Where nobody knows any more which outbox a message has come from."""


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


def cause(oracle: Oracle, position: int) -> list[Evidence]:
    """The event at `position`, as evidence."""
    event = oracle.events.get(position)
    return [] if event is None else [Evidence(oracle.numbers[position], event, "is the cause")]


class OutboxDelivery(Property):
    """For every event e: the outside world acts on the message of e once; it acts on it again only if a relay died after delivering it,
    or was interrupted before it could record the delivery. At rest it has acted on every message at least once, and no row is left. It
    acts only on messages of events and, where order is promised, on those of a stream in the order of its events."""

    name = "outbox-delivery"
    guarantee = "DUAL"
    clauses = {
        "once": "the outside world acts on a message a second time only if a relay died after delivering it",
        "in the order of streams": "where order is promised, the first message of an event comes after those of earlier events of its "
        "stream",
        "of an event": "the outside world acts only on messages of events that are in the log, each under the id of its event",
        "each event": "at rest the outside world has acted on the message of every event",
        "no row left": "at rest every row of the outbox is marked as done",
    }
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
        self.delivered = Coverage(oracle, "whether messages of events older than the newest {size} ever went out")
        self.excuses = oracle.window(
            REMEMBERED, "whether messages of the outbox go out again for deaths older than the newest {size}"
        )
        self.windows = (self.effects.window, self.delivered.window, self.excuses)
        self.order = StreamOrder()
        self.hands: dict[tuple[str, str], str] = {}
        """Relay and message -> the outbox from which this relay delivered it last."""
        self.out: dict[str, tuple[str, ...]] = {}
        self.excused: dict[tuple[str, str], int] = {}

    def handlers(self) -> dict[type, Handler]:
        """Deliveries, deaths, rest."""
        return {
            Delivered: self.on_delivered,
            RelayDied: self.on_died,
            Interrupted: self.on_interrupted,
            OutboxAtRest: self.on_rest,
        }

    def on_died(self, number: int, record: RelayDied) -> None:
        """A relay that delivered this message, and others since, and died before it noted so, excuses one repetition of it."""
        outbox = self.hands.pop((record.relay, record.message), None)
        if outbox is None and record.message and self.effects.window.dropped:
            outbox = ANY_OUTBOX
        if outbox is not None:
            self.excuse(outbox, record.message)

    def on_interrupted(self, number: int, record: Interrupted) -> None:
        """Each of the messages that have gone out may come once more, wherever it has gone out."""
        for message in dict.fromkeys(record.messages):
            for outbox in self.out.get(message, (ANY_OUTBOX,) if self.effects.window.dropped else ()):
                self.excuse(outbox, message)

    def excuse(self, outbox: str, message: str) -> None:
        """One repetition of this message is nobody's fault."""
        self.excused[outbox, message] = self.excused.pop((outbox, message), 0) + 1
        if len(self.excused) >= self.excuses.full:
            self.excuses.trim(self.excused)

    def on_delivered(self, number: int, record: Delivered) -> Finding | None:
        """The message of an event, and the first time that the outside world acts on it, or a repetition that a death excuses."""
        self.hands[record.relay, record.message] = record.outbox
        if len(self.hands) >= self.effects.window.full:
            self.effects.window.trim(self.hands)
        if not record.effect:
            return None
        event = self.oracle.events.get(record.position)
        there = not self.oracle.nowhere(record.position) if event is None else event.id == record.message
        if not there:
            return self.finding(
                "side-effect-without-cause",
                record.relay,
                number,
                clause="of an event",
                position=record.position,
                expected="nothing: there is no such event" if event is None else f"message {event.id}",
                actual=f"message {record.message}",
                evidence=[*cause(self.oracle, record.position), Evidence(number, record, "delivered it all the same")],
            )
        self.delivered.add(record.outbox, record.position)
        before = self.effects.again((record.outbox, record.position), number, record)
        if before is None:
            self.out[record.message] = (*self.out.get(record.message, ()), record.outbox)
            if len(self.out) >= self.effects.window.full:
                self.effects.window.trim(self.out)
            return self.in_order(number, record, event) if record.ordered and event is not None else None
        if self.is_excused(record.outbox, record.message) or self.is_excused(ANY_OUTBOX, record.message):
            return None
        if self.excuses.dropped:
            self.excuses.miss()
            return None
        return self.finding(
            "side-effect-twice",
            record.relay,
            number,
            clause="once",
            position=record.position,
            expected="one delivery",
            actual=f"a second one, by {record.relay} after {before[1].relay}",
            evidence=[Evidence(*before, "delivered it"), Evidence(number, record, "delivered it again")],
        )

    def is_excused(self, outbox: str, message: str) -> bool:
        """Whether this repetition is nobody's fault; then there is one fewer of them."""
        left = self.excused.pop((outbox, message), 0)
        if left > 1:
            self.excused[outbox, message] = left - 1
        return left > 0

    def in_order(self, number: int, record: Delivered, event: Stored) -> Finding | None:
        """The first message of an event comes after those of the earlier ones of its stream."""
        proofs = cause(self.oracle, record.position)
        return self.order.sent(self, record.outbox, record.relay, number, record, event, proofs)

    def on_rest(self, number: int, record: OutboxAtRest) -> Finding | None:
        """The message of every event that calls for one has gone out, and no row waits for a relay."""
        for position in record.silent:
            called_for_nothing = self.effects.first.get((record.outbox, position))
            if called_for_nothing is not None:
                return self.uncalled(number, record, position, *called_for_nothing)
            self.delivered.add(record.outbox, position)
        lacking = self.delivered.lacking(record.outbox, self.oracle.tail)
        if lacking is None and not record.rows:
            return None
        return self.finding(
            "side-effect-missing",
            record.outbox,
            number,
            clause="no row left" if lacking is None else "each event",
            position=None if lacking is None else lacking.position,
            expected="every message delivered, no row left",
            actual=f"{self.effects.distinct} delivered, {counted(record.rows, 'row')} left",
            evidence=[
                *([] if lacking is None else cause(self.oracle, lacking.position)),
                Evidence(number, record, "is the outbox at rest"),
            ],
        )

    def uncalled(self, number: int, record: OutboxAtRest, position: int, sent: int, delivered: Delivered) -> Finding:
        """A message went out because of an event that calls for none."""
        return self.finding(
            "side-effect-without-cause",
            delivered.relay,
            number,
            clause="of an event",
            position=position,
            expected="nothing: the event calls for no message",
            actual=f"message {delivered.message}",
            evidence=[
                *cause(self.oracle, position),
                Evidence(sent, delivered, "delivered it all the same"),
                Evidence(number, record, "is the outbox at rest"),
            ],
        )


class Commands(Property):
    """For every event e and handler h of the process manager: the command of (e, h) is executed at most once and, at rest, at least once.
    It is recognised as done only if it was executed. Commands are executed only for events, and at rest the manager is done with every
    event. Its handlers are those that it names at rest, whether they ever ran or not, and all others that ran."""

    name = "commands"
    guarantee = "DUAL"
    clauses = {
        "executed once": "the command of an event and a handler is executed at most once",
        "for an event": "a command is executed only because of an event that is in the log",
        "recognised if done": "a command is recognised as done only if the command of its event and handler was executed",
        "each event and handler": "at rest the command of every event and every handler was executed",
        "done with every event": "at rest the process manager is done with every event",
    }
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
        self.executed = Coverage(oracle, "whether commands for events older than the newest {size} were ever executed")
        self.windows = (self.effects.window, self.executed.window)

    def handlers(self) -> dict[type, Handler]:
        """Executions, rest."""
        return {
            CommandExecuted: self.on_executed,
            CommandRecognised: self.on_recognised,
            ManagerAtRest: self.on_rest,
        }

    def on_executed(self, number: int, record: CommandExecuted) -> Finding | None:
        """Because of an event that is there, and for the first time."""
        position = record.position
        evidence = cause(self.oracle, position)
        if self.oracle.nowhere(position):
            return self.finding(
                "command-without-cause",
                record.handler,
                number,
                clause="for an event",
                position=position,
                expected="nothing: there is no such event",
                actual=record.command,
                evidence=[Evidence(number, record, "was executed all the same")],
            )
        self.executed.add(record.handler, position)
        before = self.effects.again((position, record.handler), number, record)
        if before is None:
            return None
        return self.finding(
            "command-executed-twice",
            record.handler,
            number,
            clause="executed once",
            position=position,
            expected=f"{before[1].command} alone",
            actual=f"{record.command} as well",
            evidence=[*evidence, Evidence(*before, "was executed"), Evidence(number, record, "was executed again")],
        )

    def on_recognised(self, number: int, record: CommandRecognised) -> Finding | None:
        """Only what was executed may be taken for done."""
        if (record.position, record.handler) in self.effects.first or self.effects.window.dropped:
            return None
        return self.finding(
            "command-missing",
            record.handler,
            number,
            clause="recognised if done",
            position=record.position,
            expected="executed",
            actual=f"{record.command} was taken for one that is done",
            evidence=[Evidence(number, record, "was dismissed, although it was never executed")],
        )

    def on_rest(self, number: int, record: ManagerAtRest) -> Finding | None:
        """Every event had a command of every handler, and the manager says that it is done with all of them."""
        for handler in dict.fromkeys((*record.handlers, *self.executed.actors)):
            lacking = self.executed.lacking(handler, self.oracle.tail)
            if lacking is not None:
                return self.finding(
                    "command-missing",
                    handler,
                    number,
                    clause="each event and handler",
                    position=lacking.position,
                    expected="executed",
                    actual="never sent, or never executed",
                    evidence=[
                        *cause(self.oracle, lacking.position),
                        Evidence(number, record, "is the process manager at rest"),
                    ],
                )
        events = sum(self.oracle.versions.values())
        if record.done >= events:
            return None
        return self.finding(
            "manager-never-done",
            "process-manager",
            number,
            clause="done with every event",
            guarantee="LIVE",
            expected=events,
            actual=record.done,
            evidence=[Evidence(number, record, "is the process manager at rest")],
        )
