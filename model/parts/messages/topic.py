"""A broker's topic: messages under offsets, with retention, a follower and backups; and its subscriber, which counts them.

What a topic may lose: messages older than its retention; after a restore from a backup, everything newer than the backup. It
may never lose an acknowledged message otherwise: a message is acknowledged once the follower has it. A topic that lost its
tail begins a new epoch. The subscriber owes in return that it notices both: a gap where retention was faster than it (it
asks the source for a full copy), and a new epoch (it forgets what it knows, snapshots included, and builds anew).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from refold.model.action import Action, Whole, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted, listed

RETAINED = 1
"""Messages that retention leaves in the topic."""


class Tally(msgspec.Struct, frozen=True):
    """What the subscriber keeps: how many messages there were up to `offset` of `epoch`, and the sum of their numbers."""

    epoch: int = 1
    offset: int = 0
    count: int = 0
    total: int = 0

    def __str__(self) -> str:
        return f"{counted(self.count, 'message')} up to offset {self.offset} of epoch {self.epoch}, sum {self.total}"

    def after(self, number: int) -> Tally:
        """The tally with the next message."""
        return Tally(self.epoch, self.offset + 1, self.count + 1, self.total + number)


@action_kind
class Publish(Action, frozen=True, tag="publish"):
    """A client publishes a message to the topic."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} publishes a message"


class TopicAction(Action, frozen=True):
    """The base of the actions without arguments; the class docstring is the sentence."""

    def __str__(self) -> str:
        return (type(self).__doc__ or "").rstrip(".")


@action_kind
class Consume(TopicAction, frozen=True, tag="consume"):
    """the subscriber reads the next message."""


@action_kind
class SaveTally(TopicAction, frozen=True, tag="save-tally"):
    """the subscriber takes a snapshot."""


@action_kind
class RestartSubscriber(TopicAction, frozen=True, tag="restart-subscriber"):
    """the subscriber dies, starts again and recovers."""

    fault = True


@action_kind
class Expire(TopicAction, frozen=True, tag="expire"):
    """retention removes the old messages of the topic."""


@action_kind
class CatchUp(TopicAction, frozen=True, tag="catch-up"):
    """the follower copies what it lacks."""


@action_kind
class FailOver(TopicAction, frozen=True, tag="fail-over"):
    """the topic's primary dies and its follower takes over."""

    fault = True


@action_kind
class BackUp(TopicAction, frozen=True, tag="back-up"):
    """an operator makes a backup of the topic."""


@action_kind
class Restore(TopicAction, frozen=True, tag="restore"):
    """an operator restores the topic from its backup."""


@action_kind
class ReadTopic(Action, frozen=True, tag="read-topic"):
    """A reader asks for all messages from an offset on."""

    lower: Whole

    def __str__(self) -> str:
        return f"a reader asks for the messages from offset {self.lower} on"


@record_kind
class Published(Record, frozen=True, tag="published"):
    """The topic has acknowledged the message called `number`: it is at `offset`."""

    client: str
    number: int
    offset: int

    def __str__(self) -> str:
        return f"the topic confirms message {self.number} of {self.client} at offset {self.offset}"


@record_kind
class Expired(Record, frozen=True, tag="expired"):
    """Messages below offset `low` are no longer there."""

    phrase = "old messages had been removed from the log"

    low: int

    def __str__(self) -> str:
        return f"the topic begins at offset {self.low} now"


@record_kind
class FailedOver(Record, frozen=True, tag="failed-over"):
    """The follower is the primary now; its last message is at `tail`."""

    phrase = "a follower had taken over from the primary"
    fault = True

    epoch: int
    tail: int

    def __str__(self) -> str:
        return f"the topic ends at offset {self.tail} on its new primary, epoch {self.epoch}"


@record_kind
class Restored(Record, frozen=True, tag="restored"):
    """The topic is what it was at its backup: the messages `low` to `tail`. Newer ones are gone, and that is no violation."""

    phrase = "the log had been restored from a backup"
    fault = True

    epoch: int
    low: int
    tail: int

    def __str__(self) -> str:
        return f"the topic holds the offsets {self.low} to {self.tail} of its backup, epoch {self.epoch}"


