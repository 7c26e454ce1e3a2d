"""Jepsen's Kafka workload: messages that are sent to partitions and polled from them, with offsets.

For every partition: what was acknowledged below the highest message that anybody read, somebody read (`lost-write`); a
message stands at one offset (`duplicate`) and an offset holds one (`inconsistent-offsets`); what was aborted is read by
nobody (`aborted-read`), nor what is not committed yet (`precommitted-read`), nor what nobody sent (`phantom-message`).
For every process: polls go on where the last ones ended, neither back (`nonmonotonic-poll`) nor past a message that is
there (`poll-skip`), until it is assigned other partitions; sends are stored in their order (`nonmonotonic-send`); and the
same within a transaction (`int-…`). The definitions, and the names but for `aborted-read` (G1a) and those of
[cycles](cycles.py), are those of jepsen.tests.kafka.
"""

from collections.abc import Hashable, Iterable, Iterator
from itertools import pairwise

from refold.properties.accounts.cycles import cycles
from refold.properties.accounts.finding import Account, Entry
from refold.properties.accounts.partition import Partition, committed, partitions
from refold.properties.accounts.transaction import Message, Transaction
from refold.properties.linearizability.value import brief

__all__ = ["Kafka", "kafka"]

_NOT_CHECKED = (
    "messages after the last one that was read, which may be lost all the same; cycles that only real-time order closes"
)
_MAY_BE = frozenset({"int-send-skip", "write-cycle", "mixed-cycle"})
"""What a correct broker shows too, because it does not isolate writes from each other."""


def kafka(history: Iterable[Transaction]) -> Account:
    """The account of a history."""
    found = Kafka(history)
    entries = [
        *found.inconsistent_offsets(),
        *found.duplicates(),
        *found.lost(),
        *found.reads_of_what_is_not_there(),
        *found.within_transactions(),
        *found.polls_of_processes(),
        *found.sends_of_processes(),
        *cycles(found.ends, found.writer, found.read, found.partitions),
    ]
    rebalanced = found.subscribers()
    broken: list[Entry] = []
    observed: list[Entry] = []
    for entry in entries:
        moved = entry.anomaly in ("poll-skip", "nonmonotonic-poll") and entry.more["process"] in rebalanced
        (observed if moved or entry.anomaly in _MAY_BE else broken).append(entry)
    not_checked = [_NOT_CHECKED]
    if rebalanced:
        not_checked.append(
            "skips and steps back between the polls of processes that subscribe: a rebalance makes them too"
        )
    return Account(tuple(broken), tuple(observed), tuple(not_checked))


