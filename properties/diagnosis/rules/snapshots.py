"""Rules of diagnosis: snapshots (SNAP) and replay (REPL)."""

from __future__ import annotations

from refold.properties.diagnosis.rules.symptom import (
    AHEAD,
    DIFFERS,
    REBUILT,
    SCHEMA,
    TRIMMED,
    TWICE,
    UNAPPLIED,
    Rules,
    after,
    against,
    never,
    shows,
    strange,
    when,
)

SNAPSHOT_RULES: Rules = {
    "snapshot-off-by-one": (
        shows(0.65, "snapshot-differs"),
        shows(0.3, *TWICE, *DIFFERS),
        shows(0.4, "snapshot-ahead-of-log"),
        when(0.3, lambda facts: facts.snapshot_used, "a snapshot of {where} took part"),
        when(
            0.5,
            lambda facts: facts.calls_undisturbed and facts.anomaly == "snapshot-ahead-of-log",
            "every call had come to its end, and nothing had gone wrong",
        ),
        against(0.6, lambda facts: facts.anomaly == "snapshot-ahead-of-log" and not facts.calls_undisturbed),
        never(0.8, "snapshot-taken", "snapshot-loaded"),
        against(0.3, lambda facts: facts.happened(*SCHEMA)),
        against(0.6, lambda facts: facts.lacks_part),
    ),
    "snapshot-of-uncommitted": (
        shows(0.7, "snapshot-ahead-of-log"),
        when(0.2, lambda facts: facts.where.startswith("stream:"), "it is the snapshot of an aggregate"),
        against(0.5, lambda facts: facts.calls_undisturbed),
        shows(0.2, "snapshot-differs"),
    ),
    "snapshot-schema-mismatch": (
        shows(0.4, "snapshot-differs", "handler-raised", "snapshot-under-other-schema", *DIFFERS),
        when(0.6, lambda facts: facts.happened(*SCHEMA), "the schema had changed"),
        when(0.3, lambda facts: facts.snapshot_loaded, "a snapshot was loaded"),
        against(0.6, lambda facts: not facts.happened(*SCHEMA)),
        never(0.7, "snapshot-taken", "snapshot-loaded"),
        shows(0.5, "snapshot-changed"),
    ),
    "snapshot-aliased": (
        shows(0.7, "snapshot-changed"),
        when(0.15, lambda facts: facts.snapshot_used, "the snapshot was taken, and later events were applied"),
        against(0.6, lambda facts: facts.happened(*SCHEMA)),
    ),
    "stale-snapshot-truncated-log": (
        shows(0.65, "recovered-state-partial"),
        shows(0.2, "snapshot-differs", *DIFFERS, *AHEAD),
        after(0.4, *TRIMMED),
        when(0.3, lambda facts: facts.happened("snapshot-loaded", "tally-recovered"), "a process recovered after that"),
        never(0.8, *TRIMMED),
    ),
    "snapshot-not-deleted": (
        shows(0.45, *DIFFERS, "snapshot-differs", "deleted-item-resurrected", "finished-process-returns"),
        after(0.5, "finished"),
        after(0.2, "snapshot-loaded"),
        never(0.8, "finished"),
    ),
    "snapshot-loses-side-metadata": (
        shows(0.35, *TWICE, *DIFFERS, "snapshot-differs", "side-table-differs"),
        when(
            0.45,
            lambda facts: facts.snapshot_loaded and facts.redelivered,
            "after a snapshot was loaded, a duplicate was news",
        ),
        when(0.6, lambda facts: facts.lacks_part, "what the snapshot holds is right, and a part is missing"),
        never(0.7, "snapshot-taken", "snapshot-loaded"),
    ),
}

