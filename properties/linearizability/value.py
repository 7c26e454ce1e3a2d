"""Recorded values: JSON or EDN made hashable, compared exactly, shown briefly."""

from collections.abc import Hashable
from typing import Any

__all__ = ["brief", "exact", "frozen", "same"]


def same(left: object, right: object) -> bool:
    """Equality of recorded values: true is not 1, nor is [true] the same as [1]."""
    if type(left) is tuple or type(left) is frozenset:
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


class _Boolean:
    """Stands for true or false where Python would take them for 1 or 0."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


_TRUE, _FALSE = _Boolean("true"), _Boolean("false")


def exact(value: Any) -> Hashable:
    """A key under which true is not 1, which Python would take for the same. The key of a key is the key itself."""
    kind = type(value)
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is tuple:
        return tuple(map(exact, value))
    if kind is frozenset:
        return frozenset(map(exact, value))
    return value  # type: ignore[no-any-return]


def frozen(value: Any) -> Any:
    """A JSON value that can be a key: arrays as tuples, objects as tuples of pairs."""
    if isinstance(value, list):
        return tuple(map(frozen, value))
    if isinstance(value, dict):
        return tuple(sorted((name, frozen(member)) for name, member in value.items()))
    return value
