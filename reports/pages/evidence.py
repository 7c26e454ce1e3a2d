"""The evidence of a wrong decision on a page: the cycle, and on demand what else happened on the same key."""

from __future__ import annotations

from markupsafe import Markup

from refold.properties.updates.evidence_graph import Graph
from refold.reports.pages.assets import template
from refold.reports.pictures.graph_picture import graph_svg, past

PAST_MAX = 200
"""Records of the past that are listed: the newest ones."""


def evidence(graph: Graph, prefix: str = "") -> Markup:
    """The cycle as a picture, the rest as a folded list with links to its records."""
    rest = past(graph)
    return Markup(
        template("pages/evidence.html").render(
            picture=Markup(graph_svg(graph)),
            rest=rest[-PAST_MAX:],
            left_out=max(len(rest) - PAST_MAX, 0),
            prefix=prefix,
        )
    )
