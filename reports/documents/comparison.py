"""The comparison of strategies made readable: JSON for scripts, a table for the terminal, a page with a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import attrs
from markupsafe import Markup
from rich.console import Console
from rich.text import Text

from refold.model.strategies.strategy import STRATEGIES
from refold.model.words import counted
from refold.reports.documents.console import console
from refold.reports.documents.tables import Column, print_table
from refold.reports.plots.plot import Line, Plot, plots_policy, plots_script, plots_style, plotted
from refold.search.strategies.comparison import CLIENTS, FAULTS, Row

Panel = tuple[str, Callable[[Row], float], Callable[[Row], str]]

PANELS: tuple[Panel, ...] = (
    ("violations per 1,000", lambda row: row.violations_per_1000, lambda row: f"{row.violations_per_1000:g}"),
    ("latency, median (ticks)", lambda row: row.latency_median, lambda row: f"{row.latency_median}"),
    ("latency, 99 % (ticks)", lambda row: row.latency_p99, lambda row: f"{row.latency_p99}"),
    ("commands / 1,000 ticks", lambda row: row.throughput, lambda row: f"{row.throughput:.0f}"),
    ("time spent blocked", lambda row: row.unavailable, lambda row: f"{row.unavailable:.1%}"),
    ("messages per command", lambda row: row.messages_per_command, lambda row: f"{row.messages_per_command:.1f}"),
)
"""What the picture shows: title, length of the bar, words beside it."""

LEGEND = (
    ("violations", "operations in the final log whose condition does not hold on the fold of the log before them"),
    ("refused", "commands that the strategy turned away after too many conflicts or too long a wait"),
    ("declined", "commands that the decider turned down: the name is taken, the stock is too low"),
    ("unknown", "commands whose client died or gave up without an answer"),
    ("retries", "messages sent once more: after a conflict, a lock that was taken, a lost answer"),
    ("latency", "ticks from a command to its answer; a message takes 2 to 6 ticks"),
    ("throughput", f"answered commands per 1,000 ticks, {CLIENTS} clients, each with one command at a time"),
    (
        "blocked",
        "share of all client time spent waiting for something that was down: log or store, lock service, holder of a claim, owner",
    ),
    ("lag", "ticks from the acceptance of an event to its being shown by the consumer"),
    ("diverged", "keys on which the database and the log disagree at the end"),
)
"""Word -> what it means."""


def comparison_json(rows: Sequence[Row], *, seed: int, steps: int, report: str | None = None) -> dict[str, Any]:
    """What `refold compare --json` prints. Fields may be added; none is renamed or removed."""
    return {"seed": seed, "steps": steps, "rows": [attrs.asdict(row) for row in rows], "report": report}


def print_comparison(rows: Sequence[Row], to: Console | None = None) -> None:
    """The table, the sensitivities, and what to read out of them."""
    to = to or console()
    names = Column("strategy", [row.strategy for row in rows])
    figures = (
        ("wrong\nper\n1,000", 1, lambda row: _rate(row.violations_per_1000)),
        ("refused", 8, lambda row: str(row.refusals)),
        ("retries", 6, lambda row: str(row.retries)),
        ("ticks,\nmedian", 2, lambda row: str(row.latency_median)),
        ("ticks,\n99 %", 5, lambda row: str(row.latency_p99)),
        ("done\nper 1,000\nticks", 3, lambda row: f"{row.throughput:.0f}"),
        ("time\nblocked", 4, lambda row: f"{row.unavailable:.1%}"),
        ("sent\neach", 7, lambda row: f"{row.messages_per_command:.1f}"),
    )
    columns = [Column(head, [said(row) for row in rows], rank, right=True) for head, rank, said in figures]
    left_out = print_table(to, "strategies for conditional updates, all faults on", [names, *columns])
    to.print()
    alone = [faults for faults in FAULTS if faults != "all"]
    columns = [
        Column(
            faults.replace(" ", "\n"), [_rate(row.faults[faults]["violations_per_1000"]) for row in rows], n, right=True
        )
        for n, faults in enumerate(alone, start=1)
    ]
    left_out += print_table(to, "wrong per 1,000 commands, one kind of fault at a time", [names, *columns])
    to.print()
    to.print(
        "wrong: accepted, although the condition no longer held; done: answered commands; sent each: messages per command"
    )
    if left_out:
        to.print(f"left out at this width: {', '.join(left_out)}")
    for line in verdict(rows):
        to.print(line)


def _rate(rate: float) -> Text:
    return Text(f"{rate:.1f}", style="red") if rate else Text("0")


def verdict(rows: Sequence[Row]) -> list[str]:
    """What the figures say, in sentences that only say what is in them."""
    held = [row for row in rows if not row.violations]
    lines = [
        f"{row.strategy} broke {row.violations:,} of {row.commands:,} commands"
        + (f", and left store and log different on {counted(row.diverged, 'key')}" if row.diverged else "")
        for row in rows
        if row.violations
    ]
    if held:
        lines.append(f"without a violation: {', '.join(row.strategy for row in held)}")
        fast = min(held, key=lambda row: (row.latency_median, row.strategy))
        open_ = min(held, key=lambda row: (row.unavailable, row.strategy))
        lines.append(
            f"of these, {fast.strategy} answers fastest (median {fast.latency_median} ticks)"
            f" and {open_.strategy} is blocked least ({open_.unavailable:.1%})"
        )
    return lines


def comparison_html(rows: Sequence[Row], *, seed: int, steps: int) -> str:
    """The page: picture, tables, legend. Self-contained."""
    alone = list(FAULTS)
    cells = "".join(
        f"<tr><td>{escape(row.strategy)}</td>" + "".join(f"<td>{value}</td>" for value in _figures(row)) + "</tr>"
        for row in rows
    )
    matrix = "".join(
        f"<tr><td>{escape(row.strategy)}</td>" + "".join(_cell(row, faults) for faults in alone) + "</tr>"
        for row in rows
    )
    heads = "".join(f"<th>{escape(faults)}</th>" for faults in alone)
    legend = "".join(f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in LEGEND)
    strategies = "".join(
        f"<dt>{escape(row.strategy)}</dt><dd>{escape(STRATEGIES[row.strategy].what)}</dd>" for row in rows
    )
    sentences = "".join(f"<li>{escape(line)}</li>" for line in verdict(rows))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{plots_policy()}">
<title>refold: strategies for conditional updates</title>
<style>{STYLE}{plots_style()}</style>
</head>
<body><main>
<h1>What safety costs</h1>
<p>Nine ways to make sure that a decision still holds when it is stored, under the same {steps:,} commands and the same faults, in simulated
time. Judged by the log: an operation is a violation if its condition does not hold on the fold of the log before it.</p>
<ul>{sentences}</ul>
<div class="plots">{"".join(comparison_plots(rows))}</div>
<h2>All faults together</h2>
<div class=scroll tabindex=0 role=region aria-label="all faults together"><table>
<tr><th>strategy<th>violations<th>refused<th>declined<th>unknown<th>retries<th>median<th>99&nbsp;%
<th>throughput<th>blocked<th>messages<th>lag<th>diverged</tr>{cells}</table></div>
<h2>One kind of fault at a time</h2>
<p>Violations per 1,000 commands, and in brackets the share of client time spent blocked.</p>
<div class=scroll tabindex=0 role=region aria-label="one kind of fault at a time"><table><tr><th>strategy{heads}</tr>{matrix}</table></div>
<h2>The strategies</h2>
<dl>{strategies}</dl>
<h2>What the words mean</h2>
<dl>{legend}</dl>
<p class=soft>The same again: <code>refold compare --seed {seed} --steps {steps}</code>. Ticks are simulated: compare them with each
other, not with milliseconds. A strategy without a violation here is not proved right:
<code>refold verify --system 'reference?strategy=NAME'</code> searches for a counterexample.</p>
</main><script type="module">{plots_script()}</script></body></html>
"""


