"""Why something never happened: the usual cause, for each count that was left at 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from refold.search.vacuous import SHOWN_BY

CAUSES: dict[str, str] = {
    "appended": "no command comes to an event: decide() refuses them all, or returns none",
    "performed": "none of the actions of the plan is possible here: each needs something that the system cannot do, or that the actions"
    " before it were to bring about, or names somebody who is not there",
    "delivered": "consumers are handed nothing: nothing is appended, or no action delivers it",
    "conflicts": "no two decisions ever met: every command has a stream of its own (make the keys fewer), or appends are sent without the"
    " condition that the commands have",
}
"""Count -> why it is 0. The others are the business of a capability."""


def why_nothing(missing: Any) -> str:
    """The causes of these counts being 0, and what to do."""
    names = [str(name) for name in missing] if isinstance(missing, Iterable) else []
    causes = [f"{name.replace('_', ' ')}: {CAUSES[name]}" for name in names if name in CAUSES]
    declared = {count: capability for capability, count in SHOWN_BY.items()}
    idle = [name for name in names if name in declared]
    if idle:
        what = ", ".join(f"{name.replace('_', ' ')} ({declared[name]})" for name in idle)
        causes.append(f"{what}: declared by the system as capabilities, and no action of its menu does it")
    return "; ".join(causes)
