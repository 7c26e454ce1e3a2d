"""The application under test: a decider, and the views that its consumers keep.

A decider is three functions (`initial`, `decide`, `evolve`), pure and deterministic. refold needs two things more: a finite
menu of `commands` to choose from, and `key`, the consistency boundary: which stream a command decides on and an event belongs to.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from refold.model.event import Stored
from refold.model.expectation import Criterion

State = Any
Command = Any
Payload = Any
Rows = Mapping[str, Any]
Writes = dict[str, Any]
Projection = Callable[[Stored, Rows], Writes]


class Refusal(Exception):
    """Raised by `decide` if the command's condition does not hold in this state.

    `anomaly` names the finding if such a command succeeds anyway: ``duplicate-create``, ``oversold``, ...
    """

    __slots__ = ("anomaly", "reason")

    def __init__(self, reason: str, anomaly: str = "lost-update") -> None:
        self.reason = reason
        self.anomaly = anomaly

    def __str__(self) -> str:
        return self.reason


class Solo(msgspec.Struct, frozen=True):
    """What a command does where nobody else is at work. `how`: ``done`` or ``refused``; `detail`: the answer, or the reason; `events`: what
    it appends, in words. Of the events that were really appended, the first `agreed` are these. `anomaly`: what it is called if it is done
    where it is refused here. `impossible`: what an invariant of the user's says of the state after the events that were appended."""

    how: str
    detail: str = ""
    events: tuple[str, ...] = ()
    agreed: int = 0
    anomaly: str = "lost-update"
    impossible: str = ""


def unwritten(application: Application, method: str) -> NotImplementedError:
    """The error of a method that each application has to write."""
    return NotImplementedError(f"{type(application).__name__} has no {method}() of its own; write it")


