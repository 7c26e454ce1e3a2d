"""Mailer: a consumer whose effects are on the outside world, where nothing can be taken back.

It has no rows; what it has done is in its token: everything up to `low`, and single events `beyond`. When it is told to begin
again (to rebuild something else that it keeps), everything that the token covered at that moment is a replay, and a replay sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from refold.model.action import Action, action_kind
from refold.model.consumer import Consumer
from refold.model.declarations.count import count
from refold.model.event import Stored
from refold.model.extension import Group, Handler
from refold.model.parts.side_consumers import SideConsumer
from refold.model.process import Process
from refold.model.record import Held, Ignored, Record, Recovered, record_kind


@record_kind
class MailerJoined(Record, frozen=True, tag="mailer-joined"):
    """Another consumer takes part from here on. It has no rows; it owes the outside world one effect for each event."""

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} takes part from here on, with effects on the outside world"


@record_kind
class Reset(Record, frozen=True, tag="reset"):
    """Somebody told a consumer to begin again after `position`. Its rows, if it has any, stay; new ones come with `rebuilt`."""

    consumer: str
    position: int

    def __str__(self) -> str:
        return f"{self.consumer} begins again after position {self.position}"


@record_kind
class Sent(Record, frozen=True, tag="sent"):
    """Something left the system because of the event at `position` and cannot be taken back: a mail to `to`."""

    phrase = "something had left the system"

    consumer: str
    position: int
    to: str

    def __str__(self) -> str:
        return f"{self.consumer} sends a mail to {self.to} because of event {self.position}"


@record_kind
class Covered(Record, frozen=True, tag="covered"):
    """A consumer with effects on the outside world durably recorded that the event at `position` is done."""

    consumer: str
    position: int

    def __str__(self) -> str:
        return f"{self.consumer} notes that event {self.position} is done"


@action_kind
class BeginAgain(Action, frozen=True, tag="begin-again"):
    """Somebody tells a consumer to read everything again from the beginning."""

    phrase = "a consumer was told to begin again"

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} is told to begin again from the first event"


@attrs.define
class Token:
    """The positions that are done: all up to `low`, and those in `beyond`. Law: what is covered stays covered."""

    low: int = 0
    beyond: set[int] = attrs.field(factory=set)

    def covers(self, position: int) -> bool:
        """Whether the event at `position` is done."""
        return position <= self.low or position in self.beyond

    def joined(self, other: Token) -> Token:
        """What either of them covers."""
        low = max(self.low, other.low)
        return Token(low, {position for position in self.beyond | other.beyond if position > low})


class MailConsumer(Consumer):
    """Sends one mail for each event; the streams do not wait for each other. `token` and `boundary` are durable."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.token = Token()
        self.boundary = Token()
        self.order: list[int] = []

    def fetch(self) -> None:
        """Remember which positions there are."""
        super().fetch()
        self.order.extend([event.position for event in self.inbox])

    def receive(self, event: Stored, after: int) -> None:
        """Send it, unless it was sent before or an earlier event of its stream is still in flight."""
        position = event.position
        if any(other.stream == event.stream and other.position < position for other in self.inbox):
            self.emit(Held(self.name, position))
            return
        if self.token.covers(position) or self.replaying(event):
            self.emit(Ignored(self.name, position))
        else:
            self.durable()
            self.emit(Sent(self.name, position, event.stream))
            self.durable()
            self.emit(Covered(self.name, position))
        self.token.beyond.add(position)
        self.done(event)

    def replaying(self, event: Stored) -> bool:
        """Whether the mailer had done this event when it was told to begin again."""
        return self.boundary.covers(event.position)

    def done(self, event: Stored) -> None:
        """Move `low` over everything that is done."""
        self.inbox = [other for other in self.inbox if other is not event]
        order, token = self.order, self.token
        while order and order[0] in token.beyond:
            token.low = order.pop(0)
            token.beyond.discard(token.low)
        self.position = token.low

    def begin_again(self) -> None:
        """Forget where it is, and remember what it has done."""
        self.boundary = self.boundary.joined(self.token)
        self.token = Token()
        self.emit(Reset(self.name, 0))
        self.resume(0)

    def resume(self, position: int) -> None:
        """Read on after `low`."""
        super().resume(position)
        self.order = []

    def restart(self) -> None:
        """Go on with the token."""
        Process.restart(self)
        self.resume(self.token.low)
        self.emit(Recovered(self.name, self.position, None))


class Mailer(SideConsumer):
    """One mailer. It never joins the consumers that have rows."""

    name = "mailer"
    title = "effects that cannot be taken back"
    covers = "mails that a replay must not send again"
    counts = (count("mails_sent", "mails that a mailer sent", Sent),)
    family = "mailer"
    names = ("mailer",)
    design = MailConsumer

    def announce(self, consumer: Consumer) -> None:
        """It promises effects and no rows."""
        self.emit(MailerJoined(consumer.name))

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Any) -> list[Group]:
        """It may be told to begin again."""
        groups = super().groups(commands, clients, consumers)
        return [*groups, (cls.family, 3, [BeginAgain(name) for name in cls.names])]

    def handlers(self) -> dict[type, Handler]:
        """The order to begin again."""
        return {BeginAgain: self.begin_again}

    def begin_again(self, action: BeginAgain) -> bool:
        """If it is up."""
        consumer = self.there(action.consumer)
        if not isinstance(consumer, MailConsumer) or consumer.down:
            return False
        self.step(action)
        consumer.begin_again()
        return True
