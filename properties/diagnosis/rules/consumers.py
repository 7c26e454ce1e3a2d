"""Rules of diagnosis: checkpoints (CKPT), liveness (LIVE), order (ORD)."""

from __future__ import annotations

from refold.properties.diagnosis.rules.symptom import (
    AHEAD,
    DIFFERS,
    POISON,
    RESTORED,
    STUCK,
    TWICE,
    UNAPPLIED,
    Rules,
    after,
    against,
    design,
    never,
    shows,
    strange,
    when,
)

CHECKPOINT_RULES: Rules = {
    "checkpoint-before-effect": (
        shows(0.5, *AHEAD, *UNAPPLIED),
        when(0.5, lambda facts: facts.watched and facts.cut_short, "{where} was interrupted in the middle of its work"),
        against(0.6, lambda facts: facts.watched and not facts.cut_short),
        against(0.7, lambda facts: facts.passed_in_peace),
        against(0.4, lambda facts: facts.watched and facts.rows_lost_by_end),
        when(
            0.5,
            lambda facts: facts.checkpoint_first or facts.saved_first,
            "the checkpoint of {where} was saved while the effect of the same event was not",
        ),
        against(0.5, lambda facts: facts.failed_here and not facts.saved_first),
        against(0.4, lambda facts: facts.later_ones_applied),
        against(0.5, strange),
        against(0.5, lambda facts: facts.choosy),
    ),
    "effect-before-checkpoint": (
        shows(0.5, *TWICE),
        when(
            0.5,
            lambda facts: facts.died_between_effect_and_checkpoint,
            "{where} died after the effect and before the checkpoint",
        ),
        when(0.2, design(volatile=False, atomic=False), "rows and checkpoint are two durable steps"),
        when(0.5, lambda facts: facts.watched and facts.cut_short, "{where} was interrupted in the middle of its work"),
        against(0.5, lambda facts: not facts.died_between_effect_and_checkpoint and not facts.watched),
        against(0.5, lambda facts: facts.watched and not facts.cut_short),
        against(0.6, lambda facts: facts.inline or facts.checkpoint_fell),
        against(0.5, lambda facts: facts.others_in_between),
        against(0.6, lambda facts: facts.rolled_back),
        against(0.4, lambda facts: facts.snapshot_used),
    ),
    "failed-event-checkpointed": (
        shows(0.5, *AHEAD, *UNAPPLIED),
        when(
            0.5,
            lambda facts: facts.failed_here and not facts.watched,
            "the handler of {where} had failed on that event",
        ),
        when(0.6, lambda facts: facts.error_swallowed, "a step of {where} had failed, and it went on after the event"),
        against(0.6, lambda facts: facts.undone),
        against(0.8, lambda facts: not facts.failed_here and not facts.error_swallowed),
        against(0.5, lambda facts: facts.watched and facts.failed_here),
        against(0.4, lambda facts: facts.happened("parked")),
    ),
    "ceiling-not-scanned": (
        shows(0.5, *AHEAD, "checkpoint-beyond-tail"),
        when(
            0.5,
            lambda facts: facts.choosy,
            "{where} asked for some types of events only, and scans for them in windows",
        ),
        when(0.2, lambda facts: facts.jump > 1, "the checkpoint jumped over several positions at once"),
        when(
            0.5,
            lambda facts: facts.passed_in_peace and facts.at_work_before,
            "the checkpoint of {where} passed it in work in which nothing went wrong",
        ),
        against(0.5, lambda facts: not facts.choosy and facts.jump <= 1),
        against(0.5, lambda facts: facts.worked_at_once),
        against(0.4, lambda facts: facts.later_ones_applied or facts.failed_here),
    ),
    "out-of-order-completion": (
        shows(0.5, *AHEAD),
        when(0.5, lambda facts: facts.later_ones_applied, "later events were applied while an earlier one was not"),
        when(0.2, lambda facts: facts.out_of_order or facts.by_stream, "{where} works on several messages at once"),
        against(0.7, lambda facts: not facts.later_ones_applied),
        against(0.5, lambda facts: facts.failed_here or facts.happened(*POISON)),
    ),
    "parked-replay-checkpoint": (
        shows(0.5, "checkpoint-goes-back"),
        shows(0.3, *AHEAD),
        after(0.3, "parked"),
        after(0.4, "replay-letter"),
        never(0.8, "parked", "replay-letter"),
        never(0.4, "replay-letter"),
    ),
    "checkpoint-compare-as-text": (
        shows(0.4, "checkpoint-goes-back", "never-reaches-tail", "dropped-as-duplicate", "checkpoint-ahead-of-effects"),
        when(0.6, lambda facts: facts.digits_grew, "positions had grown by a digit"),
        against(0.85, lambda facts: not facts.digits_grew),
    ),
    "checkpoint-ahead-of-log": (
        shows(0.7, "checkpoint-ahead-of-log"),
        shows(0.4, "checkpoint-beyond-tail"),
        shows(0.2, *STUCK, *DIFFERS, "dropped-as-duplicate"),
        after(0.5, *RESTORED),
        never(0.6, *RESTORED),
    ),
    "checkpoint-goes-back": (
        shows(0.65, "checkpoint-goes-back"),
        when(
            0.3,
            lambda facts: facts.restarted_here or facts.redelivered,
            "{where} had restarted, or received an old event again",
        ),
        against(0.4, lambda facts: facts.happened("parked", "rebuild", "reset")),
    ),
    "rebalance-double-processing": (
        shows(0.5, *TWICE),
        after(0.5, "rebalance"),
        against(0.8, lambda facts: not facts.happened("rebalance") and not facts.others_in_between),
        when(
            0.2,
            lambda facts: facts.happened("rebalance") and not facts.happened("stall-member"),
            "the new owner began while the old one's work was not saved",
        ),
        when(
            0.5,
            lambda facts: facts.others_in_between and not facts.claim_ran_out,
            "another one worked while {where} stood in the middle of its work",
        ),
        against(0.5, lambda facts: facts.happened("stall-member") or facts.claim_ran_out),
    ),
    "zombie-consumer": (
        shows(0.5, *TWICE, "checkpoint-goes-back", "applied-out-of-order", *DIFFERS),
        shows(0.3, *UNAPPLIED),
        after(0.5, "stall-member", "wake-member"),
        when(0.2, lambda facts: facts.happened("rebalance"), "its partitions had been given to another member"),
        when(
            0.6,
            lambda facts: facts.claim_ran_out,
            "time passed for {where} in the middle of its work, or its clock was not that of another one, which worked meanwhile",
        ),
        against(0.6, lambda facts: not facts.happened("rebalance") and not facts.claim_ran_out),
        against(0.8, lambda facts: not facts.happened("stall-member", "wake-member") and not facts.claim_ran_out),
    ),
    "dead-letter-lost": (
        shows(0.5, *AHEAD, "dead-letter-lost", "dropped-as-duplicate"),
        after(0.5, "fail-letters"),
        when(0.2, lambda facts: facts.happened(*POISON), "there was an event that the handler cannot do"),
        never(0.7, "fail-letters"),
    ),
    "dedupe-key-lacks-consumer": (
        shows(0.5, "dropped-as-duplicate", *AHEAD, *UNAPPLIED),
        when(
            0.5,
            lambda facts: facts.watched and facts.undisturbed_here and facts.others_worked,
            "nothing had gone wrong, but another consumer had been at work",
        ),
        when(
            0.5,
            lambda facts: facts.sibling_applied,
            "another consumer of the same kind had dealt with that event before",
        ),
        against(0.8, lambda facts: facts.watched and not (facts.undisturbed_here and facts.others_worked)),
        against(0.4, lambda facts: facts.row_was_missing),
        against(0.8, lambda facts: not facts.watched and not facts.missing_applied_by_others),
        against(0.5, lambda facts: not facts.watched and not facts.sibling_applied),
    ),
    "dedupe-window-too-small": (
        shows(0.5, *TWICE),
        when(
            0.4,
            lambda facts: facts.redelivered and not facts.restarted_here,
            "a duplicate came late, without any crash",
        ),
        when(0.35, lambda facts: facts.age >= 2, "several events lie between the event and its duplicate"),
        against(0.6, lambda facts: facts.restarted_here),
        against(0.6, lambda facts: not facts.redelivered),
        against(0.5, lambda facts: facts.age < 2),
    ),
    "dedupe-not-persisted": (
        shows(0.5, *TWICE),
        when(
            0.5,
            lambda facts: facts.restarted_here and not facts.died_between_effect_and_checkpoint,
            "{where} had restarted, and did not know the event again",
        ),
        when(0.3, lambda facts: facts.redelivered, "an event was delivered again"),
        against(0.8, lambda facts: not facts.restarted_here),
        against(0.6, lambda facts: facts.checkpoint_fell),
        against(0.3, lambda facts: facts.snapshot_loaded),
    ),
    "dedupe-false-positive": (
        shows(0.6, "dropped-as-duplicate"),
        shows(0.5, *UNAPPLIED),
        when(
            0.4,
            lambda facts: facts.let_go and facts.alike_before,
            "{where} had nothing else to do and let it go, and an earlier event says the same, or has the same version",
        ),
        against(0.8, lambda facts: facts.anomaly in UNAPPLIED and not (facts.let_go and facts.alike_before)),
        when(
            0.3,
            lambda facts: facts.anomaly not in UNAPPLIED and not facts.sibling_applied,
            "nobody of the same kind had applied that event before",
        ),
        against(0.3, lambda facts: facts.sibling_applied),
        against(0.4, lambda facts: facts.digits_grew),
        shows(0.4, "confirmed-without-effect"),
        when(
            0.7,
            lambda facts: facts.calls_undisturbed and facts.done_before,
            "nobody had stopped in the middle, and a call with the same content had had its effect",
        ),
        against(
            0.9,
            lambda facts: (
                facts.anomaly == "confirmed-without-effect" and not (facts.calls_undisturbed and facts.done_before)
            ),
        ),
    ),
    "batch-timer-race": (
        shows(0.5, *TWICE, "applied-out-of-order"),
        after(0.6, "fire-timer"),
        never(0.8, "fire-timer"),
    ),
    "shared-session-race": (
        shows(0.1, *DIFFERS),
        shows(0.5, *UNAPPLIED, *AHEAD),
        when(
            0.6,
            lambda facts: facts.worked_at_once and not facts.claim_ran_out,
            "another one worked on the same rows while one stood in the middle of its work",
        ),
        against(0.8, lambda facts: facts.anomaly not in DIFFERS and (not facts.worked_at_once or facts.claim_ran_out)),
    ),
}

