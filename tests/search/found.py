"""What campaigns find on the broken systems: searched once per process, shared by the tests."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator

from refold.model.application import Application
from refold.model.tape import Plan
from refold.properties.result import Counterexample
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import application_named
from refold.systems.broken import BROKEN
from refold.systems.port import SystemPort

SIXTEEN = (
    "checkpoint-before-effect",
    "effect-before-checkpoint",
    "snapshot-off-by-one",
    "snapshot-aliased",
    "snapshot-of-uncommitted",
    "ack-before-fsync",
    "partial-batch-append",
    "check-then-append",
    "unique-via-stale-read-model",
    "expected-any-misuse",
    "duplicate-append-lost-ack",
    "retry-reorders",
    "dedupe-window-too-small",
    "cache-resurrects-deleted",
    "lost-wakeup",
    "nondeterministic-handler",
)
"""The first broken systems, whose bugs are in the core: log, clients, consumers, snapshots."""

SEEDS = (1, 2, 3)
SHOWN_BY_PLANS = [name for name in BROKEN if name != "vacuous-scenario"]
"""All but the one in which nothing happens, whatever the plan."""

CASES = [(name, seed) for name in SHOWN_BY_PLANS for seed in (SEEDS if name in SIXTEEN else SEEDS[:1])]
"""Every broken system with one seed, the first ones with three."""

QUICK = Budget(seconds=None, examples=3000, distinct=1)
"""Counted in runs and not in seconds, so that a slow machine finds the same."""


@functools.cache
def counterexample(name: str, seed: int) -> Counterexample | None:
    """The first thing that a campaign finds on this broken system, shrunk."""
    broken = BROKEN[name]
    campaign = Campaign(broken.system(), application_named(broken.application), seed, QUICK)
    campaign.search()
    return campaign.counterexamples[0] if campaign.counterexamples else None


def plans(system: SystemPort, application: Application, count: int, actions: int, seed: int = 0) -> Iterator[Plan]:
    """Random plans, the same for the same arguments."""
    menu = system.menu(application)
    generator = random.Random(f"{system.name} {application.name} {actions} {seed}")
    for _ in range(count):
        yield menu.decode(generator.randbytes(menu.length(actions)))
