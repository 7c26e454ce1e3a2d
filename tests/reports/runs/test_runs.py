"""What a report directory remembers of its searches: causes, since when, how often; bounded, and safe to read."""

from __future__ import annotations

import json
import multiprocessing
import pathlib
import re
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from refold.reports.commands.cli import main
from refold.reports.runs import ledger as ledgers
from refold.reports.runs.directory import DATA, PAGE, keep
from refold.reports.runs.ledger import RunLedger, added
from refold.reports.runs.page import PAGES_MAX, runs_page


def finding(anomaly: str = "lost-update", row: str = "", place: str = "", **more: Any) -> dict[str, Any]:
    """A finding of a report."""
    return {
        "anomaly": anomaly,
        "guarantee": "CAS",
        "headline": f"{anomaly} on bolt",
        "diagnosis": [{"row": row}] if row else [],
        "place": {"file": "app.py", "line": 3, "function": place} if place else None,
        "actions": 2,
        "replay": f"refold replay plans/{anomaly}.json",
        **more,
    }


def report(*findings: dict[str, Any], system: str = "sqlite", page: str | None = None) -> Any:
    """A report of one search."""
    return {
        "system": system,
        "application": "inventory",
        "verdict": "broken" if findings else "held",
        "verdict_line": "",
        "seed": 1,
        "examples": 10,
        "steps": 100,
        "seconds": 1.0,
        "interrupted": False,
        "findings": list(findings),
        "report": page,
    }


def told(*documents: Any) -> RunLedger:
    """The ledger of these searches, an hour apart."""
    found = RunLedger()
    for hour, document in enumerate(documents, 1):
        found = added(found, document, f"2026-01-01 {hour:02}:00 UTC")
    return found


def test_a_directory_whose_name_is_no_text_remembers_too(tmp_path: pathlib.Path) -> None:
    """A name is bytes: some archives and old disks hold such."""
    document = report(finding(replay="refold replay v\udcff/plans/x.json"), system="v\udcff.py:Log")
    for _ in range(2):
        keep(tmp_path, [document], "2026-01-01", pytest.fail)
    ledger = msgspec.json.decode((tmp_path / DATA).read_bytes(), type=RunLedger)
    assert [(cause.found, cause.replay) for cause in ledger.causes] == [(2, "refold replay v\\udcff/plans/x.json")]


def test_searches_that_end_together_are_all_remembered(tmp_path: pathlib.Path) -> None:
    """Each in a process of its own, as in two terminals."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=many, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    ledger = msgspec.json.decode((tmp_path / DATA).read_bytes(), type=RunLedger)
    assert [run.number for run in ledger.runs] == list(range(1, 31))
    assert sorted(path.name for path in tmp_path.iterdir()) == [PAGE, DATA]


def many(folder: pathlib.Path) -> None:
    """Ten searches."""
    for _ in range(10):
        keep(folder, [report()], "2026-01-01", pytest.fail)


def test_one_cause_is_listed_once_with_when_it_was_seen_first_and_last() -> None:
    """Over searches; searches of other systems do not count against it."""
    found = told(report(), report(finding()), report(system="redis"), report(finding()), report())
    (cause,) = found.causes
    assert (cause.first_run, cause.first_seen) == (2, "2026-01-01 02:00 UTC")
    assert (cause.last_run, cause.last_seen) == (4, "2026-01-01 04:00 UTC")
    assert found.rate(cause) == (2, 3)
    assert not found.still_seen(cause)
    assert [seen for _, seen in found.recent(cause, 30)] == [False, True, True, False]


def test_a_cause_of_the_latest_search_is_still_seen() -> None:
    """Whatever other systems do after it."""
    found = told(report(finding()), report(system="redis"))
    assert found.still_seen(found.causes[0])


@pytest.mark.parametrize(
    ("first", "second", "causes"),
    [
        (finding("oversold", row="stale-view"), finding("lost-update", row="stale-view"), 1),
        (finding("oversold", row="stale-view"), finding("oversold", row="no-fencing"), 2),
        (finding("oversold", place="decide"), finding("lost-update", place="decide"), 1),
        (finding("oversold", place="decide"), finding("oversold", place="evolve"), 2),
        (finding("oversold"), finding("oversold", headline="oversold on nut"), 1),
        (finding("oversold"), finding("lost-update"), 2),
        (finding("oversold"), finding("oversold", guarantee="READ"), 2),
    ],
    ids=["row", "other row", "function", "other function", "anomaly", "other anomaly", "other guarantee"],
)
def test_two_findings_with_one_cause_are_one(first: Any, second: Any, causes: int) -> None:
    """In one search, and in two."""
    assert len(told(report(first, second)).causes) == causes
    assert len(told(report(first), report(second)).causes) == causes


def test_a_cause_that_one_search_found_twice_counts_once() -> None:
    """Its rate is one of searches."""
    found = told(report(finding("oversold", row="x"), finding("lost-update", row="x")))
    assert found.rate(found.causes[0]) == (1, 1)
    assert found.causes[0].anomalies == ("oversold", "lost-update")


def test_the_shortest_plan_is_the_one_to_replay() -> None:
    """A longer one does not take its place."""
    short = finding("oversold", row="x", actions=2)
    for pair in ((short, finding(row="x", actions=5)), (finding(row="x", actions=5), short)):
        assert told(*map(report, pair)).causes[0].replay == "refold replay plans/oversold.json"


def test_old_searches_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate stays exact, and numbers go on."""
    monkeypatch.setattr(ledgers, "RUNS_MAX", 3)
    monkeypatch.setattr(ledgers, "CAUSES_MAX", 1)
    found = told(report(finding("oversold")), *[report(finding()) for _ in range(5)], report())
    assert [run.number for run in found.runs] == [5, 6, 7]
    assert (found.dropped, found.examples, found.steps, found.next_number) == (4, 70, 700, 8)
    (cause,) = found.causes
    assert cause.anomalies == ("lost-update",)
    assert found.rate(cause) == (5, 6)


