"""Evidence as a graph: why a conditional update cannot have been right.

Nodes are the decisions and the events on the finding's key. Every edge a → b says that a comes before b in whatever order would
explain the history:

- *read*: decision → event. The decision was made on a view without the event, so it comes before it.
- *changed*: event → decision. The event is what the decision changed; a decision and its events take effect at one moment. (Of an event
  that is in the log twice, the later one counts, and the earlier one is a change that the decision has not read.)
- *appended before*: event → event. That is their order in the log.
- *real time before*: decision → decision. The first had been answered before the second began.

A right history has no cycle. The violation is the shortest cycle through the finding's own decision: it read the view before the
change, its event stands behind the change, and it must have been decided where its event stands.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.record import Acknowledged, Applied, Opened, Prepared, Recovered, Refused
from refold.properties.property import Finding

if TYPE_CHECKING:
    import networkx

READ = "read"
CHANGED = "changed"
APPENDED = "appended before"
REAL_TIME = "real time before"
ORDER = (READ, APPENDED, CHANGED, REAL_TIME)
"""The kinds of edges; of two cycles of equal length the one with the earlier kinds is shown."""

RECORDS_MAX = 200_000
"""Records before the violation that a graph is made of."""


@attrs.frozen
class Node:
    """A decision or an event: the record and its number in the history. `op` is the client's operation that it belongs to."""

    id: str
    number: int
    record: Any
    op: str

    @property
    def decision(self) -> bool:
        """Whether it is a decision; else an event."""
        return isinstance(self.record, Prepared)


@attrs.frozen
class Edge:
    """`source` comes before `target`. `seen`: for *read*, the version of the view that lacks the target."""

    kind: str
    source: Node
    target: Node
    seen: int | None = None


@attrs.frozen
class Graph:
    """`graph` has the ids of nodes as nodes, each with its `Node`, and edges whose keys are their kinds, each with its `Edge`.
    `cycle` begins and ends at the finding's decision; it is empty if the finding is of another kind (a refusal without a reason)."""

    graph: networkx.MultiDiGraph
    cycle: tuple[Edge, ...]

    @property
    def nodes(self) -> list[Node]:
        """All nodes in the order of the history."""
        return sorted((data["node"] for _, data in self.graph.nodes(data=True)), key=lambda node: node.number)

    @property
    def edges(self) -> list[Edge]:
        """All edges, sorted."""
        found = [data["edge"] for _, _, data in self.graph.edges(data=True)]
        return sorted(found, key=lambda edge: (edge.source.number, edge.target.number, ORDER.index(edge.kind)))


def evidence_graph(
    history: Sequence[Any], finding: Finding, application: Application | None = None, begins: int = 0
) -> Graph | None:
    """The graph of a finding about a decision; None if the finding's evidence names no decision.

    With the application, all events on the finding's key (or group of keys) take part, in whatever streams they are; without it
    those in the streams that the evidence names. `begins`: how many records of the history came before the first that is given.
    """
    blamed = blame(finding)
    if blamed is None:
        return None
    builder = Builder(history, subject_of(finding, application), application, begins, blamed.op)
    graph = builder.build(finding.number)
    start = decision_id(blamed.op)
    return Graph(graph, shortest_cycle(graph, start) if start in graph else ())


def blame(finding: Finding) -> Prepared | None:
    """The decision that the finding is about."""
    return next((proof.record for proof in finding.evidence if isinstance(proof.record, Prepared)), None)


def subject_of(finding: Finding, application: Application | None) -> Callable[[Stored], bool]:
    """Which events the finding is about."""
    events = [proof.record for proof in finding.evidence if isinstance(proof.record, Stored)]
    if application is not None and events:
        wanted = {application.group(application.key(event.data)) for event in events}
        return lambda event: application.group(application.key(event.data)) in wanted
    streams = {event.stream for event in events}
    streams.update(proof.record.stream for proof in finding.evidence if isinstance(proof.record, Prepared))
    return lambda event: event.stream in streams


def decision_id(op: str) -> str:
    """The id of a decision's node."""
    return f"decision {op}"


def event_id(event: Stored) -> str:
    """The id of an event's node."""
    return f"event {event.position} {event.id}"


