"""The page of a report directory: what is broken now, what was, since when and how often; and the searches, the latest first."""

from __future__ import annotations

import attrs
import msgspec
from markupsafe import Markup

from refold.model.words import counted
from refold.reports.pages.assets import template, text_of
from refold.reports.plots.plot import Line, Plot, plots_policy, plots_script, plots_style, plotted
from refold.reports.runs.ledger import Cause, Kept, RunLedger
from refold.reports.words.values import inert

STRIP = 30
"""Searches that the strip of a cause shows."""
ROWS = 50
"""Searches that the table lists."""
PAGES_MAX = 20
"""Reports that are kept beside the latest one."""
TONES = ("blue", "red", "green", "amber", "soft")
"""Of the lines of a trend: one for each system and application, those that were searched last."""


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
        style=Markup(text_of("pages/page.css") + text_of("pages/stacked.css")) + plots_style(),
        script=plots_script(),
        policy=plots_policy(),
        plots=[plotted(plot) for plot in trends(ledger)],
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


def trends(ledger: RunLedger) -> list[Plot]:
    """Causes that each search found, and the steps that it made, for the systems and applications that were searched last."""
    if len(ledger.runs) < 2:
        return []
    scopes = list(dict.fromkeys(run.scope for run in reversed(ledger.runs)))[: len(TONES)]
    runs = [run for run in ledger.runs if run.scope in scopes]
    figures = (("causes found", [len(run.causes) for run in runs]), ("steps", [run.steps for run in runs]))
    return [
        Plot(
            title,
            [run.number for run in runs],
            "search",
            [
                Line(
                    scope,
                    [value if run.scope == scope else None for run, value in zip(runs, values, strict=True)],
                    tone,
                )
                for scope, tone in zip(scopes, TONES, strict=False)
            ],
        )
        for title, values in figures
    ]


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
