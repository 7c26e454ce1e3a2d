"""What both ways of running a user's consumers ask of them: outside of its work one is called, and what is wrong becomes a sentence.

Rows are looked at as they were at one moment: checked, and copied so that they stay what they were.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from refold.model.declarations.ports import StoredRows
from refold.model.errors import UsageError
from refold.model.process import ProcessDied
from refold.model.words import short
from refold.systems.user.errors import AdapterError, awaited, let_through, misplaced, told

VALUES = frozenset({str, int, float, bool, bytes, type(None)})
"""Types of values that nobody can change in place."""
PROMISES = ("atomic", "volatile", "unordered", "at-most-once", "stopped-for-rebuild")
"""What a consumer of the user's own may promise."""


class Asked:
    """A consumer of the user's, `theirs`, called `title` in messages."""

    theirs: Any
    title: str

    def call(self, method: str, *arguments: object) -> object:
        """Call it; its exceptions become sentences."""
        try:
            return awaited(self.title, method, getattr(self.theirs, method)(*arguments))
        except AdapterError:
            raise
        except ProcessDied as death:
            if method not in ("handle", "flush"):
                raise AdapterError(misplaced(self.title, method, "handle() and flush()")) from death
            raise
        except BaseException as error:
            let_through(error)
            raise AdapterError(f"{self.title}: {method}() raised {told(error)}") from error

    def ask_checkpoint(self) -> int:
        """The checkpoint now."""
        position = self.call("checkpoint")
        if type(position) is not int or position < 0:
            raise AdapterError(
                f"{self.title}: checkpoint() returned {short(position)}, expected a position (0 or more)"
            )
        return position


def check_declared(where: str, theirs: object) -> None:
    """Whether projection and promises of a consumer are such. Raises `UsageError`."""
    if not isinstance(getattr(theirs, "projection", None), str):
        raise UsageError(
            f"{where} needs a projection, the name of the method of the application that its rows"
            " are a fold of: views, states, pointers, totals, or one of your own"
        )
    promises = getattr(theirs, "promises", ())
    unknown = [promise for promise in promises if promise not in PROMISES]
    if isinstance(promises, str) or unknown:
        raise UsageError(
            f"{where} promises {short(promises if isinstance(promises, str) else unknown[0])}, expected a"
            f" tuple of {', '.join(PROMISES)}"
        )


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
