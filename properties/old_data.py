"""Old data: what a former version of the application recorded means the same to the present one.

For every event e of the log: the present application can read e, and it belongs to the same stream; the fold of the events is what was
recorded of it then, wherever a state or a row was recorded; and no state breaks an invariant that holds today. Usually broken by a field
that has another name now and a default that hides it, by a class that is gone, by another unit, and by a snapshot's form that changed
without anybody saying how. A gate before a deployment, and no part of the suite: events and states come as plain JSON values.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

import attrs
import msgspec

from refold.model.application import Application, Refusal, UnknownProjection
from refold.model.event import Stored
from refold.model.parts.calls import Shown
from refold.model.parts.consuming.rebuild import Rebuilt, StreamAnswered
from refold.model.parts.reading.query import Answered, CachedAtRest
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Applied,
    ConsumerSpec,
    Crashed,
    Declined,
    Observed,
    Opened,
    PowerCut,
    Prepared,
    Recovered,
    SnapshotLoaded,
    SnapshotTaken,
)
from refold.properties.meaning import Comparison, Difference
from refold.properties.property import Evidence, Finding, Handler, Property

STREAM = "stream:"
UNKEYED = frozenset({"totals", "replicas", "journeys"})
"""Projections whose rows are numbers of refold's own, which no application changes."""


def copied(data: Any) -> Any:
    """Plain values of the same form: an upcaster that changes what it is given gets what was stored each time, as it does in production."""
    if isinstance(data, Mapping):
        return {name: copied(value) for name, value in data.items()}
    return [copied(value) for value in data] if isinstance(data, list) else data


class Rows:
    """The rows of one projection after every event: for each row, the positions at which it changed and what it was then."""

    def __init__(self, project: Callable[[Stored, Mapping[str, Any]], dict[str, Any]], types: Collection[str]) -> None:
        self.project = project
        self.types = types
        self.rows: dict[str, Any] = {}
        self.past: dict[str, tuple[list[int], list[Any]]] = {}
        self.lost = ""

    def fold(self, event: Stored) -> None:
        """One more event."""
        if self.types and event.type not in self.types:
            return
        for key, value in self.project(event, self.rows).items():
            positions, values = self.past.setdefault(key, ([], []))
            positions.append(event.position)
            values.append(value)
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value

    def at(self, key: str, position: int) -> Any:
        """A row after the event at `position`; None if it was not there."""
        positions, values = self.past.get(key, ((), ()))
        place = bisect_right(positions, position)
        return values[place - 1] if place else None


