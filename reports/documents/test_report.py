"""The report of a failing test: the same page, data and history as `refold verify` writes, in a folder of the test's own."""

from __future__ import annotations

import pathlib
from typing import Any

import attrs

from refold.properties.diagnosis.scores import ranked
from refold.reports.documents.report_folder import REPORT, write_report
from refold.search.failure import Broken, report_dir, slug


def keep_page(error: Broken, test: str, seed: Any) -> None:
    """Write report.html, report.json and history.jsonl, and tell the failure where; without a word if there is nothing to tell of. `test`
    is its pytest id, `seed` what was said to Hypothesis."""
    if error.result is None:
        return
    folder = pathlib.Path(report_dir(), slug(test.rpartition("::")[0] or test))
    given = int(seed) if str(seed).isdecimal() else None
    try:
        result = attrs.evolve(error.result, seed=given)
        plans, replays = ([error.plan], [error.command]) if error.plan else ([], [])
        write_report(result, folder, plans, replays, ranked(result.counterexamples))
    except OSError as trouble:
        error.page = f"not written, {trouble.filename or folder}: {trouble.strerror}"
    else:
        error.page = str(folder / REPORT)
