"""A plot as a part of a page: a picture that is complete without a script, and its figures. From these the script draws the same, and shows
the values under the pointer."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

import attrs
from markupsafe import Markup

from refold.reports.pages.assets import policy_of, template, text_of
from refold.reports.words.values import inert, shorten

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 352, 180, 64, 12, 12, 24
"""Of the picture, and its margins: as wide as a telephone, so that its words are never small."""

MOST_POINTS = 600
"""Points of a line."""
LABEL_MAX = 40
"""Characters of the label of a line."""


@attrs.frozen
class Line:
    """One figure: a value for each place on the x axis, None where there is none. `tone` is the page's variable with its colour. With
    `steps` the line stays level until the next value."""

    label: str
    values: Sequence[float | None]
    tone: str
    steps: bool = False


@attrs.frozen
class Plot:
    """Lines over `x`, or, if there are `names`, a bar for each name."""

    title: str
    x: Sequence[float]
    x_label: str
    lines: Sequence[Line]
    names: Sequence[str] = ()


def thinned(plot: Plot, most: int = MOST_POINTS) -> Plot:
    """The plot with at most so many points and one more: evenly chosen, and the last."""
    if len(plot.x) <= most:
        return plot
    step = -(-len(plot.x) // most)
    kept = sorted({*range(0, len(plot.x), step), len(plot.x) - 1})
    lines = [attrs.evolve(line, values=[line.values[at] for at in kept]) for line in plot.lines]
    return attrs.evolve(plot, x=[plot.x[at] for at in kept], lines=lines)


def plotted(plot: Plot, picture: Markup | None = None) -> Markup:
    """The plot for a page that has `plots_style` and `plots_script`. `picture` is shown without the script; else one is drawn."""
    plot = thinned(plot)
    return Markup(
        template("plots/plot.html").render(
            title=inert(plot.title), data=packed(plot), picture=line_svg(plot) if picture is None else picture
        )
    )


def packed(plot: Plot) -> Markup:
    """The figures as JSON that cannot end the element it is in."""
    document = {
        "title": inert(plot.title),
        "x": list(plot.x),
        "xLabel": plot.x_label,
        "names": [inert(name) for name in plot.names],
        "lines": [
            {
                "label": inert(shorten(line.label, LABEL_MAX)),
                "values": list(line.values),
                "tone": line.tone,
                "steps": line.steps,
            }
            for line in plot.lines
        ],
    }
    return Markup(json.dumps(document, separators=(",", ":")).replace("<", "\\u003c"))


def plots_style() -> Markup:
    """For a page with plots; its variables `ink`, `soft` and `line` are the colours of words, axes and their grid."""
    return Markup(text_of("plots/uplot.css") + text_of("plots/plots.css"))


@functools.cache
def plots_script() -> Markup:
    """The library with its licence, and what gives it the figures of the page."""
    licence = text_of("plots/uplot-license.txt").strip()
    return Markup(f"\n/*!\n{licence}\n*/\n{text_of('plots/uplot.js')}\n{text_of('plots/plots.js')}")


def plots_policy() -> str:
    """Allows this script and nothing else."""
    return policy_of(plots_script())


@attrs.frozen
class Frame:
    """Where a point of a plot stands in the picture."""

    first: float
    last: float
    top: float

    @classmethod
    def of(cls, plot: Plot) -> Frame:
        """Around all of its lines, with 0 at the bottom."""
        values = [value for line in plot.lines for value in line.values if value is not None]
        return cls(min(plot.x, default=0), max(plot.x, default=1), max([1, *values]))

    def place(self, x: float, value: float) -> tuple[float, float]:
        """In pixels."""
        across = (x - self.first) / ((self.last - self.first) or 1)
        return (
            round(LEFT + (WIDTH - LEFT - RIGHT) * across, 1),
            round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / self.top, 1),
        )


def line_svg(plot: Plot) -> Markup:
    """The lines with the ends of both axes; if there are several, which is which."""
    frame = Frame.of(plot)
    several = len(plot.lines) > 1
    drawn = Markup("").join(line_path(plot, line, frame) for line in plot.lines)
    if several:
        drawn += Markup("").join(legend(line, HEIGHT + 18 * number) for number, line in enumerate(plot.lines))
    return Markup(
        '<svg viewBox="0 0 {w} {h}" role="img" aria-label="{title}"><path class="axis" d="M{l},{t}V{b}H{r}"/>'
        '<text x="{tl}" y="{ty}" text-anchor="end">{top}</text><text x="{tl}" y="{b}" text-anchor="end">0</text>'
        '<text x="{l}" y="{bt}">{first}</text><text x="{r}" y="{bt}" text-anchor="end">{last} {label}</text>{drawn}</svg>'
    ).format(
        w=WIDTH,
        h=HEIGHT + 18 * len(plot.lines) * several,
        title=f"{inert(plot.title)}: {'; '.join(said(plot, line) for line in plot.lines)}",
        l=LEFT,
        t=TOP,
        b=HEIGHT - BOTTOM,
        r=WIDTH - RIGHT,
        tl=LEFT - 6,
        ty=TOP + 8,
        bt=HEIGHT - BOTTOM + 18,
        top=number(frame.top),
        first=number(frame.first),
        last=number(frame.last),
        label=plot.x_label,
        drawn=drawn,
    )


def line_path(plot: Plot, line: Line, frame: Frame) -> Markup:
    """One line through the values that there are; a value that stands alone is a dot."""
    points = [frame.place(x, value) for x, value in zip(plot.x, line.values, strict=True) if value is not None]
    begin = "".join(f"M{x},{y}h0" for x, y in points[:1])
    path = "".join(f"H{x}V{y}" if line.steps else f"L{x},{y}" for x, y in points[1:])
    return Markup('<path class="drawn-line" style="stroke:var(--{})" d="{}"/>').format(line.tone, begin + path)


def legend(line: Line, y: float) -> Markup:
    """What a line is."""
    return Markup(
        '<rect x="{x}" y="{top}" width="14" height="4" style="fill:var(--{tone})"/><text x="{words}" y="{y}">{label}</text>'
    ).format(x=LEFT, top=y + 5, tone=line.tone, words=LEFT + 20, y=y + 11, label=inert(shorten(line.label, LABEL_MAX)))


def said(plot: Plot, line: Line) -> str:
    """The last value of a line in words."""
    last = [(x, value) for x, value in zip(plot.x, line.values, strict=True) if value is not None]
    if not last:
        return f"no {inert(line.label)}"
    x, value = last[-1]
    return f"{inert(line.label)} {number(value)} at {number(x)} {plot.x_label}"


def number(value: float) -> str:
    """``1,234``, ``0.5``."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2g}"
