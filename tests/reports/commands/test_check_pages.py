"""The pages of `refold check`: one for each history, with what one steps through, and an index of several."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from refold.model.documents.history import to_line
from refold.reports.pages.story import unpacked

from ..conftest import Ended
from ..specimens import SPECIMENS

Refold = Callable[..., Ended]


def operations(*steps: tuple[int, str, str, Any]) -> str:
    """Lines of a history: process, type, f, value."""
    return "".join(
        json.dumps({"process": process, "type": kind, "f": f, "value": value}) + "\n"
        for process, kind, f, value in steps
    )


GOOD = operations((0, "invoke", "write", 1), (0, "ok", "write", 1), (1, "invoke", "read", None), (1, "ok", "read", 1))
BAD = operations(
    *((0, "invoke", "write", 1), (0, "ok", "write", 1), (0, "invoke", "write", 2), (0, "ok", "write", 2)),
    *((1, "invoke", "read", None), (1, "ok", "read", 1)),
)


def story(page: str) -> dict[str, Any]:
    """The data of a page."""
    found: dict[str, Any] = unpacked(page.partition('class="story">')[2].partition("<")[0])
    return found


def held(data: dict[str, Any], index: int) -> dict[str, tuple[str, str]]:
    """What is on the board after a step: item -> text, should."""
    words, state = data["words"], {}
    for flat in data["changes"][: index + 1]:
        for cell, text, should in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            state[words[data["cells"][cell][1]]] = (words[text], words[should])
    return state


def test_a_contradiction_shows_its_order_its_end_and_the_state_there(refold: Refold, tmp_path: Path) -> None:
    """Two writes in order, and the read of the first one's value, which nothing explains."""
    file = tmp_path / "bad.jsonl"
    file.write_text(BAD)
    done = refold("check", file, "--report-dir", tmp_path / "pages", "--json")
    assert done.code == 1
    (result,) = json.loads(done.out)["results"]
    page = Path(result["report"]).read_text(encoding="utf-8")
    rows = [unescape(row) for row in re.findall(r'<li id="operation-\d+"[^>]*><i>\d+</i>(.*?)</li>', page)]
    assert [row.partition(" (")[0] for row in rows] == ["client 0: write 1", "client 0: write 2", "client 1: read: 1"]
    assert "fits into no order" in rows[2]
    assert re.search(r'<li id="operation-3" class="bad">', page)
    assert '<a href="#operation-3">Step through it, from operation 3</a>' in page
    data = story(page)
    assert [held(data, n)["state"][0] for n in range(3)] == ["1", "2", "2"]
    assert held(data, 1)["state"][1] == ""
    assert held(data, 2)["state"][1].startswith("what explains read: 1")
    assert len(re.findall(r'<rect class="blamed', page)) == 1
    assert len(re.findall(r'<rect class="bar"', page)) == 2


def test_a_history_with_an_order_shows_it_and_blames_nothing(refold: Refold, tmp_path: Path) -> None:
    file = tmp_path / "good.jsonl"
    file.write_text(GOOD)
    done = refold("check", file, "--report-dir", tmp_path / "pages")
    assert done.code == 0
    page = (tmp_path / "pages" / "good.jsonl.html").read_text(encoding="utf-8")
    assert "All 2 operations that took effect fit into one order" in page
    assert 'class="blamed' not in page
    assert 'class="bad"' not in page
    assert not [state for n in range(2) for state in held(story(page), n).values() if state[1]]


def test_several_files_have_an_index_that_leads_to_each(refold: Refold, tmp_path: Path) -> None:
    """Files of one name, in two folders, do not overwrite each other; one that cannot be read is told."""
    for folder, text in (("a", GOOD), ("b", BAD), ("c", "nonsense\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jsonl").write_text(text)
    files = [tmp_path / folder / "x.jsonl" for folder in "abc"]
    done = refold("check", *files, "--report-dir", tmp_path / "pages")
    assert done.code == 2
    index = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)">', index)
    assert links == ["x.jsonl.html", "x.jsonl-2.html"]
    assert all((tmp_path / "pages" / link).is_file() for link in links)
    assert "none of the formats" in index


@pytest.mark.parametrize("name", ["expected-any-misuse", "lost-wakeup"])
def test_a_history_with_positions_has_the_explorer(name: str, refold: Refold, tmp_path: Path) -> None:
    """The finding, its links, and every record."""
    example = SPECIMENS[name]()
    file = tmp_path / "history.jsonl"
    file.write_bytes(b"".join(map(to_line, example.history)))
    done = refold("check", file, "--report-dir", tmp_path / "pages")
    assert done.code == 1
    page = (tmp_path / "pages" / "history.jsonl.html").read_text(encoding="utf-8")
    ids = re.findall(r'<li id="(record-\d+)"', page)
    assert ids == [f"record-{number}" for number in range(1, len(example.history) + 1)]
    assert f'<a href="#record-{example.finding.number}">Step through it' in page
    links = re.findall(r'href="#([^"]+)"', page)
    assert links
    assert set(links) <= set(re.findall(r' id="([^"]+)"', page))
    data = story(page)
    assert data["words"]
    assert any(data["words"][flat[n + 2]] for flat in data["changes"] for n in range(0, len(flat), 3))


def test_without_a_folder_nothing_is_written(refold: Refold, tmp_path: Path) -> None:
    file = tmp_path / "good.jsonl"
    file.write_text(GOOD)
    assert refold("check", file).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["good.jsonl"]


def test_hostile_operations_are_inert(refold: Refold, tmp_path: Path) -> None:
    nasty = "</script><script>alert(1)</script>\u202e\x00"
    file = tmp_path / "bad.jsonl"
    file.write_text(BAD.replace('"value": 1', f'"value": {json.dumps(nasty)}'))
    refold("check", file, "--report-dir", tmp_path / "pages")
    page = (tmp_path / "pages" / "bad.jsonl.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert all(line.isprintable() for line in page.split("\n"))


def test_every_finding_has_an_explorer_that_opens_at_its_own_record(refold: Refold, tmp_path: Path) -> None:
    """Several in one history: pictures, links and rows of one do not get mixed up with those of another."""
    example = SPECIMENS["expected-any-misuse"]()
    again = (*example.history, *example.history[1:])
    file = tmp_path / "history.jsonl"
    file.write_bytes(b"".join(map(to_line, again)))
    done = refold("check", file, "--report-dir", tmp_path / "pages", "--json")
    (result,) = json.loads(done.out)["results"]
    numbers = [finding["number"] for finding in result["findings"]][:3]
    assert len(set(numbers)) > 1
    page = Path(result["report"]).read_text(encoding="utf-8")
    articles = re.findall(r'<article id="finding-\d+">.*?</article>', page, re.S)
    assert len(articles) == len(numbers)
    for at, (article, number) in enumerate(zip(articles, numbers, strict=True), start=1):
        prefix = "" if at == 1 else f"f{at}-"
        assert f'<a href="#{prefix}record-{number}">Step through it, from record {number}</a>' in article
        assert re.search(rf'<li id="{prefix}record-{number}" class="bad">', article)
        assert story(article)["open"] == number
        links = re.findall(r'href="#([^"]+record-\d+|record-\d+)"', article)
        assert set(links) <= set(re.findall(r' id="([^"]+)"', article))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
