"""Templates: one loader for all pages, and what is put into them is inert."""

from __future__ import annotations

import pathlib

import jinja2
import pytest

from refold.reports.commands.gallery import page as gallery_page
from refold.reports.commands.zoo import page as zoo_page
from refold.reports.documents.campaign_page import Overview, campaign_html, causes
from refold.reports.pages.assets import template
from refold.search.matrix.cells import Cell
from refold.search.matrix.estimate import estimate
from refold.search.matrix.store import CellState, Find

from ..specimens import HOSTILE

REPORTS = pathlib.Path(__file__).parents[3] / "reports"
TEMPLATES = sorted(str(path.relative_to(REPORTS)) for path in REPORTS.rglob("*.html") if "generated" not in path.parts)


@pytest.mark.parametrize("file", TEMPLATES)
def test_every_page_has_the_one_loader(file: str) -> None:
    """Which escapes, and does not know what is not given to it."""
    environment = template(file).environment
    assert environment is template("pages/check.html").environment
    assert environment.autoescape is True
    assert environment.undefined is jinja2.StrictUndefined


def test_no_page_makes_a_loader_of_its_own() -> None:
    """So that none is without escaping."""
    makers = [path for path in REPORTS.rglob("*.py") if "jinja2.Environment(" in path.read_text(encoding="utf-8")]
    assert [path.name for path in makers] == ["assets.py"]


@pytest.mark.parametrize("file", ["documents/gallery.html", "documents/zoo.html"])
def test_tables_share_their_styles(file: str) -> None:
    """One file of them is included."""
    page = template(file).render(
        rows=[], found=0, right=0, seeds="1", parts=None, verdict=None, page_of=None, place=None
    )
    for file in ("documents/table.css", "pages/stacked.css"):
        assert (REPORTS / file).read_text(encoding="utf-8").partition("{%")[0].rstrip() in page


def test_a_template_that_is_not_there() -> None:
    """Is an error that names it."""
    with pytest.raises((jinja2.TemplateNotFound, FileNotFoundError), match=r"no-such\.html"):
        template("pages/no-such.html")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_put_into_a_page_is_harmless(text: str) -> None:
    """Whether or not the page has thought of it: in the pages of campaigns, of the gallery and of the zoo."""
    for page in (campaign(text), gallery(text), zoo(text)):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<svg onload" not in page
        assert all(char.isprintable() or char == "\n" for char in page)
        assert page.encode()


def campaign(text: str) -> str:
    """Whose every text is this one."""
    cell = Cell(text, text)
    about = {"headline": text, "cause": text, "actions": 2, "minimal": True, "plan": text, "replay": text, "page": ""}
    finds = [Find(cell, text, guarantee, 1, 2, 1.0, 2.0, about) for guarantee in ("CAS", text)]
    state = CellState(cell, 2, 3, 1.0, (text,), (text,), text, {text: 0})
    growth = [(1.0, 1, 2, 3), (2.0, 2, 2, 3)]
    found = estimate({}, 1)
    return campaign_html(Overview(1, 10.0, False, [state], causes(finds), found, found, growth))


def gallery(text: str) -> str:
    """One row, whose every text is this one."""
    names = ("name", "system", "version", "setting", "verdict", "expected", "why", "anomaly", "headline", "reference")
    lists = {name: [text] for name in ("also", "sentences", "explanation")}
    rest = {"right": False, "actions": 2, "plan": None, "picture": None, "report": None, "examples": 1, "steps": 2}
    return gallery_page([{**dict.fromkeys(names, text), **lists, **rest}], pathlib.Path())


def zoo(text: str) -> str:
    """The same."""
    names = ("name", "reference", "anomaly", "headline", "guarantee")
    lists = {name: [text] for name in ("sentences", "explanation", "properties")}
    figures = {
        "tier": 1,
        "found": False,
        "errors": 0,
        "seconds_cpu": 1.0,
        "seconds_cpu_max": 2.0,
        "actions": 2,
        "seeds": [1],
    }
    more = {"report": None, "diagnosis": [{"row": text, "score": 0.5}]}
    return zoo_page([{**dict.fromkeys(names, text), **lists, **figures, **more}])
