"""Calls of a lock of the user's own that stop where they leave the user's code."""

from __future__ import annotations

from refold.model.action import Action, action_kind


@action_kind
class BeginLocked(Action, frozen=True, tag="begin-locked"):
    """A client begins to do something with the lock, and stops where it first leaves its own code: ``acquire``, ``write``, ``renew`` or
    ``release``."""

    client: str
    what: str

    def __str__(self) -> str:
        return (
            f"{self.client} begins to {self.what} {'to what the lock guards' if self.what == 'write' else 'the lock'}"
        )
