"""Clues: what a rule of diagnosis is made of.

A clue is a weight between -1 and 1, a question to the facts, and a sentence for when the answer is yes. What distinguishes a row from
others that show as the same anomaly has a weight of 0.4 and more.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from refold.properties.diagnosis.facts import Facts

Question = Callable[[Facts], bool]


@attrs.frozen
class Clue:
    """`weight` below 0 speaks against the row. `says` may use {anomaly} and {where}. A row none of whose `main` clues holds is
    hardly credible."""

    weight: float
    holds: Question
    says: str = ""
    main: bool = False


PHRASES: dict[str, str] = {
    "power-cut": "a power cut came before",
    "crashed": "a process died before",
    "started": "an append took its position early and committed late",
    "aborted": "an append was rolled back",
    "retry": "an append of unknown outcome was sent again",
    "redecide": "an append of unknown outcome was decided anew and sent under the same ids",
    "failed": "a handler had failed before",
    "redeliver": "an event was delivered again",
    "snapshot-taken": "a snapshot had been taken",
    "snapshot-loaded": "a snapshot had been loaded",
    "pause": "a client was paused past its lease",
    "answered": "a query was answered",
    "archived": "a stream was archived",
    "begin-again": "a consumer was told to begin again",
    "disconnect": "a subscription was interrupted",
    "drain": "a relay took messages out of an outbox",
    "expired": "old messages had been removed from the log",
    "fail-letters": "a write of a dead letter had failed",
    "failed-over": "a follower had taken over from the primary",
    "finished": "a process had come to its end",
    "fire-timer": "a timer fired in the middle",
    "hold-taken": "something had been put on hold",
    "locked-write": "somebody wrote under the lock",
    "lose-offset": "a stored offset had been lost",
    "manage": "a process manager sent commands",
    "parked": "an event had been parked",
    "queued": "somebody had waited for the lock",
    "range-read": "a reader asked for a range of positions",
    "rebalance": "partitions had been given to another member",
    "rebuild": "a rebuild was under way",
    "released": "a lock was released",
    "repaired": "a repair had run",
    "replay-letter": "a dead letter was tried again",
    "restored": "the log had been restored from a backup",
    "searched": "the index was searched",
    "sent": "something had left the system",
    "snapshot-begun": "a second snapshot of the source had begun",
    "source-changed": "the source had changed",
    "stall-member": "a member had stalled",
    "took-over": "a second writer had taken over",
    "writer-died": "a writer died between its two writes",
}
"""Kind of record or action -> what to say about it."""


def shows(weight: float, *anomalies: str) -> Clue:
    """The finding itself is one of these anomalies."""
    return Clue(weight, lambda facts: facts.anomaly in anomalies, "it shows as {anomaly}", main=True)


def also(weight: float, *anomalies: str) -> Clue:
    """The same run shows one of these anomalies too."""
    said = " or ".join(anomalies)
    return Clue(weight, lambda facts: bool(facts.anomalies.intersection(anomalies)), f"the run shows {said}")


def after(weight: float, *tags: str) -> Clue:
    """Records or actions of one of these kinds came before."""
    said = PHRASES.get(tags[0], f"«{tags[0]}» came before")
    return Clue(weight, lambda facts: facts.happened(*tags), said)


def when(weight: float, holds: Question, says: str) -> Clue:
    """A clue of one's own."""
    return Clue(weight, holds, says)


def against(weight: float, holds: Question) -> Clue:
    """Speaks against the row."""
    return Clue(-weight, holds)


def never(weight: float, *tags: str) -> Clue:
    """Speaks against the row if nothing of these kinds came before."""
    return Clue(-weight, lambda facts: not facts.happened(*tags))


def expects(*kinds: str) -> Question:
    """Whether the decision's append expected this."""
    return lambda facts: facts.expects in kinds


def design(**promises: bool) -> Question:
    """Whether the finding is about a consumer with these promises."""
    return lambda facts: (
        facts.spec is not None and all(getattr(facts.spec, name) is value for name, value in promises.items())
    )


def strange(facts: Facts) -> bool:
    """Whether more than the core of the model took part."""
    return not facts.simple


Rules = dict[str, tuple[Clue, ...]]
"""Row -> its clues."""

LOST = ("acknowledged-append-lost",)
DECIDED_WRONG = ("lost-update", "duplicate-create", "oversold", "write-skew", "invariant-broken")
TWICE = ("effect-applied-twice",)
AHEAD = ("checkpoint-ahead-of-effects",)
STUCK = ("never-reaches-tail",)
HIDDEN = ("never-becomes-visible", "never-reaches-tail")
DIFFERS = ("replayed-state-differs",)

REMOVED = ("discarded", "deleted", "tombstoned")
"""Records of deletions of keys."""

TRIMMED = ("expired", "trimmed", "truncated")
"""Records of a log that was cut at its beginning."""

RESTORED = ("restored", "tail-lost", "new-epoch", "truncated")
"""Records of a log that lost its end."""

POISON = ("poison", "parked", "dead-letters")
"""Records and actions of events that a handler cannot do."""

SCHEMA = ("upgrade", "upgraded")
"""Records and actions of a change of schema."""

REBUILT = ("rebuild", "rebuilt", "swap", "reset", "begin-again")
"""Records and actions of a rebuild or a replay."""
