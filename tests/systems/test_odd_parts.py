"""Parts of a user's own that do what the port does not allow are told so in one sentence; what it does allow is taken as it is meant."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
import pytest

from refold.model.action import Abort, Begin, Commit, Crash, CrashAt, Deliver, Restart, Submit
from refold.model.application import UnknownProjection
from refold.model.errors import OutcomeUnknown, UsageError
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Register, Registered, Rename
from refold.model.log import Appended, Conflict, Log
from refold.model.record import Aborted, Crashed, Unknown
from refold.search.campaign import Budget, Campaign
from refold.search.run import BrokenApplication, execute
from refold.systems.reference import Reference
from refold.systems.user.adopt import adapt
from refold.systems.user.errors import AdapterError

ADA = Register("acme", "ada")
PLAN = [Submit("alice", ADA), Deliver("mine", 0), Submit("bob", Register("acme", "bob")), Deliver("mine", 0)]


class OwnLog:
    """A log around the reference log; each case replaces one method."""

    capabilities: ClassVar[tuple[str, ...]] = ("slow-append", "crash-log", "crash-log-at-step", "dedupe")

    def __init__(self) -> None:
        self.inner = Log()

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["inner"], name)

    def durable(self) -> None:
        """Replaced by the harness."""

    def append(self, request: Any) -> Any:
        """As the reference does."""
        return self.inner.append(request)

    def read(self, after: int, limit: int) -> Any:
        """As the reference does."""
        return self.inner.read(after, limit)


class Views:
    """A consumer in memory; each case replaces one method."""

    projection = "views"

    def __init__(self) -> None:
        self.table: dict[Any, Any] = {}
        self.at = 0

    def handle(self, event: Any) -> Any:
        """In order, once."""
        if event.position > self.at:
            self.at = event.position
            for key, value in Accounts().view(event.data, self.table).items():
                self.table[key] = value

    def checkpoint(self) -> int:
        """The newest."""
        return self.at

    def rows(self) -> Any:
        """What is there."""
        return {key: value for key, value in self.table.items() if value is not None}


def log_with(**members: Any) -> Callable[[], Any]:
    """A system of a log with some members replaced, and a right consumer."""
    return system(type("Odd", (OwnLog,), members), Views)


def consumer_with(**members: Any) -> Callable[[], Any]:
    """A system of a right log, and a consumer with some members replaced."""
    return system(OwnLog, type("Odd", (Views,), members))


def system(log: type, consumer: type) -> Callable[[], Any]:
    """Both together."""

    class System:
        def __init__(self) -> None:
            self.log, self.consumers = log(), {"mine": consumer()}

    return System


def reads(**fields: Any) -> Callable[[Any, int, int], Any]:
    """A `read` whose events have other fields."""
    return lambda self, after, limit: [
        msgspec.structs.replace(event, **fields) for event in self.inner.read(after, limit)
    ]


def appends(answer: Any) -> Callable[[Any, Any], Any]:
    """An `append` that stores and answers this."""

    def append(self: Any, request: Any) -> Any:
        self.inner.append(request)
        return answer

    return append


def raising(error: BaseException) -> Callable[..., Any]:
    """A method that raises."""

    def method(*arguments: Any) -> Any:
        raise error

    return method


class Incomparable:
    """As an array is."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (log_with(read=raising(OutcomeUnknown())), "read() raised OutcomeUnknown; only append()"),
        (log_with(read=lambda self, after, limit: self.durable() or []), None),
        (log_with(read=reads(version="1")), "version is '1', expected a number"),
        (log_with(read=reads(version=0)), "version is 0, expected a number; versions count from 1"),
        (log_with(read=reads(position=0)), "position is 0, expected a number; positions count from 1"),
        (log_with(read=reads(id=None)), "id is None, expected a string"),
        (log_with(read=reads(stream=None)), "stream is None, expected a string"),
        (log_with(append=appends(Appended((None,)))), "append() returned the position None"),  # type: ignore[arg-type]
        (
            log_with(append=appends(Appended((0,)))),
            "append() returned the position 0, expected a number; positions count",
        ),
        (log_with(append=appends(Conflict(None))), "append() returned Conflict(found=None"),  # type: ignore[arg-type]
        (log_with(append=lambda self, request: sys.exit(3)), "append() raised SystemExit: 3"),
        (log_with(close=raising(OSError("busy"))), "close() raised OSError: busy"),
        (consumer_with(close=raising(OSError("busy"))), "close() raised OSError: busy"),
        (consumer_with(projection="veiws"), "no projection 'veiws' (did you mean 'views'?)"),
        (consumer_with(projection=""), "no projection ''; application 'accounts' has views"),
        (consumer_with(rows=lambda self: {1: 2}), "rows() has the key 1, expected strings"),
        (consumer_with(rows=lambda self: {"a": Incomparable()}), "with == raised ValueError: ambiguous"),
    ],
)
def test_what_the_port_does_not_allow_is_told_in_one_sentence(make: Callable[[], Any], words: str | None) -> None:
    """With the name of the method, what came and what would do."""
    if words is None:
        execute(adapt("own", make), Accounts(), PLAN)
        return
    with pytest.raises((AdapterError, BrokenApplication, UnknownProjection, UsageError)) as raised:
        execute(adapt("own", make), Accounts(), PLAN)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_death_is_possible_only_where_the_port_says_so() -> None:
    """A `durable()` in `read` is none of a write."""
    log = log_with(read=lambda self, after, limit: self.durable() or [])
    with pytest.raises(AdapterError, match=r"durable\(\) was called in read\(\); only append\(\), begin\(\)"):
        execute(adapt("own", log), Accounts(), [CrashAt("log", 1), *PLAN])