LIVE_RULES: Rules = {
    "lost-wakeup": (
        shows(0.5, *STUCK),
        when(
            0.3,
            lambda facts: not facts.failed_here and not facts.restarted_here,
            "{where} had only to wait for an announcement",
        ),
        when(
            0.35,
            lambda facts: facts.turned_before_append and not facts.watched,
            "it had read, and found nothing, right before an append",
        ),
        when(0.5, lambda facts: facts.stood_during_append, "an event came while it was in the middle of its work"),
        against(0.6, lambda facts: not facts.turned_before_append and not facts.stood_during_append),
        against(0.5, strange),
    ),
    "wake-loop-dies": (
        shows(0.5, *STUCK),
        after(0.5, "disconnect"),
        when(0.4, lambda facts: not facts.calm_log, "the log was away for a while"),
        never(0.7, "disconnect", "crashed", "power-cut"),
        against(0.6, lambda facts: facts.turned_before_append and not facts.happened("disconnect")),
    ),
    "subscribe-at-head-ends": (
        shows(0.5, *STUCK),
        when(0.35, lambda facts: facts.restarted_here or facts.calm, "{where} had come to the end of the log before"),
        against(0.4, lambda facts: facts.failed_here),
        against(0.4, lambda facts: facts.stood_during_append),
        against(0.3, lambda facts: not facts.restarted_here),
    ),
    "poison-blocks-all": (
        shows(0.5, *STUCK),
        when(0.5, lambda facts: facts.happened(*POISON), "there was an event that the handler cannot do"),
        when(0.3, lambda facts: facts.failed_here, "the handler of {where} had failed"),
        against(0.7, lambda facts: not facts.happened("failed", *POISON)),
    ),
    "dangling-link-stalls": (
        shows(0.7, "reader-stuck-at-link"),
        shows(0.3, *STUCK),
        after(0.4, "archived", "archive", "follow-link"),
        never(0.8, "archived", "archive", "follow-link"),
    ),
    "read-your-own-writes": (
        shows(0.6, "own-write-not-read", "query-waits-for-ever", "query-never-answered", "read-goes-back"),
        after(0.3, "answered", "waiting", "gave-up"),
        when(0.2, lambda facts: not facts.another_ahead, "no other consumer was ahead of the view that was read"),
        never(0.8, "query", "answered"),
        against(0.25, lambda facts: facts.another_ahead),
        against(0.5, lambda facts: facts.keys_queried > 1),
    ),
    "sync-wait-bar-wrong": (
        shows(0.5, "own-write-not-read", "query-waits-for-ever", "query-never-answered"),
        when(0.6, lambda facts: facts.another_ahead, "another consumer was further than the view that was read"),
        against(0.7, lambda facts: not facts.another_ahead),
        never(0.8, "query", "answered"),
        against(0.4, lambda facts: facts.keys_queried > 1),
    ),
}

