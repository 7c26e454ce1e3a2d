"""Workers: processes that make the runs of one campaign side by side.

They are forked, so they have the user's objects as they are, whatever these are and wherever they come from. Each is given the next
chunk of run numbers when it has done its last one; what they make is merged in the order of the numbers, so nothing that comes of it
depends on how many there are. Where processes cannot be forked safely (not on Linux, or with threads running), there are none, and
`why_not` says why.

Contract: a worker may die at any moment. Its chunk is made again by another; a chunk that ends two workers ends the campaign with a
sentence.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

import attrs

from refold.model.errors import UsageError
from refold.search.outcome import Outcome, Runner
from refold.systems.parent import die_with_parent

CHUNK_SECONDS = 0.1
"""How long a worker works on one chunk, about."""

AHEAD = 4
"""Chunks for each worker that may be made before those below them are merged."""

GRACE_SECONDS = 2.0
"""How long workers have to give back what they hold (files, child processes) before they are killed."""

AGAIN_SECONDS = 0.01
"""How long a dismissal waits that was swallowed."""

ATTEMPTS = 2
"""How often a chunk is given out: what ends two workers would end a third."""


def why_not(jobs: int) -> str:
    """Why runs cannot be made side by side here; empty if they can."""
    if jobs < 2:
        return "one process was asked for"
    if not sys.platform.startswith("linux"):
        return f"on {sys.platform} processes are not forked"
    if threading.active_count() > 1:
        return "other threads are running, which a forked process would not have"
    if multiprocessing.current_process().daemon:
        return "this process is a worker itself"
    return ""


@attrs.define
class Worker:
    """A process, and the chunk that it has in hand."""

    process: Any
    pipe: Connection
    chunk: range = range(0)


def portable(error: BaseException) -> BaseException:
    """The error, if it can travel; else one that says the same."""
    try:
        travels = type(pickle.loads(pickle.dumps(error))) is type(error)
    except BaseException:  # whatever an error's own code does when it is copied
        travels = False
    return error if travels else UsageError(f"{type(error).__name__}: {error}")


class Dismissed(BaseException):
    """A worker is told to end. No `Exception`, so that code under test that catches all of those does not keep it."""


def dismissed(number: int, frame: FrameType | None) -> None:
    """The signal handler of a worker."""
    raise Dismissed


def swallowed(unraisable: sys.UnraisableHookArgs) -> None:
    """Python swallows what is raised in a destructor or in the callback of a weak reference. A dismissal comes once more a moment later,
    when that is over; of everything else Python tells as ever."""
    if unraisable.exc_type is Dismissed:
        again = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(unraisable)


def obey() -> None:
    """From now on SIGTERM dismisses this process, wherever it is."""
    signal.signal(signal.SIGTERM, dismissed)
    sys.unraisablehook = swallowed


def work(make: Runner, alive: Callable[[], None], pipe: Connection) -> None:
    """The life of a worker: chunk after chunk, until there are no more or it is told to end."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    obey()
    gc.freeze()
    try:
        chunks(make, alive, pipe)
    except Dismissed:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        dismiss = getattr(make.system, "dismiss", None)
        if dismiss is not None:
            dismiss()


def chunks(make: Runner, alive: Callable[[], None], pipe: Connection) -> None:
    """Make what is asked for, and send it."""
    while True:
        try:
            chunk = pipe.recv()
        except (EOFError, OSError):
            return
        made: list[Outcome] = []
        trouble: BaseException | None = None
        for number in chunk:
            try:
                alive()
                made.append(make(number))
            except Dismissed:
                raise
            except BaseException as error:  # it is told where the run would have stood, and ends the campaign there
                trouble = portable(error)
                break
        try:
            pipe.send((chunk, made, trouble))
        except (BrokenPipeError, OSError):
            return


class WorkerProcesses:
    """Workers for the runs from `first` on. Iterate over `outcomes`, and close."""

    def __init__(self, make: Runner, jobs: int, first: int, alive: Callable[[], None]) -> None:
        self.make = make
        self.alive = alive
        self.jobs = jobs
        self.next = self.merged = first
        self.size = 1
        self.again: list[range] = []
        self.tries: dict[int, int] = {}
        self.arrived: dict[int, tuple[range, list[Outcome], BaseException | None]] = {}
        self.workers: list[Worker] = []
        self.lost = 0
        """Workers that died."""

    def __enter__(self) -> WorkerProcesses:
        for _ in range(self.jobs):
            self.hire()
        return self

    def __exit__(self, *exc: object) -> None:
        for worker in self.workers:
            worker.process.terminate()
        until = time.monotonic() + GRACE_SECONDS
        for worker in self.workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
        self.workers.clear()

    def hire(self) -> None:
        """One more worker, with something to do."""
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        process = context.Process(target=self.life, args=(theirs, ours), daemon=True)
        process.start()
        theirs.close()
        self.workers.append(Worker(process, ours))
        self.give(self.workers[-1])

    def life(self, pipe: Connection, other: Connection) -> None:
        """In the worker: nobody else's ends of pipes are kept open there."""
        other.close()
        for worker in self.workers:
            worker.pipe.close()
        try:
            work(self.make, self.alive, pipe)
        finally:
            os._exit(0)

    def give(self, worker: Worker) -> None:
        """The next chunk; none while too much is made ahead."""
        worker.chunk = range(0)
        if self.again:
            chunk = self.again.pop(0)
        elif self.next - self.merged < AHEAD * self.jobs * self.size:
            chunk = range(self.next, self.next + self.size)
            self.next = chunk.stop
        else:
            return
        worker.chunk = chunk
        with suppress(BrokenPipeError, OSError):  # it has died: that is noticed when its answer is waited for
            worker.pipe.send(chunk)

    def outcomes(self) -> Iterator[Outcome]:
        """The outcomes in the order of their numbers; raises what a run raised, in its turn."""
        while True:
            while self.merged in self.arrived:
                chunk, made, trouble = self.arrived.pop(self.merged)
                yield from made
                if trouble is not None:
                    raise trouble
                self.merged = chunk.stop
                for worker in self.workers:
                    if not worker.chunk:
                        self.give(worker)
            self.receive()

    def receive(self) -> None:
        """Wait for somebody."""
        started = time.perf_counter()
        busy = {worker.pipe: worker for worker in self.workers if worker.chunk}
        for pipe in wait(list(busy), timeout=1.0):
            worker = busy[pipe]  # type: ignore[index]
            try:
                chunk, made, trouble = worker.pipe.recv()
            except (EOFError, OSError):
                self.replace(worker)
                continue
            self.arrived[chunk.start] = (chunk, made, trouble)
            self.give(worker)
        if time.perf_counter() - started < CHUNK_SECONDS / 2:
            self.size = min(self.size * 2, 256)

    def replace(self, worker: Worker) -> None:
        """A worker has died: its chunk is for another."""
        worker.process.join()
        self.lost += 1
        chunk = worker.chunk
        self.workers.remove(worker)
        tries = self.tries[chunk.start] = self.tries.get(chunk.start, 1) + 1
        if tries > ATTEMPTS:
            raise UsageError(
                f"a process that made the runs {chunk.start + 1} to {chunk.stop} was ended twice"
                f" ({ended_by(worker.process.exitcode)}), perhaps for want of memory, or by the code under test;"
                " --jobs 1 makes all runs in one process"
            )
        self.again.append(chunk)
        self.hire()


def ended_by(code: int | None) -> str:
    """How a process ended, in words."""
    return f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