REPLAY_RULES: Rules = {
    "nondeterministic-handler": (
        shows(0.45, *DIFFERS, "replay-differs-elsewhere"),
        when(0.4, lambda facts: facts.calm and facts.simple, "there was no fault, duplicate or reordering at all"),
        when(
            0.2, lambda facts: not facts.rows_missing and not facts.rows_extra, "the rows are there, with other values"
        ),
        against(0.4, lambda facts: not facts.calm),
        against(0.4, strange),
        against(0.3, lambda facts: facts.rows_missing),
        against(0.6, lambda facts: facts.several_differ),
        against(0.5, lambda facts: facts.change_ignored),
    ),
    "hash-order-dependence": (
        shows(0.4, *DIFFERS, "replay-differs-elsewhere"),
        when(0.7, lambda facts: facts.same_items, "the same values stand in another order"),
        against(0.5, lambda facts: not facts.same_items),
    ),
    "side-effects-on-replay": (
        shows(0.6, "effect-repeated-on-replay"),
        shows(0.3, "side-effect-twice", *TWICE),
        after(0.3, "sent"),
        after(0.4, *REBUILT),
        never(0.7, *REBUILT),
        against(0.4, lambda facts: facts.gap),
    ),
    "replay-boundary-token-bug": (
        shows(0.55, "effect-repeated-on-replay"),
        shows(0.3, "side-effect-twice", "side-effect-missing", *TWICE),
        after(0.3, *REBUILT),
        when(0.4, lambda facts: facts.gap, "something was handled or sent ahead of a gap"),
        never(0.7, *REBUILT),
        against(0.5, lambda facts: not facts.gap),
    ),
    "upcaster-shadowed": (
        shows(0.35, *DIFFERS, "view-is-no-replay", "handler-raised", "answer-differs"),
        when(0.4, lambda facts: facts.happened(*SCHEMA), "the schema had changed"),
        against(0.7, lambda facts: not facts.happened(*SCHEMA)),
        when(0.3, lambda facts: not facts.happened(*REBUILT), "an old event was read without its upcaster"),
        after(0.3, "ask"),
        against(0.4, lambda facts: facts.happened(*REBUILT)),
    ),
    "replay-without-upcast": (
        shows(0.35, *DIFFERS, "handler-raised", "rebuild-differs"),
        when(0.4, lambda facts: facts.happened(*SCHEMA), "the schema had changed"),
        after(0.4, *REBUILT),
        against(0.6, lambda facts: not facts.happened(*SCHEMA)),
        never(0.5, *REBUILT),
    ),
    "unknown-event-ignored": (
        shows(0.4, *DIFFERS),
        when(0.35, lambda facts: facts.change_ignored, "the rows are as they were before the event"),
        when(0.3, lambda facts: facts.happened(*SCHEMA), "the schema had changed"),
        against(0.5, lambda facts: not facts.change_ignored),
    ),
    "event-payload-mutated": (
        shows(0.5, *DIFFERS, "event-altered"),
        when(0.5, lambda facts: facts.several_differ, "the rows of several consumers differ"),
        when(
            0.2, lambda facts: facts.missing_applied_by_others, "another consumer had been handed the same event before"
        ),
        against(0.4, lambda facts: not facts.several_differ),
        against(0.6, lambda facts: facts.watched and not facts.was_handed),
    ),
    "rebuild-skips-side-table": (
        shows(0.5, "side-table-differs", "rebuild-differs", *DIFFERS),
        after(0.5, *REBUILT),
        never(0.8, *REBUILT),
        against(0.3, lambda facts: facts.happened(*SCHEMA)),
        when(0.3, lambda facts: facts.rows_missing, "rows are missing"),
    ),
    "rebuild-swap-race": (
        shows(0.5, *DIFFERS, "rebuild-differs", "rebuild-misses-events", *AHEAD, *UNAPPLIED),
        shows(0.2, *TWICE),
        after(0.4, "rebuild", "rebuilt"),
        when(
            0.3,
            lambda facts: facts.live_during_rebuild,
            "events were applied between the beginning of the rebuild and its end",
        ),
        when(0.5, lambda facts: facts.happened("begin-rebuild"), "the rows of {where} were rebuilt beside it"),
        never(0.8, *REBUILT, "begin-rebuild"),
        against(
            0.4,
            lambda facts: (
                not facts.live_during_rebuild
                and facts.anomaly != "rebuild-misses-events"
                and not facts.happened("begin-rebuild")
            ),
        ),
        against(0.4, lambda facts: facts.happened(*SCHEMA)),
        shows(0.4, "rebuild-misses-events"),
    ),
}
