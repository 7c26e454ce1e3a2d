"""Public bug reports, rebuilt: each is found under its guarantee and by a fitting name, with three seeds; each repair is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from refold.model.action import Crash, Deliver, Restart, Submit
from refold.model.event import Stored
from refold.model.examples.inventory import Restock
from refold.model.parts.calls import StopOrderly
from refold.properties.diagnosis.scores import diagnose
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user.adopt import adapt

from . import reported as bugs
from .bags import MyLog

BAD: dict[str, tuple[Callable[[], Any], str, str]] = {
    "row-numbers": (bugs.RowNumbers, "LOG", "position-changes"),
    "own-write-conflict": (bugs.OwnWriteConflict, "LOG", "refused-append-visible"),
    "stop-before-load": (bugs.around(bugs.StopBeforeLoad), "CKPT", "effect-applied-twice"),
    "ignored-not-acknowledged": (bugs.around(bugs.IgnoredNotAcknowledged), "CKPT", "checkpoint-left-behind"),
    "closed-while-restoring": (bugs.around(bugs.ClosedWhileRestoring), "CKPT", "checkpoint-ahead-of-effects"),
    "hand-over-gap": (bugs.system(MyLog, bugs.HandOverGap), "CKPT", "event-never-applied"),
    "applied-twice-inline": (bugs.system(bugs.AppliedTwiceInline, bugs.Documents), "CKPT", "effect-applied-twice"),
}
"""Report -> system, guarantee, anomaly."""

ALSO: dict[str, tuple[str, ...]] = {
    "closed-while-restoring": ("event-never-applied",),
    "hand-over-gap": ("checkpoint-ahead-of-effects",),
    "own-write-conflict": ("duplicate-append",),
}
"""Report -> other names that fit. An end that is never reached is told after what was lost."""

GUESSES = {
    "row-numbers": "position-is-a-row-number",
    "own-write-conflict": "own-write-refused",
    "stop-before-load": "stop-saves-unloaded-position",
    "ignored-not-acknowledged": "ignored-event-not-acknowledged",
    "closed-while-restoring": "restored-position-overstated",
    "hand-over-gap": "catch-up-to-live-gap",
    "applied-twice-inline": "inline-applied-twice",
}
"""Report -> what the finding of that name is taken for."""

GOOD: dict[str, Callable[[], Any]] = {
    "own-write-conflict": bugs.LooksFirst,
    "stop-before-load": bugs.around(bugs.StopAfterLoad),
    "ignored-not-acknowledged": bugs.around(bugs.IgnoredAcknowledged),
    "closed-while-restoring": bugs.around(bugs.ClosedAsRestored),
    "hand-over-gap": bugs.system(MyLog, bugs.NoGap),
    "applied-twice-inline": bugs.system(bugs.AppliedOnceInline, bugs.Documents),
    "row-numbers": MyLog,
    "collects-three": bugs.around(bugs.CollectsThree),
    "answers-while-restoring": bugs.around(bugs.AnswersWhileRestoring),
    "woken-reads-pages": bugs.system(MyLog, bugs.WokenReadsPages),
}
"""Report -> its repair; and correct ones that do as some of them."""


def verified(make: Callable[[], Any], seed: int, examples: int) -> Result:
    """A short campaign."""
    return Campaign(adapt("reported", make), bugs.Stock(), seed, Budget(seconds=None, examples=examples)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", BAD)
def test_a_reported_mistake_is_found(name: str, seed: int) -> None:
    """Its own name comes first."""
    make, guarantee, anomaly = BAD[name]
    examples = verified(make, seed, 60).counterexamples
    found = [example.finding for example in examples]
    assert found, name
    assert anomaly in {one.anomaly for one in found}, found
    assert found[0].anomaly in {anomaly, *ALSO.get(name, ())}, [one.anomaly for one in found]
    example = next(one for one in examples if one.finding.anomaly == anomaly)
    assert example.finding.guarantee == guarantee
    assert diagnose(example.findings, example.history)[0].row.name == GUESSES[name]


@pytest.mark.parametrize("name", GOOD)
def test_its_repair_is_held(name: str) -> None:
    """And something had happened."""
    result = verified(GOOD[name], 1, 60)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["appended"] > 100


class NeverGoesOn(bugs.AnswersWhileRestoring):
    """Goes on with its recovery for new events only."""

    def handle(self, event: Stored) -> None:
        """What it knows already, it does not look at."""
        if event.position > self.saved:
            super().handle(event)


def test_a_store_that_fills_with_the_next_event_is_full_at_rest() -> None:
    """Nothing new comes, so it is handed an event that it knows: that is all it needs to go on with its recovery."""
    restock = Restock("bolt", 1)
    plan = (*(Submit("alice", restock),) * 2, *(Deliver("counts", 0),) * 2, Crash("counts"))
    assert not execute(adapt("restoring", GOOD["answers-while-restoring"]), bugs.Stock(), plan).findings
    closed = adapt("closed", bugs.around(bugs.ClosedWhileRestoring))
    found = execute(closed, bugs.Stock(), (*plan, Restart("counts"), StopOrderly("counts"))).findings
    assert [one.guarantee for one in found][:1] == ["CKPT"]
    lazy = execute(adapt("lazy", bugs.around(NeverGoesOn)), bugs.Stock(), plan).findings
    assert [one.guarantee for one in lazy][:1] == ["CKPT"]
