"""Rules of diagnosis: caches and indexes (READ)."""

from __future__ import annotations

from refold.properties.diagnosis.rules.symptom import Rules, after, against, never, shows, strange, when

READ_RULES: Rules = {
    "cache-resurrects-deleted": (
        shows(0.65, "deleted-item-resurrected"),
        shows(0.2, "cache-differs"),
        when(0.2, lambda facts: facts.deleted, "the row had been deleted"),
        against(0.4, strange),
    ),
    "dangling-pointer": (
        shows(0.7, "dangling-pointer", "item-missing"),
        after(0.3, "searched", "link-shown"),
    ),
    "tombstoned-events-resurface": (
        shows(0.7, "archived-item-resurfaced"),
        after(0.4, "archived", "archive"),
        never(0.8, "archived", "archive"),
    ),
    "tenant-scope-leak": (
        shows(0.4, "own-write-not-read", "read-goes-back"),
        shows(0.6, "answer-from-the-future", "cache-stale-at-rest", "answer-differs"),
        when(0.5, lambda facts: facts.keys_queried > 1, "two keys were queried, and one got the answer of the other"),
        against(0.7, lambda facts: facts.keys_queried < 2),
    ),
}
