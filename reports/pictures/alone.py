"""Pictures as files of their own: the same drawings as in the page, to be opened, mailed or put into a document."""

from __future__ import annotations

from collections.abc import Iterator

from refold.reports.pictures.graph_picture import graph_svg
from refold.reports.pictures.scene import scene
from refold.reports.pictures.spacetime import Picture
from refold.reports.words.explained import Explained


def pictures(told: Explained) -> Iterator[tuple[str, str]]:
    """What each picture of a finding shows (``history``, ``cycle``), and its SVG."""
    finding, numbers = told.finding, told.explanation.numbers
    what = scene(told.history, finding, numbers)
    if what.rows:
        yield "history", alone(Picture(what, finding, f"what led to {finding.anomaly}", numbers).svg())
    if told.graph is not None:
        yield "cycle", alone(graph_svg(told.graph))


def alone(svg: str) -> str:
    """A drawing with the background that the page would give it."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<svg style="background:var(--paper)" '
    return svg.replace("<svg ", head, 1) + "\n"
