"""Settings of Hypothesis for machines: what the user chose, and what tapes need.

A burst is one big draw, which Hypothesis takes for carelessness, and a run takes as long as it takes. So whatever the user sets, no
health check complains, there is no deadline that nobody asked for, and the phase «explain» is left out. Everything else is the user's:
a field that differs from Hypothesis's profile was chosen by somebody.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

from refold.model.errors import UsageError
from refold.model.words import suggestion

PROFILES = {
    "quick": {"max_examples": 20, "stateful_step_count": 10},
    "default": {"max_examples": 100, "stateful_step_count": 20},
    "ci": {"max_examples": 300, "stateful_step_count": 30},
    "deep": {"max_examples": 3000, "stateful_step_count": 50},
}
"""Name of a profile -> Hypothesis settings; chosen with ``--refold-profile`` (or REFOLD_PROFILE). Without one, Hypothesis decides."""

PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
"""All of Hypothesis's phases but «explain», which traces every line and takes longer than everything else together."""


def profile() -> dict[str, int]:
    """The settings of the profile that the environment names; raises `UsageError` if there is none of that name."""
    name = os.environ.get("REFOLD_PROFILE", "")
    if name and name not in PROFILES:
        raise UsageError(
            f"REFOLD_PROFILE is {name!r}{suggestion(name, PROFILES)}, expected one of {', '.join(PROFILES)}"
        )
    return PROFILES.get(name, {})


def standard() -> settings:
    """The settings of a machine for which the user has chosen none."""
    return fitting(settings())


def fitting(given: settings) -> settings:
    """The settings that the user gave, with what tapes need; Hypothesis's profile is the one that is loaded now."""
    loaded = settings()
    changes: dict[str, Any] = {
        name: value for name, value in profile().items() if getattr(given, name) == getattr(loaded, name)
    }
    if given.deadline == loaded.deadline:
        changes["deadline"] = None
    if set(given.phases) == set(Phase):
        changes["phases"] = PHASES
    return settings(given, suppress_health_check=list(HealthCheck), **changes)
