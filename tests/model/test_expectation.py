"""Expectations hold on the versions that they name and on no others."""

from __future__ import annotations

import pytest

from refold.model.expectation import ANY, NO_STREAM, STREAM_EXISTS, Exact, Expectation, at_version


@pytest.mark.parametrize(
    ("expectation", "held"),
    [(ANY, {0, 1, 2, 3}), (NO_STREAM, {0}), (STREAM_EXISTS, {1, 2, 3}), (Exact(1), {1}), (Exact(3), {3})],
)
def test_an_expectation_holds_on_its_versions_only(expectation: Expectation, held: set[int]) -> None:
    """Of the versions 0 to 3."""
    assert {version for version in range(4) if expectation.holds(version)} == held


@pytest.mark.parametrize("version", [0, 1, 2, 1023, 1024, 5000])
def test_a_writer_demands_the_version_that_it_has_seen(version: int) -> None:
    """At the edge of the table of shared values too."""
    expectation = at_version(version)
    assert expectation.holds(version)
    assert not expectation.holds(version + 1)
    assert (expectation == NO_STREAM) == (version == 0)


def test_expectations_read_like_words() -> None:
    """They stand in sentences of the report."""
    assert [str(one) for one in (ANY, NO_STREAM, STREAM_EXISTS, Exact(3))] == [
        "any version",
        "no stream",
        "an existing stream",
        "version 3",
    ]
