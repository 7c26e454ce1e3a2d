"""``refold check --follow``: judge histories while they are written."""

from __future__ import annotations

import pathlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import click

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.properties.property import Finding
from refold.reports.commands import outcome
from refold.reports.documents.json_report import finding_json
from refold.reports.documents.openmetrics import Metric, exposition
from refold.reports.words.explained import Explained, explain_finding
from refold.reports.words.stored import sentences
from refold.reports.words.values import inert
from refold.search.stored.followed import FollowedHistory, opens
from refold.search.stored.growing import Added, growth
from refold.search.stored.history import FINDINGS_MAX, collector_at_rest
from refold.search.stored.judged import BROKEN, HELD, UNDECIDED
from refold.search.whole import write

POLL_SECONDS = 0.2
"""Between two looks at files that do not grow."""
METRICS_SECONDS = 1.0
"""Between two writings of the metrics while files grow."""


class FollowedPath:
    """A file or a folder, and what was found in its histories. `say` hears each finding and each error at once."""

    def __init__(self, path: str, application: Application | None, say: Callable[[list[str]], None]) -> None:
        self.path = path
        self.growth = growth(path)
        self.application = application
        self.say = say
        self.history: FollowedHistory | None = None
        self.histories = 0
        self.records = 0
        self.found: Counter[tuple[str, str]] = Counter()
        self.told: list[Explained] = []
        self.counts: Counter[str] = Counter()
        self.not_checked: dict[str, None] = {}
        self.error = ""
        self.errors = 0
        self.grown = time.time()
        self.over = False
        """Nothing more will be read."""

    def more(self) -> Iterator[int]:
        """Judge what was added, some lines at a time; gives how many bytes they have. After an error of the file or the folder there is
        nothing more."""
        if self.over:
            return
        try:
            for added in self.growth.more():
                self.grown = time.time()
                self.feed(added)
                yield len(added.lines)
            if self.growth.finished:
                self.over = True
                self.end(over=True)
        except (UsageError, OSError) as error:
            self.over = True
            self.fail(error)

    def feed(self, added: Added) -> None:
        """Some lines: of the history at hand, or of a new one if they begin it."""
        if self.history is None or (added.first and opens(added.lines)):
            self.end(over=True)
            self.history = FollowedHistory(added.file, self.application)
            self.histories += 1
        failed = self.history.error is not None
        self.tell(self.history.feed(added.lines))
        if self.history.error is not None and not failed:
            self.fail(self.history.error)

    def tell(self, findings: Sequence[Finding]) -> None:
        """Say what was found."""
        for finding in findings:
            if len(self.told) < FINDINGS_MAX:
                explained = explain_finding(finding)
                self.told.append(explained)
                self.say([f"{self.name}: {BROKEN}", *(f"    {line}" for line in sentences(explained))])

    @property
    def name(self) -> str:
        """Of the history at hand."""
        return self.path if self.history is None else self.history.name

    def fail(self, error: BaseException) -> None:
        """Something could not be read, or judged."""
        said = outcome.sentence_about(self.name, error, within=self.path)
        self.error = self.error or said
        self.errors += 1
        outcome.complain(said)

    def end(self, over: bool) -> None:
        """Add what the history at hand has come to; if it is `over`, and not only left, its end is judged too."""
        history, self.history = self.history, None
        if history is None:
            return
        self.tell(history.end() if over else history.fresh())
        self.records += history.records
        self.found.update(history.found)
        self.counts.update(history.counts())
        self.not_checked.update(dict.fromkeys(history.not_checked()))

    def sofar(self) -> tuple[int, Counter[tuple[str, str]]]:
        """Records, and findings by anomaly and guarantee, of all histories."""
        if self.history is None:
            return self.records, self.found
        return self.records + self.history.records, self.found + self.history.found

    def result(self) -> dict[str, Any]:
        """What `refold check` says of a file."""
        verdict = BROKEN if self.found else UNDECIDED if self.error or not self.records else HELD
        result: dict[str, Any] = {
            "file": self.path,
            "format": "refold",
            "records": self.records,
            "histories": self.histories,
            "verdict": verdict,
            "application": None if self.application is None else self.application.name,
            "counts": dict(self.counts),
            "not_checked": list(self.not_checked),
            "findings": [finding_json(each) for each in self.told],
            "blame": None,
        }
        if self.error:
            result["error"] = self.error
        elif not self.records:
            result["reason"] = "nothing that can be judged was written"
            result["sentences"] = [[result["reason"]]]
        return result


