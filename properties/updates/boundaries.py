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
    """The fold of all events that match, for each condition and key, before the event at hand."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.states: dict[tuple[NoMatch, str], Any] = {}
        for command in application.commands():
            criteria = application.condition(command)
            if criteria is not None:
                key = application.key(command)
                self.states[NoMatch(tuple(criteria), 0), key] = application.initial(key)

    def fold(self, event: Stored) -> None:
        """One more event."""
        evolve = self.application.evolve
        for (condition, key), state in self.states.items():
            if condition.matches(event.type, event.tags):
                self.states[condition, key] = evolve(state, event.data)

    def prior(self, command: Any, otherwise: Any) -> Any:
        """The state that this command is decided on; `otherwise` for one without a condition over tags."""
        criteria = self.application.condition(command)
        if criteria is None:
            return otherwise
        return self.states.get((NoMatch(tuple(criteria), 0), self.application.key(command)), UNKNOWN)
