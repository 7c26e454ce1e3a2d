"""Diagnosis: the rows of the catalogue that a counterexample most looks like.

Definition: the score of a row is 1 - Π(1 - w) over the weights w of the symptoms that hold, times Π(1 - w) over those that speak against
it; 0 if the row's own symptoms say nothing. Symptoms look at `Facts` alone: the anomaly, the guarantee, what the consumer promises, which
faults came before and in which step, what was expected and found, which records came in which order; never at the name of the system.
Rows about the same subject are told apart by the words that the plan and the row share.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from refold.model.action import CORE_ACTIONS
from refold.properties.diagnosis.catalogue import Row, catalogue
from refold.properties.diagnosis.facts import Facts, tag_of
from refold.properties.diagnosis.rules import RULES
from refold.properties.property import Finding

SHOWN = 3
"""Diagnoses that a report shows."""

LEAST = 0.2
"""Score below which a row is no diagnosis."""

LEAST_WITHOUT_MAIN = 0.3
"""The same for rows of which only side symptoms hold (“there was no fault at all”): they fit whatever is new to the catalogue."""


@attrs.frozen
class Diagnosis:
    """A row of the catalogue, how well it fits (0 to 1), and one sentence for each symptom that speaks for it."""

    row: Row
    score: float
    because: tuple[str, ...]


def diagnose(findings: Sequence[Finding], history: Sequence[Any], most: int = 8) -> list[Diagnosis]:
    """The rows that fit best, best first; the first of `findings` is what is diagnosed."""
    if not findings:
        return []
    facts = Facts(findings, history)
    words = words_of(facts)
    found = [diagnosis for row in catalogue().values() if (diagnosis := judge(row, facts, words)).score >= LEAST]
    order = {name: n for n, name in enumerate(catalogue())}
    found.sort(key=lambda diagnosis: (-diagnosis.score, order[diagnosis.row.name]))
    return found[:most]


def judge(row: Row, facts: Facts, words: frozenset[str]) -> Diagnosis:
    """The score of one row."""
    against = support = 1.0
    because = []
    main = False
    for symptom in RULES.get(row.name, ()):
        if symptom.holds(facts):
            if symptom.weight < 0:
                against *= 1 + symptom.weight
            else:
                support *= 1 - symptom.weight
                main = main or symptom.main
                because.append(symptom.says.format(anomaly=facts.anomaly, where=facts.where))
    if facts.finding.guarantee in row.guarantees:
        support *= 0.9 if facts.finding.guarantee == row.guarantees[0] else 0.93
        if because:
            because.append(f"it breaks {facts.finding.guarantee}")
    alike = likeness(row, words)
    support *= 1 - 0.3 * alike
    if not main:
        against *= 0.4
    score = round((1 - support) * against, 3)
    return Diagnosis(row, score if main or score >= LEAST_WITHOUT_MAIN else 0.0, tuple(because))


# -- words


def words_of(facts: Facts) -> frozenset[str]:
    """The words of the plan, of the anomaly, and of what extensions recorded."""
    texts = [facts.anomaly, str(facts.where)]
    for action in facts.actions:
        if tag_of(action) not in CORE_ACTIONS:
            texts += [tag_of(action), str(action)]
    texts += [proof.role for proof in facts.finding.evidence]
    texts += [str(facts.finding.expected)[:200], str(facts.finding.actual)[:200]]
    return stems(" ".join(texts))


def stems(text: str) -> frozenset[str]:
    """Words, lower case, cut to their stems, without the very common ones."""
    words = {re.sub(r"(ing|ed|es|s|e)$", "", word) for word in re.findall(r"[a-z]{3,}", text.lower())}
    return frozenset(word for word in words if len(word) > 2 and word not in COMMON)


COMMON = frozenset(
    re.findall(
        r"[a-z]+",
        "the and for that with from not was has are its but this event one two into than alic bob carol client",
    )
)


@functools.cache
def weights() -> dict[str, float]:
    """Stem -> how rare it is in the catalogue."""
    rows = catalogue().values()
    counts = Counter(word for row in rows for word in row_words(row.name))
    return {word: math.log(len(rows) / count) for word, count in counts.items()}


@functools.cache
def row_words(name: str) -> frozenset[str]:
    """The words of a row."""
    row = catalogue()[name]
    return stems(f"{row.name} {row.what} {row.scenario}")


def likeness(row: Row, words: frozenset[str]) -> float:
    """How much of the row's vocabulary the counterexample shares, 0 to 1; rare words count more."""
    weight = weights()
    own = row_words(row.name)
    shared = sum(weight[word] for word in sorted(own & words))
    return min(1.0, 2 * shared / sum(weight[word] for word in sorted(own)))