class Builder:
    """Makes the graph in one walk through the history, up to the record at which the finding showed."""

    def __init__(
        self,
        history: Sequence[Any],
        subject: Callable[[Stored], bool],
        application: Application | None,
        begins: int = 0,
        blamed: str = "",
    ) -> None:
        self.history = history
        self.begins = begins
        self.blamed = blamed
        self.subject = subject
        self.application = application
        import networkx  # takes longer than most searches, and few finds need it

        self.graph = networkx.MultiDiGraph()
        self.decisions: dict[str, Node] = {}
        self.events: list[Node] = []
        self.answers: dict[str, int] = {}
        self.views: dict[str, dict[int, int]] = {}

    def build(self, last: int) -> networkx.MultiDiGraph:
        """Nodes, then edges."""
        self.collect(last)
        chosen = {node.op for node in self.events}
        self.decisions = {op: node for op, node in self.decisions.items() if op in chosen}
        for node in sorted([*self.decisions.values(), *self.events], key=lambda node: node.number):
            self.graph.add_node(node.id, node=node)
        in_order = sorted(self.events, key=lambda node: (node.record.position, node.number))
        for first, second in itertools.pairwise(in_order):
            self.edge(APPENDED, first, second)
        newest = {node.record.id: node.id for node in in_order}
        own: dict[str, Node] = {}
        for node in in_order:
            if node.op in self.decisions and newest[node.record.id] == node.id:
                self.edge(CHANGED, node, self.decisions[node.op])
                own.setdefault(node.op, node)
        for node in self.decisions.values():
            self.read(node, in_order, own.get(node.op))
        self.real_time()
        return self.graph

    def collect(self, last: int) -> None:
        """Decisions, events of the subject, answers, and when each consumer applied which position."""
        applied: dict[str, dict[int, int]] = {}
        end = last - self.begins
        first = max(end - RECORDS_MAX, 0)
        for number, record in enumerate(self.history[first:end], start=self.begins + first + 1):
            kind = type(record)
            if kind is Prepared:
                self.decisions[record.op] = Node(decision_id(record.op), number, record, record.op)
            elif kind is Stored:
                if self.subject(record):
                    self.events.append(Node(event_id(record), number, record, record.operation))
            elif kind is Applied:
                applied.setdefault(record.consumer, {}).setdefault(record.position, number)
            elif kind is Acknowledged or kind is Refused:
                self.answers.setdefault(record.op, number)
            elif kind is Opened:
                applied = {spec.name: {} for spec in record.consumers}
            elif kind is Recovered and record.process in applied:
                positions = applied[record.process]
                applied[record.process] = {
                    position: at for position, at in positions.items() if position <= record.position
                }
        self.views = applied

    def matters(self, decision: Node, event: Node) -> bool:
        """Whether the decision depends on not having the event in its view: facts without a condition depend on nothing but themselves. The
        decision that is blamed depended on it, whatever its application says."""
        application, command = self.application, decision.record.command
        if decision.op == self.blamed:
            return True
        return application is None or command is None or event.op == decision.op or application.conditional(command)

    def read(self, decision: Node, in_order: Sequence[Node], own: Node | None) -> None:
        """An edge to the first event that the decision's view does not contain; the others come after it in the log. If an event of its
        own is in the log twice, that is the one: what others did in the meantime has nothing to do with it."""
        before = itertools.takewhile(lambda node: node is not own, in_order)
        doubled = [node for node in before if own is not None and node.op == decision.op]
        for node in doubled or in_order:
            if node is own:
                return
            if self.matters(decision, node) and not self.saw(decision, node):
                seen = decision.record.seen
                self.graph.add_edge(decision.id, node.id, key=READ, edge=Edge(READ, decision, node, seen))
                if own is not None:
                    self.edge(APPENDED, node, own)
                return

    def saw(self, decision: Node, event: Node) -> bool:
        """Whether the event is in the view that the decision was made on."""
        prepared, stored = decision.record, event.record
        if (
            stored.stream == prepared.stream
        ):  # the version says it, also of an event that was not yet visible to readers of the whole log
            return bool(stored.version <= prepared.seen)
        if event.number > decision.number:
            return False
        view = self.views.get(prepared.source)
        return view is None or view.get(stored.position, decision.number) < decision.number

    def real_time(self) -> None:
        """From every decision to those that began after its answer, without edges that follow from others."""
        moments = [(node.number, 1, node) for node in self.decisions.values()]
        moments += [(self.answers[op], 0, node) for op, node in self.decisions.items() if op in self.answers]
        answered: dict[str, Node] = {}
        before: dict[str, list[str]] = {}
        for _, begins, node in sorted(moments, key=lambda moment: moment[:2]):
            if begins:
                before[node.id] = list(answered)
                for earlier in answered.values():
                    self.edge(REAL_TIME, earlier, node)
            else:
                for earlier_id in before.get(node.id, ()):
                    answered.pop(earlier_id, None)
                answered[node.id] = node

    def edge(self, kind: str, source: Node, target: Node) -> None:
        """One edge."""
        self.graph.add_edge(source.id, target.id, key=kind, edge=Edge(kind, source, target))


def shortest_cycle(graph: networkx.MultiDiGraph, start: str) -> tuple[Edge, ...]:
    """The shortest way from `start` back to it; deterministic, because edges are tried in the order of `ORDER`."""
    came: dict[str, Edge] = {}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        out: list[Edge] = [data["edge"] for _, _, data in graph.out_edges(here, data=True)]
        for edge in sorted(out, key=lambda edge: (ORDER.index(edge.kind), edge.target.number, edge.target.id)):
            there = edge.target.id
            if there in came:
                continue
            came[there] = edge
            if there == start:
                return walk_back(came, start)
            queue.append(there)
    return ()


def walk_back(came: Mapping[str, Edge], start: str) -> tuple[Edge, ...]:
    """The edges of the cycle, in order."""
    found = [came[start]]
    while found[-1].source.id != start:
        found.append(came[found[-1].source.id])
    return tuple(reversed(found))
