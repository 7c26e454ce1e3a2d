"""``refold check``: judge stored histories, refold's own and those of other tools."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Literal

import click
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.words import short
from refold.properties.accounts.finding import Account
from refold.properties.linearizability import HistoryError
from refold.reports.commands import outcome
from refold.reports.commands.cli import Time
from refold.reports.commands.follow import follow as followed
from refold.reports.commands.on_cluster import OnCluster
from refold.reports.documents.check_page import CheckPages
from refold.reports.documents.files import ready
from refold.reports.documents.json_report import finding_json
from refold.reports.documents.unpacked import STANDARD_INPUT, unpacked
from refold.reports.words.black_box import account_sentences, verdict_sentences
from refold.reports.words.stored import SHOWN, explain_judged, sentences
from refold.reports.words.values import inert
from refold.search.matrix.tasks import Tasks, refuse_jobs
from refold.search.objects.application_check import application_named, trial
from refold.search.stored.black_box import BlackBox
from refold.search.stored.checking import FORMATS as READ
from refold.search.stored.checking import format_of
from refold.search.stored.cloudevents import cloudevents_history
from refold.search.stored.etcd_report import etcd_history, is_etcd_report
from refold.search.stored.files import FileSource, MemorySource, Source, refuse_pipe
from refold.search.stored.history import BYTES_TO_DIVIDE, FINDINGS_MAX, StoredHistory
from refold.search.stored.judged import Judged
from refold.search.stored.on_workers import Mail, Workers

FORMATS = (*READ, "etcd")

GIVEN_AGAIN = 4
"""How often a history is given to a cluster again whose workers have died with it: by chance, because what it does to its own process does
not reach them."""


@click.command(short_help="Check histories recorded earlier or by another tool.")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True, readable=False), metavar="FILE…")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="auto",
    help="Read the files in this format (default: auto, which detects the format of each file).",
)
@click.option(
    "--application",
    metavar="NAME",
    help="In histories with positions, also check decisions and contents, using this application: accounts, courses, inventory, rota,"
    " MODULE:OBJECT or FILE.py:OBJECT (default: the application that the history names, if it comes with refold).",
)
@click.option(
    "--model",
    default="cas-register",
    metavar="MODEL",
    help="Check histories without positions against this model (default: cas-register). For linearizability: cas-register, counter,"
    " fifo-queue, mutex, set or MODULE:OBJECT. Judged without a search: kafka, list-append, queue, set-full, total-queue.",
)
@click.option(
    "--initial", default="null", metavar="VALUE", help="Set the initial value of every object, as JSON (default: null)."
)
@click.option(
    "--nil-reads",
    type=click.Choice(("value", "any")),
    default="value",
    help="Interpret a read of nil: 'value' as the value null, 'any' as any value (default: value).",
)
@click.option(
    "--fail",
    "fail",
    type=click.Choice(("refuses", "nothing")),
    help="Interpret a failed operation: 'refuses' as one whose condition did not hold, 'nothing' only as one that had no effect (default:"
    " refuses, or nothing for EDN).",
)
@click.option(
    "--keys",
    type=click.Choice(("one", "independent")),
    help="Interpret values: 'independent' as pairs of a key and a value, as jepsen.independent writes them, 'one' as plain values"
    " (default: one, but values that look like pairs are rejected).",
)
@click.option(
    "--seconds",
    type=Time(min=0, min_open=True),
    metavar="S",
    help="Spend at most S seconds of CPU time on each file, then leave it undecided (default: no limit; memory is always limited).",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Divide the properties of each refold history among N processes (default: one for each core if that saves"
    " time; always one with --seconds and for standard input).",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Judge the files on the workers of this Dask cluster: tcp://HOST:8786, or 'local' to start a cluster on this machine with"
    " --jobs workers.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Judge refold histories while they are being written, until Ctrl-C. FILE is a file, a folder (whose .jsonl and .ndjson files are"
    " read in the order of their names) or - for standard input.",
)
@click.option(
    "--metrics",
    metavar="FILE",
    help="With --follow: write metrics for alerts to this file, in the OpenMetrics text format, and keep it up to date.",
)
@click.option(
    "--idle",
    type=Time(min=0),
    metavar="S",
    help="With --follow: stop when nothing has been written for S seconds (default: never).",
)
@click.option(
    "--report-dir",
    metavar="DIR",
    help="Write an interactive page for each history to this directory, and an index.html if there are several (default: no pages).",
)
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def check(
    files: tuple[str, ...],
    format_: str,
    application: str | None,
    model: str,
    initial: str,
    nil_reads: Literal["value", "any"],
    fail: Literal["refuses", "nothing"] | None,
    keys: Literal["one", "independent"] | None,
    seconds: float | None,
    jobs: int | None,
    cluster: str | None,
    follow: bool,
    metrics: str | None,
    idle: float | None,
    report_dir: str | None,
    as_json: bool,
) -> None:
    """Check histories that were recorded earlier, in production or by another tool.

    \b
    Examples:
      refold check .refold/history.jsonl
      refold check history.jsonl --application tests/test_shop.py:Shop
      refold check register.log                                     check a Jepsen log for linearizability
      refold check *.edn --initial 0 --nil-reads any                Knossos histories
      refold check ops.jsonl --model set --json
      refold check history.edn --keys independent --seconds 60
      refold check *.edn --report-dir pages                         one page per file, and pages/index.html
      zcat history.jsonl.gz | refold check -                        standard input (the .gz file itself works too)
      refold check --follow histories/ --metrics refold.prom        while histories are being written
      refold check --cluster tcp://10.0.0.5:8786 histories/*.jsonl  on several machines

    Exit codes: 0 held, 1 findings, 2 usage or environment error (including a file that could not be read or decided).
    """
    with outcome.sentences(report_dir), outcome.aside():
        pages = None
        if report_dir is not None:
            ready(report_dir)
            pages = CheckPages(report_dir)
        try:
            start = json.loads(initial)
        except (ValueError, RecursionError):
            raise UsageError(
                f"--initial {short(initial)} is not JSON, or is nested too deeply, or contains a number that is too long; write null, 0 or"
                " '\"text\"'"
            ) from None
        subject = None if application is None else application_named(application)
        if subject is not None:
            with outcome.time_limit(f"application {application!r}"):
                trial(subject)
        if follow:
            refuse_with_follow(format_, model, seconds, report_dir, jobs, cluster)
            results = followed(files, subject, metrics, idle, quiet=as_json)
            print_results(results, as_json, complained=True)
            sys.exit(exit_code(results))
        if metrics is not None or idle is not None:
            raise UsageError("--metrics and --idle need --follow")
        judge = FileJudge(
            format_,
            subject,
            model,
            start,
            nil_reads,
            fail,
            keys=keys or "auto",
            seconds=seconds,
            pages=pages,
            jobs=jobs,
        )
        if cluster is not None:
            refuse_jobs(cluster, jobs)
            refuse_with_cluster(report_dir)
            given = {"--application": application, "--fail": fail, "--keys": keys, "--seconds": seconds}
            always = ("--format", format_, "--model", model, "--initial", initial, "--nil-reads", nil_reads)
            options = [*always, *(str(word) for pair in given.items() if pair[1] is not None for word in pair)]
            mail = Mail(Tasks(cluster, jobs, outcome.complain, GIVEN_AGAIN))
            judge.remote = Workers(mail, application, outcome.patience())
            results = judged_on_cluster(files, mail, judge, options, quiet=as_json)
            print_results(results, as_json)
            sys.exit(exit_code(results))
        results = []
        with bar_on_stderr(quiet=as_json) as bar:
            try:
                for number, file in enumerate(files, 1):
                    task = bar.add_task(f"{number}/{len(files)} {os.path.basename(file)}", total=1.0)
                    results.append(judge.judge(file, functools.partial(shown, bar, task)))
                    bar.remove_task(task)
                    if judge.interrupted:
                        break
            except KeyboardInterrupt:
                results.append({**nothing(file), "error": interruption(file)})
        index = pages.index(results) if pages is not None and len(results) > 1 else ""
        print_results(results, as_json, index)
        sys.exit(exit_code(results))


def bar_on_stderr(quiet: bool) -> Bar:
    """How far it is, for whoever sits at a terminal."""
    console = Console(stderr=True)
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        console=console,
        transient=True,
        auto_refresh=False,
        disable=quiet or not console.is_terminal,
    )


def shown(bar: Bar, task: TaskID, share: float) -> None:
    """So much is read. The bar has no thread of its own: processes are forked while it is shown."""
    bar.update(task, completed=share, refresh=True)


def judged_on_cluster(
    files: tuple[str, ...], mail: Mail, judge: FileJudge, options: list[str], quiet: bool
) -> list[dict[str, Any]]:
    """The results of all files, from the workers of a cluster."""
    with bar_on_stderr(quiet) as bar:
        task = bar.add_task(f"{len(files)} files", total=float(len(files)))
        told = functools.partial(shown, bar, task)
        return OnCluster(mail, options, judge, unknown, told).judge(files)


def unknown(file: str, error: BaseException) -> dict[str, Any]:
    """The result object of a file that was not judged, and why."""
    said = interruption(file) if isinstance(error, KeyboardInterrupt) else outcome.sentence_about(file, error)
    return {**nothing(file), "error": said}


def print_results(results: list[dict[str, Any]], as_json: bool, index: str = "", *, complained: bool = False) -> None:
    """For a script, or for a reader, who may have been told the errors already."""
    if as_json:
        outcome.print_json({"results": results})
        return
    with outcome.speaking():
        for result in results:
            tell(result, complained)
        if index:
            click.echo(f"index of the pages: {index}")


def refuse_with_follow(
    format_: str,
    model: str,
    seconds: float | None,
    report_dir: str | None,
    jobs: int | None = None,
    cluster: str | None = None,
) -> None:
    """Raise `UsageError` for what cannot be done while a history is written."""
    if format_ not in ("auto", "refold") or model != "cas-register":
        raise UsageError(
            "--follow judges only histories in refold's own format, which has positions; check a history without positions once it is"
            " complete"
        )
    if seconds is not None or report_dir is not None:
        raise UsageError(
            "--follow runs until Ctrl-C, or until nothing has been written for --idle seconds; --seconds and --report-dir are for"
            " complete histories"
        )
    if jobs is not None and jobs > 1:
        raise UsageError("--follow judges in a single process; leave out --jobs")
    if cluster is not None:
        raise UsageError("--follow judges in a single process; leave out --cluster")


def refuse_with_cluster(report_dir: str | None) -> None:
    """Raise `UsageError` for what workers do not do."""
    if report_dir is not None:
        raise UsageError(
            "--report-dir does not work with --cluster, which judges histories on other machines; to get pages, check the broken"
            " histories again without --cluster"
        )


def exit_code(results: list[dict[str, Any]]) -> int:
    """2 if any file could not be read or decided, else 1 if anything was found, else 0."""
    if any(result.get("error") or result["verdict"] == "undecided" for result in results):
        return outcome.ENVIRONMENT
    return (
        outcome.FINDINGS
        if any(result["verdict"] in ("broken", "not linearizable") for result in results)
        else outcome.HELD
    )


class FileJudge:
    """Judges one file after the other under the same options."""

    def __init__(
        self,
        format_: str,
        application: Application | None,
        model: str = "cas-register",
        initial: Any = None,
        nil_reads: Literal["value", "any"] = "value",
        fail: Literal["refuses", "nothing"] | None = None,
        *,
        keys: Literal["auto", "one", "independent"] = "auto",
        seconds: float | None = None,
        pages: CheckPages | None = None,
        jobs: int | None = 1,
    ) -> None:
        self.pages = pages
        self.file = ""
        self.format = format_
        self.application = application
        self.seconds = seconds
        self.jobs = jobs
        self.remote: Workers | None = None
        self.black_box = BlackBox(model, initial, nil_reads, fail, keys, seconds)
        self.interrupted = False

    def judge(self, file: str, heartbeat: Callable[[float], None]) -> dict[str, Any]:
        """The result object of one file; an error is one sentence in it."""
        started = time.process_time()
        result = nothing(file)
        path = self.file = file
        try:
            if file != STANDARD_INPUT:
                refuse_pipe(file)
            with unpacked(file) as path:
                self.look(path, result, heartbeat)
        except (HistoryError, OSError, RecursionError, MemoryError, *outcome.SENTENCES) as error:
            result["error"] = outcome.sentence_about(file, error, read=path)
        result["seconds"] = round(time.process_time() - started, 6)
        return result

    def large(self, file: str) -> bool:
        """Whether it may save time to divide the properties of this history."""
        with suppress(OSError, ValueError):
            refuse_pipe(file)
            source = FileSource(file)
            return source.size >= BYTES_TO_DIVIDE and recognised(source) == "refold"
        return False

    def look(self, path: str, result: dict[str, Any], heartbeat: Callable[[float], None]) -> None:
        """What there is to say of a plain file, or of a folder."""
        source = FileSource(path)
        result["format"] = format_ = self.format if self.format != "auto" else recognised(source)
        if format_ == "etcd":
            self.etcd(path, result, heartbeat)
        elif format_ == "refold":
            self.positions(source, result, heartbeat)
        elif format_ == "cloudevents":
            self.events(source, result, heartbeat)
        else:
            judged = self.black_box.judged(source, format_)
            linearizability(judged, result)
            self.page(judged, source, result)

    def positions(self, source: Source, result: dict[str, Any], heartbeat: Callable[[float], None]) -> None:
        """A history of refold."""
        jobs = 1 if self.file == STANDARD_INPUT else self.jobs
        stored = StoredHistory(
            source,
            self.application,
            heartbeat=heartbeat,
            watch=watch,
            seconds=self.seconds,
            jobs=None if self.remote is not None else jobs,
            remote=self.remote if source.name == self.file else None,
        )
        judged = stored.judged()
        self.interrupted |= positions(judged, source, result, self.file)
        self.page(judged, source, result)

    def events(self, source: Source, result: dict[str, Any], heartbeat: Callable[[float], None]) -> None:
        """A stream of CloudEvents, put into a history with positions."""
        known = () if self.application is None else self.application.event_classes
        records, left_out = cloudevents_history(source, known)
        self.positions(MemorySource.of(records, source.name), result, heartbeat)
        result["not_checked"].extend(left_out)

    def page(self, judged: Judged, source: Source, result: dict[str, Any]) -> None:
        """Write the page, if pages are asked for."""
        if self.pages is not None and not self.interrupted:
            result["report"] = self.pages.add(judged, source, self.file)

    def etcd(self, folder: str, result: dict[str, Any], heartbeat: Callable[[float], None]) -> None:
        """A report of etcd's robustness tests, put into a history with positions."""
        records, left_out = etcd_history(folder)
        self.positions(MemorySource.of(records, folder), result, heartbeat)
        result["not_checked"].extend(left_out)


