"""Side consumers: more subscribers of the log, of other designs, which take part only in runs that use them.

The four consumers of the core (store, index, totals, cache) are there in every run. A side consumer comes into being with the first
action of a plan that names it; the record `Joined` says so, and from there on every property asks of it what its
specification promises. A run that never names it pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from refold.model.action import Crash, CrashAt, Deliver, Fail, Redeliver, Restart
from refold.model.consumer import Consumer
from refold.model.datastore import Datastore
from refold.model.declarations.count import Count, count
from refold.model.extension import Extension, Group
from refold.model.parts.connection import Disconnect
from refold.model.record import ConsumerSpec, Record, record_kind


@record_kind
class Joined(Record, frozen=True, tag="joined"):
    """Another consumer takes part from here on, with these promises; it begins with no rows, before the first event."""

    spec: ConsumerSpec

    def __str__(self) -> str:
        return f"{self.spec.name} takes part from here on ({self.spec.projection})"


FUSES = (1, 2, 3)
BACK = (1, 2, 4, 8)


class UnknownConsumer(KeyError):
    """A plan names a consumer that this system does not have; the action is not enabled."""


class Consumers(dict[str, Any]):
    """Consumers by name; one that is expected but not there yet is made when it is first asked for.

    It takes part (`everyone`) from the first action on that is performed; an action that turns out not to be enabled leaves no trace.
    """

    def __init__(self) -> None:
        super().__init__()
        self.everyone: list[Any] = []
        self.expected: dict[str, SideConsumer] = {}
        self.fresh: list[Any] = []

    def __missing__(self, name: str) -> Any:
        """Make the consumer; `UnknownConsumer` if nobody expects it."""
        extension = self.expected.get(name)
        if extension is None:
            raise UnknownConsumer(name)
        self[name] = consumer = extension.join(name)
        self.fresh.append(consumer)
        return consumer

    def announce(self) -> None:
        """The action that named them is performed: they take part."""
        for consumer in self.fresh:
            self.everyone.append(consumer)
            self.expected[consumer.name].announce(consumer)
        self.fresh.clear()

    def withdraw(self) -> None:
        """The action that named them is not enabled: they were never there."""
        for consumer in self.fresh:
            del self[consumer.name]
        self.fresh.clear()


class SideConsumer(Extension):
    """One or more consumers called `names`, of class `design`, with projection `projection`.

    A part that replaces this extension may be another extension or just another `design`.
    """

    names: ClassVar[tuple[str, ...]]
    design: ClassVar[type[Consumer]]
    projection: ClassVar[str] = "totals"
    weight: ClassVar[int] = 6
    counts_more: ClassVar[tuple[Count, ...]] = ()
    """What is counted beside that it took part."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls) and "counts" not in vars(cls):
            names = cls.names
            cls.counts = (
                count(
                    f"{cls.name}_subscriptions",
                    f"times that {cls.title} took part",
                    Joined,
                    where=lambda joined: joined.spec.name in names,
                ),
                *cls.counts_more,
            )

    def __init__(self, context: Any, consumers: Any, clients: Any, step: Any) -> None:
        super().__init__(context, consumers, clients, step)
        if type(consumers) is Consumers:
            for name in self.names:
                consumers.expected[name] = self

    @classmethod
    def replaced(cls, part: Any) -> Any:
        """This extension with another design, or another extension in its place."""
        if part is None or issubclass(part, Extension):
            return part or cls
        return type(cls.__name__, (cls,), {"design": part})

    def join(self, name: str) -> Consumer:
        """Make the consumer."""
        return self.design(name, self.projection, self.context, Datastore())

    def announce(self, consumer: Consumer) -> None:
        """It takes part from here on."""
        self.emit(Joined(consumer.spec))

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Deliveries, deaths and restarts of these consumers."""
        names = cls.names
        groups: list[Group] = [
            (cls.family, cls.weight, [Deliver(name, index) for index in (0, 1) for name in names]),
            (cls.family, 1, [*[Crash(name) for name in names], *[CrashAt(name, n) for n in FUSES for name in names]]),
            (cls.family, 2, [Restart(name) for name in names]),
        ]
        groups.append((cls.family, 2, [Redeliver(name, back) for back in BACK for name in names]))
        groups.append((cls.family, 2, [*[Fail(name) for name in names], *[Disconnect(name) for name in names]]))
        return groups

    def there(self, name: str) -> Any:
        """The consumer if it has joined; None otherwise."""
        return self.consumers.get(name)
