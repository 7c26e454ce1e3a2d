"""The explorer: a story as a part of a page, readable without the script, and stepped through with it."""

from __future__ import annotations

from markupsafe import Markup

from refold.reports.pages.assets import template
from refold.reports.pages.story import Story, blocks, document, packed
from refold.reports.pictures.spacetime import STYLE
from refold.reports.pictures.symbols import LEGEND, SHAPES
from refold.reports.words.values import inert

REACH = 12
"""Half of the side of a symbol's box."""


def symbols() -> Markup:
    """Every shape once; the script draws them by name."""
    drawn = "".join(
        f'<symbol class="st" id="shape-{shape}" viewBox="{-REACH} {-REACH} {2 * REACH} {2 * REACH}">{draw(0, 0)}</symbol>'
        for shape, draw in SHAPES.items()
    )
    return Markup(
        f'<svg class="st symbols" width="0" height="0" aria-hidden="true"><style>{STYLE}</style>{drawn}</svg>'
    )


def explorer(story: Story, *, records: int = 0, opened: bool = False) -> Markup:
    """The rows with their controls and data. `records` is how many there are in the history, if some are left out."""
    shapes = {row.shape for row in story.rows}
    return Markup(
        template("pages/explorer.html").render(
            story=story,
            blocks=list(blocks(story.rows)),
            inert=inert,
            data=packed(document(story)),
            left_out=max(records - len(story.rows), 0),
            opened=opened,
            legend=[(shape, words) for shape, words in LEGEND.items() if shape in shapes and shape in SHAPES],
        )
    )
