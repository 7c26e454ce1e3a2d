"""What the kernel asks of a file system in user space, answered from files in memory.

It speaks the protocol of /dev/fuse itself and mounts with mount(2), so nothing has to be installed. `isolate` gives the process a mount
namespace of its own first: nobody else sees the mount, and it is gone with the last process of the namespace, whatever happens. Whoever
is not root gets a user namespace too, where the system has these.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import threading
from collections.abc import Callable
from typing import Any

ROOT, SECTOR = 1, 512
NEW_NAMESPACE, NEW_USERS = 0x00020000, 0x10000000
PRIVATE, RECURSIVE, AT_ONCE = 0x40000, 0x4000, 3
MOST = 1 << 17
"""Bytes in one write."""
ROOM = 1 << 30
"""Bytes that the disk says it has."""
ALWAYS = 1 << 30
"""Seconds for which the kernel may believe what it knows: nobody but the kernel changes anything."""
KEEP_PAGES = 2
BIG_WRITES, NO_OPEN, PAGES = 1 << 5, 1 << 17, 1 << 22
"""What the kernel may do; with the second it asks nothing when a file is opened, flushed or closed."""
SYNCED = os.O_SYNC | os.O_DSYNC

HEADER = struct.Struct("<IIQQIIIHH")
ANSWER = struct.Struct("<IiQ")
ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
ENTRY = struct.Struct("<QQQQII")
ATTRIBUTE = struct.Struct("<QII")
SET = struct.Struct("<IIQQQQQQIIIIIIII")
TRANSFER = struct.Struct("<QQIIQII")
TWO, LONG, LONG_TWO, PAIR = struct.Struct("<II"), struct.Struct("<Q"), struct.Struct("<QII"), struct.Struct("<QQ")
SPACE = struct.Struct("<QQQQQIII28x")
STARTED = struct.Struct("<IIIIHHIIHHI28x")
ALLOCATE = struct.Struct("<QQQII")
FLAGS = struct.Struct("<IIII")


class NotMounted(OSError):
    """The machine does not let us."""


def call(name: str, *arguments: object) -> None:
    """A function of the C library; raises `NotMounted`."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise NotMounted(number, os.strerror(number), name)


def isolate() -> None:
    """Mounts of this process are its own from now on. Raises `NotMounted`."""
    number, group = os.geteuid(), os.getegid()
    if number == 0:
        call("unshare", NEW_NAMESPACE)
    else:
        call("unshare", NEW_NAMESPACE | NEW_USERS)
        for place, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{number} {number} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{place}", "w", encoding="ascii") as file:
                file.write(text)
    call("mount", None, b"/", None, PRIVATE | RECURSIVE, None)


