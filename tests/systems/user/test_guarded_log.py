"""What a user's log answers is checked where it comes in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from refold import verify
from refold.model.declarations.capability import CORE, DISK_FAILURE, Ability, Capability
from refold.model.errors import OutcomeUnknown, UsageError
from refold.model.event import NewEvent, Stored
from refold.model.examples.inventory import Inventory, Restocked
from refold.model.expectation import ANY, NO_STREAM
from refold.model.log import Appended, AppendRequest, Conflict, DiskFailure, Log, NothingAppended
from refold.systems.observer import Observer
from refold.systems.user.errors import AdapterError
from refold.systems.user.log import GuardedLog, log_capabilities, passing_on


class NewestFirst:
    """Ignores `after` and gives the newest event first; it cannot read one stream."""

    def __init__(self) -> None:
        self.log = Log()

    def append(self, request: AppendRequest) -> Appended | Conflict:
        return self.log.append(request)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        return self.log.entries[::-1]


class InOrder(NewestFirst):
    """Gives what is after `after`, newest first: strange, but whoever reads on comes to an end."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        return [event for event in self.log.entries[::-1] if event.position > after]


def request(n: int) -> AppendRequest:
    """One more delivery of bolts."""
    return AppendRequest(f"bob-{n}", "bolt", ANY, (NewEvent(f"bob-{n}/0", "Restocked", Restocked("bolt", 1)),))


def guarded(log: NewestFirst) -> GuardedLog:
    """The log with three events."""
    found = GuardedLog("mine", log, Inventory())
    for n in range(3):
        log.append(request(n))
    return found


