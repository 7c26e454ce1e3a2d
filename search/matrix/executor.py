"""Who makes the shards: processes on this machine, or a cluster. The coordinator gives, and hears what they say."""

from __future__ import annotations

import pickle
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Any, Protocol

import attrs

from refold.properties.result import Counterexample
from refold.search.matrix.child import Child
from refold.search.matrix.shard import Shard, ShardResult
from refold.search.workers import ended_by


@attrs.frozen
class Alive:
    """A shard is under way: so many runs and steps."""

    runs: int
    steps: int


@attrs.frozen
class FirstSeen:
    """A run of the shard showed something; it is not shrunk yet."""

    run: int
    find: Counterexample


@attrs.frozen
class Done:
    """All there is to a shard."""

    result: ShardResult


@attrs.frozen
class Died:
    """Whoever had the shard is no more; `why` in words."""

    why: str


Said = Alive | FirstSeen | Done | Died
"""What is heard about a shard. After `Done` and `Died`, it is in nobody's hands."""


class Executor(Protocol):
    """Makes shards side by side. `room` is how many more it takes now; `give` one, which has so many seconds (None: no limit); `hear` waits
    a moment at most; `drop` ends what is under way; `close` lets everything go."""

    def room(self) -> int: ...
    def give(self, shard: Shard, seconds: float | None) -> None: ...
    def hear(self) -> Sequence[tuple[Shard, Said]]: ...
    def drop(self, shard: Shard) -> None: ...
    def close(self) -> None: ...


MOMENT = 0.1
"""Seconds that `hear` waits."""


class LocalProcesses:
    """`jobs` processes on this machine. One of which nothing is heard for `silent` seconds is ended."""

    def __init__(self, jobs: int, silent: float) -> None:
        self.jobs = jobs
        self.silent = silent
        self.children: list[Child] = []

    def room(self) -> int:
        """Processes that are not there."""
        return self.jobs - len(self.children)

    def give(self, shard: Shard, seconds: float | None) -> None:
        """A new process."""
        self.children.append(Child.begin(shard, seconds))

    def hear(self) -> list[tuple[Shard, Said]]:
        """What came through the pipes, and who was silent for too long."""
        by_pipe = {child.pipe: child for child in self.children}
        said = [(by_pipe[pipe].shard, self.listen(by_pipe[pipe])) for pipe in wait(list(by_pipe), MOMENT)]  # type: ignore[index]
        for child in list(self.children):
            if time.monotonic() - child.heard > self.silent:
                self.dismiss(child)
                said.append((child.shard, Died(f"because nothing was heard of it for {self.silent:g} s")))
        return said

    def listen(self, child: Child) -> Said:
        """The next thing that a process says."""
        said = heard(child)
        child.heard = time.monotonic()
        if isinstance(said, Done | Died):
            self.dismiss(child)
        return said

    def dismiss(self, child: Child) -> None:
        """It is not needed any more."""
        self.children.remove(child)
        child.end()

    def drop(self, shard: Shard) -> None:
        """End the process that has it."""
        for child in [child for child in self.children if child.shard.number == shard.number]:
            self.dismiss(child)

    def close(self) -> None:
        """End all."""
        for child in list(self.children):
            self.dismiss(child)


def heard(child: Child) -> Said:
    """The next thing that a process says; waits for it."""
    try:
        what, *rest = pickle.loads(child.pipe.recv_bytes())
    except (EOFError, OSError):
        child.process.wait()
        return Died(ended_by(child.end()))
    kinds: dict[str, Any] = {"alive": Alive, "seen": FirstSeen, "done": Done}
    said: Said = kinds[what](*rest)
    return said
