"""Sets that are read as a whole, element by element and without a search: what was added, and when it was there.

`add` an element (once, or again and again), `read` all of them. An element is known once its add was answered, or a read
has shown it; every read that begins after that has to show it. One that the last of those reads lacks is lost; one that
comes back was stale in between. An element that no later read asked for was never read. This is jepsen.checker/set-full;
with `linearizable=true`, stale reads are violations too.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

import attrs

from refold.properties.accounts.finding import Account, Entry
from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.models import KEPT_ACCOUNTS
from refold.properties.linearizability.operation import History, Operation, Outcome
from refold.properties.linearizability.value import brief, exact

__all__ = ["set_full"]

OPERATIONS = KEPT_ACCOUNTS["set-full"]


@attrs.define(slots=True)
class _Element:
    value: Any
    added: Operation
    answered: bool = False
    failed: bool = False
    known: int | None = None
    """The event from which on every read has to show it."""
    present: tuple[int, int, Operation] | None = None
    """The read that began last of those that show it: (its call, its return, the read)."""
    missing: list[Operation] = attrs.Factory(list)
    """Reads that lack it though it was known when they began, the first and the last."""


def set_full(history: History, linearizable: bool = False) -> Account:
    """The account of a history of one set, or of several by key."""
    broken: list[Entry] = []
    observed: list[Entry] = []
    unread = 0
    by_key: dict[Hashable, list[Operation]] = {}
    for one in history.operations:
        if one.f not in OPERATIONS:
            what = f"unknown operation {brief(one.f)}; this model knows {', '.join(OPERATIONS)}"
            raise HistoryError(history.source, one.line_invoked, what, "correct the line, or choose another model")
        by_key.setdefault(exact(one.key), []).append(one)
    for operations in by_key.values():
        elements: dict[Hashable, _Element] = {}
        reads = _reads(operations, history)
        for one in operations:
            if one.f == "add":
                _add(elements, one)
        broken.extend(_seen(elements, reads))
        _miss(elements, reads)
        for element in elements.values():
            unread += element.answered and element.present is None and not element.missing
            entry = _fate(element)
            if entry is not None:
                (broken if entry.anomaly == "lost-element" or linearizable else observed).append(entry)
    told = f"{unread} element{'s' * (unread != 1)} whose add was answered and that no later read asked for"
    return Account(tuple(broken), tuple(observed), (told,) if unread else ())


def _reads(operations: list[Operation], history: History) -> list[Operation]:
    reads = [one for one in operations if one.f == "read" and one.outcome is Outcome.OK]
    for one in reads:
        if not isinstance(one.result, tuple | frozenset):
            what = f"a read of a set answers a list of elements, found {brief(one.result)}"
            raise HistoryError(history.source, one.line_returned, what, "write them all")
    return reads


def _add(elements: dict[Hashable, _Element], one: Operation) -> None:
    element = elements.get(exact(one.argument))
    if element is None:
        element = elements[exact(one.argument)] = _Element(one.argument, one, failed=one.outcome is Outcome.FAIL)
    element.failed = element.failed and one.outcome is Outcome.FAIL
    if one.outcome is Outcome.OK and one.returned is not None:
        element.answered = True
        element.known = one.returned if element.known is None else min(element.known, one.returned)


def _seen(elements: dict[Hashable, _Element], reads: list[Operation]) -> Iterator[Entry]:
    """What reads show: elements become known, and what should not be there is found."""
    for read in sorted(reads, key=lambda one: one.returned or 0):
        line = (read.line_returned,) if read.line_returned is not None else ()
        times = Counter(map(exact, read.result))
        for key, count in times.items():
            element = elements.get(key)
            returned = read.returned or 0
            if count > 1:
                said = f"{brief(key)} is {count} times in what was read"
                yield Entry("duplicate-element", said, read.key, (key,), line, {"count": count})
            if element is None or element.added.invoked > returned:
                yield Entry("unexpected-element", f"{brief(key)} was read and not added before", read.key, (key,), line)
            elif element.failed:
                yield Entry("aborted-element", f"{brief(key)} was read and its add had failed", read.key, (key,), line)
            else:
                element.known = returned if element.known is None else min(element.known, returned)
                if element.present is None or read.invoked > element.present[0]:
                    element.present = read.invoked, returned, read


def _miss(elements: dict[Hashable, _Element], reads: list[Operation]) -> None:
    """Reads that began when an element was known, and lack it."""
    waiting = sorted((one for one in elements.items() if one[1].known is not None), key=lambda one: one[1].known or 0)
    known: dict[Hashable, _Element] = {}
    position = 0
    for read in sorted(reads, key=lambda one: one.invoked):
        while position < len(waiting) and (waiting[position][1].known or 0) < read.invoked:
            known[waiting[position][0]] = waiting[position][1]
            position += 1
        shown = set(map(exact, read.result))
        if len(shown) < len(known) or not known.keys() <= shown:
            for key in known.keys() - shown:
                known[key].missing = [*known[key].missing[:1], read]


def _fate(element: _Element) -> Entry | None:
    """Lost or stale, with the time since when; nothing for one that was there in every read that asked."""
    if not element.missing:
        return None
    first, last = element.missing[0], element.missing[-1]
    since = element.added.line_returned if element.answered else None
    shown = element.present
    lines = tuple(
        line
        for line in (since, None if shown is None else shown[2].line_returned, first.line_returned)
        if line is not None
    )
    gone = shown is None or shown[0] < last.invoked
    said = f"{brief(element.value)} was there, and a read that began later lacks it"
    name = "lost-element" if gone else "stale-element"
    said += ", as does every one that began after that" if gone else "; a later one shows it again"
    more = {"missing-since-line": first.line_invoked}
    return Entry(name, said, element.added.key, (element.value,), lines, more)
