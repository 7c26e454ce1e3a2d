"""The outcome of one run: what a campaign counts, and the run itself only where somebody will look at it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.reading.query import Answered
from refold.search.run import Run, execute
from refold.search.staleness import Staleness, measure
from refold.search.tapes import tape
from refold.search.vacuous import counts
from refold.systems.port import SystemPort

Signature = tuple[str, str]


@attrs.frozen
class Outcome:
    """What run `number` (from 0) amounted to. `signature` is that of its first finding; `run` is there for the first runs of a campaign,
    and for the first run of a process that shows a signature."""

    number: int
    steps: int
    skipped: int
    kinds: Counter[type[Any]]
    counts: dict[str, int]
    observations: dict[str, int]
    staleness: Staleness | None
    events: int
    given_up: tuple[str, ...]
    signature: Signature | None
    run: Run | None
    situations: dict[str, bool]
    distances: dict[str, float]

    @classmethod
    def of(cls, number: int, run: Run, keep: bool) -> Outcome:
        """The outcome of this run; with `keep`, the run too."""
        kinds = Counter(map(type, run.history))
        return cls(
            number=number,
            steps=run.steps,
            skipped=run.skipped,
            kinds=kinds,
            counts=counts(run.history, run.performed),
            observations=run.observations,
            staleness=measure(run.history) if Answered in kinds else None,
            events=kinds[Stored],
            given_up=run.given_up,
            signature=run.findings[0].signature if run.findings else None,
            run=run if keep else None,
            situations=run.situations,
            distances=run.distances,
        )


class Runner:
    """Makes the runs of one campaign, by number."""

    def __init__(self, system: SystemPort, application: Application, seed: int, kept: int) -> None:
        self.system = system
        self.application = application
        self.seed = seed
        self.kept = kept
        self.menu = system.menu(application)
        self.shown: set[Signature] = set()

    def __call__(self, number: int) -> Outcome:
        """Make run `number`."""
        run = execute(self.system, self.application, self.menu.decode(tape(self.seed, number, self.menu)))
        signature = run.findings[0].signature if run.findings else None
        fresh = signature is not None and signature not in self.shown
        if signature is not None:
            self.shown.add(signature)
        return Outcome.of(number, run, keep=number < self.kept or fresh)
