"""``refold compare``: JSON for scripts, a table and a page for readers."""

from __future__ import annotations

import io
import json
import pathlib
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from click.testing import CliRunner

from refold.model.strategies.strategy import STRATEGIES
from refold.reports.commands.compare import compare as command
from refold.reports.documents.comparison import comparison_html, comparison_svgs, print_comparison, verdict
from refold.reports.documents.console import console
from refold.search.strategies.comparison import Row, compare

PROMISED = {
    "strategy": str,
    "commands": int,
    "violations": int,
    "refusals": int,
    "retries": int,
    "latency_median": int,
    "latency_p99": int,
    "throughput": float,
    "unavailable": float,
}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return compare(seed=1, steps=400)


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(command, [*arguments])


def test_json_is_one_object_with_the_promised_fields(tmp_path: pathlib.Path) -> None:
    """On standard output, and nothing else there."""
    result = invoke("--json", "--steps", "200", "--report-dir", str(tmp_path))
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert [row["strategy"] for row in document["rows"]] == list(STRATEGIES)
    for row in document["rows"]:
        for field, kind in PROMISED.items():
            assert type(row[field]) is kind, field
    assert pathlib.Path(document["report"]).is_file()


def test_the_table_names_every_strategy_and_the_page(tmp_path: pathlib.Path) -> None:
    """The last line says where the picture is."""
    result = invoke("--steps", "200", "--report-dir", str(tmp_path))
    assert result.exit_code == 0
    assert all(name in result.stdout for name in STRATEGIES)
    assert result.stdout.splitlines()[-1] == f"picture: {tmp_path}/compare/comparison.html"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_has_whole_words_at_every_width(rows: list[Row], width: int) -> None:
    """Columns are left out, and said to be."""
    out = io.StringIO()
    print_comparison(rows, console(out, width))
    text = out.getvalue()
    assert all(name in text for name in STRATEGIES)
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())
    assert not re.search(r"\w-$", text, re.M)
    assert ("refused" in text.split("wrong:")[0]) == (width >= 80)
    assert ("left out at this width: refused" in text) == (width < 80)


def test_the_same_seed_gives_the_same_page(rows: list[Row]) -> None:
    """Byte for byte."""
    again = compare(seed=1, steps=400)
    assert comparison_html(rows, seed=1, steps=400) == comparison_html(again, seed=1, steps=400)


def test_the_picture_is_well_formed_and_says_every_figure(rows: list[Row]) -> None:
    """Red is reserved for those that broke something."""
    pictures = [ET.fromstring(picture) for picture in comparison_svgs(rows)]
    assert len(pictures) == 6
    bars = [element for picture in pictures for element in picture.iter() if element.tag.endswith("rect")]
    assert len(bars) == 6 * len(rows)
    assert sum(bar.get("class") == "bad" for bar in bars) == 6 * sum(row.violations > 0 for row in rows)


def test_every_panel_names_every_strategy_and_no_word_leaves_it(rows: list[Row]) -> None:
    """A panel is as wide as a telephone and is read alone."""
    for picture in map(ET.fromstring, comparison_svgs(rows)):
        words = [element.text for element in picture.iter() if element.tag.endswith("text")]
        assert set(STRATEGIES) <= set(words)
        width = float(picture.get("viewBox", "").split()[2])
        for text in (element for element in picture.iter() if element.get("class") == "figure"):
            assert float(text.get("x", "")) + 8 * len(text.text or "") <= width


def test_the_verdict_says_only_what_was_counted(rows: list[Row]) -> None:
    """Whoever broke something is named with the number."""
    said = "\n".join(verdict(rows))
    for row in rows:
        assert (f"{row.strategy} broke {row.violations:,} of" in said) == bool(row.violations)


@pytest.mark.parametrize("arguments", [("--steps", "0"), ("--seed", "-1"), ("--steps", "many"), ("--colour",)])
def test_bad_usage_ends_with_exit_code_2(arguments: tuple[str, ...]) -> None:
    """And a sentence, no traceback."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
