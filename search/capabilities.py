"""Capabilities in plain words: what each one is, and what a report says about a system that lacks it."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from refold.systems.port import SystemPort


@attrs.frozen
class Words:
    """`what` a system can do with it; `missing` says what was not checked because it cannot; `part` is the name of a part of the model that
    few systems have, "" for what concerns every event log and its consumers."""

    what: str
    missing: str
    part: str = ""


def _part(part: str, what: str) -> Words:
    return Words(f"{part}: {what}", f"{part} ({what}): the system has none", part)


CAPABILITIES: dict[str, Words] = {
    "append": Words(
        "clients append events to streams, under the condition that they have not moved",
        "everything that an append changes: the system takes none",
    ),
    "crash-log": Words(
        "the log dies and starts again",
        "crashes of the log: the system does not declare that its log can crash and restart",
    ),
    "crash-consumer": Words(
        "consumers die and start again",
        "crashes of consumers: the system does not declare that its consumers can crash and restart",
    ),
    "crash-at-step": Words(
        "consumers die right before a durable step of theirs",
        "crashes in the middle of a durable step: the system has no hook for them",
    ),
    "crash-log-at-step": Words(
        "the log dies right before a durable step of its own",
        "crashes of the log in the middle of an append: the log has no hook for them",
    ),
    "slow-append": Words(
        "an append takes its position now and becomes visible later, or never",
        "appends that take their position early and become visible late: the system has no slow appends",
    ),
    "power-cut": Words(
        "the log's machine loses power, and with it what was not synced",
        "power cuts: nothing keeps the unsynced writes of this system apart",
    ),
    "dedupe": Words(
        "an append may be sent again under the same event ids, and has its effect once",
        "retries of an append whose answer was lost: the log does not recognise an event id that it has stored",
    ),
    "snapshots": Words("consumers take snapshots and recover from them", "snapshots: the system takes none"),
    "redeliver": Words(
        "consumers receive events again that they have had", "duplicate deliveries: the system delivers exactly once"
    ),
    "queries": _part("queries", "own writes, monotonic reads, waits, dangling search hits, how stale answers are"),
    "links": _part("listings of pointers", "links whose target is archived or gone"),
    "outbox": _part("an outbox", "messages to the outside, each sent, and received once"),
    "process-manager": _part("a process manager", "commands that events cause, each executed once"),
    "dual-write": _part("two stores written for one fact", "a writer that dies between them, writes that overtake"),
    "change-stream": _part("change data capture", "a copy of a table under lost offsets, snapshots, slow commits"),
    "lock": _part("locks with leases", "pauses past the end of a lease, clocks that jump, fencing"),
    "reservation": _part("reservations", "holds that expire, are confirmed late or given twice"),
    "bounds": _part("reads of ranges", "bounds and limits that are zero, negative, inverted or beyond the end"),
    "bucket": _part("keys with revisions", "create, delete and create again, with tombstones"),
    "entity": _part("entities with one writer", "an old writer that goes on after another one has taken over"),
    "idle-session": _part("transactions left idle", "readers that wait for them, perhaps for ever"),
    "topic": _part("a topic of a broker", "retention, failover to a follower, restored backups, epochs"),
    "audit": _part("filtered subscriptions", "consumers that ask for some types of events only"),
    "batcher": _part("batching consumers", "a timer that fires in the middle of a batch"),
    "connection": _part("interrupted subscriptions", "a connection that is lost while the process lives on"),
    "group": _part("a consumer group", "partitions that change hands while a member is stalled"),
    "inbox": _part("inboxes", "consumers that share a table of the messages that they have handled"),
    "journeys": _part(
        "process managers that end", "one state for each stream, kept in snapshots and deleted at the end"
    ),
    "ledger": _part("dead letters", "events that no handler can do, and what comes behind them"),
    "mailer": _part("effects that cannot be taken back", "mails that a replay must not send again"),
    "pool": _part("pools of workers", "events that are finished out of order"),
    "replica": _part("replicas", "duplicates recognised by a version vector that is in the snapshots too"),
    "reports": _part("rebuilds of a read model", "beside live consumption, and swapped with it in one step"),
    "upgrade": _part("upgrades", "a new schema for states and events, and what was written before"),
}
"""Name of a capability -> its words, in the order of the reports."""


def not_checked(system: SystemPort) -> tuple[str, ...]:
    """What a green run of this system does not prove, in plain words."""
    return tuple(words.missing for name, words in CAPABILITIES.items() if name not in system.capabilities)


def in_short(texts: Iterable[str]) -> list[str]:
    """The same texts for a reader: the parts of the model that the system lacks are in one line, after what every system could have."""
    parts = {words.missing: words.part for words in CAPABILITIES.values() if words.part}
    lacking = [parts[text] for text in texts if text in parts]
    rest = [text for text in texts if text not in parts]
    return (
        [*rest, f"what only these parts of the model show, which the system lacks: {', '.join(lacking)}"]
        if lacking
        else rest
    )
