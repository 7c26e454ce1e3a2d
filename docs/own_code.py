"""Exhibits of anomalies that are about a user's own code: versions of an application that read old events wrongly, one that raises, and one
of a library that allows what `decide()` refuses; and of a history without positions."""

from __future__ import annotations

import itertools
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from refold import check
from refold.model.action import Deliver, Submit
from refold.model.examples.inventory import Inventory, Reserve, Reserved, Restock, Restocked
from refold.model.log import Log
from refold.properties.property import Finding
from refold.reports.documents.check_page import bars_of
from refold.reports.pages.operations import Order
from refold.reports.pictures.clients import clients_svg
from refold.reports.words.black_box import spoken, verdict_sentences
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.search.stored.files import MemorySource
from refold.search.stored.old_data import verify_history
from refold.systems.registry import resolve
from refold.systems.user.adopt import adapt


class Moved(Inventory):
    """looks for its events in other streams"""

    def key(self, message: Any) -> str:
        return f"item-{message.item}"


class Renamed(Inventory):
    """calls an event by a new name that it does not know"""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        return ("Taken" if type_name == "Reserved" else type_name), data


class Counting(Inventory):
    """has an upcaster that counts its calls"""

    number = itertools.count()

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        return type_name, {**data, "count": next(self.number)} if "count" in data else data


class Dozens(Inventory):
    """counts in dozens, and reads old counts as such"""

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        return type_name, {**data, "count": 12 * data["count"]} if "count" in data else data


class Thrifty(Inventory):
    """has the new rule that one piece is too few"""

    def broken_invariant(self, key: str, state: int) -> str | None:
        return "there is one piece only" if state == 1 else None


class Generous(Inventory):
    """restocks by one piece more than before"""

    def decide(self, command: Any, state: int) -> Sequence[Restocked | Reserved]:
        return (
            [Restocked(command.item, command.count + 1)]
            if isinstance(command, Restock)
            else super().decide(command, state)
        )


OLD: dict[str, type[Inventory]] = {
    "old-decision-differs": Generous,
    "old-event-moved": Moved,
    "old-event-read-two-ways": Counting,
    "old-event-unreadable": Renamed,
    "old-state-breaks-invariant": Thrifty,
    "old-state-differs": Dozens,
}
"""Anomaly -> the version of today that reads old events so."""


class Strict(Inventory):
    """raises if there is less than nothing"""

    name = "strict"

    def evolve(self, state: Any, event: Any) -> Any:
        after = super().evolve(state, event)
        assert after >= 0
        return after


class OffByOne:
    """A log that gives the last event of a stream once more to whoever asks for those after it."""

    def __init__(self) -> None:
        self.inner = Log()

    def append(self, request: Any) -> Any:
        return self.inner.append(request)

    def read(self, after: int, limit: int) -> Any:
        return self.inner.read(after, limit)

    def read_stream(self, stream: str, after: int) -> Any:
        return self.inner.read_stream(stream, max(after - 1, 0))


RESTOCKED = (
    Submit("alice", Restock("bolt", 2)),
    Deliver("store", 0),
    Deliver("store", 0),
    Submit("alice", Reserve("bolt", 1)),
)
"""Two pieces come, and one is taken."""


NOT_LINEARIZABLE = "not-linearizable"
EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"


@attrs.frozen
class Shown:
    """A history, what was found in it, and where it comes from, in a sentence without its full stop."""

    origin: str
    history: Sequence[Any]
    finding: Finding


def shown() -> Iterator[Shown]:
    """All of them but the history without positions."""
    for anomaly, version in OLD.items():
        yield misread(version, anomaly)
    yield raised()
    yield allowed()


def misread(version: type[Inventory], anomaly: str) -> Shown:
    """What a version of today makes of the events that an inventory stored."""
    old = tuple(execute(resolve("reference"), Inventory(), RESTOCKED, whole=True).history)
    result = verify_history(version(), MemorySource.of(old), decisions=anomaly == "old-decision-differs")
    finding = next(each.finding for each in result.counterexamples if each.finding.anomaly == anomaly)
    return Shown(
        f"The application `inventory` has stored this. Its next version, which {version.__doc__}, breaks this rule",
        old,
        finding,
    )


def raised() -> Shown:
    """An application that is given an event twice, and raises."""
    plan = tuple(
        Submit(*act)
        for act in (("alice", Restock("bolt", 1)), ("carol", Reserve("bolt", 1)), ("carol", Restock("bolt", 1)))
    )
    run = execute(adapt("own", OffByOne), Strict(), plan)
    finding = next(each for each in run.findings if each.anomaly == "handler-raised")
    return Shown(
        "A log gives the last event of a stream twice, and the application, which checks its own state, raises. That breaks this rule",
        run.history,
        finding,
    )


def allowed() -> Shown:
    """An application of a library that sells one piece too many."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        import stock
    finally:
        sys.path.remove(str(EXAMPLES))
    system = stock.OVERSELLING
    (example,) = Campaign(system, system.application, 1, Budget(None, 200, distinct=1)).run().counterexamples
    finding = next(each for each in example.findings if each.anomaly == "rule-allows-too-much")
    return Shown(
        "An application of the library eventsourcing ([stock.py](../../examples/stock.py)) oversells, which breaks this rule",
        example.history,
        finding,
    )


def stale_read() -> tuple[list[str], str, str]:
    """A history without positions: its operations, what refold says, and the timeline of its clients."""
    judged = check(str(EXAMPLES / "stale-read.jsonl"), initial=0)
    verdict = judged.black_box
    assert verdict is not None
    assert verdict.blame is not None
    order = Order(verdict, judged.operations)
    title, *_ = verdict_sentences(verdict)
    steps = [spoken(verdict, one) for one in judged.operations]
    picture, _ = clients_svg(bars_of(verdict, judged.operations, order), "", f"{NOT_LINEARIZABLE}, client by client")
    return steps, title.partition(": ")[2], picture
