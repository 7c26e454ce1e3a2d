"""A file system in memory that keeps apart what no sync covers, so that its power can be cut.

Contract. A power cut may lose any write, any change of a size and any change of names that no sync covers, and nothing else. What a sync
covers:

- an ``ordered`` disk is like ext4 with its defaults: to sync any file makes its data and its size durable, and every change of names
  before it, because the journal has these in their order. Names survive in their order, and a file does not grow over a hole;
- a ``strict`` disk promises what POSIX does: to sync a file makes its data and its size durable, to sync a directory the names in it.

How a cut goes (`cut`): ``drop``: all that no sync covers is lost; ``torn``: it reached the disk in order up to one point, and of the write
at this point only the first bytes did; ``reorder``: any part of it did, sector by sector, within what the kind of disk promises.

Never lost: what was synced, and bytes next to a write. The death of a process loses nothing: what it has written is still there, and a
later cut may take it. Which changes survive is drawn from a generator whose seed is the number of the cut and the number of changes.
"""

from __future__ import annotations

import errno
import os
import random
import stat
import time
from collections.abc import Iterator
from itertools import pairwise

SECTOR = 512
ROOT = 1
ORDERED, STRICT = "ordered", "strict"


class Node:
    """A file, a directory or a symbolic link. `data` are its bytes up to the last that was ever written; behind them, up to its `size`, are
    zeros that take no room: some servers make a file of hundreds of megabytes and use a few pages."""

    __slots__ = ("changed", "data", "gid", "known", "links", "mode", "names", "size", "uid")

    def __init__(self, mode: int, uid: int, gid: int, data: bytes = b"") -> None:
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.data = bytearray(data)
        self.size = len(data)
        self.names: dict[bytes, int] = {}
        self.links = 0
        self.known = 0
        """How often the kernel has asked for it and not forgotten it; as long as it is open it is not forgotten."""
        self.changed = time.time_ns()

    def put(self, offset: int, data: bytes) -> None:
        """Bytes in their place; what lies between the end and them is zero."""
        if offset > len(self.data):
            self.data.extend(bytes(offset - len(self.data)))
        self.data[offset : offset + len(data)] = data
        self.size = max(self.size, len(self.data))
        self.changed = time.time_ns()

    def get(self, offset: int, count: int) -> bytes:
        """The bytes at a place; fewer if the file ends before."""
        with memoryview(self.data) as view:
            found = bytes(view[offset : offset + count])
        return found + bytes(max(0, min(count, self.size - offset) - len(found)))

    def resize(self, size: int) -> None:
        """A new size."""
        del self.data[size:]
        self.size = size
        self.changed = time.time_ns()


class Write:
    """Bytes that were written, or a new size (`data` None), and what was there before."""

    __slots__ = ("before", "data", "node", "offset", "size")

    def __init__(self, node: int, offset: int, data: bytes | None, before: bytes, size: int) -> None:
        self.node = node
        self.offset = offset
        self.data = data
        self.before = before
        self.size = size
        """Of the file, before."""


class Name:
    """A name in a directory that has come to mean something else."""

    __slots__ = ("after", "before", "name", "node")

    def __init__(self, node: int, name: bytes, before: int, after: int) -> None:
        self.node = node
        self.name = name
        self.before = before
        self.after = after


Change = Write | Name


