"""Hands: the processes that take the steps of an exploration. What they come back with does not depend on how many there are."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

from refold.model.errors import SystemUnavailable
from refold.search.explore.visitor import OpenState, Transition, Visitor
from refold.search.workers import why_not
from refold.systems.parent import die_with_parent

CHUNK = 16
"""Nodes that a process is given at once."""

_visitor: list[Visitor] = []
"""In a process of its own: who goes there."""


def begin(visitor: Visitor) -> None:
    """The first thing that such a process does. It ends when it is told to, or with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()
    _visitor.append(visitor)


def work(nodes: Sequence[OpenState]) -> list[list[Transition]]:
    """All that can be done from each of these nodes."""
    return [_visitor[0].edges(node) for node in nodes]


class Hands:
    """So many processes, or this one, if one was asked for or none can be forked."""

    chunk = CHUNK

    def __init__(self, visitor: Visitor, jobs: int) -> None:
        self.visitor = visitor
        self.pool: ProcessPoolExecutor | None = None
        if not why_not(jobs):
            context = multiprocessing.get_context("fork")
            self.pool = ProcessPoolExecutor(jobs, context, begin, (visitor,))

    def __enter__(self) -> Hands:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=error is None, cancel_futures=True)

    def edges(self, nodes: Sequence[OpenState]) -> Iterator[list[Transition]]:
        """What can be done from each, in order."""
        if self.pool is None:
            yield from map(self.visitor.edges, nodes)
            return
        chunks = [nodes[start : start + CHUNK] for start in range(0, len(nodes), CHUNK)]
        try:
            for done in self.pool.map(work, chunks):
                yield from done
        except BrokenProcessPool as error:
            raise SystemUnavailable(
                "a process that explores was ended from outside; start again with --jobs 1, or free some memory"
            ) from error
