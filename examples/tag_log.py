"""A log that takes appends with a condition over types and tags, in memory.

Try it: refold verify --system tag_log.py:TagLog --application courses
"""

from __future__ import annotations

from refold.model import Appended, AppendRequest, Conflict, NoMatch, Stored


class TagLog:
    """All events in one list; positions are places in it."""

    capabilities = ("append", "dedupe")

    def __init__(self) -> None:
        self.events: list[Stored] = []

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Look for what is in the way, and store the events, in one step."""
        known = tuple(e.position for e in self.events if e.operation == request.op)
        if known:
            return Appended(known)
        version = sum(e.stream == request.stream for e in self.events)
        if not self.holds(request, version):
            return Conflict(version)
        before = len(self.events)
        for n, e in enumerate(request.events, 1):
            self.events.append(Stored(before + n, request.stream, version + n, e.id, e.type, e.data, e.tags))
        return Appended(tuple(range(before + 1, len(self.events) + 1)))

    def holds(self, request: AppendRequest, version: int) -> bool:
        """A condition over tags, or an expected version."""
        expected = request.expected
        if isinstance(expected, NoMatch):
            return not any(expected.matches(e.type, e.tags) for e in self.events[expected.after :])
        return expected.holds(version)

    def read(self, after: int, limit: int) -> list[Stored]:
        """A page."""
        return self.events[after : after + limit]


class OneTagLog(TagLog):
    """Looks for the first part of the condition only."""

    def holds(self, request: AppendRequest, version: int) -> bool:
        """What is wrong."""
        expected = request.expected
        if isinstance(expected, NoMatch):
            first = expected.criteria[0]
            return not any(first.matches(e.type, e.tags) for e in self.events[expected.after :])
        return expected.holds(version)
