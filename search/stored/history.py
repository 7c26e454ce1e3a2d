"""A stored history of refold's own: by which properties it is judged, with which application, and what is left out."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from refold.model.application import Application
from refold.model.declarations.count import Tally
from refold.model.documents.history import HistoryReader, MalformedHistory, plain
from refold.model.errors import NoAnswer
from refold.model.event import Stored
from refold.model.parts.side_consumers import Joined
from refold.model.record import Applied, CheckpointSaved, Opened, Step
from refold.properties.partial_history import Beginning, beginning, partial_checker
from refold.properties.property import Checker
from refold.properties.suite import checker
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import BrokenApplication, fault_of
from refold.search.stored.files import Source
from refold.search.stored.judged import BROKEN, HELD, UNDECIDED, Judged
from refold.search.vacuous import COUNTED, vacuous
from refold.systems.user.errors import let_through

FINDINGS_MAX = 100
"""Findings of one file that are reported; the first one counts, the rest often follow from it."""

OF_CONSUMERS = frozenset({Applied, CheckpointSaved})
"""Records of what a consumer did; it is judged by what the first line says that it promises."""

RECORDS_A_COLLECTION = 1 << 16
"""Records between two runs of the garbage collector over what is new; each sixteenth looks at everything."""

WITHOUT_APPLICATION = (
    "decisions (was each one right on what is true?), and contents (are rows, caches, rebuilt tables, snapshots and answers what the events"
    " amount to?): for that the application is needed"
)
"""What nobody can say without the application."""

ENDINGS = (MalformedHistory, BrokenApplication, OSError, RecursionError, MemoryError)
"""What may end the reading of a history too early. What was found by then is kept, as it is at Ctrl-C and where nobody answers."""

Watch = Callable[[Application], AbstractContextManager[Callable[[], None]]]
"""Makes, for an application, what nobody waits for for ever: a context that gives a function to be called as a sign of life."""


class OtherApplication(Exception):
    """The application that a history names is not the one that refold knows by that name."""


class OutOfTime(Exception):
    """The CPU time that was allowed is over."""


def unwatched(application: Application) -> AbstractContextManager[Callable[[], None]]:
    """Nobody looks at the clock."""
    return nullcontext(lambda: None)


class StoredHistory:
    """One history. `application` is the one that the user gave; without it, the one that the history names counts if it comes with refold:
    code of others is not run because a file says so. `heartbeat` hears which share is read, `seconds` is the CPU time that it may take."""

    def __init__(
        self,
        source: Source,
        application: Application | None = None,
        *,
        heartbeat: Callable[[float], None] = lambda share: None,
        watch: Watch = unwatched,
        seconds: float | None = None,
    ) -> None:
        self.source = source
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
        judge = checker(application, plain) if begins is None else partial_checker(begins, plain)
        seen = Seen()
        error: BaseException | None = None
        try:
            with (
                nullcontext(lambda: None) if application is None else self.watch(application) as alive,
                collector_at_rest() as tidy,
            ):
                for batch in self.batches(application, alive):
                    try:
                        going_on = judge.feed_all(batch, FINDINGS_MAX)
                    finally:
                        seen.count(batch[: judge.number - seen.records])
                    if not going_on:
                        break
                    tidy(judge.number)
                judge.finish()
        except OtherApplication:
            raise
        except OutOfTime as ending:
            error = ending
        except BaseException as ending:
            error = ended(ending, application, seen.line)
        return self.verdict(judge, seen, application, begins, not_checked, error)

    def verdict(
        self,
        judge: Checker,
        seen: Seen,
        application: Application | None,
        begins: Beginning | None,
        not_checked: tuple[str, ...],
        error: BaseException | None,
    ) -> Judged:
        """What was found, and what was not looked at."""
        findings = (
            judge.distinct()
            if error is None or isinstance(error, OutOfTime | NoAnswer | BrokenApplication)
            else judge.finish()
        )
        happened = seen.tally.totals()
        if error is None and not findings:
            empty = vacuous(happened, 0, (), seen.consumers and begins is None)
            findings = [] if empty is None else [empty]
        reason = ""
        if isinstance(error, OutOfTime):
            reason = f"the {self.seconds:g} s of CPU time were over at line {seen.line}"
            not_checked = (*not_checked, f"everything from line {seen.line} on: {reason}")
        return Judged(
            BROKEN if findings else HELD if error is None else UNDECIDED,
            "refold",
            seen.records,
            tuple(findings),
            (*not_checked, *seen.unnamed(), *judge.given_up()),
            happened,
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

        for batch in HistoryReader(application).batches(self.source.blocks(read)):
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


class Seen:
    """What a history was made of, as far as it was read."""

    def __init__(self) -> None:
        self.records = 0
        self.tally = Tally(COUNTED)
        self.consumers = True
        self.named: set[str] = set()
        self.strangers: set[str] = set()

    @property
    def line(self) -> int:
        """The one that comes next."""
        return self.records + 1

    def count(self, records: list[Any]) -> None:
        """Some more records that were judged."""
        self.records += len(records)
        naming = self.naming()
        self.tally.run(records, [record.action for record in records if type(record) is Step])
        acted = {record.consumer for record in records if type(record) in OF_CONSUMERS}
        if acted - self.named - self.strangers or self.naming() > naming:
            self.look(records)

    def naming(self) -> int:
        """How many records there were so far that name consumers."""
        return self.tally.kinds[Opened] + self.tally.kinds[Joined]

    def look(self, records: list[Any]) -> None:
        """Who is named, and who acts without a name: one record after the other."""
        for record in records:
            if type(record) is Opened:
                self.consumers = bool(record.consumers)
                self.named.update(spec.name for spec in record.consumers)
            elif type(record) is Joined:
                self.named.add(record.spec.name)
            elif type(record) in OF_CONSUMERS and record.consumer not in self.named:
                self.strangers.add(record.consumer)

    def unnamed(self) -> Iterator[str]:
        """What cannot be judged of consumers that the first line does not name."""
        for name in sorted(self.strangers):
            yield f"what {name!r} did: the first line of the history does not name it among its consumers"
