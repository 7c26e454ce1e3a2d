"""Clocks that code has taken before a gate was opened: each tells the gate's time while one is open, and the real one afterwards."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import functools
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

import attrs
import pytest

from refold.systems.gate import Gate
from refold.systems.gate.runtime.kept_clocks import KeptClocks, missed

CLOCK = functools.partial(time.time)
SINCE = datetime.datetime.now
BY_NAME: dict[str, Callable[[], float]] = {"wall": time.time}


def by_default(now: Callable[[], float] = time.time, *, steady: Callable[[], float] = time.monotonic) -> float:
    """Default arguments."""
    return now() if steady() else 0.0


def by_name(*, steady: Callable[[], float] = time.monotonic) -> float:
    """One that is given by name."""
    return steady()


class Token:
    """Fields of a class."""

    clock = staticmethod(time.time)
    steady = time.monotonic
    partial: ClassVar[Any] = functools.partial(time.time)

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now


@dataclasses.dataclass(frozen=True)
class Lease:
    """A default, and the factory of a field."""

    now: Callable[[], float] = time.time
    made: float = dataclasses.field(default_factory=time.time)


@attrs.frozen
class Grant:
    """The factory of a field."""

    made: float = attrs.field(factory=time.time)


def closed() -> Callable[[], float]:
    """A closure."""
    clock = time.time
    return lambda: clock()


class Cache:
    """Made at import, with an object in it that has the clock."""

    def __init__(self) -> None:
        self.token = Token()


CLOSED = closed()
CACHE = Cache()
OLD = Token()

PLACES: dict[str, Callable[[], float]] = {
    "partial": lambda: CLOCK(),
    "method of datetime": lambda: SINCE().timestamp(),
    "dict": lambda: BY_NAME["wall"](),
    "default argument": by_default,
    "default of a named argument": by_name,
    "staticmethod": lambda: Token.clock(),
    "staticmethod of an object": lambda: Token().clock(),
    "field of a class": lambda: Token.steady(),
    "partial in a class": lambda: float(Token.partial()),
    "default of a method": lambda: Token().now(),
    "field of a dataclass": lambda: Lease().now(),
    "factory of a dataclass": lambda: Lease().made,
    "factory of attrs": lambda: Grant().made,
    "closure": lambda: CLOSED(),
    "object made at import": lambda: OLD.now(),
    "object in an object": lambda: CACHE.token.now(),
}
STEADY = ("field of a class", "default of a named argument")


@pytest.mark.parametrize("place", PLACES)
def test_a_clock_that_is_kept_tells_simulated_time(place: str) -> None:
    """Everybody else is told the real one, also meanwhile."""
    look = PLACES[place]
    real = time.monotonic if place in STEADY else time.time
    with Gate() as gate:
        gate.advance(12.5)
        assert gate.run("alice", look) == pytest.approx(gate.now)
        assert look() == pytest.approx(real(), abs=60)
    assert look() == pytest.approx(real(), abs=60)


def test_what_is_put_in_place_is_taken_out_again() -> None:
    for _ in range(2):
        with Gate() as gate:
            assert gate.run("alice", Token.clock) == gate.now
        assert vars(Token)["clock"].__func__ is time.time
        assert by_default.__defaults__ == (time.time,)
        assert by_default.__kwdefaults__ == {"steady": time.monotonic}
        assert OLD.now is time.time


def test_a_clock_in_a_tuple_is_said_to_be_missed() -> None:
    """Nothing can be put in its place."""
    module = type(time)("clocks_of_mine")
    module.__file__ = __file__
    vars(module)["CLOCKS"] = (time.time, len)
    vars(module)["OTHERS"] = (len,)
    finder = KeptClocks()
    finder.look(module)
    assert list(finder.missed) == ["clocks_of_mine.CLOCKS"]
    assert "clocks_of_mine.CLOCKS" not in missed()


def test_a_compiled_model_is_said_to_be_missed() -> None:
    pydantic = pytest.importorskip("pydantic")
    module = type(time)("models_of_mine")
    module.__file__ = __file__
    fields = {"made": (float, pydantic.Field(default_factory=time.time)), "size": (int, 3)}
    vars(module)["Order"] = pydantic.create_model("Order", __module__="models_of_mine", **fields)
    finder = KeptClocks()
    finder.look(module)
    assert list(finder.missed) == ["models_of_mine.Order.made"]


def test_large_libraries_leave_room_for_the_modules_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was looked into there, his functions are."""
    finder = KeptClocks()
    monkeypatch.setattr("refold.systems.gate.runtime.kept_clocks.OBJECTS_MAX", 40)
    finder.left_for_libraries = 40
    finder.look(argparse)
    assert not finder.left_for_libraries
    finder.look(sys.modules[__name__])
    assert (by_default, "__defaults__") in [(owner, name) for owner, name, _, _ in finder.places]
