"""Looks: what a whole application of a user's own shows through its views, at moments when it has nothing to do.

For applications without a decider, whose only truth is a full replay of their log.
"""

from __future__ import annotations

from typing import Any

from refold.model.action import Action, action_kind
from refold.model.record import Record, record_kind


@action_kind
class Look(Action, frozen=True, tag="look"):
    """With nothing under way, the background work runs to its end, and every view is read."""

    phrase = "somebody looked at the views"

    def __str__(self) -> str:
        return "the work is done to its end, and every view is read"


@action_kind
class Work(Action, frozen=True, tag="background-work"):
    """The background work takes one step."""

    phrase = "the background work went on"

    def __str__(self) -> str:
        return "the background work goes one step"


@record_kind
class Executed(Record, frozen=True, tag="executed"):
    """The application was given a command; `outcome` is ``done``, or why it was not."""

    client: str
    command: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.client} asks for {self.command}: {self.outcome}"


@record_kind
class Viewed(Record, frozen=True, tag="viewed"):
    """With nothing under way, `view` showed these states: key -> state. `partial`: it need not have all keys."""

    view: str
    states: dict[str, Any]
    partial: bool = False

    def __str__(self) -> str:
        return f"{self.view} shows {self.states!r}"
