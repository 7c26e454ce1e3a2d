"""The catalogue is complete, well formed, and its page is up to date."""

from __future__ import annotations

import pathlib

import pytest

from refold.properties.diagnosis.catalogue import catalogue, markdown
from refold.properties.guarantees import GUARANTEES, HARNESS
from refold.systems.broken import BROKEN

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "reference" / "catalogue.md"


def test_there_are_130_rows_and_122_of_them_are_to_be_found() -> None:
    rows = catalogue().values()
    assert len(rows) == 130
    assert sum(row.tier < 3 for row in rows) == 122


def test_every_row_is_filled_in() -> None:
    for row in catalogue().values():
        assert all((row.what, row.scenario, row.fix, row.references, row.guarantees))
        assert set(row.guarantees) <= set(GUARANTEES | HARNESS)


def test_the_page_is_what_the_script_writes() -> None:
    """Run “python benchmarks/catalogue.py” if this fails."""
    assert PAGE.read_text(encoding="utf-8") == markdown()


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_system_bears_the_name_the_tier_and_the_guarantees_of_its_row(name: str) -> None:
    row = catalogue()[name]
    assert BROKEN[name].tier == row.tier
    assert BROKEN[name].guarantees == row.guarantees
