"""What a consumer would handle again after a restart at rest: counted for all, forbidden for those that promise to handle nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from refold.properties.diagnosis.scores import diagnose
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.user import Worker
from refold.systems.user.adopt import adapt

from . import wallets
from .test_field import PROGRESS, Money, tables


class SavesFirst(wallets.Balances):
    """The position first, in a transaction of its own: an event may be lost, and never counts twice."""

    def run_once(self) -> bool:
        """Position, then rows."""
        event = self.following()
        if event is None:
            return False
        with self.connection:
            self.save(event)
        with self.connection:
            self.apply(event)
        return True


class SavesEveryThird(wallets.Balances):
    """The position is saved with every third event."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.last = super().position()

    def position(self) -> Any:
        """In memory."""
        return self.last

    def save(self, event: Any) -> None:
        """Rarely."""
        self.last = event[0]
        if self.last % 3 == 0:
            super().save(event)


def system(make: Any, promises: tuple[str, ...] = (), saves_every: int = 1) -> Callable[[], object]:
    """The service, and one worker with these promises."""
    worker = Worker(
        make, poll="run_once", rows="balances", checkpoint=PROGRESS, promises=promises, saves_every=saves_every
    )
    return tables(consumers={"balances": worker})


def verified(make: Callable[[], object], seed: int, examples: int = 12) -> Result:
    """A short campaign; it ends at the first finding."""
    return Campaign(adapt("again", make), Money(), seed, Budget(None, examples, distinct=1)).run()


@pytest.mark.parametrize("seed", [1, 2])
def test_who_promises_at_most_once_and_handles_again_is_found(seed: int) -> None:
    """With a fitting first guess, and a plan in which nothing goes wrong."""
    (found,) = verified(system(SavesEveryThird, ("at-most-once",), 3), seed).counterexamples
    assert (found.finding.anomaly, found.finding.guarantee) == ("handled-again-at-rest", "CKPT")
    assert diagnose(found.findings, found.history)[0].row.name == "position-saved-too-late"


def test_who_saves_first_keeps_that_promise_and_may_lose_an_event() -> None:
    """Without the promise the same code is found to lose one."""
    result = verified(system(SavesFirst, ("at-most-once",)), 1)
    assert [str(one.finding) for one in result.counterexamples] == []
    assert result.counts["restarts_at_rest"]
    assert not result.counts["handled_again"]
    (found,) = verified(system(SavesFirst), 1, 30).counterexamples
    assert found.finding.anomaly in ("event-never-applied", "checkpoint-ahead-of-effects")


def test_without_the_promise_it_is_counted() -> None:
    """A worker whose rows and position are one transaction has nothing to handle again; an idempotent one may have."""
    result = verified(system(wallets.Balances), 1, 6)
    assert not result.counterexamples
    assert result.counts["restarts_at_rest"] == 6
    assert not result.counts["handled_again"]
