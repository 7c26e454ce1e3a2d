"""The process that makes one shard. It is told which by its standard input, and answers through a pipe; it dies with its parent."""

from __future__ import annotations

import json
import math
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import attrs

from refold.search.matrix.cells import Cell
from refold.search.matrix.shard import Shard, search_shard
from refold.systems.parent import die_with_parent

END_SECONDS = 10.0
"""How long a process may take to end."""

TOLD_EVERY = 0.2
"""Seconds between two signs of life."""


def shard_of(fields: dict[str, Any]) -> Shard:
    """The shard that was written as JSON."""
    fields["cell"] = Cell(**fields["cell"])
    fields["known"] = tuple((anomaly, guarantee) for anomaly, guarantee in fields["known"])
    return Shard(**fields)


@attrs.define
class Child:
    """A process with a shard in hand."""

    shard: Shard
    process: subprocess.Popen[str]
    pipe: Connection
    heard: float

    @classmethod
    def begin(cls, shard: Shard, seconds: float | None) -> Child:
        """Start one, which has so much time (None: no limit)."""
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(writing), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno() if _has_number(sys.stderr) else subprocess.DEVNULL,
            pass_fds=(writing,),
            text=True,
        )
        os.close(writing)
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"shard": attrs.asdict(shard), "seconds": seconds}))
            process.stdin.close()
        except BrokenPipeError:  # it has died; that is seen when its answer is waited for
            pass
        return cls(shard, process, Connection(reading, writable=False), time.monotonic())

    def ended(self) -> int:
        """Its exit code, when its end of the pipe is closed: it ends then by itself, or is ended."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        return self.end()

    def end(self) -> int:
        """Make sure that it is over; returns its exit code."""
        self.process.kill()
        self.pipe.close()
        return self.process.wait()


def _has_number(stream: Any) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True


def main() -> None:
    """In the process: read the shard, search it, answer."""
    die_with_parent(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(int(sys.argv[1]), False)
    pipe = Connection(int(sys.argv[1]), readable=False)
    last = 0.0

    def alive(runs: int, steps: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > TOLD_EVERY:
            last = now
            say("alive", runs, steps)

    def say(*what: Any) -> None:
        """What kind of thing it is can be read anywhere, the rest where the modules of the user are."""
        kind, *rest = what
        pipe.send_bytes(pickle.dumps((kind, pickle.dumps(rest))))

    asked = json.loads(sys.stdin.read())
    until = time.monotonic() + (math.inf if asked["seconds"] is None else asked["seconds"])
    result = search_shard(
        shard_of(asked["shard"]),
        alive,
        seen=lambda number, found: say("seen", number, found),
        time_over=lambda: time.monotonic() > until,
    )
    say("done", result)


if __name__ == "__main__":
    main()
