"""The extensions of the model, each listed once. Importing this module makes their actions and records known to plans and histories."""

from __future__ import annotations

from refold.model.extension import Extension
from refold.model.parts.calls import Gated
from refold.model.parts.claims.entity import Entity
from refold.model.parts.claims.idle_session import IdleSessions
from refold.model.parts.claims.lock import Locks
from refold.model.parts.claims.reservation import Reservations
from refold.model.parts.clocks import Clocks
from refold.model.parts.connection import Connections
from refold.model.parts.consuming.batch import Batcher
from refold.model.parts.consuming.dead_letters import Ledger
from refold.model.parts.consuming.group import ConsumerGroup
from refold.model.parts.consuming.inbox import Inboxes
from refold.model.parts.consuming.journey import Journeys
from refold.model.parts.consuming.mailer import Mailer
from refold.model.parts.consuming.rebuild import Reports
from refold.model.parts.consuming.replica import Replica
from refold.model.parts.consuming.type_filter import Audit
from refold.model.parts.consuming.upgrade import Upgrades
from refold.model.parts.consuming.worker_pool import Pool
from refold.model.parts.messages.change_stream import ChangeStream
from refold.model.parts.messages.dual_write import DualWrite
from refold.model.parts.messages.outbox import Outbox
from refold.model.parts.messages.process_manager import ProcessManager
from refold.model.parts.messages.topic import Topic
from refold.model.parts.outages import Cuts, Outages
from refold.model.parts.reading.links import Links
from refold.model.parts.reading.query import Queries
from refold.model.parts.reading.range_reads import Bounds
from refold.model.parts.reading.revisioned_keys import Bucket
from refold.model.parts.rebuilds import Rebuilding
from refold.model.parts.removal import Removals

EXTENSIONS: tuple[type[Extension], ...] = (
    Queries,
    Links,
    Outbox,
    ProcessManager,
    DualWrite,
    ChangeStream,
    Locks,
    Clocks,
    Reservations,
    Bounds,
    Bucket,
    Entity,
    IdleSessions,
    Topic,
    Audit,
    Batcher,
    Connections,
    ConsumerGroup,
    Inboxes,
    Journeys,
    Ledger,
    Mailer,
    Pool,
    Replica,
    Reports,
    Upgrades,
)
"""All of them, in the order of the menu and of the reports."""

OWN: tuple[type[Extension], ...] = (Gated, Rebuilding, Cuts, Outages, Removals)
"""What only systems of a user's own, and those on servers, have: none of them is a part of the model."""