@record_kind
class Tallied(Record, frozen=True, tag="tallied"):
    """The subscriber has counted one more message."""

    tally: Tally

    def __str__(self) -> str:
        return f"the subscriber counts one more message: {self.tally}"


@record_kind
class TallyCopied(Record, frozen=True, tag="tally-copied"):
    """The subscriber has noticed that messages are missing, said so, and fetched a full copy from the source."""

    tally: Tally

    def __str__(self) -> str:
        return f"the subscriber finds messages missing and fetches a full copy: {self.tally}"


@record_kind
class TallyRecovered(Record, frozen=True, tag="tally-recovered"):
    """The subscriber has started again, from a snapshot and the messages after it, and has this tally."""

    tally: Tally

    def __str__(self) -> str:
        return f"the subscriber has recovered: {self.tally}"


@record_kind
class TallyObserved(Record, frozen=True, tag="tally-observed"):
    """At rest, the subscriber has this tally."""

    tally: Tally

    def __str__(self) -> str:
        return f"the subscriber is at rest: {self.tally}"


@record_kind
class TopicRead(Record, frozen=True, tag="topic-read"):
    """The answer to a read from `lower` on: these offsets."""

    lower: int
    offsets: tuple[int, ...]

    def __str__(self) -> str:
        return f"a read from offset {self.lower} on returns the offsets {listed(self.offsets)}"


