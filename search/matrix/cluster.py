"""An executor on many machines: the workers of a Dask cluster (docs/decisions/0083). Every shard is made in a process of its own there too,
so what the code under test does to its process costs one shard and no worker. A worker that dies costs the shard that it had."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from refold.model.errors import SystemUnavailable
from refold.search.matrix.child import Child
from refold.search.matrix.executor import MOMENT, Died, Message, Said, received, silence, understood
from refold.search.matrix.shard import Shard

CONNECT_SECONDS = 10.0
"""How long a scheduler has to answer, and to come back if it is restarted."""

NO_WORKERS_SECONDS = 120.0
"""How long to wait for workers where there are none: they leave when their scheduler does, and whoever keeps them up starts them again."""

LOCAL = "local"
"""The address of a cluster that is started here, for this campaign."""


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


def version_there() -> str:
    """On a worker: which refold it has."""
    return version("refold")


class Cluster:
    """The workers behind a scheduler, each with as many shards as it has threads. Raises `SystemUnavailable` if there is no such
    scheduler, or if a worker has another refold. A shard of which its worker hears nothing for `silent` seconds is ended (None: never)."""

    def __init__(self, address: str, jobs: int | None = None, silent: float | None = None) -> None:
        try:
            import distributed
        except ModuleNotFoundError as error:
            raise SystemUnavailable("--cluster needs the library distributed: pip install 'refold[cluster]'") from error
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it cannot do is said here, in a sentence
        self.distributed: Any = distributed
        self.address = address
        self.jobs = jobs
        self.silent = silent
        self.futures: dict[Any, tuple[Shard, float | None]] = {}
        self.peopled = time.monotonic()
        self.local: Any = None
        self.client: Any = None
        self.connect()

    def connect(self) -> None:
        """Find the scheduler; start one if the cluster is `local`."""
        if self.address == LOCAL:
            self.local = self.distributed.LocalCluster(
                n_workers=self.jobs or 2, threads_per_worker=1, dashboard_address=None, silence_logs=40
            )
        try:
            self.client = self.distributed.Client(
                self.local if self.local is not None else self.address, timeout=CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            self.close()
            raise SystemUnavailable(
                f"no Dask scheduler answers at {self.address} within {CONNECT_SECONDS:g} s: {error or type(error).__name__}; start one"
                " with “dask scheduler”, and workers with “dask worker ADDRESS”"
            ) from error
        self.same_version()

    def same_version(self) -> None:
        """Another refold would make other runs."""
        try:
            found: dict[str, Any] = self.client.run(version_there, on_error="return")
        except (OSError, TimeoutError) as error:
            self.close()
            raise SystemUnavailable(f"the workers at {self.address} do not answer: {error}") from error
        here = version("refold")
        for worker, there in found.items():
            if there != here:
                self.close()
                raise SystemUnavailable(
                    f"the worker {worker} has refold {there}, and this is {here}; install the same there"
                )

    def room(self) -> int:
        """Threads that have no shard. Without workers there are none, until some come."""
        return sum(self.threads().values()) - len(self.futures)

    def threads(self) -> dict[str, int]:
        """Worker -> how many shards it makes side by side."""
        try:
            return {name: int(number) for name, number in self.client.nthreads().items()}
        except (OSError, TimeoutError):
            return {}

    def give(self, shard: Shard, seconds: float | None) -> None:
        """To whichever worker has time."""
        future = self.client.submit(made_here, shard, seconds, self.silent, pure=False, retries=0)
        self.futures[future] = (shard, seconds)

    def hear(self) -> Sequence[tuple[Shard, Said]]:
        """What has come back. Raises `SystemUnavailable` where no worker is left that could bring it."""
        self.back_again()
        if self.threads():
            self.peopled = time.monotonic()
        elif time.monotonic() - self.peopled > NO_WORKERS_SECONDS:
            raise SystemUnavailable(
                f"the Dask cluster at {self.address} has had no worker for {NO_WORKERS_SECONDS:g} s; start some with “dask worker"
                f" {self.address}”, and the same command goes on"
            )
        over = [future for future in self.futures if future.done()]
        if not over:
            time.sleep(MOMENT)
        return [one for future in over for one in self.taken(future)]

    def back_again(self) -> None:
        """A scheduler that was restarted knows nothing of what it was given: it is given again."""
        if self.client.status == "running" and not any(
            future.status in ("lost", "cancelled") for future in self.futures
        ):
            return
        again = list(self.futures.values())
        self.futures.clear()
        self.client.close(timeout=1)
        if self.local is not None:
            self.local.close(timeout=5)
        self.connect()
        for shard, seconds in again:
            self.give(shard, seconds)

    def taken(self, future: Any) -> list[tuple[Shard, Said]]:
        """What became of one shard."""
        shard, _ = self.futures.pop(future)
        try:
            return [(shard, understood(message)) for message in future.result(timeout=CONNECT_SECONDS)]
        except self.distributed.KilledWorker:
            return [(shard, Died("together with the worker that made it"))]
        except Exception as error:  # whatever the worker's machine cannot do
            return [(shard, Died(f"on its worker: {type(error).__name__}: {error}"))]

    def drop(self, shard: Shard) -> None:
        """Nobody waits for it any more."""
        for future in [future for future, (given, _) in self.futures.items() if given.number == shard.number]:
            del self.futures[future]
            future.cancel(force=True)

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        for given in list(self.futures.values()):
            self.drop(given[0])
        for one in (self.client, self.local):
            if one is not None:
                one.close(timeout=5)
        self.client = self.local = None
