"""Correct clients: aggregates that are held in memory between commands."""

from __future__ import annotations

from refold.model.client import HeldAggregateClient
from refold.systems.variants.registry import variant


@variant("held-aggregates", "carol", fixes=("uncommitted-cleared-on-failure", "failed-command-bumps-version"))
class HeldAggregates(HeldAggregateClient):
    """Holds aggregates in memory, forgets new events only after the log's yes, and discards an aggregate whose events were not
    confirmed."""
