"""Ledger: a consumer that parks what it cannot handle, sequence by sequence.

An event whose handler fails for good is written to the dead letters, and so is every later event of its stream: all other streams
go on, no event is applied past a gap, nothing is skipped without a trace. Dead letters have numbers of their own, which
are no positions of the log. When the handler is repaired they are replayed in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.consumer import Consumer
from refold.model.event import Stored
from refold.model.extension import Group, Handler
from refold.model.parts.side_consumers import SideConsumer
from refold.model.process import ProcessDied
from refold.model.record import Crashed, Failed, Held, Ignored, Record, record_kind


@record_kind
class Parked(Record, frozen=True, tag="parked"):
    """A consumer put the event at `position` aside for good (its handler cannot handle it, or a predecessor in `stream` is parked) and
    recorded it as number `number` of its dead letters."""

    phrase = "an event had been parked"

    consumer: str
    position: int
    stream: str
    number: int

    def __str__(self) -> str:
        return f"{self.consumer} puts event {self.position} of {self.stream} aside, as dead letter {self.number}"


@record_kind
class DeadLetters(Record, frozen=True, tag="dead-letters"):
    """At rest, these are the events that a consumer has parked."""

    consumer: str
    positions: tuple[int, ...]

    def __str__(self) -> str:
        some = ", ".join(map(str, self.positions)) or "none"
        return f"the dead letters of {self.consumer} at rest: {some}"


@action_kind
class Poison(Action, frozen=True, tag="poison"):
    """The next event of a consumer is one that its handler cannot process, however often it tries, until the handler is repaired."""

    fault = True

    consumer: str

    def __str__(self) -> str:
        return f"the next event of {self.consumer} is one that its handler cannot do"


@action_kind
class ReplayDeadLetter(Action, frozen=True, tag="replay-letter"):
    """A consumer's handler is repaired, and the consumer tries the first of its dead letters again."""

    phrase = "a dead letter was tried again"

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} is repaired and tries its first dead letter again"


@action_kind
class FailDeadLetters(Action, frozen=True, tag="fail-letters"):
    """A consumer's next write to its dead letters fails, once. May never lose: the event."""

    phrase = "a write of a dead letter had failed"
    fault = True

    consumer: str

    def __str__(self) -> str:
        return f"the next write to the dead letters of {self.consumer} will fail"


class ParkingConsumer(Consumer):
    """Rows, checkpoint and dead letters are durable; `poisoned` and `dead_letters_fail` are the world's doing."""

    promises = {"by_stream": True}

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.dead_letters: list[tuple[int, Stored]] = []
        self.numbers = 0
        self.poisoned: set[str] = set()
        self.dead_letters_fail = False

    def receive(self, event: Stored, after: int) -> None:
        """As every consumer, except that an event that can be neither handled nor parked stays in flight."""
        if self.seen(event):
            self.emit(Ignored(self.name, event.position))
            self.done(event)
        elif after > self.position:
            self.emit(Held(self.name, event.position))
        elif self.attempt(event):
            self.done(event)

    def attempt(self, event: Stored) -> bool:
        """Handle or park the event, then save the checkpoint; False if neither was possible."""
        if self.applied_before(event):
            self.emit(Ignored(self.name, event.position))
        elif event.id in self.poisoned:
            self.emit(Failed(self.name, event.position))
            if not self.put_aside(event):
                return False
        elif self.blocked(event):
            if not self.put_aside(event):
                return False
        else:
            self.apply(event)
        self.save_checkpoint(event.position)
        return True

    def blocked(self, event: Stored) -> bool:
        """Whether a predecessor in the stream is parked."""
        return event.stream in [other.stream for _, other in self.dead_letters]

    def put_aside(self, event: Stored) -> bool:
        """Write the event to the dead letters; False if that fails."""
        if event.position in [other.position for _, other in self.dead_letters]:
            return True
        if self.dead_letters_fail:
            self.dead_letters_fail = False
            return False
        self.durable()
        self.numbers += 1
        self.dead_letters.append((self.numbers, event))
        self.emit(Parked(self.name, event.position, event.stream, self.numbers))
        return True

    def replay_dead_letter(self) -> None:
        """Handle the first dead letter; its effect and its removal are one step."""
        number, event = self.dead_letters[0]
        self.poisoned.discard(event.id)
        self.apply(event)
        del self.dead_letters[0]
        self.replayed(number)

    def replayed(self, number: int) -> None:
        """Dead letter `number` is done. Where the subscription is has nothing to do with it."""


class Ledger(SideConsumer):
    """One consumer with dead letters."""

    name = "ledger"
    title = "dead letters"
    covers = "events that no handler can handle, and what comes after them"
    family = "ledger"
    names = ("ledger",)
    design = ParkingConsumer

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Any) -> list[Group]:
        """What can happen to its handler and to its dead letters."""
        (name,) = cls.names
        return [
            *super().groups(commands, clients, consumers),
            (cls.family, 4, [Poison(name)]),
            (cls.family, 3, [ReplayDeadLetter(name)]),
            (cls.family, 1, [FailDeadLetters(name)]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """The three of them."""
        return {Poison: self.poison, ReplayDeadLetter: self.replay, FailDeadLetters: self.fail_dead_letters}

    def found(self, name: str) -> ParkingConsumer | None:
        """The consumer, if it is one of ours and up."""
        consumer = self.consumers[name] if name in self.names else None
        return consumer if isinstance(consumer, ParkingConsumer) and not consumer.down else None

    def poison(self, action: Poison) -> bool:
        """Mark the next event."""
        ledger = self.found(action.consumer)
        if ledger is None or self.log.down:
            return False
        following = ledger.inbox[:1] or self.log.read(ledger.fetched, 1)
        if not following or following[0].id in ledger.poisoned:
            return False
        self.step(action)
        ledger.poisoned.add(following[0].id)
        return True

    def replay(self, action: ReplayDeadLetter) -> bool:
        """Try one."""
        ledger = self.found(action.consumer)
        if ledger is None or not ledger.dead_letters:
            return False
        self.step(action)
        try:
            ledger.replay_dead_letter()
        except ProcessDied as death:
            ledger.crash()
            self.emit(Crashed(ledger.name, death.during))
        return True

    def fail_dead_letters(self, action: FailDeadLetters) -> bool:
        """Once."""
        ledger = self.found(action.consumer)
        if ledger is None or ledger.dead_letters_fail:
            return False
        self.step(action)
        ledger.dead_letters_fail = True
        return True

    def calm(self) -> None:
        """Writes succeed. What a handler cannot do, it still cannot do."""
        ledger = self.there("ledger")
        if isinstance(ledger, ParkingConsumer):
            ledger.dead_letters_fail = False

    def rest(self) -> None:
        """Show the dead letters."""
        ledger = self.there("ledger")
        if isinstance(ledger, ParkingConsumer):
            self.emit(DeadLetters(ledger.name, tuple([event.position for _, event in ledger.dead_letters])))