class Files:
    """`nodes` are what processes see, `pending` the changes that no sync covers, in order; a cut undoes them and does some again."""

    def __init__(self, kind: str = ORDERED) -> None:
        self.kind = kind
        self.nodes: dict[int, Node] = {ROOT: Node(stat.S_IFDIR | 0o755, os.getuid(), os.getgid())}
        self.pending: list[Change] = []
        self.orphans: set[int] = set()
        self.next = ROOT + 1
        self.cuts = 0
        self.syncs = 0
        self.lost = 0
        """Changes that the last cut has taken."""
        self.full = False
        """Whether there is no room: nothing is made any more, and nothing grows."""

    # -- what processes do

    def make(self, parent: int, name: bytes, mode: int, uid: int, gid: int, data: bytes = b"") -> int:
        """A new file, directory or link under a name. Raises OSError if the disk is full."""
        self.demand_room(True)
        number, self.next = self.next, self.next + 1
        self.nodes[number] = Node(mode, uid, gid, data)
        self.rename(parent, name, number)
        return number

    def rename(self, parent: int, name: bytes, after: int) -> None:
        """A name means another node from now on; nothing, if that is 0."""
        before = self.nodes[parent].names.get(name, 0)
        self.pending.append(Name(parent, name, before, after))
        self.enter(parent, name, after)

    def enter(self, parent: int, name: bytes, after: int) -> None:
        """Only in what processes see."""
        names = self.nodes[parent].names
        before = names.pop(name, 0)
        if before and before in self.nodes:
            self.nodes[before].links -= 1
            if not self.nodes[before].links:
                self.orphans.add(before)
        if after:
            names[name] = after
            self.nodes[after].links += 1
            self.orphans.discard(after)
        self.nodes[parent].changed = time.time_ns()

    def write(self, number: int, offset: int, data: bytes) -> None:
        """Bytes at a place of a file. Raises OSError if the disk is full."""
        node = self.nodes[number]
        self.demand_room(offset + len(data) > node.size)
        before = node.get(offset, len(data))
        self.pending.append(Write(number, offset, data, before, node.size))
        node.put(offset, data)

    def resize(self, number: int, size: int) -> None:
        """A file gets this size. Raises OSError if the disk is full."""
        node = self.nodes[number]
        self.demand_room(size > node.size)
        self.pending.append(Write(number, size, None, bytes(node.data[size:]), node.size))
        node.resize(size)

    def demand_room(self, grows: bool) -> None:
        """Raises OSError if something would grow, and the disk is full."""
        if grows and self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self, number: int) -> None:
        """Make durable what the contract says."""
        self.syncs += 1
        ordered = self.kind == ORDERED
        self.pending = [
            change for change in self.pending if change.node != number and not (ordered and isinstance(change, Name))
        ]
        self.forget()

    def sync_all(self) -> None:
        """Everything is durable."""
        self.pending.clear()
        self.forget()

    def forget(self) -> None:
        """Files without a name that the kernel has forgotten, and that no cut can bring back, are gone."""
        if not self.orphans:
            return
        kept = {
            number for change in self.pending if isinstance(change, Name) for number in (change.before, change.after)
        }
        gone = {number for number in self.orphans - kept if not self.nodes[number].known}
        if gone:
            self.orphans -= gone
            self.pending = [change for change in self.pending if change.node not in gone]
            for number in gone:
                del self.nodes[number]

    # -- what the world does

    def load(self, folder: str) -> None:
        """Hold a copy of a folder, durably, and nothing else."""
        self.__init__(self.kind)  # type: ignore[misc]
        self.own(ROOT, folder)
        self.enter_all(ROOT, folder)
        self.sync_all()

    def own(self, number: int, path: str) -> None:
        """Mode and owner as those of a path."""
        found = os.lstat(path)
        node = self.nodes[number]
        node.mode, node.uid, node.gid = found.st_mode, found.st_uid, found.st_gid

    def enter_all(self, number: int, folder: str) -> None:
        """What is in a folder, and in those in it."""
        for entry in sorted(os.listdir(folder)):
            path = os.path.join(folder, entry)
            found = os.lstat(path)
            data = b""
            if stat.S_ISLNK(found.st_mode):
                data = os.fsencode(os.readlink(path))
            elif stat.S_ISREG(found.st_mode):
                with open(path, "rb") as file:
                    data = file.read()
            inner = self.make(number, os.fsencode(entry), found.st_mode, found.st_uid, found.st_gid, data)
            if stat.S_ISDIR(found.st_mode):
                self.enter_all(inner, path)

    def cut(self, how: str) -> None:
        """The power is gone, and back: what is durable is there, and whatever `how` lets through of what was pending."""
        self.cuts += 1
        pending, self.pending = self.pending, []
        chance = random.Random(self.cuts << 32 | len(pending))
        for change in reversed(pending):
            self.undo(change)
        survivors = list(self.survivors(pending, how, chance))
        self.lost = len(pending) - len(survivors)
        for change in survivors:
            self.redo(change)
        for node in self.nodes.values():
            node.known = 0
        self.forget()

    def undo(self, change: Change) -> None:
        """As before."""
        if isinstance(change, Name):
            self.enter(change.node, change.name, change.before)
            return
        node = self.nodes[change.node]
        if change.before:
            node.put(change.offset, change.before)
        node.resize(change.size)

    def redo(self, change: Change) -> None:
        """It has reached the disk."""
        if isinstance(change, Name):
            self.enter(change.node, change.name, change.after)
        elif change.data is None:
            self.nodes[change.node].resize(change.offset)
        else:
            self.nodes[change.node].put(change.offset, change.data)

    def survivors(self, pending: list[Change], how: str, chance: random.Random) -> Iterator[Change]:
        """The changes that reached the disk all the same."""
        if how == "torn":
            end = int(chance.random() * (len(pending) + 1))
            yield from pending[:end]
            if end < len(pending) and isinstance(torn := pending[end], Write) and torn.data is not None:
                part = torn.data[: int(chance.random() * len(torn.data))]
                yield Write(torn.node, torn.offset, part, torn.before, torn.size)
        elif how == "reorder" and self.kind == STRICT:
            yield from (part for change in pending for part in sectors(change) if chance.random() < 0.5)
        elif how == "reorder":
            yield from self.in_order(pending, chance)

    def in_order(self, pending: list[Change], chance: random.Random) -> Iterator[Change]:
        """Names up to one point of the journal; of the data any sectors, but none behind one that is missing at the end of a file."""
        names = [change for change in pending if isinstance(change, Name)]
        yield from names[: int(chance.random() * (len(names) + 1))]
        sizes = {change.node: self.nodes[change.node].size for change in pending if isinstance(change, Write)}
        torn: set[int] = set()
        for change in pending:
            for part in sectors(change) if isinstance(change, Write) else ():
                assert isinstance(part, Write)
                end = part.offset + len(part.data or b"")
                grows = end > sizes[part.node]
                if chance.random() < 0.5 and not (grows and part.node in torn):
                    sizes[part.node] = end if part.data is None else max(end, sizes[part.node])
                    yield part
                elif grows:
                    torn.add(part.node)


def sectors(change: Change) -> Iterator[Change]:
    """The parts of a change that reach the disk on their own."""
    if isinstance(change, Name) or change.data is None:
        yield change
        return
    start, data = change.offset, change.data
    for low, high in pairwise([0, *range(SECTOR - start % SECTOR, len(data), SECTOR), len(data)]):
        yield Write(change.node, start + low, data[low:high], change.before[low:high], change.size)
