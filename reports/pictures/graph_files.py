"""The evidence graph as files for other tools: GraphML (yEd, Gephi, networkx) and DOT (Graphviz)."""

from __future__ import annotations

import pathlib
from io import BytesIO

from refold.properties.updates.evidence_graph import CHANGED, Edge, Graph, Node
from refold.reports.words.sentences import event_words, record_sentence
from refold.reports.words.values import inert, name, value


def node_label(node: Node) -> str:
    """A node in a few words."""
    record = node.record
    if node.decision:
        return f"{name(record.client)} decides on {value(record.command)}"
    return f"event {record.position}: {event_words(record)}"


def edge_label(edge: Edge) -> str:
    """An edge in a few words, which are read along the arrow."""
    if edge.seen is not None:
        return f"read version {edge.seen}, before"
    return "appended by" if edge.kind == CHANGED else edge.kind


def graphml(graph: Graph) -> bytes:
    """GraphML: nodes with `kind`, `label`, `record`, `sentence`; edges with `kind`, `label`, `violation`."""
    import networkx  # takes longer than the rest of a report, and few reports need it

    plain = networkx.MultiDiGraph()
    for node in graph.nodes:
        plain.add_node(
            inert(node.id),
            kind="decision" if node.decision else "event",
            label=node_label(node),
            record=node.number,
            sentence=record_sentence(node.record),
        )
    for edge in graph.edges:
        plain.add_edge(
            inert(edge.source.id),
            inert(edge.target.id),
            kind=edge.kind,
            label=edge_label(edge),
            violation=edge in graph.cycle,
        )
    out = BytesIO()
    networkx.write_graphml_xml(plain, out)
    return out.getvalue()


def dot(graph: Graph) -> str:
    """DOT: decisions are rounded boxes, events are boxes, the violation is red."""
    lines = ["digraph evidence {", "  rankdir=TB;", "  node [shape=box, fontname=sans];", "  edge [fontname=sans];"]
    for node in graph.nodes:
        style = ", style=rounded" if node.decision else ""
        lines.append(
            f"  {quoted(node.id)} [label={quoted(node_label(node))}, tooltip={quoted(record_sentence(node.record))}{style}];"
        )
    for edge in graph.edges:
        red = ", color=red, fontcolor=red, penwidth=2" if edge in graph.cycle else ""
        lines.append(f"  {quoted(edge.source.id)} -> {quoted(edge.target.id)} [label={quoted(edge_label(edge))}{red}];")
    return "\n".join([*lines, "}"]) + "\n"


def quoted(text: str) -> str:
    """A string of DOT: control characters spelled out, backslashes and quotes escaped, so that nothing in it is syntax."""
    escaped = inert(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write_graph(graph: Graph, directory: str | pathlib.Path, stem: str = "evidence") -> list[pathlib.Path]:
    """Write ``STEM.graphml`` and ``STEM.dot`` into `directory`; returns the paths."""
    folder = pathlib.Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}.graphml", folder / f"{stem}.dot"]
    paths[0].write_bytes(graphml(graph))
    paths[1].write_text(dot(graph), encoding="utf-8")
    return paths
