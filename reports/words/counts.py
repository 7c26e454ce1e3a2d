"""What happened, in numbers, grouped by what it means; a zero is shown only where it says that a run proves little."""

from __future__ import annotations

from collections.abc import Mapping

from refold.model.action import CORE_ACTIONS
from refold.model.words import counted
from refold.reports.words.sentences import kind_words
from refold.reports.words.values import inert

GROUPS: dict[str, tuple[str, ...]] = {
    "appends": ("appended", "acknowledged", "conflicts", "declined", "unknown", "retried", "slow_appends"),
    "deliveries": ("delivered", "redelivered", "reordered", "failed", "disconnections", "rebalances"),
    "faults": (
        *("crashes", "crashes_in_steps", "crashes_in_appends", "power_cuts", "failed_writes", "failed_syncs", "pauses"),
        "recoveries",
    ),
    "snapshots": ("snapshots", "snapshots_loaded", "upgrades"),
}
"""What is counted of nearly every system. What begins with *reads* or is about queries is reading; the rest is of parts."""
READING = ("queries_answered", "links_shown", "ranges_read", "stale_decisions")
TELLING = frozenset({"appended", "delivered", "conflicts", "crashes", "recoveries"})
"""Counts whose zero is worth a word: without them most guarantees have not been put to the test."""


def situations_line(situations: Mapping[str, int]) -> str:
    """The situations that were reached, in how many runs; "" if there are none."""
    reached = [f"“{inert(name)}” in {counted(runs, 'run')}" for name, runs in situations.items() if runs]
    return f"reached: {', '.join(reached)}" if reached else ""


def group_of(kind: str) -> str:
    """The heading that a count stands under. A count of a fault of the core that no group names is one of the faults."""
    for group, kinds in GROUPS.items():
        if kind in kinds:
            return group
    if kind in {count.name for action in CORE_ACTIONS.values() if action.rule == "fault" for count in action.counts}:
        return "faults"
    return "reads and decisions" if kind in READING or kind.startswith("reads_") else "other parts"


def listed(counts: Mapping[str, int]) -> dict[str, list[tuple[int, str]]]:
    """Group -> its counts that are worth showing, as (number, words)."""
    found: dict[str, list[tuple[int, str]]] = {group: [] for group in (*GROUPS, "reads and decisions", "other parts")}
    for kind, number in counts.items():
        if number or kind in TELLING:
            found[group_of(kind)].append((number, kind_words(kind, number)))
    return {group: entries for group, entries in found.items() if entries}


def grouped(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """The same in words: (``appends``, ``12 appended, 3 conflicts``)."""
    return [
        (group, ", ".join(f"{number:,} {words}" for number, words in entries))
        for group, entries in listed(counts).items()
    ]
