"""A database on a memory disk, through an APSW VFS, so that the power can be cut in this process.

The connection locks exclusively, so that WAL needs no shared memory. One documented weakness of SQLite does not show this
way: with ``journal=delete`` an exclusive connection keeps its journal and overwrites the header, so that no unsynced
deletion of a journal can be lost, which is what ``synchronous=extra`` exists for.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping

import apsw

from refold.systems.sqlite.disk import Create, Disk, Failure, Remove, Truncate, Write
from refold.systems.sqlite.host import Settings, TableOf, Unreadable
from refold.systems.sqlite.tables import TABLES


class DiskVFS(apsw.VFS):
    """SQLite's view of all memory disks of this process: the first part of a file's name is the number of its disk."""

    name = "refold-disk"

    def __init__(self) -> None:
        self.disks: weakref.WeakValueDictionary[str, Disk] = weakref.WeakValueDictionary()
        self.numbers = itertools.count(1)
        super().__init__(self.name, base="", maxpathname=256)

    def mount(self, disk: Disk) -> str:
        """The folder under which the disk is found."""
        folder = f"/{next(self.numbers)}"
        self.disks[folder] = disk
        return folder

    def place(self, path: str) -> tuple[Disk, str]:
        """Disk and file; files of disks that are gone are on a disk that nobody looks at."""
        folder, _, name = path.rpartition("/")
        return self.disks.get(folder) or Disk(), name

    def xFullPathname(self, name: str) -> str:
        """Names are full already."""
        return name

    def xAccess(self, pathname: str, flags: int) -> bool:
        """Whether the file exists."""
        disk, name = self.place(pathname)
        return name in disk.live

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Remove the name."""
        disk, name = self.place(filename)
        disk.change(Remove(name))
        if syncdir:
            disk.sync(name)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> DiskFile:  # type: ignore[override]
        """Open, or create."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or "temporary"
        flags[1] = flags[0]
        return DiskFile(*self.place(path))


class DiskFile:
    """An open file. Locks are never contended: every file has one connection."""

    def __init__(self, disk: Disk, name: str) -> None:
        self.disk = disk
        self.name = name
        if name not in disk.live:
            disk.change(Create(name))

    def xRead(self, amount: int, offset: int) -> bytes:
        """Bytes, fewer at the end of the file."""
        return self.disk.read(self.name, offset, amount)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Pending until the next sync; SQLite hears of a disk that fails or is full."""
        try:
            self.disk.change(Write(self.name, offset, bytes(data)))
        except Failure as failure:
            raise apsw.FullError(str(failure)) if failure.how == "full" else apsw.IOError(str(failure)) from failure

    def xTruncate(self, newsize: int) -> None:
        """Pending until the next sync."""
        self.disk.change(Truncate(self.name, newsize))

    def xSync(self, flags: int) -> None:
        """Durable from here on; SQLite hears of a sync that fails."""
        try:
            self.disk.sync(self.name)
        except Failure as failure:
            raise apsw.IOError(str(failure)) from failure

    def xFileSize(self) -> int:
        """In bytes."""
        return self.disk.size(self.name)

    def xSectorSize(self) -> int:
        """The smallest part that is written on its own."""
        return 512

    def xDeviceCharacteristics(self) -> int:
        """What SQLite assumes of every disk unless told otherwise."""
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xLock(self, level: int) -> None:
        """Granted."""

    def xUnlock(self, level: int) -> None:
        """Granted."""

    def xCheckReservedLock(self) -> bool:
        """Nobody else is there."""
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        """Nothing of the kind."""
        return False

    def xClose(self) -> None:
        """The disk keeps everything."""


_registered: list[DiskVFS] = []


def vfs() -> DiskVFS:
    """The one of this process, registered at its first use."""
    if not _registered:
        _registered.append(DiskVFS())
    return _registered[0]


class PowerHost:
    """The database `name` on a disk of its own, which begins as a copy of `template`; after a failed sync it `keeps` showing
    what it has dropped, or not."""

    failures: tuple[type[Exception], ...] = (apsw.IOError, apsw.FullError)
    corruptions: tuple[type[Exception], ...] = (apsw.CorruptError, apsw.NotADBError)

    def __init__(self, name: str, settings: Settings, template: Mapping[str, bytes], keeps: bool = False) -> None:
        self.keeps = keeps
        self.name = name
        self.settings = settings
        self.template = template
        self.disk = Disk(template, keeps)
        self.folder = vfs().mount(self.disk)
        self.connection: apsw.Connection | None = None
        self.table: TableOf = None

    def start(self) -> None:
        """Open, recover."""
        try:
            self.connection = apsw.Connection(f"{self.folder}/{self.name}.db", vfs=DiskVFS.name)
            self.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self.settings.prepare(self.connection)
            self.table = TABLES[self.name](self.connection)
            self.table.create()
        except apsw.Error as error:
            raise Unreadable(f"{self.name}: {error}") from error

    def crash(self) -> None:
        """The connection goes; nothing that it does about that reaches the disk, whose unsynced writes stay."""
        self.disk.frozen = True
        self.close()
        self.disk.frozen = False

    def cut_power(self, how: str) -> None:
        """The connection goes, and unsynced writes too."""
        self.crash()
        self.disk.cut(how)

    def fail(self, how: str) -> None:
        """The disk fails at the next write or sync; "": it does not."""
        self.disk.fail(how)

    def format(self) -> None:
        """A new disk."""
        self.crash()
        self.disk = Disk(self.template, self.keeps)
        self.folder = vfs().mount(self.disk)
        self.start()

    def reset(self) -> None:
        """A new disk."""
        self.format()

    def close(self) -> None:
        """Close the connection."""
        connection, self.connection, self.table = self.connection, None, None
        if connection is not None:
            connection.close(True)


def template(name: str, settings: Settings) -> dict[str, bytes]:
    """The files of an empty database."""
    host = PowerHost(name, settings, {})
    host.start()
    host.close()
    return host.disk.files()
