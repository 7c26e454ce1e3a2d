"""Transactions of Jepsen's Kafka workload: what one sent and polled, with the offsets that it was told.

A transaction is a `send`, a `poll` or a `txn`; its value is a list of `["send", key, value]`, answered
`["send", key, [offset, value]]`, and of `["poll"]`, answered `["poll", {key: [[offset, value], …]}]`. `assign` and
`subscribe` name the keys (partitions) that a process reads from then on.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, TypeAlias

import attrs

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.record import Record
from refold.properties.linearizability.models import KEPT_ACCOUNTS
from refold.properties.linearizability.value import brief, exact

__all__ = ["Message", "Transaction", "transactions"]

OPERATIONS = KEPT_ACCOUNTS["kafka"]
_ENDS = ("invoke", "ok", "fail", "info")

Message: TypeAlias = tuple[int | None, Hashable]
"""(offset, or None where it is not known; value)."""


@attrs.frozen(slots=True)
class Transaction:
    """One line of the history."""

    line: int
    process: Hashable
    type: str
    f: str
    sends: dict[Hashable, list[Message]] = attrs.Factory(dict)
    polls: dict[Hashable, list[Message]] = attrs.Factory(dict)
    keys: frozenset[Hashable] = frozenset()
    """Of `assign` and `subscribe`: what the process reads from now on."""
    rebalanced: frozenset[Hashable] = frozenset()
    """Keys whose assignment changed meanwhile."""


def transactions(records: Iterable[Record], source: str) -> Iterator[Transaction]:
    """The lines of clients; `HistoryError` where one is none of this workload."""
    for record in records:
        if not record.client:
            continue
        if record.type not in _ENDS:
            what = f"unknown type {brief(record.type)}"
            raise HistoryError(source, record.line, what, "use invoke, ok, fail or info")
        if record.f not in OPERATIONS:
            what = f"unknown operation {brief(record.f)}; this model knows {', '.join(OPERATIONS)}"
            raise HistoryError(source, record.line, what, "correct the line, or choose another model")
        made = Transaction(record.line, exact(record.process), record.type, record.f)
        if record.f in ("assign", "subscribe"):
            keys = record.value if isinstance(record.value, tuple | frozenset) else ()
            yield attrs.evolve(made, keys=frozenset(map(_key, keys)))
        elif record.f in ("send", "poll", "txn"):
            _fill(made, record, source)
            yield attrs.evolve(made, rebalanced=frozenset(_rebalanced(record.rebalance)))


def _fill(made: Transaction, record: Record, source: str) -> None:
    value = record.value
    if value is None or not isinstance(value, tuple):
        if record.type in ("invoke", "ok"):
            what = f"the value of {record.f} is {brief(value)}"
            raise HistoryError(source, record.line, what, 'write a list of ["send", key, value] and ["poll", {…}]')
        return
    for operation in value:
        try:
            _add(made, operation)
        except (TypeError, ValueError):
            what = f"{brief(operation)} is no operation of a transaction"
            raise HistoryError(source, record.line, what, 'write ["send", key, value] or ["poll", {…}]') from None


def _add(made: Transaction, operation: Any) -> None:
    kind = operation[0].removeprefix(":") if isinstance(operation, tuple) and isinstance(operation[0], str) else None
    if kind == "send":
        _, key, value = operation
        offset = None
        if made.type != "invoke" and isinstance(value, tuple):
            offset, value = value
        made.sends.setdefault(_key(key), []).append((_offset(offset), exact(value)))
    elif kind == "poll":
        for key, messages in operation[1] if len(operation) > 1 and operation[1] is not None else ():
            polled = made.polls.setdefault(_key(key), [])
            polled.extend((_offset(offset), exact(value)) for offset, value in messages)
    else:
        raise ValueError("neither send nor poll")


def _key(key: Any) -> Hashable:
    """The key of a partition; in JSON, names in an object are strings, and elsewhere it may be a number."""
    return int(key) if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 20 else exact(key)


def _offset(offset: Any) -> int | None:
    if offset is not None and (isinstance(offset, bool) or not isinstance(offset, int) or offset < 0):
        raise ValueError("no offset")
    return offset


def _rebalanced(log: Any) -> Iterator[Hashable]:
    for event in log if isinstance(log, tuple) else ():
        for name, keys in event if isinstance(event, tuple) else ():
            if name in ("keys", ":keys") and isinstance(keys, tuple | frozenset):
                yield from map(_key, keys)
