"""Plots: complete without a script, harmless whatever their names are, and drawn by a library under the policy of their page."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from refold.reports.documents.campaign_page import Overview, growth_plots
from refold.reports.documents.comparison import comparison_html
from refold.reports.plots.plot import Line, Plot, line_svg, packed, plots_policy, plots_script, plotted, thinned
from refold.search.matrix.estimate import estimate
from refold.search.strategies.comparison import compare

from ..specimens import HOSTILE

HERE = pathlib.Path(__file__).parent
PLOTS = HERE.parents[2] / "reports" / "plots"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
GROWING = Plot(
    "runs", [0, 1, 2.5], "minutes", [Line("runs", [0, 10, 4_000], "good"), Line("steps", [None, 7, None], "bad")]
)


def overview(growth: list[tuple[float, int, int, int]]) -> Overview:
    """Of a campaign that has found nothing."""
    return Overview(1, 10.0, False, [], [], estimate({}, 1), estimate({}, 1), growth)


def test_the_library_is_the_published_one() -> None:
    """uPlot 1.6.32 as it is on npm, with the licence that it asks to be kept."""
    digest = hashlib.sha256((PLOTS / "uplot.js").read_bytes()).hexdigest()
    assert digest == "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
    assert "The MIT License (MIT)" in plots_script()
    assert "</script" not in plots_script()


def test_a_page_allows_the_script_that_it_has_and_no_other() -> None:
    """By its hash; the page of the comparison is complete without it."""
    page = comparison_html(compare(seed=1, steps=200), seed=1, steps=200)
    (script,) = re.findall(r'<script type="module">(.*?)</script>', page, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert f"script-src 'sha256-{digest}'" in plots_policy()
    assert page.count('<figure class="plot">') == page.count('<div class="still"><svg') == 6


def test_the_picture_has_every_line_and_says_where_it_ends() -> None:
    """In words for whoever does not see it; a value that stands alone is a dot."""
    picture = ET.fromstring(line_svg(GROWING))
    paths = [element.get("d", "") for element in picture.iter("path") if element.get("class") == "drawn-line"]
    assert paths == ["M64.0,156.0h0L174.4,155.6L340.0,12.0", "M174.4,155.7h0"]
    assert picture.get("aria-label") == "runs: runs 4,000 at 2.5 minutes; steps 7 at 1 minutes"
    assert {"4,000", "0", "2.5 minutes", "runs", "steps"} <= {element.text for element in picture.iter("text")}


def test_a_line_that_holds_its_value_goes_up_in_steps() -> None:
    """Findings are not there by halves."""
    stepped = Plot("findings", [0, 1, 2], "s", [Line("findings", [0, 0, 1], "bad", steps=True)])
    assert "M64.0,156.0h0H202.0V156.0H340.0V12.0" in line_svg(stepped)


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_inert(text: str) -> None:
    """In the picture and in the figures."""
    made = plotted(Plot(text, [1, 2], "search", [Line(text, [1, 2], "red")], []))
    assert made.count("<script") == made.count("</script") == 1
    data = html.unescape(made).partition('json">')[2].partition("</script>")[0]
    assert json.loads(data)["x"] == [1, 2]
    assert all(char.isprintable() or char == "\n" for char in made)
    ET.fromstring(line_svg(Plot(text, [1, 2], "search", [Line(text, [1, 2], "red")], [])))


def test_a_long_line_is_thinned_and_keeps_both_ends() -> None:
    """A campaign of days has as large a page as one of an hour."""
    long = Plot("runs", list(range(100_000)), "s", [Line("runs", list(range(100_000)), "good")])
    thin = thinned(long)
    assert len(thin.x) <= 601
    assert (thin.x[0], thin.x[-1], thin.lines[0].values[-1]) == (0, 99_999, 99_999)
    assert thinned(GROWING) == GROWING
    assert len(packed(thin)) < 20_000


def test_the_growth_of_a_campaign_begins_at_nothing() -> None:
    """And tells time in a unit that fits; one moment makes no line."""
    assert growth_plots(overview([(3.0, 1, 10, 5)])) == []
    pairs, findings, runs, steps = growth_plots(overview([(60.0, 10, 100, 5), (180.0, 30, 300, 6)]))
    assert (pairs.x, pairs.x_label) == ([0.0, 1.0, 3.0], "minutes")
    assert [plot.lines[0].values for plot in (pairs, findings, runs, steps)] == [
        [0, 5, 6],
        [0, 0, 0],
        [0, 10, 30],
        [0, 100, 300],
    ]
    assert growth_plots(overview([(60.0, 1, 1, 1), (7200.0, 1, 1, 1)]))[0].x_label == "hours"


def test_the_script_tells_the_library_what_python_has_written(tmp_path: pathlib.Path) -> None:
    """Run by Node, of which only this test has need."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node is installed")
    (tmp_path / "plots.mjs").write_text((PLOTS / "plots.js").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "plots.test.mjs").write_text((HERE / "plots.test.mjs").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "plot.json").write_text(packed(GROWING))
    done = subprocess.run([node, "--test", "plots.test.mjs"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_draws_the_plots(tmp_path: pathlib.Path) -> None:
    """Under the policy of the page, in place of the pictures; not if the script is another."""
    page = tmp_path / "comparison.html"
    page.write_text(comparison_html(compare(seed=1, steps=200), seed=1, steps=200), encoding="utf-8")
    shown = dom(page.as_uri(), tmp_path)
    assert shown.count("<canvas") == shown.count('<div class="still" hidden="">') == 6
    forbidden = tmp_path / "forbidden.html"
    forbidden.write_text(page.read_text(encoding="utf-8").replace("// Draws each", "// draws each"), encoding="utf-8")
    shown = dom(forbidden.as_uri(), tmp_path)
    assert "<canvas" not in shown
    assert shown.count('<div class="still"><svg') == 6


def dom(address: str, tmp_path: pathlib.Path) -> str:
    """The page after its script ran."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=8000", "--dump-dom", address], capture_output=True, text=True, timeout=120
    )
    return done.stdout
