"""How long a test searches, and the settings of Hypothesis that it searches with.

A profile is a length of time. It counts until somebody sets `max_examples`, in a test of their own or in a profile of Hypothesis's:
then so many runs are made, however long they take. Every other field of the settings is the user's too, where it differs from
Hypothesis's own profile; what nobody set is as machines need it: no health check complains that a tape is one big draw, there is no
deadline, and the phase “explain” is left out.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, _settings, settings

from refold.model.errors import UsageError
from refold.model.words import suggestion
from refold.search.campaign import Budget

PROFILES = {"quick": 2.0, "default": 10.0, "ci": 60.0, "deep": 600.0}
"""Name of a profile -> seconds that each test searches; chosen with ``--refold-profile`` (or REFOLD_PROFILE)."""

UNTOUCHED = 100
"""`max_examples` of Hypothesis for whom nobody sets it."""

STEPS_OF_HYPOTHESIS, STEPS = 50, 10
"""`stateful_step_count` for whom nobody sets it: Hypothesis's, and ours. A run begins with a plan of a hundred actions or more, and what
shows only at rest hides in long runs."""

PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
"""All of Hypothesis's phases but “explain”, which traces every line and takes longer than everything else together."""


def seconds_of_profile() -> float | None:
    """The time of the profile that the environment names, None if it names none; raises `UsageError` if there is none of that name."""
    name = os.environ.get("REFOLD_PROFILE", "")
    if name and name not in PROFILES:
        raise UsageError(
            f"REFOLD_PROFILE is {name!r}{suggestion(name, PROFILES)}, expected one of {', '.join(PROFILES)}"
        )
    return PROFILES.get(name)


def budget(given: settings) -> Budget:
    """When a search with these settings ends: after the runs that somebody asked for, else after the time of the profile."""
    loaded, seconds = settings(), seconds_of_profile()
    if given.max_examples != loaded.max_examples:
        return Budget(seconds=None, examples=given.max_examples)
    if seconds is None and loaded.max_examples != UNTOUCHED:
        return Budget(seconds=None, examples=loaded.max_examples)
    return Budget(seconds=seconds or PROFILES["default"])


def standard() -> settings:
    """The settings of a machine for which the user has chosen none; raises `UsageError` for a profile that does not exist."""
    seconds_of_profile()
    chosen = fitting(settings())
    return settings(chosen, derandomize=False) if in_ci() else chosen


def in_ci() -> bool:
    """Whether the settings are those that Hypothesis loads by itself where it sees that it runs in CI. They are derandomized: every push
    would search the same runs. A profile of the user's that has the same name is none of Hypothesis's."""
    return settings.get_profile(settings.get_current_profile_name()) is getattr(_settings, "CI", None)


def fitting(given: settings) -> settings:
    """The settings that the user gave, with what machines need; Hypothesis's profile is the one that is loaded now."""
    loaded = settings()
    changes: dict[str, Any] = {}
    if given.stateful_step_count == loaded.stateful_step_count == STEPS_OF_HYPOTHESIS:
        changes["stateful_step_count"] = STEPS
    if given.deadline == loaded.deadline:
        changes["deadline"] = None
    if set(given.phases) == set(Phase):
        changes["phases"] = PHASES
    return settings(given, suppress_health_check=list(HealthCheck), **changes)
