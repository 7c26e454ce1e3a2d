"""The report of a failing test: the same page, data and history as `refold verify` writes, in a folder of the test's own."""

from __future__ import annotations

import pathlib
from typing import Any

import attrs

from refold.reports.commands.verify import publish
from refold.search.failure import Broken, report_dir, slug


def keep_page(error: Broken, test: str, seed: Any) -> None:
    """Write report.html, report.json and history.jsonl, and tell the failure where; without a word if there is nothing to tell of. `test`
    is its pytest id, `seed` what was said to Hypothesis."""
    if error.result is None:
        return
    folder = pathlib.Path(report_dir(), slug(test.rpartition("::")[0] or test))
    given = int(seed) if str(seed).isdecimal() else None
    try:
        publish(attrs.evolve(error.result, seed=given), folder, [error.plan] if error.plan else [], quiet=True)
    except OSError as trouble:
        error.page = f"not written, {trouble.filename or folder}: {trouble.strerror}"
    else:
        error.page = str(folder / "report.html")
