"""The timeline of a history without positions: one column for each client, time from top to bottom, a bar from call to answer.

The number in a bar is its place in the order that was found; the line ends where the history cannot be explained any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from refold.reports.pictures.spacetime import clipped, safe

BARS_MAX = 160
"""Operations that are drawn; of a longer history those around its end, or around the operation to blame."""
COLUMN, ROW, HEAD, TOP, LEFT, GAP = 116, 13, 28, 8, 8, 8

STYLE = """
.cl{--ink:#1b2430;--soft:#5a6675;--line:#c3cbd5;--paper:#fff;--blue:#1f5fbf;--green:#e6f5eb;--greenink:#197a3e;--amber:#fdf3e0;
--amberink:#8a5200;--red:#c4161c;--tint:#fdeaea}
@media (prefers-color-scheme:dark){.cl{--ink:#e4e9ef;--soft:#9aa7b5;--line:#44505d;--paper:#161b22;--blue:#79b0ff;--green:#15301f;
--greenink:#5fd08a;--amber:#3a2a10;--amberink:#f0b052;--red:#ff7b78;--tint:#3c1d20}}
.cl text{font:11px ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink)}
.cl{display:block}.cl.heads{position:sticky;top:-8px;background:var(--paper);z-index:1}
.cl .head{font-weight:650;font-size:12px}.cl .life{stroke:var(--line)}
.cl .bar{stroke:var(--greenink);fill:var(--green)}.cl .fail{stroke:var(--amberink);fill:var(--amber)}
.cl .info{stroke:var(--amberink);fill:var(--amber);stroke-dasharray:4 3}.cl .blamed{stroke:var(--red);fill:var(--tint);stroke-width:2.5}
.cl .end{stroke:var(--red);stroke-width:1.5;stroke-dasharray:6 4}.cl .endtext{fill:var(--red);font-weight:650}
.cl a{cursor:pointer}.cl a.chosen rect{stroke:var(--blue);stroke-width:3}
"""


@attrs.frozen
class Bar:
    """One operation: its row in the list, who called it, from which event to which (None: it stays open), in which words."""

    number: int
    client: str
    begins: int
    ends: int | None
    words: str
    outcome: str
    placed: bool
    blamed: bool = False


def clients_svg(bars: Sequence[Bar], prefix: str, title: str) -> tuple[str, int]:
    """The picture, whose first part, the names of the clients, stays where it is when the rest is scrolled, and how many operations it
    leaves out."""
    shown = around(bars)
    rows = places(shown)
    clients = list(dict.fromkeys(bar.client for bar in shown))
    column = {who: LEFT + n * COLUMN for n, who in enumerate(sorted(clients, key=natural))}
    bottom = TOP + ROW * (len(rows) + 1)
    width = LEFT + COLUMN * len(clients)
    what = safe(title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cl heads" role="group" aria-label="clients" width="{width}" height="{HEAD}"'
        f' viewBox="0 0 {width} {HEAD}" direction="ltr"><style>{STYLE}</style>',
        *(
            f'<text class="head" x="{x + COLUMN / 2:g}" y="18" text-anchor="middle">{safe(clipped(f"client {who}", COLUMN - 12))}</text>'
            for who, x in column.items()
        ),
        f'</svg><svg xmlns="http://www.w3.org/2000/svg" class="cl" role="group" aria-label="{what}" width="{width}" height="{bottom + 24}"'
        f' viewBox="0 0 {width} {bottom + 24}" direction="ltr"><title>{what}</title>',
    ]
    for x in column.values():
        center = x + COLUMN / 2
        parts.append(f'<line class="life" x1="{center:g}" y1="0" x2="{center:g}" y2="{bottom}"/>')
    for bar in shown:
        parts.append(drawn(bar, column[bar.client], rows, bottom, prefix))
        if bar.blamed and bar.ends is not None:
            y = TOP + ROW * rows[bar.ends] + 8
            parts.append(f'<line class="end" x1="0" y1="{y}" x2="{width}" y2="{y}"/>')
    return "".join([*parts, "</svg>"]), len(bars) - len(shown)


def drawn(bar: Bar, x: int, rows: Mapping[int, int], bottom: int, prefix: str) -> str:
    """A bar that is a link to its row; its words are clipped to its own width."""
    top = TOP + ROW * rows[bar.begins]
    end = bottom if bar.ends is None else TOP + ROW * rows[bar.ends] + 8
    kind = "blamed violation" if bar.blamed else {"ok": "bar", "fail": "fail"}.get(bar.outcome, "info")
    label = f"{bar.number}. {bar.words}" if bar.placed else f"✗ {bar.words}" if bar.blamed else bar.words
    style = ' class="endtext"' if bar.blamed else ""
    high = max(end - top, ROW + 5)
    return (
        f'<a href="#{prefix}{bar.number}" data-first="{bar.number}" data-last="{bar.number}" tabindex="-1"><title>{safe(label)}</title>'
        f'<rect class="{kind}" x="{x + GAP / 2:g}" y="{top}" width="{COLUMN - GAP}" height="{high}" rx="3"/>'
        f'<text{style} x="{x + GAP}" y="{top + 13}">{safe(clipped(label, COLUMN - GAP - 10))}</text></a>'
    )


def around(bars: Sequence[Bar]) -> list[Bar]:
    """The bars to draw, in the order of their calls."""
    by_call = sorted(bars, key=lambda bar: bar.begins)
    if len(by_call) <= BARS_MAX:
        return by_call
    blamed = next((n for n, bar in enumerate(by_call) if bar.blamed), None)
    first = 0 if blamed is None else max(0, min(blamed - BARS_MAX * 3 // 4, len(by_call) - BARS_MAX))
    return by_call[first : first + BARS_MAX]


def places(bars: Sequence[Bar]) -> dict[int, int]:
    """Event -> its row in the picture. Every answer leaves room for the words of the bar that it ends."""
    moments = sorted({bar.begins for bar in bars} | {bar.ends for bar in bars if bar.ends is not None})
    ends = {bar.ends: bar.begins for bar in bars}
    found: dict[int, int] = {}
    row = 0
    for moment in moments:
        if moment in ends and ends[moment] in found:
            row = max(row, found[ends[moment]] + 1)
        found[moment] = row
        row += 1
    return found


def natural(who: str) -> tuple[int, str]:
    """Numbers by their size."""
    return (len(who) if who.isdigit() else 99, who)
