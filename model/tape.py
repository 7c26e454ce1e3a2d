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
from collections.abc import Mapping, Sequence
from typing import Any

from refold.model.action import CORE_ACTIONS, Action
from refold.model.declarations.offer import FAMILIES as FAMILIES
from refold.model.declarations.offer import Cast, alone
from refold.model.extension import Extension
from refold.model.record import ConsumerSpec

Plan = tuple[Action, ...]
Word = tuple[Action, ...]
Group = tuple[str, int, Sequence[Word]]

PICKS = 2
"""Families of extensions that one run may have."""

HEADER = 2 + PICKS
"""Bytes at the beginning of a tape that say what the run is about: families of the core left out, dialect, families of extensions."""

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
        emphasis: Mapping[str, int] | None = None,
        lengths: Sequence[int] = (),
        extended: int = 1,
    ) -> None:
        """`emphasis`: family of the core -> how many times its usual weight its words have here; `extended`: the same for all families of
        extensions. `lengths`: words per plan, in turn; none for those of the search."""
        if not commands:
            raise ValueError("the application offers no commands: its commands() must return at least one")
        cast = Cast(commands, clients, consumers, log)
        emphasis = emphasis or {}
        self.lengths = tuple(lengths)
        self.groups: list[Group] = [
            (offer.family, offer.weight * emphasis.get(offer.family, 1), words)
            for kind in CORE_ACTIONS.values()
            for offer in kind.offers
            if (offer.needs is None or offer.needs in capabilities) and (words := offer.words(cast))
        ]
        for extension in extensions:
            offered = [*extension.groups(commands, clients, consumers), *extension.lookups(keys, clients)]
            self.groups.extend(
                (family, extended * weight, alone(actions)) for family, weight, actions in offered if actions
            )
        self.extra: tuple[str, ...] = ()
        self.replace(self.groups)

    def replace(self, groups: Sequence[Group]) -> None:
        """Have these groups instead."""
        self.groups = list(groups)
        offered_families = dict.fromkeys(family for family, _, _ in self.groups if family and family not in FAMILIES)
        self.extra = tuple(offered_families)

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
