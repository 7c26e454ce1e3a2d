"""Broken test kits: what drives a system, and does nothing (HARNESS)."""

from __future__ import annotations

from refold.model.action import Action
from refold.systems.broken.registry import broken
from refold.systems.deployment import Deployment


@broken(
    "vacuous-scenario",
    "deployment",
    guarantee="HARNESS",
    reference="marten#5126",
    fix="every run proves that it did something (A17)",
)
class VacuousScenario(Deployment):
    """Prepares what a scenario needs but never commits its last step. Every test passes, because nothing ever happens."""

    def perform(self, action: Action) -> bool:
        """Says that it was done."""
        return True