class Application:
    """Base class of applications. Override `commands`, `key`, `decide` and `evolve`; also override `initial`, unless
    states start as None.

    Commands and events are frozen values of your own classes (dataclasses, attrs, msgspec Structs); `events` lists the event classes,
    so that stored events can be read back. States must be immutable values that compare by equality and can be written as JSON
    (numbers, strings, and tuples, dicts, sets, dataclasses or Structs of these). The state None means that nothing has happened yet, so
    no later state may be None: use a value of your own for a deleted object. `properties` lists subclasses of `refold.Property` that judge
    every history of this application, in addition to refold's own.
    """

    name: str = ""
    situations: tuple[str, ...] = ()
    """Names passed to `refold.sometimes`, here or anywhere in the system, that a search must reach. A name whose line is never executed is
    reported as well."""
    events: tuple[type, ...] = ()
    schema: int = 1
    atomic: bool = True
    """Whether a command that fails half-way has no effect. This matters only if commands are run alone (see
    `alone`)."""
    second_opinion: frozenset[str] = frozenset()
    """For applications whose commands are run alone: names the rules (`decide`, `evolve`) of which there is a second,
    independent version, so that refold notices a mistake in the first."""
    properties: Sequence[Any] = ()

    def commands(self) -> Sequence[Command]:
        """The finite menu of commands that runs choose from. Use few keys and few values, and put the simplest commands
        first."""
        raise unwritten(self, "commands")

    def key(self, message: Command | Payload, /) -> str:
        """The consistency boundary of a command or an event: the name of the stream that it decides on or belongs to.

        By default, this is the first field of the message.
        """
        cls: Any = type(message)
        return str(getattr(message, _first_field(cls)))

    def initial(self, key: str, /) -> State:
        """The state of `key` before its first event."""
        return None

    def decide(self, command: Command, state: State, /) -> Sequence[Payload]:
        """The events that `command` causes in `state`; raises `Refusal` if its condition does not hold. If one command
        class subclasses another, `isinstance` with the base class is true for both: ask for the subclass first."""
        raise unwritten(self, "decide")

    def evolve(self, state: State, event: Payload, /) -> State:
        """The state after `event`. It must not change `state` in place, depend on anything but its arguments, or return
        None for something that is gone again."""
        raise unwritten(self, "evolve")

    def view(self, event: Payload, rows: Rows, /) -> Writes:
        """What a read model does with one event: row key -> new value (None deletes the row). By default, the read
        model has one row for each key, which holds the key's state."""
        key = self.key(event)
        before = rows.get(key)
        return {key: self.evolve(self.initial(key) if before is None else before, event)}

    def conditional(self, command: Command, /) -> bool:
        """Whether `command` has a condition on the state; facts that nobody decides on ("three bolts arrived") have none.

        A client appends unconditional commands with `ANY` as the expected version.
        """
        return True

    def cause(self, event: Payload, /) -> Command | None:
        """The command that a worker of yours in effect carries out when it appends `event` without being called. For
        example, a timer that gives a seat back does what `Release` does. refold then judges what the worker appends as
        if a client had asked for it. None (the default) means that the worker follows its own rules, which refold does
        not judge."""
        return None

    def tags(self, event: Payload, /) -> Sequence[str]:
        """What an event is about, for conditions over tags: ``("course:maths", "student:ann")``. By default, an event
        has no tags."""
        return ()

    def condition(self, command: Command, /) -> Sequence[Criterion] | None:
        """The events that the decision on `command` is based on, selected by types and tags, wherever they are; None
        (the default) means those of its stream.

        With criteria, the state that `decide` is given is the fold of all events that match any of them, and the append demands that no
        other such event has been appended since. This is a dynamic consistency boundary.
        """
        return None

    def replay(self, events: Sequence[Stored], /) -> Mapping[str, State]:
        """The states of all keys, made from the events of the log and nothing else. This method is for an application
        without a decider, whose own system executes the commands: refold compares the states that the system shows with
        the states returned here. By default, each event changes the state of its key."""
        states: dict[str, State] = {}
        for event in events:
            key = self.key(event.data)
            states[key] = self.evolve(states[key] if key in states else self.initial(key), event.data)
        return states

    @functools.cached_property
    def decides(self) -> bool:
        """Whether there is a decider, which can say what a command should have done or that it should have been refused."""
        return type(self).decide is not Application.decide

    def replay_of(self, view: str, events: Sequence[Stored], /) -> Mapping[str, State]:
        """The states that `view` should show after these events. By default, these are the states of all keys."""
        return self.replay(events)

    def alone(self, command: Command, before: Sequence[Stored], appended: Sequence[Stored] = (), /) -> Solo:
        """What `command` does when it is run alone, on the log `before`, compared with the events that it really
        `appended`. This method is for an application that has no decider, but whose commands can be run in a fresh
        instance, where no cache, snapshot or second client interferes."""
        raise NotImplementedError

    @property
    def home(self) -> str:
        """The module that a different process has to import to create the same application."""
        return type(self).__module__

    @functools.cached_property
    def solitary(self) -> bool:
        """Whether its commands can be run alone."""
        return type(self).alone is not Application.alone

    @functools.cached_property
    def replayed(self) -> bool:
        """Whether states can be computed only by a full replay: there is no decider, and the effect of a single event
        is not known."""
        return type(self).replay is not Application.replay and not self.decides

    @functools.cached_property
    def tagged(self) -> bool:
        """Whether any command may have a condition over tags."""
        return type(self).condition is not Application.condition

    def broken_invariant(self, key: str, state: State, /) -> str | None:
        """What is impossible about this state of `key` ("stock is -1"), or None. No decision may lead to such a state."""
        return None

    def group(self, key: str, /) -> str:
        """The group with which `key` shares an invariant: for example, the ward, if each doctor on the ward has a
        stream. By default, every key is its own group."""
        return key

    def broken_group_invariant(self, group: str, states: Mapping[str, State], /) -> str | None:
        """What is impossible about the states of a group's keys together ("nobody is on call"), or None.

        An expected version protects only one stream, so decisions that are right one by one may together break an invariant over
        several streams (write skew). Keys without an event are not in `states`.
        """
        return None

    def encode(self, payload: Payload, /) -> Any:
        """The payload as plain JSON values; deterministic (sets are sorted)."""
        return msgspec.to_builtins(payload, order="deterministic")

    def decode(self, type_name: str, data: Any, /) -> Payload:
        """The inverse of `encode`: an event of the class called `type_name`, made from plain values as `upcast` returns them."""
        type_name, data = self.upcast(type_name, data)
        cls = self.event_classes.get(type_name)
        return data if cls is None else msgspec.convert(data, cls)

    def upcast(self, type_name: str, data: Any, /) -> tuple[str, Any]:
        """The current form of an event that a former version of the application stored: the name of its class, and
        plain values. Every event that is read goes through this method, even a new one. By default, the event is
        unchanged."""
        return type_name, data

    def upcast_state(self, key: str, state: Any, /) -> Any:
        """The current form of a state of `key` that a former version recorded; both forms are plain JSON values.
        `refold verify --history` uses the current form for its comparison. By default, the state is unchanged."""
        return state

    def upcast_row(self, row: str, value: Any, /) -> Any:
        """The current form of a row of a read model that a former version recorded. By default, the row is
        unchanged."""
        return self.upcast_state(row, value) if self._viewed_by_key else value

    @functools.cached_property
    def event_classes(self) -> dict[str, type]:
        """The event classes by name."""
        return {cls.__name__: cls for cls in self.events}

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """The streams that the commands of the menu decide on."""
        return tuple(dict.fromkeys(map(self.key, self.commands())))

    @functools.cached_property
    def _viewed_by_key(self) -> bool:
        """Whether the view is the default one: a row of state per key."""
        return type(self).view is Application.view

    def states(self, event: Stored, rows: Rows, /) -> Writes:
        """Projection of the authoritative store, on whose rows clients base their decisions: key -> (version,
        state)."""
        key = self.key(event.data)
        row = rows.get(key)
        state = self.initial(key) if row is None else row[1]
        return {key: (event.version, self.evolve(state, event.data))}

    def views(self, event: Stored, rows: Rows, /) -> Writes:
        """Projection of caches: the application's own view."""
        return self.view(event.data, rows)

    def pointers(self, event: Stored, rows: Rows, /) -> Writes:
        """Projection of the search index: view row -> (key to look up in the store, number of changes so far, value)."""
        payload = event.data
        key = self.key(payload)
        if self._viewed_by_key:  # the usual case, without a look at the rows through their last column
            old = rows.get(key)
            value = self.evolve(self.initial(key) if old is None else old[2], payload)
            return {key: None if value is None else (key, 1 if old is None else old[1] + 1, value)}
        writes: Writes = {}
        for row, value in self.view(payload, _Values(rows)).items():
            if value is None:
                writes[row] = None
            else:
                old = rows.get(row)
                writes[row] = (key, 1 if old is None else old[1] + 1, value)
        return writes

    def totals(self, event: Stored, rows: Rows, /) -> Writes:
        """Projection of the running totals: key -> number of its events. Deliberately not idempotent."""
        key = self.key(event.data)
        return {key: rows.get(key, 0) + 1}

    def replicas(self, event: Stored, rows: Rows, /) -> Writes:
        """Projection of a replica: the totals, and, for each stream, the last version that was seen."""
        return {**self.totals(event, rows), f"last/{event.stream}": event.version}

    def journeys(self, event: Stored, rows: Rows, /) -> Writes:
        """Projection of process managers: key -> events of the current journey. Every second event ends a journey."""
        key = self.key(event.data)
        return {key: None if key in rows else 1}

    def reports(self, event: Stored, rows: Rows, /) -> Writes:
        """Projection of reports: the search index and two side tables, `lookup/ROW` -> the row's key and `names/KEY` ->
        the key's rows."""
        key = self.key(event.data)
        main = self.pointers(event, rows)
        table = f"names/{key}"
        names = {*rows.get(table, ()), *(row for row, value in main.items() if value is not None)}
        names -= {row for row, value in main.items() if value is None}
        side: Writes = {f"lookup/{row}": None if value is None else key for row, value in main.items()}
        side[table] = tuple(sorted(names)) or None
        return {**main, **side}

    def projection(self, name: str, /) -> Projection:
        """The projection called `name`: ``states``, ``views``, ``pointers``, ``totals``, ``replicas``, ``journeys``, ``reports`` or one
        that a subclass adds. Raises `UnknownProjection`."""
        found: Projection | None = getattr(self, name, None) if name else None
        if not callable(found):
            raise UnknownProjection(self, name)
        return found


