"""Actors: on which lane the records of extensions are drawn, and from which lane an arrow comes.

A record that names an actor in a field (`relay`, `writer`, `node`, …) is drawn on the lane of that actor. Parts of an extension of which
there is one, such as a topic or a lock service, have no field; they, and the arrows, are in the table.
"""

from __future__ import annotations

from typing import Any

import attrs

FIELDS = ("consumer", "client", "process", "relay", "writer", "node", "session", "member", "reader", "owner", "who")
"""Fields that name an actor, the first that a record has counts; each is the kind of the actor as well."""


@attrs.frozen
class Place:
    """`lane` and `origin` are the name of a field of the record, or of a part; `line` is how the arrow looks."""

    lane: str
    origin: str = ""
    line: str = "plain"
    shape: str = "note"


PLACES: dict[str, Place] = {
    "deadlocked": Place("who", shape="died"),
    # locks and reservations
    "granted": Place("client", "lock service", "yes", "yes"),
    "queued": Place("client", "lock service", "no", "no"),
    "released": Place("lock service", "client", "append", "dot"),
    "locked-write": Place("guarded store", "client", "append", "stored"),
    "fenced-off": Place("client", "guarded store", "no", "no"),
    "clock-jumped": Place("lock service"),
    "time-passed": Place("lock service"),
    "hold-taken": Place("client", "holds", "yes", "yes"),
    "hold-denied": Place("client", "holds", "no", "no"),
    "hold-ended": Place("holds"),
    "holds-at-rest": Place("holds", shape="rest"),
    # outbox, process manager, two stores
    "claimed": Place("relay", "outbox", "read", "dot"),
    "delivered": Place("receiver", "relay", "append", "stored"),
    "relay-died": Place("relay", shape="died"),
    "outbox-at-rest": Place("outbox", shape="rest"),
    "command-executed": Place("manager"),
    "command-recognised": Place("manager", shape="ignored"),
    "manager-restarted": Place("manager", shape="restart"),
    "manager-at-rest": Place("manager", shape="rest"),
    "first-written": Place("first store", "writer", "append", "stored"),
    "second-written": Place("second store", "writer", "append", "stored"),
    "writer-died": Place("writer", shape="died"),
    "repaired": Place("repair job"),
    "stores-at-rest": Place("second store", shape="rest"),
    # change stream
    "source-changed": Place("table", shape="stored"),
    "copied": Place("copy", "table", "plain", "stored"),
    "snapshot-begun": Place("connector", "table", "read", "dot"),
    "connector-restarted": Place("connector", shape="restart"),
    "copy-at-rest": Place("copy", shape="rest"),
    # topic
    "published": Place("topic", "client", "append", "stored"),
    "expired": Place("topic"),
    "failed-over": Place("topic", shape="restart"),
    "restored": Place("topic", shape="restart"),
    "topic-read": Place("topic", shape="scan"),
    "tallied": Place("subscriber", "topic", "plain", "applied"),
    "tally-copied": Place("subscriber", "topic", "read", "snapshot-loaded"),
    "tally-recovered": Place("subscriber", shape="restart"),
    "tally-observed": Place("subscriber", shape="rest"),
    # one writer for each entity
    "took-over": Place("node", "journal", "read", "dot"),
    "journaled": Place("journal", "node", "append", "stored"),
    "writer-refused": Place("node", "journal", "no", "no"),
    # listings, queries, reads
    "log-trimmed": Place("log", shape="removed"),
    "stream-truncated": Place("log", shape="removed"),
    "stream-deleted": Place("log", shape="removed"),
    "archived": Place("log"),
    "link-shown": Place("listing", "log", "plain", "applied"),
    "link-discarded": Place("listing", "log", "plain", "ignored"),
    "listing-emptied": Place("listing"),
    "listing-at-rest": Place("listing", shape="rest"),
    "answered": Place("client", "source", "read", "dot"),
    "cached-at-rest": Place("query cache", shape="rest"),
    "range-read": Place("log", shape="scan"),
    "stream-scanned": Place("log", shape="scan"),
    "altered": Place("log", shape="scan"),
    "created": Place("client", "bucket", "yes", "yes"),
    "create-refused": Place("client", "bucket", "no", "no"),
    "looked-up": Place("client", "bucket", "read", "dot"),
    "discarded": Place("client", "bucket", "yes", "yes"),
}
"""Tag of a record -> where it is drawn, where its fields alone do not say it."""


def place_of(record: Any) -> Place:
    """Where a record is drawn; no lane if nothing says it."""
    place = PLACES.get(str(getattr(getattr(type(record), "__struct_config__", None), "tag", "")))
    if place is not None:
        return place
    return Place(next((field for field in FIELDS if isinstance(getattr(record, field, None), str)), ""))


def actor(record: Any, word: str) -> tuple[str, str]:
    """(kind, name) of what a place speaks of: an actor that the record names in this field, or a part, which has no kind."""
    if word == "source":  # of an answer: the cache of queries, or a consumer
        return ("", "query cache") if record.source == "cache" else ("consumer", record.source)
    who = getattr(record, word, None) if word in FIELDS else None
    return (word, who) if isinstance(who, str) else ("", word)
