"""A log that removes events, beside consumers of the user's own: who goes on where it was is held, who begins anew is found."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.declarations.capability import DURABLE_REMOVAL, REMOVALS
from refold.model.parts.removal import Trim
from refold.search.campaign import Budget, Campaign
from refold.search.capabilities import not_checked
from refold.systems.user.adopt import adapt

from .. import own_consumers as own
from . import removing_logs as logs


def around(consumer: type) -> type:
    """A table of events, and one consumer."""

    class System:
        def __init__(self) -> None:
            self.log = logs.Table()
            self.consumers = {"counter": consumer()}

    return System


class CountsAnew(own.Counter):
    """Wrong: has its rows in memory, and counts again after a restart; it promises nothing, because the log is still there."""

    log: Any = None

    def crash(self) -> None:
        """What is in memory is gone."""
        self.table = {}

    def restart(self) -> None:
        """From the log, up to where it was."""
        for event in self.log.read(0, 1000):
            if event.position <= self.saved:
                self.table[event.stream] = self.table.get(event.stream, 0) + 1


class Anew:
    """The system of a consumer that reads the log by itself."""

    def __init__(self) -> None:
        self.log = logs.Table()
        self.consumers = {"counter": CountsAnew()}
        self.consumers["counter"].log = self.log


def searched(make: type, seconds: float) -> Any:
    """A campaign."""
    return Campaign(adapt("removing", make), logs.APPLICATION, 1, Budget(examples=100_000, seconds=seconds)).run()


@pytest.mark.parametrize("consumer", [own.Counter, own.Batching, own.Remembering])
def test_a_consumer_that_goes_on_where_it_was_is_held(consumer: type) -> None:
    """By its checkpoint, or by its snapshot."""
    result = searched(around(consumer), 5)
    assert [str(one.finding) for one in result.counterexamples] == []
    assert result.counts["trims"] > 3
    assert result.counts["crashes"] > 3


def test_a_consumer_that_begins_anew_is_found() -> None:
    """What was removed is not in its rows any more."""
    result = searched(Anew, 20)
    assert result.counterexamples
    assert any(isinstance(action, Trim) or "remove" in str(action) for action in result.counterexamples[0].plan) or any(
        "truncated" in str(action) or "deleted" in str(action) for action in result.counterexamples[0].plan
    )


def test_what_is_in_memory_alone_lets_nothing_go() -> None:
    """It reads everything again."""
    result = searched(around(own.InMemory), 3)
    assert result.counterexamples == ()
    assert result.counts["trims"] == 0


def test_what_is_not_asked_for_is_said() -> None:
    """Beside consumers alone nothing is missing."""
    system = adapt("removing", around(own.Counter))
    system.menu(logs.APPLICATION)
    assert not [text for text in not_checked(system, logs.APPLICATION) if "removals of events" in text]


def test_that_nobody_promises_durable_removals_is_said() -> None:
    """As of a log alone."""

    class System:
        def __init__(self) -> None:
            self.log = logs.PromisesNothing()
            self.consumers = {"counter": own.Counter()}

    assert REMOVALS[DURABLE_REMOVAL].missing in not_checked(adapt("removing", System), logs.APPLICATION)
