"""The rows of a user's own consumer, as they were at one moment: checked, and copied so that they stay what they were."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from refold.model.declarations.ports import StoredRows
from refold.model.words import short
from refold.systems.user.errors import AdapterError, let_through

VALUES = frozenset({str, int, float, bool, bytes, type(None)})
"""Types of values that nobody can change in place."""


def snapshot(title: str, rows: object) -> StoredRows:
    """A copy of what `rows()` returned, which the consumer may go on changing in place. Raises `AdapterError` if these are no rows."""
    if not isinstance(rows, Mapping):
        raise AdapterError(f"{title}: rows() returned {short(rows)}, expected a mapping of row keys to values")
    copied = {}
    for key, value in rows.items():
        if type(key) is not str:
            raise AdapterError(f"{title}: rows() has the key {short(key)}, expected strings as row keys")
        copied[key] = value if type(value) in VALUES else own(title, key, value)
    return copied


def own(title: str, key: str, value: object) -> object:
    """A copy of a value that may be changed in place."""
    if type(value) is tuple and VALUES.issuperset(map(type, value)):
        return value
    try:
        return copy.deepcopy(value)
    except BaseException as error:
        let_through(error)
        raise AdapterError(
            f"{title}: the row {key!r} is {short(value)}, which cannot be copied ({type(error).__name__}: {error}); rows are plain values,"
            " tuples, dicts or dataclasses of such"
        ) from error


def differing(title: str, before: Mapping[str, object], now: Mapping[str, object]) -> set[str]:
    """The keys of the rows that are not the same."""
    try:
        return {key for key in {*before, *now} if before.get(key) != now.get(key)}
    except BaseException as error:
        let_through(error)
        raise AdapterError(
            f"{title}: comparing two of its rows with == raised {type(error).__name__}: {error}; rows() must return plain values"
        ) from error
