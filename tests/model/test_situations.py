"""Situations that a search should reach."""

from __future__ import annotations

from typing import Any

import pytest

import refold
from refold import sometimes
from refold.model.errors import UsageError
from refold.model.examples.inventory import Inventory
from refold.search.run import execute
from refold.systems.registry import resolve


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


class Stock(Inventory):
    """Says how far it is from a stock of three that is never reached, and from one that is."""

    def evolve(self, state: Any, event: Any) -> Any:
        """As ever."""
        after = super().evolve(state, event)
        if isinstance(after, int):
            sometimes("a stock of a thousand", distance=abs(1000 - after))
            sometimes("sold out", distance=after)
        return after


def test_the_run_that_came_nearest_to_what_was_never_reached_is_kept() -> None:
    """The first one with the smallest distance; its plan comes as near again. What was reached needs none."""
    result = refold.verify(Stock(), examples=40, seconds=None, seed=1)
    assert result.situations["sold out"]
    assert list(result.nearest) == ["a stock of a thousand"]
    near = result.nearest["a stock of a thousand"]
    again = execute(resolve("reference"), Stock(), near.plan)
    assert again.distances["a stock of a thousand"] == near.distance
    assert (
        f"what follows “a stock of a thousand”: no run reached it; run {near.run + 1} came nearest, at a distance of"
        f" {near.distance:g}"
    ) in result.not_checked
    nearer = refold.verify(Stock(), examples=near.run, seconds=None, seed=1).nearest.values()
    assert all(other.distance > near.distance for other in nearer)


def test_what_came_nearest_does_not_depend_on_the_number_of_processes() -> None:
    """Their runs are put in order before they are compared."""
    one = refold.verify(Stock(), examples=120, seconds=None, seed=2).nearest
    assert one
    two = refold.verify(Stock(), examples=120, seconds=None, seed=2, jobs=2).nearest
    assert {name: (near.distance, near.run) for name, near in two.items()} == {
        name: (near.distance, near.run) for name, near in one.items()
    }


def test_a_situation_is_reached_where_the_distance_is_none_and_the_condition_holds() -> None:
    """Both, if both are given."""
    assert sometimes("here", distance=0) is True
    assert sometimes("near", distance=1) is False
    assert sometimes("not like this", False, distance=0) is False


@pytest.mark.parametrize("distance", [-1, float("nan"), "near", [1], 1j])
def test_a_distance_is_a_number(distance: Any) -> None:
    """Whatever else is given is refused in a sentence."""
    with pytest.raises(UsageError, match="expected a number that is 0 or more"):
        sometimes("anything", distance=distance)
