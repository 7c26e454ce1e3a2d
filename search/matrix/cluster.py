"""An executor on many machines: the workers of a Dask cluster (docs/decisions/0083). Every shard is made in a process of its own there too,
so what the code under test does to its process costs one shard and no worker. A worker that dies costs the shard that it had."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from refold.search.matrix.child import Child
from refold.search.matrix.executor import Died, Message, Said, received, silence, understood
from refold.search.matrix.shard import Shard
from refold.search.matrix.tasks import Lost, Tasks


def made_here(shard: Shard, seconds: float | None, silent: float | None) -> list[Message | Died]:
    """On a worker: make the shard in a child process, which is ended if nothing is heard of it for `silent` seconds; what it said that
    counts. A worker has not loaded the modules of the user, so it hands that on unread."""
    child = Child.begin(shard, seconds)
    kept: list[Message | Died] = []
    try:
        while True:
            message = received(child) if child.pipe.poll(silent) else silence(silent or 0.0)
            if isinstance(message, Died) or message[0] != "alive":
                kept.append(message)
            if isinstance(message, Died) or message[0] == "done":
                return kept
    finally:
        child.end()


class Cluster:
    """The workers behind a scheduler, each with as many shards as it has threads. Raises `SystemUnavailable` if there is no such
    scheduler, or if a worker has another refold. A shard of which its worker hears nothing for `silent` seconds is ended (None: never).
    `told` hears when the scheduler is gone, and when it is back."""

    def __init__(
        self,
        address: str,
        jobs: int | None = None,
        silent: float | None = None,
        told: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.silent = silent
        self.tasks: Tasks[Shard] = Tasks(address, jobs, told)

    def room(self) -> int:
        """Threads that have no shard. Without workers there are none, until some come."""
        return self.tasks.room()

    def give(self, shard: Shard, seconds: float | None) -> None:
        """To whichever worker has time."""
        self.tasks.give(shard, made_here, shard, seconds, self.silent)

    def hear(self) -> Sequence[tuple[Shard, Said]]:
        """What has come back. Raises `SystemUnavailable` where no worker is left that could bring it."""
        return [(shard, one) for shard, said in self.tasks.hear() for one in understood_all(said)]

    def drop(self, shard: Shard) -> None:
        """Nobody waits for it any more."""
        self.tasks.drop(shard)

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        self.tasks.close()


def understood_all(said: list[Message | Died] | Lost) -> list[Said]:
    """What was heard of a shard."""
    return [Died(said.why)] if isinstance(said, Lost) else [understood(message) for message in said]
