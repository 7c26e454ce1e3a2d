"""The board: what every actor holds, item by item, and what each step changed on it."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

Cell = tuple[str, str]
"""A lane, and what is held there: ``("consumer index", "checkpoint")``."""


@attrs.frozen
class Held:
    """What is held, in words; `should` is what it ought to be where that is something else, "" where the two agree or nobody knows."""

    text: str
    should: str = ""


NOTHING = Held("")
"""An item that is not held."""


@attrs.frozen
class Change:
    """One cell after a step."""

    cell: Cell
    held: Held


class Board:
    """What is held now. `take` gives what changed since it was last asked."""

    def __init__(self) -> None:
        self.cells: dict[Cell, Held] = {}
        self.changed: dict[Cell, Held] = {}

    def put(self, lane: str, item: str, text: str, should: str = "") -> None:
        """Hold this; an empty text with nothing that ought to be there takes the item away."""
        cell, held = (lane, item), Held(text, should)
        before = self.cells.get(cell, NOTHING)
        if held == before:
            return
        self.changed.setdefault(cell, before)
        if held == NOTHING:
            del self.cells[cell]
        else:
            self.cells[cell] = held

    def clear(self, lane: str, items: Iterable[str]) -> None:
        """Hold these no longer."""
        for item in tuple(items):
            self.put(lane, item, "")

    def items(self, lane: str, prefix: str) -> list[str]:
        """The items of a lane that begin like this."""
        return [item for where, item in self.cells if where == lane and item.startswith(prefix)]

    def take(self) -> tuple[Change, ...]:
        """What is different from what it was when this was asked last."""
        changes = tuple(
            Change(cell, self.cells.get(cell, NOTHING))
            for cell, before in self.changed.items()
            if self.cells.get(cell, NOTHING) != before
        )
        self.changed = {}
        return changes
