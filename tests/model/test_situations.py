"""Situations that a search should reach."""

from __future__ import annotations

from typing import Any

import pytest

import refold
from refold import sometimes
from refold.model.errors import UsageError
from refold.model.examples.inventory import Inventory


class Shop(Inventory):
    """Names what its decisions come to."""

    situations = ("stock of a thousand", "sold out")

    def evolve(self, state: Any, event: Any) -> Any:
        """As ever."""
        after = super().evolve(state, event)
        sometimes("sold out", after == 0)
        sometimes("something was sold or bought")
        sometimes("a negative stock", isinstance(after, int) and after < 0)
        return after


def test_a_search_counts_the_runs_that_reached_a_situation_and_names_the_others() -> None:
    """Those that the application lists, too, if nobody ever asked about them."""
    result = refold.verify(Shop(), examples=40, seconds=None, seed=1)
    assert result.verdict == "held"
    assert list(result.situations) == [
        "stock of a thousand",
        "sold out",
        "something was sold or bought",
        "a negative stock",
    ]
    assert 0 < result.situations["sold out"] < 40
    assert result.situations["something was sold or bought"] > result.situations["sold out"]
    never = [text for text in result.not_checked if "no run reached it" in text]
    assert never == [
        "what follows “stock of a thousand”: no run reached it",
        "what follows “a negative stock”: no run reached it",
    ]


def test_an_application_that_names_none_has_none() -> None:
    """Nor does what another run named last into the next one."""
    sometimes("left over from somebody else")
    assert refold.verify(Inventory(), examples=5, seconds=None, seed=1).situations == {}


def test_it_returns_its_condition() -> None:
    """So that it can stand in one."""
    assert sometimes("one", [1]) is True
    assert sometimes("one", []) is False


@pytest.mark.parametrize("name", ["", "  ", None, 7])
def test_a_name_is_a_text(name: Any) -> None:
    """Whatever else is given is refused in a sentence."""
    with pytest.raises(UsageError, match="expected a text that names the situation"):
        sometimes(name)
