"""Cycles between transactions: each has sent what the next one polled, or what stands in a partition right before a message of the next.

Let T1 → T2 if T2 polled a message of T1 (a read), or if a message of T2 follows one of T1 in some partition (a write). A cycle of
reads alone is a `circular-information-flow` (G1c): each transaction has seen the effects of the next, so none can be first. Kafka does not
isolate writes from each other, so a `write-cycle` (G0) and a `mixed-cycle` are what a correct broker shows too.
"""

from collections.abc import Hashable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from refold.properties.accounts.finding import Entry
from refold.properties.accounts.partition import Partition, committed
from refold.properties.accounts.transaction import Transaction
from refold.properties.linearizability.value import brief

if TYPE_CHECKING:
    import networkx

__all__ = ["cycles"]

ByValue = Mapping[Hashable, Mapping[Hashable, Transaction]]
"""Key -> value -> the transaction that has to do with it."""


def cycles(
    ends: list[Transaction], writer: ByValue, read: ByValue, partitions: Mapping[Hashable, Partition]
) -> Iterator[Entry]:
    """One cycle for each knot of transactions, the shortest through its first line."""
    import networkx  # takes longer than most histories

    reads = networkx.DiGraph()
    for reader in ends:
        if reader.type == "ok":
            for key, messages in reader.polls.items():
                for _, value in messages:
                    sender = writer.get(key, {}).get(value)
                    if sender is not None and sender is not reader and committed(sender, read):
                        reads.add_edge(sender.line, reader.line, why=("polled", key, value))
    writes = networkx.DiGraph()
    for key, partition in partitions.items():
        order = [next(iter(partition.log[offset])) for offset in partition.offsets]
        for before, after in pairwise(order):
            first, second = writer.get(key, {}).get(before), writer.get(key, {}).get(after)
            if first is None or second is None or first is second:
                continue
            if committed(first, read) and committed(second, read):
                writes.add_edge(first.line, second.line, why=("is followed by", key, (before, after)))
    yield from _told("circular-information-flow", reads, networkx.strongly_connected_components(reads))
    yield from _told("write-cycle", writes, networkx.strongly_connected_components(writes))
    both = networkx.compose(writes, reads)
    known = [*_knots(reads), *_knots(writes)]
    mixed = (knot for knot in _knots(both) if not any(knot >= part for part in known))
    yield from _told("mixed-cycle", both, mixed)


def _knots(graph: "networkx.DiGraph") -> list[set[int]]:
    import networkx

    return [knot for knot in networkx.strongly_connected_components(graph) if len(knot) > 1]


def _told(anomaly: str, graph: "networkx.DiGraph", knots: Iterator[set[int]]) -> Iterator[Entry]:
    import networkx

    for knot in sorted((knot for knot in knots if len(knot) > 1), key=min):
        start = min(knot)
        inside = graph.subgraph(knot)
        back = min((networkx.shortest_path(inside, end, start) for end in inside[start]), key=len)
        round_ = [start, *back]
        steps = [_step(before, after, *graph.edges[before, after]["why"]) for before, after in pairwise(round_)]
        yield Entry(anomaly, "; ".join(steps), None, (), tuple(round_[:-1]))


def _step(before: int, after: int, how: str, key: Hashable, value: Any) -> str:
    """One edge, in words."""
    if how == "polled":
        return f"line {after} polled {brief(value)}, which line {before} sent to {brief(key)}"
    first, second = value
    return f"in {brief(key)}, {brief(first)} of line {before} is followed by {brief(second)} of line {after}"