def test_reports_are_copied_and_the_oldest_are_pruned(tmp_path: pathlib.Path) -> None:
    """Copies lead from the page; those that are gone do not."""
    page = tmp_path / "report.html"
    for number in range(PAGES_MAX + 2):
        page.write_text(f"report {number}")
        found, _ = keep(tmp_path, [report(page=str(page))], "2026-01-01", pytest.fail)
    copies = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert len(copies) == PAGES_MAX
    assert copies[0] == "0003-sqlite.html"
    assert (tmp_path / "runs" / copies[0]).read_text() == "report 2"
    assert [bool(run.page) for run in found.runs] == [False] * 2 + [True] * PAGES_MAX
    assert (tmp_path / PAGE).read_text().count('<a href="runs/') == PAGES_MAX


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2}', '{"runs": [{}]}', "\x00"])
def test_what_cannot_be_read_is_put_aside(tmp_path: pathlib.Path, text: str) -> None:
    """And said; nothing is thrown away."""
    (tmp_path / DATA).write_text(text)
    said: list[str] = []
    found, _ = keep(tmp_path, [report()], "2026-01-01", said.append)
    assert len(found.runs) == 1
    assert (tmp_path / "runs-unreadable.json").read_text() == text
    assert len(said) == 1
    assert "the count begins anew" in said[0]


def test_what_is_kept_is_read_back(tmp_path: pathlib.Path) -> None:
    """Whole."""
    keep(tmp_path, [report(finding(row="x", place="decide"))], "2026-01-01", pytest.fail)
    found, _ = keep(tmp_path, [report()], "2026-01-02", pytest.fail)
    assert msgspec.json.decode((tmp_path / DATA).read_bytes(), type=RunLedger) == found
    assert len(found.runs) == 2


def test_the_page_is_inert_and_says_what_there_is() -> None:
    """Whatever somebody has called something."""
    evil = "<script>alert(1)</script>"
    text = runs_page(told(report(finding(evil, headline=evil, replay=evil), system=evil), report(system=evil)))
    assert set(re.findall("<script[^>]*>", text)) == {'<script type="application/json">', '<script type="module">'}
    assert "<script>alert" not in text
    assert "alert(1)</script>" not in text
    assert "1 cause not found any more" in text
    assert "1 of 2 searches since then (50%)" in text
    assert 'aria-label="search 1 found it, search 2 did not"' in text


def test_verifying_twice_shows_the_trend(tmp_path: pathlib.Path) -> None:
    """The second time the terminal says where."""
    command = ["verify", "--system", "check-then-append", "--examples", "60", "--seed", "1", "--jobs", "1"]
    first = CliRunner().invoke(main, [*command, "--report-dir", str(tmp_path)])
    second = CliRunner(env={"COLUMNS": "1000"}).invoke(main, [*command, "--report-dir", str(tmp_path)])
    assert (first.exit_code, second.exit_code) == (1, 1)
    assert "earlier searches" not in first.output
    assert f"compared with earlier searches: {tmp_path / PAGE}" in second.output
    assert second.output.splitlines()[-1].startswith("refold replay ")
    document = json.loads((tmp_path / DATA).read_text())
    assert [run["number"] for run in document["runs"]] == [1, 2]
    assert "2 of 2 searches since then (100%)" in (tmp_path / PAGE).read_text()


def test_reports_do_not_tell_the_time(tmp_path: pathlib.Path) -> None:
    """Only the ledger does: the report of the same search is the same, but for how long it took."""
    command = ["verify", "--system", "check-then-append", "--examples", "60", "--seed", "1", "--jobs", "1"]
    reports = []
    for _ in range(2):
        CliRunner().invoke(main, [*command, "--report-dir", str(tmp_path)])
        reports.append({**json.loads((tmp_path / "report.json").read_text()), "seconds": 0})
    assert reports[0] == reports[1]
