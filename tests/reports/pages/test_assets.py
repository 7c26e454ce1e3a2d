"""Templates: one loader for all pages, and what is put into them is inert."""

from __future__ import annotations

import pathlib

import jinja2
import pytest

from refold.reports.pages.assets import template

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
    assert (REPORTS / "documents" / "table.css").read_text(encoding="utf-8").rstrip() in page


def test_a_template_that_is_not_there() -> None:
    """Is an error that names it."""
    with pytest.raises((jinja2.TemplateNotFound, FileNotFoundError), match=r"no-such\.html"):
        template("pages/no-such.html")
