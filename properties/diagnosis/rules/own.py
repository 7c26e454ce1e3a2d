"""Rules of diagnosis: what is seen of a user's own code only, which is judged by what it shows."""

from __future__ import annotations

from refold.properties.diagnosis.rules.symptom import AHEAD, STUCK, TWICE, UNAPPLIED, Rules, after, against, shows, when

LOOP = "waits for the event loop"
"""What is said of whoever cannot go on because somebody else keeps the thread of his loop."""

OWN_RULES: Rules = {
    "position-is-a-row-number": (shows(0.8, "position-changes"),),
    "own-write-refused": (
        shows(0.6, "refused-append-visible"),
        shows(0.5, "refused-without-reason"),
        when(
            0.4,
            lambda facts: facts.anomaly == "refused-without-reason" and facts.cut_short_itself,
            "a step of the refused call had failed, or lost its answer",
        ),
        against(0.8, lambda facts: facts.anomaly == "refused-without-reason" and not facts.cut_short_itself),
        when(
            0.4, lambda facts: not facts.happened("aborted"), "nothing was rolled back: the append itself was refused"
        ),
        after(0.2, "lose-answer"),
        against(0.6, lambda facts: facts.happened("aborted")),
    ),
    "stop-saves-unloaded-position": (
        shows(0.5, *TWICE),
        when(0.5, lambda facts: facts.checkpoint_fell, "the checkpoint of {where} was behind what it had been before"),
        after(0.2, "stop-orderly"),
        against(0.8, lambda facts: not facts.checkpoint_fell),
    ),
    "ignored-event-not-acknowledged": (shows(0.7, "checkpoint-left-behind"),),
    "position-saved-too-late": (shows(0.7, "handled-again-at-rest"),),
    "restored-position-overstated": (
        shows(0.5, *AHEAD, *UNAPPLIED),
        when(
            0.6,
            lambda facts: facts.rows_lost_by_end,
            "rows of {where} were gone after it had ended, and its checkpoint was not",
        ),
        against(0.7, lambda facts: not facts.rows_lost_by_end),
    ),
    "catch-up-to-live-gap": (
        shows(0.5, *UNAPPLIED, *AHEAD),
        when(
            0.5,
            lambda facts: facts.watched and facts.undisturbed_here,
            "nothing had gone wrong in the work of {where}",
        ),
        against(0.8, lambda facts: not facts.watched or not facts.undisturbed_here),
        against(0.8, lambda facts: facts.inline or (facts.reads_itself and not facts.at_work_before)),
        against(0.6, lambda facts: facts.happened("begin-rebuild")),
        against(0.5, lambda facts: facts.others_worked),
        against(0.4, lambda facts: facts.same_moment),
        against(0.4, lambda facts: facts.overtook or facts.rows_lost_by_end),
        against(0.6, lambda facts: facts.let_go),
    ),
    "memory-out-of-step": (
        shows(0.5, *TWICE, *UNAPPLIED),
        when(
            0.6,
            lambda facts: facts.anomaly in TWICE and facts.rolled_back,
            "the work of {where} ended with an error and nothing of it was kept; the same process went on, and had the event twice",
        ),
        when(
            0.5,
            lambda facts: facts.let_go and facts.row_was_there,
            "{where} had nothing else to do, and the row is as an earlier event has left it",
        ),
        against(0.8, lambda facts: facts.anomaly in TWICE and not facts.rolled_back),
        against(0.8, lambda facts: facts.anomaly in UNAPPLIED and not (facts.let_go and facts.row_was_there)),
    ),
    "attempt-goes-on": (
        shows(0.5, *TWICE),
        when(
            0.5,
            lambda facts: facts.took_too_long and not facts.others_in_between,
            "an attempt of {where} had run out of time, or its answer was lost, and no error ended the work",
        ),
        against(0.8, lambda facts: not facts.took_too_long or facts.others_in_between),
    ),
    "update-before-insert": (
        shows(0.5, *UNAPPLIED),
        when(
            0.6,
            lambda facts: facts.row_was_missing,
            "one of those that work on these rows came to the event before another had made the row",
        ),
        against(0.8, lambda facts: not facts.row_was_missing),
        against(0.1, lambda facts: facts.worked_at_once),  # then it may also have been a race
    ),
    "inline-rows-overwritten": (
        shows(0.5, *UNAPPLIED, "inline-rows-behind"),
        when(
            0.6,
            lambda facts: facts.inline and facts.call_overtaken and not facts.call_cut_short,
            "an event became visible while another call, which writes the same rows, stood in the middle",
        ),
        against(0.8, lambda facts: not facts.inline or not facts.call_overtaken or facts.call_cut_short),
    ),
    "emptied-before-filled": (
        shows(0.4, "rows-go-back"),
        when(0.6, lambda facts: facts.rows_gone, "rows of {where} were gone for a while"),
        against(0.7, lambda facts: not facts.rows_gone),
    ),
    "enqueued-before-commit": (
        shows(0.5, *UNAPPLIED, *STUCK),
        when(
            0.5,
            lambda facts: facts.looked_before_commit,
            "{where} worked while the only call under way had not committed yet",
        ),
        against(0.8, lambda facts: not facts.looked_before_commit),
        against(0.4, lambda facts: facts.cut_short or facts.others_in_between),
        against(0.6, lambda facts: facts.saved_first),
    ),
    "inline-applied-twice": (
        shows(0.5, *TWICE),
        when(0.6, lambda facts: facts.inline, "the rows of {where} are written in the transaction of the append"),
        when(0.5, lambda facts: facts.at_the_first_time, "nothing had gone wrong, and no event had come again"),
        against(0.8, lambda facts: not facts.inline and not facts.at_the_first_time),
        against(0.8, lambda facts: facts.anomaly not in TWICE),
    ),
    "locks-in-two-orders": (
        shows(0.8, "deadlock"),
        against(0.5, lambda facts: LOOP in str(facts.finding.actual)),
    ),
    "lock-held-over-an-await": (
        shows(0.4, "deadlock"),
        when(
            0.5,
            lambda facts: LOOP in str(facts.finding.actual),
            "somebody waits for a lock of threads, and the event loop, on which its holder would go on, waits with him",
        ),
        against(0.7, lambda facts: LOOP not in str(facts.finding.actual)),
    ),
    "cache-filled-late": (
        shows(0.6, "cache-stale-at-rest"),
        when(
            0.5,
            lambda facts: facts.happened("halt") and facts.keys_queried < 2,
            "a question had stopped in the middle while somebody wrote",
        ),
        against(0.7, lambda facts: not facts.happened("halt")),
    ),
}
