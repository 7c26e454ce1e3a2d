"""The explanation of a finding: Let (the records that matter), Then (one «because» each), However (the contradiction).

Works for every anomaly: a finding's evidence says what each record has to do with it (its role), and the role has a reason here. Where
a role has none, the record itself is the reason.
"""

from __future__ import annotations

from typing import Any

import attrs

from refold.model.event import Stored
from refold.model.record import Aborted, Prepared
from refold.model.words import places
from refold.properties.property import Evidence, Finding
from refold.reports.words.anomalies import anomaly
from refold.reports.words.sentences import owner_words, record_sentence, source_words
from refold.reports.words.vacuous import why_nothing
from refold.reports.words.values import fields_of, inert, name, rows, told

BECAUSE: dict[str, str] = {
    "is folded to something else in another process": "the events up to it are the same, and so is the code",
    "is decided in another way in another process": "the command and the events are the same, and so is the code",
    "was asked for by nobody": "no client ever sent an append with the id {id}",
    "is the append": "it asked for the events {ids}",
    "said that it did not happen": "{op} was {outcome}",
    "says that it did not happen": "{op} was {outcome}",
    "is its event": "its id is {id}",
    "is its event, stored again": "its id is {id}, which was in the log before",
    "is the append of a batch": "it asked for {count} events in one step: {ids}",
    "is the last event that is visible of it": "its id is {id}, and the rest did not follow it",
    "read": "{source} held version {seen} of {stream} at that time",
    "changed": "it stands right before the next event of {stream}, at position {position}",
    "changed another key": "it is the newest event that the invariant covers before the next one, at position {position}",
    "appended": "it went into the log at position {position}, as version {version} of {stream}",
    "expected": "it asked for {expected} of stream {stream}",
    "was refused all the same": "the log said that it found version {found}",
    "became visible late": "readers had gone past position {position} by then",
    "was visible at this position": "it had been read at position {position} before",
    "has this version": "the log stored it as version {version} of {stream}",
    "is a scan of the log": "it returned {positions}",
    "was acknowledged": "{client} heard the log's yes: {positions}",
    "was in the log": "it had been read at position {position}",
    "is a scan without it": "it returned {positions}",
    "changed the row before": "{consumer} then stored {writes}",
    "changed it again": "{consumer} stored {writes} for event {position}, whose effect it already had",
    "was applied": "{consumer} stored {writes} for it",
    "comes first in the stream": "it is version {version} of {stream}",
    "follows it": "it is version {version} of {stream}",
    "was applied first all the same": "{consumer} stored {writes} for event {position}",
    "was dismissed, although it was never applied": "{consumer} took event {position} for one that it had dealt with",
    "is not applied": "{where} has stored no effect of event {position} so far",
    "says that it is": "it covers everything up to position {position}",
    "was saved before": "{consumer} said that everything up to {position} was done",
    "is behind it": "{consumer} now says {position}",
    "goes on behind events that were never applied": "{process} reads on after position {position}",
    "contains what is not in the log": "it is made for {position}, and the log ends before that",
    "was saved": "it held {state}",
    "is what came back": "it holds {state}",
    "claims to be the fold up to this position": "it was saved for {position} of {owner}",
    "is the last event that they contain": "{where} is at position {position}",
    "shows the stored rows": "they were read back from the store",
    "is the newer change": "it comes from event {position}",
    "undid it": "it comes from event {position}, which is older, and was stored later",
    "shows the rows at rest": "nothing was left to deliver",
    "never arrived": "{where} came to rest before position {position}",
    "is where it came to rest": "{consumer} has nothing left that it would do by itself",
}
"""Role of a piece of evidence -> the reason; fields are those of the record."""


REFUSED = "refused: "
"""What the expectation of a finding begins with, where the application's own words for a refusal follow."""

WORDS: dict[str, str] = {
    "read": "had read version {seen} of {stream}",
    "changed": "changed {stream} before that decision took effect",
    "appended": "appended to {stream}",
    "expected": "was free to go ahead",
}
"""Roles that need more words than their name."""


@attrs.frozen
class Explanation:
    """`lets`: (label, number of the record, sentence); `thens`: sentences; `however`: the rule and how it is contradicted."""

    headline: str
    lets: tuple[tuple[str, int, str], ...]
    thens: tuple[str, ...]
    however: str
    usual: str

    @property
    def numbers(self) -> dict[int, str]:
        """Number of a record -> what the explanation calls it, without brackets: ``3``, or ``1,2`` if it has two names."""
        found: dict[int, list[str]] = {}
        for label, number, _ in self.lets:
            found.setdefault(number, []).append(label.strip("()"))
        return {number: ",".join(labels) for number, labels in found.items()}

    def lines(self) -> list[tuple[str, str]]:
        """(heading or "", line): the same in the order of reading."""
        found = [("Let", f"{label} = {sentence} [record {number}]") for label, number, sentence in self.lets]
        found += [("Then", sentence) for sentence in self.thens]
        return [*found, ("However", self.however)]


