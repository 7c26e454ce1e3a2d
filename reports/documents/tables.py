"""Tables for the terminal that fit into it: no name and no figure is broken or cut, columns are left out instead."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from refold.reports.documents.console import WIDE


@attrs.frozen
class Column:
    """One column; of those that do not fit, the one with the greatest `rank` is left out first. Rank 0 stays."""

    head: str
    cells: Sequence[str | Text]
    rank: int = 0
    right: bool = False


def print_table(to: Console, title: str, columns: Sequence[Column]) -> list[str]:
    """Print the columns that fit; returns the heads of those that do not. Where not even rank 0 fits, a row is a line that runs on."""
    shown = list(columns)
    while True:
        for gap in (1, 0):
            table = _table(title, shown, gap)
            if Measurement.get(to, to.options.update(width=WIDE), table).maximum <= to.width:
                to.print(table)
                return _heads(columns, shown)
        extra = max((column for column in shown if column.rank), key=lambda column: column.rank, default=None)
        if extra is None:
            for cells in zip(*(column.cells for column in shown), strict=True):
                to.print(*cells, soft_wrap=True)
            return _heads(columns, shown)
        shown.remove(extra)


def _heads(columns: Sequence[Column], shown: Sequence[Column]) -> list[str]:
    return [" ".join(column.head.split()) for column in columns if column not in shown]


def _table(title: str, columns: Sequence[Column], gap: int) -> Table:
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False
    )
    for column in columns:
        table.add_column(column.head, justify="right" if column.right else "left", no_wrap=True)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table
