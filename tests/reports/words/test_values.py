"""Values in words."""

from __future__ import annotations

import pytest

from refold.reports.words.values import duration


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.2, "0 s"),
        (119.4, "119 s"),
        (119.6, "2 min"),
        (3_600, "60 min"),
        (7_200, "2 h"),
        (8_000, "2 h 13 min"),
        (172_000, "47 h 47 min"),
        (172_790, "2 days"),
        (200_000, "2 days 8 h"),
        (86_400 * 1_200, "1,200 days"),
    ],
)
def test_a_length_of_time_has_two_units_at_most(seconds: float, told: str) -> None:
    assert duration(seconds) == told
