"""What is left of a search on a server that is interrupted or killed at a random moment: no process, mount, file or shared memory.

Each time `refold verify` starts with folders of its own for records and files. At a random moment it gets SIGINT or SIGKILL. After SIGINT
nothing may be left when it has ended; after SIGKILL nothing when the next search has ended. Exit code 1 if anything is.

    python benchmarks/left_behind.py [SYSTEM …] [--times N] [--seed N]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SYSTEMS = ("postgres", "postgres?crash=power", "redis", "nats", "umadb")
LATEST = 8.0
"""Seconds after which at the latest the signal comes."""
PATIENCE = 20.0
"""Seconds within which keepers must have cleaned up."""


class Place:
    """The folders of one search, and what has been seen in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.files = folder / "files"
        self.files.mkdir()
        self.seen: dict[str, int] = {}
        """Folder of a server -> number of its last process."""
        self.environment = {**os.environ, "XDG_STATE_HOME": str(self.state), "TMPDIR": str(self.files)}

    def search(self, system: str, *more: str) -> subprocess.Popen[bytes]:
        """Start one."""
        command = [sys.executable, "-P", "-m", "refold.reports", "verify", "--system", system, "--jobs", "1", *more]
        command += ["--report-dir", str(self.folder / "report")]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder
        )

    def look(self) -> None:
        """Note the servers that are recorded now."""
        for record in self.state.rglob("*.json"):
            with contextlib.suppress(OSError, ValueError):  # it is being written
                noted: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
                self.seen[noted["folder"]] = int(noted.get("server", (0,))[0])

    def left(self) -> list[str]:
        """What is there and should not be."""
        found = [f"process {pid}: {words}" for pid, words in self.processes()]
        found += [f"record {record}" for record in self.state.rglob("*.json")]
        found += [f"file {file}" for file in self.files.iterdir()]
        found += [f"folder {folder}" for folder in self.seen if Path(folder).exists()]
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
        found += [f"mount {line}" for line in mounts if "fuse.refold" in line]
        return found + [f"shared memory {number}" for number in self.shared_memory()]

    def processes(self) -> Iterator[tuple[int, str]]:
        """Those that have the folder of this search in their environment, as all that come from it have, or work in a server's folder."""
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                works_in = os.readlink(place / "cwd")
                told = os.fsencode(str(self.folder)) in (place / "environ").read_bytes()
                if told or any(Path(works_in).is_relative_to(folder) for folder in self.seen):
                    words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if words:  # a process that has died and that nobody has waited for has none
                        yield int(place.name), words[:120]

    def shared_memory(self) -> list[int]:
        """Segments of System V that processes of these servers have made."""
        lines = Path("/proc/sysvipc/shm").read_text(encoding="utf-8").splitlines()[1:]
        makers = set(self.seen.values()) - {0}
        return [int(fields[1]) for fields in map(str.split, lines) if int(fields[4]) in makers]


def once(system: str, number: signal.Signals, after: float) -> list[str]:
    """One search that gets a signal after so many seconds; what was left."""
    with tempfile.TemporaryDirectory(prefix="left-behind-") as folder:
        place = Place(Path(folder))
        search = place.search(system, "--seconds", "60")
        until = time.monotonic() + after
        while time.monotonic() < until:
            place.look()
            time.sleep(0.01)
        if search.poll() is not None:
            return [f"the search ended by itself with exit code {search.returncode}"]
        search.send_signal(number)
        search.wait(90)
        place.look()
        if number == signal.SIGKILL:
            following = place.search(system, "--examples", "1")
            code = following.wait(120)
            if code:
                return [f"the next search ended with exit code {code}"]
        until = time.monotonic() + PATIENCE
        while (left := place.left()) and time.monotonic() < until:
            time.sleep(0.1)
        return left


def main(arguments: Sequence[str] | None = None) -> int:
    """Try, and tell what was left."""
    parser = argparse.ArgumentParser(description="What is left of searches that are ended at random moments.")
    parser.add_argument("systems", nargs="*", default=SYSTEMS, metavar="SYSTEM")
    parser.add_argument("--times", type=int, default=20, help="how often each signal comes, for each system")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    draw = random.Random(asked.seed)
    bad = 0
    for system in asked.systems:
        for number in (signal.SIGINT, signal.SIGKILL):
            clean = 0
            for _ in range(asked.times):
                after = draw.uniform(0.1, LATEST)
                left = once(system, number, after)
                clean += not left
                for what in left:
                    print(f"{system}, {number.name} after {after:.2f} s: {what}", flush=True)
            bad += asked.times - clean
            print(f"{system}: {number.name} {asked.times} times, nothing left {clean} times", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
