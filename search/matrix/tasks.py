"""Tasks on the workers of a Dask cluster (docs/decisions/0083): given, heard of, and given again when the scheduler was restarted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from importlib.metadata import version
from typing import Any, Generic, TypeVar

import attrs

from refold.model.errors import SystemUnavailable, UsageError
from refold.model.words import counted

CONNECT_SECONDS = 10.0
"""How long a scheduler has to answer."""

RETURN_SECONDS = 120.0
"""How long to wait for a scheduler that was there to come back, and for workers where there are none: they leave when their scheduler
does, and whoever keeps them up starts them again."""

Key = TypeVar("Key", bound=Hashable)
"""By what whoever gives a task knows it."""

MOMENT = 0.1
"""Seconds that nothing is heard before that is said."""

LOCAL = "local"
"""The address of a cluster that is started here, and ends with its work."""


FORGOTTEN = ("lost", "cancelled")
"""The states of a task that a scheduler does not know any more."""


def refuse_jobs(address: str, jobs: int | None) -> None:
    """Raise `UsageError` for a number of jobs of workers that are not started here."""
    if jobs is not None and address != LOCAL:
        raise UsageError(f"the workers at {address} decide how much they do at a time; leave out --jobs")


def silence_logs() -> None:
    """What Dask cannot do is said in a sentence, and not in its logs as well. Some of its parts have levels of their own."""
    parts = [name for name in logging.root.manager.loggerDict if name.startswith("distributed.")]
    for name in ["distributed", *parts]:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class AnotherVersion(Exception):
    """A worker has another refold than the one that gives it work."""


def version_there() -> str:
    """On a worker: which refold it has."""
    return version("refold")


def with_version(needed: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """On a worker: what a function gives; raises `AnotherVersion` if the worker has not the version that is needed. It may have come after
    the others were asked."""
    if (there := version_there()) != needed:
        raise AnotherVersion(there)
    return function(*arguments)


def another_version(who: str, there: str) -> SystemUnavailable:
    """What is said of a worker that would come to something else."""
    return SystemUnavailable(f"{who} has refold {there}, and this is {version_there()}; install the same there")


@attrs.frozen
class Lost:
    """Nobody knows what a task came to; `why` in words."""

    why: str


@attrs.frozen
class Task(Generic[Key]):
    """What a worker is asked for, and how often again if it is lost."""

    key: Key
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    again: int


class Tasks(Generic[Key]):
    """The workers behind a scheduler, each with as many tasks as it has threads. Raises `SystemUnavailable` if there is no such scheduler,
    or if a worker has another refold. `told` hears a sentence when the scheduler is gone, and when it is back. A task that is lost, which
    Dask says when four workers have died with it, is given `again` so often."""

    def __init__(
        self,
        address: str,
        jobs: int | None = None,
        told: Callable[[str], None] = lambda sentence: None,
        again: int = 0,
    ) -> None:
        try:
            import distributed
        except ModuleNotFoundError as error:
            raise SystemUnavailable("--cluster needs the library distributed: pip install 'refold[cluster]'") from error
        silence_logs()
        self.distributed: Any = distributed
        self.address = address
        self.jobs = jobs
        self.told = told
        self.again = again
        self.futures: dict[Any, Task[Key]] = {}
        self.peopled = time.monotonic()
        self.local: Any = None
        self.client: Any = None
        self.connect()
        self.same_version()

    def connect(self) -> None:
        """Find the scheduler; start one if the cluster is `local`."""
        if self.address == LOCAL:
            self.local = self.distributed.LocalCluster(
                n_workers=self.jobs or 2, threads_per_worker=1, dashboard_address="localhost:0", silence_logs=40
            )
        try:
            self.client = self.distributed.Client(
                self.local if self.local is not None else self.address, timeout=CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            self.disconnect()
            raise SystemUnavailable(
                f"no Dask scheduler answers at {self.address} within {CONNECT_SECONDS:g} s: {error or type(error).__name__}; start one"
                " with “dask scheduler”, and workers with “dask worker ADDRESS”"
            ) from error

    def same_version(self) -> None:
        """Another refold would come to something else."""
        try:
            found: dict[str, Any] = self.client.run(version_there, on_error="return")
        except (OSError, TimeoutError) as error:
            self.disconnect()
            raise SystemUnavailable(f"the workers at {self.address} do not answer: {error}") from error
        for worker, there in found.items():
            if isinstance(there, str) and there != version_there():  # else the worker has died meanwhile
                self.disconnect()
                raise another_version(f"the worker {worker}", there)

    def disconnect(self, seconds: float = 5) -> None:
        """Leave the cluster, within so long; a local one ends."""
        for one in (self.client, self.local):
            if one is not None:
                one.close(timeout=seconds)
        self.client = self.local = None

    def room(self) -> int:
        """Threads that have no task. Without workers there are none, until some come."""
        return sum(self.threads().values()) - len(self.futures)

    def threads(self) -> dict[str, int]:
        """Worker -> how many tasks it does side by side."""
        try:
            return {} if self.client is None else dict(self.client.nthreads())
        except (OSError, TimeoutError):
            return {}

    def give(self, key: Key, function: Callable[..., Any], *arguments: Any) -> None:
        """To whichever worker has time."""
        self.submit(Task(key, function, arguments, self.again))

    def submit(self, task: Task[Key]) -> None:
        """Give it to the scheduler as it is now. Raises `SystemUnavailable` if it is gone for good."""
        if self.client is None:
            raise self.gone()
        future = self.client.submit(
            with_version, version_there(), task.function, *task.arguments, pure=False, retries=0
        )
        self.futures[future] = task

    def hear(self) -> list[tuple[Key, Any]]:
        """What has come back: what the function gave, or `Lost`. Raises `SystemUnavailable` where no worker is left that could bring it."""
        self.back_again()
        if self.threads():
            self.peopled = time.monotonic()
        elif time.monotonic() - self.peopled > RETURN_SECONDS:
            raise SystemUnavailable(
                f"the Dask cluster at {self.address} has had no worker for {RETURN_SECONDS:g} s; start some with “dask worker"
                f" {self.address}”, and give the same command again"
            )
        if self.local is not None:
            self.local.scale(self.jobs or 2)  # Dask gives up a worker that it started and that is away for 15 s
        over = [future for future in self.futures if future.done() and future.status not in FORGOTTEN]
        if not over:
            time.sleep(MOMENT)
        heard = [(self.futures[future], self.taken(future)) for future in over]
        for task, said in heard:
            if isinstance(said, Lost) and task.again:
                self.submit(attrs.evolve(task, again=task.again - 1))
        return [(task.key, said) for task, said in heard if not isinstance(said, Lost) or not task.again]

    def gone(self) -> SystemUnavailable:
        """What is said of a scheduler that did not come back."""
        return SystemUnavailable(
            f"the Dask scheduler at {self.address} is gone; start it, and give the same command again"
        )

    def back_again(self) -> None:
        """A scheduler that was restarted knows nothing of what it was given: it is given again."""
        if self.client is None:
            raise self.gone()
        if self.client.status == "running" and not any(future.status in FORGOTTEN for future in self.futures):
            return
        again = list(self.futures.values())
        self.futures.clear()
        self.told(
            f"the Dask scheduler at {self.address} is gone; waiting up to {RETURN_SECONDS:g} s for it to come back"
        )
        self.disconnect(seconds=1)
        self.connect_again(time.monotonic() + RETURN_SECONDS)
        self.same_version()
        self.peopled = time.monotonic()
        self.told(
            f"the Dask scheduler at {self.address} is back; what it had not finished is done again: {counted(len(again), 'task')}"
        )
        for task in again:
            self.submit(task)

    def connect_again(self, until: float) -> None:
        """As soon as the scheduler answers; raises `SystemUnavailable` if it does not until then."""
        while True:
            started = time.monotonic()
            try:
                self.connect()
                return
            except SystemUnavailable:
                if time.monotonic() > until:
                    raise
            time.sleep(max(0.0, started + 1.0 - time.monotonic()))

    def taken(self, future: Any) -> Any:
        """What became of one."""
        del self.futures[future]
        try:
            return future.result(timeout=CONNECT_SECONDS)
        except self.distributed.KilledWorker:
            return Lost("together with the worker that made it")
        except AnotherVersion as error:
            raise another_version(f"a worker at {self.address}", str(error)) from None
        except Exception as error:  # whatever the worker's machine cannot do
            return Lost(f"on its worker: {type(error).__name__}: {error}")

    def drop(self, key: Key) -> None:
        """Nobody waits for it any more."""
        for future in [future for future, task in self.futures.items() if task.key == key]:
            del self.futures[future]
            future.cancel(force=True)

    def close(self) -> None:
        """Leave; whatever is under way is dropped."""
        for task in list(self.futures.values()):
            self.drop(task.key)
        self.disconnect()
