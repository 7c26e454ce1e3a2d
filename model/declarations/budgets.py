"""Budgets: what a plan of a small scope may do only so often, as `refold explore` is told."""

from __future__ import annotations

BUDGETS: tuple[str, ...] = (
    "commands",
    "crashes",
    "reordered",
    "redelivered",
    "unanswered",
    "slow",
    "snapshots",
    "failures",
    "power_cuts",
)
"""All of them, in the order in which an exploration counts what is used up."""
