"""Versions: the states that each key has had, to say which of them an answer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.application import Application
from refold.model.event import Stored


class Versions:
    """The state of every key after each of its events; what nobody has written to yet has one."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.states: dict[str, list[Any]] = {}

    def of(self, key: str) -> list[Any]:
        """The states of a key, from the initial one on."""
        if key not in self.states:
            self.states[key] = [self.application.initial(key)]
        return self.states[key]

    def fold(self, events: Sequence[Stored]) -> None:
        """These have become visible."""
        for event in events:
            states = self.of(self.application.key(event.data))
            states.append(self.application.evolve(states[-1], event.data))

    def newest(self, key: str) -> int:
        """How many events it has."""
        return len(self.of(key)) - 1

    def earliest(self, key: str, state: Any, least: int) -> int | None:
        """The first version from `least` on at which the key had this state; None if there was none."""
        states = self.of(key)
        wanted = states[0] if state is None else state
        return next((version for version in range(least, len(states)) if states[version] == wanted), None)

    def version(self, key: str, state: Any) -> int | None:
        """The newest version at which the key had this state; None if it never had. None as a state is the initial one."""
        states = self.of(key)
        wanted = states[0] if state is None else state
        return next((version for version in range(len(states) - 1, -1, -1) if states[version] == wanted), None)
