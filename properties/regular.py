"""Regular records: what a right system writes nearly always. One look tells that they convict nobody.

Most properties find nothing in a regular record and have nothing to keep of it, so they are not asked about it: they say so by `passes`. A
record that is not regular is not a wrong one; it is one at which everybody looks. So what is said here may be too strict, never too
loose: all clauses of the properties that pass follow from it, and whatever they would have kept is kept here.

- A decision is regular if its operation is new.
- An event is regular if it is the next one of an append that was decided once and not refused, as it was asked for; if the append's
  expectation holds at the place of its first event; if no other batch is in pieces; if its version is the next one of its stream and its
  position is above all that readers have seen; and if no answer names a position that they have not come to.
- An answer is regular if it names the position of the one event of an append, which is there; if the append was decided once and is none
  that was slow, no batch is in pieces, and nothing was removed.
- An effect and a checkpoint are regular if they are in their place (`effects` and `checkpoints` tell).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from refold.model.event import Stored, written_alike
from refold.model.expectation import NoMatch
from refold.model.record import Acknowledged, Prepared
from refold.properties.appends import Operation
from refold.properties.oracle import Oracle
from refold.properties.property import Asking, Handler


def decisions(oracle: Oracle, regular: list[Handler], others: list[Handler]) -> Asking:
    """Sorts out operations that are new, and remembers them."""
    appends, operations, versions = oracle.appends, oracle.appends.operations, oracle.versions

    def on_prepared(number: int, record: Prepared) -> list[Handler]:
        op = record.op
        if op in operations or appends.older:
            return others
        operations[op] = Operation(number, record, versions.get(record.stream, 0))
        if len(operations) >= appends.full:
            appends.trim()
        return regular

    return on_prepared


def events(oracle: Oracle, regular: list[Handler], others: list[Handler]) -> Asking:
    """Sorts out events that an append has asked for, just so and here, and counts them as the append's own."""
    appends, operations, versions = oracle.appends, oracle.appends.operations, oracle.versions

    def on_stored(number: int, event: Stored) -> list[Handler]:
        operation = operations.get(event.id.rpartition("/")[0])
        if operation is None or operation.ended is not None or operation.earlier:
            return others
        prepared = operation.prepared
        seen = operation.seen
        due = len(prepared.events) - seen
        if due < 1:
            return others
        asked = prepared.events[seen]
        stream = event.stream
        version = versions.get(stream, 0)
        if (
            event.id != asked.id
            or stream != prepared.stream
            or event.version != version + 1
            or event.position <= oracle.tail
            or event.type != asked.type
            or event.tags != asked.tags
            or oracle.promised
        ):
            return others
        data = asked.data
        if event.data is not data and data is not None and event.data != data and not written_alike(event.data, data):
            return others
        if seen:
            if appends.partial is not operation:
                return others
            appends.first = False
        else:
            expected = prepared.expected
            if (
                appends.partial is not None
                or operation.placed
                or type(expected) is NoMatch
                or not expected.holds(version)
            ):
                return others
            appends.first = operation.placed = True
        operation.seen = seen + 1
        appends.operation = operation
        appends.place = seen
        if due > 1:
            appends.partial, appends.last = operation, (number, event)
        elif seen:
            appends.partial = None
        else:
            operation.only = event
        return regular

    return on_stored


def answers(oracle: Oracle, regular: list[Handler], others: list[Handler]) -> Asking:
    """Sorts out answers that name the position of the one event that was asked for, where it was seen."""
    appends, operations, seen = oracle.appends, oracle.appends.operations, oracle.events

    def on_acknowledged(number: int, record: Acknowledged) -> list[Handler]:
        operation, positions = operations.get(record.op), record.positions
        if operation is None or operation.only is None or len(positions) != 1:
            return others
        if seen.get(positions[0]) is not operation.only or appends.partial is not None or oracle.removed is not None:
            return others
        if oracle.slow and record.op in oracle.slow:
            return others
        return regular

    return on_acknowledged


REGULAR: Mapping[type, Callable[[Oracle, list[Handler], list[Handler]], Asking]] = {
    Prepared: decisions,
    Stored: events,
    Acknowledged: answers,
}
"""Record class -> what sorts its records by what an oracle knows of appends."""
