"""The tape: bytes that decode to a plan, whatever they are.

The first bytes choose what this run is about (swarm testing). One byte leaves out families of the core's faults, a bit each, so 0 has
them all; then, if the system has extensions, `PICKS` bytes pick a family of theirs each, 0 for none: a run that does a little of everything
goes deep into nothing. Each pair of bytes after them is one action: the first picks a kind by weight, the second its arguments. A
pair that begins with 0 is a rest, so that shrinking bytes towards 0 removes actions. How these choices were measured:
docs/decisions/0003-tape.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from refold.model.action import (
    POWER_CUTS,
    Abort,
    Action,
    Append,
    AppendUnheard,
    Begin,
    Commit,
    Crash,
    CrashAt,
    CutPower,
    Deliver,
    Fail,
    Prepare,
    Redecide,
    Redeliver,
    Restart,
    Retry,
    Submit,
    TakeSnapshot,
)
from refold.model.extension import Extension
from refold.model.record import ConsumerSpec

Plan = tuple[Action, ...]
Group = tuple[str, int, list[Action]]

FAMILIES: tuple[str, ...] = (
    "slow",
    "unheard",
    "reorder",
    "duplicate",
    "failure",
    "snapshot",
    "consumer-crash",
    "log-crash",
)
"""The families of the core that swarm testing leaves out or in, one bit each, the first is the lowest."""

PICKS = 2
"""Families of extensions that one run may have."""

FUSES = (1, 2, 3)
IN_FLIGHT = (1, 2)
BACK = (1, 2, 3, 4)


TABLES = 1024
"""Decoding tables that are kept; with many families hardly any choice of them comes twice."""


class Menu:
    """All actions that plans for one application on one system may have, with their weights, as decoding tables."""

    def __init__(
        self,
        commands: Sequence[Any],
        clients: Sequence[str],
        consumers: Sequence[ConsumerSpec],
        capabilities: frozenset[str],
        log: str = "log",
        extensions: Sequence[type[Extension]] = (),
        keys: Sequence[str] = (),
    ) -> None:
        if not commands:
            raise ValueError("the application offers no commands: its commands() must return at least one")
        self.groups = self._groups(commands, clients, consumers, capabilities, log)
        for extension in extensions:
            offered = [*extension.groups(commands, clients, consumers), *extension.lookups(keys, clients)]
            self.groups.extend(group for group in offered if group[2])
        offered_families = dict.fromkeys(family for family, _, _ in self.groups if family and family not in FAMILIES)
        self.extra: tuple[str, ...] = tuple(offered_families)
        self._rows = [self._spread(actions) for _, _, actions in self.groups]
        self._tables: dict[int, list[tuple[Action, ...] | None]] = {}

    @staticmethod
    def _groups(
        commands: Sequence[Any], clients: Sequence[str], specs: Sequence[ConsumerSpec], can: frozenset[str], log: str
    ) -> list[Group]:
        """(family or "", weight, actions): the weights are relative, whatever families are in."""
        consumers = [spec.name for spec in specs]
        talks = list(product(clients, commands))
        groups: list[Group] = [
            ("", 44, [Submit(client, command) for client, command in talks]),
            ("", 3, [Prepare(client, command) for client, command in talks]),
            ("", 10, [Append(client) for client in clients]),
            ("", 44, [Deliver(consumer, 0) for consumer in consumers]),
            ("reorder", 8, [Deliver(consumer, index) for consumer in consumers for index in IN_FLIGHT]),
            ("unheard", 5, [AppendUnheard(client) for client in clients]),
            ("failure", 4, [Fail(consumer) for consumer in consumers]),
        ]
        if "dedupe" in can:
            groups.append(("unheard", 3, [Retry(client) for client in clients]))
            groups.append(("unheard", 2, [Redecide(client) for client in clients]))
        if "slow-append" in can:
            groups.append(("slow", 2, [Begin(client, command) for client, command in talks]))
            groups.append(("slow", 7, [Commit(client) for client in clients]))
            groups.append(("slow", 2, [Abort(client) for client in clients]))
        if "redeliver" in can:
            groups.append(("duplicate", 8, [Redeliver(consumer, back) for consumer in consumers for back in BACK]))
        if "snapshots" in can:
            groups.append(("snapshot", 4, [TakeSnapshot(spec.name) for spec in specs if spec.snapshots]))
        if "crash-consumer" in can:
            groups.append(("consumer-crash", 1, [Crash(consumer) for consumer in consumers]))
            groups.append(("consumer-crash", 12, [Restart(consumer) for consumer in consumers]))
        if "crash-log" in can:
            groups.append(("log-crash", 1, [Crash(log)]))
            groups.append(("log-crash", 10, [Restart(log)]))
        if "crash-at-step" in can:
            groups.append(("consumer-crash", 2, [CrashAt(consumer, step) for consumer in consumers for step in FUSES]))
        if "crash-log-at-step" in can:
            groups.append(("log-crash", 1, [CrashAt(log, step) for step in FUSES]))
        if "power-cut" in can:
            groups.append(("log-crash", 1, [CutPower(log, how) for how in POWER_CUTS]))
        return [group for group in groups if group[2]]

    @staticmethod
    def _spread(actions: list[Action]) -> list[tuple[Action, ...]]:
        """As many rows of 256 as it takes for every action to have a place."""
        rows = -(-len(actions) // 256)
        return [tuple([actions[(row * 256 + n) % len(actions)] for n in range(256)]) for row in range(rows)]

    @property
    def header(self) -> int:
        """Bytes at the beginning of a tape that choose the families."""
        return 1 + PICKS if self.extra else 1

    def included(self, swarm: int) -> set[str]:
        """The families that a run with this header (its bytes as a number, the first is the lowest) may have."""
        there = {"", *(family for bit, family in enumerate(FAMILIES) if not swarm >> bit & 1)}
        for pick in range(1, PICKS + 1):
            choice = (swarm >> 8 * pick & 255) % (len(self.extra) + 1)
            if choice:
                there.add(self.extra[choice - 1])
        return there

    def length(self, actions: int) -> int:
        """Bytes of a tape that holds this many actions."""
        return self.header + 2 * actions

    def actions(self) -> list[Action]:
        """Every action once."""
        return [action for _, _, actions in self.groups for action in actions]

    def table(self, swarm: int) -> list[tuple[Action, ...] | None]:
        """First byte of a pair -> 256 actions for its second byte; None for a rest."""
        table = self._tables.get(swarm)
        if table is None:
            if len(self._tables) >= TABLES:
                self._tables.clear()
            table = self._tables[swarm] = self._table(swarm)
        return table

    def _table(self, swarm: int) -> list[tuple[Action, ...] | None]:
        there = self.included(swarm)
        chosen = [
            (weight, rows) for (family, weight, _), rows in zip(self.groups, self._rows, strict=True) if family in there
        ]
        total = sum(weight for weight, _ in chosen)
        table: list[tuple[Action, ...] | None] = [None]
        filled = 0
        for weight, rows in chosen:
            filled += weight
            slots = round(255 * filled / total) - (len(table) - 1)
            table.extend([rows[slot % len(rows)] for slot in range(slots)])
        return table

    def decode(self, tape: bytes) -> Plan:
        """The plan that a tape stands for; total: every tape is a plan."""
        if not tape:
            return ()
        header = self.header
        table = self.table(int.from_bytes(tape[:header], "little"))
        rows = map(table.__getitem__, tape[header::2])
        return tuple(
            [row[argument] for row, argument in zip(rows, tape[header + 1 :: 2], strict=False) if row is not None]
        )
