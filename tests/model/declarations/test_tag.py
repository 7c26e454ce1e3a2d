"""One tag, one class."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from refold.model.action import ACTIONS, Action, Append, action_kind
from refold.model.errors import UsageError
from refold.model.record import RECORDS, Acknowledged, Record, record_kind


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What a test registers is forgotten."""
    actions, records = dict(ACTIONS), list(RECORDS)
    yield
    ACTIONS.clear()
    ACTIONS.update(actions)
    RECORDS[:] = records


def test_a_second_action_with_the_tag_is_refused() -> None:
    """Plans that say it would mean another action from then on."""

    class Append2(Action, frozen=True, tag="append"):
        """Another."""

    with pytest.raises(
        UsageError, match=r"Append2 cannot be written in plans as 'append': refold.model.action.Append is"
    ):
        action_kind(Append2)
    assert ACTIONS["append"] is Append


def test_a_second_record_with_the_tag_is_refused() -> None:
    """Histories that say it could not be read."""

    class Agreed(Record, frozen=True, tag="acknowledged"):
        """Another."""

    with pytest.raises(UsageError, match=r"histories as 'acknowledged'.*another-name"):
        record_kind(Agreed)
    assert Acknowledged in RECORDS
    assert Agreed not in RECORDS


def test_tags_of_their_own_are_taken() -> None:
    """An action and a record may share one: they stand in different documents."""

    @action_kind
    class Knock(Action, frozen=True, tag="test-knock"):
        """At the door."""

    @record_kind
    class Knocked(Record, frozen=True, tag="test-knock"):
        """At the door."""

    assert ACTIONS["test-knock"] is Knock
    assert RECORDS[-1] is Knocked


def test_a_class_that_is_defined_once_more_takes_the_place_of_the_first() -> None:
    """As in a module that is loaded again."""

    def load() -> tuple[type[Action], type[Record]]:
        class Knock(Action, frozen=True, tag="test-knock"):
            """At the door."""

        class Knocked(Record, frozen=True, tag="test-knocked"):
            """At the door."""

        return action_kind(Knock), record_kind(Knocked)

    load()
    again, record = load()
    assert ACTIONS["test-knock"] is again
    assert [kind for kind in RECORDS if kind.__name__ == "Knocked"] == [record]
