"""Ctrl-C at every moment of a find."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.errors import SystemUnavailable
from refold.model.examples.inventory import Inventory
from refold.properties.result import Counterexample
from refold.search.campaign import Budget, Campaign
from refold.search.signals import SIGNALS, held_back, undropped
from refold.search.state_machine import machine
from refold.systems.reference import Reference
from refold.systems.registry import resolve


def interrupt() -> None:
    """As Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


# -- holding back


def test_an_interruption_waits_until_it_is_let_in() -> None:
    """And nothing is lost before."""
    with held_back() as waiting:
        waiting.let_in()
        interrupt()
        assert waiting.came
        with pytest.raises(KeyboardInterrupt):
            waiting.let_in()


def test_the_second_interruption_is_not_held() -> None:
    """Whoever insists is obeyed."""
    with held_back():
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()


def test_afterwards_signals_do_what_they_did() -> None:
    """Also if what was inside failed."""
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(ZeroDivisionError), held_back():
        _ = 1 / 0
    assert [signal.getsignal(number) for number in SIGNALS] == before
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """A job in the background of a shell hears no Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_back() as waiting:
            interrupt()
            interrupt()
            assert not waiting.came
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_nothing_is_held() -> None:
    """There, no signal arrives."""
    came: list[bool] = []

    def elsewhere() -> None:
        with held_back() as waiting:
            came.append(waiting.came)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert came == [False]


# -- a find


class Watched(Reference):
    """A broken system that does something before a run after the first find: `at` says in which."""

    def __init__(self, at: dict[int, Callable[[], None]]) -> None:
        super().__init__("dedupe-window-too-small", resolve("dedupe-window-too-small").parts)  # type: ignore[attr-defined]
        self.at = at
        self.campaign: Campaign | None = None
        self.runs = 0

    def open(self, application: Any, emit: Any) -> Any:
        if self.campaign is not None and self.campaign.signatures:
            self.runs += 1
            self.at.get(self.runs, lambda: None)()
        return super().open(application, emit)


def searched(
    at: dict[int, Callable[[], None]],
    seen: Callable[[Counterexample], None] = lambda counterexample: None,
    found: Callable[[Counterexample], None] = lambda counterexample: None,
) -> Campaign:
    """A campaign on it."""
    system = Watched(at)
    campaign = Campaign(system, Inventory(), 1, Budget(None, 3000, distinct=1), seen=seen, found=found)
    system.campaign = campaign
    return campaign


def whole() -> tuple[Campaign, int]:
    """What is found undisturbed, and the number of runs that its shrinking takes, the last one included."""
    campaign = searched({})
    campaign.run()
    return campaign, campaign.system.runs  # type: ignore[attr-defined]


def test_at_whatever_moment_of_a_find_it_comes_the_find_is_there_and_was_handed_over() -> None:
    """When it is seen, in any run of the shrinking, in the last run, when it is handed over."""
    _, runs = whole()
    assert runs > 20
    moments: list[dict[str, Any]] = [{"at": {run: interrupt}} for run in (1, 2, 10, runs // 2, runs - 1, runs)]
    moments.append({"at": {}, "seen": lambda counterexample: interrupt()})
    for moment in moments:
        handed: list[Counterexample] = []
        result = searched(**moment, found=handed.append).run()
        assert result.interrupted, moment
        assert result.counterexamples == tuple(handed), moment
        assert len(handed) == 1, moment
        assert handed[0].finding.anomaly == "effect-applied-twice"
    handed = []

    def late(counterexample: Counterexample) -> None:
        interrupt()
        handed.append(counterexample)

    result = searched({}, found=late).run()
    assert result.interrupted
    assert result.counterexamples == tuple(handed)
    assert len(handed) == 1


def test_who_insists_still_gets_what_was_seen() -> None:
    """Ctrl-C while the plan is shrunk, and once more while it is run for the last time."""
    handed: list[Counterexample] = []
    result = searched({2: interrupt, 3: lambda: (interrupt(), interrupt())}, found=handed.append).run()  # type: ignore[dict-item, func-returns-value]
    assert result.interrupted
    assert result.counterexamples == tuple(handed)
    assert len(handed) == 1
    assert not handed[0].minimal


@pytest.mark.parametrize("last", [False, True])
def test_a_system_that_is_lost_while_a_plan_is_shrunk_takes_no_find_with_it(last: bool) -> None:
    """The find is handed over before the error."""

    def lost() -> None:
        raise SystemUnavailable("the server is gone")

    undisturbed, runs = whole()
    handed: list[Counterexample] = []
    campaign = searched({runs if last else 10: lost}, found=handed.append)
    with pytest.raises(SystemUnavailable):
        campaign.run()
    assert campaign.result().counterexamples == tuple(handed)
    assert len(handed) == 1
    assert handed[0].finding.signature == undisturbed.counterexamples[0].finding.signature


# -- where Python drops it


class Interrupts:
    """Interrupts when it goes: Python prints what is raised there, and goes on."""

    def __del__(self) -> None:
        interrupt()
        for _ in range(3):
            """The handler is called here, if not before."""


class InterruptedAtTheFifth(Reference):
    """A correct system; in its fifth run something goes that interrupts."""

    runs = 0

    def open(self, application: Any, emit: Any) -> Any:
        self.runs += 1
        if self.runs == 5:
            Interrupts()
        return super().open(application, emit)


def test_an_interruption_that_python_drops_comes_again() -> None:
    """Also where the main thread waits."""

    def work() -> None:
        Interrupts()
        time.sleep(60)

    with undropped(), pytest.raises(KeyboardInterrupt):
        work()


def test_other_errors_in_destructors_are_told_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[sys.UnraisableHookArgs] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    class Fails:
        def __del__(self) -> None:
            raise LookupError

    with undropped():
        Fails()
    assert [dropped.exc_type for dropped in told] == [LookupError]
    assert sys.unraisablehook == told.append


def test_a_search_is_interrupted_in_a_destructor() -> None:
    """The whole budget is not used up."""
    campaign = Campaign(InterruptedAtTheFifth(), Inventory(), 1, Budget(None, 100_000))
    assert campaign.run().interrupted
    assert campaign.examples < 100_000


def test_a_machine_is_interrupted_in_a_destructor() -> None:
    """A test under pytest, or under unittest."""
    tested = machine("inventory", InterruptedAtTheFifth()).TestCase
    with pytest.raises(KeyboardInterrupt):
        tested("runTest").debug()
