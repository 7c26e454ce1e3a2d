"""Coverage: which events had their effect, also when the first of them are forgotten."""

from __future__ import annotations

from refold.model.event import Stored
from refold.model.examples.accounts import Registered
from refold.properties.messages.coverage import Coverage
from refold.properties.oracle import Oracle


def appear(oracle: Oracle, *positions: int) -> None:
    """Events at these positions become visible."""
    for position in positions:
        payload = Registered("acme", f"n{position}")
        oracle.on_stored(position, Stored(position, "acme", position, f"a-{position}/0", "Registered", payload))


def test_what_had_its_effect_is_known_and_what_lacks_it_is_found() -> None:
    """In whatever order the effects come; nobody but their actor has had them; gaps in the positions lack nothing."""
    oracle = Oracle(None)
    covered = Coverage(oracle, "")
    appear(oracle, 1, 2, 4, 5)
    for position in (4, 1):
        covered.add("a", position)
    assert [covered.includes("a", position) for position in (1, 2, 4, 5)] == [True, False, True, False]
    lacking = [covered.lacking("a", high) for high in (1, 2, 5)]
    assert [event and event.position for event in lacking] == [None, 2, 2]
    assert not covered.includes("b", 1)
    covered.add("a", 2)
    last = covered.lacking("a", 5)
    assert last is not None
    assert last.position == 5
    assert (covered.of("a").contiguous, covered.of("a").beyond) == (4, set())


def test_an_actor_that_is_behind_what_is_remembered_goes_on_there_and_that_is_said() -> None:
    """What it had dealt with beyond stays known; about the rest nobody says anything any more."""
    oracle = Oracle(None, remembered=4)
    covered = Coverage(oracle, "whether events older than the newest {size} had their effect")
    appear(oracle, *range(1, 4))
    covered.add("a", 1)
    assert not covered.unknown("a", 2)
    appear(oracle, *range(4, 9))
    covered.add("a", 8)
    assert covered.window.given_up() == ""
    appear(oracle, *range(9, 13))
    low = oracle.order[0]
    assert 2 < low < 8
    lacking = covered.lacking("a", oracle.tail)
    assert lacking is not None
    assert lacking.position == low
    assert covered.unknown("a", 2)
    assert not covered.unknown("a", low)
    assert covered.includes("a", 8)
    assert covered.window.given_up() == "whether events older than the newest 4 had their effect"