class UnknownProjection(ValueError):
    """A consumer names a projection that the application does not have; the message is a sentence that says which there are."""

    def __init__(self, application: Application, name: str) -> None:
        from refold.model.words import suggestion

        known = ("views", "states", "pointers", "totals", "replicas", "journeys", "reports")
        own = [one for one in vars(type(application)) if not hasattr(Application, one) and not one.startswith("_")]
        super().__init__(
            f"there is no projection {name!r}{suggestion(name, [*known, *own])}; application"
            f" {application.name or type(application).__name__!r} has {', '.join(known)}, and any method (event, rows) of its own"
        )


@functools.cache
def _first_field(cls: Any) -> str:
    for attribute in (
        "__struct_fields__",
        "__match_args__",
        "__dataclass_fields__",
    ):  # the last has those that are keyword-only
        if fields := getattr(cls, attribute, None):
            return str(next(iter(fields)))
    if fields := getattr(cls, "__attrs_attrs__", None):
        return str(fields[0].name)
    raise TypeError(
        f"{cls.__name__} has no fields to take a key from: override Application.key, or make it a dataclass"
    )


class _Values(Mapping[str, Any]):
    """The rows of the search index seen through their last column: the values."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, key: str, default: Any = None) -> Any:
        row = self._rows.get(key)
        return default if row is None else row[2]

    def __getitem__(self, key: str) -> Any:
        return self._rows[key][2]

    def __iter__(self) -> Any:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
