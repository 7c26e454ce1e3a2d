"""The explanation of a finding by its evidence: Let (the records that matter), Then (one "because" each), However (the contradiction).

Works for every anomaly: a finding's evidence says what each record has to do with it (its role), and `because` has a reason for the role.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import attrs

from refold.model.event import Stored
from refold.model.record import Aborted, Applied, Prepared
from refold.model.words import places
from refold.properties.property import Evidence, Finding
from refold.reports.words.anomalies import words_of
from refold.reports.words.because import BECAUSE, WORDS
from refold.reports.words.sentences import owner_words, record_sentence, source_words
from refold.reports.words.vacuous import why_nothing
from refold.reports.words.values import ITEMS_MAX, fields_of, inert, name, rows, told
from refold.search.objects.locations import Location

REFUSED = "refused: "
"""What the expectation of a finding begins with, where the application's own words for a refusal follow."""

AS_BEFORE = "as it was"
"""A row that an event leaves alone."""


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
    return _fill(words_of(finding).headline, finding)


def title(finding: Finding) -> str:
    """The anomaly, its guarantee, and what happened."""
    return f"{inert(finding.anomaly)} ({inert(finding.guarantee)}): {headline(finding)}"


def usual(finding: Finding) -> str:
    """The usual cause, and the fix."""
    return why_nothing(finding.actual) if finding.anomaly == "vacuous-run" else inert(words_of(finding).usual)


def by_evidence(finding: Finding) -> Explanation:
    """Let / Then / However, the evidence in the order of the history."""
    proofs = sorted(finding.evidence, key=lambda proof: proof.number)
    labels = {id(proof): f"({n})" for n, proof in enumerate(proofs, start=1)}
    lets = tuple((labels[id(proof)], proof.number, record_sentence(proof.record)) for proof in proofs)
    decision = next((labels[id(proof)] for proof in proofs if isinstance(proof.record, Prepared)), "the decision")
    thens = tuple(_then(labels[id(proof)], proof, finding, decision) for proof in proofs)
    return Explanation(headline(finding), lets, thens, however(finding, contrast(finding)), usual(finding))


def however(finding: Finding, contradiction: str) -> str:
    """The rule, and how it is contradicted."""
    return f"{inert(words_of(finding).rule)}: {contradiction}: a contradiction"


def contrast(finding: Finding) -> str:
    """Expected against found, as far as the finding says."""
    if finding.expected is None and finding.actual is None:
        return f"record {finding.number} says something else"
    return _fill(words_of(finding).contrast, finding)


def _then(label: str, proof: Evidence, finding: Finding, decision: str) -> str:
    why = reason(proof, finding)
    return f"{label} {role_words(proof, finding, decision)}" + (f", because {why}" if why else "")


def role_words(proof: Evidence, finding: Finding, decision: str) -> str:
    """The role in words; `decision` is what the explanation calls the decision that it is about."""
    return _said(WORDS, proof, finding, decision=decision) or inert(proof.role)


def reason(proof: Evidence, finding: Finding) -> str:
    """Why a piece of evidence is what its role says; nothing where the record itself says it."""
    if proof.role == "changed" and (unseen := _unseen(proof, finding)):
        return unseen
    return _said(BECAUSE, proof, finding)


def _said(templates: Mapping[str, str | tuple[str, ...]], proof: Evidence, finding: Finding, **more: str) -> str:
    template = templates.get(proof.role, "")
    known = {**facts(proof.record, finding), **more}
    for one in (template,) if isinstance(template, str) else template:
        with suppress(KeyError, IndexError, AttributeError):  # the role is borrowed for another kind of record
            return one.format_map(known)
    return ""


def _unseen(proof: Evidence, finding: Finding) -> str:
    """That the change came after what the decision had read; nothing if it did not."""
    for other in finding.evidence:
        seen, changed = other.record, proof.record
        if isinstance(seen, Prepared) and isinstance(changed, Stored) and seen.seen < changed.version:
            return f"it is version {changed.version} of {name(changed.stream)}, and the decision had seen version {seen.seen} only"
    return ""


