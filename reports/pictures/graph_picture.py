"""The cycle of a wrong decision as an inline SVG: what must come before what, one box below the other, the way back on the left.

Every box and every arrow has a row of its own, and the words of an arrow stand beside it, so nothing lies on anything else. The picture is
narrow enough for a telephone. Every node and edge has a tooltip with its whole sentence. All strings are inert.
"""

from __future__ import annotations

from refold.properties.updates.evidence_graph import REAL_TIME, Edge, Graph, Node
from refold.reports.pictures.graph_files import edge_label, node_label
from refold.reports.pictures.spacetime import breadth, clipped, safe
from refold.reports.words.cycle import edge_sentence, numbers
from refold.reports.words.sentences import record_sentence
from refold.reports.words.values import inert

WIDTH, BOX_LEFT, LINE, GAP, EDGE = 330, 34, 17, 10, 46
"""The width of the picture, the left edge of its boxes, the height of a line of text, the padding of a box, and the height of an arrow."""
LINES_MAX = 3
"""Lines of text in a box."""

STYLE = """
.ev{--ink:#1b2430;--soft:#5a6675;--line:#aab4c0;--paper:#fff;--blue:#1f5fbf;--red:#c4161c;--tint:#fdeaea}
@media (prefers-color-scheme:dark){.ev{--ink:#e4e9ef;--soft:#9aa7b5;--line:#5a6675;--paper:#161b22;
--blue:#79b0ff;--red:#ff7b78;--tint:#3c1d20}}
.ev text{font:12px ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink)}
.ev .head{font-weight:650;font-size:13px}
.ev rect{fill:var(--tint);stroke:var(--red);stroke-width:1.5}.ev path{fill:none;stroke:var(--red);stroke-width:2.2}
.ev .real path{stroke-dasharray:2 4}.ev polygon{fill:var(--red)}.ev .kind{fill:var(--red);font-weight:650}
"""


def graph_svg(graph: Graph, *, title: str = "what must come before what") -> str:
    """The cycle as one `<svg>` element."""
    return Drawing(graph, title).svg()


class Drawing:
    """Draws the cycle of one graph."""

    def __init__(self, graph: Graph, title: str) -> None:
        self.graph = graph
        self.title = title
        self.nodes = [edge.source for edge in graph.cycle]
        self.numbers = numbers(graph)
        self.labels = {node.id: f"[record {node.number}]" for node in self.nodes} | self.numbers
        self.lines = [wrapped(f"{self.numbers[node.id]} {node_label(node)}") for node in self.nodes]
        self.tops: list[int] = []
        y = 6
        for lines in self.lines:
            self.tops.append(y)
            y += self.height(lines) + EDGE
        self.bottom = y

    def height(self, lines: list[str]) -> int:
        """Of a box."""
        return LINE * len(lines) + 2 * GAP - 4

    def svg(self) -> str:
        """Arrows, then boxes."""
        edges = list(self.graph.cycle)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="ev" role="img" width="{WIDTH}" height="{self.bottom}" '
            f'viewBox="0 0 {WIDTH} {self.bottom}" direction="ltr"><title>{safe(self.title)}</title><style>{STYLE}</style>',
            *(self.edge(n, edge) for n, edge in enumerate(edges)),
            *(self.node(n, node) for n, node in enumerate(self.nodes)),
        ]
        return "".join([*parts, "</svg>"])

    def node(self, n: int, node: Node) -> str:
        """A box with its lines and its tooltip."""
        top, lines = self.tops[n], self.lines[n]
        text = "".join(
            f'<text x="{BOX_LEFT + GAP}" y="{top + GAP + 10 + LINE * row}">{safe(line)}</text>'
            for row, line in enumerate(lines)
        )
        return (
            f'<g class="bad"><title>{safe(record_sentence(node.record))} [record {node.number}]</title>'
            f'<rect x="{BOX_LEFT}" y="{top}" width="{WIDTH - BOX_LEFT - 4}" height="{self.height(lines)}" '
            f'rx="{14 if node.decision else 3}"/>{text}</g>'
        )

    def edge(self, n: int, edge: Edge) -> str:
        """An arrow to the next box, or from the last one back to the first, with its words beside it."""
        begins = self.tops[n] + self.height(self.lines[n])
        x = BOX_LEFT + 26
        if n + 1 < len(self.nodes):
            ends = self.tops[n + 1]
            path, tip = f"M{x} {begins}V{ends - 8}", f"{x},{ends} {x - 5},{ends - 9} {x + 5},{ends - 9}"
        else:
            back = self.tops[0] + self.height(self.lines[0]) // 2
            path = f"M{x} {begins}V{begins + 20}H14V{back}H{BOX_LEFT - 8}"
            tip = f"{BOX_LEFT},{back} {BOX_LEFT - 9},{back - 5} {BOX_LEFT - 9},{back + 5}"
        kind = "bad real" if edge.kind == REAL_TIME else "bad"
        return (
            f'<g class="{kind}"><title>{safe(edge_sentence(edge, self.labels))}</title><path d="{path}"/><polygon points="{tip}"/>'
            f'<text class="kind" x="{x + 12}" y="{begins + EDGE // 2 + 4}">{safe(edge_label(edge))}</text></g>'
        )


def wrapped(text: str) -> list[str]:
    """A label in lines that fit into a box; what is too long is cut."""
    room = WIDTH - BOX_LEFT - 2 * GAP - 8
    lines = [""]
    for word in inert(text).split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if breadth(longer) <= room or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < LINES_MAX:
            lines.append(word)
        else:
            lines[-1] = clipped(f"{longer} …", room)
            break
    return [clipped(line, room) for line in lines]


def past(graph: Graph) -> list[tuple[int, str]]:
    """What else happened on the same key before: number of the record and its sentence, of every node that is not in the cycle."""
    drawn = {edge.source.id for edge in graph.cycle}
    return [(node.number, record_sentence(node.record)) for node in graph.nodes if node.id not in drawn]
