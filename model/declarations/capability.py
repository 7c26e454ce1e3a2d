"""Capabilities: what a system can do, each declared once, in the order of the reports.

What a system does not declare is not asked of it, and is listed as *not checked*. The capabilities of the core are here; every
extension is one more (`refold.model.extension`).
"""

from __future__ import annotations

from typing import NewType

import attrs

Capability = NewType("Capability", str)
"""The name of something that a system can do. A plain string at run time: ``Capability("dedupe") == "dedupe"``."""


@attrs.frozen
class Ability:
    """What a capability is in plain words: `what` a system can do with it; `missing` says what was not checked because it cannot.

    `part` is the name of a part of the model that few systems have, "" for what concerns every event log and its consumers.
    `brought`: the harness can do it around any log. `methods` of a user's log show that it can, if there are any.
    """

    name: Capability
    what: str
    missing: str
    part: str = ""
    brought: bool = False
    methods: tuple[str, ...] = ()


CORE: dict[Capability, Ability] = {}
"""The capabilities of the core: those of a log and its consumers."""


def core(name: str, what: str, missing: str, *, brought: bool = False, methods: tuple[str, ...] = ()) -> Capability:
    """Declare a capability of the core."""
    capability = Capability(name)
    CORE[capability] = Ability(capability, what, missing, brought=brought, methods=methods)
    return capability


APPEND = core(
    "append",
    "clients append events to streams, on condition that the streams have not changed",
    "everything that an append changes: the system takes none",
    brought=True,
)
CRASH_LOG = core(
    "crash-log",
    "the log dies and starts again",
    "crashes of the log: the system does not declare that its log can crash and restart",
    methods=("crash", "restart"),
)
CRASH_CONSUMER = core(
    "crash-consumer",
    "consumers die and start again",
    "crashes of consumers: the system does not declare that its consumers can crash and restart",
    brought=True,
)
CRASH_AT_STEP = core(
    "crash-at-step",
    "consumers die right before one of their durable steps",
    "crashes in the middle of a durable step: the system has no hook for them",
    brought=True,
)
CRASH_LOG_AT_STEP = core(
    "crash-log-at-step",
    "the log dies right before a durable step of its own",
    "crashes of the log in the middle of an append: the log has no hook for them",
    methods=("durable", "crash", "restart"),
)
SLOW_APPEND = core(
    "slow-append",
    "an append takes its position now and becomes visible later, or never",
    "appends that take their position early and become visible late: the system has no slow appends",
    methods=("begin", "commit", "abort"),
)
POWER_CUT = core(
    "power-cut",
    "the log's machine loses power, and with it what was not synced",
    "power cuts: nothing tells this system's unsynced writes from its synced ones",
    methods=("cut_power", "restart"),
)
DISK_FAILURE = core(
    "disk-failure",
    "a write of an append fails: an error, no room, half a write",
    "failing disks: nothing makes a write of this system fail",
    methods=("fail_disk",),
)
SYNC_FAILURE = core(
    "sync-failure",
    "a sync of an append fails, and what it should have made durable is dropped",
    "failing syncs: no sync of this system is made to fail (after one, a file system may or may not show what is not on the disk)",
)
DEDUPE = core(
    "dedupe",
    "an append may be sent again under the same event ids, and has its effect once",
    "retries of an append whose answer was lost: the log does not recognise an event id that it has stored",
)
OWN_SNAPSHOTS = Capability("own_snapshots")
"""The capability of a system of the user's whose snapshots can be looked at: of streams, or of a consumer."""
SNAPSHOTS = core(
    "snapshots",
    "consumers take snapshots and recover from them",
    "snapshots: the system takes none",
    brought=True,
)
REDELIVER = core(
    "redeliver",
    "consumers receive events again that they have already received",
    "duplicate deliveries: the system delivers exactly once",
    brought=True,
)

REMOVALS: dict[Capability, Ability] = {}
"""What a log of a user's own may do to take events away on purpose. No part of the core: a log that never removes lacks nothing."""


def removal(name: str, what: str, *, methods: tuple[str, ...] = ()) -> Capability:
    """Declare a way to remove events, or a promise about removals."""
    capability = Capability(name)
    REMOVALS[capability] = Ability(capability, what, f"{what}: the log does not declare it", methods=methods)
    return capability


RETENTION = removal("retention", "the log removes its oldest events up to a position", methods=("trim",))
TRUNCATION = removal(
    "truncation", "the log removes the oldest events of one stream up to a version", methods=("truncate",)
)
STREAM_DELETION = removal(
    "stream-deletion", "the log removes all events of one stream, whose versions go on", methods=("delete_stream",)
)
DURABLE_REMOVAL = removal("durable-removal", "what the log has removed stays removed after a crash and a loss of power")

BROUGHT: frozenset[Capability] = frozenset(name for name, ability in CORE.items() if ability.brought)
"""What the harness can do around any log."""
