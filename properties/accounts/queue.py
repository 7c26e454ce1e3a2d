"""Queues, without a search: nothing comes out that did not go in, and of `total-queue`, whatever goes in comes out.

`enqueue` a value, `dequeue` one, `drain` the rest (answered by a list). Equal values are counted. An enqueue of unknown
outcome may come out or not; so may a value whose dequeue is of unknown outcome: it may have come out. The order in which
values come out is not looked at: that is the model `fifo-queue`.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from refold.properties.accounts.finding import Account, Entry
from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.models import KEPT_ACCOUNTS
from refold.properties.linearizability.operation import History, Operation, Outcome
from refold.properties.linearizability.value import brief, exact

__all__ = ["queue", "total_queue"]

OPERATIONS = KEPT_ACCOUNTS["queue"]


def queue(history: History) -> Account:
    """Whether nothing came out that had not gone in, or oftener than it had."""
    return Account(tuple(_out_without_in(history)), not_checked=("whether everything that went in comes out",))


def total_queue(history: History) -> Account:
    """The same, and whether everything came out again; the history has to drain the queue at its end."""
    broken = [*_out_without_in(history), *_in_without_out(history)]
    unknown = sum(one.f != "enqueue" and one.outcome is Outcome.UNKNOWN for one in history.operations)
    doubt = f"values that may have come out in {unknown} operations of unknown outcome"
    return Account(tuple(broken), not_checked=(doubt,) if unknown else ())


def _taken(operation: Operation, history: History) -> Iterable[Any]:
    """The values that an answered operation took out."""
    if operation.f == "dequeue":
        return (operation.result,)
    if not isinstance(operation.result, tuple):
        what = f"drain answers a list of values, found {brief(operation.result)}"
        raise HistoryError(history.source, operation.line_returned, what, "write them all")
    return operation.result


def _out_without_in(history: History) -> Iterator[Entry]:
    """Each value that came out, against those whose enqueue had begun by then and did not fail."""
    events: list[tuple[int, bool, Operation]] = []
    failed: dict[Hashable, Operation] = {}
    for one in history.operations:
        if one.f not in OPERATIONS:
            what = f"unknown operation {brief(one.f)}; this model knows {', '.join(OPERATIONS)}"
            raise HistoryError(history.source, one.line_invoked, what, "correct the line, or choose another model")
        if one.f == "enqueue" and one.outcome is Outcome.FAIL:
            failed[exact(one.argument)] = one
        elif one.f == "enqueue":
            events.append((one.invoked, False, one))
        elif one.outcome is Outcome.OK and one.returned is not None:
            events.append((one.returned, True, one))
    inside: Counter[Hashable] = Counter()
    source: dict[Hashable, Operation] = {}
    for _, out, one in sorted(events, key=lambda event: event[0]):
        if not out:
            inside[exact(one.argument)] += 1
            source[exact(one.argument)] = one
            continue
        for value in _taken(one, history):
            key = exact(value)
            inside[key] -= 1
            if inside[key] < 0:
                yield _unexpected(value, one, source.get(key), failed.get(key))


def _unexpected(value: Any, out: Operation, source: Operation | None, failed: Operation | None) -> Entry:
    lines = tuple(line for line in (out.line_returned,) if line is not None)
    if source is not None and source.line_invoked is not None:
        said = f"{brief(value)} came out oftener than it had gone in"
        return Entry("duplicate-dequeue", said, out.key, (value,), (source.line_invoked, *lines))
    if failed is not None and failed.line_invoked is not None:
        said = f"{brief(value)} came out, and its enqueue had failed"
        return Entry("aborted-dequeue", said, out.key, (value,), (failed.line_invoked, *lines))
    return Entry("unexpected-dequeue", f"{brief(value)} came out and had not gone in", out.key, (value,), lines)


def _in_without_out(history: History) -> Iterator[Entry]:
    """What went in for certain, less what came out; a value may also have left in an operation of unknown outcome."""
    out: Counter[Hashable] = Counter()
    leaks = 0
    for one in history.operations:
        if one.f != "enqueue" and one.outcome is Outcome.OK:
            out.update(exact(value) for value in _taken(one, history))
        elif one.f == "dequeue" and one.outcome is Outcome.UNKNOWN:
            leaks += 1
        elif one.f == "drain" and one.outcome is Outcome.UNKNOWN:
            return
    lost: list[Operation] = []
    for one in history.operations:
        if one.f == "enqueue" and one.outcome is Outcome.OK:
            if out[exact(one.argument)]:
                out[exact(one.argument)] -= 1
            else:
                lost.append(one)
    if len(lost) <= leaks:
        return
    for one in lost:
        lines = tuple(line for line in (one.line_invoked, one.line_returned) if line is not None)
        may = f" (or in one of the {leaks} dequeues of unknown outcome)" if leaks else ""
        yield Entry(
            "lost-enqueue", f"{brief(one.argument)} went in and never came out{may}", one.key, (one.argument,), lines
        )
