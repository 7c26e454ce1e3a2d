"""Public bug reports, rebuilt: each is found under its guarantee and by a fitting name, with three seeds; each repair is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
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
    "hand-over-gap": ("never-reaches-tail", "checkpoint-ahead-of-effects"),
    "own-write-conflict": ("duplicate-append",),
}
"""Report -> other names that fit: the last event lost is an end that is never reached."""

GOOD: dict[str, Callable[[], Any]] = {
    "own-write-conflict": bugs.LooksFirst,
    "stop-before-load": bugs.around(bugs.StopAfterLoad),
    "ignored-not-acknowledged": bugs.around(bugs.IgnoredAcknowledged),
    "closed-while-restoring": bugs.around(bugs.ClosedAsRestored),
    "hand-over-gap": bugs.system(MyLog, bugs.NoGap),
    "applied-twice-inline": bugs.system(bugs.AppliedOnceInline, bugs.Documents),
    "row-numbers": MyLog,
}
"""Report -> its repair."""


def verified(make: Callable[[], Any], seed: int, examples: int) -> Result:
    """A short campaign."""
    return Campaign(adapt("reported", make), bugs.Stock(), seed, Budget(seconds=None, examples=examples)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", BAD)
def test_a_reported_mistake_is_found(name: str, seed: int) -> None:
    """Its own name comes first."""
    make, guarantee, anomaly = BAD[name]
    found = [example.finding for example in verified(make, seed, 60).counterexamples]
    assert found, name
    assert anomaly in {one.anomaly for one in found}, found
    assert found[0].anomaly in {anomaly, *ALSO.get(name, ())}, [one.anomaly for one in found]
    assert next(one for one in found if one.anomaly == anomaly).guarantee == guarantee


@pytest.mark.parametrize("name", GOOD)
def test_its_repair_is_held(name: str) -> None:
    """And something had happened."""
    result = verified(GOOD[name], 1, 60)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["appended"] > 100