ORDER_RULES: Rules = {
    "poison-skip-corrupts-tail": (
        shows(0.5, "applied-out-of-order"),
        shows(0.3, *DIFFERS, *AHEAD),
        when(0.5, lambda facts: facts.happened(*POISON), "an event that the handler cannot do was put aside"),
        against(0.8, lambda facts: not facts.happened("failed", *POISON)),
        against(0.5, lambda facts: not facts.happened(*POISON)),
        against(0.4, lambda facts: facts.happened("fail-letters")),
    ),
    "retry-reorders": (
        shows(0.5, "applied-out-of-order", "sent-out-of-order"),
        after(0.45, "failed"),
        shows(0.5, *UNAPPLIED),
        when(0.45, lambda facts: facts.happened("fail-step"), "a step had failed, and was tried again later"),
        when(0.5, lambda facts: facts.undone, "the event had been applied, and an older one was applied after it"),
        against(0.8, lambda facts: facts.anomaly in UNAPPLIED and not facts.undone),
        against(0.6, lambda facts: not facts.happened("failed", "fail-step") and not facts.undone),
        against(0.4, lambda facts: facts.happened("parked", "poison")),
    ),
    "relays-in-parallel": (
        shows(0.5, "sent-out-of-order"),
        when(
            0.5,
            lambda facts: facts.others_in_between,
            "another one sent while {where} stood in the middle of its work",
        ),
        when(
            0.45,
            lambda facts: bool(facts.crashes) and not facts.others_in_between,
            "{where} died with a message in its hands, and those behind it did not wait",
        ),
        against(0.8, lambda facts: not facts.others_in_between and not facts.crashes),
    ),
    "cross-partition-order": (
        shows(0.45, "applied-out-of-order"),
        when(
            0.4,
            lambda facts: facts.out_of_order and not facts.failed_here,
            "messages arrived in another order than they were sent",
        ),
        against(0.5, lambda facts: facts.failed_here),
    ),
    "stale-overwrites-newer": (
        shows(0.65, "stale-overwrites-newer"),
        shows(0.45, "cache-differs"),
        against(0.3, lambda facts: facts.deleted),
        against(0.5, strange),
        when(0.15, design(ordered=False), "{where} takes messages in any order"),
    ),
}
