"""What is said of old events, and of the neighbours of the history that holds them, by good and bad versions of their application."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.documents.history import HistoryReader, plain
from refold.model.documents.plan import command_classes, command_from_json
from refold.model.examples.inventory import Inventory
from refold.properties.old_data import OldData
from refold.properties.property import Checker
from refold.reports.words.values import value

from ...reports.goldens import compare
from ...search.stored.test_old_data import Default, Dropped, Forgotten, Raises, Sign, Unit, shop
from .neighbouring import digest, some_neighbours, told

FOLDER = pathlib.Path(__file__).parents[2] / "data"
SHOP = pathlib.Path(__file__).parents[3] / "examples" / "shop-1.jsonl"
NEIGHBOURS = 150
"""Of a history, about."""


class Backwards(Inventory):
    """Counts what comes as if it went, and sells what is not there."""

    def evolve(self, state: Any, event: Any, /) -> Any:
        """The other way round."""
        return state - (super().evolve(state, event) - state)

    def decide(self, command: Any, state: Any, /) -> Any:
        """As if there were more."""
        return super().decide(command, state + 2)


HISTORIES: dict[str, tuple[pathlib.Path, type[Application]]] = {
    **{f"shop-{kind.__name__}": (SHOP, kind) for kind in (shop.Shop, Default, Dropped, Forgotten, Raises, Sign, Unit)},
    **{
        f"{path.stem}-{kind.__name__}": (path, kind)
        for path in sorted((FOLDER / "own").glob("inventory-*.jsonl"))
        for kind in (Inventory, Backwards)
    },
}
"""Name -> history, and the application of today."""


def read(path: pathlib.Path) -> list[Any]:
    """The records, their events as they are written. A file of the other test names the application in its first line."""
    lines = path.read_bytes().splitlines(keepends=True)
    return list(HistoryReader().records(lines if path == SHOP else lines[1:]))


def said(application: Application, records: Any) -> Iterator[str]:
    """Findings, what was not compared, and counts."""
    commands = command_classes(application)
    judge = OldData(application, plain, lambda document: command_from_json(document, commands), True)
    checker = Checker([judge])
    for record in records:
        checker.feed(record)
    for finding in checker.finish():
        yield f"{told(finding)}: {value(finding.expected)}, but {value(finding.actual)}"
    yield from judge.remarks()
    yield from (f"{count} {what}" for what, count in sorted(judge.observations().items()))


@pytest.mark.parametrize("name", HISTORIES)
def test_old_events_are_read_as_they_were(name: str) -> None:
    """With an application that nobody has asked before."""
    path, kind = HISTORIES[name]
    records = read(path)
    base = list(said(kind(), records))
    lines = [*base, ""]
    for change, some in some_neighbours(records, NEIGHBOURS):
        if (now := list(said(kind(), some))) != base:
            lines.append(f"{change}: {digest(' '.join(now).encode())} {now[0][:80]}")
    compare(FOLDER / "old" / f"{name}.txt", "\n".join(lines))
