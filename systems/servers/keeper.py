"""The keeper: a small process that starts one server, ends it, and removes its folder, whatever becomes of the process that asked.

``python keeper.py FOLDER RECORD`` reads orders as lines of JSON and answers each with one line. When its input ends (its parent has come
to its end in whatever way) it kills the server with everything that the server has started, and removes folder and record. It lives in a
session of its own, so that no Ctrl-C reaches it. Should somebody kill the keeper too, the next start of any server finds the record.

If the server's machine is to lose its power, its data directory is a disk of the keeper's (`disks`), mounted where only the keeper and the
server see it.

It imports nothing but the standard library, so that it starts fast.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DIE_WITH_PARENT, ADOPT_ORPHANS = 1, 36
"""Of prctl(2)."""
LOOK = 0.5
"""Seconds after which the keeper looks whether its parent is still there, although nobody has closed the pipe."""
DEATH = 5.0
"""Seconds within which processes that got SIGKILL must be gone."""


LIBRARY = ctypes.CDLL(None)
"""The C library, found once and not anew in every child."""


def control(option: int, value: int) -> None:
    """prctl(2), where there is one."""
    try:
        LIBRARY.prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        """Not on this system: the record and the pipe have to do."""


OTHERS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
"""With which a server is ended by somebody else: a person, a supervisor, a system that is short of memory. What it does wrong by itself
ends it in other ways."""


def state(pid: int) -> str:
    """The letter that the system has for what a process does; "" if it has none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def started(pid: int) -> str:
    """When a process began, in whatever words the system has; "" if there is none. With the pid it names a process for ever."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are still there."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        asked = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False)
        pairs = [line.split() for line in asked.stdout.splitlines()]
        return [int(child) for child, parent in pairs if int(parent) == pid]


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    found = [pid]
    for member in found:
        found.extend(children(member))
    return found


def send(pid: int, number: int) -> None:
    """A signal, if there is still somebody to hear it."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        """Gone, or not ours."""


def remove_shared_memory(folder: Path) -> None:
    """PostgreSQL marks its data directory with a piece of System V shared memory, which outlives SIGKILL; postmaster.pid names it."""
    for marker in (folder / "postmaster.pid", *folder.glob("*/postmaster.pid")):
        try:
            _, segment = marker.read_text().splitlines()[6].split()
            LIBRARY.shmctl(int(segment), 0, None)
        except (OSError, AttributeError, IndexError, ValueError):
            """It had not come so far, or there is none on this system."""


def remove(folder: Path) -> None:
    """The folder of a server that is dead, with what it has left elsewhere."""
    remove_shared_memory(folder)
    until = time.monotonic() + DEATH
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)


def beside(name: str) -> Any:
    """A module of the folder `disks`, wherever the package is; the keeper runs as a program outside of it."""
    place = Path(__file__).parent / "disks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Keeper:
    """Has at most one server at a time."""

    def __init__(self, folder: Path, record: Path) -> None:
        self.folder = folder
        self.record = record
        self.server: subprocess.Popen[bytes] | None = None
        self.ordered = False
        """Whether the server has ended, or was to end, because somebody has ordered it."""
        self.files: Any = None
        self.mounting: Any = None
        self.mount: Any = None
        self.parent = os.getppid()
        self.note("keeper", os.getpid())
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)

    def serve(self) -> None:
        """Order after order, until there is nobody left who gives any."""
        rest = b""
        while True:
            readable, _, _ = select.select([0], [], [], LOOK)
            if not readable:
                if os.getppid() != self.parent:
                    return
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                order = json.loads(line)
                number = order.pop("order")
                os.write(1, json.dumps({"order": number, **self.obey(order)}).encode() + b"\n")

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked for; the answer has the server's pid, or what went wrong."""
        try:
            what = order.pop("do")
            if what == "start":
                self.start(**order)
            elif what == "run":
                return self.run(**order)
            elif what == "signal":
                self.ordered = order["number"] == signal.SIGSTOP
                for pid in family(self.server.pid) if self.alive() and self.server else ():
                    send(pid, order["number"])
            elif what == "stop":
                self.stop(**order)
            elif what == "kill":
                self.kill()
            elif what == "fill disk":
                self.fill(**order)
            elif what == "sync disk":
                self.files.sync_all()
            elif what == "full disk":
                self.files.full = order["full"]
            elif what == "cut power":
                return {"lost": self.cut(**order)}
            return {"pid": self.server.pid if self.alive() and self.server else 0, "unordered": self.unordered_signal()}
        except OSError as error:
            return {"error": f"{error.strerror}: {error.filename}" if error.filename else str(error)}

    def alive(self) -> bool:
        """Whether the server runs."""
        return self.server is not None and self.server.poll() is None

    def unordered_signal(self) -> str:
        """What somebody else has done to the server, who is neither refold nor the server: the name of a signal; "" for nothing."""
        if self.server is None or self.ordered:
            return ""
        if self.alive():
            return "SIGSTOP" if state(self.server.pid) == "T" else ""
        number = -int(self.server.returncode)
        return signal.Signals(number).name if number in OTHERS else ""

    def start(self, command: list[str], env: dict[str, str], user: list[int]) -> None:
        """Start the server; what it says goes to the file ``output``."""
        self.kill()
        self.ordered = False
        self.server = self.spawn(command, env, user)
        self.note("server", self.server.pid)

    def run(self, command: list[str], env: dict[str, str], user: list[int], seconds: float) -> dict[str, Any]:
        """Run a program to its end."""
        self.server = self.spawn(command, env, user)
        self.note("server", self.server.pid)
        try:
            return {"status": self.server.wait(seconds)}
        except subprocess.TimeoutExpired:
            self.kill()
            return {"error": f"{command[0]} has not come to its end within {seconds:g} seconds"}

    def spawn(self, command: list[str], env: dict[str, str], user: list[int]) -> subprocess.Popen[bytes]:
        """A child that dies with the keeper; as another user if one is given."""
        who: dict[str, Any] = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
        with open(self.folder / "output", "ab") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=lambda: control(DIE_WITH_PARENT, signal.SIGKILL),
                **who,
            )

    def note(self, role: str, pid: int) -> None:
        """Write down who is there, for the case that the keeper cannot do its work."""
        noted = json.loads(self.record.read_text())
        noted[role] = [pid, started(pid)]
        fresh = self.record.with_suffix(".new")
        fresh.write_text(json.dumps(noted))
        fresh.replace(self.record)

    def stop(self, number: int, seconds: float) -> None:
        """Tell the server to come to its end, and wait for that. One that is still there after `seconds` is left alone."""
        if self.server is None or not self.alive():
            return
        self.ordered = True
        for pid in family(self.server.pid):
            send(pid, signal.SIGCONT)
        send(self.server.pid, number)
        try:
            self.server.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        self.bury()

    def kill(self) -> None:
        """SIGKILL for the server and all that come from it, as when their machine loses its power; then they are gone."""
        if self.server is None:
            return
        if self.server.poll() is None:
            self.ordered = True
            send(self.server.pid, signal.SIGSTOP)  # so that it starts nobody more while its children are counted
            for pid in reversed(family(self.server.pid)):
                send(pid, signal.SIGKILL)
            self.server.wait()
        self.bury()

    # -- its disk

    def fill(self, kind: str, template: str, place: str) -> None:
        """The disk holds a copy of a folder and nothing else, durably, and is mounted at a place."""
        if self.files is None:
            self.mounting = beside("fuse")
            self.mounting.isolate()
            self.files = beside("files").Files(kind)
        self.unmount()
        self.files.load(template)
        Path(place).mkdir(exist_ok=True)
        self.mount = self.mounting.Mount(self.files, place)

    def unmount(self) -> None:
        """The disk is not mounted."""
        mount, self.mount = self.mount, None
        if mount is not None:
            mount.end()

    def cut(self, how: str) -> int:
        """The machine loses its power: the server is dead, and of what no sync covers is left what `how` says. The number of changes
        that are lost."""
        self.kill()
        remove_shared_memory(self.folder)
        place = os.fsdecode(self.mount.place)
        self.unmount()
        self.files.cut(how)
        self.mount = self.mounting.Mount(self.files, place)
        return int(self.files.lost)

    def bury(self) -> None:
        """Wait for orphans of the server's, which the system has given to the keeper."""
        until = time.monotonic() + DEATH
        while time.monotonic() < until:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    for pid in children(os.getpid()):
                        send(pid, signal.SIGKILL)
                    time.sleep(0.0005)
            except ChildProcessError:
                return

    def end(self) -> None:
        """Nothing is left."""
        self.kill()
        remove_shared_memory(self.folder)
        self.unmount()
        remove(self.folder)
        self.record.unlink(missing_ok=True)
        self.record.with_suffix(".new").unlink(missing_ok=True)


def leave(number: int, frame: object) -> None:
    """The signal handler: come to the end in order."""
    raise SystemExit


def main(folder: str, record: str) -> None:
    """The life of a keeper."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)
    control(ADOPT_ORPHANS, 1)
    keeper = Keeper(Path(folder), Path(record))
    try:
        keeper.serve()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        keeper.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
