"""A campaign made readable: JSON for scripts, a table for the terminal, a page that follows it while it works."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import attrs
from rich.console import Console

from refold.model.declarations.situations import never_reached
from refold.model.words import counted
from refold.reports.documents.console import console
from refold.reports.documents.tables import Column, print_table
from refold.reports.pages.assets import template
from refold.reports.plots.plot import Line, Plot, plots_policy, plots_script, plots_style, plotted
from refold.reports.words.values import duration
from refold.search.matrix.cells import Cell
from refold.search.matrix.estimate import Estimate, estimate
from refold.search.matrix.store import CampaignStore, CellState, Find
from refold.search.objects.provenance import replay_command

UNITS = ((7200, "hours"), (120, "minutes"), (0, "seconds"))
"""From so many seconds on, time is told in these."""
SECONDS_OF = {"hours": 3600, "minutes": 60, "seconds": 1}


@attrs.frozen
class CampaignCause:
    """Finds of one cell that have one cause, as far as the diagnosis tells: the most frequent find speaks for all."""

    name: str
    finds: tuple[Find, ...]

    @property
    def first(self) -> Find:
        """The one that speaks."""
        return self.finds[0]

    @property
    def runs(self) -> int:
        """Those that showed any of them."""
        return sum(find.runs for find in self.finds)


@attrs.frozen
class Overview:
    """All that there is to say about a campaign so far."""

    seed: int
    seconds: float
    working: bool
    states: Sequence[CellState]
    causes: Sequence[CampaignCause]
    of_finds: Estimate
    of_pairs: Estimate
    growth: Sequence[tuple[float, int, int, int]]
    near_plans: Mapping[tuple[Cell, str], str] = attrs.field(factory=dict)
    """Cell and situation -> the plan of the run that came nearest."""
    shards: int = 0
    coverage: Mapping[str, int] = attrs.field(factory=dict)

    @classmethod
    def of(
        cls, store: CampaignStore, working: bool = False, near_plans: Mapping[tuple[Cell, str], str] | None = None
    ) -> Overview:
        """Of what is in the file."""
        states = store.states()
        runs = sum(state.runs for state in states)
        return cls(
            seed=store.seed,
            seconds=store.seconds,
            working=working,
            states=states,
            causes=causes(store.finds()),
            of_finds=estimate(store.frequencies("finds"), runs),
            of_pairs=estimate(store.frequencies("pair"), runs),
            growth=list(store.growth()),
            near_plans=near_plans or {},
            shards=store.shards_done(),
            coverage=store.coverage(),
        )

    @property
    def runs(self) -> int:
        """Of all cells."""
        return sum(state.runs for state in self.states)

    @property
    def steps(self) -> int:
        """Of all cells."""
        return sum(state.steps for state in self.states)

    @property
    def troubles(self) -> list[str]:
        """What could not be searched, in sentences."""
        stopped = [f"{state.cell}: {state.trouble}" for state in self.states if state.trouble]
        return stopped + [f"{state.cell}: {lost}" for state in self.states for lost in state.missing]

    @property
    def verdict(self) -> str:
        """``broken`` if anything was found, else ``held``."""
        return "broken" if self.causes else "held"

    @property
    def unreached(self) -> list[str]:
        """Situations that no run has reached, in sentences."""
        return [
            f"{state.cell}: {said}{self.near_plan(state.cell, name)}"
            for state in self.states
            for name, reached in state.situations.items()
            for said in never_reached({name: reached}, state.nearest)
        ]

    def near_plan(self, cell: Cell, situation: str) -> str:
        """How to run the plan that came nearest, as the end of a sentence."""
        plan = self.near_plans.get((cell, situation))
        return f"; {replay_command(plan)}" if plan else ""

    def outlook(self) -> list[str]:
        """What another hour would find, in sentences."""
        if not self.runs or not self.seconds:
            return []
        hour = self.runs / self.seconds * 3600
        return [
            expected("finding", self.of_finds, hour),
            expected(
                "pair of actions that follow each other", self.of_pairs, hour, "pairs of actions that follow each other"
            ),
        ]


def causes(finds: Sequence[Find]) -> list[CampaignCause]:
    """The finds of each cell by their first diagnosis."""
    grouped: dict[tuple[str, str], list[Find]] = {}
    for _, of_cell in groupby(finds, key=lambda find: find.cell):
        for find in of_cell:
            grouped.setdefault((str(find.cell), find.about["cause"] or find.anomaly), []).append(find)
    return [CampaignCause(name, tuple(found)) for (_, name), found in grouped.items()]


def expected(what: str, of: Estimate, hour: float, plural: str = "") -> str:
    """One sentence about things of this kind."""
    several = plural or f"{what}s"
    if not of.seen:
        return f"{several}: none in {counted(of.runs, 'run')}"
    if not of.once:
        return f"{several}: {of.seen:,}, each seen in two runs or more; another hour would hardly show a new one"
    more = of.more(hour)
    soon = "fewer than 0.1" if more < 0.05 else f"about {more:.1f}" if more < 10 else f"about {more:,.0f}"
    return (
        f"{several}: {of.seen:,}, of which {of.once:,} in one run only; another hour ({hour:,.0f} runs) would show {soon} new ones"
        f" (Chao1: about {of.unseen:,.{0 if of.unseen >= 10 else 1}f} unseen)"
    )


def campaign_json(overview: Overview, report: str, interrupted: bool) -> dict[str, Any]:
    """What ``refold campaign --json`` prints. Fields may be added; none is renamed or removed. `examples` are runs."""
    return {
        "verdict": overview.verdict,
        "interrupted": interrupted,
        "seed": overview.seed,
        "seconds": overview.seconds,
        "shards": overview.shards,
        "examples": overview.runs,
        "runs": overview.runs,
        "steps": overview.steps,
        "cells": [
            {
                "system": state.cell.system,
                "application": state.cell.application,
                "runs": state.runs,
                "steps": state.steps,
                "seconds": state.seconds,
                "not_checked": list(state.not_checked),
                "trouble": state.trouble,
                "missing": list(state.missing),
                "situations": state.situations,
                "nearest": {
                    name: {"distance": distance, "run": run, "plan": overview.near_plans.get((state.cell, name), "")}
                    for name, (distance, run) in state.nearest.items()
                },
            }
            for state in overview.states
        ],
        "coverage": dict(overview.coverage),
        "findings": [
            {**find_json(find), "cause": cause.name, "count": find.runs}
            for cause in overview.causes
            for find in cause.finds
        ],
        "causes": [
            {"cause": cause.name, "runs": cause.runs, "findings": [find_json(find) for find in cause.finds]}
            for cause in overview.causes
        ],
        "estimates": {
            "findings": estimate_json(overview.of_finds),
            "pairs_of_actions": estimate_json(overview.of_pairs),
        },
        "report": report,
    }


def find_json(find: Find) -> dict[str, Any]:
    """One find."""
    return {
        "system": find.cell.system,
        "application": find.cell.application,
        "anomaly": find.anomaly,
        "guarantee": find.guarantee,
        "run": find.run,
        "runs": find.runs,
        "first_seen": find.first_seen,
        "last_seen": find.last_seen,
        **find.about,
    }


def estimate_json(of: Estimate) -> dict[str, Any]:
    """One estimate."""
    return {"seen": of.seen, "once": of.once, "unseen_chao1": of.unseen, "chance_of_new_in_next_run": of.chance}


def print_campaign(overview: Overview, to: Console | None = None) -> None:
    """The cells, the finds, the outlook."""
    to = to or console()
    rows = overview.states
    found = [[cause for cause in overview.causes if cause.first.cell == state.cell] for state in rows]
    print_table(
        to,
        "campaign",
        [
            Column("system", [state.cell.system for state in rows]),
            Column("application", [state.cell.application for state in rows], rank=2),
            Column("verdict", [verdict_of(state, bool(each)) for state, each in zip(rows, found, strict=True)]),
            Column("causes", [str(len(each)) for each in found], rank=3, right=True),
            Column("runs", [f"{state.runs:,}" for state in rows], rank=1, right=True),
            Column("steps", [f"{state.steps:,}" for state in rows], rank=4, right=True),
        ],
    )
    to.print()
    for cause in overview.causes:
        find = cause.first
        to.print(f"{find.cell}: {find.about['headline']} ({find.guarantee})", markup=False)
        for other in cause.finds[1:]:
            to.print(f"  also shows up as: {other.about['headline']} ({other.guarantee})", markup=False)
        to.print(
            f"  in {cause.runs:,} of {runs_of(overview, find):,} runs, first in run {find.run + 1:,}; {find.about['replay']}",
            markup=False,
        )
    for line in [*overview.unreached, *overview.outlook()]:
        to.print(line, markup=False)


def runs_of(overview: Overview, find: Find) -> int:
    """The runs of the cell of a find."""
    return next(state.runs for state in overview.states if state.cell == find.cell)


def verdict_of(state: CellState, found: bool) -> str:
    """A cell in a word or two."""
    if found:
        return "BROKEN"
    if state.trouble:
        return "not searched" if not state.runs else "HELD, then stopped"
    if not state.runs:
        return "not begun"
    return f"HELD ({len(state.not_checked)} not checked)" if state.not_checked else "HELD"


def campaign_html(overview: Overview) -> str:
    """The page. It asks for itself again every few seconds while the campaign is at work."""
    return template("documents/campaign.html").render(
        overview=overview,
        verdict_of=verdict_of,
        runs_of=runs_of,
        found={cause.first.cell for cause in overview.causes},
        plots=[plotted(plot) for plot in growth_plots(overview)],
        plots_style=plots_style(),
        script=plots_script(),
        policy=plots_policy(),
        duration=duration,
        counted=counted,
    )


def growth_plots(overview: Overview) -> list[Plot]:
    """Pairs of actions, findings, runs and steps over the time that the campaign was at work."""
    growth = overview.growth
    if len(growth) < 2:
        return []
    unit = next(unit for least, unit in UNITS if growth[-1][0] >= least)
    seconds = [0.0, *(moment for moment, *_ in growth)]
    first_seen = sorted(find.first_seen for cause in overview.causes for find in cause.finds)
    figures = (
        ("pairs of actions that follow each other", "link", [pairs for *_, pairs in growth], False),
        ("findings", "bad", [bisect_right(first_seen, moment) for moment, *_ in growth], True),
        ("runs", "good", [runs for _, runs, _, _ in growth], False),
        ("steps", "good", [steps for _, _, steps, _ in growth], False),
    )
    times = [round(second / SECONDS_OF[unit], 3) for second in seconds]
    return [
        Plot(title, times, unit, [Line(title, [0, *values], tone, steps)]) for title, tone, values, steps in figures
    ]
