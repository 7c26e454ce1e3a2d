"""The tape: bytes that decode to a plan, whatever they are.

The first bytes choose what this run is about (swarm testing). One leaves out families of the core's faults, a bit each, so 0 has them
all. One, the dialect, chooses which actions of a kind the run can speak of when there are more of them than places. `PICKS` bytes
pick a family of the system's extensions each, 0 for none: a run that does a little of everything goes deep into nothing. Every byte
after them is one word, out of the 255 that these choices leave: an action, or a few that often follow each other. 0 is the empty word, so
that shrinking bytes towards 0 removes actions. How all this was measured: docs/decisions/0003-tape.md and 0008-one-byte-a-word.md.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Sequence
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
Word = tuple[Action, ...]
Group = tuple[str, int, list[Word]]

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

HEADER = 2 + PICKS
"""Bytes at the beginning of a tape that say what the run is about: families of the core left out, dialect, families of extensions."""

FUSES = (1, 2, 3, 1, 2, 3, 4, 5)
"""Durable steps at which a process may die: most write in two or three steps, few in more."""

IN_FLIGHT = (1, 2)
BACK = (1, 2, 4, 8)

SHIFTS = 6
"""Commands of another client that each command is raced against in one word."""

ALPHABET = 255
"""Words (not all of them different) that one run chooses from, beside the empty one."""


class Menu:
    """All actions that plans for one application on one system may have, with their weights."""

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
            self.groups.extend((family, weight, alone(actions)) for family, weight, actions in offered if actions)
        offered_families = dict.fromkeys(family for family, _, _ in self.groups if family and family not in FAMILIES)
        self.extra: tuple[str, ...] = tuple(offered_families)

    @staticmethod
    def _groups(
        commands: Sequence[Any], clients: Sequence[str], specs: Sequence[ConsumerSpec], can: frozenset[str], log: str
    ) -> list[Group]:
        """(family or "", weight, words): the weights are relative, whatever families are in."""
        consumers = [spec.name for spec in specs]
        talks = list(product(clients, commands))
        rivals = races(clients, commands)
        groups: list[Group] = [
            ("", 44, alone(Submit(*talk) for talk in talks)),
            ("", 2, alone(Prepare(*talk) for talk in talks)),
            ("", 4, alone(Append(client) for client in clients)),
            ("", 3, [(Prepare(*one), Submit(*other), Append(one[0])) for one, other in rivals]),
            ("", 16, alone(Deliver(consumer, 0) for consumer in consumers)),
            ("", 8, [(Deliver(consumer, 0),) * 2 for consumer in consumers]),
            ("", 3, [(Deliver(consumer, 0),) * 4 for consumer in consumers]),
            ("reorder", 8, alone(Deliver(consumer, index) for consumer in consumers for index in IN_FLIGHT)),
            ("unheard", 2, alone(AppendUnheard(client) for client in clients)),
            ("unheard", 2, [(Prepare(*talk), AppendUnheard(talk[0])) for talk in talks]),
            ("failure", 4, alone(Fail(consumer) for consumer in consumers)),
        ]
        if "dedupe" in can:
            groups.append(("unheard", 2, alone(Retry(client) for client in clients)))
            groups.append(("unheard", 2, alone(Redecide(client) for client in clients)))
        if "slow-append" in can:
            groups.append(("slow", 2, alone(Begin(*talk) for talk in talks)))
            groups.append(("slow", 3, alone(Commit(client) for client in clients)))
            groups.append(("slow", 1, alone(Abort(client) for client in clients)))
            groups.append(("slow", 2, [(Begin(*one), Submit(*other), Commit(one[0])) for one, other in rivals]))
            overlaps: list[Word] = [
                (Begin(*one), Begin(*other), Commit(one[0]), Commit(other[0])) for one, other in rivals
            ]
            groups.append(("slow", 1, overlaps))
        if "redeliver" in can:
            groups.append(("duplicate", 8, alone(Redeliver(consumer, back) for consumer in consumers for back in BACK)))
        if "snapshots" in can:
            groups.append(("snapshot", 4, alone(TakeSnapshot(spec.name) for spec in specs if spec.snapshots)))
        if "crash-consumer" in can:
            groups.append(("consumer-crash", 2, deaths([Crash(consumer)] for consumer in consumers)))
            groups.append(("consumer-crash", 4, alone(Restart(consumer) for consumer in consumers)))
        if "crash-log" in can:
            groups.append(("log-crash", 2, deaths([[Crash(log)]])))
            groups.append(("log-crash", 6, alone([Restart(log)])))
        if "crash-at-step" in can:
            dying = [[CrashAt(consumer, step), Deliver(consumer, 0)] for step in FUSES for consumer in consumers]
            groups.append(("consumer-crash", 2, deaths(dying)))
        if "crash-log-at-step" in can:
            groups.append(("log-crash", 1, alone(CrashAt(log, step) for step in FUSES)))
        if "power-cut" in can:
            groups.append(("log-crash", 2, deaths([CutPower(log, how)] for how in POWER_CUTS)))
        return [group for group in groups if group[2]]

    def included(self, header: bytes) -> set[str]:
        """The families that a run with this header may have."""
        there = {"", *(family for bit, family in enumerate(FAMILIES) if not header[0] >> bit & 1)}
        for pick in header[2:HEADER]:
            choice = pick % (len(self.extra) + 1)
            if choice:
                there.add(self.extra[choice - 1])
        return there

    @staticmethod
    def length(words: int) -> int:
        """Bytes of a tape that holds this many words."""
        return HEADER + words

    def actions(self) -> list[Action]:
        """Every action once."""
        return list(dict.fromkeys(action for _, _, words in self.groups for word in words for action in word))

    def alphabet(self, header: bytes) -> list[Word]:
        """What each byte means in a run with this header; 0 is the empty word. Every group has its share of them, give or take one."""
        there = self.included(header)
        dialect = header[1]
        chosen = [(weight, words) for family, weight, words in self.groups if family in there]
        total = sum(weight for weight, _ in chosen)
        alphabet: list[Word] = [()]
        reached = 0
        for number, (weight, words) in enumerate(chosen):
            reached += weight
            places = (ALPHABET * reached + dialect * total // 256) // total + 1 - len(alphabet)
            alphabet.extend(spread(words, places, dialect, number))
        return alphabet

    def decode(self, tape: bytes) -> Plan:
        """The plan that a tape stands for; total: every tape is a plan."""
        if len(tape) <= HEADER:
            return ()
        alphabet = self.alphabet(tape[:HEADER])
        return tuple(itertools.chain.from_iterable(map(alphabet.__getitem__, tape[HEADER:])))


def races(clients: Sequence[str], commands: Sequence[Any]) -> list[tuple[tuple[str, Any], tuple[str, Any]]]:
    """Pairs of what two clients may do at once: every command of every client, against a few commands of another one."""
    count, rest = len(commands), len(clients)
    return [
        ((client, commands[n]), (clients[(index + 1) % rest], commands[(n + shift) % count]))
        for shift in range(min(count, SHIFTS))
        for index, client in enumerate(clients)
        for n in range(count)
        if rest > 1
    ]


def deaths(ways: Iterable[Sequence[Any]]) -> list[Word]:
    """Ways to die, each with and without a restart at once; the first action names the process."""
    return [word for way in ways for word in (tuple(way), (*way, Restart(way[0].process)))]


def alone(actions: Iterable[Action]) -> list[Word]:
    """Words of one action each."""
    return [(action,) for action in actions]


def spread(words: Sequence[Word], places: int, dialect: int, salt: int) -> list[Word]:
    """`places` of the words, all if there are enough places: an even stride through them that depends on the dialect."""
    count = len(words)
    if count == 1:
        return [words[0]] * places
    mixed = (dialect + 1) * 0x9E3779B1 + salt * 0x85EBCA6B & 0xFFFFFFFF
    start, strides = (mixed >> 8) % count, coprime(count)
    stride = strides[(mixed >> 20) % len(strides)]
    once = [words[(start + place * stride) % count] for place in range(min(places, count))]
    return once if places <= count else (once * -(-places // count))[:places]


@functools.cache
def coprime(count: int) -> tuple[int, ...]:
    """The strides that come by every one of `count` places before they come by one twice."""
    return tuple([stride for stride in range(1, count) if math.gcd(stride, count) == 1]) or (1,)
