"""What a campaign comes back with: data for reports."""

from __future__ import annotations

from typing import Any

import attrs

from refold.model.tape import Plan
from refold.properties.property import Finding


@attrs.frozen
class Counterexample:
    """A plan that breaks a guarantee. `findings` are all findings of its run; the first is the one that the plan was shrunk for.
    `history` is everything that happened in that run, up to the end of settling. `minimal` says that shrinking was completed, so no
    action of the plan can be left out."""

    plan: Plan
    findings: tuple[Finding, ...]
    history: tuple[Any, ...]
    found_at: int
    seconds_cpu: float
    minimal: bool = False

    @property
    def finding(self) -> Finding:
        """The finding that the plan was shrunk for."""
        return self.findings[0]


@attrs.frozen
class Nearest:
    """The run (from 0) that came nearest to a situation that `sometimes` named: the first one with the smallest distance, and what it did.
    `file` is where its plan was written."""

    distance: float
    run: int
    plan: tuple[Any, ...]
    file: str = ""


@attrs.frozen
class Result:
    """The result of one campaign. `examples` is the number of runs from `seed` (None: not known), `steps` the number of
    actions performed, and `skipped` the number of actions that were not enabled. `counts` says what actually happened
    (appended, delivered, redelivered, reordered, crashes, power_cuts, recoveries, snapshots, conflicts, …), and
    `not_checked` says in plain words what was not checked. `sample` is the history of one passing run, for the picture
    in a report whose verdict is `held`; `samples` are histories that are worth replaying again, the shortest first."""

    system: str
    application: str
    seed: int | None
    examples: int
    steps: int
    skipped: int
    seconds: float
    counts: dict[str, int]
    counterexamples: tuple[Counterexample, ...]
    not_checked: tuple[str, ...] = ()
    checked: tuple[tuple[str, str], ...] = ()
    sample: tuple[Any, ...] = ()
    interrupted: bool = False
    trouble: str = ""
    """Why the campaign could not continue, in a sentence: for example, the system under test broke the contract of the port."""
    samples: tuple[tuple[Any, ...], ...] = ()
    situations: dict[str, int] = attrs.field(factory=dict)
    """Each situation that `sometimes` named -> how many runs reached it."""
    nearest: dict[str, Nearest] = attrs.field(factory=dict)
    """Each situation that `sometimes` named but no run reached -> the run that came nearest, if distances were given."""

    @property
    def verdict(self) -> str:
        """``broken`` if anything was found, else ``held``."""
        return "broken" if self.counterexamples else "held"
