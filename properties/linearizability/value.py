"""Recorded values: JSON or EDN made hashable, compared exactly, shown briefly."""

from collections.abc import Hashable
from typing import Any

__all__ = ["brief", "exact", "frozen", "same"]


def same(left: object, right: object) -> bool:
    """Equality of recorded values: true is not 1, nor is [true] the same as [1]."""
    if type(left) is tuple:
        return left == right and exact(left) == exact(right)
    return left == right and isinstance(left, bool) is isinstance(right, bool)


def brief(value: object, length_max: int = 60) -> str:
    """A value as it is shown in a sentence: short, whatever it is; nil and not None, as histories write it."""
    if value is None:
        return "nil"
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return "a huge number"
    return text if len(text) <= length_max else f"{text[: length_max - 1]}…"


def exact(value: Any) -> Hashable:
    """A key under which true is not 1, which Python would take for the same."""
    if isinstance(value, bool):
        return bool, value
    if type(value) is tuple:
        return tuple(map(exact, value))
    return value  # type: ignore[no-any-return]


def frozen(value: Any) -> Any:
    """A JSON value that can be a key: arrays as tuples, objects as tuples of pairs."""
    if isinstance(value, list):
        return tuple(map(frozen, value))
    if isinstance(value, dict):
        return tuple(sorted((name, frozen(member)) for name, member in value.items()))
    return value
