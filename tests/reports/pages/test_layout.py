"""Every kind of page on a telephone, a small window and a wide one: nothing runs off to the side, is cut off, or lies on something else."""

from __future__ import annotations

import html
import json
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from refold.model.documents.history import to_line
from refold.model.examples.inventory import Inventory
from refold.reports.commands import gallery, zoo
from refold.reports.commands.cli import main
from refold.reports.documents.campaign_page import Overview, campaign_html, causes
from refold.reports.documents.comparison import comparison_html
from refold.reports.runs.page import runs_page
from refold.search.campaign import Budget, Campaign
from refold.search.matrix.cells import Cell
from refold.search.matrix.estimate import estimate
from refold.search.matrix.store import CellState, Find
from refold.search.strategies.comparison import compare
from refold.systems.registry import resolve

from ..commands.test_check_pages import BAD, GOOD
from ..runs.test_runs import finding, report, told
from ..specimens import SPECIMENS, hostile, page_of, result

HERE = pathlib.Path(__file__).parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = (400, 1000, 1600)
BAD_PAGE = """<p style="width:3000px">wide</p><p style="width:90px;overflow:hidden;white-space:nowrap">longer than there is room for</p>
<table style="width:20px;table-layout:fixed"><tr><td>too narrow<td></table>
<svg width="90" height="40"><text y="20">one</text><text y="22">other</text></svg>"""
LONG = "a-name-that-is-rather-long-" * 4


def made(folder: pathlib.Path) -> Iterator[tuple[str, str]]:
    """A page of every kind."""
    for name in ("expected-any-misuse", "checkpoint-before-effect"):
        yield f"finding of {name}", page_of(result(name, SPECIMENS[name]()))
    yield "finding with hostile names", page_of(result("hostile", hostile()))
    held = Campaign(resolve("reference"), Inventory(), 1, Budget(seconds=None, examples=2)).run()
    yield "held", page_of(held)
    yield "zoo", zoo.page([zoo.summary("lost-wakeup", [zoo.trial("lost-wakeup", 1, str(folder / "zoo"))])])
    yield "gallery of releases", gallery.page([release()], folder)
    yield "report directory", runs_page(told(report(finding(), system=LONG), report(system="sqlite"), report()))
    yield "comparison", comparison_html(compare(seed=1, steps=100), seed=1, steps=100)
    yield "campaign", campaign_html(overview())
    yield from checked(folder)


def release() -> dict[str, Any]:
    """A row of the gallery."""
    words = {
        "name": LONG,
        "system": "a log",
        "version": "1.2.3",
        "setting": LONG,
        "expected": "broken",
        "verdict": "broken",
    }
    more = {
        "anomaly": "lost-update",
        "headline": LONG,
        "reference": "python#1",
        "sentences": ["a", "b"],
        "explanation": ["c"],
    }
    none = dict.fromkeys(("report", "why", "also", "plan", "picture"))
    return {**words, **more, **none, "right": True, "actions": 2, "examples": 10_000, "steps": 1_000_000}


def overview() -> Overview:
    """Of a campaign that has found something."""
    cell = Cell("checkpoint-before-effect", "inventory")
    about = {
        "cause": "checkpoint-before-effect",
        "headline": "the checkpoint of index is at 1",
        "page": "x.html",
        "actions": 2,
        "replay": f"refold replay {LONG}",
    }
    found = Find(cell, "checkpoint-ahead-of-effects", "CKPT", 3, 12, 9.0, 4_000.0, about)
    state = CellState(cell, 100, 12_345, 8_000.0, (), ("snapshots",), "", {})
    growth = [(1.0, 10, 1_000, 7), (3_000.0, 40, 5_000, 30), (8_000.0, 100, 12_345, 44)]
    none = estimate({}, 1)
    return Overview(1, 8_000.0, False, [state, state], causes([found]), none, none, growth)


def checked(folder: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Pages of `refold check`, of histories with and without positions, and their index."""
    example = SPECIMENS["expected-any-misuse"]()
    files = {"bad.jsonl": BAD, "good.jsonl": GOOD}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "positions.jsonl").write_bytes(b"".join(to_line(record) for record in example.history))
    names = [str(folder / name) for name in (*files, "positions.jsonl")]
    done = CliRunner().invoke(main, ["check", *names, "--report-dir", str(folder / "pages")])
    assert done.exit_code == 1, done.output
    for page in sorted((folder / "pages").glob("*.html")):
        yield f"check, {page.name}", page.read_text(encoding="utf-8")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_no_page_runs_off_to_the_side_or_lies_on_itself(tmp_path: pathlib.Path) -> None:
    """Each page in a frame of each width, looked at by the script of the page around them."""
    pages = dict(made(tmp_path))
    assert len(pages) == 13
    script = (HERE / "layout.js").read_text(encoding="utf-8")
    frames = "".join(
        f'<iframe title="{html.escape(name)}" srcdoc="{html.escape(page)}" style="width:{width}px;height:900px;border:0"></iframe>'
        for name, page in {**pages, "not in order": BAD_PAGE}.items()
        for width in WIDTHS
    )
    around = tmp_path / "around.html"
    around.write_text(
        f'<!doctype html><meta charset="utf-8">{frames}<pre></pre><script>{script}</script>', encoding="utf-8"
    )
    told = looked_at(around, tmp_path)
    assert {name for name, *_ in told.pop("not in order")} == {
        "wider than the window",
        "runs off to the side",
        "cut off",
        "too narrow to read",
        "lies on other",
    }
    assert told == {name: [] for name in pages}


def looked_at(page: pathlib.Path, folder: pathlib.Path) -> dict[str, list[Any]]:
    """Page -> what is wrong with it, by a browser."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=20000", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=180,
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    wrong: dict[str, list[Any]] = json.loads(html.unescape(found[1]))
    return wrong
