"""One history, judged by several processes: each reads it and judges a share of the properties.

What they find is put into the order in which one process would have found it. Where that cannot be done exactly (findings beyond the
number that is reported, an application that raises, values that cannot be copied to another process), nothing is returned, and the
caller judges the history again in one process; so the result never depends on how many there are.

Contract: a process may be ended from outside. What the others find is kept, and what it would have judged is named.
"""

from __future__ import annotations

import gc
import mmap
import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

import attrs

from refold.model.documents.history import MalformedHistory
from refold.model.errors import SystemUnavailable
from refold.properties.property import Checker, distinct
from refold.properties.shares import AT_THE_END, Placed, Share, in_order_of_one
from refold.search.stored.seen import Contents
from refold.search.workers import GRACE_SECONDS, ended_by
from refold.systems.parent import die_with_parent

BEAT_SECONDS = 0.2
"""Between two looks at how far the processes are."""

WHOLE, CUT, WRONG, STRANGE, AGAIN = "whole", "cut", "wrong", "strange", "again"
"""How a process ended: it has read everything; it was told to stop; a line is wrong; the events are those of another application; the
history must be judged again in one process."""


@attrs.frozen
class Judgement:
    """What one process has to say. `wrong` is the line that is wrong, and what is wrong with it."""

    ending: str
    contents: Contents = attrs.field(factory=Contents)
    found: list[Placed] = attrs.field(factory=list)
    forgotten: list[Placed] = attrs.field(factory=list)
    wrong: tuple[int, str] = (0, "")


class Board:
    """What the processes tell each other while they read, in memory that they share."""

    def __init__(self, jobs: int) -> None:
        self.memory = mmap.mmap(-1, 8 * (1 + 2 * jobs))
        self.cells = memoryview(self.memory).cast("q")
        self.jobs = jobs

    def stop(self) -> None:
        """Nobody shall read on."""
        self.cells[0] = 1

    @property
    def stopped(self) -> bool:
        """Whether somebody said so."""
        return self.cells[0] != 0

    def tell(self, job: int, findings: int, permille: int) -> None:
        """How much one has found, and how far it is."""
        self.cells[1 + job] = findings
        self.cells[1 + self.jobs + job] = permille

    def findings(self) -> int:
        """Of all."""
        return sum(self.cells[1 : 1 + self.jobs])

    def share(self) -> float:
        """How far the last one is."""
        return min(self.cells[1 + self.jobs :]) / 1000


@attrs.define
class Judging:
    """One of them: the process, its end of the pipe, what it owns, and what it said."""

    process: Any
    pipe: Connection
    owned: list[int]
    part: Judgement | None = None

    def how(self) -> str:
        """How it was ended, in words."""
        return ended_by(self.process.exitcode)


Read = Callable[[Share, Board, int], Judgement]
"""Reads the history in a process: judge with this share, look at the board, as the process with this number."""


@attrs.frozen
class Together:
    """What all processes found. `error` is what ended the reading; `strange`: the events are those of another application."""

    findings: list[Any] = attrs.field(factory=list)
    forgotten: tuple[str, ...] = ()
    contents: Contents = attrs.field(factory=Contents)
    unjudged: tuple[str, ...] = ()
    error: BaseException | None = None
    strange: bool = False


