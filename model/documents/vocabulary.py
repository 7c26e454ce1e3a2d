"""The whole vocabulary: importing this module makes every action and record of the extensions known to plans and histories."""

from __future__ import annotations

from refold.model.parts import connection, side_consumers
from refold.model.parts.claims import entity, idle_session, lock, reservation
from refold.model.parts.consuming import batch, dead_letters, group, journey, mailer, rebuild, upgrade
from refold.model.parts.messages import change_stream, dual_write, outbox, process_manager, topic
from refold.model.parts.reading import links, query, range_reads, revisioned_keys

__all__ = [
    "batch",
    "change_stream",
    "connection",
    "dead_letters",
    "dual_write",
    "entity",
    "group",
    "idle_session",
    "journey",
    "links",
    "lock",
    "mailer",
    "outbox",
    "process_manager",
    "query",
    "range_reads",
    "rebuild",
    "reservation",
    "revisioned_keys",
    "side_consumers",
    "topic",
    "upgrade",
]
