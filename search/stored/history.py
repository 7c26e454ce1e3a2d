"""A stored history of refold's own: by which properties it is judged, with which application, and what is left out."""

from __future__ import annotations

import gc
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Protocol

import attrs

from refold.model.application import Application
from refold.model.documents.history import HistoryReader, MalformedHistory, plain
from refold.model.errors import NoAnswer
from refold.model.event import Stored
from refold.model.record import Opened
from refold.properties.partial_history import Beginning, beginning, partial_checker
from refold.properties.property import Checker, Finding
from refold.properties.shares import Division, Share, divided, measured
from refold.properties.suite import checker
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import BrokenApplication, fault_of
from refold.search.stored.files import Source
from refold.search.stored.judged import BROKEN, HELD, UNDECIDED, Judged
from refold.search.stored.seen import Contents, Seen
from refold.search.stored.side_by_side import AGAIN, CUT, STRANGE, WHOLE, WRONG, Board, Judgement, SideBySide
from refold.search.vacuous import vacuous
from refold.search.workers import why_not
from refold.systems.user.errors import let_through

FINDINGS_MAX = 100
"""Findings of one file that are reported; the first one counts, the rest often follow from it."""

RECORDS_A_COLLECTION = 1 << 16
"""Records between two runs of the garbage collector over what is new; each sixteenth looks at everything."""

SAMPLE = 4096
"""Records by which is measured how long each property takes, before they are divided among processes."""

PASSES = 2
"""How often they are judged for that; the quicker pass counts, because a busy machine makes a property slow at random."""

BYTES_TO_DIVIDE = 8 << 20
"""Shorter histories are judged by one process, unless the user says otherwise: they take a second or less."""

SECONDS_TO_SAVE = 1.0
SHARE_TO_SAVE = 0.25
"""What several processes must save, of the time that one takes, to be worth it: each of them reads the whole history."""

WITHOUT_APPLICATION = (
    "decisions (was each one right on what is true?), and contents (are rows, caches, rebuilt tables, snapshots and answers what the events"
    " amount to?): for that the application is needed"
)
"""What nobody can say without the application."""

ENDINGS = (MalformedHistory, BrokenApplication, OSError, RecursionError, MemoryError)
"""What may end the reading of a history too early. What was found by then is kept, as it is at Ctrl-C and where nobody answers."""

Watch = Callable[[Application], AbstractContextManager[Callable[[], None]]]
"""Makes, for an application, what nobody waits for for ever: a context that gives a function to be called as a sign of life."""


@attrs.frozen
class Read:
    """What the properties said of a history. `error` is what ended the reading too early; `forgotten` and `unjudged` say what was not
    checked."""

    findings: Sequence[Finding]
    contents: Contents
    forgotten: tuple[str, ...]
    error: BaseException | None = None
    unjudged: tuple[str, ...] = ()


@attrs.frozen
class Judges:
    """By whom a history is judged: with an application or without one, from its first event or from the middle (`begins`) on."""

    application: Application | None
    begins: Beginning | None = None

    def checker(self) -> Checker:
        """New ones."""
        return checker(self.application, plain) if self.begins is None else partial_checker(self.begins, plain)


class Remote(Protocol):
    """Other machines, with so many processes, that judge a history side by side."""

    @property
    def processes(self) -> int: ...

    def side_by_side(
        self, source: Source, judges: Judges, groups: list[list[int]], heartbeat: Callable[[float], None]
    ) -> SideBySide:
        """The processes that judge these groups of properties."""
        ...


class OtherApplication(Exception):
    """The application that a history names is not the one that refold knows by that name."""


class OutOfTime(Exception):
    """The CPU time that was allowed is over."""


def available() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def unwatched(application: Application) -> AbstractContextManager[Callable[[], None]]:
    """Nobody looks at the clock."""
    return nullcontext(lambda: None)