class OldData(Property):
    """For every event e that a former version recorded: the application reads e, in the stream where it is, without raising, to the same
    value each time; and for every recorded state or row x of the first n > 0 events: fold(log[:n]) is x, as far as x says.

    Fields that are new are not compared, nor are rows whose position is not recorded, or whose consumer may leave events out, nor what a
    view of the whole application showed. Recorded decisions are compared only if `decisions` says so: rules may change.
    """

    name = "earlier"
    guarantee = "REPL"
    needs_application = True
    clauses = {
        "read": "every event of the log can be read, and folded",
        "read alike": "an event that is read twice is the same",
        "same stream": "an event belongs to the stream in which it is stored",
        "same state": "a state that was recorded is the fold of the events up to there",
        "same rows": "rows that were recorded are those of the projection",
        "invariant": "no state of the old events, of a key or of a group of keys, breaks an invariant of today",
        "decided alike": "a command that is decided again on the same events gives the same events",
    }

    def __init__(
        self, application: Application, plain: Callable[[Any], Any], command: Callable[[Any], Any], decisions: bool
    ) -> None:
        super().__init__(application)
        self.decider = application
        self.comparison = Comparison(plain)
        self.command = command
        self.judging = decisions
        self.states: dict[str, list[Any]] = {}
        self.lost: dict[str, int] = {}
        self.unreadable: Counter[tuple[str, str]] = Counter()
        self.unread: Counter[str] = Counter()
        self.consumers: dict[str, ConsumerSpec] = {}
        self.high: dict[tuple[str, str], int] = {}
        self.folds: dict[tuple[str, tuple[str, ...]], Rows] = {}
        self.strange: dict[str, str] = {}
        self.events: dict[int, tuple[int, Stored]] = {}
        self.placed: dict[tuple[str, int], int] = {}
        self.grouping = type(application).broken_group_invariant is not Application.broken_group_invariant
        self.groups: dict[str, dict[str, Any]] = {}
        self.early: dict[tuple[str, int], list[tuple[int, Any, Any]]] = {}
        """States that were recorded before their last event is read: what a stream shows, readers of the log may come to later."""
        self.compared = Counter[str]()
        self.otherwise = Counter[str]()

    def handlers(self) -> dict[type, Handler]:
        """Events, and everything that shows what they meant."""
        return {
            Opened: self.on_opened,
            Joined: self.on_joined,
            Stored: self.on_stored,
            SnapshotTaken: self.on_snapshot,
            SnapshotLoaded: self.on_snapshot,
            StreamAnswered: self.on_stream_answered,
            Answered: self.on_answered,
            CachedAtRest: self.on_cached,
            Rebuilt: self.on_rebuilt,
            Shown: self.on_shown,
            Crashed: self.on_died,
            PowerCut: self.on_died,
            Applied: self.on_applied,
            Recovered: self.on_recovered,
            Observed: self.on_observed,
            Prepared: self.on_prepared,
            Declined: self.on_declined,
        }

    # -- events

    def on_opened(self, number: int, record: Opened) -> None:
        """Whose rows there are."""
        for spec in record.consumers:
            self.joins(spec)

    def on_joined(self, number: int, record: Joined) -> Finding | None:
        """One more; it begins with the first event."""
        found = self.joins(record.spec)
        return None if found is None else attrs.evolve(found, number=number)

    def joins(self, spec: ConsumerSpec) -> Finding | None:
        """A consumer, if it has rows that are a fold and the application has its projection."""
        if not spec.ordered:
            self.strange[spec.name] = "it is a cache, which may leave events out"
            return None
        try:
            project = self.decider.projection(spec.projection)
        except UnknownProjection:
            self.strange[spec.name] = f"the application has no projection {spec.projection!r}"
            return None
        self.consumers[spec.name] = spec
        kind = (spec.projection, spec.types)
        if kind in self.folds:
            return None
        self.folds[kind] = rows = Rows(project, spec.types)
        found = (self.fold_into(spec.projection, rows, number, event) for number, event in self.events.values())
        return next((finding for finding in found if finding is not None), None)

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """An event is read and folded, and the state after it is one that may be."""
        try:
            payload = self.read(event)
            again = self.read(event)
            alike = self.alike(payload, again)
            self.note_unread(event, payload)
        except Exception as error:
            return self.cannot(number, event, error, "cannot be read")
        if not alike:
            return self.two_values(number, event, payload, again)
        read = msgspec.structs.replace(event, type=type(payload).__name__, data=payload)
        self.events[event.position] = (number, read)
        self.placed[event.stream, event.version] = number
        try:
            key = self.decider.key(payload)
            if key == event.stream and key not in self.lost:
                states = self.stream(key)
                states.append(self.decider.evolve(states[-1], payload))
                together = self.broken_group(key, states[-1])
                broken = self.decider.broken_invariant(key, states[-1])
                broken = together if broken is None else broken
            else:
                broken = None
        except Exception as error:
            return self.cannot(number, event, error, "cannot be folded")
        if key != event.stream:
            return self.moved(number, event, key)
        finding = self.fold_rows(number, read)
        if broken is not None and finding is None:
            return self.breaks(number, event, broken)
        if self.early and (shown := self.early.pop((key, event.version), None)) is not None and finding is None:
            found = (self.state(then, record, key, event.version, value) for then, record, value in shown)
            first = next((one for one in found if one is not None), None)
            return None if first is None else attrs.evolve(first, number=number)
        return finding

    def read(self, event: Stored) -> Any:
        """The payload; raises whatever the application raises, and `LookupError` for what is none of its events."""
        payload = self.decider.decode(event.type, copied(event.data))
        if not isinstance(payload, tuple(self.decider.event_classes.values())):
            known = ", ".join(self.decider.event_classes)
            name, _ = self.decider.upcast(event.type, copied(event.data))
            made = "" if name == event.type else f", which upcast() makes of {event.type!r}"
            raise LookupError(f"the application has no event {name!r}{made}; it has {known}")
        return payload

    def note_unread(self, event: Stored, payload: Any) -> None:
        """Fields of the event that nobody reads: they are lost without an error."""
        name, data = self.decider.upcast(event.type, copied(event.data))
        if isinstance(data, Mapping) and isinstance(written := self.decider.encode(payload), Mapping):
            self.unread.update(f"{name}.{field}" for field in data if field not in written)

    def alike(self, one: Any, other: Any) -> bool:
        """Whether two payloads are the same: equal, or written alike if values of their class are equal to themselves alone."""
        return bool(one == other) or (type(one) is type(other) and self.written(one) == self.written(other))

    def written(self, payload: Any) -> Any:
        """The payload as the application writes it; as Python shows it, if that raises."""
        try:
            return self.comparison.plain(self.decider.encode(payload))
        except Exception:
            return repr(payload)

    def on_died(self, number: int, record: Crashed | PowerCut) -> None:
        """What nobody had been told of may be gone, and other events come to its place."""
        self.early.clear()

    def broken_group(self, key: str, state: Any) -> str | None:
        """What is impossible about the states of the key's group together, if all of them are known."""
        if not self.grouping:
            return None
        group = self.decider.group(key)
        states = self.groups.setdefault(group, {})
        states[key] = state
        return None if self.lost or self.unreadable else self.decider.broken_group_invariant(group, states)

    def stream(self, key: str) -> list[Any]:
        """The states of a stream after each of its events."""
        if key not in self.states:
            self.states[key] = [self.decider.initial(key)]
        return self.states[key]

    def fold_rows(self, number: int, event: Stored) -> Finding | None:
        """Every projection takes the event."""
        for (name, _), rows in self.folds.items():
            finding = self.fold_into(name, rows, number, event)
            if finding is not None:
                return finding
        return None

    def fold_into(self, name: str, rows: Rows, number: int, event: Stored) -> Finding | None:
        """The projection called `name` takes the event, unless it has raised before."""
        if rows.lost:
            return None
        try:
            rows.fold(event)
        except Exception as error:
            rows.lost = f"projection {name} raised"
            return self.cannot(number, event, error, f"cannot be taken by projection {name}", stream=False)
        return None

    # -- what was recorded

    def on_snapshot(self, number: int, record: SnapshotTaken | SnapshotLoaded) -> Finding | None:
        """Of a stream: the state at its version. Of a consumer: its rows at its position."""
        if record.owner.startswith(STREAM):
            return self.state(number, record, record.owner[len(STREAM) :], record.position, record.state)
        if record.owner in self.consumers and isinstance(record.state, dict):
            return self.all_rows(number, record, record.owner, record.position, record.state)
        return None

    def on_stream_answered(self, number: int, record: StreamAnswered) -> Finding | None:
        """A state, through a consumer."""
        return self.state(number, record, record.stream, record.version, record.state)

    def on_answered(self, number: int, record: Answered) -> Finding | None:
        """A state, out of a cache or a store."""
        return self.state(number, record, record.key, record.version, record.state) if record.version else None

    def on_cached(self, number: int, record: CachedAtRest) -> Finding | None:
        """What a cache, or a reader, held of each key; the first that differs."""
        found = (self.state(number, record, key, version, then) for key, (version, then) in record.rows.items())
        return next((finding for finding in found if finding is not None), None)

    def state(self, number: int, record: Any, key: str, version: int, then: Any) -> Finding | None:
        """A state that was recorded, against the fold of the first `version` events of its stream."""
        states = self.states.get(key, ())
        if key in self.lost or version <= 0:
            return None
        if version >= len(states):
            shown = self.early.setdefault((key, version), [])
            if all(other != then for _, _, other in shown):
                shown.append((number, record, then))
            return None
        self.compared["states"] += 1
        return self.compare(
            "same state",
            number,
            record,
            key,
            self.placed.get((key, version)),
            lambda: self.today(key, then),
            states[version],
        )

    def on_applied(self, number: int, record: Applied) -> Finding | None:
        """The rows that an event changed, the first time that it was applied."""
        spec = self.consumers.get(record.consumer)
        found = self.events.get(record.position)
        if spec is None or found is None:
            return None
        lane = (record.consumer, found[1].stream if spec.by_stream else "")
        if record.position <= self.high.get(lane, 0):
            return None
        self.high[lane] = record.position
        return self.rows(number, record, spec, record.position, record.writes)

    def on_recovered(self, number: int, record: Recovered) -> Finding | None:
        """All rows, at the position that goes with them."""
        spec = self.consumers.get(record.process)
        if spec is None or spec.by_stream:
            return None
        if spec.volatile or spec.atomic:
            self.high[record.process, ""] = record.position
            if record.rows is not None:
                return self.all_rows(number, record, record.process, record.position, record.rows)
        return None

    def on_observed(self, number: int, record: Observed) -> Finding | None:
        """All rows, at rest."""
        return self.all_rows(number, record, record.consumer, record.position, record.rows)

    def on_rebuilt(self, number: int, record: Rebuilt) -> Finding | None:
        """All rows, at the position that they stand for."""
        if record.position > self.tail():
            return None
        return self.all_rows(number, record, record.consumer, record.position, record.rows)

    def on_shown(self, number: int, record: Shown) -> Finding | None:
        """All rows of a consumer of the user's own, where nothing moves any more: those of all events, if each takes effect."""
        spec = self.consumers.get(record.consumer)
        if spec is None or spec.at_most_once or record.when != "resting":
            return None
        return self.all_rows(number, record, record.consumer, self.tail(), record.rows)

    def tail(self) -> int:
        """The position of the last event so far."""
        return next(reversed(self.events), 0)

    def all_rows(self, number: int, record: Any, consumer: str, position: int, then: dict[str, Any]) -> Finding | None:
        """Every row there was, and every one that there is now."""
        spec = self.consumers.get(consumer)
        if spec is None or spec.by_stream:
            return None
        past = self.folds[spec.projection, spec.types].past
        wanted = {**dict.fromkeys(key for key in past), **then}
        return self.rows(number, record, spec, position, wanted)

    def rows(self, number: int, record: Any, spec: ConsumerSpec, position: int, then: dict[str, Any]) -> Finding | None:
        """The rows that were recorded, against those of the projection; the first that differs."""
        fold = self.folds[spec.projection, spec.types]
        if fold.lost or self.lost or self.unreadable:
            return None
        event = self.events.get(position)
        for key, value in then.items():
            self.compared["rows"] += 1
            finding = self.compare(
                "same rows",
                number,
                record,
                spec.name,
                None if event is None else event[0],
                partial(self.row_today, spec.projection, key, value),
                fold.at(key, position),
                f"[{key!r}]",
            )
            if finding is not None:
                return finding
        return None

    def today(self, key: str, then: Any) -> Any:
        """A recorded state in the form of today."""
        return then if then is None else self.decider.upcast_state(key, then)

    def row_today(self, projection: str, key: str, then: Any) -> Any:
        """A recorded row in the form of today; what refold's own projections put around the application's value stays."""
        if then is None or projection in UNKEYED or (projection == "reports" and key.startswith(("lookup/", "names/"))):
            return then
        if projection == "states":
            return [then[0], self.today(key, then[1])]
        if projection in ("pointers", "reports"):
            return [then[0], then[1], self.decider.upcast_row(key, then[2])]
        return self.decider.upcast_row(key, then)

    # -- decisions

    def on_prepared(self, number: int, record: Prepared) -> Finding | None:
        """The events that a command caused."""
        if any(event.data is None for event in record.events):
            return None
        try:
            then: Any = [self.decider.decode(event.type, event.data) for event in record.events]
        except Exception:
            return None
        return self.decision(number, record, then)

    def on_declined(self, number: int, record: Declined) -> Finding | None:
        """A command that was refused."""
        return self.decision(number, record, None)

    def decision(self, number: int, record: Prepared | Declined, then: Any) -> Finding | None:
        """Decided again on the same events of its stream; `then` is None for a refusal. Those over tags are left out."""
        if self.decider.tagged:
            return None
        states = self.states.get(record.stream) or [self.decider.initial(record.stream)]
        if record.command is None or record.stream in self.lost or record.seen >= len(states):
            return None
        try:
            command = self.command(record.command)
        except Exception:
            self.otherwise["commands that the application does not know"] += 1
            return None
        said: str | None = None
        try:
            now: Any = list(self.decider.decide(command, states[record.seen]))
        except Refusal as refusal:
            now, said = None, f"refused: {refusal.reason}"
        except Exception as error:
            now, said = error, f"decide raised {type(error).__name__}: {error}"
        self.compared["decisions"] += 1
        both = type(now) is type(then) is list and len(now) == len(then)
        if now == then or (both and all(map(self.alike, now, then))):
            return None
        self.otherwise["decisions that would come out otherwise"] += 1
        if not self.judging:
            return None
        return self.finding(
            "old-decision-differs",
            record.stream,
            number,
            guarantee="CAS",
            clause="decided alike",
            expected="refused" if then is None else [self.written(event) for event in then],
            actual=[self.written(event) for event in now] if said is None else said,
            evidence=[Evidence(number, record, "was decided then")],
        )

    # -- findings

    def compare(
        self,
        clause: str,
        number: int,
        record: Any,
        where: str,
        last: int | None,
        then: Callable[[], Any],
        now: Any,
        prefix: str = "",
    ) -> Finding | None:
        """The first difference between what was recorded, in today's form, and what is folded now."""
        try:
            difference = self.comparison.first(then(), now)
        except Exception as error:
            difference = Difference("", "a value that can be upcast", f"{type(error).__name__}: {error}")
        if difference is None:
            return None
        event = next((event for at, event in self.events.values() if at == last), None) if last else None
        evidence = [] if event is None or last is None else [Evidence(last, event, "is the last event in it")]
        place = f"{prefix}{difference.path}" or "the state"
        return self.finding(
            "old-state-differs",
            where,
            number,
            clause=clause,
            position=None if event is None else event.position,
            expected={place: difference.then},
            actual={place: difference.now},
            evidence=[*evidence, Evidence(number, record, "shows what it meant then")],
        )

    def cannot(self, number: int, event: Stored, error: Exception, what: str, stream: bool = True) -> Finding | None:
        """The application raised; the first event of each type and error is told, the others are counted."""
        if stream:
            self.lost.setdefault(event.stream, number)
        said = f"{type(error).__name__}: {error}"
        cause = (event.type, said)
        self.unreadable[cause] += 1
        if self.unreadable[cause] > 1:
            return None
        return self.finding(
            "old-event-unreadable",
            f"{event.type} ({said})"
            if len([kind for kind, _ in self.unreadable if kind == event.type]) > 1
            else event.type,
            number,
            clause="read",
            position=event.position,
            expected="an event of the application",
            actual=said,
            evidence=[Evidence(number, event, what)],
        )

    def two_values(self, number: int, event: Stored, one: Any, other: Any) -> Finding:
        """Read twice, it is two events."""
        return self.finding(
            "old-event-read-two-ways",
            event.type,
            number,
            clause="read alike",
            position=event.position,
            expected=self.comparison.plain(one),
            actual=self.comparison.plain(other),
            evidence=[Evidence(number, event, "was read twice")],
        )

    def moved(self, number: int, event: Stored, key: str) -> Finding:
        """The application looks for it in another stream."""
        self.lost.setdefault(event.stream, number)
        return self.finding(
            "old-event-moved",
            event.stream,
            number,
            clause="same stream",
            position=event.position,
            expected=event.stream,
            actual=key,
            evidence=[Evidence(number, event, "belongs to another stream now")],
        )

    def breaks(self, number: int, event: Stored, broken: str) -> Finding:
        """A state that cannot be, made of events that were."""
        return self.finding(
            "old-state-breaks-invariant",
            event.stream,
            number,
            clause="invariant",
            position=event.position,
            expected="a state that the invariant allows",
            actual=broken,
            evidence=[Evidence(number, event, "leads to it")],
        )

    # -- what is left to say

    def observations(self) -> dict[str, int]:
        """What was compared."""
        return {f"{kind}_compared": self.compared[kind] for kind in ("states", "rows", "decisions")}

    def remarks(self) -> Iterator[str]:
        """What was not compared, and what a reader ought to know, in words."""
        if self.unread:
            shown = ", ".join(f"{field} (in {count:,})" for field, count in sorted(self.unread.items()))
            yield f"fields of old events that the application does not read: {shown}"
        if self.comparison.added:
            yield f"fields that no record of old has: {', '.join(sorted(self.comparison.added))}"
        for name, why in sorted(self.strange.items()):
            yield f"the rows of {name}: {why}"
        if self.lost or self.unreadable:
            yield "rows, invariants of groups, and the states of streams with an event that cannot be read, from that event on"
        if self.early:
            yield f"states of more events than their streams have in the history: {sum(map(len, self.early.values())):,}"
        if not self.compared["states"] and not self.compared["rows"]:
            yield (
                "what the events meant: the history holds no state and no rows that could be compared, so it is only known whether they"
                " can be read"
            )
        for what, count in self.otherwise.items():
            if not self.judging or "know" in what:
                more = "" if "know" in what else " (rules may change; --decisions makes them findings)"
                yield f"{what}: {count:,}{more}"