@pytest.mark.parametrize(
    ("members", "plan"),
    [
        ({"begin": raising(OutcomeUnknown())}, [Begin("alice", ADA)]),
        (
            {"commit": lambda self, op: (self.inner.commit(op), raising(OutcomeUnknown())())},
            [Begin("alice", ADA), Commit("alice")],
        ),
    ],
)
def test_the_outcome_of_a_slow_append_may_be_unknown(members: dict[str, Any], plan: list[Any]) -> None:
    """As that of any append."""
    run = execute(adapt("own", log_with(**members)), Accounts(), [*plan, Submit("bob", Register("acme", "bob"))])
    assert run.findings == []
    assert [type(record) for record in run.history if type(record) is Unknown] == [Unknown]


@pytest.mark.parametrize("cap", [1, 2])
def test_a_log_may_give_fewer_events_than_it_was_asked_for(cap: int) -> None:
    """“At most”, as servers do that have a limit of their own: the rest of a batch is in the next page, and no less in the log."""
    rename, back = Rename("acme", "ada", "bob"), Rename("acme", "bob", "ada")

    def read(self: Any, after: int, limit: int) -> Any:
        return self.inner.read(after, min(limit, cap))

    def append(self: Any, request: Any) -> Any:
        answer = self.inner.append(request)
        if request.op == "bob-1":
            raise OutcomeUnknown
        return answer

    odd = log_with(read=read, append=append)
    run = execute(adapt("own", odd), Accounts(), [Submit("alice", ADA), Submit("bob", rename), Submit("alice", back)])
    assert run.findings == []
    assert len([record for record in run.history if type(record) is Stored]) == 5


class Capped(Log):
    """Gives two events at once, whatever it is asked for."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        return super().read(after, min(limit, 2))


def test_so_may_one_that_is_a_part_of_the_reference_system() -> None:
    """Under all faults."""
    searched = Campaign(Reference("capped", {"log": Capped}), Accounts(), 3, Budget(None, 400))
    assert searched.run().counterexamples == ()


def test_a_log_that_gives_an_event_back_in_another_form_after_a_restart_is_convicted_itself() -> None:
    """Not the consumers, which have folded what they were given; and not if it is the same once more, made anew."""

    def restart(name: str) -> Callable[[Any], None]:
        def method(self: Any) -> None:
            self.inner.restart()
            entries = self.inner.entries
            entries[:] = [msgspec.structs.replace(one, data=Registered("acme", name)) for one in entries]

        return method

    plan = [Submit("alice", ADA), Deliver("mine", 0), Crash("log"), Restart("log")]
    bad, good = (execute(adapt("own", log_with(restart=restart(name))), Accounts(), plan) for name in ("bob", "ada"))
    assert [(one.anomaly, one.guarantee) for one in bad.findings[:1]] == [("event-altered", "LOG")]
    assert good.findings == []


@pytest.mark.parametrize(
    ("method", "plan"),
    [
        ("begin", [CrashAt("log", 1), Begin("alice", ADA)]),
        ("commit", [Begin("alice", ADA), CrashAt("log", 1), Commit("alice")]),
        ("abort", [Begin("alice", ADA), CrashAt("log", 1), Abort("alice")]),
    ],
)
def test_a_log_may_die_at_the_durable_steps_of_a_slow_append(method: str, plan: list[Any]) -> None:
    """It writes an intent first. Nobody hears an answer."""

    def intent(self: Any, argument: Any) -> Any:
        self.durable()
        return getattr(self.inner, method)(argument)

    run = execute(adapt("own", log_with(**{method: intent})), Accounts(), [*plan, Restart("log"), Submit("bob", ADA)])
    assert run.findings == []
    assert {Crashed, Unknown} <= {type(record) for record in run.history}
    assert Aborted not in {type(record) for record in run.history}


def test_an_answer_with_positions_of_nobody_is_a_wrong_answer() -> None:
    """The event is in the log, elsewhere; nothing became visible late."""

    def read(self: Any, after: int, limit: int) -> list[Any]:
        page = self.inner.read(after // 2, limit)
        return [msgspec.structs.replace(event, position=2 * event.position) for event in page]

    def append(self: Any, request: Any) -> Any:
        return Appended(tuple(2 * position - 1 for position in self.inner.append(request).positions))

    run = execute(adapt("own", log_with(read=read, append=append)), Accounts(), [Submit("alice", ADA)])
    (finding,) = run.findings
    assert (finding.anomaly, finding.expected, finding.actual) == ("acknowledged-elsewhere", (2,), (1,))


def test_rows_that_are_changed_in_place_are_what_they_were_when_they_were_seen() -> None:
    """A consumer may keep lists and give them out as they are."""

    class Names(Accounts):
        def names(self, event: Any, rows: Any) -> dict[str, Any]:
            names = list(rows.get(event.data.org) or ())
            if isinstance(event.data, Registered):
                return {event.data.org: sorted([*names, event.data.name])}
            names.remove(event.data.name)
            return {event.data.org: names or None}

    def handle(self: Any, event: Any) -> None:
        if event.position > self.at:
            self.at = event.position
            names = self.table.setdefault(event.data.org, [])
            if isinstance(event.data, Registered):
                names.append(event.data.name)
                names.sort()
            else:
                names.remove(event.data.name)
                if not names:
                    del self.table[event.data.org]

    make = consumer_with(projection="names", handle=handle, rows=lambda self: dict(self.table))
    assert execute(adapt("own", make), Names(), PLAN).findings == []
