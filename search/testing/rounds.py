"""Rounds: Hypothesis again and again, until a budget is spent.

Hypothesis counts examples and knows no clock. So a search by the clock is made of rounds of a fixed number of examples. What a round
draws depends on the seed and on the rounds before it; the clock only says which one is the last, and where in it the search ends.
Hypothesis also remembers all that it drew, which a round bounds.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import attrs
from hypothesis import Phase, core, settings
from hypothesis import seed as seeded
from hypothesis.internal.escalation import current_pytest_item
from hypothesis.statistics import collector

from refold.search.campaign import Budget

STEPWISE = 50
"""Runs of a state machine in a round, at most; the clock is read between rounds."""

REMEMBERED = 20_000
"""Examples of which the statistics of Hypothesis tell."""


@attrs.define
class Clock:
    """How much of a budget is spent, from the moment that this is made."""

    budget: Budget
    stopped: bool = False
    """Nothing more is to be run, whatever the budget says."""
    started: float = attrs.field(factory=time.perf_counter)

    @property
    def ticks(self) -> bool:
        """Whether it is time that ends this search, and not a number of examples."""
        return self.budget.examples is None

    def over(self) -> bool:
        """Whether the search ends here."""
        seconds = self.budget.seconds
        return self.stopped or (self.ticks and seconds is not None and time.perf_counter() - self.started >= seconds)


@attrs.define
class Rounds:
    """The rounds of one test. `sizes` are the numbers of examples in them; `one(settings, prepare)` runs Hypothesis once, on a test
    function or a factory of machines that `prepare` has given its seed and its place in the database. `latest` says what was drawn last."""

    clock: Clock
    chosen: settings
    place: bytes
    """What tells this test from others in Hypothesis's database."""
    seed: Any = None
    """Of the first round, if the user fixed it."""
    latest: bytes = b""

    def run(self, sizes: Iterator[int], one: Callable[[settings, Callable[[Any], Any]], None]) -> None:
        """Round after round; raises what Hypothesis raises."""
        with statistics_together():
            if not self.clock.ticks:
                return one(self.chosen, self.prepared(self.first()))
            number, fixed, phases = 0, self.first(), tuple(self.chosen.phases)
            while not self.clock.over():
                one(settings(self.chosen, max_examples=next(sizes), phases=phases), self.prepared(fixed))
                if Phase.generate not in phases:
                    return None
                number += 1
                fixed = int.from_bytes(hashlib.sha256(self.latest + number.to_bytes(4, "big")).digest()[:8], "big")
                phases = tuple(phase for phase in phases if phase not in (Phase.reuse, Phase.explicit))
        return None

    def first(self) -> Any:
        """The seed of the first round: the user's, a fresh one, or None where Hypothesis has its own."""
        given = self.seed is not None or self.chosen.derandomize or getattr(core, "global_force_seed", None) is not None
        return self.seed if given else secrets.randbits(64)

    def prepared(self, fixed: Any) -> Callable[[Any], Any]:
        """Gives what Hypothesis runs its seed, if it has one, and its place in the database."""

        def prepare(test: Any) -> Any:
            inner = getattr(getattr(test, "hypothesis", None), "inner_test", test)
            inner._hypothesis_internal_add_digest = self.place  # what Hypothesis's own machines and its plugin set
            return test if fixed is None else seeded(fixed)(test)

        return prepare


@contextmanager
def statistics_together() -> Iterator[None]:
    """Inside, what Hypothesis notes about its runs becomes the statistics of one."""
    outer = collector.value
    together: dict[str, Any] = {}
    if outer is None:
        yield
        return
    try:
        with collector.with_value(lambda statistics: add(together, statistics)):
            yield
    finally:
        if together:
            outer(together)


def add(together: dict[str, Any], statistics: Any) -> None:
    """Add the statistics of one more run of Hypothesis."""
    for name, value in statistics.items():
        if not isinstance(value, dict) or name == "targets" or name not in together:
            together[name] = value
            continue
        phase = together[name]
        room = max(REMEMBERED - len(phase["test-cases"]), 0)
        phase["test-cases"].extend(value["test-cases"][:room])
        for number in ("duration-seconds", "distinct-failures", "shrinks-successful"):
            phase[number] += value[number]


class InOneLine:
    """Stands for a pytest item before Hypothesis. Hypothesis asks an item twice how a failure looks, and shows the answer only where runs
    are flaky; pytest parses Hypothesis's sources for it, a fifteenth of a second in all."""

    def __init__(self, item: Any) -> None:
        self.item = item

    def __getattr__(self, name: str) -> Any:
        return getattr(self.item, name)

    def repr_failure(self, excinfo: Any) -> str:
        """What was raised, without the frames."""
        return str(excinfo.exconly())


@contextmanager
def failures_in_one_line() -> Iterator[None]:
    """Inside, Hypothesis keeps of a failure what was raised, and no picture of its frames."""
    item = current_pytest_item.value
    with nullcontext() if item is None else current_pytest_item.with_value(InOneLine(item)):
        yield


def growing() -> Iterator[int]:
    """Sizes of rounds, a tenth of what was before, so that the clock is read often enough."""
    done = 0
    while True:
        size = min(max(done // 10, 5), STEPWISE)
        done += size
        yield size


def without_shrinking(chosen: settings) -> settings:
    """The same settings for a run in which Hypothesis does not shrink."""
    return settings(chosen, phases=[phase for phase in chosen.phases if phase is not Phase.shrink])
