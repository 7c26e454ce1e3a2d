"""Records of running servers, in a folder of the user's, so that the next start ends what a killed run has left.

A record is written before anything else exists: it names the folder that will be the server's, who asked for it and, as soon as there are
any, its keeper and its process. A process is named by its number and the time of its start, so that nobody else's is ever ended.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from refold.systems.servers.keeper import family, remove, send, started

PREFIX = "refold-server-"
"""How the names of folders begin that may be removed."""
ROOM = 1 << 30
"""Bytes that must be free in memory for servers to have their files there."""
MEMORY = Path("/dev/shm")
UNKEPT: dict[Path, tuple[int, Path]] = {}
"""Records that no keeper has taken over yet: who wrote them, and their folders."""


def state_folder() -> Path:
    """Where the records are."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    place = Path(home) / "refold" / "servers"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(place, os.W_OK):
            return place
    except OSError:
        """A user without a home."""
    place = Path(tempfile.gettempdir()) / f"refold-{os.getuid()}" / "servers"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place


def files_folder() -> Path:
    """Where servers have their files: in memory if there is room, because what a killed process has written survives there as well."""
    try:
        free = os.statvfs(MEMORY)
        if os.access(MEMORY, os.W_OK) and free.f_bavail * free.f_frsize >= ROOM:
            return MEMORY
    except (OSError, AttributeError):
        """There is no such thing here."""
    return Path(tempfile.gettempdir()).resolve()


def new_record(kind: str) -> tuple[Path, Path]:
    """A folder for a server, which is still to be made, and the record of it."""
    name = f"{PREFIX}{kind}-{secrets.token_hex(6)}"
    folder = files_folder() / name
    noted = {"folder": str(folder), "owner": [os.getpid(), started(os.getpid())]}
    for _ in range(10):
        record = state_folder() / f"{name}.json"
        UNKEPT[record] = os.getpid(), folder
        with contextlib.suppress(FileNotFoundError):  # somebody has just tidied up
            record.write_text(json.dumps(noted))
            break
    return folder, record


def take_over(record: Path) -> None:
    """From here on a keeper sees to it that this record goes."""
    UNKEPT.pop(record, None)


@atexit.register
def forget() -> None:
    """A process that ends between a record and its keeper takes the record with it: there is nothing yet that it speaks of."""
    for record, (owner, folder) in UNKEPT.items():
        if owner == os.getpid() and not folder.exists():
            record.unlink(missing_ok=True)


def lives(process: Any) -> bool:
    """Whether a process of a record is still that one."""
    return bool(process) and process[1] != "" and started(process[0]) == process[1]


def clean_up() -> None:
    """End the servers, and remove the folders, that nobody keeps any more."""
    place = state_folder()
    for record in sorted(place.glob(f"{PREFIX}*.json")):
        try:
            noted = json.loads(record.read_text())
            keeper, folder = noted.get("keeper"), Path(noted["folder"])
            kept = lives(keeper) or (not keeper and lives(noted["owner"]))
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            if recent(record):
                continue  # perhaps it is just being written
            record.unlink(missing_ok=True)
            continue
        if not kept and folder.name.startswith(PREFIX):
            end_orphans(noted.get("server"), folder)
            record.unlink(missing_ok=True)
            record.with_suffix(".new").unlink(missing_ok=True)


def recent(record: Path) -> bool:
    """Whether a file was written a minute ago, or is gone."""
    try:
        return time.time() - record.stat().st_mtime < 60
    except OSError:
        return True


def end_orphans(server: Any, folder: Path) -> None:
    """Kill a server without a keeper, and whoever else works in its folder; then remove that."""
    found = family(server[0]) if lives(server) else []
    for pid in (*found, *working_in(folder)):
        send(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while working_in(folder) and time.monotonic() < until:
        time.sleep(0.002)
    remove(folder)


def working_in(folder: Path) -> list[int]:
    """The processes whose working directory is in a folder, where the system tells."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if Path(os.readlink(place)).is_relative_to(folder) and started(int(place.parent.name)):
                found.append(int(place.parent.name))
    return found


def tidy() -> None:
    """Remove the folder of the records, if there are none."""
    place = state_folder()
    for folder in (place, place.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()
