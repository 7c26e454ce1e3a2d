"""Which places of a user's code a menu speaks of."""

from __future__ import annotations

from refold.systems.user.words import PLACES, chosen


def test_a_few_places_are_all_taken_in_their_order() -> None:
    places = ["SELECT jobs", "COMMIT", "done.send"]
    assert chosen(places) == places


def test_of_many_places_those_that_write_or_send_are_taken() -> None:
    """A worker that reads much when it starts would else never be stopped where it works."""
    reads = [f"SELECT table{n}" for n in range(PLACES)]
    found = chosen([*reads, "INSERT jobs", "done.send", "COMMIT"])
    assert found == [*reads[: PLACES - 3], "INSERT jobs", "done.send", "COMMIT"]
