"""Sinks: where messages leave the system. What went out, and why, is judged as what leaves an outbox (DUAL).

A message is recognised as that of an event by what the user says: `message(event)` is what goes out because of it. Without that, a
message names its event, by id or position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import attrs

from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.parts.messages.outbox import Delivered, Interrupted, Outbox, OutboxAtRest
from refold.model.words import short
from refold.systems.gate.actor import current
from refold.systems.gate.boundary import PLAIN
from refold.systems.user.roles.role import OwnRole, Surroundings, named_parts

PROMISES = ("once", "at-most-once", "ordered")
"""What a sink may promise of its messages, beside that each comes at least once."""


class SinkPort(Protocol):
    """The place where messages leave the system, as refold sees it: a `Sink`, or your own stand-in for a broker, a mail server or a
    payment service.

    The sink promises that the list which `sent` returns only ever grows at its end. Wrap a stand-in of your own in
    `refold.systems.gate.watch`, so that refold can stop the code that calls it. Optional: `message` (returns None for
    an event that needs no message) and `promises`, with the same meaning as in `Sink`.
    """

    def sent(self) -> Sequence[Any]:
        """All messages that have left the system since the beginning of the run, in order."""


class Sink:
    """Receives messages and keeps them. A relay or a service sends to it instead of to a broker.

    `message(event)` returns the message that has to be sent because of an event, or None if there is none; messages are
    compared with `==`. If a message is sent with one argument, that argument is the message; otherwise the tuple of all
    arguments is. When a message is sent, a plan may stop the sender, refuse the message with a `ConnectionError`, lose
    the answer, or end the sender's process.

    By default, the promise is that each message is sent at least once, and that a repetition does no harm. `promises`
    may say more:

    - `once`: a message is sent a second time only if its sender was interrupted after the first time.
    - `at-most-once`: a message is never sent a second time, but a fault may lose it.
    - `ordered`: the messages of a stream are sent in the order of its events.
    """

    def __init__(
        self, message: Callable[[Stored], Any] | None = None, *, promises: Sequence[str] = (), name: str = "sink"
    ) -> None:
        self.message = message
        self.promises = tuple(promises)
        self.name = name
        self.messages: list[Any] = []

    def send(self, *message: Any, **named: Any) -> None:
        """Send a message. Raises `ConnectionError` if the plan says so."""
        whole = (*message, *named.values())
        sent = whole[0] if len(whole) == 1 else whole
        actor = current()
        if actor is None:
            self.messages.append(sent)
        else:
            actor.cross("call", f"{self.name}.send", lambda: self.messages.append(sent), PLAIN)

    publish = __call__ = send

    def sent(self) -> list[Any]:
        """All messages that have been sent so far."""
        return list(self.messages)

    def fresh(self) -> Sink:
        """An empty sink with the same promises."""
        return Sink(self.message, promises=self.promises, name=self.name)


@attrs.define
class Outgoing:
    """What is known of one sink: how many messages were seen, those for which no event was visible yet, what events call for, and what has
    gone out. `repeated` were taken for repetitions, and may be of other events that call for the same. `troubled`: something went wrong, so
    that a message may be lost that is promised at most once."""

    seen: int = 0
    early: list[tuple[str, Any]] = attrs.field(factory=list)
    called_for: list[tuple[Stored, Any]] = attrs.field(factory=list)
    silent: list[int] = attrs.field(factory=list)
    gone: set[int] = attrs.field(factory=set)
    repeated: list[tuple[str, Any]] = attrs.field(factory=list)
    troubled: bool = False


class Sinks(OwnRole):
    """Everything that leaves the system, as it leaves."""

    name = Outbox.name
    field: ClassVar[str] = "sinks"
    gives = (Outbox.ability().name,)

    def __init__(self, scene: Surroundings, theirs: Mapping[str, Any]) -> None:
        super().__init__(scene, theirs)
        self.known = {name: Outgoing() for name in theirs}
        self.hands: dict[str, list[str]] = {}
        self.excused: Counter[str] = Counter()
        for name, sink in theirs.items():
            if isinstance(sink, Sink):
                sink.name = name

    @classmethod
    def check(cls, title: str, theirs: Any) -> None:
        """Each has `sent`, and promises what there is to promise."""
        named_parts(title, cls.field, theirs, ("sent",))
        for name, sink in theirs.items():
            for promise in getattr(sink, "promises", ()):
                if promise not in PROMISES:
                    raise UsageError(
                        f"{title!r}: sink {name!r} promises {short(promise)}, expected a tuple of {', '.join(PROMISES)}"
                    )

    # -- events

    def visible(self, events: Sequence[Stored]) -> None:
        """What these events call for; and maybe it was sent before anybody saw them."""
        for name, sink in self.theirs.items():
            known = self.known[name]
            for event in events:
                wanted = self.wanted(sink, event)
                if wanted is None:
                    known.silent.append(event.position)
                else:
                    known.called_for.append((event, wanted))
            early, known.early = known.early, []
            for who, message in early:
                self.went(name, who, message)

    def wanted(self, sink: Any, event: Stored) -> Any:
        """The message of an event; None if there is none."""
        original = self.scene.original(event)
        message = getattr(sink, "message", None)
        return Naming(original) if message is None else self.ask(sink, "sink", "message", original)

    # -- messages

    def began(self, who: str) -> None:
        """It has nothing in its hand."""
        self.hands.pop(who, None)

    def looked(self, who: str) -> None:
        """What has gone out in this step is the doing of whoever took it."""
        for name, sink in self.theirs.items():
            sent = self.ask(sink, f"sink {name!r}", "sent")
            known = self.known[name]
            fresh, known.seen = sent[known.seen :], len(sent)
            for message in fresh:
                self.went(name, who, message)

    def went(self, name: str, who: str, message: Any) -> None:
        """A message has left the system: that of the first event that called for it and still waits, or a repetition."""
        known = self.known[name]
        meant = [event for event, wanted in known.called_for if wanted == message]
        if not meant:
            known.early.append((who, message))
            return
        event, doubtful = self.meant(known, meant)
        promises = getattr(self.theirs[name], "promises", ())
        first = event.position not in known.gone
        if doubtful and not first:
            known.repeated.append((who, message))
        sender = self.scene.consumers.get(who)
        if sender is not None:
            sender.sent = getattr(sender, "sent", 0) + 1
        known.gone.add(event.position)
        counts = first or "once" in promises or "at-most-once" in promises
        self.emit(Delivered(who, event.id, event.position, counts, name, "ordered" in promises and not doubtful))
        if "at-most-once" not in promises:
            self.hands.setdefault(who, []).append(event.id)

    def meant(self, known: Outgoing, events: Sequence[Stored]) -> tuple[Stored, bool]:
        """Which of the events that call for a message it is of, and whether that is doubtful: it may be the first of one, or a
        repetition of another."""
        gone = [event for event in events if event.position in known.gone]
        waiting = [event for event in events if event.position not in known.gone]
        if not gone or not waiting:
            return (waiting or gone[::-1])[0], False
        again = next((event for event in gone if self.excused[event.id]), None)
        if again is None:
            return waiting[0], True
        self.excused[again.id] -= 1
        return again, True

    def troubled(self, who: str, how: str) -> None:
        """What it has sent in this piece of work it may send again."""
        for known in self.known.values():
            known.troubled = True
        messages = self.hands.pop(who, None)
        if messages:
            self.excused.update(messages)
            self.emit(Interrupted(who, tuple(messages), how))

    def rest(self) -> None:
        """What was sent and is of no event; what had to be sent."""
        for name, sink in self.theirs.items():
            known = self.known[name]
            for who, message in known.early:
                self.emit(Delivered(who, short(message), 0, True, name))
            known.early = []
            for event, wanted in known.called_for:
                found = next((one for one in known.repeated if one[1] == wanted), None)
                if event.position not in known.gone and found is not None:
                    known.repeated.remove(found)
                    known.gone.add(event.position)
                    self.emit(Delivered(found[0], event.id, event.position, True, name))
            silent = list(known.silent)
            if known.troubled and "at-most-once" in getattr(sink, "promises", ()):
                silent += [event.position for event, _ in known.called_for if event.position not in known.gone]
            self.emit(OutboxAtRest(0, name, tuple(sorted(silent))))


class Naming:
    """Equals every message that names an event: its id or its position, itself or in a field that is called like that."""

    FIELDS = ("id", "event_id", "message_id", "position", "event")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, event: Stored) -> None:
        self.names = {event.id, event.position}

    def __eq__(self, message: object) -> bool:
        parts = message if isinstance(message, tuple) else (message,)
        return any(self.named(part) for part in parts)

    def named(self, part: object) -> bool:
        """Whether one argument of what was sent names the event."""
        if isinstance(part, str | int):
            return part in self.names
        found = [part.get(field) if isinstance(part, Mapping) else getattr(part, field, None) for field in self.FIELDS]
        return any(isinstance(one, str | int) and one in self.names for one in found)
