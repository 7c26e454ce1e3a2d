"""Calls of a lock of the user's own that stop where they leave the user's code."""

from __future__ import annotations

from refold.model.action import Action, action_kind
from refold.model.parts.claims.lock import named


@action_kind
class BeginLocked(Action, frozen=True, tag="begin-locked", omit_defaults=True):
    """A client begins to ``acquire``, ``write`` under, ``renew`` or ``release`` the lock (``what``), and stops where it first leaves
    its own code."""

    client: str
    what: str
    lock: str = ""

    def __str__(self) -> str:
        lock = named(self.lock)
        return f"{self.client} begins to {self.what} {f'to what {lock} guards' if self.what == 'write' else lock}"