def recognised(source: FileSource) -> str:
    """The format of a file or a folder."""
    if not os.path.isdir(source.name):
        return format_of(source)
    if is_etcd_report(source.name):
        return "etcd"
    raise UsageError(f"{source.name}: this directory is not a report of etcd's robustness tests; name the files in it")


def watch(application: Application) -> AbstractContextManager[Callable[[], None]]:
    """Nobody waits for ever for the application's own code, which the events of a file may send round in circles."""
    return outcome.time_limit(f"application {application.name!r}")


def nothing(file: str) -> dict[str, Any]:
    """The result object of a file of which nothing is known yet."""
    return {
        "file": file,
        "format": None,
        "records": 0,
        "verdict": "undecided",
        "seconds": 0.0,
        "findings": [],
        "blame": None,
    }


def positions(judged: Judged, source: Source, result: dict[str, Any], file: str) -> bool:
    """Put the verdict on a history of refold into the result; returns whether the user interrupted it."""
    explained = explain_judged(judged, source)
    result |= {
        "records": judged.records,
        "verdict": judged.verdict,
        "application": None if judged.application is None else judged.application.name,
        "counts": judged.counts,
        "not_checked": list(judged.not_checked),
        "findings": [finding_json(each) for each in explained],
        "sentences": [sentences(each) for each in explained[:SHOWN]],
    }
    if judged.reason:
        result["reason"] = judged.reason
    interrupted = isinstance(judged.error, KeyboardInterrupt)
    if judged.error is not None:
        result["error"] = (
            interruption(file) if interrupted else outcome.sentence_about(file, judged.error, read=source.name)
        )
    return interrupted


