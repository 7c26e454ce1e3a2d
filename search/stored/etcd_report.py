"""Reports of etcd's robustness tests as refold histories with positions: every client's requests and watches, with revisions.

A report is a folder with ``client-N/operations.json`` and ``client-N/watch.json``. A revision is a position; the life of a key, from its
creation to its deletion, is a stream; ``ExpectedRevision`` is an expected version. What watches have shown is the log. A transaction
with one write, on at most one condition, is an append; others are left out, and how many there are is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs

from refold.model.errors import UsageError
from refold.model.event import NewEvent, Stored
from refold.model.expectation import ANY, NO_STREAM, Exact
from refold.model.record import (
    HISTORY_VERSION,
    Acknowledged,
    Altered,
    Disordered,
    Opened,
    Prepared,
    Refused,
    Scanned,
    Unknown,
)
from refold.search.stored.etcd_files import DELETE, PUT, Answer, Operation, Watch, documents


@attrs.frozen
class EtcdChange:
    """What a watch has shown at a revision."""

    key: str
    type: str
    value: Any


@attrs.define
class EtcdAppend:
    """A transaction with one write."""

    op: str
    client: str
    called: int
    returned: int
    expected: int | None
    """The revision that the key should have had; 0 for none, None for no condition."""
    change: EtcdChange
    end: str
    """``ok``, ``refused`` or ``unknown``."""
    revision: int
    found: int
    """The revision of the key that a refusal has shown; -1 where it has shown none."""


def is_etcd_report(path: str) -> bool:
    """Whether a path is the folder of such a report."""
    return any(Path(path).glob("client-*/operations.json"))


def etcd_history(path: str) -> tuple[list[Any], list[str]]:
    """The records of the history, and what is left out. Raises `UsageError` for what is no report."""
    appends, left_out = _appends(Path(path))
    watched = [*_watches(Path(path))]
    if not appends or not watched:
        what = "requests with one write" if not appends else "events in its watches"
        raise UsageError(f"{path}: there are no {what} in this report, so there is nothing to judge")
    return list(_History(appends, watched).records()), left_out


class _History:
    """The parts of a report put together."""

    def __init__(self, appends: list[EtcdAppend], watched: list[tuple[str, list[tuple[int, EtcdChange]]]]) -> None:
        self.appends, self.watched = appends, watched
        self.log: dict[int, EtcdChange] = {}
        for _, changes in watched:
            for revision, change in changes:
                self.log.setdefault(revision, change)
        self.stream: dict[int, str] = {}
        self.version: dict[int, int] = {}
        self._lives()
        self.asked: dict[tuple[str, str], EtcdAppend] = {}
        for append in appends:
            if append.change.type == PUT:
                self.asked.setdefault((append.change.key, json.dumps(append.change.value)), append)
        self.owner = self._owners()
        self.own: dict[str, int] = {}
        for revision in sorted(self.owner):
            self.own.setdefault(self.owner[revision].op, revision)

    def _lives(self) -> None:
        lives: dict[str, int] = {}
        lengths: dict[str, int] = {}
        for revision in sorted(self.log):
            change = self.log[revision]
            stream = f"{change.key}#{lives.setdefault(change.key, 1)}"
            lengths[stream] = lengths.get(stream, 0) + 1
            self.stream[revision], self.version[revision] = stream, lengths[stream]
            lives[change.key] += change.type == DELETE
        self.lives = lives

    def _owners(self) -> dict[int, EtcdAppend]:
        """Who wrote each revision: whoever was told so, or else whoever asked for that value; of deletions, the first that could."""
        owner: dict[int, EtcdAppend] = {}
        for append in self.appends:
            there = self.log.get(append.revision)
            if append.end == "ok" and there is not None and there.key == append.change.key:
                owner[append.revision] = append
        for revision, change in self.log.items():
            if revision not in owner and change.type == PUT:
                wrote = self.asked.get((change.key, json.dumps(change.value)))
                if wrote is not None:
                    owner[revision] = wrote
        for append in self.appends:
            if append.end == "unknown" and append.change.type == DELETE:
                for revision in sorted(self.log):
                    behind = revision > (append.expected or 0) and revision not in owner
                    if behind and self.log[revision] == append.change:
                        owner[revision] = append
                        break
        return owner

    def id(self, revision: int) -> str:
        """The id of the event at a revision."""
        owner = self.owner.get(revision)
        return f"nobody-{revision}/0" if owner is None else f"{owner.op}/0"

    def records(self) -> Iterator[Any]:
        """All of them, in the order of time; an event is seen as soon as it was asked for and those before it were seen, and an answer is
        heard when the event that it names was."""
        rows: list[tuple[float, int, int, Any]] = []
        seen: dict[int, float] = {}
        now = 0.0
        for revision in sorted(self.log):
            change, owner = self.log[revision], self.owner.get(revision)
            now = max(now, owner.called + 0.5 if owner is not None else now)
            event = Stored(
                revision, self.stream[revision], self.version[revision], self.id(revision), change.type, change.value
            )
            rows.append((now, 1, revision, event))
            seen[revision] = now
        for number, append in enumerate(self.appends):
            rows.extend(self._of(append, number, seen))
        rows.sort(key=lambda row: row[:3])
        clients = tuple(sorted({append.client for append in self.appends}))
        yield Opened(HISTORY_VERSION, "etcd", "", clients, ())
        yield from (row[3] for row in rows)
        positions = tuple(sorted(self.log))
        yield Scanned(positions, tuple(map(self.id, positions)))
        yield from self._other_watches()

    def _of(self, append: EtcdAppend, number: int, seen_at: dict[int, float]) -> Iterator[tuple[float, int, int, Any]]:
        stream, seen, expected = self._expectation(append)
        asked = (NewEvent(f"{append.op}/0", append.change.type, append.change.value),)
        yield append.called, 0, number, Prepared(append.client, append.op, None, "log", stream, seen, expected, asked)
        end: Any = Unknown(append.client, append.op)
        if append.end == "ok":
            end = Acknowledged(append.client, append.op, (append.revision,))
        elif append.end == "refused":
            same = self.stream.get(append.found) == stream
            end = Refused(append.client, append.op, self.version.get(append.found, -1) if same else -1)
        heard = seen_at.get(append.revision, 0.0) if append.end == "ok" else 0.0
        yield max(append.returned, heard), 2, number, end

    def _expectation(self, append: EtcdAppend) -> tuple[str, int, Any]:
        """The stream, the version that was seen, and what the append demands."""
        own = self.own.get(append.op)
        here = self.stream[own] if own is not None else f"{append.change.key}#{self.lives.get(append.change.key, 1)}"
        if append.expected is None:
            return here, 0, ANY
        if append.expected:
            version = self.version.get(append.expected, 0)
            return self.stream.get(append.expected, here), version, Exact(version)
        return self.stream.get(append.found, here) if append.end == "refused" else here, 0, NO_STREAM

    def _other_watches(self) -> Iterator[Any]:
        """Where a watch was not in order, or shows another event than the first that has shown the revision."""
        for name, changes in self.watched:
            revisions = tuple([revision for revision, _ in changes])
            if any(after <= before for before, after in pairwise(revisions)):
                yield Disordered(name, revisions)
            for revision, change in changes:
                if change != self.log[revision]:
                    stream, version = self.stream[revision], self.version[revision]
                    id = self._id_of_other(revision, change)
                    yield Altered(revision, stream, version, id, change.type, change.value)

    def _id_of_other(self, revision: int, change: EtcdChange) -> str:
        """The id of what another watch shows at a revision: of another append, of the same one with another value, or of nobody."""
        wrote = self.asked.get((change.key, json.dumps(change.value)))
        if wrote is not None:
            return f"{wrote.op}/0"
        return self.id(revision) if change.key == self.log[revision].key else f"other-{revision}/0"


def _appends(folder: Path) -> tuple[list[EtcdAppend], list[str]]:
    appends: list[EtcdAppend] = []
    others = 0
    for file in sorted(folder.glob("client-*/operations.json")):
        for number, operation in enumerate(documents(file, Operation)):
            made = _append(operation, number)
            if made is not None:
                appends.append(made)
            elif operation.Input.Txn is not None:
                others += 1
    left_out = [f"{others} transactions with more than one write, or on more than one condition"] if others else []
    return appends, [*left_out, "reads, leases, compactions, and events that a watch should have shown and has not"]


def _append(operation: Operation, number: int) -> EtcdAppend | None:
    asked, answer = operation.Input.Txn, operation.Output
    if asked is None:
        return None
    writes = [write for write in asked.OperationsOnSuccess or () if write.Type in (PUT, DELETE)]
    others = [write for write in asked.OperationsOnFailure or () if write.Type in (PUT, DELETE)]
    conditions = asked.Conditions or []
    if len(writes) != 1 or len(conditions) > 1 or others or any(one.ExpectedVersion for one in conditions):
        return None
    (write,) = writes
    txn = answer.Txn or Answer()
    shown = [pair for result in txn.Results or () for pair in result.KVs or ()]
    client = f"c{operation.ClientId}"
    return EtcdAppend(
        f"{client}-{number}",
        client,
        operation.Call,
        operation.Return,
        conditions[0].ExpectedRevision if conditions else None,
        EtcdChange(write.key, write.Type, write.Put.Value.told if write.Type == PUT else None),
        "unknown" if answer.Error else "refused" if txn.Failure else "ok",
        answer.Revision,
        shown[0].ModRevision if shown else -1,
    )


def _watches(folder: Path) -> Iterator[tuple[str, list[tuple[int, EtcdChange]]]]:
    """What each watch has shown, in its order."""
    for file in sorted(folder.glob("client-*/watch.json")):
        for number, watch in enumerate(documents(file, Watch), 1):
            yield (
                f"{file.parent.name}, watch {number}",
                [
                    (event.Revision, EtcdChange(event.Key, event.Type, event.Value.told if event.Type == PUT else None))
                    for response in watch.Responses or ()
                    for event in response.Events or ()
                ],
            )
