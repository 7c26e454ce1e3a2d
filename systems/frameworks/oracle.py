"""What an `eventsourcing` application should show and do: the library's own replay, in a fresh instance without snapshots and cache.

Nothing here looks at the running application. All is a function of the events that were read from its log.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from refold.model.application import Application, Refusal, Solo
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.systems.frameworks.calls import Command, MethodCall
from refold.systems.frameworks.events import Happened, Streams, Translator, fresh_names, id_of, names_of
from refold.systems.frameworks.values import plain
from refold.systems.user.errors import asked, let_through, told

UNSEEN = frozenset({"_id", "_created_on", "_modified_on", "_pending_events"})
"""Attributes of every aggregate that are no state of its own."""
LAX = "rule-allows-too-much"
"""What it is called if a fresh instance, too, does what `decide` refuses: then it is no race."""
ALONE = {
    "PERSISTENCE_MODULE": "eventsourcing.popo",
    "IS_SNAPSHOTTING_ENABLED": "n",
    "AGGREGATE_CACHE_MAXSIZE": "",
    "COMPRESSOR_TOPIC": "",
    "CIPHER_TOPIC": "",
}
"""How a fresh instance is set: in memory, without snapshots and cache, as plain text."""


def attributes(aggregate: Any) -> dict[str, Any]:
    """What counts as the state of an aggregate where nobody says otherwise: its version, and all its attributes."""
    shown = {name.lstrip("_"): value for name, value in vars(aggregate).items() if name not in UNSEEN}
    return {"version": aggregate.version, **shown}


def named_for(cls: Any, env: Mapping[str, str]) -> dict[str, str]:
    """Settings for this application: under its own name too, which goes before the bare one."""
    return {**env, **{f"{cls.name.upper()}_{name}": value for name, value in env.items()}}


def without_snapshots(*_: Any, **__: Any) -> None:
    """In place of `take_snapshot` of a fresh instance."""


class Once:
    """What one command did in a fresh instance."""

    def __init__(self, how: str, detail: str, events: Sequence[Happened]) -> None:
        self.how = how
        self.detail = detail
        self.events = events


class FreshInstances(Application):
    """The application of refold's that stands for one of the library's."""

    events = (Happened,)

    def __init__(
        self,
        cls: Any,
        commands: Mapping[str, Command],
        env: Mapping[str, str],
        state: Callable[[Any], Any] = attributes,
        decide: Callable[[Any, Any], Any] | None = None,
        evolve: Callable[[Any, Any], Any] | None = None,
        invariant: Callable[[Any], Any] | None = None,
        key: Callable[[Any], Any] | None = None,
        projector: Callable[[Any, Any], Any] | None = None,
        atomic: bool = True,
    ) -> None:
        self.name = cls.__name__
        self.cls = cls
        self.script = dict(commands)
        self.env = dict(env)
        self.state = state
        self.rule = decide
        self.step = evolve
        self.invariant = invariant
        self.key_of = key
        self.projector = projector
        self.atomic = atomic
        self.second_opinion = frozenset(
            name for name, said in (("decide", decide), ("evolve", evolve)) if said is not None
        )
        self.replays: dict[str, Callable[[Sequence[Stored]], Mapping[str, Any]]] = {}
        self._translator: Translator | None = None

    @property
    def translator(self) -> Translator:
        """Between objects and values."""
        if self._translator is None:
            self._translator = Translator(self.fresh().construct_transcoder())
        return self._translator

    def fresh(self, before: Sequence[Stored] = ()) -> Any:
        """A new instance in memory that has these events."""
        settings = {**self.env, **named_for(self.cls, ALONE)}
        made: Any = asked(f"{self.cls.__name__}(env=…), in memory,", lambda: self.cls(env=settings))
        made.take_snapshot = without_snapshots
        if before:
            made.recorder.insert_events([self.translator.record(event.data) for event in before])
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_translator": None}

    @property
    def home(self) -> str:
        """That of the user's class."""
        return str(self.cls.__module__)

    # -- an application of refold's

    def commands(self) -> Sequence[MethodCall]:
        """As calls."""
        return [MethodCall(text) for text in self.script]

    def encode(self, payload: Any) -> Any:
        """As it is."""
        return {name: getattr(payload, name) for name in payload.__struct_fields__}

    def decode(self, type_name: str, data: Any) -> Any:
        """All events are of one class here."""
        return Happened(**data) if isinstance(data, dict) else data

    def key(self, message: Any) -> str:
        """The aggregate of an event; of a call nobody knows it."""
        return str(message.originator if isinstance(message, Happened) else message)

    # -- states

    def aggregates(self, events: Sequence[Stored]) -> dict[str, Any]:
        """Stream -> aggregate, by the library's own replay; where that raises, the error. Without a projector, streams of events that are
        none of an aggregate are left out."""
        streams: dict[str, list[Any]] = {}
        for event in events:
            streams.setdefault(event.stream, []).append(self.translator.event(event.data))
        found: dict[str, Any] = {}
        for stream, parts in streams.items():
            if self.projector is None and not hasattr(parts[0], "mutate"):
                continue
            try:
                found[stream] = self.projected(parts)
            except BaseException as error:
                let_through(error)
                found[stream] = error
        return found

    def projected(self, events: Sequence[Any]) -> Any:
        """An aggregate, out of its events."""
        if self.projector is not None:
            return self.projector(None, iter(events))
        aggregate: Any = None
        for event in events:
            aggregate = event.mutate(aggregate)
        return aggregate

    def shown(self, aggregate: Any, names: Mapping[str, str]) -> Any:
        """The state of an aggregate."""
        if isinstance(aggregate, BaseException):
            return f"the replay of its events raises {told(aggregate)}"
        return None if aggregate is None else plain(self.state_of(aggregate), names)

    def state_of(self, aggregate: Any) -> Any:
        """What counts as its state."""
        return asked("state(aggregate)", self.state, aggregate)

    def replay(self, events: Sequence[Stored]) -> Mapping[str, Any]:
        """Stream -> state: by `evolve` where there is one, else by the library's replay."""
        names = names_of(events)
        if self.step is None:
            return {stream: self.shown(one, names) for stream, one in self.aggregates(events).items()}
        return {stream: plain(state, names) for stream, state in self.evolved(events).items()}

    def evolved(self, events: Sequence[Stored]) -> dict[str, Any]:
        """Stream -> state, by `evolve`."""
        assert self.step is not None
        states: dict[str, Any] = {}
        for event in events:
            happened = self.translator.event(event.data)
            states[event.stream] = asked(
                f"evolve(state, event) of {event.data}", self.step, states.get(event.stream), happened
            )
        return states

    def replay_of(self, view: str, events: Sequence[Stored]) -> Mapping[str, Any]:
        """What a view should show."""
        replay = self.replays.get(view)
        return self.replay(events) if replay is None else replay(events)

    def impossible(self, events: Sequence[Stored], appended: Sequence[Stored]) -> str:
        """What the invariant says of the aggregates that have changed; "" if nothing."""
        if self.invariant is None or not appended:
            return ""
        changed = {event.stream for event in appended}
        aggregates = self.aggregates([event for event in events if event.stream in changed])
        for stream, aggregate in aggregates.items():
            known = not isinstance(aggregate, BaseException)
            said = asked("invariant(aggregate)", self.invariant, aggregate) if known else True
            if said is not None and said is not True:
                return said if isinstance(said, str) else f"{stream} is {self.shown(aggregate, names_of(events))!r}"
        return ""

    # -- commands

    def alone(self, command: MethodCall, before: Sequence[Stored], appended: Sequence[Stored] = ()) -> Solo:
        """In a fresh instance; what two such instances do not have in common, such as a random number in an event, is not compared. Where
        there is a `decide`, it says whether the command may be done at all."""
        known = self.script.get(command.text)
        if known is None:
            raise UsageError(
                f"{self.name}: there is no command {command.text!r}; the commands are {', '.join(self.script)}"
            )
        results = [self.translator.decode(said) for said in command.given]
        impossible = self.impossible((*before, *appended), appended)
        refusal = self.refusal(known, results, before)
        once = self.once(known, results, before)
        if refusal is not None:
            lax = once.how == "done" and refusal.anomaly == "lost-update"
            return Solo("refused", refusal.reason, anomaly=LAX if lax else refusal.anomaly, impossible=impossible)
        if once.how != "done" and self.rule is not None:
            return Solo("done", "decide() does not refuse it", impossible=impossible)
        agreed = self.agreed(once, known, results, before, appended)
        return Solo(once.how, once.detail, tuple(map(repr, once.events)), agreed, impossible=impossible)

    def once(self, command: Command, results: Sequence[Any], before: Sequence[Stored]) -> Once:
        """Do it in a fresh instance."""
        names = names_of(before)
        instance = self.fresh(before)
        how, detail = "done", ""
        try:
            answer = command.perform(instance, results)
        except BaseException as error:
            let_through(error)
            how, detail = "refused", f"{type(error).__name__}: {error}"
        page = instance.recorder.select_notifications(start=len(before) + 1, limit=1000)
        events = [self.translator.value(instance.mapper.to_domain_event(one)) for one in page]
        if how == "done" and not events:
            detail = answered(answer, names)
        return Once(how, detail, events)

    def agreed(
        self, once: Once, command: Command, results: Sequence[Any], before: Sequence[Stored], appended: Sequence[Stored]
    ) -> int:
        """How many of the events that were appended, from the first on, are those of a fresh instance."""
        known = names_of(before)
        real = essences(known, [event.data for event in appended])
        alone = essences(known, once.events)
        agreed = alike(real, alone, ())
        if agreed == len(real) or agreed == len(alone):
            return agreed
        again = essences(known, self.once(command, results, before).events)
        unstable = {
            (n, name)
            for n, (one, other) in enumerate(zip(alone, again, strict=False))
            for name in one.keys() | other.keys()
            if one.get(name) != other.get(name)
        }
        return alike(real, alone, unstable)

    def refusal(self, command: Command, results: Sequence[Any], before: Sequence[Stored]) -> Refusal | None:
        """What `decide` has against it."""
        if self.rule is None:
            return None
        entry = command.entry(results)
        try:
            asked(
                f"decide(command, state) of {command.text}",
                self.rule,
                entry,
                self.decided_on(entry, before),
                answers=(Refusal,),
            )
        except Refusal as refusal:
            return refusal
        return None

    def decided_on(self, entry: Any, before: Sequence[Stored]) -> Any:
        """The state of the aggregate that a command is about, None if there is none yet; of several, a tuple of their states."""
        aggregates = self.aggregates(before)
        wanted = self.wanted(entry)
        if isinstance(wanted, tuple | list):
            return tuple(self.state_at(self.stream_of(one, before, aggregates), before, aggregates) for one in wanted)
        return self.state_at(self.stream_of(wanted, before, aggregates), before, aggregates)

    def state_at(self, stream: str | None, before: Sequence[Stored], aggregates: Mapping[str, Any]) -> Any:
        """The state of the aggregate with this stream."""
        if stream is None:
            return None
        if self.step is not None:
            return self.evolved([event for event in before if event.stream == stream]).get(stream)
        aggregate = aggregates[stream]
        return None if isinstance(aggregate, BaseException) else self.state_of(aggregate)

    def wanted(self, entry: Any) -> Any:
        """What says which aggregate a command is about: what `key` returns, or the first argument."""
        if self.key_of is not None:
            return asked("key(command)", self.key_of, entry)
        first = entry[1] if isinstance(entry, tuple) and entry[1:] else None
        return first if isinstance(first, Hashable) and not isinstance(first, tuple) else None

    def stream_of(self, wanted: Any, before: Sequence[Stored], aggregates: Mapping[str, Any]) -> str | None:
        """That of the aggregate with this id, or one that its class makes of it, or with this value as an attribute."""
        ids = {id_of(event.data.originator): event.stream for event in before}
        if wanted is None or wanted in ids:
            return ids.get(wanted)
        for originator, stream in ids.items():
            if made_of(aggregates.get(stream), wanted) == originator:
                return stream
        for stream, aggregate in aggregates.items():
            if not isinstance(aggregate, BaseException) and wanted in vars(aggregate).values():
                return stream
        return None