def interruption(file: str) -> str:
    """Where Ctrl-C ended it."""
    return f"{file}: interrupted"


def linearizability(judged: Judged, result: dict[str, Any]) -> None:
    """Put the verdict on a history without positions into the result."""
    if judged.account is not None:
        accounts(judged, judged.account, result)
        return
    verdict = judged.black_box
    assert verdict is not None
    finding = verdict.finding()
    said = verdict_sentences(verdict)
    result |= {
        "records": judged.records,
        "verdict": judged.verdict,
        "fail": judged.fail,
        "findings": [] if finding is None else [finding],
        "blame": None if finding is None else finding.get("blame"),
    }
    if judged.hint:
        result["hint"] = judged.hint
        said.append(f"Note: {judged.hint}")
    result["sentences"] = [said]
    if judged.reason:
        result["reason"] = judged.reason


def accounts(judged: Judged, account: Account, result: dict[str, Any]) -> None:
    """Put into the result what a model says that is judged without a search."""
    result |= {
        "records": judged.records,
        "verdict": judged.verdict,
        "findings": [entry.as_json() for entry in account.broken[:FINDINGS_MAX]],
        "observed": [entry.as_json() for entry in account.observed[:FINDINGS_MAX]],
        "not_checked": list(judged.not_checked),
        "sentences": account_sentences(account),
    }


def tell(result: dict[str, Any], complained: bool = False) -> None:
    """One file for a reader."""
    error = result.get("error")
    if error and not complained:
        outcome.complain(error)
    for lines in result.pop("sentences", []):
        for line in lines:
            click.echo(f"    {line}")
    if error and result["verdict"] == "undecided":
        return
    for text in result.get("not_checked", ()):
        click.echo(f"    not checked: {inert(text)}")
    application = f", with application {inert(result['application'])}" if result.get("application") else ""
    took = f", {result['seconds']:.2f} s" if "seconds" in result else ""
    about = f"{result['format']}{application}, {result['records']:,} records{took}"
    click.echo(f"{result['file']}: {result['verdict']} ({about})")
    if result.get("report"):
        click.echo(f"    page: {result['report']}")
