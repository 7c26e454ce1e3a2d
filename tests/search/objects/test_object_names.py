"""Names: they lead to the very thing, or there is none."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.examples.inventory import Inventory
from refold.model.log import Log
from refold.search.objects.application_check import EXAMPLES, application_named
from refold.search.objects.object_names import alike, application_name, system_name
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference
from refold.systems.registry import correct_systems, resolve
from refold.systems.user.module import load

from . import own_objects as own

FILE = str(pathlib.Path(own.__file__).resolve().relative_to(pathlib.Path(__file__).parents[3]))


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are relative to the checkout."""
    monkeypatch.chdir(pathlib.Path(__file__).parents[3])


@pytest.mark.parametrize(
    ("application", "name"),
    [
        (own.SHOP, "SHOP"),
        (own.Shop(), "Shop"),
        (own.Shop(7), "SHOP"),
        (own.Shop(8), None),
        (own.SMALL, "SMALL"),
        (own.Strict(5), "SMALL"),
        (own.Strict(6), None),
        (own.Holder.Inner(), "Holder.Inner"),
        (own.hidden()[0](), None),
    ],
    ids=lambda value: str(value) if isinstance(value, str | None) else type(value).__name__,
)
def test_an_application_has_the_name_of_itself_or_of_one_like_it(application: Application, name: str | None) -> None:
    """An instance of the same class with other settings is another application."""
    assert application_name(application) == (name and f"{FILE}:{name}")


def test_what_a_machine_adds_to_an_application_makes_it_no_other() -> None:
    """Its name, and what it remembers."""
    application = own.Shop()
    application.name = "shop of the test"
    assert application.keys
    assert application.event_classes
    assert application_name(application) == f"{FILE}:Shop"


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_have_their_own_names(name: str) -> None:
    """Unless something is different about them."""
    assert application_name(EXAMPLES[name]()) == name
    changed = EXAMPLES[name]()
    changed.schema = 2
    assert application_name(changed) is None


@pytest.mark.parametrize(
    ("system", "name"),
    [
        (own.MADE, "MADE"),
        (own.make, "make"),
        (own.LAMBDA, "LAMBDA"),
        (own.AGAIN, "AGAIN"),
        (Reference("made", {"log": Log}), "MADE"),
        (own.hidden()[1], None),
        (functools.partial(Reference, "another"), None),
        (Reference("made", {"log": own.Slow}), None),
        (Reference(parts={"log": own.Slow}), None),
    ],
    ids=lambda value: str(value) if isinstance(value, str | None) else type(value).__name__,
)
def test_a_system_has_the_name_of_itself_or_of_one_like_it(system: Any, name: str | None) -> None:
    """What it calls itself is no name: a reference system with another part is not ``reference``."""
    assert system_name(system) == (name and f"{FILE}:{name}")


@pytest.mark.parametrize("name", [*BROKEN, *correct_systems(), "sqlite"])
def test_systems_that_ship_have_their_own_names(name: str) -> None:
    """As objects too."""
    assert system_name(resolve(name)) == name
    assert system_name(name) == name


def test_names_lead_back() -> None:
    """Relative to the working directory."""
    application = application_named(f"{FILE}:SHOP")
    assert (type(application).__name__, application.limit) == ("Shop", 7)  # type: ignore[attr-defined]
    for found in (load(f"{FILE}:Holder.Inner"), application):
        assert load(str(application_name(found() if isinstance(found, type) else found))) is found


CASES: list[tuple[Any, Any, bool]] = [
    ([1, {"a": (2,)}], [1, {"a": (2,)}], True),
    ([1], (1,), False),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
    (own.Shop(3).rule, own.Shop(3).rule, True),
    (own.Shop(3).rule, own.Shop(4).rule, False),
    (own.SHOP.decide, own.SHOP.decide, True),
    (object(), object(), True),
    (Inventory, own.Shop, False),
    (functools.partial(int, "1"), functools.partial(int, "2"), False),
    (__import__("random").Random(1), __import__("random").Random(2), False),
    (__import__("threading").Lock(), __import__("threading").Lock(), False),
]


@pytest.mark.parametrize(("one", "other", "same"), CASES)
def test_values_are_alike_if_they_do_the_same(one: Any, other: Any, same: bool) -> None:
    """In doubt they are not."""
    assert alike(one, other) is same


def test_a_value_that_holds_itself_is_compared_in_the_end() -> None:
    """And is not taken for another."""
    loops: list[Callable[[], Any]] = []
    for _ in range(2):
        loop: list[Any] = []
        loop.append(loop)
        loops.append(loop)  # type: ignore[arg-type]
    assert not alike(*loops)
