"""The symbols of the space-time picture, each centred on (x, y), and what they mean. `reports/README.md` explains them all."""

from __future__ import annotations

from collections.abc import Callable


def _dot(x: float, y: float) -> str:
    return f'<circle class="inkf" cx="{x:g}" cy="{y:g}" r="4"/>'


def _ring(x: float, y: float) -> str:
    return f'<circle class="inkh" cx="{x:g}" cy="{y:g}" r="5"/>'


def _event(x: float, y: float) -> str:
    return f'<rect class="inkf" x="{x - 6:g}" y="{y - 6:g}" width="12" height="12" rx="2"/>'


def _stored(x: float, y: float) -> str:
    return f'<rect class="inkh" x="{x - 5:g}" y="{y - 5:g}" width="10" height="10" rx="2"/>'


def _applied(x: float, y: float) -> str:
    return f'<circle class="fill" cx="{x:g}" cy="{y:g}" r="6"/>'


def _hollow(x: float, y: float) -> str:
    return f'<circle class="hollow" cx="{x:g}" cy="{y:g}" r="6"/>'


def _held(x: float, y: float) -> str:
    return _hollow(x, y) + f'<path class="a" d="M{x - 2:g} {y - 3:g}v6M{x + 2:g} {y - 3:g}v6"/>'


def _diamond(x: float, y: float, reach: float = 7, classes: str = "greenf") -> str:
    return f'<path class="{classes}" d="M{x:g} {y - reach:g}l{reach} {reach}l-{reach} {reach}l-{reach} -{reach}z"/>'


def _applied_saved(x: float, y: float) -> str:
    return f'<circle class="fill" cx="{x:g}" cy="{y:g}" r="8"/>' + _diamond(x, y, 4.5, "bare")


def _snapshot(x: float, y: float) -> str:
    return f'<path class="fill" d="M{x - 7:g} {y - 6:g}h14v12h-14z"/><circle cx="{x:g}" cy="{y:g}" r="3.2" fill="var(--paper)"/>'


def _snapshot_loaded(x: float, y: float) -> str:
    return f'<path class="hollow" d="M{x - 7:g} {y - 6:g}h14v12h-14z"/><circle cx="{x:g}" cy="{y:g}" r="3.2" fill="var(--blue)"/>'


def cross(x: float, y: float, classes: str = "redx") -> str:
    """What went wrong, or was taken back: red, or of the colour that `classes` names."""
    return f'<path class="{classes}" d="M{x - 5:g} {y - 5:g}l10 10m0 -10l-10 10"/>'


def _amber_cross(x: float, y: float) -> str:
    return cross(x, y, "amberx")


def _power(x: float, y: float) -> str:
    return f'<path class="redf" d="M{x + 3:g} {y - 10:g}l-9 11h5l-3 9l9 -11h-5z"/>'


def _restart(x: float, y: float) -> str:
    return f'<path class="greenf" d="M{x:g} {y - 7:g}l7 12h-14z"/>'


def _yes(x: float, y: float) -> str:
    return f'<circle class="greenf" cx="{x:g}" cy="{y:g}" r="4.5"/>'


def _question(x: float, y: float) -> str:
    mark = f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" style="font-size:10px">?</text>'
    return f'<circle class="inkh" cx="{x:g}" cy="{y:g}" r="6"/>' + mark


def _scan(x: float, y: float) -> str:
    return f'<path class="inkf" d="M{x - 9:g} {y - 4:g}h18v2h-18zM{x - 9:g} {y:g}h18v2h-18zM{x - 9:g} {y + 4:g}h18v2h-18z"/>'


def _rest(x: float, y: float) -> str:
    return f'<path class="inkf" d="M{x - 8:g} {y - 2:g}h16v4h-16z"/>'


def _removed(x: float, y: float) -> str:
    return f'<circle class="inkh" cx="{x:g}" cy="{y:g}" r="6"/><path class="inkf" d="M{x - 9:g} {y - 1:g}h18v2h-18z"/>'


SHAPES: dict[str, Callable[[float, float], str]] = {
    "dot": _dot,
    "note": _dot,
    "ring": _ring,
    "event": _event,
    "stored": _stored,
    "applied": _applied,
    "applied-saved": _applied_saved,
    "ignored": _hollow,
    "held": _held,
    "checkpoint": _diamond,
    "snapshot": _snapshot,
    "snapshot-loaded": _snapshot_loaded,
    "cross": _amber_cross,
    "crash": cross,
    "died": cross,
    "power": _power,
    "restart": _restart,
    "yes": _yes,
    "no": _amber_cross,
    "unknown": _question,
    "removed": _removed,
    "scan": _scan,
    "rest": _rest,
}
"""Shape of a mark -> how it is drawn."""

LEGEND: dict[str, str] = {
    "event": "event in the log",
    "stored": "stored elsewhere",
    "read": "reads, decides",
    "yes": "confirmed",
    "no": "refused",
    "unknown": "no answer",
    "plain": "delivered",
    "again": "delivered again",
    "early": "delivered out of order",
    "applied": "applied",
    "applied-saved": "applied, checkpoint saved",
    "ignored": "dismissed as done",
    "held": "put off",
    "checkpoint": "checkpoint saved",
    "snapshot": "snapshot saved",
    "snapshot-loaded": "snapshot loaded",
    "crash": "crash",
    "died": "dies",
    "power": "power cut",
    "restart": "restart",
    "removed": "removed on purpose",
    "scan": "log read as a whole",
    "rest": "at rest",
}
"""Shape or line -> what it means, in the order of the legend."""
