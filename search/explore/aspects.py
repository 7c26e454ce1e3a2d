"""Aspects: what one plan is about. A consumer that no client reads is told apart from all others, so each is explored by itself.

Let F be such a consumer, or the few that one extension brings. Nothing that F does changes the log, a client, or a consumer outside of F
(this is looked at after each of its actions; where it is not so, nothing is told apart).
So a finding about anything else is made on a plan without F's actions too, and a finding about F on one without the actions of others like
it. Plans about F are therefore judged by the properties of consumers alone, without the records of others like it; the plans about nobody
in particular by all properties. What a shortest plan is does not change: whatever is left out of it makes it shorter.

Once no client can act any more, a plan about F has states that differ in nothing that F can ever meet: in what the clients remember, in how
far the consumers are that they read, and in who has written which event. These are taken for one another (`Lens`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import msgspec

from refold.model.application import Application
from refold.model.record import (
    Applied,
    CheckpointSaved,
    Failed,
    Held,
    Ignored,
    Observed,
    Opened,
    Recovered,
    SnapshotLoaded,
    SnapshotTaken,
)
from refold.properties.property import Checker, Property
from refold.properties.suite import checker
from refold.search.explore.fingerprint import ALL, CanonicalForm, StatePart
from refold.systems.deployment import Deployment

OF_CONSUMERS = frozenset(
    {Applied, CheckpointSaved, Failed, Held, Ignored, Observed, Recovered, SnapshotLoaded, SnapshotTaken}
)
"""Records that only a consumer or a process makes: a property that looks at none of them cannot tell what a consumer does."""

KEEPERS = ("progress", "states", "oracle")
"""Parts of the oracle that properties of consumers ask."""

FIELDS = ("consumer", "owner", "process")
"""Fields of a record that name the consumer that it is about."""


def groups(deployment: Any, read: Set[str]) -> dict[str, str]:
    """Consumer that no client reads -> what it is told apart by: its own name, or the names of all that its extension brings."""
    found = {name: name for name in getattr(deployment, "consumers", {}) if name not in read}
    for extension in getattr(deployment, "extensions", ()):
        found.update(dict.fromkeys(extension.names, "+".join(extension.names)))
    return found


class NotApart(Exception):
    """What a consumer did changed something that others can tell: it cannot be explored by itself."""


def others(deployment: Any, read: Set[str]) -> list[Any]:
    """What no consumer that is told apart may change: the log, what its readers have seen, the clients, and what these read."""
    stores = [deployment.consumers[name] for name in read if name in deployment.consumers]
    clients = list(deployment.clients.values())
    return [deployment.log, deployment.observer, *clients, *stores, *[one.store for one in (*clients, *stores)]]


def told_apart(deployment: Any, application: Application) -> bool:
    """Whether consumers are known to have nothing in common: all parts are refold's own, and so are all properties."""
    if type(deployment).__module__ != Deployment.__module__ or application.properties:
        return False
    parts = [deployment.log, *deployment.consumers.values(), *deployment.clients.values(), *deployment.extensions]
    return all(type(part).__module__.startswith("refold.") for part in parts)


def with_side_consumers(system: Any, core: Any) -> Any:
    """The core of a system, and the extensions that bring consumers of another design than the reference system's."""
    replaced = getattr(system, "parts", {})
    core.extensions = [one for one in system.extensions if one.names and one.name in replaced]
    return core


def judge_of(application: Application, about: Sequence[str]) -> Checker:
    """Who judges plans about these consumers; all properties if it is about nobody in particular."""
    full = checker(application)
    if not about:
        return full
    return Checker([one for one in full.properties if one.name in KEEPERS or of_consumers(one)], full.table.late)


def of_consumers(judge: Property) -> bool:
    """Whether a property may find something about a consumer."""
    return not OF_CONSUMERS.isdisjoint(judge.handlers())