def _figures(row: Row) -> tuple[str, ...]:
    return (
        f"{row.violations:,}",
        f"{row.refusals:,}",
        f"{row.declined:,}",
        f"{row.unknown:,}",
        f"{row.retries:,}",
        str(row.latency_median),
        str(row.latency_p99),
        f"{row.throughput:.1f}",
        f"{row.unavailable:.1%}",
        f"{row.messages_per_command:.1f}",
        str(row.lag_median),
        str(row.diverged),
    )


def _cell(row: Row, faults: str) -> str:
    figures = row.faults[faults]
    rate = figures["violations_per_1000"]
    return f"<td{' class=bad' if rate else ''}>{rate:g} <span class=soft>({figures['unavailable']:.1%})</span></td>"


NAMES, BARS, WIDTH, LINE, TOP = 152, 140, 352, 24, 40
"""Where the bars begin, how long the longest is, how wide a panel is, how high a row, and where the first row begins."""


def comparison_plots(rows: Sequence[Row]) -> list[Markup]:
    """A plot for each panel, with its picture for readers without a script."""
    return [plotted(panel_plot(rows, panel), Markup(panel_svg(rows, panel))) for panel in PANELS]


def panel_plot(rows: Sequence[Row], panel: Panel) -> Plot:
    """One figure of all strategies: those that broke decisions, and those that broke none."""
    title, size, _ = panel
    broke = Line("broke decisions", [size(row) if row.violations else None for row in rows], "bad")
    held = Line("broke none", [None if row.violations else size(row) for row in rows], "good")
    return Plot(title, [], "strategy", [broke, held], [row.strategy for row in rows])


