"""Where a plan comes from: the command in the last line, and what a replay makes of the plan."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from refold.model.errors import UsageError
from refold.model.examples.inventory import Inventory
from refold.search.objects.provenance import Origin, named, running_test

from . import own_objects as own

PLAN = "plans/over sold.json"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are relative to the checkout."""
    monkeypatch.chdir(pathlib.Path(__file__).parents[3])


def test_objects_with_names_are_replayed_by_name() -> None:
    """The test does not matter then."""
    origin = Origin.of(own.SHOP, own.make, "test_shop.py::TestShop")
    assert origin.replay(PLAN) == "refold replay 'plans/over sold.json'"
    file = "tests/search/objects/own_objects.py"
    assert origin.fields() == {"system": f"{file}:make", "test": "test_shop.py::TestShop"}
    assert origin.search() == f"refold verify --system {file}:make --application {file}:SHOP --examples 64"


def test_objects_without_names_are_replayed_by_their_test() -> None:
    """With the stored plan; a search is the test as it is."""
    origin = Origin.of(own.Strict(8), "reference", "test shop.py::TestShop")
    assert origin.replay(PLAN) == "pytest 'test shop.py::TestShop' --refold-replay='plans/over sold.json'"
    assert origin.search() == "pytest 'test shop.py::TestShop'"
    assert origin.fields() == {
        "system": "reference",
        "unnamed": {"application": "an object of class Strict"},
        "test": "test shop.py::TestShop",
    }


def test_without_names_and_a_test_there_is_a_sentence() -> None:
    """As under unittest: it says how to come by a command."""
    origin = Origin.of(own.Strict(8), own.hidden()[1])
    assert origin.replay(PLAN) == origin.search()
    assert origin.replay(PLAN) == (
        "no command finds the application (an object of class Strict) and the system (hidden.<locals>.<lambda>) again: give it a name at"
        " the top of a module, NAME = …, and pass that to machine()"
    )


def test_what_the_user_calls_an_application_is_a_name() -> None:
    """For want of another one, as where a module makes its attributes when they are asked for."""
    assert Origin.of(own.Strict(8), "reference", called="shop:MADE_LATER").application == "shop:MADE_LATER"
    assert Origin.of(Inventory(), "reference", called="x").application == "inventory"


DOCUMENT: dict[str, Any] = {"application": None, "unnamed": {"application": "Shop"}, "test": "t.py::T"}


@pytest.mark.parametrize(
    ("document", "given", "name"),
    [(DOCUMENT, "shop.py:SHOP", "shop.py:SHOP"), ({"application": "rota"}, None, "rota"), ({}, None, None)],
)
def test_a_name_that_is_given_or_stored_counts(document: dict[str, Any], given: str | None, name: str | None) -> None:
    """Without one the system decides."""
    assert named(PLAN, document, "application", given) == name


@pytest.mark.parametrize("document", [DOCUMENT, {"system": None}, {"system": None, "unnamed": 3, "test": ["x"]}])
def test_a_plan_of_an_object_without_a_name_runs_nothing_else(document: dict[str, Any]) -> None:
    """Whatever stands in the other fields."""
    role = next(iter(document))
    with pytest.raises(UsageError, match=f"no name leads to the plan's {role}.* name one with --{role}"):
        named(PLAN, document, role, None)


def test_the_running_test_is_told_as_pytest_is_told_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from within a folder below the one that pytest counts from."""
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/search/objects/test_provenance.py::Test::test[a (b)] (call)")
    assert running_test() == "tests/search/objects/test_provenance.py::Test::test[a (b)]"
    monkeypatch.chdir(pathlib.Path(__file__).parent)
    assert running_test() == "test_provenance.py::Test::test[a (b)]"
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "no/such/file.py::test (call)")
    assert running_test() == ""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert running_test() == ""