READERS: dict[str, Callable[[GuardedLog], object]] = {
    "stream": lambda log: log.read_stream("bolt", 0),
    "answer": lambda log: log.answer("append", Appended((1, 2)), request(0)),
    "tail": lambda log: Observer(log, lambda record: None).tail(),
    "scan": lambda log: Observer(log, lambda record: None).scan(),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_log_that_ignores_where_to_go_on_is_told_so(reader: str) -> None:
    """It was read for ever, until memory was full."""
    log = guarded(NewestFirst())
    with pytest.raises(
        AdapterError, match=r"mine: read\(after=1\) returned a page that ends with position 1, which was"
    ):
        READERS[reader](log)


def test_a_log_that_is_read_to_its_end_is_not() -> None:
    """Whatever the order inside of a page."""
    log = guarded(InOrder())
    assert {event.version for event in log.read_stream("bolt", 1)} == {2, 3}


class Failing(InOrder):
    """Can be told that its disk fails."""

    how = ""

    def fail_disk(self, how: str) -> None:
        self.how = how

    def append(self, request: AppendRequest) -> Appended | Conflict:
        if self.how:
            self.how = ""
            raise OutcomeUnknown("no room")
        return super().append(request)


def test_a_log_with_a_disk_that_fails_shows_it_by_its_method() -> None:
    """The append that has no answer after that is one under which the disk failed."""
    assert log_capabilities("mine", Failing()) == {DISK_FAILURE}
    log = guarded(Failing())
    log.fail_disk("full")
    with pytest.raises(DiskFailure, match="full"):
        log.append(request(7))
    assert isinstance(log.append(request(8)), Appended)


class Standby(Failing):
    """Can be told that it is a standby, by a fault that nobody knows here, and says no to the append that meets it."""

    def fail_over(self, how: str) -> None:
        self.how = how

    def append(self, request: AppendRequest) -> Appended | Conflict:
        if self.how:
            raise NothingAppended
        return super().append(request)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        if self.how:
            raise NothingAppended
        return super().read(after, limit)


def test_what_a_new_fault_asks_of_a_log_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever adds a fault to the core declares its methods, and nothing here."""
    name = Capability("fail-over")
    monkeypatch.setitem(CORE, name, Ability(name, "", "", methods=("fail_over",)))

    @passing_on
    class Guarded(GuardedLog):
        """As if it were defined now."""

    assert name in log_capabilities("mine", Standby())
    log = Guarded("mine", Standby(), Inventory())
    log.fail_over("at once")  # type: ignore[attr-defined]
    with pytest.raises(NothingAppended):
        log.append(request(7))
    with pytest.raises(AdapterError, match=r"mine: read\(\) raised NothingAppended; only append"):
        log.read(0, 1)


def test_events_of_a_module_with_two_names_are_told() -> None:
    """They look like those of the application, and are never equal to them."""
    twin = type("Restocked", (), {"__init__": lambda self: None})
    log = guarded(InOrder())
    event = log.read_stream("bolt", 0)[0]
    with pytest.raises(AdapterError, match="the same code under two names"):
        log.readable(Stored(4, "bolt", 4, "bob-3/0", "Restocked", twin()))
    assert log.readable(event) is event


class WrongVersionError(Exception):
    """How a log says no that does not answer with a `Conflict`."""


class Raising(NewestFirst):
    """Raises where it refuses, as many logs do."""

    conflicts = (WrongVersionError,)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        return self.log.read(after, limit)

    def append(self, request: AppendRequest) -> Appended | Conflict:
        answer = super().append(request)
        if isinstance(answer, Conflict):
            raise WrongVersionError(f"it is at {answer.found}")
        return answer


def stale(n: int) -> AppendRequest:
    """One that expects an empty stream."""
    return AppendRequest(f"bob-{n}", "bolt", NO_STREAM, (NewEvent(f"bob-{n}/0", "Restocked", Restocked("bolt", 1)),))


def test_an_exception_that_is_a_conflict_is_a_refusal() -> None:
    """The version that it found is not known. After a fault it is a refusal as well, and not an append without an answer."""
    log = guarded(Raising())
    assert log.append(stale(7)) == Conflict(-1, "it is at 3")
    log.fallen = True
    for n in range(8, 13):
        assert log.append(stale(n)) == Conflict(-1, "it is at 3")
    assert len(log.read_stream("bolt", 0)) == 3


class Undeclared(Raising):
    conflicts = ()


def test_an_exception_that_nobody_has_declared_is_a_mistake_and_the_sentence_says_what_to_write() -> None:
    log = guarded(Undeclared())
    with pytest.raises(
        AdapterError, match=r"raised WrongVersionError: it is at 3 .*conflicts = \(WrongVersionError,\)"
    ):
        log.append(stale(7))


class Boastful(Raising):
    """Stores first, and then says no."""

    def append(self, request: AppendRequest) -> Appended | Conflict:
        kept = AppendRequest(request.op, request.stream, ANY, request.events)
        if not request.expected.holds(len(self.log.streams.get(request.stream, ()))):
            self.log.append(kept)
            raise WrongVersionError
        return self.log.append(kept)


def test_a_refusal_of_what_is_stored_all_the_same_is_found() -> None:
    """To declare an exception excuses nothing."""
    result = verify(system=Boastful, application=Inventory(), seconds=None, examples=40, seed=1)
    assert {example.finding.guarantee for example in result.counterexamples} & {"LOG", "CAS"}


def test_one_that_raises_its_own_exception_is_held() -> None:
    result = verify(system=Raising, application=Inventory(), seconds=None, examples=20, seed=1)
    assert result.counterexamples == ()
    assert result.counts["conflicts"] > 0


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ((Exception,), "Exception is one of its conflicts; name the class"),
        ((OutcomeUnknown,), "OutcomeUnknown is one of its conflicts"),
        (("WrongVersion",), "expected a tuple of classes"),
        (3, "expected a tuple of classes"),
    ],
)
def test_what_would_excuse_everything_is_no_conflict(declared: object, message: str) -> None:
    log = Raising()
    log.conflicts = declared  # type: ignore[assignment]
    with pytest.raises(UsageError, match=message):
        GuardedLog("mine", log, Inventory())
