"""Rules of diagnosis: two stores and side effects (DUAL), change streams (CDC)."""

from __future__ import annotations

from refold.properties.diagnosis.rules.symptom import STUCK, UNAPPLIED, Rules, after, against, never, shows, when

DUAL_RULES: Rules = {
    "dual-write-partial": (
        shows(0.6, "stores-disagree"),
        after(0.4, "writer-died"),
        against(
            0.7,
            lambda facts: (
                facts.anomaly != "inline-rows-behind" and not facts.happened("writer-died") and not facts.call_cut_short
            ),
        ),
        shows(0.4, "side-effect-missing"),
        shows(0.6, "inline-rows-behind"),
        when(
            0.5,
            lambda facts: facts.call_cut_short,
            "a call was interrupted in the middle, after what it had stored first",
        ),
    ),
    "dual-write-reorder": (
        shows(0.7, "second-store-goes-back"),
        shows(0.5, "stores-disagree"),
        when(0.3, lambda facts: not facts.happened("writer-died"), "no writer died: one overtook the other"),
        against(0.4, lambda facts: facts.happened("writer-died") and facts.anomaly == "stores-disagree"),
    ),
    "outbox-double-drain": (
        shows(0.6, "side-effect-twice", "side-effect-missing"),
        after(0.4, "drain", "claimed", "delivered"),
        never(0.8, "drain", "claimed", "delivered"),
        against(0.5, lambda facts: facts.time_passed_at_work),
        against(0.6, lambda facts: facts.anomaly == "side-effect-missing" and facts.workers_at_once),
        against(0.6, lambda facts: facts.anomaly == "side-effect-missing" and facts.call_cut_short),
        against(0.7, lambda facts: facts.anomaly == "side-effect-twice" and facts.one_sender),
    ),
    "claim-runs-out-at-work": (
        shows(0.5, "side-effect-twice"),
        when(
            0.7,
            lambda facts: facts.time_passed_at_work and facts.workers_at_once,
            "time had passed while one was at work, and another one took the same",
        ),
        against(0.9, lambda facts: not (facts.time_passed_at_work and facts.workers_at_once)),
    ),
    "saga-overwritten": (
        shows(0.5, "side-effect-missing"),
        when(
            0.6,
            lambda facts: facts.workers_at_once and not facts.sender_cut_short,
            "another one worked while one stood in the middle, and nothing had gone wrong",
        ),
        against(0.9, lambda facts: not facts.workers_at_once or facts.sender_cut_short),
    ),
    "outbox-marked-unsent": (
        shows(0.5, "side-effect-missing"),
        when(0.5, lambda facts: facts.sender_cut_short, "whoever sends was interrupted in the middle of its work"),
        when(
            0.3,
            lambda facts: facts.sender_overtook and not facts.sender_cut_short,
            "whoever sends was at work while a call stood in the middle",
        ),
        against(0.7, lambda facts: not facts.sender_cut_short and not facts.sender_overtook),
        against(0.4, lambda facts: facts.failed_often),
    ),
    "given-up-after-attempts": (
        shows(0.5, "side-effect-missing"),
        when(0.6, lambda facts: facts.failed_often, "whoever sends had failed several times"),
        against(0.8, lambda facts: not facts.failed_often),
    ),
    "recovery-is-a-noop": (
        shows(0.7, "repair-found-nothing"),
        after(0.3, "repaired", "repair"),
        never(0.6, "repaired", "repair"),
    ),
    "pm-duplicate-commands": (
        shows(0.6, "command-executed-twice"),
        after(0.4, "manage", "manage-again", "command-executed"),
        never(0.8, "manage", "manage-again", "command-executed"),
    ),
    "pm-handler-never-called": (
        shows(0.6, "command-missing"),
        after(0.4, "manage", "manage-again", "command-executed"),
        never(0.8, "manage", "manage-again", "command-executed"),
    ),
    "vacuous-scenario": (shows(0.9, "vacuous-run"),),
}

CDC_RULES: Rules = {
    "cdc-timestamp-cursor": (
        shows(0.5, "copy-differs", "copied-before-commit"),
        after(0.4, "source-changed", "copied"),
        when(0.2, lambda facts: not facts.happened("lose-offset"), "no offset was lost"),
        shows(0.4, "never-reaches-tail", "event-never-applied"),
        after(0.6, "set-clock", "clock-set"),
        when(
            0.6,
            lambda facts: facts.same_moment,
            "nothing had gone wrong, and the code reads a clock: events of one moment may have the same time",
        ),
        against(
            0.8,
            lambda facts: (
                not facts.happened("source-changed", "copied", "set-clock", "clock-set") and not facts.same_moment
            ),
        ),
        against(0.6, lambda facts: facts.happened("lose-offset")),
        against(0.5, lambda facts: facts.claim_ran_out),
        against(0.3, lambda facts: facts.digits_grew and not facts.happened("clock-set")),
    ),
    "cdc-resume-at-latest": (
        shows(0.5, "copy-differs"),
        shows(0.5, *STUCK, *UNAPPLIED),
        after(0.5, "lose-offset"),
        when(
            0.6,
            lambda facts: facts.missed_the_beginning,
            "what was in the log before {where} looked for the first time is not in its rows",
        ),
        against(0.8, lambda facts: not facts.happened("lose-offset") and not facts.missed_the_beginning),
    ),
    "cdc-resnapshot-duplicates": (
        shows(0.7, "row-copied-twice"),
        shows(0.6, "copy-goes-back"),
        shows(0.3, "copy-differs"),
        after(0.3, "snapshot-begun"),
        never(0.7, "snapshot-begun", "connector-restarted"),
    ),
}
