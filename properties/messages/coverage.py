"""Coverage: which events have had their effect, by whom. All up to a position, and single later ones, so it is small."""

from __future__ import annotations

from refold.model.event import Stored
from refold.model.record import ConsumerSpec
from refold.properties.oracle import Oracle, Progress
from refold.properties.window import Window


class Coverage:
    """For each actor, the events of the log that it has dealt with.

    An actor that falls behind what the oracle remembers is taken to have dealt with the forgotten events; `unknown` says up to where,
    and `window` that this was not checked.
    """

    def __init__(self, oracle: Oracle, unjudged: str) -> None:
        self.oracle = oracle
        self.window = Window(oracle.kept, unjudged)
        self.actors: dict[str, Progress] = {}
        self.skipped: dict[str, int] = {}

    def of(self, actor: str) -> Progress:
        """How far this actor has come; from here on it is one."""
        progress = self.actors.get(actor)
        if progress is None:
            progress = self.actors[actor] = Progress(ConsumerSpec(name=actor, projection=""))
        if progress.contiguous < self.oracle.low:
            self.skip(actor, progress)
        return progress

    def skip(self, actor: str, progress: Progress) -> None:
        """Go on at the oldest event that is remembered."""
        oracle = self.oracle
        start = oracle.before.get(oracle.order[0], 0) if oracle.order else oracle.low
        if start <= progress.contiguous:
            return
        self.window.miss()
        self.skipped[actor] = progress.contiguous = start
        later = sorted(position for position in progress.beyond if position > start)
        progress.beyond.clear()
        for position in later:
            oracle.advance(progress, position)

    def add(self, actor: str, position: int) -> None:
        """The event at `position` had its effect."""
        self.oracle.advance(self.of(actor), position)

    def unknown(self, actor: str, position: int) -> bool:
        """Whether nobody knows if it had."""
        self.of(actor)
        return position <= self.skipped.get(actor, 0)

    def includes(self, actor: str, position: int) -> bool:
        """Whether it had, as far as anybody knows."""
        progress = self.of(actor)
        return position <= progress.contiguous or position in progress.beyond

    def lacking(self, actor: str, high: int) -> Stored | None:
        """The first visible event up to position `high` that had no effect."""
        progress = self.of(actor)
        events = self.oracle.between(progress.contiguous, high)
        return next((event for event in events if event.position not in progress.beyond), None)
