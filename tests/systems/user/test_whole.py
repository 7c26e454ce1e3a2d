"""Whole applications without a decider: a full replay is the oracle of everything that they show."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.examples.inventory import Inventory
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.objects.given import application_given
from refold.search.run import BrokenApplication
from refold.search.verification import verify
from refold.systems.user import Lock
from refold.systems.user.adopt import adapt
from refold.systems.user.errors import AdapterError

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"
_spec = importlib.util.spec_from_file_location("whole_orders", EXAMPLES / "orders.py")
assert _spec is not None
assert _spec.loader is not None
orders: Any = importlib.util.module_from_spec(_spec)
sys.modules["whole_orders"] = orders
_spec.loader.exec_module(orders)
Shop, Orders = orders.Shop, orders.Orders


def searched(make: Callable[[], object], application: Application | None = None, examples: int = 150) -> Result:
    """A short search; it ends at the first finding."""
    subject = application or Orders()
    return Campaign(adapt("shop", make), subject, 3, Budget(None, examples, distinct=1)).run()


class SkippingSnapshot(Shop):  # type: ignore[misc]
    """Notes for its snapshot a position that is one too high."""

    def execute(self, command: Any) -> None:
        before = dict(self.snapshots)
        super().execute(command)
        for customer, (place, owes) in self.snapshots.items():
            if before.get(customer) != (place, owes):
                self.snapshots[customer] = (place + 1, owes)


class Twice(Shop):  # type: ignore[misc]
    """Saves how far its table is before the table, and dies in between."""

    crashed = False

    def work(self) -> bool:
        done = self.done
        worked = bool(super().work())
        if worked and self.crashed:
            self.crashed, self.done = False, done
        return worked

    def crash(self) -> None:
        self.crashed = True

    def restart(self) -> None:
        """The table is as it was."""


class Sound(Twice):
    """The innocent twin: the table and its position go together."""

    def work(self) -> bool:
        self.crashed = False
        return super().work()


class Lost(Shop):  # type: ignore[misc]
    """Loses the end of its log when it dies."""

    def crash(self) -> None:
        del self.log[-1:]
        self.snapshots.clear()
        self.cache.clear()
        self.totals.clear()
        self.done = 0

    def restart(self) -> None:
        """With what is left."""


@pytest.mark.parametrize(
    ("make", "where"),
    [(SkippingSnapshot, "repository"), (Twice, "totals"), (orders.ForgetfulShop, "cache")],
)
def test_what_a_view_shows_is_compared_with_the_replay(make: type, where: str) -> None:
    """Snapshot, projection, cache; with a short plan."""
    (example,) = searched(make).counterexamples
    assert example.finding.signature == ("view-differs-from-replay", "REPL")
    assert where in {finding.where for finding in example.findings}
    assert len(example.plan) <= 8


@pytest.mark.parametrize("make", [Shop, Sound])
def test_innocent_twins_are_held(make: type) -> None:
    """Through crashes, half-done work and full caches; the counts say that there was something to compare."""
    result = searched(make, examples=120)
    assert result.verdict == "held"
    assert result.steps > 10_000
    assert result.counts["views_compared"] > 1_000


def test_what_cannot_be_judged_without_a_decider_is_named() -> None:
    """No guarantee is called held that nobody looked at."""
    result = searched(Shop, examples=20)
    assert any("the application has no decide()" in text for text in result.not_checked)
    assert {guarantee for _, guarantee in result.checked} == {"REPL", "LOG"}


def test_an_event_that_vanishes_is_found() -> None:
    """The log is read again at the end."""
    result = searched(Lost)
    assert result.counterexamples
    signatures = {finding.signature for finding in result.counterexamples[0].findings}
    assert signatures & {
        ("event-vanished", "LOG"),
        ("visible-below-read-position", "LOG"),
        ("view-differs-from-replay", "REPL"),
    }


class Counting(Orders):  # type: ignore[misc]
    """A replay that looks at a global."""

    calls = 0

    def replay(self, events: Sequence[Stored]) -> Mapping[str, Any]:
        Counting.calls += 1
        return {"calls": Counting.calls} if events else {}


def test_a_replay_that_looks_at_a_global_is_found() -> None:
    """Two replays of the same events."""
    (example,) = searched(Shop, Counting()).counterexamples
    assert example.finding.signature == ("replay-differs", "REPL")


HASHED = """
from orders import Orders, Shop