def comparison_svgs(rows: Sequence[Row]) -> list[str]:
    """Safety against cost: a panel for each figure, a bar for each strategy; red where decisions were broken. Side by side where there is
    room, and below each other on a telephone, at a size that can be read."""
    return [panel_svg(rows, panel) for panel in PANELS]


def panel_svg(rows: Sequence[Row], panel: Panel) -> str:
    """One figure of all strategies."""
    title, size, _ = panel
    height = TOP + LINE * len(rows) + 4
    longest = max((size(row) for row in rows), default=0) or 1
    bars = "".join(_bar(row, panel, TOP + number * LINE, longest) for number, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)} of each strategy"><text x="{NAMES}" y="20" class="head">{escape(title)}</text>'
        f'<line x1="{NAMES}" y1="{TOP - 8}" x2="{NAMES}" y2="{height - 4}" class="axis"/>{bars}</svg>'
    )


def _bar(row: Row, panel: Panel, y: int, longest: float) -> str:
    title, size, words = panel
    length = max(round(BARS * size(row) / longest, 1), 1)
    kind = "bad" if row.violations else "good"
    said = f"{row.strategy}: {title} {words(row)}"
    return (
        f'<g><title>{escape(said)}</title><text x="{NAMES - 8}" y="{y + 13}" text-anchor="end">{escape(row.strategy)}</text>'
        f'<rect x="{NAMES}" y="{y + 2}" width="{length}" height="14" class="{kind}"/>'
        f'<text x="{NAMES + length + 5}" y="{y + 13}" class="figure">{escape(words(row))}</text></g>'
    )


STYLE = """
:root{--ink:#1b2430;--soft:#5a6675;--line:#d5dbe2;--page:#fff;--bad:#c4161c;--badbg:#fdeaea;--good:#1f5fbf}
@media (prefers-color-scheme:dark){:root{
--ink:#e4e9ef;--soft:#9aa7b5;--line:#333d48;--page:#0d1117;--bad:#ff7b78;--badbg:#3c1d20;--good:#79b0ff}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 ui-sans-serif,system-ui,sans-serif}
main{max-width:1240px;margin:0 auto;padding:24px 20px 60px}
h1{font-size:30px;line-height:1.2;margin:0 0 8px}h2{font-size:20px;margin:36px 0 10px}
.scroll{overflow-x:auto}.soft{color:var(--soft)}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th{text-align:right;color:var(--soft);font-weight:600;padding:5px 8px;border-bottom:1px solid var(--line);vertical-align:bottom}
td{text-align:right;padding:5px 8px;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;font-weight:650}
td.bad{background:var(--badbg);color:var(--bad);font-weight:650}
dt{font-weight:650}dd{margin:0 0 6px 20px}
svg text{font:12.5px ui-sans-serif,system-ui,sans-serif;fill:var(--ink)}svg .head{font-weight:650;fill:var(--ink)}
svg .figure{font-size:12px;font-variant-numeric:tabular-nums}
svg .axis{stroke:var(--line)}svg .bad{fill:var(--bad)}svg .good{fill:var(--good)}
"""
