"""Correct variants are never accused, and are cures of rows that exist."""

from __future__ import annotations

import pytest

from refold.properties.applications import EXAMPLES
from refold.properties.campaign import Budget, Campaign
from refold.systems.broken import BROKEN
from refold.systems.registry import resolve
from refold.systems.variants import VARIANTS


@pytest.mark.parametrize("application", sorted(EXAMPLES))
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_correct_variant_survives_thousands_of_steps_unaccused(name: str, application: str) -> None:
    result = Campaign(VARIANTS[name].system(), EXAMPLES[application](), 3, Budget(seconds=None, examples=150)).run()
    assert result.steps > 4_000
    assert [found.finding.anomaly for found in result.counterexamples] == []


def test_every_variant_names_rows_of_the_zoo_that_it_cures() -> None:
    for variant in VARIANTS.values():
        assert variant.fixes
        assert variant.docs
        replaced = set(variant.parts)
        for row in variant.fixes:
            if row in BROKEN and replaced & set(BROKEN[row].parts):
                break
        else:
            pytest.fail(f"{variant.name} replaces {replaced}, which none of the rows that it fixes does")


def test_a_variant_is_resolved_by_name() -> None:
    assert resolve("reference?with=log-first").name == "reference?with=log-first"