class Topic(Extension):
    """One topic and one subscriber. `messages` are those from offset `low` on; `source` is the tally that the source itself keeps of
    the current epoch, by offset; `copied` is how far the follower is."""

    name = "topic"
    title = "a topic of a broker"
    covers = "retention, failover to a follower, restored backups, epochs"
    counts = (count("messages_published", "messages that a topic acknowledged", Published),)
    family = "topic"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.epoch = 1
        self.low = 1
        self.messages: list[int] = []
        self.source: list[Tally] = [Tally()]
        self.published = 0
        self.copied = 0
        self.backup: tuple[int, list[int]] = (1, [])
        self.tally = Tally()
        self.saved = Tally()

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Mostly publishing and reading."""
        family = cls.family
        return [
            (family, 4, [Publish(client) for client in clients[:1]]),
            (family, 3, [Consume()]),
            (family, 2, [SaveTally(), RestartSubscriber()]),
            (family, 2, [Expire()]),
            (family, 1, [ReadTopic(1), ReadTopic(0), ReadTopic(2)]),
            (family, 2, [FailOver(), CatchUp()]),
            (family, 2, [Restore(), BackUp()]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """All actions are enabled always, where there is something to do."""
        return {
            Publish: self.publish,
            Consume: self.consume,
            SaveTally: self.save,
            RestartSubscriber: self.restart,
            Expire: self.expire,
            CatchUp: self.catch_up,
            FailOver: self.fail_over,
            BackUp: self.back_up,
            Restore: self.restore,
            ReadTopic: self.read_topic,
        }

    # -- the topic

    @property
    def tail(self) -> int:
        """The offset of the last message."""
        return self.low + len(self.messages) - 1

    def read(self, after: int) -> list[int]:
        """The messages after offset `after`, as far as they are still there."""
        return self.messages[max(after + 1 - self.low, 0) :]

    def publish(self, action: Publish) -> bool:
        """Append, replicate, acknowledge."""
        self.step(action)
        self.published += 1
        self.messages.append(self.published)
        self.source.append(self.source[-1].after(self.published))
        self.replicate()
        self.emit(Published(action.client, self.published, self.tail))
        return True

    def replicate(self) -> None:
        """Wait until the follower has everything (a quorum of two)."""
        self.copied = self.tail

    def catch_up(self, action: CatchUp) -> bool:
        """The follower does so anyway, from time to time."""
        if self.copied == self.tail:
            return False
        self.step(action)
        self.copied = self.tail
        return True

    def fail_over(self, action: FailOver) -> bool:
        """What the follower lacks is gone."""
        self.step(action)
        self.cut(self.copied)
        self.emit(FailedOver(self.epoch, self.tail))
        return True

    def cut(self, tail: int) -> None:
        """Lose the messages after `tail`; a topic that lost something begins a new epoch."""
        if tail < self.tail:
            del self.messages[max(tail + 1 - self.low, 0) :]
            self.low = min(self.low, tail + 1)
            self.begin_epoch(tail)

    def begin_epoch(self, tail: int) -> None:
        """From here on offsets behind `tail` mean other messages."""
        self.epoch += 1
        self.source = [msgspec.structs.replace(tally, epoch=self.epoch) for tally in self.source[: tail + 1]]

    def back_up(self, action: BackUp) -> bool:
        """Copy the messages."""
        self.step(action)
        self.backup = (self.low, list(self.messages))
        return True

    def restore(self, action: Restore) -> bool:
        """The messages of the backup."""
        self.step(action)
        low, messages = self.backup
        tail = self.tail
        self.low, self.messages = low, list(messages)
        if self.tail < tail:
            self.begin_epoch(self.tail)
        self.copied = self.tail
        self.emit(Restored(self.epoch, self.low, self.tail))
        return True

    def expire(self, action: Expire) -> bool:
        """Remove the messages up to `floor`."""
        below = min(self.floor(), self.tail) + 1 - self.low
        if below <= 0:
            return False
        self.step(action)
        del self.messages[:below]
        self.low += below
        self.emit(Expired(self.low))
        return True

    def floor(self) -> int:
        """The last offset that retention removes: all but the newest messages, whoever has read them."""
        return self.tail - RETAINED

    def read_topic(self, action: ReadTopic) -> bool:
        """Somebody reads."""
        self.step(action)
        count = len(self.read(action.lower - 1))
        self.emit(TopicRead(action.lower, tuple(range(self.tail - count + 1, self.tail + 1))))
        return True

    # -- the subscriber

    def consume(self, action: Consume) -> bool:
        """One turn of the subscriber."""
        if not self.behind():
            return False
        self.step(action)
        return self.turn()

    def behind(self) -> bool:
        """Whether there is something to do for the subscriber."""
        return self.notices() or self.tally.offset < self.tail

    def notices(self) -> bool:
        """Whether the topic is in another epoch than the subscriber: then its offset means nothing there."""
        return self.tally.epoch != self.epoch

    def turn(self) -> bool:
        """Build anew in a new epoch; else the next message, or a full copy if it is missing."""
        if not self.behind():
            return False
        if self.notices():
            self.recover()
        elif self.tally.offset + 1 < self.low:
            self.meet_gap()
        else:
            self.count(self.read(self.tally.offset)[0])
        return True

    def count(self, number: int) -> None:
        """Count one message."""
        self.tally = self.tally.after(number)
        self.emit(Tallied(self.tally))

    def meet_gap(self) -> None:
        """The next message was removed before it was read: say so and fetch a full copy."""
        self.tally = self.source[self.low - 1]
        self.emit(TallyCopied(self.tally))

    def save(self, action: SaveTally) -> bool:
        """Keep the tally."""
        if self.saved == self.tally:
            return False
        self.step(action)
        self.saved = self.tally
        return True

    def restart(self, action: RestartSubscriber) -> bool:
        """Everything in memory is gone."""
        self.step(action)
        self.recover()
        return True

    def recover(self) -> None:
        """The snapshot, if it is usable, else a full copy; and the messages after it."""
        tally = self.saved if self.usable(self.saved) else self.source[self.low - 1]
        for number in self.read(tally.offset):
            tally = tally.after(number)
        self.tally = msgspec.structs.replace(tally, offset=self.tail)
        self.emit(TallyRecovered(self.tally))

    def usable(self, saved: Tally) -> bool:
        """Whether the snapshot is of this epoch and all messages after it are still there."""
        return saved.epoch == self.epoch and saved.offset + 1 >= self.low

    def rest(self) -> None:
        """Show the tally."""
        self.emit(TallyObserved(self.tally))
