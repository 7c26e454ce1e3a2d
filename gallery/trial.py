"""One row of the gallery: its environment, and `refold verify` in a process of it. What comes out is a dict that can be written as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
from typing import Any

from refold.gallery.environment import Environment, NotRun, last
from refold.gallery.rows import BROKEN, Row
from refold.systems.parent import before_exec

NOT_RUN = "not run"
GRACE_SECONDS = 240
"""How much longer than its search a row may take: for servers to start, and for plans to be shrunk and written."""
FAREWELL_SECONDS = 10
"""How long a search that is told to end may take to write what it has found."""


def verified(row: Row, cache: pathlib.Path, folder: pathlib.Path, seconds: float, seed: int) -> dict[str, Any]:
    """The result of one row; its report is in `folder`."""
    began = time.monotonic()
    environment = Environment(cache, row.requires, row.extras, row.python)
    version = ""
    try:
        environment.make()
        version = environment.version_of(row.shown)
        report = search(environment, row, folder, seconds, seed)
    except NotRun as error:
        return result(row, version, seed, seconds, began, why=str(error))
    return result(row, version, seed, seconds, began, report, folder)


def search(environment: Environment, row: Row, folder: pathlib.Path, seconds: float, seed: int) -> dict[str, Any]:
    """What `refold verify` says of a row. Raises `NotRun` if it says nothing."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(environment.python), "-P", "-m", "refold.reports", "verify", "--system", row.system, "--json"]
    command += ["--seconds", f"{seconds:g}", "--seed", str(seed), "--report-dir", str(folder), "--jobs", "1"]
    if row.application:
        command += ["--application", row.application]
    said, errors, code = run(command, seconds + GRACE_SECONDS, folder)
    try:
        found: dict[str, Any] = json.loads(said)
    except ValueError:
        raise NotRun(f"refold verify ended with exit code {code}: {last(errors)}") from None
    return found


def run(command: list[str], seconds_max: float, folder: pathlib.Path) -> tuple[str, str, int]:
    """Run a command in a folder in which there is nothing to import, and in a process group of its own, which is ended as a whole whatever
    happens; its output, its errors, its exit code."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY")
    names = {name: value for name, value in os.environ.items() if name not in hidden}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=names,
        cwd=folder,
        start_new_session=True,
        preexec_fn=before_exec(),
    ) as process:
        try:
            said, errors = process.communicate(timeout=seconds_max)
        except subprocess.TimeoutExpired:
            raise NotRun(f"refold verify did not end within {seconds_max:g} s") from None
        finally:
            end(process)
    return said, errors, process.returncode


def end(process: subprocess.Popen[str]) -> None:
    """Ask it to end, and then make it end, with all that it has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=FAREWELL_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def result(
    row: Row,
    version: str,
    seed: int,
    seconds_asked: float,
    began: float,
    report: dict[str, Any] | None = None,
    folder: pathlib.Path | None = None,
    why: str = "",
) -> dict[str, Any]:
    """A row as it is printed."""
    report = report or {}
    finding = named(row, report.get("findings", []))
    verdict = report.get("verdict", NOT_RUN)
    trouble = why or (report.get("trouble") or "")
    if verdict != BROKEN and trouble:
        verdict = NOT_RUN
    picture = drawn(folder, finding) if folder is not None else None
    return {
        "name": row.name,
        "system": row.software,
        "version": version,
        "setting": row.setting,
        "expected": row.expected,
        "verdict": verdict,
        "right": verdict == row.expected and (verdict != BROKEN or finding.get("anomaly") in row.anomalies),
        "why": trouble,
        "anomaly": finding.get("anomaly"),
        "headline": finding.get("headline", ""),
        "actions": finding.get("actions"),
        "plan": finding.get("plan"),
        "sentences": finding.get("sentences", []),
        "explanation": finding.get("explanation", []),
        "picture": picture,
        "report": report.get("report"),
        "reference": row.reference,
        "also": sorted(every(report.get("findings", [])) - {finding.get("anomaly")}),
        "seed": seed,
        "seconds_asked": seconds_asked,
        "examples": report.get("examples", 0),
        "steps": report.get("steps", 0),
        "seconds": round(time.monotonic() - began, 1),
    }


def named(row: Row, findings: list[dict[str, Any]]) -> dict[str, Any]:
    """The finding that is the row's known bug, also where it is only what the same run shows; else the first."""
    for anomaly in row.anomalies:
        for finding in findings:
            shown = [finding, *({**finding, "picture_of": finding["anomaly"], **one} for one in finding["also"])]
            for one in shown:
                if one["anomaly"] == anomaly:
                    return one
    return (findings or [{}])[0]


def every(findings: list[dict[str, Any]]) -> set[str]:
    """All anomalies that were seen."""
    return {one["anomaly"] for finding in findings for one in (finding, *finding["also"])}


def drawn(folder: pathlib.Path, finding: dict[str, Any]) -> str | None:
    """The picture of a finding."""
    if not finding:
        return None
    anomaly = finding.get("picture_of", finding["anomaly"])
    pictures = sorted((folder / "graphs").glob(f"*{anomaly}*.svg"))
    return str(pictures[0]) if pictures else None
