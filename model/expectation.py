"""Expected version: what an append demands of its stream before it may happen.

`Exact(n)` is the compare-and-set of an event log: the stream must hold exactly n events. `NO_STREAM` is a value of its own
and not `Exact(0)` in disguise, because a stream that was deleted may hold no events and still not be new
(catalogue: first-append-race).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import msgspec


class Expectation(msgspec.Struct, frozen=True, gc=False, tag_field="expect"):
    """The base of the expectations; `holds` says whether a stream at `version` satisfies it.

    `versioned` is False for those that demand something else than a version: a log that knows them checks them itself.
    """

    versioned: ClassVar[bool] = True

    def holds(self, version: int) -> bool:
        """Whether a stream that holds `version` events (0: no such stream) satisfies this expectation."""
        raise NotImplementedError


class AnyVersion(Expectation, frozen=True, tag="any"):
    """No condition at all. Right for facts that nobody decides on, wrong for decisions (catalogue: expected-any-misuse)."""

    def holds(self, version: int) -> bool:
        """Always."""
        return True

    def __str__(self) -> str:
        return "any version"


class NoStream(Expectation, frozen=True, tag="no-stream"):
    """The stream must not exist."""

    def holds(self, version: int) -> bool:
        """Only for a stream without events."""
        return version == 0

    def __str__(self) -> str:
        return "no stream"


class StreamExists(Expectation, frozen=True, tag="exists"):
    """The stream must exist, at whatever version."""

    def holds(self, version: int) -> bool:
        """Only for a stream with at least one event."""
        return version > 0

    def __str__(self) -> str:
        return "an existing stream"


class Exact(Expectation, frozen=True, tag="exact"):
    """The stream must hold exactly `version` events, `version` >= 1."""

    version: int

    def holds(self, version: int) -> bool:
        """True only for a stream with exactly the expected number of events."""
        return version == self.version

    def __str__(self) -> str:
        return f"version {self.version}"


class Fenced(Expectation, frozen=True, tag="fenced"):
    """Nobody may have come to the stream with a newer fencing token than `token`; of versions it demands nothing."""

    versioned: ClassVar[bool] = False
    token: int

    def holds(self, version: int) -> bool:
        """Always true: every version is accepted."""
        return True

    def __str__(self) -> str:
        return f"no token newer than {self.token}"


class OnHold(Expectation, frozen=True, tag="on-hold"):
    """The stream must still be reserved under the number `hold`; of versions it demands nothing."""

    versioned: ClassVar[bool] = False
    hold: int

    def holds(self, version: int) -> bool:
        """Always true: every version is accepted."""
        return True

    def __str__(self) -> str:
        return f"hold {self.hold} in force"


class Criterion(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Events of one of these `types` (empty: any type) that have all of these `tags` (empty: any tags)."""

    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def matches(self, type_name: str, tags: Collection[str]) -> bool:
        """Whether an event of this type with these tags matches."""
        if self.types and type_name not in self.types:
            return False
        return all(tag in tags for tag in self.tags)

    def __str__(self) -> str:
        parts = [" or ".join(self.types) or "any event"]
        return " with ".join([*parts, " and ".join(self.tags)] if self.tags else parts)


class NoMatch(Expectation, frozen=True, tag="no-match"):
    """No event after position `after` may match any of the `criteria`; the version of the stream does not matter.

    This is the condition of a dynamic consistency boundary: what a decision has read is named by types and tags, not by a stream, and
    `after` is the end of the log at the time of reading.
    """

    versioned: ClassVar[bool] = False
    criteria: tuple[Criterion, ...]
    after: int

    def holds(self, version: int) -> bool:
        """Always true: every version is accepted."""
        return True

    def matches(self, type_name: str, tags: Collection[str]) -> bool:
        """Whether such an event matches one of the criteria."""
        return any(criterion.matches(type_name, tags) for criterion in self.criteria)

    def __str__(self) -> str:
        return f"nothing after position {self.after} of: {'; '.join(map(str, self.criteria))}"


ANY = AnyVersion()
NO_STREAM = NoStream()
STREAM_EXISTS = StreamExists()
_EXACT = tuple(Exact(n) for n in range(1024))


def at_version(version: int) -> Exact | NoStream:
    """The expectation of a writer that has seen `version` events of the stream: `NO_STREAM` for none."""
    if version == 0:
        return NO_STREAM
    return _EXACT[version] if version < 1024 else Exact(version)


AnyExpectation = AnyVersion | NoStream | StreamExists | Exact | Fenced | OnHold | NoMatch
