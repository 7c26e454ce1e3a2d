"""Rules of diagnosis: the log (LOG)."""

from __future__ import annotations

from refold.properties.diagnosis.rules.symptom import (
    AHEAD,
    DIFFERS,
    HIDDEN,
    LOST,
    STUCK,
    TRIMMED,
    UNAPPLIED,
    Rules,
    after,
    against,
    also,
    never,
    shows,
    strange,
    when,
)

LOG_RULES: Rules = {
    "seq-gap-commit-order": (
        shows(0.6, "visible-below-read-position"),
        shows(0.2, "acknowledged-append-lost", "unknown-event-applied", "version-gap"),
        shows(0.5, *UNAPPLIED, *STUCK),
        after(0.4, "started"),
        when(0.4, lambda facts: facts.overtook, "{where} worked while a call stood in the middle"),
        against(0.7, lambda facts: not facts.happened("started") and not facts.overtook),
        against(0.5, lambda facts: facts.looked_before_commit),
        against(0.3, lambda facts: facts.patience > 2),
    ),
    "gap-skip-over-live-tx": (
        shows(0.5, "visible-below-read-position", "unknown-event-applied"),
        after(0.3, "started"),
        never(0.7, "started"),
        when(
            0.5,
            lambda facts: facts.patience > 2 or facts.happened("deliver"),
            "readers had looked at the gap several times",
        ),
    ),
    "permanent-gap-stall": (
        shows(0.4, *HIDDEN),
        when(
            0.6,
            lambda facts: (
                facts.happened("aborted", "refused")
                or (facts.happened("crashed") and facts.finding.judge != "convergence")
            ),
            "a position was taken and will never be filled",
        ),
        never(0.6, "aborted", "refused", "crashed", "unknown"),
        against(0.6, lambda facts: facts.happened("session-opened")),
    ),
    "xmin-horizon-stall": (
        shows(0.4, *HIDDEN),
        when(
            0.6,
            lambda facts: any("session" in str(action) for action in facts.actions),
            "a session was idle in a transaction",
        ),
        against(0.7, lambda facts: not any("session" in str(action) for action in facts.actions)),
    ),
    "duplicate-global-position": (shows(0.8, "duplicate-position"),),
    "unordered-read": (
        shows(0.7, "read-out-of-order", "scan-out-of-order"),
        also(0.3, "scan-out-of-order", "read-out-of-order"),
    ),
    "last-position-reads-first": (shows(0.4, "checkpoint-goes-back", "range-differs"), never(0.5, "range-read")),
    "phantom-position": (shows(0.7, "range-differs", "phantom-entry", "phantom-event"), after(0.3, "range-read")),
    "ack-before-fsync": (
        shows(0.45, *LOST),
        after(0.5, "power-cut"),
        never(0.85, "power-cut"),
        against(0.5, lambda facts: facts.torn),
        against(0.6, lambda facts: facts.disk_failed()),
    ),
    "memory-log-lost-on-kill": (
        shows(0.45, *LOST),
        when(
            0.5,
            lambda facts: facts.log_died and not facts.happened("power-cut"),
            "the process of the log died, without a power cut",
        ),
        against(0.7, lambda facts: not facts.log_died and not facts.happened("power-cut")),
        against(0.3, lambda facts: facts.happened("power-cut")),
        against(0.6, lambda facts: facts.torn),
    ),
    "torn-tail-aborts-replay": (
        shows(0.45, *LOST),
        shows(0.45, *DIFFERS),
        when(0.5, lambda facts: facts.torn, "the log died in the middle of a write, so that its last record is torn"),
        against(0.85, lambda facts: not facts.torn),
    ),
    "partial-batch-append": (
        shows(0.8, "partial-batch"),
        when(0.2, lambda facts: facts.batch, "an append of several events took part"),
        after(0.2, "crashed"),
    ),
    "acked-lost-on-failover": (
        shows(0.45, *LOST),
        after(0.5, "failed-over", "fail-over"),
        never(0.85, "failed-over", "fail-over"),
    ),
    "retention-trims-undelivered": (
        shows(0.6, "trimmed-message-skipped"),
        shows(0.2, *AHEAD, *DIFFERS, *STUCK),
        after(0.4, *TRIMMED),
        never(0.8, *TRIMMED),
        against(0.3, lambda facts: facts.happened("snapshot-loaded", "tally-recovered")),
    ),
    "conflict-swallowed": (
        shows(0.45, *LOST, "confirmed-without-effect"),
        when(
            0.4,
            lambda facts: (
                facts.anomaly == "confirmed-without-effect" and not facts.happened("fail-step", "lose-answer")
            ),
            "no step had failed: another call was in the way",
        ),
        when(
            0.5,
            lambda facts: facts.acknowledged_nothing,
            "an append was acknowledged of which nothing was ever in the log",
        ),
        against(0.5, lambda facts: facts.happened("fail-step", "lose-answer")),
        against(
            0.8,
            lambda facts: (
                facts.anomaly != "confirmed-without-effect" and not (facts.calm_log and facts.acknowledged_nothing)
            ),
        ),
        against(0.5, strange),
    ),
    "batch-boundary-loses-context": (
        shows(0.3, "partial-batch", "range-differs"),
        when(0.2, lambda facts: facts.batch, "a batch took part"),
    ),
    "snapshot-read-toctou": (shows(0.3, "range-differs"), never(0.6, "range-read")),
    "txn-abort-visible": (
        shows(0.5, "refused-append-visible"),
        after(0.4, "aborted"),
        never(0.6, "aborted"),
    ),
    "fsync-error-retried": (
        shows(0.45, *LOST, "version-gap"),
        when(0.5, lambda facts: facts.disk_failed("sync"), "a sync had failed"),
        when(0.3, lambda facts: facts.happened("power-cut"), "a power cut came before"),
        against(0.9, lambda facts: not facts.disk_failed("sync")),
    ),
    "short-write-acknowledged": (
        shows(0.45, *LOST),
        when(0.5, lambda facts: facts.disk_failed("short"), "only half of a write was done"),
        when(0.3, lambda facts: not facts.unheard_disk, "the client of that append was told that it was done"),
        against(0.9, lambda facts: not facts.disk_failed("short")),
        against(0.6, lambda facts: facts.unheard_disk),
    ),
    "append-behind-a-hole": (
        shows(0.45, *LOST),
        when(0.5, lambda facts: facts.disk_failed("short"), "only half of a write was done"),
        when(0.3, lambda facts: facts.unheard_disk, "the append was given up, and later ones were written after it"),
        against(0.9, lambda facts: not facts.disk_failed("short")),
        against(0.6, lambda facts: not facts.unheard_disk),
    ),
}
