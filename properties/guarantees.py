"""The codes of the guarantees, in plain words."""

from __future__ import annotations

GUARANTEES: dict[str, str] = {
    "LOG": "what was appended is in the log: whole, once, in its place, even after a crash",
    "CAS": "a conditional append happens if, and only if, its condition holds at its own place in the log",
    "CKPT": "every event takes effect once, and a checkpoint never runs ahead of the effects",
    "ORD": "the events of a stream are read and applied in their order",
    "SNAP": "a snapshot equals the replay up to its position, and never changes",
    "REPL": "the stored state equals the replay of the log",
    "DUAL": "two stores that record the same fact agree, and side effects happen once",
    "READ": "caches, indexes and views show nothing that was deleted, undone or replaced",
    "LOCK": "only the present holder of a lock has an effect",
    "CDC": "a change stream carries every change of its database, once and in order",
    "LIVE": "once faults stop, every consumer reaches the end of the log by itself",
}
"""Code -> what is promised."""

HARNESS: dict[str, str] = {"HARNESS": "the campaign itself did what it is for: appends, deliveries, conflicts, faults"}
"""The code of what refold promises of itself, which a report names only where it is broken."""
