"""A record is one line of a recorded history: a client invokes, or hears `ok`, `fail` or `info` (nobody knows)."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import msgspec

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.operation import History, Operation, Outcome
from refold.properties.linearizability.value import brief

__all__ = ["Record", "history_of", "record_of"]

_ENDS = {"ok": Outcome.OK, "fail": Outcome.FAIL, "info": Outcome.UNKNOWN}


class Record(msgspec.Struct, frozen=True, gc=False):
    """What was observed at one instant."""

    line: int
    process: Hashable
    type: str
    f: str
    value: Any
    key: Hashable = None
    call: Hashable = None
    """What joins invocation and return where it is not the process."""
    client: bool = True
    """False for a record that is no client's, such as a nemesis: it is counted and ignored."""
    rebalance: Any = None
    """What Jepsen's Kafka workload says of changed assignments."""


class _Open(msgspec.Struct, frozen=True, gc=False):
    invocation: Record
    event: int
    number: int


def history_of(records: Iterable[Record], source: str) -> History:
    """Join invocations with their returns. A process that never hears may be used again; one that waits may not."""
    operations: list[Operation | None] = []
    waiting: dict[Hashable, _Open] = {}
    events = count = 0
    for record in records:
        count += 1
        if not record.client:
            continue
        caller = record.process if record.call is None else ("call", record.call)
        opened = waiting.pop(caller, None)
        if record.type == "invoke":
            if opened is not None:
                raise _error(source, record, opened, "invokes again before", "end each operation with ok, fail or info")
            waiting[caller] = _Open(record, events, len(operations))
            operations.append(None)
        elif opened is not None and record.type in _ENDS and opened.invocation.f == record.f:
            operations[opened.number] = _operation(opened, record, events)
        else:
            raise _wrong_end(source, record, opened)
        events += 1
    for opened in waiting.values():
        operations[opened.number] = _operation(opened, None, None)
    return History(tuple(operation for operation in operations if operation is not None), events, source, count)


def _wrong_end(source: str, record: Record, opened: _Open | None) -> HistoryError:
    if record.type not in _ENDS:
        what = f"unknown type {brief(record.type)}"
        return HistoryError(source, record.line, what, "use invoke, ok, fail or info")
    if opened is None:
        what = f"process {brief(record.process)} ends a {brief(record.f)} that it did not invoke"
        return HistoryError(source, record.line, what, "add the invocation, or remove this line")
    return _error(source, record, opened, "ends with another operation", "use the name that was invoked")


def _operation(opened: _Open, end: Record | None, event: int | None) -> Operation:
    invocation, f = opened.invocation, opened.invocation.f
    outcome = Outcome.UNKNOWN if end is None else _ENDS[end.type]
    return Operation(
        invocation.process,
        f,
        None if f == "read" else invocation.value,
        outcome,
        end.value if end is not None and outcome is Outcome.OK else None,
        opened.event,
        event,
        invocation.key,
        invocation.line,
        None if end is None else end.line,
    )


def _error(source: str, record: Record, opened: _Open, what: str, remedy: str) -> HistoryError:
    earlier = opened.invocation
    said = f"process {brief(record.process)} {what} than its {brief(earlier.f)} of line {earlier.line}"
    if record.type == "invoke":
        said = f"process {brief(record.process)} {what} its {brief(earlier.f)} of line {earlier.line} has ended"
    return HistoryError(source, record.line, said, remedy)


def record_of(name: str, line: int, fields: dict[Any, Any], mark: str, freeze: Callable[[Any], Any]) -> Record:
    """A record from the fields of a map; names start with `mark`, and so do the names that are values."""
    missing = [field for field in ("process", "type", "f") if mark + field not in fields]
    if missing:
        raise HistoryError(
            name, line, f"no {mark}{missing[0]}", f"give each event {mark}process, {mark}type and {mark}f"
        )
    process, type_, f = (fields[mark + field] for field in ("process", "type", "f"))
    if isinstance(process, float | bool) or not isinstance(process, int | str):
        raise HistoryError(name, line, f"process {brief(process)}", "use an integer or a name")
    for field, value in (("type", type_), ("f", f)):
        if not isinstance(value, str) or not value.startswith(mark):
            raise HistoryError(
                name, line, f"{mark}{field} is {brief(value)}", f"use a name such as {mark}invoke or {mark}read"
            )
    client = process != "nemesis" and not (mark and isinstance(process, str) and process.startswith(mark))
    value, key = fields.get(f"{mark}value"), fields.get(f"{mark}key")
    rebalance = freeze(fields.get(f"{mark}rebalance-log"))
    names = type_.removeprefix(mark), f.removeprefix(mark)
    return Record(line, process, *names, freeze(value), freeze(key), client=client, rebalance=rebalance)
