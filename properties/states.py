"""States: the state of every key, folded from the visible events; the part of the oracle that needs the application."""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.event import Stored
from refold.properties.updates.boundaries import Boundaries


class States:
    """The state of every key after the newest visible event.

    `key` is that of the event at hand, `prior` its state before that event. `scattered` are keys with events in streams of other names,
    whose versions are not those of the key. `boundaries` has the states of commands that are decided on what matches tags.
    """

    def __init__(self, application: Application) -> None:
        self.decider = application
        self.states: dict[str, Any] = {}
        self.scattered: set[str] = set()
        self.key = ""
        self.prior: Any = None
        self.boundaries = Boundaries(application) if application.tagged else None

    def of(self, key: str) -> Any:
        """The state of `key`."""
        return self.states[key] if key in self.states else self.decider.initial(key)

    def on_stored(self, number: int, event: Stored) -> None:
        """Fold one event."""
        decider, states = self.decider, self.states
        self.key = key = decider.key(event.data)
        if key != event.stream:
            self.scattered.add(key)
        self.prior = prior = states[key] if key in states else decider.initial(key)
        states[key] = decider.evolve(prior, event.data)

    def on_tagged(self, number: int, event: Stored) -> None:
        """Fold one event, for conditions over tags too."""
        self.on_stored(number, event)
        if self.boundaries is not None:
            self.boundaries.fold(event)

    def prior_of(self, command: Any) -> Any:
        """The state that this command is decided on in front of the event at hand; `UNKNOWN` under a condition that is not on the menu."""
        boundary = None if self.boundaries is None else self.boundaries.boundary(command)
        if boundary is not None and self.boundaries is not None:
            return self.boundaries.prior(boundary)
        key = self.decider.key(command)
        return self.prior if key == self.key else self.of(key)
