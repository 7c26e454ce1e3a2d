"""What a case is: a history that breaks one clause of a definition, and the nearest history that breaks none."""

from __future__ import annotations

from typing import Any

import attrs

from refold.model.application import Application


@attrs.frozen
class Case:
    """A history that one clause convicts, and its innocent twin: the same history with the smallest change that makes it right.

    `OPENED` stands before both where they do not begin with a record `Opened` of their own. `application` is `Accounts()` where nothing
    is said. `also` names the other properties that convict the history too: all of them, and no other.
    """

    history: tuple[Any, ...]
    twin: tuple[Any, ...]
    application: Application | None = None
    also: frozenset[str] = frozenset()
