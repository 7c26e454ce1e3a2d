"""The evidence graph as an inline SVG: decisions on the left, events of the log on the right, the violation in red.

Time runs from top to bottom, one row per node in the order of the history, so labels have a line of their own and cannot overlap.
Every node and edge has a tooltip with its whole sentence. All strings are inert.
"""

from __future__ import annotations

from collections.abc import Sequence

from refold.properties.updates.evidence_graph import APPENDED, CHANGED, READ, REAL_TIME, Edge, Graph, Node
from refold.reports.pictures.graph_files import edge_label, node_label
from refold.reports.pictures.spacetime import clipped, safe
from refold.reports.words.cycle import cast, edge_sentence, numbers
from refold.reports.words.sentences import record_sentence

WIDTH, ROW, HEAD, FOOT = 1000, 64, 46, 16
LEFT, RIGHT, BOX, HEIGHT = 20, 600, 380, 34
"""Left edges of the two columns, and the size of a node."""
NODES_MAX = 40
"""Nodes that are drawn; of a larger graph the cycle and what stands next to it in time."""

STYLE = """
.ev{--ink:#1b2430;--soft:#5a6675;--line:#aab4c0;--paper:#fff;--blue:#1f5fbf;--red:#c4161c;--tint:#fdeaea}
@media (prefers-color-scheme:dark){.ev{--ink:#e4e9ef;--soft:#9aa7b5;--line:#5a6675;--paper:#161b22;
--blue:#79b0ff;--red:#ff7b78;--tint:#3c1d20}}
.ev text{font:12px ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink)}
.ev .head{font-weight:650;font-size:13px}.ev .kind{fill:var(--soft);font-size:11px;paint-order:stroke;stroke:var(--paper);stroke-width:4px}
.ev rect{fill:var(--paper);stroke:var(--line);stroke-width:1.5}.ev rect.decision{stroke:var(--blue)}
.ev .bad rect{stroke:var(--red);fill:var(--tint)}
.ev path{fill:none;stroke:var(--line);stroke-width:1.4}.ev path.real{stroke-dasharray:2 4}.ev polygon{fill:var(--line)}
.ev .bad path{stroke:var(--red);stroke-width:2.4}.ev .bad polygon{fill:var(--red)}.ev .bad .kind{fill:var(--red);font-weight:650}
"""


def graph_svg(graph: Graph, *, title: str = "what must come before what") -> str:
    """The picture as one `<svg>` element."""
    return Drawing(graph, title).svg()


class Drawing:
    """Draws one graph."""

    def __init__(self, graph: Graph, title: str) -> None:
        self.graph = graph
        self.title = title
        self.nodes, self.left_out = visible(graph)
        self.row = {node.id: n for n, node in enumerate(self.nodes)}
        self.numbers = numbers(graph)
        self.labels = {node.id: f"[record {node.number}]" for node in self.nodes} | self.numbers
        self.cycle = {node.id for edge in graph.cycle for node in (edge.source, edge.target)}

    def svg(self) -> str:
        """Arrows below their labels, below nodes; the violation above the rest."""
        height = HEAD + ROW * (len(self.nodes) - 1) + HEIGHT + FOOT + (20 if self.left_out else 0)
        edges = [edge for edge in self.graph.edges if edge.source.id in self.row and edge.target.id in self.row]
        edges.sort(key=lambda edge: edge in self.graph.cycle)
        arrows, labels = zip(*map(self.edge, edges), strict=True) if edges else ((), ())
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="ev" role="img" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" direction="ltr"><title>{safe(self.title)}</title><style>{STYLE}</style>',
            f'<text class="head" x="{LEFT}" y="22">decisions</text><text class="head" x="{RIGHT}" y="22">events in the log</text>',
            *arrows,
            *labels,
            *(self.node(node) for node in self.nodes),
        ]
        if self.left_out:
            parts.append(f'<text class="kind" x="{LEFT}" y="{height - 8}">{self.left_out:,} more are not drawn</text>')
        return "".join([*parts, "</svg>"])

    def node(self, node: Node) -> str:
        """A box with its label and tooltip."""
        x, y = self.place(node)
        bad = ' class="bad"' if node.id in self.cycle else ""
        label = clipped(f"{self.numbers.get(node.id, '')} {node_label(node)}".lstrip(), BOX - 16)
        return (
            f"<g{bad}><title>{safe(record_sentence(node.record))} [record {node.number}]</title>"
            f'<rect class="{"decision" if node.decision else "event"}" x="{x}" y="{y}" width="{BOX}" height="{HEIGHT}" '
            f'rx="{14 if node.decision else 3}"/><text x="{x + 10}" y="{y + 22}">{safe(label)}</text></g>'
        )

    def place(self, node: Node) -> tuple[int, int]:
        """The upper left corner."""
        return (LEFT if node.decision else RIGHT), HEAD + ROW * self.row[node.id]

    def edge(self, edge: Edge) -> tuple[str, str]:
        """An arrow and its label, with a tooltip: straight between the columns, curved within one."""
        (x1, y1), (x2, y2) = self.place(edge.source), self.place(edge.target)
        bad = ' class="bad"' if edge in self.graph.cycle else ""
        real = ' class="real"' if edge.kind == REAL_TIME else ""
        middle = HEIGHT // 2
        if edge.kind in (READ, CHANGED):
            a, b, side = (x1 + BOX, x2, 1) if x1 < x2 else (x1, x2 + BOX, -1)
            shift = -6 if edge.kind == READ else 6
            ya, yb = y1 + middle + shift, y2 + middle + shift
            path = f"M{a} {ya}L{b - 8 * side} {yb}"
            tip = f"{b},{yb} {b - 9 * side},{yb - 5} {b - 9 * side},{yb + 5}"
            share = 0.37 if edge.kind == READ else 0.24
            at, anchor = (a + (b - a) * share, ya + (yb - ya) * share - 4), "middle"
        else:
            down = 1 if y2 >= y1 else -1
            ya, yb = (y1 + HEIGHT, y2) if down > 0 else (y1, y2 + HEIGHT)
            x = x1 + (BOX - 90 if edge.kind == APPENDED else 200)
            bulge = x + (30 if abs(self.row[edge.target.id] - self.row[edge.source.id]) > 1 else 0)
            path = f"M{x} {ya}Q{bulge} {(ya + yb) / 2:g} {x} {yb - 8 * down}"
            tip = f"{x},{yb} {x - 5},{yb - 9 * down} {x + 5},{yb - 9 * down}"
            at, anchor = (x - 8, yb - 11 if down > 0 else yb + 16), "end"
        text = f'<text class="kind" x="{at[0]:g}" y="{at[1]:g}" text-anchor="{anchor}">{safe(edge_label(edge))}</text>'
        title = f"<g{bad}><title>{safe(edge_sentence(edge, self.labels))}</title>"
        return f'{title}<path{real} d="{path}"/><polygon points="{tip}"/></g>', f"{title}{text}</g>"


def visible(graph: Graph) -> tuple[Sequence[Node], int]:
    """The nodes to draw, in the order of the history, and how many are left out."""
    nodes = graph.nodes
    if len(nodes) <= NODES_MAX:
        return nodes, 0
    wanted = {node.id for node in cast(graph)} if graph.cycle else set()
    last = max((n for n, node in enumerate(nodes) if node.id in wanted), default=len(nodes) - 1)
    for node in reversed(nodes[: last + 1]):
        if len(wanted) >= NODES_MAX:
            break
        wanted.add(node.id)
    shown = [node for node in nodes if node.id in wanted]
    return shown, len(nodes) - len(shown)
