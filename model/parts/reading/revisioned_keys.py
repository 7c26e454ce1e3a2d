"""A bucket of keys: create if absent, delete, create again, with revisions, as key-value stores on top of a log offer it.

Every change of a key has a revision that counts over the whole bucket. A deleted key leaves a tombstone with its revision, so that
revisions never go back (A5), and creating the key again is an update of the tombstone: it succeeds only if the tombstone
is still the newest entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind

KEYS = ("lamp",)


@action_kind
class LookUp(Action, frozen=True, tag="look-up"):
    """A client looks a key up, and may create it later on the strength of what it has seen."""

    client: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} looks up whether {self.key} is free"


@action_kind
class Create(Action, frozen=True, tag="create"):
    """A client creates the key that it has looked up, or one that it looks up now."""

    client: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} creates {self.key}"


@action_kind
class Discard(Action, frozen=True, tag="discard"):
    """A client deletes a key."""

    client: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} deletes {self.key}"


@record_kind
class LookedUp(Record, frozen=True, tag="looked-up"):
    """A client looked up the key: it is at `revision` (0: it was never there), and `exists` says whether it exists."""

    client: str
    key: str
    revision: int
    exists: bool

    def __str__(self) -> str:
        return f"{self.client} finds {self.key} {'there' if self.exists else 'free'}, at revision {self.revision}"


@record_kind
class Created(Record, frozen=True, tag="created"):
    """The bucket said yes: the client has created the key, at `revision`."""

    client: str
    key: str
    revision: int

    def __str__(self) -> str:
        return f"{self.client} is told that it has created {self.key}, at revision {self.revision}"


@record_kind
class CreateRefused(Record, frozen=True, tag="create-refused"):
    """The bucket said no: somebody else has created the key."""

    client: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} is told that somebody else has created {self.key}"


@record_kind
class Discarded(Record, frozen=True, tag="discarded"):
    """The key is deleted; its tombstone has `revision`."""

    client: str
    key: str
    revision: int

    def __str__(self) -> str:
        return f"{self.client} has deleted {self.key}; its tombstone has revision {self.revision}"


class Entry:
    """The newest entry of a key: its revision, and whether it is there or a tombstone."""

    __slots__ = ("exists", "revision")

    def __init__(self, revision: int, exists: bool) -> None:
        self.revision = revision
        self.exists = exists


ABSENT = Entry(0, False)


class Bucket(Extension):
    """Keys with revisions and tombstones."""

    name = "bucket"
    title = "keys with revisions"
    covers = "create, delete and create again, with tombstones"
    counts = (count("keys_created", "keys that a bucket let somebody create", Created),)
    family = "bucket"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.entries: dict[str, Entry] = {}
        self.revision = 0
        self.seen: dict[tuple[str, str], tuple[int, bool]] = {}

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Two clients and one key are enough for every race."""
        talks = [(client, key) for key in KEYS for client in clients[:2]]
        return [
            (cls.family, 4, [Create(client, key) for client, key in talks]),
            (cls.family, 3, [LookUp(client, key) for client, key in talks]),
            (cls.family, 2, [Discard(client, key) for client, key in talks]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """All three actions."""
        return {LookUp: self.look_up, Create: self.create, Discard: self.discard}

    def look_up(self, action: LookUp) -> bool:
        """Remember what was found."""
        self.step(action)
        self.find(action.client, action.key)
        return True

    def find(self, client: str, key: str) -> tuple[int, bool]:
        """Read the newest entry."""
        entry = self.entries.get(key, ABSENT)
        self.seen[client, key] = found = (entry.revision, entry.exists)
        self.emit(LookedUp(client, key, entry.revision, entry.exists))
        return found

    def create(self, action: Create) -> bool:
        """Create on what was seen; no entry, a tombstone and an existing key are three cases."""
        client, key = action.client, action.key
        self.step(action)
        if (client, key) not in self.seen:
            self.find(client, key)
        revision, exists = self.seen.pop((client, key))
        if exists:
            self.emit(CreateRefused(client, key))
            return True
        stored = self.create_over_tombstone(key, revision) if revision else self.update(key, 0, exists=True)
        self.emit(Created(client, key, stored) if stored else CreateRefused(client, key))
        return True

    def create_over_tombstone(self, key: str, revision: int) -> int:
        """The key was deleted at `revision`: update the tombstone, if it is still the newest entry."""
        return self.update(key, revision, exists=True)

    def update(self, key: str, expected: int, *, exists: bool) -> int:
        """Write a new entry, if the newest has revision `expected`; its revision, or 0 for a refusal."""
        return self.put(key, exists=exists) if self.entries.get(key, ABSENT).revision == expected else 0

    def put(self, key: str, *, exists: bool) -> int:
        """Write a new entry, whatever is there; returns its revision."""
        self.revision += 1
        self.entries[key] = Entry(self.revision, exists)
        return self.revision

    def discard(self, action: Discard) -> bool:
        """Replace the entry with a tombstone."""
        if not self.entries.get(action.key, ABSENT).exists:
            return False
        self.step(action)
        self.emit(Discarded(action.client, action.key, self.bury(action.key)))
        return True

    def bury(self, key: str) -> int:
        """The tombstone's revision: a new one, which the next creation has to know."""
        return self.put(key, exists=False)
