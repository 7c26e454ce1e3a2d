"""A stored history of refold's own: by which properties it is judged, with which application, and what is left out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from refold.model.application import Application
from refold.model.declarations.count import Tally
from refold.model.documents.history import MalformedHistory, plain
from refold.model.event import Stored
from refold.model.parts.side_consumers import Joined
from refold.model.record import Applied, CheckpointSaved, Opened, Step
from refold.properties.partial_history import Beginning, beginning, middle_checker
from refold.properties.property import Finding
from refold.properties.suite import checker
from refold.reports.commands import outcome
from refold.reports.documents.files import read_history
from refold.reports.documents.json_report import finding_json
from refold.reports.words.explanation import explain, title
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import BrokenApplication, fault_of
from refold.search.vacuous import COUNTED, vacuous
from refold.systems.user.errors import let_through

FINDINGS_MAX = 100
"""Findings of one file that are reported; the first one counts, the rest often follow from it."""

OF_CONSUMERS = frozenset({Applied, CheckpointSaved})
"""Records of what a consumer did; it is judged by what the first line says that it promises."""

WITHOUT_APPLICATION = (
    "decisions (was each one right on what is true?), and contents (are rows, caches, rebuilt tables, snapshots and answers what the events"
    " amount to?): for that the application is needed"
)
"""What nobody can say without the application."""


class OtherApplication(Exception):
    """The application that a history names is not the one that refold knows by that name."""


class OutOfTime(Exception):
    """The CPU time that was allowed is over."""


class StoredHistory:
    """One file. `application` is the one that the user gave; without it, the one that the history names counts if it comes with refold:
    code of others is not run because a file says so."""

    def __init__(
        self,
        file: str,
        application: Application | None,
        result: dict[str, Any],
        heartbeat: Callable[[float], None],
        seconds: float | None = None,
    ) -> None:
        """`seconds`: CPU time that it may take; what was read by then is judged, and the rest is said to be unchecked."""
        self.file = file
        self.given = self.application = application
        self.result = result
        self.heartbeat = heartbeat
        self.seconds = seconds
        self.until = None if seconds is None else time.process_time() + seconds

    def judge(self) -> None:
        """Put into the result what there is to say; findings so far survive an error."""
        begins = self.beginning()
        self.result["not_checked"] = []
        if begins is not None:
            self.result["not_checked"].append(begins.not_checked())
        elif self.application is None:
            self.judge_as_named()
            return
        self.run(begins)

    def judge_as_named(self) -> None:
        """With the application that the history names, or without one."""
        named = self.named()
        why = "name it with --application"
        if named in EXAMPLES:
            self.application = EXAMPLES[named]()
            try:
                self.run(None)
                return
            except (OtherApplication, MalformedHistory) as error:
                if isinstance(error, MalformedHistory) and error.line > sum(1 for _ in self.readable()):
                    raise
                self.application = None
                self.result.update(verdict="undecided", not_checked=[])
                why = f"the history is one of another application than the {named} that comes with refold; {why}"
        elif named:
            why = f"the history names {named!r}, which does not come with refold; {why}"
        self.result["not_checked"].append(f"{WITHOUT_APPLICATION}; {why}")
        self.run(None)

    def named(self) -> str:
        """The application that the first line names."""
        opened = next(self.readable(), None)
        return opened.application if isinstance(opened, Opened) else ""

    def beginning(self) -> Beginning | None:
        """Where the history begins, if in the middle of a log."""
        return beginning(self.readable())

    def readable(self) -> Iterator[Any]:
        """The records until the first line that is wrong; that one is told when it is judged."""
        with suppress(MalformedHistory):
            yield from read_history(self.file, None)

    def run(self, begins: Beginning | None) -> None:
        """Every property that can be checked."""
        result, application = self.result, self.application
        judge = checker(application, plain) if begins is None else middle_checker(begins, plain)
        result["application"] = application.name if application is not None and begins is None else None
        feed = judge.feed
        tally = Tally(COUNTED)
        lines = 0
        complete = False
        consumers = True
        named: set[str] = set()
        unnamed: set[str] = set()
        findings: list[Finding] | None = None
        try:
            with self.watch() as alive:
                for record in self.records(alive):
                    kind = type(record)
                    if kind is Opened:
                        consumers = bool(record.consumers)
                        named.update(spec.name for spec in record.consumers)
                    elif kind is Joined:
                        named.add(record.spec.name)
                    elif kind in OF_CONSUMERS and record.consumer not in named:
                        unnamed.add(record.consumer)
                    feed(record)
                    lines += 1
                    tally.note(record)
                    if kind is Step:
                        tally.note(record.action)
                    if len(judge.findings) >= FINDINGS_MAX:
                        break
                complete = True
                findings = judge.finish()
        except OutOfTime:
            findings = judge.distinct()
            result["reason"] = f"the {self.seconds:g} s of CPU time were over at line {lines + 1}"
            result["not_checked"].append(f"everything from line {lines + 1} on: {result['reason']}")
        except outcome.NoAnswer as error:
            findings = judge.distinct()
            raise outcome.NoAnswer(f"line {lines + 1}: {error}") from None
        except BaseException as error:
            let_through(error)
            fault = None if application is None else fault_of(error, application)
            if fault is None:
                raise
            findings = judge.distinct()
            raise BrokenApplication(f"line {lines + 1}: {fault}") from error
        finally:
            findings = judge.finish() if findings is None else findings
            result["records"] = lines
            happened = tally.totals()
            result["counts"] = happened
            result["not_checked"].extend(
                f"what {name!r} did: the first line of the history does not name it among its consumers"
                for name in sorted(unnamed)
            )
            result["not_checked"].extend(judge.given_up())
            empty = vacuous(happened, 0, (), consumers and begins is None)
            if complete and empty is not None and not findings:
                findings.append(empty)
            result["findings"] = [finding_json(finding) for finding in findings]
            result["sentences"] = [told(finding) for finding in findings[:3]]
            if findings:
                result["verdict"] = "broken"
        if not result["findings"]:
            result["verdict"] = "held" if complete else "undecided"

    def records(self, alive: Callable[[], None]) -> Iterator[Any]:
        """The records, with signs of life; raises `OtherApplication` if the events are not those of an application that nobody gave."""
        size = max(os.path.getsize(self.file), 1)
        beat = 0
        assumed = self.application if self.given is None else None

        def read(done: int) -> None:
            nonlocal beat
            alive()
            if self.until is not None and time.process_time() > self.until:
                raise OutOfTime
            if done - beat > 1 << 22:
                beat = done
                self.heartbeat(done / size)

        for record in read_history(self.file, self.application, read):
            if assumed is not None and type(record) is Stored and record.type not in assumed.event_classes:
                raise OtherApplication
            yield record

    def watch(self) -> AbstractContextManager[Callable[[], None]]:
        """Nobody waits for ever for the application's own code, which the events of a file may send round in circles."""
        if self.application is None:
            return nullcontext(lambda: None)
        return outcome.time_limit(f"application {self.application.name!r}")


def told(finding: Finding) -> list[str]:
    """A finding in lines of prose."""
    return [
        title(finding),
        *(f"{word} {line}" for word, line in explain(finding).lines()),
    ]