def made_of(aggregate: Any, wanted: Any) -> Any:
    """The id that the class of an aggregate makes of a value; None if it makes none."""
    try:
        return type(aggregate).create_id(wanted)
    except Exception:  # it may have been made for other values
        return None


def answered(answer: Any, names: Mapping[str, str]) -> str:
    """An answer in words; "" for None."""
    return "" if answer is None else repr(plain(answer, names))


def essences(known: Mapping[str, str], events: Sequence[Happened]) -> list[dict[str, str]]:
    """What the events are, with new ids numbered."""
    names = fresh_names(known, events)
    return [event.essence(names) for event in events]


def alike(some: Sequence[dict[str, str]], others: Sequence[dict[str, str]], unstable: Any) -> int:
    """How many at the beginning are the same, but for what is unstable."""
    for n, (one, other) in enumerate(zip(some, others, strict=False)):
        if any(one.get(name) != other.get(name) and (n, name) not in unstable for name in one.keys() | other.keys()):
            return n
    return min(len(some), len(others))


def streams_of(events: Sequence[Happened]) -> list[Stored]:
    """Events of another log, such as a follower's, with names for their streams."""
    streams = Streams()
    versions: dict[str, int] = {}
    found = []
    for position, event in enumerate(events, 1):
        stream = streams.name(event)
        versions[stream] = versions.get(stream, 0) + 1
        found.append(Stored(position, stream, versions[stream], str(position), event.name, event))
    return found
