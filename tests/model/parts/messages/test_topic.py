"""Topics: what a follower lacks, and what a failover takes."""

from __future__ import annotations

from typing import Any

from refold.model.examples.accounts import Accounts
from refold.model.parts.messages.topic import (
    RETAINED,
    CatchUp,
    Consume,
    Expire,
    Expired,
    FailedOver,
    FailOver,
    Publish,
    Published,
    ReadTopic,
    RestartSubscriber,
    Tallied,
    TallyCopied,
    Topic,
    TopicRead,
)
from refold.search.run import execute
from refold.systems.reference import Reference

SEND = Publish("alice")


class Lagging(Topic):
    """Its follower is told later."""

    def replicate(self) -> None:
        """Not now."""


def performed(design: type[Topic], *plan: Any) -> tuple[list[bool], list[Any]]:
    """Which actions happened, and the records of the topic before it settles."""
    history: list[Any] = []
    deployment = Reference("own", {"topic": design}).open(Accounts(), history.append)
    happened = [deployment.perform(action) for action in plan]
    return happened, [record for record in history if type(record) in (Published, FailedOver, TopicRead)]


def test_a_follower_catches_up_where_it_lacks_something() -> None:
    assert performed(Topic, SEND, CatchUp())[0] == [True, False]
    assert performed(Lagging, CatchUp(), SEND, CatchUp(), CatchUp())[0] == [False, True, True, False]


def test_a_failover_takes_what_the_follower_lacks_and_begins_an_epoch_if_that_is_anything() -> None:
    _, (*_, over, read) = performed(Topic, SEND, SEND, FailOver(), ReadTopic(1))
    assert (over, read) == (FailedOver(1, 2), TopicRead(1, (1, 2)))
    _, (*_, over, read) = performed(Lagging, SEND, CatchUp(), SEND, SEND, FailOver(), ReadTopic(1))
    assert (over, read) == (FailedOver(2, 1), TopicRead(1, (1,)))


def test_offsets_go_on_behind_what_is_left() -> None:
    _, records = performed(Lagging, SEND, CatchUp(), SEND, FailOver(), SEND)
    assert [record.offset for record in records if type(record) is Published] == [1, 2, 2]


def test_retention_removes_all_but_the_newest_again_and_again() -> None:
    """Each time up to the floor, and no further; there may be nothing to remove."""
    history: list[Any] = []
    deployment = Reference("own", {"topic": Topic}).open(Accounts(), history.append)
    for sent in range(1, 9):
        deployment.perform(SEND)
        assert deployment.perform(Expire()) == (sent > RETAINED)
    assert [record.low for record in history if type(record) is Expired] == list(range(2, 10 - RETAINED))
    deployment.perform(ReadTopic(1))
    (read,) = [record for record in history if type(record) is TopicRead]
    assert read.offsets == tuple(range(9 - RETAINED, 9))


def test_a_subscriber_that_missed_nothing_counts_message_by_message_and_at_rest_to_the_end() -> None:
    """Without a full copy: it begins in the epoch in which the topic begins."""
    run = execute(Reference(), Accounts(), (SEND, SEND, Consume()))
    assert run.findings == []
    assert [record.tally.offset for record in run.history if type(record) is Tallied] == [1, 2]
    assert not [record for record in run.history if type(record) is TallyCopied]


def test_a_new_primary_may_lack_messages_that_have_expired() -> None:
    """The offsets go on behind what it has, the subscriber builds anew, and reads begin there."""
    plan = (SEND, SEND, SEND, Expire(), FailOver(), RestartSubscriber(), SEND, ReadTopic(1))
    assert performed(Lagging, *plan)[1][-3:] == [FailedOver(2, 0), Published("alice", 4, 1), TopicRead(1, (1,))]
    run = execute(Reference("own", {"topic": Lagging}), Accounts(), plan)
    assert [finding.anomaly for finding in run.findings] == ["acknowledged-append-lost"]
