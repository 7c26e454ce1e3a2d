"""The report of a failing test: its message, and the same page, data and history as `refold verify` writes, in a folder of its own."""

from __future__ import annotations

import pathlib
from typing import Any

import attrs

from refold.model.errors import UsageError
from refold.reports.documents.report_folder import REPORT, write_report
from refold.reports.words.explained import Explained, explain, explain_result
from refold.reports.words.failure import failure_message, plan_lines
from refold.reports.words.values import inert
from refold.search.failure import Broken, PlanNote, report_dir, slug


def tell(error: BaseException, test: str, seed: Any) -> None:
    """Put what a test raised into words: a failure of refold, also one within a group, gets its report and its message; the error of a rule
    of the user's own has its plan told in sentences. `test` is its pytest id, `seed` what was said to Hypothesis."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            tell(inner, test, seed)
    elif isinstance(error, Broken):
        told, page = reported(error, test, seed)
        error.message = failure_message(told, page)
        error.report = page if pathlib.Path(page).is_file() else ""
    elif notes := getattr(error, "__notes__", None):
        error.__notes__ = ["\n".join(plan_lines(note.plan)) if isinstance(note, PlanNote) else note for note in notes]


def reported(error: Broken, test: str, seed: Any) -> tuple[Explained, str]:
    """Its explanation, and where its report is: report.html, report.json, history.jsonl and the graphs; "" if it comes without a search."""
    example = error.counterexample
    if error.result is None:
        return explain(example, error.application, system=error.system, replay=error.command, diagnosed=False), ""
    folder = pathlib.Path(report_dir(), slug(test.rpartition("::")[0] or test))
    result = attrs.evolve(error.result, seed=int(seed) if str(seed).isdecimal() else None)
    own = [other is example for other in result.counterexamples]
    plans = [error.plan if is_own else "" for is_own in own]
    replays = [error.command if is_own else "" for is_own in own]
    explained = explain_result(result, error.application, plans, replays, system=error.system)
    told = (
        explained[own.index(True)]
        if any(own)
        else explain(example, error.application, system=error.system, replay=error.command)
    )
    try:
        write_report(result, explained, folder, error.application)
    except OSError as trouble:
        return told, inert(f"not written, {trouble.filename or folder}: {trouble.strerror}")
    except UsageError as trouble:
        return told, inert(f"not written: {trouble}")
    return told, str(folder / REPORT)