class Hashed(Orders):
    def replay(self, events):
        first = next(iter({f"{e.data.customer}-{e.position}" for e in events}), None)
        return {} if first is None else {"first": first}

class Blind(Shop):
    def views(self):
        return {}
"""


def test_a_replay_that_depends_on_hash_order_is_found_in_other_processes(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing is shown that it could be compared with; the sorted one is the same everywhere."""
    (tmp_path / "orders.py").write_text((EXAMPLES / "orders.py").read_text())
    (tmp_path / "hashed.py").write_text(HASHED)
    monkeypatch.chdir(tmp_path)
    result = verify("hashed.py:Hashed", "hashed.py:Blind", seconds=None, examples=12, seed=1)
    assert [example.finding.anomaly for example in result.counterexamples] == ["replay-differs-elsewhere"]
    assert verify("orders.py:Orders", "orders.py:Shop", seconds=None, examples=12, seed=1).verdict == "held"


class Restless(Shop):  # type: ignore[misc]
    """Has always something to do."""

    def work(self) -> bool:
        return True


class Mute(Shop):  # type: ignore[misc]
    """Shows nonsense."""

    def views(self) -> Any:
        return ["nothing"]


@pytest.mark.parametrize(
    ("make", "said"), [(Restless, "it returns False where there is nothing"), (Mute, "expected a dict: name of a view")]
)
def test_a_system_that_breaks_the_contract_is_told_so(make: type, said: str) -> None:
    """In a sentence."""
    with pytest.raises(AdapterError, match=said):
        searched(make, examples=5)


def test_applications_and_systems_must_fit() -> None:
    """Commands of another application mean nothing to it; a replay gives a dict."""
    with pytest.raises(UsageError, match=r"every call of the service raised, the first one AttributeError"):
        searched(Shop, Inventory())

    class Odd(Orders):  # type: ignore[misc]
        def replay(self, events: Sequence[Stored]) -> Any:
            return 3

    with pytest.raises(BrokenApplication, match=r"replay\(\(\)\) returned 3, expected a dict"):
        application_given(Odd)
    with pytest.raises(UsageError, match=r"system .reference. brings clients that decide"):
        verify(Orders, "reference", seconds=None, examples=2)


class Cashier:
    """A page, a repository, and a holder of a lock that everybody gets."""

    def query(self, key: str) -> object:
        """Nobody can say what is right."""
        return "nonsense"

    load = query

    def acquire(self) -> bool:
        """Always."""
        return True

    def release(self) -> None:
        """Nothing."""

    def write(self) -> None:
        """Whatever it is for."""


class Asked(Shop):  # type: ignore[misc]
    """Has more that answers."""

    readers: Mapping[str, object] = {"page": Cashier()}
    repository = Cashier()


class Serving(Asked):
    """Has roles, as `service` says."""

    def service(self, client: str) -> object:
        """Itself."""
        return self


class Locking(Shop):  # type: ignore[misc]
    """Has a lock."""

    lock = Lock(lambda client: Cashier())


def test_what_a_replay_alone_cannot_judge_is_named_or_refused() -> None:
    """Never left out without a word."""
    result = Campaign(adapt("shop", Asked), Orders(), 1, Budget(None, 5)).run()
    assert [text.partition(":")[0] for text in result.not_checked[-2:]] == ["repository", "readers"]
    with pytest.raises(UsageError, match=r"has repository and readers, .* give it evolve\(state, event\)"):
        Campaign(adapt("shop", Serving), Orders(), 1, Budget(None, 5)).run()


def test_a_lock_beside_a_whole_application_is_used() -> None:
    """It needs no decider."""
    found = Campaign(adapt("shop", Locking), Orders(), 1, Budget(None, 40, distinct=1)).run().counterexamples
    assert [one.finding.anomaly for one in found] == ["two-lock-holders"]