class Follower:
    """Follows files and folders until nothing came for `idle` seconds (None: for ever), and keeps the metrics up to date. Metrics that
    cannot be written at all end it; those that cannot be written for a while do not."""

    def __init__(self, paths: Sequence[FollowedPath], metrics: str | None = None, idle: float | None = None) -> None:
        self.paths = paths
        self.metrics = None if metrics is None else pathlib.Path(metrics)
        self.idle = idle
        self.written = 0.0
        self.lacking = False
        """The metrics on disk are those of an earlier moment."""

    def run(self, application: Application | None) -> None:
        """Look again and again."""
        watch: AbstractContextManager[Callable[[], None]] = (
            nullcontext(lambda: None)
            if application is None
            else outcome.time_limit(f"application {application.name!r}")
        )
        with watch as alive, collector_at_rest() as tidy:
            last = time.monotonic()
            while not all(path.over for path in self.paths):
                alive()
                grew = False
                for path in self.paths:
                    for _ in path.more():
                        grew = True
                        alive()
                        tidy(sum(each.sofar()[0] for each in self.paths))
                        self.tell()
                now = time.monotonic()
                if grew:
                    last = now
                    continue
                self.tell()
                if self.idle is not None and now - last >= self.idle:
                    return
                time.sleep(POLL_SECONDS)

    def end(self) -> list[dict[str, Any]]:
        """The results."""
        for path in self.paths:
            path.end(over=False)
        self.tell(at_once=True)
        return [path.result() for path in self.paths]

    def tell(self, at_once: bool = False) -> None:
        """Write the metrics, now and then."""
        if self.metrics is None or (not at_once and time.monotonic() - self.written < METRICS_SECONDS):
            return
        first, self.written = not self.written, time.monotonic()
        try:
            write(self.metrics, exposition(measured(self.paths)))
            self.lacking = False
        except OSError as error:
            if first:
                raise
            if not self.lacking:
                outcome.complain(f"{self.metrics} could not be written: {error.strerror}; judging continues")
            self.lacking = True


def measured(paths: Sequence[FollowedPath]) -> list[Metric]:
    """What can be watched from outside."""
    broken = Metric("refold_check_broken", "gauge", "1 if there is at least one finding, otherwise 0.")
    behind = Metric("refold_check_behind_bytes", "gauge", "Bytes that have been written but not judged yet.", "bytes")
    grown = Metric("refold_check_last_growth_timestamp_seconds", "gauge", "Unix time of the last addition.", "seconds")
    records = Metric("refold_check_records", "counter", "Records that were judged.")
    histories = Metric("refold_check_histories", "counter", "Histories that were started.")
    errors = Metric("refold_check_errors", "counter", "Times that reading or judging had to stop.")
    findings = Metric("refold_check_findings", "counter", "Findings, by anomaly and guarantee.")
    for path in paths:
        judged, found = path.sofar()
        of_path = {"path": path.path}
        broken.add(int(bool(found)), of_path)
        behind.add(path.growth.behind, of_path)
        grown.add(round(path.grown, 3), of_path)
        records.add(judged, of_path)
        histories.add(path.histories, of_path)
        errors.add(path.errors, of_path)
        for (anomaly, guarantee), times in sorted(found.items()):
            findings.add(times, {**of_path, "anomaly": anomaly, "guarantee": guarantee})
    return [broken, behind, grown, records, histories, errors, findings]


def follow(
    paths: Sequence[str], application: Application | None, metrics: str | None, idle: float | None, *, quiet: bool
) -> list[dict[str, Any]]:
    """Follow until nothing comes, or Ctrl-C; returns the results. Findings are printed as they come, unless `quiet`."""

    def say(lines: list[str]) -> None:
        if not quiet:
            with outcome.speaking():
                for line in lines:
                    click.echo(inert(line))

    follower = Follower([FollowedPath(path, application, say) for path in paths], metrics, idle)
    with suppress(KeyboardInterrupt):
        follower.run(application)
    return follower.end()
