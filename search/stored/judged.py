"""The verdict on a stored history."""

from __future__ import annotations

from typing import Literal

import attrs

from refold.model.application import Application
from refold.properties.accounts.finding import Account
from refold.properties.linearizability import Operation, Verdict
from refold.properties.property import Finding

HELD, BROKEN, UNDECIDED = "held", "broken", "undecided"


@attrs.frozen
class Judged:
    """The verdict on a stored history, and what it is based on.

    ``verdict`` is ``held`` or ``broken`` for a history of refold, ``linearizable`` or ``not linearizable`` for a
    history without positions, and ``undecided`` if the history could not be read or judged completely and nothing had
    been found until then. ``records`` is the number of records that were read. ``findings`` are those of refold's
    properties, judged with ``application`` (None: without one). ``black_box`` is the verdict on a history without
    positions, and `fail` says what a failed operation in such a history was taken to mean. ``not_checked`` says in
    plain words what was not checked, and ``counts`` says what happened. ``reason`` says why nothing was decided, and
    `hint` names a different assumption under which there would be no contradiction. ``account`` is the verdict of a
    model that needs no search, and ``operations`` are the operations of a history without positions. ``error`` is what
    ended the reading early; what was found before is kept.
    """

    verdict: str
    format: str
    records: int = 0
    findings: tuple[Finding, ...] = ()
    not_checked: tuple[str, ...] = ()
    counts: dict[str, int] = attrs.field(factory=dict)
    application: Application | None = None
    black_box: Verdict | None = None
    fail: Literal["refuses", "nothing"] | None = None
    reason: str = ""
    hint: str = ""
    account: Account | None = None
    operations: tuple[Operation, ...] = attrs.field(default=(), eq=False, repr=False)
    error: BaseException | None = attrs.field(default=None, eq=False)