def headline(finding: Finding) -> str:
    """What happened, in one line."""
    return _fill(anomaly(finding.anomaly, finding.guarantee).headline, finding)


def title(finding: Finding) -> str:
    """The anomaly, its guarantee, and what happened."""
    return f"{inert(finding.anomaly)} ({inert(finding.guarantee)}): {headline(finding)}"


def explain(finding: Finding) -> Explanation:
    """Let / Then / However."""
    words = anomaly(finding.anomaly, finding.guarantee)
    lets = tuple(
        (f"({n})", proof.number, record_sentence(proof.record)) for n, proof in enumerate(finding.evidence, start=1)
    )
    thens = tuple(_then(n, proof, finding) for n, proof in enumerate(finding.evidence, start=1))
    contrast = _fill(words.contrast, finding)
    usual = why_nothing(finding.actual) if finding.anomaly == "vacuous-run" else words.usual
    return Explanation(headline(finding), lets, thens, f"{words.rule}: {contrast}: a contradiction", usual)


def _then(n: int, proof: Evidence, finding: Finding) -> str:
    why = reason(proof, finding)
    return f"({n}) {words_of(proof, finding)}" + (f", because {why}" if why else "")


def words_of(proof: Evidence, finding: Finding) -> str:
    """The role in words."""
    return _said(WORDS, proof, finding) or inert(proof.role)


def reason(proof: Evidence, finding: Finding) -> str:
    """Why a piece of evidence is what its role says; nothing where the record itself says it."""
    if proof.role == "changed" and (unseen := _unseen(proof, finding)):
        return unseen
    return _said(BECAUSE, proof, finding)


def _said(templates: dict[str, str], proof: Evidence, finding: Finding) -> str:
    template = templates.get(proof.role, "")
    try:
        return template.format_map(facts(proof.record, finding))
    except (KeyError, IndexError, AttributeError):
        return ""  # the role is borrowed for another kind of record


def _unseen(proof: Evidence, finding: Finding) -> str:
    """Whether the change came after what the decision had read."""
    for n, other in enumerate(finding.evidence, start=1):
        seen, changed = other.record, proof.record
        if isinstance(seen, Prepared) and isinstance(changed, Stored) and seen.seen < changed.version:
            return f"it is version {changed.version} of {name(changed.stream)}, and ({n}) had seen version {seen.seen} only"
    return ""


def facts(record: Any, finding: Finding) -> dict[str, str]:
    """The fields of a record in words, and a few things that follow from them."""
    found = {key: told(inner, 300) for key, inner in (fields_of(record) or {}).items()}
    found["where"] = _where(finding)
    if "positions" in found:
        found["positions"] = places(record.positions)
    if "writes" in found:
        found["writes"] = rows(record.writes, 300)
    if "source" in found:
        found["source"] = source_words(record.source)
    if "owner" in found:
        found["owner"] = owner_words(record.owner)
    if isinstance(record, Prepared):
        found["count"] = str(len(record.events))
        found["ids"] = ", ".join(name(event.id) for event in record.events[:6]) + (
            "" if len(record.events) <= 6 else ", …"
        )
        found["expected"] = str(record.expected)
    found["outcome"] = "rolled back" if isinstance(record, Aborted) else "refused"
    return found


def _where(finding: Finding) -> str:
    return owner_words(finding.where)


def _fill(template: str, finding: Finding) -> str:
    """A template with the fields of the finding; values cannot smuggle fields in, because they are filled in once."""
    return template.format(
        anomaly=inert(finding.anomaly),
        where=_where(finding),
        event="an event" if finding.position is None else f"event {finding.position}",
        position="?" if finding.position is None else str(finding.position),
        what=_what(finding),
        expected=_quoted(finding.expected),
        actual=_quoted(finding.actual),
    )


def _what(finding: Finding) -> str:
    """What is wrong: the reason for which a command should have been refused, or what was found."""
    expected = finding.expected
    return (
        told(expected.removeprefix(REFUSED))
        if isinstance(expected, str) and expected.startswith(REFUSED)
        else told(finding.actual)
    )


def _quoted(thing: Any) -> str:
    """Words are quoted, so that they do not run into the sentence around them."""
    return f"«{told(thing)}»" if isinstance(thing, str) else told(thing)


def compared(finding: Finding) -> tuple[tuple[str, str, str], ...]:
    """(row or "", expected, actual): one line for each row that differs, or a single one."""
    expected, actual = finding.expected, finding.actual
    if isinstance(expected, dict) and isinstance(actual, dict):
        keys = sorted({*expected, *actual}, key=str)
        found = [
            (name(key), _cell(expected.get(key)), _cell(actual.get(key)))
            for key in keys
            if expected.get(key) != actual.get(key)
        ]
        if found:
            return tuple(found)
    unit = anomaly(finding.anomaly, finding.guarantee).unit
    if isinstance(expected, int) and isinstance(actual, int):
        return (("", unit.format(expected), unit.format(actual)),)
    return (("", told(expected), told(actual)),)


def _cell(thing: Any) -> str:
    return "absent" if thing is None else told(thing) if not isinstance(thing, str) else f"'{told(thing)}'"