def only_about(feed: Callable[[Any], None], about: Sequence[str], strangers: Set[str]) -> Callable[[Any], None]:
    """Feeds what is about the log, about clients and about these consumers."""

    def emit(record: Any) -> None:
        for field in FIELDS:
            if getattr(record, field, None) in strangers:
                return
        if type(record) is Opened:
            record = msgspec.structs.replace(
                record, consumers=tuple([spec for spec in record.consumers if spec.name in about])
            )
        feed(record)

    return emit


def withdraw(deployment: Any, read: Set[str], about: Sequence[str]) -> None:
    """Take the consumers out that neither a client reads nor a plan is about: nobody would notice them."""
    for name in [name for name in deployment.consumers if name not in read and name not in about]:
        consumer = deployment.consumers.pop(name)
        deployment.everyone.remove(consumer)
        consumer.store.close()


class Lens:
    """How a state looks to a consumer once it is over with the clients: parts that it never meets are gone, and events are called by their
    positions.

    The names of events are opaque to the log and the consumers of the model: they are kept and compared for equality. Others may take
    them apart, so where one takes part, events keep their names; also where a part shows a name otherwise, in a longer one or of no event.
    """

    def __init__(self) -> None:
        self.writers: dict[tuple[tuple[str, str], ...], CalledByPosition] = {}

    def total(self, deployment: Any, read: Set[str], parts: Iterable[StatePart], form: CanonicalForm) -> int:
        """The sum of the hashes of what is seen, of parts that were written down in this form."""
        unseen = set(map(id, others(deployment, read)[2:]))
        seen = [part for part in parts if id(part.thing) not in unseen]
        writer = self.writer(deployment, form)
        renamed = None if writer is None else writer.total(seen, form)
        return sum([part.digest for part in seen]) & ALL if renamed is None else renamed

    def writer(self, deployment: Any, form: CanonicalForm) -> CalledByPosition | None:
        """Who calls events by their positions; None if they keep their names, if two have the same position, or one has two."""
        if deployment.extensions or not all(map(of_the_model, (deployment.log, *deployment.consumers.values()))):
            return None
        events = [*deployment.observer.known.values(), *deployment.log.entries]
        positions = {event.id: event.position for event in events}
        if any(positions[event.id] != event.position for event in events):
            return None
        if len(set(positions.values())) < len(positions):
            return None
        called = tuple(sorted([(name, f"@{position}") for name, position in positions.items()]))
        found = self.writers.get(called)
        if found is None:
            found = self.writers[called] = CalledByPosition(dict(called), form)
        return found


def of_the_model(part: Any) -> bool:
    """Whether a part is the reference system's own."""
    return type(part).__module__.startswith("refold.model.")


class CalledByPosition(CanonicalForm):
    """Writes parts down as another form does, with other names for events."""

    def __init__(self, called: Mapping[str, str], form: CanonicalForm) -> None:
        super().__init__(form.unseen)
        self.called = called
        self.pattern = form.pattern
        self.digests: dict[int, int | None] = {}
        """Hash of a part as it is -> its hash under these names; None if it shows a name otherwise."""

    def value(self, value: Any) -> str:
        """A plain value, under its other name."""
        return repr(self.called.get(value, value) if type(value) is str else value)

    def total(self, parts: Iterable[StatePart], form: CanonicalForm) -> int | None:
        """The sum of the hashes; None if there is a name that it has no other one for."""
        value = 0
        for part in parts:
            digest: int | None = part.digest
            if part.named and digest:
                digest = self.renamed(part, form)
                if digest is None:
                    return None
            value += digest or 0
        return value & ALL

    def renamed(self, part: StatePart, form: CanonicalForm) -> int | None:
        """The hash of one part."""
        if part.digest not in self.digests:
            self.names = dict(form.names)
            again = self.part(part.thing, part.name)
            self.digests[part.digest] = None if again.named else again.digest
        return self.digests[part.digest]


def names_of(clients: Iterable[str]) -> re.Pattern[str]:
    """What names look like that clients give to what they do, and to their events."""
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, clients))})-\d+")


@functools.cache
def apart_from(focus: str) -> int:
    """What is added to the hash of a state of a plan that is about somebody: judged otherwise, it is another state."""
    return int.from_bytes(focus.encode("utf-8", "surrogatepass"), "little") << 8