def facts(record: Any, finding: Finding) -> dict[str, str]:
    """The fields of a record in words, and a few things that follow from them."""
    found = {key: told(inner, 300) for key, inner in (fields_of(record) or {}).items()}
    found |= {"where": _where(finding), "wanted": told(finding.expected, 300), "got": told(finding.actual, 300)}
    if "positions" in found:
        found["positions"] = places(record.positions)
        found["in_order"] = ", ".join(map(str, record.positions))
    if "writes" in found:
        found["writes"] = rows(record.writes, 300)
    if "source" in found:
        found["source"] = source_words(record.source)
    if "owner" in found:
        found["owner"] = owner_words(record.owner)
    if "tally" in found:
        found["tally"] = inert(str(record.tally))
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


class _Fields(string.Formatter):
    """Fills in what there is, and leaves every other pair of braces as it stands: a headline may be the user's."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        """The value of a field, without a way into its attributes."""
        return kwargs.get(field_name, "{" + field_name + "}"), field_name


def _fill(template: str, finding: Finding) -> str:
    """A template with the fields of the finding; values cannot smuggle fields in, because they are filled in once."""
    place = f" for {_where(finding)}" if finding.where else ""
    place += "" if finding.position is None else f" at position {finding.position}"
    fields = {
        "anomaly": inert(finding.anomaly),
        "judge": inert(finding.judge),
        "where": _where(finding),
        "place": place,
        "event": "an event" if finding.position is None else f"event {finding.position}",
        "position": "?" if finding.position is None else str(finding.position),
        "what": _what(finding),
        "expected": _side(finding, finding.expected, finding.actual),
        "actual": _side(finding, finding.actual, finding.expected),
    }
    try:
        return inert(_Fields().vformat(template, (), fields))
    except (ValueError, LookupError):
        return inert(template)


def _what(finding: Finding) -> str:
    """What is wrong: the reason for which a command should have been refused, or what was found."""
    expected = finding.expected
    return (
        told(expected.removeprefix(REFUSED))
        if isinstance(expected, str) and expected.startswith(REFUSED)
        else told(finding.actual)
    )


def _changes(finding: Finding) -> bool:
    """Whether both sides are what one event changes, and not all rows: one that a side does not name stays as it was."""
    sides = (finding.expected, finding.actual)
    return all(isinstance(side, dict) for side in sides) and any(
        isinstance(proof.record, Applied) for proof in finding.evidence
    )


def _side(finding: Finding, side: Any, other: Any) -> str:
    """What was expected, or found, and the rows that only the other side changes."""
    if not _changes(finding) or side.keys() >= other.keys():
        return _quoted(side)
    kept = [f"{name(key)} {AS_BEFORE}" for key in other if key not in side]
    return ", ".join(([told(side)] if side else []) + kept[:ITEMS_MAX] + ["…"] * (len(kept) > ITEMS_MAX))


def _quoted(thing: Any) -> str:
    """Words are quoted, so that they do not run into the sentence around them."""
    return f'"{told(thing)}"' if isinstance(thing, str) else told(thing)


def compared(finding: Finding) -> tuple[tuple[str, str, str], ...]:
    """(row or "", expected, actual): one line for each row that differs, or a single one."""
    expected, actual = finding.expected, finding.actual
    if isinstance(expected, dict) and isinstance(actual, dict):
        keys = sorted({*expected, *actual}, key=str)
        silent = AS_BEFORE if _changes(finding) else _cell(None)
        found = [
            (
                name(key),
                _cell(expected[key]) if key in expected else silent,
                _cell(actual[key]) if key in actual else silent,
            )
            for key in keys
            if expected.get(key) != actual.get(key) or (silent is AS_BEFORE and (key in expected) != (key in actual))
        ]
        if found:
            return tuple(found)
    unit = words_of(finding).unit
    if isinstance(expected, int) and isinstance(actual, int):
        return (("", unit.format(expected), unit.format(actual)),)
    return (("", told(expected), told(actual)),)


def _cell(thing: Any) -> str:
    return "absent" if thing is None else told(thing) if not isinstance(thing, str) else f"'{told(thing)}'"


def spot(place: Location) -> str:
    """A function of the user's own, in a form that editors and terminals follow."""
    return f"{inert(place.function)} ({inert(place.file)}:{place.line})"
