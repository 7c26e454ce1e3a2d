"""A story: rows that one steps through, with the lanes that they are drawn on, and what every step changed.

A page carries the rows as text, for every reader, and the rest as data for the script: what each step changed, and now and then all that is
held, so that any step is a short way from one of those. The data are compressed and in base64, so nothing in them can be markup.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from refold.reports.pages.board import Cell, Change, Held
from refold.reports.words.values import inert

FRAME_CHANGES = 256
"""Changes, at least, between two frames in which all that is held is written down."""


@attrs.frozen
class Row:
    """One step. `lane` is where it is drawn, with `shape`; an arrow of style `line` comes from `origin`; `key` is what it is about.
    `causes` are the numbers of the rows that it follows from. `style` is ``bad``, ``step`` or "", `badge` what the explanation calls it;
    `quiet`: it may be folded away."""

    number: int
    text: str
    kind: str
    lane: str = ""
    shape: str = "dot"
    origin: str = ""
    line: str = "plain"
    key: str = ""
    causes: tuple[int, ...] = ()
    changes: tuple[Change, ...] = ()
    quiet: bool = False
    style: str = ""
    badge: str = ""


@attrs.frozen
class Lane:
    """A column of the picture: an actor, or a part."""

    id: str
    name: str
    kind: str


@attrs.frozen
class Fault:
    """What lasts: from one row to another (0: to the end), on a lane (or over all, if it is "")."""

    lane: str
    begins: int
    ends: int
    what: str


@attrs.frozen
class Story:
    """What an explorer shows. `prefix` keeps the names of rows apart on a page with several stories; `noun` is what a row is."""

    rows: Sequence[Row]
    lanes: Sequence[Lane]
    faults: Sequence[Fault] = ()
    prefix: str = ""
    noun: str = "record"
    open_at: int = 0

    def anchor(self, number: int) -> str:
        """The name of a row within its page."""
        return f"{self.prefix}{self.noun}-{number}"


class Words:
    """Each text once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Its place in the list."""
        return self.numbers.setdefault(text, len(self.numbers))

    def listed(self) -> list[str]:
        """All of them."""
        return list(self.numbers)


def document(story: Story) -> dict[str, Any]:
    """The data for the script: columns, which are short when compressed. Numbers in `cells`, `held` and `should` are places in `words`."""
    words = Words()
    place = {lane.id: n for n, lane in enumerate(story.lanes)}
    cells: dict[Cell, int] = {}
    state: dict[int, tuple[int, int]] = {}
    frames: list[list[Any]] = []
    changes: list[list[int]] = []
    since = 0
    for index, row in enumerate(story.rows):
        flat: list[int] = []
        for change in row.changes:
            cell = cells.setdefault(change.cell, len(cells))
            held = (words.number(change.held.text), words.number(change.held.should))
            flat += (cell, *held)
            if change.held == Held(""):
                state.pop(cell, None)
            else:
                state[cell] = held
        changes.append(flat)
        since += len(flat) // 3
        if since >= max(FRAME_CHANGES, 2 * len(state)):
            frames.append([index, [part for cell, held in state.items() for part in (cell, *held)]])
            since = 0
    columns = {
        "kind": [words.number(row.kind) for row in story.rows],
        "key": [words.number(inert(row.key)) for row in story.rows],
        "lane": [place.get(row.lane, -1) for row in story.rows],
        "origin": [place.get(row.origin, -1) for row in story.rows],
        "shape": [words.number(row.shape) for row in story.rows],
        "line": [words.number(row.line) for row in story.rows],
    }
    return {
        "first": story.rows[0].number if story.rows else 1,
        "open": story.open_at,
        "lanes": [[inert(lane.name), lane.kind] for lane in story.lanes],
        "faults": [
            [place.get(fault.lane, -1), fault.begins, fault.ends, words.number(inert(fault.what))]
            for fault in story.faults
        ],
        "cells": [[place.get(lane, -1), words.number(item)] for lane, item in cells],
        "changes": changes,
        "frames": frames,
        "causes": [[row.number - cause for cause in row.causes] for row in story.rows],
        **columns,
        "words": words.listed(),
    }


def packed(data: Any) -> str:
    """Data as a page carries them: JSON, deflated, in base64."""
    text = json.dumps(data, separators=(",", ":")).encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(deflate.compress(text) + deflate.flush()).decode()


def unpacked(text: str) -> Any:
    """The other way round."""
    return json.loads(zlib.decompress(base64.b64decode(text), -zlib.MAX_WBITS))


def blocks(rows: Sequence[Row], size: int = 100) -> Iterable[Sequence[Row]]:
    """Rows in pieces, which a browser lays out when they come into view."""
    return (rows[start : start + size] for start in range(0, len(rows), size))
