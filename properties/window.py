"""Windows: how much of the past a property remembers (it makes its own with `Oracle.window`), and what cannot be judged because of it.

Memory does not grow with the history, so something has to be forgotten in the end. What this costs is said: nothing is switched off while
nothing was forgotten, and what is given up is told in the words that reports list under *not checked*.
"""

from __future__ import annotations

from itertools import islice
from typing import Any


class Window:
    """At least the newest `size` entries of a memory, at most twice as many. `dropped` counts what was given up.

    `unjudged` says what cannot be judged any more; ``{size}`` in it stands for the number of entries that are remembered.
    """

    __slots__ = ("dropped", "full", "size", "unjudged")

    def __init__(self, size: int, unjudged: str) -> None:
        self.size = size
        self.full = 2 * size
        self.unjudged = unjudged
        self.dropped = 0

    def trim(self, entries: dict[Any, Any]) -> None:
        """Forget all but the newest `size` entries. Called when there are `full` of them and not for every entry: a dict's front gets the
        slower to find the more of it is gone."""
        for key in list(islice(entries, max(len(entries) - self.size, 0))):
            del entries[key]
            self.dropped += 1

    def miss(self) -> None:
        """Something had to be left unjudged, because what it is compared with is forgotten."""
        self.dropped += 1

    def given_up(self) -> str:
        """What is not checked because of what was dropped; empty if nothing was."""
        return self.unjudged.format(size=f"{self.size:,}") if self.dropped else ""
