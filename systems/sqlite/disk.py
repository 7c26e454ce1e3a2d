"""A disk in memory that keeps unsynced writes apart, so that its power can be cut.

Contract. A sync of a file makes durable: its data, its size, and every change of names before it (as journalling file
systems do, and as SQLite asks for by syncing the directory). A power cut may lose any write, change of size or change
of names that no sync covers, and nothing else. How:

- ``drop``: all of them are lost;
- ``torn``: they reached the disk in order, up to one point; of the write at this point only the first bytes did;
- ``reorder``: the disk wrote them in an order of its own: any subset of them, sector by sector, is there.

Never lost: what was synced; bytes next to a write (the device is “powersafe overwrite”, as SQLite assumes by default).
A crash of the process loses nothing here: the operating system keeps the unsynced writes, and a later cut may still
take them.

A disk may also fail (`fail`): the next write meets an error (``error``), or no room (``full``), and nothing of it is done; or the first
half of it is done (``short``); or the next sync fails (``sync``), and the writes that it should have made durable are dropped: no later
sync makes them so. Processes no longer see them either, as on Btrfs; or, if the disk `keeps` them, go on seeing them until the power is
cut, as on ext4 and XFS (Rebello et al., USENIX ATC 2020). What is written anew at the same place is a write like any other.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

SECTOR_BYTES = 512


class Write(NamedTuple):
    """Bytes at an offset of a file."""

    name: str
    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A file gets this size."""

    name: str
    size: int


class Create(NamedTuple):
    """A name appears."""

    name: str


class Remove(NamedTuple):
    """A name disappears."""

    name: str


Change = Write | Truncate | Create | Remove
Files = dict[str, bytearray]


def apply(change: Change, to: Files) -> None:
    """Do the change."""
    kind = type(change)
    name = change.name
    if kind is Remove:
        to.pop(name, None)
        return
    content = to.get(name)
    if content is None:
        content = to[name] = bytearray()
    if kind is Write:
        offset, data = change.offset, change.data  # type: ignore[union-attr]
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(data)] = data
    elif kind is Truncate:
        size = change.size  # type: ignore[union-attr]
        del content[size:]
        content.extend(bytes(size - len(content)))


class Failure(Exception):
    """The disk has failed, as `how` says: ``error``, ``full``, ``short`` or ``sync``."""

    def __init__(self, how: str) -> None:
        super().__init__(f"the disk failed ({how})")
        self.how = how


class Disk:
    """`live` is what processes see; `durable` is what survives; `pending` are the changes in between, in order.

    Everything is a function of the calls made: which changes survive a cut is drawn from a generator whose seed is the
    number of the cut and the number of pending changes. While `frozen`, changes are ignored: that is how a process that
    is already dead closes its files.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None, keeps: bool = False) -> None:
        self.keeps = keeps
        self.live: Files = {}
        self.durable: Files = {}
        self.pending: list[Change] = []
        self.frozen = False
        self.cuts = 0
        self.ailing = ""
        for name, content in (files or {}).items():
            self.live[name] = bytearray(content)
            self.durable[name] = bytearray(content)

    def files(self) -> dict[str, bytes]:
        """A copy of the live files."""
        return {name: bytes(content) for name, content in self.live.items()}

    # -- what a process does

    def read(self, name: str, offset: int, amount: int) -> bytes:
        """At most `amount` bytes."""
        content = self.live.get(name)
        return b"" if content is None else bytes(content[offset : offset + amount])

    def size(self, name: str) -> int:
        """Of the file, in bytes; 0 if there is none."""
        return len(self.live.get(name, b""))

    def change(self, change: Change) -> None:
        """Do it where processes see it; it is pending until a sync. Raises `Failure` if this is the write that fails."""
        if self.frozen:
            return
        failure = None
        if self.ailing and self.ailing != "sync" and type(change) is Write:
            failure, self.ailing = Failure(self.ailing), ""
            if failure.how != "short":
                raise failure
            change = change._replace(data=change.data[: len(change.data) // 2])
        apply(change, self.live)
        self.pending.append(change)
        if failure is not None:
            raise failure

    def sync(self, name: str) -> None:
        """Make durable what the contract says. Raises `Failure` if this is the sync that fails."""
        if self.frozen:
            return
        if self.ailing == "sync":
            self.ailing = ""
            self.drop(name)
            raise Failure("sync")
        rest = []
        for change in self.pending:
            if change.name == name or type(change) is Create or type(change) is Remove:
                apply(change, self.durable)
            else:
                rest.append(change)
        self.pending = rest

    def drop(self, name: str) -> None:
        """The writes to this file that no sync covers are never done."""
        self.pending = [change for change in self.pending if type(change) is not Write or change.name != name]
        if not self.keeps:
            self.live.pop(name, None)
            if name in self.durable:
                self.live[name] = bytearray(self.durable[name])
            for change in self.pending:
                if change.name == name:
                    apply(change, self.live)

    # -- what the world does to it

    def fail(self, how: str) -> None:
        """The next write or sync fails, as `how` says; "": it does not."""
        self.ailing = how

    def cut(self, how: str) -> None:
        """The power is gone, and back: live is durable and whatever `how` lets through of what was pending."""
        self.cuts += 1
        pending, self.pending = self.pending, []
        chance = random.Random(self.cuts << 32 | len(pending))
        for change in self.survivors(pending, how, chance):
            apply(change, self.durable)
        self.live = {name: bytearray(content) for name, content in self.durable.items()}

    @staticmethod
    def survivors(pending: list[Change], how: str, chance: random.Random) -> list[Change]:
        """The changes that reached the disk all the same."""
        if how == "torn":
            end = int(chance.random() * (len(pending) + 1))
            kept = pending[:end]
            if end < len(pending) and isinstance(torn := pending[end], Write):
                kept.append(torn._replace(data=torn.data[: int(chance.random() * len(torn.data))]))
            return kept
        if how == "reorder":
            return [part for change in pending for part in sectors(change) if chance.random() < 0.5]
        return []


def sectors(change: Change) -> list[Change]:
    """The parts of a change that reach the disk on their own."""
    if not isinstance(change, Write):
        return [change]
    name, start, data = change
    edges = [0, *range(SECTOR_BYTES - start % SECTOR_BYTES, len(data), SECTOR_BYTES), len(data)]
    return [Write(name, start + low, data[low:high]) for low, high in pairwise(edges)]
