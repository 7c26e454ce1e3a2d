"""Clocks that differ: what rests on times that two of them have told is found, what rests on tokens, positions or one clock is held."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from refold.model.examples.inventory import Inventory
from refold.model.parts.clocks import SetClock
from refold.properties.result import Result
from refold.reports.words.sentences import action_sentence
from refold.search.campaign import Budget, Campaign
from refold.systems.gate import watch
from refold.systems.user import Lock
from refold.systems.user.adopt import adapt

LEASE = 10.0


class Leases:
    """A lock with leases on a server, without tokens."""

    def __init__(self) -> None:
        self.owner, self.until = "", 0.0

    def take(self, me: str, now: float) -> bool:
        """If nobody has it at that time."""
        if self.owner and now < self.until:
            return False
        self.owner, self.until = me, now + LEASE
        return True

    def free(self, me: str) -> None:
        """Its own."""
        if self.owner == me:
            self.owner = ""


class ByMyClock:
    """Tells the server what time it is."""

    def __init__(self, leases: Leases, me: str) -> None:
        self.leases, self.me = watch(leases, name="leases"), me

    def acquire(self) -> bool:
        """For a lease from now on."""
        return bool(self.leases.take(self.me, self.now()))

    def now(self) -> float:
        """Its own time of day."""
        return time.time()

    def release(self) -> None:
        """Its own."""
        self.leases.free(self.me)


class ByOneClock(ByMyClock):
    """The server looks at its own clock, which never jumps."""

    def now(self) -> float:
        """Seconds since some beginning."""
        return time.monotonic()


def lock(holder: type[ByMyClock]) -> Callable[[], object]:
    """A system with that lock, and nothing else."""

    class System:
        def __init__(self) -> None:
            leases = Leases()
            self.lock = Lock(lambda client: holder(leases, client), LEASE)

    return System


def verified(make: Callable[[], object], seed: int, examples: int) -> Result:
    """A short campaign; it ends at the first finding."""
    return Campaign(adapt("clocks", make), Inventory(), seed, Budget(None, examples, distinct=1)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_lock_by_the_clocks_of_its_clients_is_found(seed: int) -> None:
    """Two have it at once, without a pause; the plan says whose clock it was."""
    (found,) = verified(lock(ByMyClock), seed, 120).counterexamples
    assert (found.finding.anomaly, found.finding.guarantee) == ("two-lock-holders", "LOCK")
    assert any(isinstance(action, SetClock) for action in found.plan)
    assert "clock jumps 30 s" in " ".join(map(str, found.plan))


def test_a_lock_by_one_clock_is_held() -> None:
    """It asks for no time of day: there is nothing to set, and that is said."""
    result = verified(lock(ByOneClock), 1, 120)
    assert not result.counterexamples
    assert result.counts["leases"] > 50
    assert not result.counts["clocks_set"]
    assert any(text.startswith("clocks that differ (") for text in result.not_checked)


def test_a_plan_says_whose_clock_it_is() -> None:
    """In reports, too."""
    assert action_sentence(SetClock("bob", 30.0)) == "bob's clock jumps 30 s ahead"
    assert action_sentence(SetClock("bob", -0.5)) == "bob's clock jumps 0.5 s behind"
    assert action_sentence(SetClock("bob", 0.0)) == "bob's clock is set right"
