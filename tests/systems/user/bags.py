"""An application whose commands make as many events as the state says, and a log that does what the how-to asks for."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct

from refold.model.application import Application, Refusal
from refold.model.event import Stored
from refold.model.log import Appended, AppendRequest, Conflict, Log


class Add(Struct, frozen=True):
    """Put one in."""

    bag: str


class Clear(Struct, frozen=True):
    """Take out whatever is in there."""

    bag: str


class Added(Add, frozen=True):
    """One more."""


class Removed(Add, frozen=True):
    """One less."""


class Bag(Application):
    """The state is how many are in it."""

    name = "bag"
    events = (Added, Removed)

    def commands(self) -> list[Any]:
        """Of one bag."""
        return [Add("a"), Clear("a")]

    def initial(self, key: str) -> int:
        """Empty."""
        return 0

    def decide(self, command: Any, state: int) -> list[Any]:
        """As many events as there are things in the bag."""
        if isinstance(command, Add):
            return [Added(command.bag)]
        if not state:
            raise Refusal("empty")
        return [Removed(command.bag)] * state

    def evolve(self, state: int, event: Any) -> int:
        """One more or less."""
        return state + 1 if isinstance(event, Added) else state - 1


class MyLog:
    """Right: the answer to an append that is stored already is the first answer again."""

    capabilities: ClassVar[tuple[str, ...]] = ("dedupe",)

    def __init__(self) -> None:
        self.inner = Log()

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """All positions of the operation, however many events are asked for now."""
        known = tuple(event.position for event in self.inner.read(0, 1 << 20) if event.operation == request.op)
        return Appended(known) if known else self.inner.append(request)

    def read(self, after: int, limit: int) -> Any:
        """At most `limit` events."""
        return self.inner.read(after, limit)

    def read_stream(self, stream: str, after: int) -> Any:
        """The events of a stream."""
        return self.inner.read_stream(stream, after)


class Forgetful(MyLog):
    """Wrong: says yes and stores nothing, if it is asked the second time."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[str] = []

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Every second operation is lost."""
        if len(self.lost) % 2:
            self.lost.append(request.op)
            last: list[Stored] = list(self.inner.read(0, 1 << 20))
            return Appended(tuple(len(last) + n for n, _ in enumerate(request.events, 1)))
        self.lost.append(request.op)
        return self.inner.append(request)
