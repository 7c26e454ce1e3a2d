"""The cycle of a conditional update in words: Let (decisions and events), Then (one edge each), However (the contradiction)."""

from __future__ import annotations

from refold.properties.property import Finding
from refold.properties.updates.evidence_graph import APPENDED, CHANGED, READ, Edge, Graph, Node
from refold.reports.words.explanation import Explanation, headline, however, usual
from refold.reports.words.sentences import record_sentence, source_words
from refold.reports.words.values import name


def by_cycle(graph: Graph, finding: Finding) -> Explanation:
    """Let / Then / However of a graph with a cycle."""
    told, labels = in_turn(graph), numbers(graph)
    lets = tuple((labels[node.id], node.number, record_sentence(node.record)) for node in told)
    thens = tuple(edge_sentence(edge, labels) for edge in graph.cycle)
    start = labels[graph.cycle[0].source.id]
    contradiction = however(finding, f"{start} would have to come before itself")
    return Explanation(headline(finding), lets, thens, contradiction, usual(finding))


def in_turn(graph: Graph) -> list[Node]:
    """The nodes that the explanation names, in the order of the history."""
    return sorted(cast(graph), key=lambda node: node.number)


def numbers(graph: Graph) -> dict[str, str]:
    """Node -> its number in the explanation, which the picture gives it, too."""
    return {node.id: f"({n})" for n, node in enumerate(in_turn(graph), start=1)}


def cast(graph: Graph) -> list[Node]:
    """The nodes of the cycle, and the decisions that wrote its events."""
    found = {edge.source.id: edge.source for edge in graph.cycle}
    writers = {node.op: node for node in graph.nodes if node.decision}
    for node in list(found.values()):
        if not node.decision and node.op in writers:
            found.setdefault(writers[node.op].id, writers[node.op])
    return list(found.values())


def edge_sentence(edge: Edge, labels: dict[str, str]) -> str:
    """One step of the cycle: what comes before what, and why."""
    source, target = labels[edge.source.id], labels[edge.target.id]
    a, b = edge.source.record, edge.target.record
    if edge.kind == READ:
        why = f"{name(a.client)} had read version {edge.seen} of {name(a.stream)} in {source_words(a.source)}, without event {b.position}"
        if b.stream == a.stream:
            why += f", which is version {b.version}"
        elif b.stream:
            why += f" of stream {name(b.stream)}"
        writer = f"; {name(edge.target.op)} had appended it" if edge.target.op != edge.source.op else ""
        return f"{source} comes before {target}, because {why}{writer}"
    if edge.kind == APPENDED:
        return f"{source} comes before {target}, because the log has them at positions {a.position} and {b.position}"
    if edge.kind == CHANGED:
        return f"{source} takes effect together with {target}, because {name(b.client)} appended it as operation {name(b.op)}"
    return f"{source} comes before {target}, because {name(a.client)} had its answer before {name(b.client)} began"
