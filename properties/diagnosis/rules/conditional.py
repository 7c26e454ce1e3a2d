"""Rules of diagnosis: conditional appends (CAS)."""

from __future__ import annotations

from refold.properties.diagnosis.rules.symptom import (
    DECIDED_WRONG,
    REMOVED,
    Rules,
    after,
    against,
    expects,
    never,
    shows,
    strange,
    when,
)

NO_RACE = against(0.9, lambda facts: facts.up_to_date)
"""Whoever decides wrongly on the newest state needs no race for it."""

CAS_RULES: Rules = {
    "check-then-append": (
        shows(0.4, *DECIDED_WRONG),
        shows(0.4, "duplicate-version"),
        when(
            0.6,
            lambda facts: facts.anomaly == "duplicate-version" and facts.call_overtook_call,
            "another call was done while one stood in the middle",
        ),
        against(0.9, lambda facts: facts.anomaly == "duplicate-version" and not facts.call_overtook_call),
        NO_RACE,
        when(
            0.4, lambda facts: facts.expects == "exact", "the append expected a version that the stream no longer had"
        ),
        when(0.35, lambda facts: facts.two_at_once, "the change came between its reading and its append"),
        when(0.6, lambda facts: facts.overtaken, "another call changed the stream while this one was under way"),
        after(0.2, "started"),
        against(
            0.6,
            lambda facts: (
                facts.anomaly != "duplicate-version" and facts.expects in ("any", "") and not facts.of_service
            ),
        ),
        against(0.4, lambda facts: facts.expects == "no-stream" and not facts.happened("started")),
        against(0.5, lambda facts: facts.other_stream),
    ),
    "first-append-race": (
        shows(0.4, *DECIDED_WRONG),
        NO_RACE,
        when(
            0.5,
            lambda facts: facts.expects == "no-stream" and not facts.other_stream,
            "the append expected no stream, and there was one",
        ),
        when(0.2, lambda facts: facts.calm, "no race was needed"),
        against(0.85, lambda facts: facts.expects != "no-stream" or facts.other_stream),
        against(0.3, lambda facts: facts.happened("started")),
        against(0.6, lambda facts: facts.happened(*REMOVED)),
    ),
    "expected-any-misuse": (
        shows(0.4, *DECIDED_WRONG),
        NO_RACE,
        when(
            0.6,
            lambda facts: facts.expects == "any" and not facts.of_service,
            "a decision was appended with no expectation at all",
        ),
        against(0.85, lambda facts: facts.expects != "any" or facts.of_service),
        against(0.5, strange),
    ),
    "duplicate-append-lost-ack": (
        shows(0.6, "duplicate-append", "double-effect-of-retry"),
        shows(0.3, "refused-append-visible"),
        when(
            0.4,
            lambda facts: facts.happened("retried", "retry") and not facts.happened("redecide"),
            "the append was sent again after a lost answer",
        ),
        after(0.2, "unknown"),
        when(
            0.4,
            lambda facts: facts.cut_short_itself,
            "a step of the call had failed, or lost its answer, and the service tried again",
        ),
        never(0.6, "retry", "retried", "redecide", "unknown", "lose-answer", "fail-step"),
        against(0.3, lambda facts: facts.happened("redecide")),
    ),
    "first-try-kept-in-memory": (
        shows(0.5, "duplicate-append"),
        when(
            0.7,
            lambda facts: facts.twice_in_one_append,
            "both effects are in one append: what the first try had left in memory was stored with the second",
        ),
        against(0.9, lambda facts: not facts.twice_in_one_append),
    ),
    "anothers-claim-released": (
        shows(0.4, *DECIDED_WRONG),
        when(
            0.5,
            lambda facts: facts.of_service and facts.up_to_date and facts.refused_before,
            "no race was needed, and another call had been refused before: whoever gets nothing may have given back what is not his",
        ),
        against(0.9, lambda facts: not (facts.of_service and facts.up_to_date and facts.refused_before)),
    ),
    "read-in-two-halves": (
        shows(0.4, "refused-without-reason", *DECIDED_WRONG),
        when(
            0.6,
            lambda facts: facts.worker_overtook_call,
            "a worker took a turn while the call stood in the middle of its reading",
        ),
        against(0.9, lambda facts: not facts.worker_overtook_call),
        against(0.8, lambda facts: facts.anomaly != "refused-without-reason" and not facts.up_to_date),
    ),
    "retry-with-new-version-defeats-id": (
        shows(0.6, "duplicate-append", "double-effect-of-retry"),
        after(0.5, "redecide"),
        never(0.4, "redecide"),
        never(0.5, "unknown"),
    ),
    "per-key-vs-global-sequence": (
        shows(0.5, "false-conflict", "conflict-names-wrong-version", *DECIDED_WRONG),
        when(
            0.5,
            lambda facts: facts.refused_at_log_length,
            "the version that the log found is the length of the whole log",
        ),
        against(0.7, lambda facts: not facts.refused_at_log_length),
    ),
    "create-after-delete-race": (
        shows(0.4, *DECIDED_WRONG),
        NO_RACE,
        when(0.6, lambda facts: facts.happened(*REMOVED), "the key had been deleted before"),
        against(0.85, lambda facts: not facts.happened(*REMOVED)),
    ),
    "uncommitted-cleared-on-failure": (
        shows(0.7, "decided-on-unsaved-events"),
        shows(0.3, "version-gap"),
        shows(0.5, "confirmed-without-effect"),
        after(0.2, "unknown", "refused"),
        when(
            0.5,
            lambda facts: facts.anomaly == "confirmed-without-effect" and facts.happened("fail-step", "lose-answer"),
            "a step of the call had failed, or lost its answer, and it was answered “done” with nothing stored",
        ),
    ),
    "failed-command-bumps-version": (
        shows(0.6, "view-is-no-replay"),
        after(0.3, "declined"),
        never(0.4, "declined"),
        against(0.4, lambda facts: facts.stream_per_operation),
    ),
    "unique-via-stale-read-model": (
        shows(0.4, *DECIDED_WRONG),
        NO_RACE,
        when(0.6, lambda facts: facts.other_stream, "the two went to different streams, which never conflict"),
        when(0.2, lambda facts: facts.from_consumer, "the decision was made on an eventually consistent view"),
        against(0.8, lambda facts: not facts.other_stream and not facts.stream_per_operation),
        shows(0.3, "view-is-no-replay"),
        when(0.4, lambda facts: facts.stream_per_operation, "every operation had a stream of its own"),
    ),
    "reservation-leak": (
        shows(0.7, "reservation-leaked"),
        after(0.5, "hold-taken"),
        shows(0.5, "refused-without-reason"),
        when(
            0.5,
            lambda facts: facts.anomaly == "refused-without-reason" and facts.cut_short_before,
            "another call had been cut short before: what it had taken by then may still be taken",
        ),
        against(
            0.8,
            lambda facts: (
                not facts.cut_short_before
                if facts.anomaly == "refused-without-reason"
                else not facts.happened("hold-taken", "hold-seat")
            ),
        ),
    ),
    "two-live-writers": (
        shows(0.7, "old-writer-accepted", "writers-interleave", "took-over-without-replay"),
        shows(0.7, "epoch-reused", "two-writers-of-one-epoch", "unknown-writer-accepted"),
        shows(0.2, "duplicate-version", "version-gap", "lost-update"),
        after(0.4, "took-over", "take-over"),
        never(0.7, "took-over", "take-over"),
    ),
    "false-conflict": (
        shows(0.6, "false-conflict", "conflict-names-wrong-version"),
        against(0.3, lambda facts: facts.refused_at_log_length),
        against(0.4, expects("no-match")),
    ),
    "condition-on-stale-view": (
        shows(0.6, "condition-ignored"),
        when(
            0.4,
            lambda facts: facts.first_criterion,
            "the event matches the first part of the condition, which nobody misses",
        ),
        against(0.3, lambda facts: facts.anomaly == "condition-ignored" and not facts.first_criterion),
    ),
    "condition-of-one-tag": (
        shows(0.6, "condition-ignored"),
        when(
            0.4,
            lambda facts: facts.anomaly == "condition-ignored" and not facts.first_criterion,
            "the event matches a later part of the condition, and not the first one",
        ),
        against(0.5, lambda facts: facts.first_criterion),
    ),
    "condition-too-narrow": (
        shows(0.5, *DECIDED_WRONG),
        when(
            0.5,
            expects("no-match"),
            "the append kept its condition over tags, which does not cover all that its decision has read",
        ),
        against(0.85, lambda facts: facts.expects != "no-match"),
    ),
    "condition-too-wide": (
        shows(0.5, "false-conflict"),
        when(0.5, expects("no-match"), "nothing matches the condition over tags for which the append was refused"),
        against(0.8, lambda facts: facts.expects != "no-match"),
    ),
    "boundary-hash-collision": (shows(0.3, "false-conflict", "conflict-names-wrong-version"),),
}