class Kafka:
    """One history, in the order of its lines; the findings of each kind."""

    def __init__(self, history: Iterable[Transaction]) -> None:
        self.history = list(history)
        self.ends = [one for one in self.history if one.type != "invoke"]
        self.read: dict[Hashable, dict[Hashable, Transaction]] = {}
        """Key -> value -> the first transaction that was answered and has polled it."""
        self.writer: dict[Hashable, dict[Hashable, Transaction]] = {}
        """Key -> value -> who sent it: the transaction that certainly did, if one did."""
        for one in self.ends:
            if one.type == "ok":
                for key, messages in one.polls.items():
                    read = self.read.setdefault(key, {})
                    for _, value in messages:
                        read.setdefault(value, one)
        for one in sorted(self.history, key=lambda one: ("invoke", "fail", "info", "ok").index(one.type)):
            for key, messages in one.sends.items():
                self.writer.setdefault(key, {}).update((value, one) for _, value in messages)
        self.partitions = partitions(self.ends, self.read)

    def subscribers(self) -> set[Hashable]:
        """Processes whose partitions are chosen for them, at any time anew."""
        return {one.process for one in self.history if one.f == "subscribe"}

    def inconsistent_offsets(self) -> Iterator[Entry]:
        """Offsets at which more than one value was seen."""
        for key, partition in self.partitions.items():
            for place, offset in enumerate(partition.offsets):
                values = tuple(partition.log[offset])
                if len(values) > 1:
                    said = f"offset {offset} holds {' and '.join(map(brief, values))}"
                    more = {"offset": offset, "index": place}
                    yield Entry("inconsistent-offsets", said, key, values, self._lines(key, values), more)

    def duplicates(self) -> Iterator[Entry]:
        """Values that were seen at more than one offset."""
        for key, partition in self.partitions.items():
            at: dict[Hashable, list[int]] = {}
            for offset in partition.offsets:
                for value in partition.log[offset]:
                    at.setdefault(value, []).append(offset)
            for value, offsets in at.items():
                if len(offsets) > 1:
                    said = f"{brief(value)} was sent once and stands at offsets {', '.join(map(str, offsets))}"
                    more = {"count": len(offsets), "offsets": tuple(offsets)}
                    yield Entry("duplicate", said, key, (value,), self._lines(key, (value,)), more)

    def lost(self) -> Iterator[Entry]:
        """Values that certainly were stored, below the highest that was read, and that nobody read."""
        for key, read in self.read.items():
            partition = self.partitions[key]
            first, last = partition.extent()
            bound = max((first[value] for value in read if value in first), default=-1)
            for value in sorted((value for value, place in last.items() if place <= bound), key=last.__getitem__):
                writer = self.writer.get(key, {}).get(value)
                if value in read or writer is None or not committed(writer, self.read):
                    continue
                highest = next(one for one in read if first.get(one) == bound)
                said = f"{brief(value)} was stored and {brief(highest)}, which comes later, was read, but {brief(value)} never was"
                more = {"index": first[value], "max-read-index": bound}
                yield Entry("lost-write", said, key, (value,), (writer.line, read[highest].line), more)

    def reads_of_what_is_not_there(self) -> Iterator[Entry]:
        """Polls of what was aborted, of what nobody sent, and of a transaction's own messages before it ends."""
        for one in self.ends:
            for key, messages in one.polls.items():
                own = {value for _, value in one.sends.get(key, ())}
                for value in dict.fromkeys(value for _, value in messages):
                    writer = self.writer.get(key, {}).get(value)
                    if writer is None:
                        said = f"{brief(value)} was polled and nobody sent it"
                        yield Entry("phantom-message", said, key, (value,), (one.line,))
                    elif writer.type == "fail" and one.type == "ok":
                        said = f"{brief(value)} was polled and its transaction was aborted"
                        yield Entry("aborted-read", said, key, (value,), (writer.line, one.line))
                    if value in own:
                        said = f"{brief(value)} was polled by the transaction that sent it, before it was committed"
                        yield Entry("precommitted-read", said, key, (value,), (one.line,))

    def within_transactions(self) -> Iterator[Entry]:
        """Skips and steps back from message to message of one transaction."""
        for one in self.ends:
            for key, messages in one.polls.items():
                if key not in one.rebalanced:
                    yield from self._steps("poll", key, messages, one)
            for key, messages in one.sends.items():
                yield from self._steps("send", key, messages, one)

    def _steps(self, what: str, key: Hashable, messages: list[Message], one: Transaction) -> Iterator[Entry]:
        partition = self.partitions.get(key, Partition())
        for (_, before), (_, after) in pairwise(messages):
            step = partition.step(before, after)
            where = (one.line,)
            if step > 1:
                yield self._skip(f"int-{what}-skip", partition, key, (before, after), where, one)
            elif step < 1:
                said = f"within one transaction {brief(after)} comes after {brief(before)}, in the log it does not"
                more = {"delta": step, "process": one.process}
                yield Entry(f"int-nonmonotonic-{what}", said, key, (before, after), where, more)

    def polls_of_processes(self) -> Iterator[Entry]:
        """Skips and steps back from transaction to transaction of one process."""
        last: dict[Hashable, dict[Hashable, tuple[Hashable, int]]] = {}
        for one in self.ends:
            of_process = last.setdefault(one.process, {})
            if one.f in ("assign", "subscribe"):
                self._assign(of_process, one)
                continue
            for key, messages in one.polls.items():
                if not messages:
                    continue
                if key in of_process:
                    before, line = of_process[key]
                    yield from self._between(key, before, messages[0][1], (line, one.line), one)
            if one.type == "ok":
                of_process.update((key, (polled[-1][1], one.line)) for key, polled in one.polls.items() if polled)

    def _between(
        self, key: Hashable, before: Hashable, after: Hashable, where: tuple[int, ...], one: Transaction
    ) -> Iterator[Entry]:
        partition = self.partitions[key]
        step = partition.step(before, after)
        if step > 1:
            yield self._skip("poll-skip", partition, key, (before, after), where, one)
        elif step < 1:
            said = f"having polled {brief(before)}, the process polls {brief(after)}, which does not come after it"
            more = {"delta": step, "process": one.process}
            yield Entry("nonmonotonic-poll", said, key, (before, after), where, more)

    def sends_of_processes(self) -> Iterator[Entry]:
        """Steps back from send to send of one process."""
        last: dict[Hashable, dict[Hashable, tuple[Hashable, int]]] = {}
        for one in self.ends:
            of_process = last.setdefault(one.process, {})
            if one.f in ("assign", "subscribe"):
                self._assign(of_process, one)
            elif one.type != "fail":
                for key, messages in one.sends.items():
                    if key in of_process:
                        before, line = of_process[key]
                        after = messages[0][1]
                        step = self.partitions.get(key, Partition()).step(before, after)
                        if step < 1:
                            said = f"{brief(after)} was sent after {brief(before)} and is not stored after it"
                            more = {"delta": step, "process": one.process}
                            yield Entry("nonmonotonic-send", said, key, (before, after), (line, one.line), more)
                    of_process[key] = messages[-1][1], one.line

    @staticmethod
    def _assign(of_process: dict[Hashable, tuple[Hashable, int]], one: Transaction) -> None:
        """Keep the places of those partitions only that are still assigned."""
        if one.type != "fail":
            for key in [key for key in of_process if key not in one.keys]:
                del of_process[key]

    def _skip(
        self, name: str, partition: Partition, key: Hashable, values: tuple[Hashable, Hashable],
        where: tuple[int, ...], one: Transaction,
    ) -> Entry:  # fmt: skip
        before, after = values
        skipped = partition.between(partition.place[before], partition.place[after])
        said = (
            f"{brief(after)} comes directly after {brief(before)}, and between them the log holds {brief(skipped[0])}"
        )
        more = {"delta": len(skipped) + 1, "skipped": skipped, "process": one.process}
        return Entry(name, said, key, values, where, more)

    def _lines(self, key: Hashable, values: tuple[Hashable, ...]) -> tuple[int, ...]:
        """The lines of those who sent and of those who first read the values."""
        lines = []
        for value in values:
            for who in (self.writer.get(key, {}).get(value), self.read.get(key, {}).get(value)):
                if who is not None:
                    lines.append(who.line)
        return tuple(dict.fromkeys(lines))
