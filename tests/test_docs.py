"""The documentation: links lead somewhere, commands exist, outputs are real, generated parts are up to date."""

from __future__ import annotations

import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import click
import pytest

from refold.model.record import RECORDS
from refold.properties.suite import properties
from refold.reports.commands.cli import main
from refold.reports.words.anomalies import ANOMALIES

from .consoles import BLOCK, ROOT, check, differences

DOCS = ROOT / "docs"
PAGES = [
    *sorted(DOCS.rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "reports/README.md")),
]
LIVE = [page for page in PAGES if page.name != "README.md" and "```console" in page.read_text()]
NEEDS = {"verify-an-eventsourcing-application.md": "eventsourcing"}
"""Page -> the library without which its consoles cannot be run."""
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def name(page: pathlib.Path) -> str:
    """For the names of tests."""
    return str(page.relative_to(ROOT))


def anchors(page: pathlib.Path) -> set[str]:
    """The anchors that the headings of a page have."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    """Files and headings; pages of others are not looked up."""
    for link in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{name(page)}: {link}: {target.name} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_page_is_reachable(page: pathlib.Path) -> None:
    """From the README, link by link."""
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        current = waiting.pop()
        if current in seen or current.suffix != ".md":
            continue
        seen.add(current)
        for link in LINK.findall(current.read_text(encoding="utf-8")):
            if "://" not in link and link.partition("#")[0]:
                waiting.append((current.parent / link.partition("#")[0]).resolve())
    assert page in seen


def quoted(page: pathlib.Path) -> list[list[str]]:
    """Every command of refold that a page quotes, in its consoles and in its sentences."""
    text = page.read_text(encoding="utf-8")
    lines = [line for kind, body in BLOCK.findall(text) if kind in ("console", "yaml") for line in body.splitlines()]
    lines += re.findall(r"`(refold [^`]+)`", BLOCK.sub("", text))
    found = []
    for line in lines:
        if match := re.search(r"(?:^\$ |^|- run: |/)refold (\w.*)$", line.strip()):
            found.append(shlex.split(match[1].partition(" > ")[0].partition(" #")[0]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_quoted_command_exists(page: pathlib.Path) -> None:
    """With every one of its options."""
    context = click.Context(main)
    for command, *arguments in quoted(page):
        sub = main.get_command(context, command)  # type: ignore[attr-defined]
        assert sub is not None, f"{name(page)}: refold {command}"
        options = {option for parameter in sub.params for option in parameter.opts} | {"--help"}
        for argument in arguments:
            if argument.startswith("--"):
                assert argument.partition("=")[0] in options, f"{name(page)}: refold {command} {argument}"


@pytest.mark.parametrize("page", LIVE, ids=name)
def test_consoles_print_what_pages_say(page: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Pages are followed from top to bottom, in a folder that holds the examples to which they lead, and no others."""
    if page.name in NEEDS:
        pytest.importorskip(NEEDS[page.name], reason=f"the page needs refold[{NEEDS[page.name]}]")
    if "'node " in page.read_text(encoding="utf-8") and shutil.which("node") is None:
        pytest.skip("the page needs Node: there is no program “node”")
    for example in set(re.findall(r"(?<!model/)examples/([\w.-]+\.\w+)", page.read_text(encoding="utf-8"))):
        shutil.copy(ROOT / "examples" / example, tmp_path)
    wrong = check(page, tmp_path)
    assert not wrong, "\n\n".join(wrong)


def test_differences_are_seen() -> None:
    """The comparison itself: gaps, times, and a line that is not there."""
    assert differences(["a", "…", "d in 3.1 s"], "a\nb\nd in 0.2 s\n") is None
    assert differences(["…", "c"], "a\nb\n") is not None
    assert differences(["b"], "a\nb\n") is not None


def test_generated_parts_are_up_to_date() -> None:
    """If not: python docs/generate.py, and read what has changed."""
    done = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"out of date: {done.stdout}{done.stderr}"


def test_every_record_is_listed() -> None:
    """In the page on the history file."""
    page = (DOCS / "reference" / "history-format.md").read_text()
    for kind in RECORDS:
        assert f"| `{kind.__struct_config__.tag}` |" in page


def test_every_property_and_anomaly_is_listed() -> None:
    """In the page on properties."""
    page = (DOCS / "reference" / "properties.md").read_text()
    for judge in properties(None):
        assert not judge.guarantee or f"### {judge.name}\n" in page
    for anomaly in ANOMALIES:
        assert f"| `{anomaly}` |" in page


def test_decisions_are_numbered_and_listed() -> None:
    """Every record has a number of its own and a line in the index."""
    folder = DOCS / "decisions"
    records = sorted(path.name for path in folder.glob("*.md") if path.name != "README.md")
    numbers = [record[:4] for record in records]
    assert len(set(numbers)) == len(numbers)
    index = (folder / "README.md").read_text()
    assert all(f"({record})" in index for record in records)


def test_no_page_speaks_of_this_machine() -> None:
    """No paths of the machine on which it was written."""
    for page in PAGES:
        assert not re.search(r"/tmp/|/home/|/root/|/work/|localhost", page.read_text(encoding="utf-8")), name(page)
