"""The page of a report directory: what is broken now, what was, since when and how often; and the searches, the latest first."""

from __future__ import annotations

import attrs
import msgspec
from markupsafe import Markup

from refold.model.words import counted
from refold.reports.pages.assets import template, text_of
from refold.reports.runs.ledger import Cause, Kept, RunLedger
from refold.reports.words.values import inert

STRIP = 30
"""Searches that the strip of a cause shows."""
ROWS = 50
"""Searches that the table lists."""
PAGES_MAX = 20
"""Reports that are kept beside the latest one."""


@attrs.frozen
class ShownCause:
    """A cause, ready for the template."""

    cause: Cause
    headline: str
    anomalies: str
    still: bool
    rate: str
    strip: Markup
    replay: str
    scope: str
    place: str


def runs_page(ledger: RunLedger) -> str:
    """The page: complete without a script, and without anything from elsewhere."""
    shown = [_shown(ledger, cause) for cause in ledger.causes]
    runs = [_inert(run) for run in reversed(ledger.runs[-ROWS:])]
    text = template("runs/runs.html").render(
        style=Markup(text_of("pages/page.css")),
        now=[one for one in shown if one.still],
        gone=[one for one in shown if not one.still],
        runs=runs,
        total=times(ledger.next_number - 1),
        unlisted=ledger.next_number - 1 - len(runs),
        examples=ledger.examples,
        steps=ledger.steps,
        counted=counted,
        times=times,
        pages_max=PAGES_MAX,
    )
    return text + "\n"


def _shown(ledger: RunLedger, cause: Cause) -> ShownCause:
    found, searches = ledger.rate(cause)
    return ShownCause(
        cause,
        inert(cause.headline),
        inert(", ".join(cause.anomalies)),
        ledger.still_seen(cause),
        f"{found} of {times(searches)} since then ({found / searches:.0%})",
        strip(ledger.recent(cause, STRIP)),
        inert(cause.replay),
        inert(cause.scope),
        inert(cause.place),
    )


def times(number: int) -> str:
    """``1 search``, ``2 searches``."""
    return f"{number:,} search{'' if number == 1 else 'es'}"


def _inert(run: Kept) -> Kept:
    words = {name: inert(getattr(run, name)) for name in ("at", "system", "application", "verdict")}
    return msgspec.structs.replace(run, **words)


SIDE, GAP = 11, 3


def strip(recent: list[tuple[Kept, bool]]) -> Markup:
    """A square for each search, oldest first: filled where it was found, hollow where it was not."""
    width = len(recent) * (SIDE + GAP)
    words = ", ".join(f"search {run.number} {'found it' if found else 'did not'}" for run, found in recent)
    squares = "".join(
        f'<rect x="{n * (SIDE + GAP) + 1}" y="1" width="{SIDE}" height="{SIDE}" rx="2" class="{"yes" if found else "no"}">'
        f"<title>search {run.number}, {inert(run.at)}: {'found' if found else 'not found'}</title></rect>"
        for n, (run, found) in enumerate(recent)
    )
    return Markup(
        f'<svg class="trend" viewBox="0 0 {width + 2} {SIDE + 2}" width="{width + 2}" height="{SIDE + 2}" role="img"'
        f' aria-label="{words}">{squares}</svg>'
    )
