"""Queries: the reading side, cache first with fall-back to the authoritative store, in sessions.

Contract: a client reads its own acknowledged writes and never goes back in time; where the store is not so far yet, the query waits for it,
for `PATIENCE` ticks at most, and then says so. The cache may be stale: what was read from the store arrives in it later, under the
version that it has, and it hears of changes later still; but at rest it holds the newest. Search hits whose target the store does not
hold (dangling pointers) are recognised and discarded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import Record, record_kind
from refold.model.words import counted

PATIENCE = 4
"""Ticks that a query waits before it gives up."""

REMEMBERED = 32
"""Changes of a key whose times are remembered, to say how stale an answer is."""


@action_kind
class Query(Action, frozen=True, tag="query"):
    """A client asks for the state of a key. The cache answers if it may, otherwise the authoritative store; the query waits if the
    store is behind."""

    client: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} queries {self.key}"


@action_kind
class LookAgain(Action, frozen=True, tag="look-again"):
    """A waiting query checks whether it can be answered now, or whether its time is up."""

    client: str

    def __str__(self) -> str:
        return f"the waiting query of {self.client} looks again"


@action_kind
class FillCache(Action, frozen=True, tag="fill-cache"):
    """What a client has read from the store arrives in the cache."""

    client: str

    def __str__(self) -> str:
        return f"what {self.client} has read from the store arrives in the cache"


@action_kind
class HearNews(Action, frozen=True, tag="hear-news"):
    """The cache is told which keys have changed, and drops them."""

    def __str__(self) -> str:
        return "the query cache hears what has changed"


@action_kind
class Search(Action, frozen=True, tag="search"):
    """A client searches the index for everything that points to a key, and looks the hits up in the store."""

    client: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} searches the index for {self.key}"


@record_kind
class Answered(Record, frozen=True, tag="answered"):
    """A query was answered from `source` (``cache`` or ``store``) with `state`, the fold of the first `version` events of `key`.

    How stale that is: `events_behind` events of this key are missing, the oldest of them for `ticks_behind` ticks.
    """

    phrase = "a query was answered"

    client: str
    key: str
    source: str
    version: int
    state: Any
    events_behind: int
    ticks_behind: int

    def __str__(self) -> str:
        return f"the {self.source} answers {self.client} about {self.key}: version {self.version}" + (
            f", {self.events_behind} behind for {counted(self.ticks_behind, 'tick')}" if self.events_behind else ""
        )


@record_kind
class Waiting(Record, frozen=True, tag="waiting"):
    """A query cannot be answered before the store is at position `needed`; it has waited `ticks` of at most `patience`."""

    client: str
    key: str
    needed: int
    ticks: int
    patience: int

    def __str__(self) -> str:
        waited = f"{self.ticks} of {counted(self.patience, 'tick')}"
        return f"the query of {self.client} about {self.key} waits for position {self.needed}, for {waited}"


@record_kind
class GaveUp(Record, frozen=True, tag="gave-up"):
    """A query ended without an answer, and said so."""

    client: str
    key: str
    needed: int
    ticks: int
    patience: int = 0

    def __str__(self) -> str:
        return f"the query of {self.client} about {self.key} gives up after {counted(self.ticks, 'tick')}"


class Hit(msgspec.Struct, frozen=True):
    """An index row that points to the key; `version` is that of the target in the store (0: there is none)."""

    row: str
    version: int
    shown: bool


@record_kind
class Searched(Record, frozen=True, tag="searched"):
    """What a search found, and how much of it was shown to the client."""

    phrase = "the index was searched"

    client: str
    key: str
    hits: tuple[Hit, ...]

    def __str__(self) -> str:
        return f"the search of {self.client} for {self.key} shows {sum(hit.shown for hit in self.hits)} of {counted(len(self.hits), 'hit')}"


SHOWN_MAX = 6
"""Keys, at most, that a sentence names."""


@record_kind
class CachedAtRest(Record, frozen=True, tag="cached-at-rest"):
    """What the query cache, or a reader, holds at rest: key -> (version, state)."""

    rows: dict[str, tuple[int, Any]]
    source: str = ""

    def __str__(self) -> str:
        shown = ", ".join(f"{key} (version {version})" for key, (version, _) in list(self.rows.items())[:SHOWN_MAX])
        more = len(self.rows) - SHOWN_MAX
        said = (shown + (f" and {more:,} more" if more > 0 else "")) or "nothing"
        return f"at rest {self.source} answers about {said}" if self.source else f"at rest the query cache holds {said}"


class Entry(msgspec.Struct, frozen=True):
    """A row as it was read when the store was at `position`."""

    position: int
    version: int
    state: Any


class Question(msgspec.Struct, frozen=True):
    """A query under way: `needed` is the position that the answer must include, `since` the tick at which it was asked."""

    client: str
    key: str
    needed: int
    since: int


class Queries(Extension):
    """Cache, fall-back, sessions, search."""

    name = "queries"
    title = "queries"
    covers = "own writes, monotonic reads, waits, dangling search hits, how stale answers are"
    counts = (count("queries_answered", "queries of clients that got an answer", Answered),)
    family = "query"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.cache: dict[str, Entry] = {}
        self.sessions: dict[str, int] = {}
        self.waiting: dict[str, Question] = {}
        self.changes: dict[str, deque[tuple[int, int]]] = {}
        self.fills: dict[str, tuple[str, Entry]] = {}
        self.news: dict[str, int] = {}
        self.heard: dict[str, int] = {}
        self.keys: dict[str, None] = {}

    @classmethod
    def lookups(cls, keys: Sequence[str], clients: Sequence[str]) -> list[Group]:
        """Every client asks for every key."""
        pairs = list(product(clients, keys))
        return [
            (cls.family, 12, [Query(client, key) for client, key in pairs]),
            (cls.family, 4, [LookAgain(client) for client in clients]),
            (cls.family, 3, [Search(client, key) for client, key in pairs]),
            (cls.family, 4, [FillCache(client) for client in clients]),
            (cls.family, 1, [HearNews()]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Five actions."""
        return {
            Query: self.query,
            LookAgain: self.look_again,
            FillCache: self.fill_cache,
            HearNews: self.hear_news,
            Search: self.search,
        }

    # -- queries

    def query(self, action: Query) -> bool:
        """Ask; one question at a time."""
        client = action.client
        if client not in self.clients or client in self.waiting:
            return False
        self.step(action)
        self.keys[action.key] = None
        self.attempt(Question(client, action.key, self.needed(client), self.clock.now))
        return True

    def look_again(self, action: LookAgain) -> bool:
        """Try once more."""
        question = self.waiting.pop(action.client, None)
        if question is None:
            return False
        self.step(action)
        self.attempt(question)
        return True

    def needed(self, client: str) -> int:
        """The position that an answer must include: the client's own writes, and whatever it has seen before."""
        acknowledged: int = self.clients[client].acknowledged
        return max(acknowledged, self.sessions.get(client, 0))

    def attempt(self, question: Question) -> None:
        """Answer, wait on, or give up."""
        if not self.answer(question):
            self.put_off(question, self.clock.now - question.since)

    def put_off(self, question: Question, ticks: int) -> None:
        """The store is not so far yet."""
        client, key, needed = question.client, question.key, question.needed
        if self.expired(ticks):
            self.emit(GaveUp(client, key, needed, ticks, PATIENCE))
        else:
            self.waiting[client] = question
            self.emit(Waiting(client, key, needed, ticks, PATIENCE))

    def expired(self, ticks: int) -> bool:
        """Whether a query has waited long enough."""
        return ticks >= PATIENCE

    def answer(self, question: Question) -> bool:
        """From the cache if that is new enough, else from the store if that is."""
        key = question.key
        entry = self.cache.get(self.slot(key))
        if entry is not None and self.fresh(entry, question.needed):
            self.show(question, "cache", entry)
            return True
        if self.consumers["store"].down or not self.reached(question.needed):
            return False
        entry = self.look_up(key)
        self.fills[question.client] = (key, entry)
        self.show(question, "store", entry)
        return True

    def fresh(self, entry: Entry, needed: int) -> bool:
        """Whether a cached row is new enough for this session."""
        return entry.position >= needed

    def reached(self, needed: int) -> bool:
        """Whether the store that will be read (and not some other consumer) contains everything up to `needed`."""
        applied: int = self.consumers["store"].store.applied
        return applied >= needed

    def look_up(self, key: str) -> Entry:
        """The authoritative row."""
        store = self.consumers["store"].store
        row = store.get(key)
        version, state = (0, self.context.application.initial(key)) if row is None else row
        return Entry(store.applied, version, state)

    def show(self, question: Question, source: str, entry: Entry) -> None:
        """Hand the answer to the client, whose session now is at least as far as this."""
        client, key = question.client, question.key
        self.sessions[client] = max(self.sessions.get(client, 0), entry.position)
        behind, ticks = self.staleness(key, entry.version)
        self.emit(Answered(client, key, source, entry.version, entry.state, behind, ticks))

    # -- the cache

    def slot(self, key: str) -> str:
        """Under which name the cache keeps a key: all of it, the tenant included."""
        return key

    def fill_cache(self, action: FillCache) -> bool:
        """If something is on its way."""
        if action.client not in self.fills:
            return False
        self.step(action)
        self.fill(*self.fills.pop(action.client))
        return True

    def fill(self, key: str, entry: Entry) -> None:
        """Cache what was read, unless something newer is there or was heard of in the meantime."""
        there = self.cache.get(self.slot(key))
        if entry.version >= self.announced(key) and (there is None or there.position <= entry.position):
            self.cache[self.slot(key)] = entry

    def announced(self, key: str) -> int:
        """The newest version of this key that the cache has heard of."""
        return self.heard.get(key, 0)

    def hear_news(self, action: HearNews) -> bool:
        """If there are any."""
        if not self.news:
            return False
        self.step(action)
        self.hear()
        return True

    def hear(self) -> None:
        """Changed keys leave the cache."""
        for key, version in self.news.items():
            self.heard[key] = version
            self.cache.pop(self.slot(key), None)
        self.news.clear()

    def visible(self, events: Sequence[Any]) -> None:
        """News for the cache, and the times at which keys changed."""
        now, all_changes, news = self.clock.now, self.changes, self.news
        for event in events:
            key = event.stream
            changes = all_changes.get(key)
            if changes is None:
                changes = all_changes[key] = deque(maxlen=REMEMBERED)
            changes.append((event.version, now))
            news[key] = event.version

    def staleness(self, key: str, version: int) -> tuple[int, int]:
        """Events that are missing at `version`, and for how many ticks the oldest of them has been visible."""
        changes = self.changes.get(key)
        if not changes or changes[-1][0] <= version:
            return 0, 0
        oldest = next(tick for missing, tick in changes if missing > version)
        return changes[-1][0] - version, self.clock.now - oldest

    # -- search

    def search(self, action: Search) -> bool:
        """Index first, then the store for each hit."""
        index, store = self.consumers["index"], self.consumers["store"]
        if action.client not in self.clients or index.down or store.down:
            return False
        self.step(action)
        key = action.key
        row = store.store.get(key)
        version = 0 if row is None else row[0]
        found = sorted(name for name, pointer in index.store.view().items() if pointer[0] == key)
        self.emit(Searched(action.client, key, tuple([Hit(name, version, self.shown(version)) for name in found])))
        return True

    def shown(self, version: int) -> bool:
        """Only hits whose target is there are shown."""
        return version > 0

    # -- settling

    def turn(self) -> bool:
        """News and fills arrive; waiting queries look again while the store catches up."""
        if self.keys and self.news:
            self.hear()
        for client in list(self.fills):
            self.fill(*self.fills.pop(client))
        for client, question in list(self.waiting.items()):
            if self.reached(question.needed):
                del self.waiting[client]
                self.attempt(question)
                return True
        return False

    def rest(self) -> None:
        """Time goes by at rest: who still waits gives up. Then show the cache."""
        for client, question in list(self.waiting.items()):
            del self.waiting[client]
            self.put_off(question, self.clock.now - question.since + PATIENCE)
        rows = {key: self.cache[self.slot(key)] for key in self.keys if self.slot(key) in self.cache}
        if rows:
            self.emit(CachedAtRest({key: (entry.version, entry.state) for key, entry in rows.items()}))
