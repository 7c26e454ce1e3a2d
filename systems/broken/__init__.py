"""Deliberately wrong systems: each is the reference system with one method of one part overridden, and named after a real bug."""

from refold.systems.broken import harness
from refold.systems.broken.consumers import checkpoints, dead_letters, groups, ordering, progress, replays, snapshots
from refold.systems.broken.log import disks, logs, positions, topics
from refold.systems.broken.messages import change_capture, side_effects
from refold.systems.broken.reading import read_models, reading_side
from refold.systems.broken.registry import BROKEN, BrokenSystem, broken
from refold.systems.broken.updates import conditional_appends, locks, single_writers

__all__ = [
    "BROKEN",
    "BrokenSystem",
    "broken",
    "change_capture",
    "checkpoints",
    "conditional_appends",
    "dead_letters",
    "disks",
    "groups",
    "harness",
    "locks",
    "logs",
    "ordering",
    "positions",
    "progress",
    "read_models",
    "reading_side",
    "replays",
    "side_effects",
    "single_writers",
    "snapshots",
    "topics",
]
