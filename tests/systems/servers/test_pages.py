"""The pages about servers name systems, options and values that there are."""

from __future__ import annotations

import pathlib
import re
from urllib.parse import parse_qsl

import pytest

from refold.systems.registry import KNOWN

DOCS = pathlib.Path(__file__).parents[3] / "docs"
PAGES = ("verify-on-*", "cut-the-power-*", "in-your-ci-*")
NAMED = sorted(
    {
        (page.name, system)
        for pattern in PAGES
        for page in (DOCS / "how-to").glob(f"{pattern}.md")
        for system in re.findall(r"--system '?([^\s'`]+)", page.read_text(encoding="utf-8"))
    }
)


def test_there_are_some() -> None:
    assert len({page for page, _ in NAMED}) >= 6


@pytest.mark.parametrize(("page", "system"), NAMED)
def test_a_system_on_a_page_is_one(page: str, system: str) -> None:
    name, _, query = system.partition("?")
    options = KNOWN[name].options()
    for option, value in parse_qsl(query, strict_parsing=bool(query)):
        assert value in options[option][0] or option == "url"