class Mount:
    """A file system at a place, served by a thread until `end`."""

    def __init__(self, files: Any, place: str) -> None:
        self.files = files
        self.place = os.fsencode(place)
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        self.listings: dict[int, list[tuple[int, int, bytes]]] = {}
        self.next = 1
        self.buffer = bytearray(MOST + 8192)
        options = f"fd={self.device},rootmode=40755,user_id={os.geteuid()},group_id={os.getegid()},default_permissions"
        if os.geteuid() == 0:
            options += ",allow_other"
        try:
            call("mount", b"refold", self.place, b"fuse.refold", ctypes.c_ulong(0), options.encode())
        except NotMounted:
            os.close(self.device)
            raise
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def end(self) -> None:
        """Unmount; whoever still has a file open gets errors."""
        call("umount2", self.place, AT_ONCE)
        self.thread.join(5.0)
        os.close(self.device)

    def serve(self) -> None:
        """Request after request."""
        view = memoryview(self.buffer)
        while True:
            try:
                size = os.readv(self.device, [self.buffer])
            except OSError as error:
                if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                return
            _, operation, unique, node, user, group, *_ = HEADER.unpack_from(self.buffer)
            handler = HANDLERS.get(operation)
            try:
                if handler is None:
                    raise OSError(errno.ENOSYS, "not here")
                answer = handler(self, node, view[HEADER.size : size], (user, group))
                code = 0
            except (OSError, KeyError, struct.error) as error:
                code, answer = -(getattr(error, "errno", None) or errno.ENOENT), b""
            if operation in SILENT:
                continue
            try:
                os.writev(self.device, [ANSWER.pack(ANSWER.size + len(answer), code, unique), answer])
            except OSError:
                """Whoever asked is gone."""

    # -- helpers

    def attributes(self, number: int) -> bytes:
        """Of a node."""
        node = self.files.nodes[number]
        seconds, rest = divmod(node.changed, 1_000_000_000)
        size = node.size
        links = 2 if stat.S_ISDIR(node.mode) else node.links
        times = (seconds, seconds, seconds, rest, rest, rest)
        blocks = (size + SECTOR - 1) // SECTOR
        return ATTRIBUTES.pack(number, size, blocks, *times, node.mode, links, node.uid, node.gid, 0, 4096, 0)

    def entry(self, number: int) -> bytes:
        """A node that was found or made; the kernel knows it now."""
        self.files.nodes[number].known += 1
        return ENTRY.pack(number, 0, ALWAYS, ALWAYS, 0, 0) + self.attributes(number)

    def dropped(self, node: int, times: int) -> bytes:
        """The kernel has forgotten a node so many times."""
        found = self.files.nodes.get(node)
        if found is not None:
            found.known = max(0, found.known - times)
        return b""

    # -- what is asked

    def start(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        _, _, ahead, flags = FLAGS.unpack_from(data)
        return STARTED.pack(7, 31, ahead, flags & (BIG_WRITES | NO_OPEN | PAGES), 16, 12, MOST, 1, MOST // 4096, 0, 0)

    def lookup(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        return self.entry(self.files.nodes[node].names[text(data)])

    def getattr(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        return ATTRIBUTE.pack(ALWAYS, 0, 0) + self.attributes(node)

    def setattr(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        valid, _, _, size, _, _, _, _, _, _, _, mode, _, user, group, _ = SET.unpack_from(data)
        found = self.files.nodes[node]
        if valid & 1:
            found.mode = stat.S_IFMT(found.mode) | stat.S_IMODE(mode)
        if valid & 2:
            found.uid = user
        if valid & 4:
            found.gid = group
        if valid & 8 and size != found.size:
            self.files.resize(node, size)
        return self.getattr(node, data, who)

    def readlink(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        return bytes(self.files.nodes[node].data)

    def symlink(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        name, target, *_ = bytes(data).split(b"\0")
        return self.entry(self.files.make(node, name, stat.S_IFLNK | 0o777, *who, target))

    def mknod(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        mode, _, _, _ = FLAGS.unpack_from(data)
        return self.entry(self.files.make(node, text(data[16:]), mode, *who))

    def mkdir(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        mode, _ = TWO.unpack_from(data)
        return self.entry(self.files.make(node, text(data[8:]), stat.S_IFDIR | stat.S_IMODE(mode), *who))

    def unlink(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        name = text(data)
        self.files.nodes[node].names[name]  # raises
        self.files.rename(node, name, 0)
        return b""

    def rmdir(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        if self.files.nodes[self.files.nodes[node].names[text(data)]].names:
            raise OSError(errno.ENOTEMPTY, "not empty")
        return self.unlink(node, data, who)

    def rename(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        (target,) = LONG.unpack_from(data)
        return self.move(node, target, data[8:])

    def rename2(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        target, flags, _ = LONG_TWO.unpack_from(data)
        if flags & ~1:
            raise OSError(errno.EINVAL, "no exchange")
        _, after, *_ = bytes(data[16:]).split(b"\0")
        if flags and after in self.files.nodes[target].names:
            raise OSError(errno.EEXIST, "there already")
        return self.move(node, target, data[16:])

    def move(self, node: int, target: int, data: memoryview) -> bytes:
        before, after, *_ = bytes(data).split(b"\0")
        moved = self.files.nodes[node].names[before]
        if self.files.nodes[target].names.get(after) == moved:
            return b""
        self.files.rename(target, after, moved)
        self.files.rename(node, before, 0)
        return b""

    def link(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        (number,) = LONG.unpack_from(data)
        self.files.rename(node, text(data[8:]), number)
        return self.entry(number)

    def create(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        _, mode, _, _ = FLAGS.unpack_from(data)
        number = self.files.make(node, text(data[16:]), stat.S_IFREG | stat.S_IMODE(mode), *who)
        return self.entry(number) + LONG_TWO.pack(number, KEEP_PAGES, 0)

    def forget(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        return self.dropped(node, LONG.unpack_from(data)[0])

    def forget_many(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        number, _ = TWO.unpack_from(data)
        for one, times in PAIR.iter_unpack(data[8 : 8 + PAIR.size * number]):
            self.dropped(one, times)
        return b""

    def read(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        _, offset, size, *_ = TRANSFER.unpack_from(data)
        found: bytes = self.files.nodes[node].get(offset, size)
        return found

    def write(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        _, offset, size, _, _, flags, _ = TRANSFER.unpack_from(data)
        self.files.write(node, offset, bytes(data[TRANSFER.size : TRANSFER.size + size]))
        if flags & SYNCED:
            self.files.sync(node)
        return TWO.pack(size, 0)

    def sync(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        self.files.sync(node)
        return b""

    def nothing(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        return b""

    def statfs(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        blocks = ROOM // 4096
        return SPACE.pack(blocks, blocks, blocks, 1 << 20, 1 << 20, 4096, 255, 4096)

    def opendir(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        handle, self.next = self.next, self.next + 1
        nodes = self.files.nodes
        inner = [(number, stat.S_IFMT(nodes[number].mode) >> 12, name) for name, number in nodes[node].names.items()]
        self.listings[handle] = [(node, 4, b"."), (node, 4, b".."), *inner]
        return LONG_TWO.pack(handle, 0, 0)

    def readdir(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        handle, offset, size, *_ = TRANSFER.unpack_from(data)
        found = b""
        for place, (number, kind, name) in enumerate(self.listings[handle][offset:], offset + 1):
            one = struct.pack("<QQII", number, place, len(name), kind) + name
            one += bytes(-len(one) % 8)
            if len(found) + len(one) > size:
                break
            found += one
        return found

    def releasedir(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        self.listings.pop(LONG.unpack_from(data)[0], None)
        return b""

    def allocate(self, node: int, data: memoryview, who: tuple[int, int]) -> bytes:
        _, offset, length, mode, _ = ALLOCATE.unpack_from(data)
        if mode:
            raise OSError(errno.EOPNOTSUPP, "only to make it longer")
        if offset + length > self.files.nodes[node].size:
            self.files.resize(node, offset + length)
        return b""


def text(data: memoryview) -> bytes:
    """Up to the zero."""
    return bytes(data).partition(b"\0")[0]


SILENT = {2, 36, 42}
"""Forget, interrupt, forget many: nobody waits for an answer."""
HANDLERS: dict[int, Callable[[Mount, int, memoryview, tuple[int, int]], bytes]] = {
    1: Mount.lookup,
    2: Mount.forget,
    3: Mount.getattr,
    4: Mount.setattr,
    5: Mount.readlink,
    6: Mount.symlink,
    8: Mount.mknod,
    9: Mount.mkdir,
    10: Mount.unlink,
    11: Mount.rmdir,
    12: Mount.rename,
    13: Mount.link,
    15: Mount.read,
    16: Mount.write,
    17: Mount.statfs,
    18: Mount.nothing,
    20: Mount.sync,
    26: Mount.start,
    27: Mount.opendir,
    28: Mount.readdir,
    29: Mount.releasedir,
    30: Mount.sync,
    35: Mount.create,
    38: Mount.nothing,
    42: Mount.forget_many,
    43: Mount.allocate,
    45: Mount.rename2,
}
