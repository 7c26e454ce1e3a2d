"""Symptoms: what a rule of diagnosis is made of.

A symptom is a weight between -1 and 1, a question to the facts, and a sentence for when the answer is yes. What distinguishes a row from
others that show as the same anomaly has a weight of 0.4 and more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import attrs

from refold.model.action import ACTIONS
from refold.model.documents import vocabulary as vocabulary  # makes the words of the extensions known
from refold.model.record import RECORDS
from refold.model.words import suggestion
from refold.properties.diagnosis.facts import Facts

Question = Callable[[Facts], bool]


@attrs.frozen
class Symptom:
    """`weight` below 0 speaks against the row. `says` may use {anomaly} and {where}. A row none of whose `main` symptoms holds is
    hardly credible."""

    weight: float
    holds: Question
    says: str = ""
    main: bool = False


@functools.cache
def known() -> dict[str, type]:
    """Every word that `after` and `never` may use: a kind of action or record, by the name that files write."""
    return {**{tag(cls): cls for cls in RECORDS}, **ACTIONS}


def tag(kind: Any) -> str:
    """The name that files write for a kind of record."""
    return str(kind.__struct_config__.tag)


def phrase(word: str) -> str:
    """What to say about a kind of record or action that came before."""
    return getattr(known().get(word), "phrase", "") or f"“{word}” came before"


def check_words(words: tuple[str, ...]) -> None:
    """Raises `ValueError` for a word that no record and no action has: it would never hold."""
    for word in words:
        if word not in known():
            raise ValueError(f"{word!r} is no kind of record or action{suggestion(word, known())}")


def shows(weight: float, *anomalies: str) -> Symptom:
    """The finding itself is one of these anomalies, whatever the application calls it."""
    return Symptom(
        weight,
        lambda facts: facts.anomaly in anomalies or facts.kind in anomalies,
        "it shows up as {anomaly}",
        main=True,
    )


def also(weight: float, *anomalies: str) -> Symptom:
    """The same run shows one of these anomalies too."""
    said = " or ".join(anomalies)
    return Symptom(weight, lambda facts: bool(facts.anomalies.intersection(anomalies)), f"the run shows {said}")


def after(weight: float, *tags: str) -> Symptom:
    """Records or actions of one of these kinds came before."""
    check_words(tags)
    return Symptom(weight, lambda facts: facts.happened(*tags), phrase(tags[0]))


def when(weight: float, holds: Question, says: str) -> Symptom:
    """A symptom of one's own."""
    return Symptom(weight, holds, says)


def against(weight: float, holds: Question) -> Symptom:
    """Speaks against the row."""
    return Symptom(-weight, holds)


def never(weight: float, *tags: str) -> Symptom:
    """Speaks against the row if nothing of these kinds came before."""
    check_words(tags)
    return Symptom(-weight, lambda facts: not facts.happened(*tags))


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


Rules = dict[str, tuple[Symptom, ...]]
"""Row -> its symptoms."""

LOST = ("acknowledged-append-lost",)
DECIDED_WRONG = ("lost-update", "duplicate-create", "oversold", "write-skew", "invariant-broken")
TWICE = ("effect-applied-twice",)
AHEAD = ("checkpoint-ahead-of-effects",)
UNAPPLIED = ("event-never-applied",)
STUCK = ("never-reaches-tail",)
HIDDEN = ("never-becomes-visible", "never-reaches-tail")
DIFFERS = ("replayed-state-differs",)

REMOVED = ("discarded",)
"""Records of deletions of keys."""

TRIMMED = ("expired",)
"""Records of a log that was cut at its beginning."""

RESTORED = ("restored",)
"""Records of a log that lost its end."""

POISON = ("poison", "parked", "dead-letters")
"""Records and actions of events that a handler cannot do."""

SCHEMA = ("upgrade", "upgraded")
"""Records and actions of a change of schema."""

REBUILT = ("rebuild", "rebuilt", "swap", "reset", "begin-again")
"""Records and actions of a rebuild or a replay."""
