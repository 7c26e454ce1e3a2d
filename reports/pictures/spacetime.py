"""The space-time picture: an inline SVG of a history. Lanes stand side by side, time runs from top to bottom, one row per record.

Rows and not columns are time, so that every label has a line of its own: labels cannot overlap, and a picture of several hundred
records is long but readable. All strings are inert: they are escaped, and no character is left that XML does not allow.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from refold.model.words import counted
from refold.properties.property import Finding
from refold.reports.pictures.scene import Gap, Scene, scene
from refold.reports.pictures.symbols import LEGEND, SHAPES, cross
from refold.reports.pictures.timeline import LOG, Mark, lane_kind, lane_name
from refold.reports.words.explained import explain_finding
from refold.reports.words.values import inert

GUTTER = 78
"""Width of the column of numbers."""
LANE, MARGIN = 132, 330
"""Width of a lane, and of the room for the last lane's labels."""
LANE_NARROW, MARGIN_NARROW, LANES_WIDE = 100, 240, 5
"""The same where there are more lanes than `LANES_WIDE`, or the labels are long."""
FRAME = 1072
"""Room in the frame of a report: a picture is as wide as that rather than cut a label."""
ROW, HEAD, FOOT = 26, 44, 14
LANELESS = 14
"""Where what is on no lane has its symbol, behind the column of numbers."""
CHARACTER = 6.3
"""Width of a letter, about."""
LANES_AGAIN = 36
"""Rows after which the names of the lanes are repeated."""

STYLE = """
.st{--ink:#1b2430;--soft:#5a6675;--line:#c3cbd5;--band:#eef2f6;--paper:#fff;--blue:#1f5fbf;--green:#197a3e;--amber:#9a5b00;
--violet:#7a3fb5;--red:#c4161c;--tint:#fdeaea}
@media (prefers-color-scheme:dark){.st{--ink:#e4e9ef;--soft:#9aa7b5;--line:#44505d;--band:#222b35;--paper:#161b22;--blue:#79b0ff;
--green:#5fd08a;--amber:#f0b052;--violet:#c79bff;--red:#ff7b78;--tint:#3c1d20}}
.st text{font:12px ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink)}
.st .halo{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.st .tinted .halo{stroke:var(--tint)}
.st .num,.st .note{fill:var(--soft);font-size:11px}.st .num{font-variant-numeric:tabular-nums}
.st .lane{font-weight:650;font-size:13px}.st .kind{fill:var(--soft);font-size:10.5px}
.st .life{stroke:var(--line);stroke-width:1.5}.st .down{stroke:var(--red);stroke-width:1.5;stroke-dasharray:2 5}
.st .axis{stroke:var(--soft);stroke-width:4}
.st .band{fill:var(--band)}.st .bandtext{font-weight:600}.st .tint{fill:var(--tint)}
.st .a{stroke:var(--blue);stroke-width:1.8;fill:none}.st .ah{fill:var(--blue)}
.st .a.append{stroke:var(--ink)}.st .ah.append{fill:var(--ink)}
.st .a.read{stroke:var(--soft);stroke-dasharray:2 3;stroke-width:1.4}.st .ah.read{fill:var(--soft)}
.st .a.yes{stroke:var(--green)}.st .ah.yes{fill:var(--green)}
.st .a.no{stroke:var(--amber)}.st .ah.no{fill:var(--amber)}
.st .a.lost{stroke:var(--amber);stroke-dasharray:6 4}.st .ah.lost{fill:var(--amber)}
.st .a.again{stroke:var(--amber);stroke-dasharray:7 4}.st .ah.again{fill:var(--amber)}
.st .a.early{stroke:var(--violet);stroke-dasharray:2 3;stroke-width:2.4}.st .ah.early{fill:var(--violet)}
.st .fill{fill:var(--blue);stroke:var(--blue)}.st .hollow{fill:var(--paper);stroke:var(--blue);stroke-width:2}
.st .inkf{fill:var(--ink);stroke:var(--ink)}.st .inkh{fill:var(--paper);stroke:var(--soft);stroke-width:2}
.st .redx{stroke:var(--red);stroke-width:3;fill:none;stroke-linecap:round}.st .redf{fill:var(--red);stroke:var(--red)}
.st .amberx{stroke:var(--amber);stroke-width:2.5;fill:none;stroke-linecap:round}
.st .bare{fill:var(--paper)}
.st .greenf{fill:var(--green);stroke:var(--green)}
.st .violation{fill:none;stroke:var(--red);stroke-width:3}.st .verdict{fill:var(--red);font-weight:700;font-size:13px}
.st .badge{fill:var(--ink)}.st .badgetext{fill:var(--paper);font-weight:700;font-size:11px}
.st .gap{stroke:var(--soft);stroke-dasharray:1 5;stroke-width:2;stroke-linecap:round}
"""