class StoredHistory:
    """One history. `application` is the one that the user gave; without it, the one that the history names counts if it comes with refold:
    code of others is not run because a file says so. `heartbeat` hears which share is read, `seconds` is the CPU time that it may
    take, which is counted in one process; `jobs` is how many processes judge it otherwise, where processes can be forked; None: as many
    as there are cores if that saves enough. `remote` has processes of its own on other machines."""

    def __init__(
        self,
        source: Source,
        application: Application | None = None,
        *,
        heartbeat: Callable[[float], None] = lambda share: None,
        watch: Watch = unwatched,
        seconds: float | None = None,
        jobs: int | None = 1,
        remote: Remote | None = None,
    ) -> None:
        self.source = source
        self.jobs = jobs
        self.remote = remote
        self.given = application
        self.heartbeat = heartbeat
        self.watch = watch
        self.seconds = seconds
        self.until = None if seconds is None else time.process_time() + seconds

    def judged(self) -> Judged:
        """The verdict; findings so far survive what ends the reading, which is in the verdict too."""
        begins = beginning(self.readable())
        if begins is not None:
            return self.run(None, begins, (begins.not_checked(),))
        if self.given is not None:
            return self.run(self.given)
        return self.judged_as_named()

    def judged_as_named(self) -> Judged:
        """With the application that the history names, or without one."""
        opened = next(self.readable(), None)
        named = opened.application if isinstance(opened, Opened) else ""
        why = "name it with --application"
        if named in EXAMPLES:
            with suppress(OtherApplication):
                found = self.run(EXAMPLES[named]())
                strange = isinstance(found.error, MalformedHistory) and found.error.line <= sum(
                    1 for _ in self.readable()
                )
                if not strange:
                    return found
            why = f"the history is one of another application than the {named} that comes with refold; {why}"
        elif named:
            why = f"the history names {named!r}, which does not come with refold; {why}"
        return self.run(None, None, (f"{WITHOUT_APPLICATION}; {why}",))

    def readable(self) -> Iterator[Any]:
        """The records until the first line that is wrong; that one is told when it is judged."""
        with suppress(MalformedHistory):
            yield from HistoryReader(None).records(self.source.lines())

    def run(
        self, application: Application | None, begins: Beginning | None = None, not_checked: tuple[str, ...] = ()
    ) -> Judged:
        """Every property that can be checked; raises `OtherApplication`."""
        judges = Judges(application, begins)
        read = None if self.alone() else self.read_side_by_side(judges)
        if read is None:
            read = self.read_alone(judges.checker(), application)
        return self.verdict(read, application, begins, not_checked)

    def alone(self) -> bool:
        """Whether one process judges it: CPU time is counted in one."""
        if self.seconds is not None or (self.jobs is None and self.source.size < BYTES_TO_DIVIDE):
            return True
        return self.remote is None and why_not(self.processes) != ""

    @property
    def processes(self) -> int:
        """How many may be used."""
        return self.jobs or (available() if self.remote is None else self.remote.processes)

    def read_alone(self, judge: Checker, application: Application | None) -> Read:
        """In this process."""
        seen = Seen()
        error: BaseException | None = None
        try:
            self.feed(judge, seen, application, lambda: len(judge.findings) >= FINDINGS_MAX)
        except OtherApplication:
            raise
        except OutOfTime as ending:
            error = ending
        except BaseException as ending:
            error = ended(ending, application, seen.line)
        findings = (
            judge.distinct()
            if error is None or isinstance(error, OutOfTime | NoAnswer | BrokenApplication)
            else judge.finish()
        )
        return Read(findings, seen.contents(), judge.given_up(), error)

    def feed(self, judge: Checker, seen: Seen, application: Application | None, enough: Callable[[], bool]) -> None:
        """Everything, until there is enough, and then the end."""
        with (
            nullcontext(lambda: None) if application is None else self.watch(application) as alive,
            collector_at_rest() as tidy,
        ):
            for batch in self.batches(application, alive):
                try:
                    judge.feed_all(batch, FINDINGS_MAX)
                finally:
                    seen.count(batch[: judge.number - seen.records])
                if enough():
                    break
                tidy(judge.number)
            judge.finish()

    def read_side_by_side(self, judges: Judges) -> Read | None:
        """In several processes; None if it must be judged in this one. Raises `OtherApplication`."""
        division = self.division(judges)
        if division is None:
            return None
        found = self.side_by_side(judges, division.groups).together()
        if found is None:
            return None
        if found.strange:
            raise OtherApplication
        return Read(found.findings, found.contents, found.forgotten, found.error, found.unjudged)

    def side_by_side(self, judges: Judges, groups: list[list[int]]) -> SideBySide:
        """The processes: here, or elsewhere."""
        if self.remote is not None:
            return self.remote.side_by_side(self.source, judges, groups, self.heartbeat)
        return SideBySide(
            judges.checker,
            lambda share, board, job: self.part(share, board, job, judges.application),
            groups,
            FINDINGS_MAX,
            self.heartbeat,
        )

    def division(self, judges: Judges) -> Division | None:
        """How the properties are divided; None if that is of no use, or if the sample shows that only one process can tell."""
        started = time.process_time()
        try:
            with nullcontext() if judges.application is None else self.watch(judges.application):
                lines = list(itertools.islice(self.source.lines(), SAMPLE))
                passes = [
                    measured(judges.checker(), HistoryReader(judges.application).records(lines)) for _ in range(PASSES)
                ]
        except KeyboardInterrupt:
            raise
        except BaseException:  # whatever it is, it comes again in this process, where it is told
            return None
        took = (time.process_time() - started) / PASSES
        seconds = list(map(min, *passes))
        division = divided(judges.checker().properties, seconds, self.processes)
        saved = division.seconds - division.longest
        worth = saved * self.source.size / sum(map(len, lines)) >= SECONDS_TO_SAVE and saved >= SHARE_TO_SAVE * took
        return division if worth or self.jobs is not None else None

    def part(self, share: Share, board: Board, job: int, application: Application | None) -> Judgement:
        """In one of several processes: what it says. Raises whatever only one process can tell."""
        read = 0.0

        def beat(share: float) -> None:
            nonlocal read
            read = share

        def enough() -> bool:
            board.tell(job, len(share.findings), int(read * 1000))
            return board.stopped or board.findings() >= FINDINGS_MAX

        self.heartbeat = beat
        seen = Seen()
        ending, wrong = WHOLE, (0, "")
        try:
            self.feed(share, seen, application, enough)
        except OtherApplication:
            return Judgement(STRANGE)
        except MalformedHistory as error:
            ending, wrong = WRONG, (error.line, error.what)
            share.finish()
        if board.stopped:
            ending = CUT
        elif board.findings() >= FINDINGS_MAX:
            return Judgement(AGAIN)
        return Judgement(ending, seen.contents(), share.placed, share.forgotten(), wrong)

    def verdict(
        self, read: Read, application: Application | None, begins: Beginning | None, not_checked: tuple[str, ...]
    ) -> Judged:
        """What was found, and what was not looked at."""
        findings, contents, error = list(read.findings), read.contents, read.error
        if error is None and not findings:
            empty = vacuous(contents.counts, 0, (), contents.consumers and begins is None)
            findings = [] if empty is None else [empty]
        reason = ""
        if isinstance(error, OutOfTime):
            line = contents.records + 1
            reason = f"the {self.seconds:g} s of CPU time were over at line {line}"
            not_checked = (*not_checked, f"everything from line {line} on: {reason}")
        return Judged(
            BROKEN if findings else HELD if error is None else UNDECIDED,
            "refold",
            contents.records,
            tuple(findings),
            (*not_checked, *read.forgotten, *read.unjudged),
            contents.counts,
            application if begins is None else None,
            reason=reason,
            error=None if isinstance(error, OutOfTime) else error,
        )

    def batches(self, application: Application | None, alive: Callable[[], None]) -> Iterator[list[Any]]:
        """The records, with signs of life; raises `OtherApplication` if the events are not those of an application that nobody gave, and
        `OutOfTime`."""
        size = max(self.source.size, 1)
        beat = 0
        assumed = application if self.given is None else None

        def read(done: int) -> None:
            nonlocal beat
            alive()
            if self.until is not None and time.process_time() > self.until:
                raise OutOfTime
            if done - beat > 1 << 22:
                beat = done
                self.heartbeat(done / size)

        for batch in HistoryReader(application, unread=True).batches(self.source.blocks(read)):
            if assumed is not None:
                known = assumed.event_classes
                if any(type(record) is Stored and record.type not in known for record in batch):
                    raise OtherApplication
            yield batch


def ended(error: BaseException, application: Application | None, line: int) -> BaseException:
    """What ended the reading, with the line where it did; raises what is no ending but a fault of refold, or stops everything."""
    if isinstance(error, NoAnswer):
        return NoAnswer(f"line {line}: {error}")
    if isinstance(error, KeyboardInterrupt):
        return error
    let_through(error)
    fault = None if application is None else fault_of(error, application)
    if fault is not None:
        broken = BrokenApplication(f"line {line}: {fault}")
        broken.__cause__ = error
        return broken
    if isinstance(error, ENDINGS):
        return error
    raise error


@contextmanager
def collector_at_rest() -> Iterator[Callable[[int], None]]:
    """Records are not what the garbage collector is for, but an application may be: it runs when the function that this gives is told that
    many more were judged."""
    was, since, times = gc.isenabled(), 0, 0

    def tidy(judged: int) -> None:
        nonlocal since, times
        if judged - since >= RECORDS_A_COLLECTION:
            since = judged
            times += 1
            gc.collect(1 if times % 16 else 2)

    gc.disable()
    try:
        yield tidy
    finally:
        if was:
            gc.enable()
