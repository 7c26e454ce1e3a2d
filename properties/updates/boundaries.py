"""Boundaries: the states that commands with a condition over tags are decided on, folded from the visible events.

One state for each condition of the menu's commands, so that nothing has to be remembered of the log.
"""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.expectation import NoMatch

UNKNOWN = object()
"""Stands for the state under a condition that no command of the menu has."""


class Boundaries:
    """The fold of all events that match, for each condition and key: after the event at hand, and before it."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.states: dict[tuple[NoMatch, str], Any] = {}
        self.before: dict[tuple[NoMatch, str], Any] = {}
        """Those that the event at hand has changed, as they were."""
        for command in application.commands():
            criteria = application.condition(command)
            if criteria is not None:
                key = application.key(command)
                self.states[NoMatch(tuple(criteria), 0), key] = application.initial(key)

    def fold(self, event: Stored) -> None:
        """One more event."""
        evolve = self.application.evolve
        self.before.clear()
        for boundary, state in self.states.items():
            if boundary[0].matches(event.type, event.tags):
                self.before[boundary] = state
                self.states[boundary] = evolve(state, event.data)

    def boundary(self, command: Any) -> tuple[NoMatch, str] | None:
        """What this command is decided on; None for one without a condition over tags."""
        criteria = self.application.condition(command)
        return None if criteria is None else (NoMatch(tuple(criteria), 0), self.application.key(command))

    def now(self, boundary: tuple[NoMatch, str]) -> Any:
        """The state after the event at hand."""
        return self.states.get(boundary, UNKNOWN)

    def prior(self, boundary: tuple[NoMatch, str]) -> Any:
        """The state before the event at hand."""
        return self.before[boundary] if boundary in self.before else self.now(boundary)
