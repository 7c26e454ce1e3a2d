"""Tables and consoles: nothing is broken, in whatever window, and nothing is wrapped where there is none."""

from __future__ import annotations

import io

import pytest

from refold.reports.documents.console import WIDE, console
from refold.reports.documents.tables import Column, print_table

NAMES = ("retry-with-new-version-defeats-id", "ack-before-fsync")
COLUMNS = [
    Column("system", NAMES),
    Column("tier", ["1", "2"], rank=2, right=True),
    Column("anomaly", ["double-effect-of-retry", "acknowledged-append-lost"], rank=1),
]


def printed(width: int) -> tuple[list[str], list[str]]:
    """The lines of a table, and the heads that were left out."""
    out = io.StringIO()
    left_out = print_table(console(out, width), "two", COLUMNS)
    return out.getvalue().splitlines(), left_out


@pytest.mark.parametrize(
    ("width", "left_out"), [(200, []), (66, []), (64, []), (60, ["tier"]), (40, ["tier", "anomaly"])]
)
def test_columns_are_left_out_and_names_are_whole(width: int, left_out: list[str]) -> None:
    """The gaps go first."""
    lines, heads = printed(width)
    assert heads == left_out
    assert [line.split()[0] for line in lines[-2:]] == list(NAMES)
    assert all(len(line) <= width for line in lines)
    assert ("acknowledged-append-lost" in lines[-1]) == ("anomaly" not in left_out)


def test_names_are_whole_even_where_they_do_not_fit() -> None:
    """The window wraps them; the text does not."""
    lines, heads = printed(10)
    assert lines == list(NAMES)
    assert heads == ["tier", "anomaly"]


def test_what_goes_into_a_pipe_is_neither_wrapped_nor_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless COLUMNS says how wide it is."""
    monkeypatch.delenv("COLUMNS", raising=False)
    out = io.StringIO()
    to = console(out)
    assert to.width == WIDE
    to.print("word " * 100)
    print_table(to, "two", COLUMNS)
    lines = out.getvalue().splitlines()
    assert len(lines[0]) == 499
    assert not [line for line in lines if line != line.rstrip()]
    monkeypatch.setenv("COLUMNS", "50")
    assert console(io.StringIO()).width == 50
    monkeypatch.setenv("COLUMNS", "many")
    assert console(io.StringIO()).width == WIDE