class SideBySide:
    """Processes for one history. `make` makes the checker of everything, `read` is what each of them does."""

    def __init__(
        self,
        make: Callable[[], Checker],
        read: Read,
        groups: list[list[int]],
        findings_max: int,
        heartbeat: Callable[[float], None],
    ) -> None:
        self.make = make
        self.read = read
        self.groups = groups
        self.findings_max = findings_max
        self.heartbeat = heartbeat
        self.board = Board(len(groups))
        self.processes: list[Judging] = []

    def together(self) -> Together | None:
        """What they find; None if only one process can tell."""
        interruption: KeyboardInterrupt | None = None
        try:
            try:
                for job in range(len(self.groups)):
                    self.start(job)
                self.listen(None)
            except KeyboardInterrupt as error:
                interruption = error
                self.board.stop()
                self.listen(time.monotonic() + GRACE_SECONDS)
        finally:
            self.end()
        return self.merged(interruption)

    def start(self, job: int) -> None:
        """One more."""
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=self.life, args=(job, theirs, os.getpid()), daemon=True)
        process.start()
        theirs.close()
        self.processes.append(Judging(process, ours, self.groups[job]))

    def life(self, job: int, pipe: Connection, parent: int) -> None:
        """In the process: read, judge, tell, end."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            die_with_parent(parent)
            gc.freeze()
            pipe.send_bytes(self.told(job))
        finally:
            os._exit(0)

    def told(self, job: int) -> bytes:
        """What there is to say, as bytes. Whatever goes wrong is for one process, which says it as ever."""
        try:
            return pickle.dumps(self.read(share_of(self.make(), self.groups, job), self.board, job))
        except BaseException:
            return pickle.dumps(Judgement(AGAIN))

    def listen(self, until: float | None) -> None:
        """Hear what they say, at most until then. If one of them says that it is no use, the others need not go on."""
        while waiting := {each.pipe: each for each in self.processes if each.part is None and not each.pipe.closed}:
            if until is not None and time.monotonic() > until:
                return
            for pipe in wait(list(waiting), timeout=BEAT_SECONDS):
                each = waiting[pipe]  # type: ignore[index]
                try:
                    each.part = understood(each.pipe.recv_bytes())
                except (EOFError, OSError):
                    each.pipe.close()
                    continue
                if each.part.ending in (AGAIN, STRANGE):
                    self.board.stop()
            self.heartbeat(self.board.share())

    def end(self) -> None:
        """Nobody is left."""
        for each in self.processes:
            if each.part is None and not each.pipe.closed:
                each.process.kill()
        for each in self.processes:
            each.process.join()
            each.pipe.close()

    def merged(self, interruption: KeyboardInterrupt | None) -> Together | None:
        """What one process would have said."""
        parts = [each.part for each in self.processes if each.part is not None]
        endings = {part.ending for part in parts}
        if interruption is None:
            if STRANGE in endings:
                return Together(strange=True)
            if AGAIN in endings or len(endings) > 1 or len({(part.contents.records, part.wrong) for part in parts}) > 1:
                return None
        found = [placed for part in parts for placed in part.found]
        if interruption is None and sum(placed.number != AT_THE_END for placed in found) >= self.findings_max:
            return None
        lost = [each for each in self.processes if each.part is None]
        error: BaseException | None = interruption
        if error is None and lost:
            error = killed(lost, self.names(lost))
        elif error is None and WRONG in endings:
            error = MalformedHistory(*parts[0].wrong)
        return Together(
            distinct(in_order_of_one(found)),
            tuple(dict.fromkeys(in_order_of_one(placed for part in parts for placed in part.forgotten))),
            min((part.contents for part in parts), key=lambda contents: contents.records, default=Contents()),
            self.unjudged(lost) if error is not interruption else (),
            error,
        )

    def unjudged(self, lost: Sequence[Judging]) -> tuple[str, ...]:
        """What nobody judged, in words."""
        names = self.names(lost)
        return (f"{names}: the process that judged this was ended",) if names else ()

    def names(self, lost: Sequence[Judging]) -> str:
        """Of the properties that these own."""
        properties = self.make().properties
        judges = [properties[place] for each in lost for place in each.owned]
        return ", ".join(dict.fromkeys(judge.name for judge in judges if judge.guarantee))


def share_of(whole: Checker, groups: Sequence[Sequence[int]], job: int) -> Share:
    """What one of them judges. Properties that come with a kind of record are dealt out in turn."""
    owner = {place: number for number, group in enumerate(groups) for place in group}
    return Share(whole, lambda place: owner.get(place, place % len(groups)) == job)


def understood(said: bytes) -> Judgement:
    """What a process said, if that can be made from bytes here."""
    with suppress(Exception):
        part = pickle.loads(said)
        if isinstance(part, Judgement):
            return part
    return Judgement(AGAIN)


def killed(lost: Sequence[Judging], names: str) -> SystemUnavailable:
    """A process was ended from outside, or by the code under test."""
    return SystemUnavailable(
        f"a process that judged {names or 'a part of the properties'} was ended ({lost[0].how()}), perhaps for want of memory; what the"
        " others found is kept; --jobs 1 judges everything in one process"
    )
