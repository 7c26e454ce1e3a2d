"""Histories that begin in the middle of a log, as one that is recorded from a system that has been running for a year.

Such a history has a past that nobody has written down: events below its first position, streams with a version, clients that wait for an
answer, consumers with rows and a place. What can be judged all the same is whatever needs no past, or as much of it as the history itself
gives away: the first event of a stream tells which version the stream had before; where a history is judged while it is written, from that
event on. What is judged is sound (a right system is not accused), as long as the history holds everything from its first line on:

- identity: batches are whole, refused appends leave no trace, no append has two effects. Not that somebody asked for an event: whoever did
  may have done so before.
- expected versions: of streams that have an event in the history, because only their version is known. A refusal counts as one without a
  reason only if the version that the log says it found was the expected one: what slow appends of before are hiding cannot be known.
- order: positions grow and versions have no gaps, from the first of each on.
- durability: what was visible, or confirmed at a position of this history, is in every later scan.
- removals: what was removed within the history is gone, and nothing else is.

Everything else is left out: consumers (where they stood, and with which rows), snapshots, decisions and views (the states before), readers
of single streams, convergence, extensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import attrs
import msgspec

from refold.model.event import Stored
from refold.model.record import Acknowledged, Opened, Refused, Retried, Started, Step, Unknown
from refold.properties.appends import Appends, Operation
from refold.properties.log.durability import Durability
from refold.properties.log.identity import Identity
from refold.properties.log.removal import RemovedForGood
from refold.properties.log.visibility import Visibility
from refold.properties.oracle import Oracle
from refold.properties.property import Checker, Finding, Handler, Sorter
from refold.properties.suite import AppendsKeeper, LogKeeper, NamesKeeper, in_order, when_needed
from refold.properties.updates.decisions import ExpectedVersion
from refold.properties.window import Window


@attrs.frozen
class Beginning:
    """Where a history begins: the position of its first event, and the version that each of its streams had before. Of streams that are
    not in `versions` the first event will tell, and until then nothing is judged that needs it."""

    position: int
    versions: dict[str, int]

    def not_checked(self) -> str:
        """What this means, in plain words."""
        return (
            f"what came before position {self.position:,}, at which this history begins: from there on it is judged whether the log keeps"
            " positions and versions in order, decides by expected versions as it must, stores batches whole, and loses nothing;"
            " not judged are events that nobody prepared, decisions of the application, consumers and snapshots"
        )


def beginning(records: Iterable[Any]) -> Beginning | None:
    """Where the history begins if that is in the middle of a log; None if it is whole.

    One with the steps of a plan is whole, whatever its first position is: refold made it, on an empty log.
    """
    first = 0
    versions: dict[str, int] = {}
    for record in records:
        kind = type(record)
        if kind is Step:
            return None
        if kind is Stored:
            first = first or record.position
            if first <= 1:
                return None
            versions.setdefault(record.stream, max(record.version - 1, 0))
    return Beginning(first, versions) if first else None


class PartialAppends(Appends):
    """`Appends` that were asked for within the history. Of those that were sent before, nobody knows the beginning. `known_since` is the
    number of the record that told the version of a stream, for each whose version was not known from the start."""

    def __init__(self, versions: dict[str, int], window: Window) -> None:
        super().__init__(versions, window)
        self.known_since: dict[str, int] = {}

    def sent(self, op: str) -> None:
        """One that was sent: before the history began, if nobody has asked for it since."""
        if op not in self.operations:
            self.forgotten(op)

    def on_sent(self, number: int, record: Started | Unknown | Retried) -> None:
        """What else tells that an append was sent."""
        self.sent(record.op)

    def on_stored(self, number: int, event: Stored) -> None:
        """An event of another append was asked for before the beginning, as far as anybody knows."""
        self.sent(event.operation)
        if event.stream not in self.versions:
            self.versions[event.stream] = max(event.version - 1, 0)
            self.known_since[event.stream] = number
        super().on_stored(number, event)


class PartialAppendsKeeper(AppendsKeeper):
    """`AppendsKeeper` that also hears of appends by what was sent. It takes no record for a regular one: too little is known."""

    def sorters(self) -> dict[type, Sorter]:
        """None."""
        return {}

    def handlers(self) -> dict[type, Handler]:
        """Invocations, their events, and what else tells that an append was sent."""
        sent: Any = cast(PartialAppends, self.oracle.appends).on_sent
        return {**super().handlers(), Started: sent, Unknown: sent, Retried: sent}


class PartialIdentity(Identity):
    """`Identity` among the appends that were asked for within the history."""

    def unasked(self, number: int, event: Any, operation: Operation | None = None) -> Finding | None:
        """Whoever asked for an event of an unknown append may have done so before."""
        return None if operation is None else super().unasked(number, event, operation)


class PartialExpectedVersion(ExpectedVersion):
    """`ExpectedVersion` of those appends, in the streams whose version is known."""

    def known(self, operation: Operation | None, since: int) -> bool:
        """Whether the version of its stream is known since this record."""
        if operation is None:
            return False
        stream = operation.prepared.stream
        appends = cast(PartialAppends, self.appends)
        return stream in appends.versions and appends.known_since.get(stream, 0) <= since

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """A stream of which the history has an event."""
        return super().on_stored(number, event) if self.known(self.appends.operation, number) else None

    def on_refused(self, number: int, record: Refused) -> Finding | None:
        """A stream whose version was known when the append was asked for."""
        operation = self.appends.operations.get(record.op)
        known = operation is not None and self.known(operation, operation.number)
        return super().on_refused(number, record) if known else None


class PartialDurability(Durability):
    """`Durability` of what was confirmed within the history."""

    def __init__(self, oracle: Oracle, begins: Beginning) -> None:
        super().__init__(oracle)
        self.first = begins.position

    def on_acknowledged(self, number: int, record: Acknowledged) -> None:
        """An append that is sent again may have been stored before the beginning; its positions tell."""
        if record.positions and record.positions[0] >= self.first:
            super().on_acknowledged(number, record)


class PartialLogKeeper(LogKeeper):
    """`LogKeeper` without consumers, whose places are not known: the oracle would wait for them."""

    def handlers(self) -> dict[type, Handler]:
        """All but what is about consumers."""
        table = super().handlers()
        table[Opened] = self.on_opened
        return table

    def on_opened(self, number: int, record: Opened) -> None:
        """Nobody consumes."""
        self.oracle.on_opened(number, msgspec.structs.replace(record, consumers=()))


def partial_checker(
    begins: Beginning, plain: Callable[[Any], Any] | None = None, remembered: int | None = None
) -> Checker:
    """A checker of what can be judged from there on; `plain` and `remembered` as for `refold.properties.suite.checker`."""
    oracle = Oracle(None, remembered)
    oracle.tail = oracle.low = oracle.begins = begins.position - 1
    oracle.versions.update(begins.versions)
    oracle.slow.add("whatever was open before the beginning")
    oracle.appends = PartialAppends(oracle.versions, oracle.appends.window)
    judges = in_order(
        [
            NamesKeeper(oracle),
            PartialAppendsKeeper(oracle),
            PartialIdentity(oracle),
            PartialExpectedVersion(oracle),
            Visibility(oracle),
            PartialDurability(oracle, begins),
            PartialLogKeeper(oracle),
        ]
    )
    for judge in judges:
        judge.plain = plain
    needed = when_needed(oracle, plain)
    return Checker(judges, lambda kind: needed(kind) if kind in RemovedForGood.judges else [])
