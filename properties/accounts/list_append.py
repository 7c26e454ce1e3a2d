"""A list that is appended to and read as a whole, with values that are appended once: decided without a search.

`append` a value, `read` all of them in order. The longest read gives the order of the appends, every other read is a
beginning of it, and each operation has its place: an append where its value stands, a read behind as many values as it
shows, an append that was answered and that nobody read behind everything. The history is linearizable if and only if no
operation that returned before another was invoked has its place behind it. So this takes linear time.
"""

from collections.abc import Hashable, Iterator
from typing import Any

from refold.properties.accounts.finding import Account, Entry
from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.models import KEPT_ACCOUNTS
from refold.properties.linearizability.operation import History, Operation, Outcome
from refold.properties.linearizability.value import brief, exact

__all__ = ["list_append"]

OPERATIONS = KEPT_ACCOUNTS["list-append"]


def list_append(history: History) -> Account:
    """The account of a history of one list, or of several by key. `HistoryError` where a value is appended twice."""
    by_key: dict[Hashable, list[Operation]] = {}
    for one in history.operations:
        _complain(one, history)
        by_key.setdefault(exact(one.key), []).append(one)
    return Account(tuple(entry for operations in by_key.values() for entry in _judge(operations, history)))


def _complain(one: Operation, history: History) -> None:
    what, line = None, one.line_invoked
    if one.f not in OPERATIONS:
        what = f"unknown operation {brief(one.f)}; this model knows {', '.join(OPERATIONS)}"
    elif one.f == "read" and one.outcome is Outcome.OK and one.result is not None and not isinstance(one.result, tuple):
        what, line = f"a read of a list answers a list of values, found {brief(one.result)}", one.line_returned
    if what is not None:
        raise HistoryError(history.source, line, what, "correct the line, or choose another model")


def _judge(operations: list[Operation], history: History) -> Iterator[Entry]:
    appends: dict[Hashable, Operation] = {}
    for one in operations:
        if one.f == "append" and appends.setdefault(exact(one.argument), one) is not one:
            what = f"{brief(one.argument)} is appended a second time, first in line {appends[exact(one.argument)].line_invoked}"
            raise HistoryError(history.source, one.line_invoked, what, "append values that differ")
    reads = [(one, tuple(map(exact, one.result or ()))) for one in operations if _answered(one)]
    longest: tuple[Hashable, ...] = max((values for _, values in reads), key=len, default=())
    found = [*_contents(reads, longest, appends)]
    yield from found
    if not found:
        yield from _places(operations, reads, longest)


def _answered(one: Operation) -> bool:
    return one.f == "read" and one.outcome is Outcome.OK


def _contents(
    reads: list[tuple[Operation, tuple[Hashable, ...]]],
    longest: tuple[Hashable, ...],
    appends: dict[Hashable, Operation],
) -> Iterator[Entry]:
    """What is in the lists, whatever the time."""
    told: set[Hashable] = set()
    for one, values in reads:
        lines = (one.line_returned,) if one.line_returned is not None else ()
        if values != longest[: len(values)]:
            place = next(n for n, value in enumerate(values) if value != longest[n])
            said = f"two reads differ at place {place + 1}: {brief(values[place])} here, {brief(longest[place])} there"
            yield Entry("incompatible-order", said, one.key, (values[place], longest[place]), lines)
        if len(set(values)) < len(values):
            twice = next(value for n, value in enumerate(values) if value in values[:n])
            yield Entry("duplicate-append", f"{brief(twice)} is in the list twice", one.key, (twice,), lines)
        for value in values:
            append = appends.get(value)
            if value in told or (append is not None and append.outcome is not Outcome.FAIL):
                continue
            told.add(value)
            if append is None:
                yield Entry(
                    "phantom-append", f"{brief(value)} was read and nobody appended it", one.key, (value,), lines
                )
            else:
                said = f"{brief(value)} was read and its append had failed"
                yield Entry("aborted-read", said, one.key, (value,), (append.line_invoked or 0, *lines))


def _places(
    operations: list[Operation], reads: list[tuple[Operation, tuple[Hashable, ...]]], longest: tuple[Hashable, ...]
) -> Iterator[Entry]:
    """No operation that returned before another was invoked has its place behind it."""
    place = {value: 2 * number + 1 for number, value in enumerate(longest)}
    length = {id(one): 2 * len(values) for one, values in reads}
    events: list[tuple[int, bool, int, Operation]] = []
    for one in operations:
        if one.f == "append" and one.outcome is not Outcome.FAIL:
            behind = 2 * len(longest) + 1 if one.outcome is Outcome.OK else None
            at = place.get(exact(one.argument), behind)
        else:
            at = length.get(id(one))
        if at is not None:
            events.append((one.invoked, False, at, one))
            if one.outcome is Outcome.OK and one.returned is not None:
                events.append((one.returned, True, at, one))
    highest: tuple[int, Operation] | None = None
    for _, returns, at, one in sorted(events, key=lambda event: event[0]):
        if returns:
            highest = (at, one) if highest is None or at > highest[0] else highest
        elif highest is not None and at < highest[0]:
            yield _out_of_place(highest[1], one, highest[0] > 2 * len(longest))
            return


def _out_of_place(earlier: Operation, later: Operation, unread: bool) -> Entry:
    lines = tuple(line for line in (earlier.line_returned, later.line_invoked, later.line_returned) if line is not None)
    values: tuple[Any, ...] = tuple(one.argument for one in (earlier, later) if one.f == "append")
    if earlier.f == "append" and later.f == "read":
        name, said = "lost-append", f"{brief(earlier.argument)} was appended, and a read that began later lacks it"
    elif earlier.f == "read" and later.f == "read":
        name, said = "stale-read", "a read shows less than one that had ended before it began"
    elif earlier.f == "append" and unread:
        name = "lost-append"
        said = f"{brief(earlier.argument)} was appended, and {brief(later.argument)} after it, which alone was read"
    elif earlier.f == "append":
        name = "reordered-append"
        said = (
            f"{brief(later.argument)} stands before {brief(earlier.argument)}, whose append had ended before it began"
        )
    else:
        name, said = (
            "read-from-the-future",
            f"a read shows {brief(later.argument)}, whose append began after it had ended",
        )
    return Entry(name, said, later.key, values, lines)