def spacetime_svg(history: Sequence[Any], finding: Finding | None = None, *, title: str = "") -> str:
    """The picture of a history as one `<svg>` element. If there is a finding, the picture shows only what led to it."""
    named = {} if finding is None else explain_finding(finding, history).explanation.numbers
    return Picture(scene(history, finding, named), finding, title, named).svg()


def clipped(text: str, width: float) -> str:
    """As much of `text` as fits into `width`."""
    used = 0.0
    for n, char in enumerate(text):
        used += breadth(char)
        if used > width:
            return text[: max(n - 1, 0)] + "…"
    return text


def breadth(text: str) -> float:
    """How wide a text is, about; wide letters count twice."""
    return CHARACTER * sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1.25 if char in "MW@%mw" or char.isupper() else 1
        for char in text
    )


def safe(text: str) -> str:
    """Text for SVG and HTML, attributes included."""
    return escape(inert(text), quote=False).replace('"', "&quot;").replace("'", "&#39;")


class Picture:
    """Draws a scene. `badges`: number of a record -> what the explanation calls it. With a `prefix`, such as ``record-``, every row is a
    link to its record in the list."""

    def __init__(
        self,
        what: Scene,
        finding: Finding | None,
        title: str = "",
        badges: Mapping[int, str] | None = None,
        prefix: str = "",
    ) -> None:
        self.scene = what
        self.finding = finding
        self.title = title
        self.lanes = [*what.clients, LOG, *what.consumers, *what.others]
        self.x: dict[str, float] = {}
        width = self.spread(LANE, MARGIN)
        if len(self.lanes) > LANES_WIDE or width > FRAME:
            width = self.spread(LANE_NARROW, MARGIN_NARROW)
        self.width = min(width, max(FRAME, self.x[self.lanes[-1]] + MARGIN_NARROW))
        self.badges = badges or {}
        self.prefix = prefix
        self.y: float = HEAD
        self.below: list[str] = []
        self.above: list[str] = []
        self.links: list[str] = []
        self.down: dict[str, float] = {}
        self.dead: list[tuple[str, float, float]] = []

    def spread(self, lane: int, margin: int) -> float:
        """Give every lane its place; returns the width that the labels ask for."""
        self.lane = lane
        self.x = {name: GUTTER + lane * (n + 0.5) for n, name in enumerate(self.lanes)}
        marks = (row for row in self.scene.rows if isinstance(row, Mark))
        return max([self.x[self.lanes[-1]] + margin, *map(self.reach, marks)])

    def reach(self, mark: Mark) -> float:
        """How wide the picture must be to hold a label uncut."""
        if mark.shape == "band":
            return GUTTER + 20 + breadth(mark.label) * 1.08
        return self.x.get(mark.lane, GUTTER + LANELESS) + 30 + breadth(mark.label)

    def svg(self) -> str:
        """The whole picture."""
        for rows, row in enumerate(self.scene.rows):
            if isinstance(row, Gap):
                self.gap(row)
            else:
                if rows and rows % LANES_AGAIN == 0:
                    self.y += 8
                    self.names(self.y + 8)
                    self.y += HEAD - 12
                self.row(row)
        for lane, since in self.down.items():
            self.dead.append((lane, since, self.y))
        bottom = self.y + 4
        self.legend()
        height = self.y + FOOT
        what = safe(self.title or self.describe())
        role = "group" if self.prefix else "img"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="st" role="{role}" aria-label="{what}"'
            f' width="{self.width:g}" height="{height:g}" '
            f'viewBox="0 0 {self.width:g} {height:g}" direction="ltr"><title>{what}</title><style>{STYLE}</style>'
        )
        lives = []
        for lane, x in self.x.items():
            kind = "axis" if lane == LOG else "life"
            lives.append(f'<line class="{kind}" x1="{x:g}" y1="{HEAD - 8}" x2="{x:g}" y2="{bottom:g}"/>')
        for lane, since, until in self.dead:
            x = self.x[lane]
            lives.append(
                f'<line x1="{x:g}" y1="{since:g}" x2="{x:g}" y2="{until:g}" stroke="var(--paper)" stroke-width="6"/>'
                f'<line class="down" x1="{x:g}" y1="{since:g}" x2="{x:g}" y2="{until:g}"/>'
            )
        names, self.above = self.above, []
        self.names(16)
        return "".join([head, *self.below, *lives, *self.above, *names, *self.links, "</svg>"])

    def legend(self) -> None:
        """What the shapes and arrows mean that were drawn."""
        shapes = {mark.shape for mark in self.scene.rows if isinstance(mark, Mark)}
        lines = {mark.line for mark in self.scene.rows if isinstance(mark, Mark) and mark.origin in self.x}
        x, self.y = float(GUTTER + 8), self.y + 24
        for key, words in LEGEND.items():
            if key not in shapes and key not in lines:
                continue
            arrow = key in lines and key not in SHAPES
            width = (36 if arrow else 20) + len(words) * CHARACTER + 20
            if x + width > self.width and x > GUTTER + 8:
                x, self.y = float(GUTTER + 8), self.y + 22
            if arrow:
                self.arrow(x - 6, x + 34, self.y, key)
            else:
                self.above.append(SHAPES[key](x + 6, self.y))
            self.text(x + (34 if arrow else 19), self.y + 4, words, "note")
            x += width
        self.y += 4

    def describe(self) -> str:
        """What the picture shows, for those who cannot see it."""
        return "what happened, from top to bottom, on the lanes of clients, log, consumers and other actors"

    def names(self, y: float) -> None:
        """The names of the lanes."""
        for lane, x in self.x.items():
            who = lane_name(lane)
            self.text(x, y, clipped(who, (self.lane - 12) / 1.25), "lane halo", anchor="middle", title=who)
            self.text(x, y + 13, lane_kind(lane), "kind halo", anchor="middle")

    def text(self, x: float, y: float, text: str, classes: str, anchor: str = "start", title: str = "") -> None:
        """One line of text, with its tooltip."""
        tip = f"<title>{safe(title)}</title>" if title else ""
        self.above.append(
            f'<text class="{classes}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{tip}{safe(text)}</text>'
        )

    # -- rows

    def gap(self, gap: Gap) -> None:
        """Where something is left out."""
        y = self.y + ROW / 2
        said = f"{counted(gap.left_out, 'record')} not drawn"
        self.below.append(
            f'<rect x="0" y="{self.y:g}" width="{self.width:g}" height="{ROW}" fill="var(--paper)"/>'
            f'<line class="gap" x1="{GUTTER + 24 + len(said) * CHARACTER:g}" y1="{y:g}" x2="{self.width - 8:g}" y2="{y:g}"/>'
        )
        self.text(GUTTER + 8, y + 4, said, "note halo")
        self.y += ROW

    def row(self, mark: Mark) -> None:
        """One mark in its row."""
        violated = self.finding is not None and self.finding.number in mark.numbers
        center = self.y + ROW / 2
        if violated:
            self.below.append(f'<rect class="tint" x="0" y="{self.y:g}" width="{self.width:g}" height="{2 * ROW}"/>')
            self.above.append('<g class="tinted">')
        if mark.shape == "band":
            self.band(mark, center, violated)
        else:
            self.drawn(mark, center, violated)
        self.numbers(mark, center)
        if self.prefix:
            first, last = mark.numbers[0], mark.numbers[-1]
            self.links.append(
                f'<a href="#{self.prefix}{first}" data-first="{first}" data-last="{last}" aria-label="{self.prefix}{first}" tabindex="-1">'
                f'<rect class="hit" x="0" y="{self.y:g}" width="{self.width:g}" height="{ROW}"><title>{safe(mark.title)}</title></rect></a>'
            )
        self.y += ROW
        if violated:
            self.verdict(mark)
            self.above.append("</g>")

    def numbers(self, mark: Mark, y: float) -> None:
        """The record's number in the history, and its number in the explanation."""
        said = str(mark.numbers[0]) if len(mark.numbers) == 1 else f"{mark.numbers[0]}-{mark.numbers[-1]}"
        self.text(GUTTER - 30, y + 4, said, "num", anchor="end", title=mark.title)
        cited = [self.badges[number] for number in mark.numbers if number in self.badges]
        if cited:
            label = ",".join(cited)
            self.above.append(
                f'<rect class="badge" x="{GUTTER - 25}" y="{y - 9:g}" width="{12 + 8 * len(label)}" height="18" rx="9"/>'
            )
            self.text(GUTTER - 19 + 4 * len(label), y + 4, label, "badgetext", anchor="middle", title=mark.title)

    def band(self, mark: Mark, y: float, violated: bool) -> None:
        """A step of the plan, over all lanes."""
        colour = "tint" if violated else "band"
        self.below.append(
            f'<rect class="{colour}" x="0" y="{self.y + 3:g}" width="{self.width:g}" height="{ROW - 5}" rx="3"/>'
        )
        x = GUTTER + (LANELESS + 19 if violated else 8)
        label = clipped(mark.label, (self.width - x - 8) / 1.08)
        width = x - GUTTER + 4 + len(label) * 6.9
        self.above.append(
            f'<rect class="{colour}" x="{GUTTER + 4}" y="{self.y + 3:g}" width="{width:.0f}" height="{ROW - 5}"/>'
        )
        if violated:
            self.ring(GUTTER + LANELESS, y)
        self.text(x, y + 4, label, "bandtext", title=mark.title)

    def ring(self, x: float, y: float) -> None:
        """Here the violation showed."""
        self.above.append(f'<circle class="violation" cx="{x:g}" cy="{y:g}" r="11.5"/>')

    def drawn(self, mark: Mark, y: float, violated: bool) -> None:
        """Arrow, shape and label. What is on no lane stands left of all of them."""
        x = self.x.get(mark.lane, GUTTER + LANELESS)
        if mark.shape in ("crash", "power"):
            self.down.setdefault(mark.lane if mark.lane in self.x else LOG, y)
        if mark.shape == "restart":
            lane = mark.lane if mark.lane in self.x else LOG
            if lane in self.down:
                self.dead.append((lane, self.down.pop(lane), y))
        leftward = False
        if mark.origin is not None and mark.origin in self.x and self.x[mark.origin] != x:
            leftward = self.x[mark.origin] > x
            self.arrow(self.x[mark.origin], x, y + (6 if leftward else 0), mark.line)
        at = y + (6 if leftward else 0)
        self.above.append(SHAPES.get(mark.shape, SHAPES["dot"])(x, at))
        gap = 19 if violated else 15
        if violated:
            self.ring(x, at)
        label = clipped(mark.label, self.width - x - 26)
        self.text(x + gap, y - 1 if leftward else y + 4, label, "halo", title=mark.title)

    def arrow(self, start: float, end: float, y: float, line: str) -> None:
        """A horizontal arrow; a lost one breaks off half a lane before its end."""
        side = 1 if end > start else -1
        if line == "lost":
            end -= side * self.lane / 2
            self.above.append(
                f'<line class="a lost" x1="{start:g}" y1="{y:g}" x2="{end:g}" y2="{y:g}"/>' + cross(end, y, "amberx")
            )
            return
        tip = end - side * 8
        self.above.append(
            f'<line class="a {line}" x1="{start:g}" y1="{y:g}" x2="{tip - side * 6:g}" y2="{y:g}"/>'
            f'<polygon class="ah {line}" points="{tip:g},{y:g} {tip - side * 9:g},{y - 4.5:g} {tip - side * 9:g},{y + 4.5:g}"/>'
        )

    def verdict(self, mark: Mark) -> None:
        """The anomaly's name, below the record at which it showed."""
        assert self.finding is not None
        x = self.x.get(mark.lane, GUTTER + LANELESS)
        width = len(self.finding.anomaly) * 8.0 + 20
        x = min(x + 19, max(self.width - width - 8, GUTTER))
        self.text(x, self.y + ROW / 2 + 2, clipped(f"✗ {inert(self.finding.anomaly)}", self.width - x), "verdict halo")
        self.y += ROW
