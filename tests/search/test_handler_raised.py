"""An application that chokes on what a system gives it: the action that did it belongs to the plan, which is shrunk and replays."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.action import Deliver, Submit
from refold.model.examples.inventory import Inventory, Restock
from refold.model.log import Log
from refold.search.campaign import Budget, Campaign
from refold.search.run import BrokenApplication, execute
from refold.systems.user.adopt import adapt


class Half:
    """A consumer of a projection that is not finished."""

    projection = "half"

    def handle(self, event: Any) -> None:
        """Nothing yet."""

    def checkpoint(self) -> int:
        """Nowhere yet."""
        return 0

    def rows(self) -> dict[str, Any]:
        """None yet."""
        return {}


class Unfinished(Inventory):
    """An application whose own projection raises."""

    name = "unfinished"

    def half(self, event: Any, rows: Any) -> dict[str, Any]:
        """Cannot be asked."""
        raise NotImplementedError("later")


class UnfinishedInside(Inventory):
    """An application that makes its own projection when it is asked for it."""

    name = "unfinished"

    def projection(self, name: str) -> Any:
        """Cannot be asked either."""

        def half(event: Any, rows: Any) -> dict[str, Any]:
            raise NotImplementedError("later")

        return half if name == "half" else super().projection(name)


class OffByOne:
    """A log that gives the last event again to whoever asks for those behind it."""

    def __init__(self) -> None:
        self.inner = Log()

    def append(self, request: Any) -> Any:
        """Right."""
        return self.inner.append(request)

    def read(self, after: int, limit: int) -> Any:
        """Right."""
        return self.inner.read(after, limit)

    def read_stream(self, stream: str, after: int) -> Any:
        """From the last one on, if there were any."""
        return self.inner.read_stream(stream, max(after - 1, 0))


class Strict(Inventory):
    """Nothing may be taken out that is not there."""

    name = "strict"

    def evolve(self, state: Any, event: Any) -> Any:
        """Refuses to count below zero."""
        after = super().evolve(state, event)
        assert after >= 0
        return after


def test_the_plan_ends_with_the_action_at_which_the_application_raised() -> None:
    """And so can be shrunk, and breaks again."""
    system = adapt("own", OffByOne)
    application = Strict()
    found = Campaign(system, application, 1, Budget(seconds=None, examples=200)).run().counterexamples
    example = next(one for one in found if one.finding.anomaly == "handler-raised")
    assert len(example.plan) <= 8
    assert execute(system, application, example.plan).findings[0].signature == example.finding.signature


@pytest.mark.parametrize(
    ("application", "named"), [(Unfinished, "half"), (UnfinishedInside, "projection")], ids=["method", "inner function"]
)
def test_a_projection_that_raises_on_the_true_log_is_the_applications_own_fault(
    application: type[Inventory], named: str
) -> None:
    """And no finding about the system."""

    class System:
        def __init__(self) -> None:
            self.log, self.consumers = Log(), {"mine": Half()}

    with pytest.raises(BrokenApplication, match=rf"{named}\(\) raised NotImplementedError: later"):
        execute(adapt("own", System), application(), [Submit("alice", Restock("bolt", 1)), Deliver("mine", 0)])
