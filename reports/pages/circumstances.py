"""What a page says of a finding beside the reason: which record breaks which guarantee, the faults before it, what else happened to the
same key, and what was expected."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import attrs
from markupsafe import Markup
from msgspec import structs

from refold.model.action import Action, FailDisk
from refold.model.parts.calls import FailStep, LoseAnswer, Replied
from refold.model.record import DiskFailed, Record, Scanned, Step, StreamScanned
from refold.properties.guarantees import GUARANTEES
from refold.properties.linearizability import Operation, Outcome, Verdict
from refold.properties.linearizability.value import brief
from refold.properties.property import Finding
from refold.reports.pages.assets import template
from refold.reports.pages.operations import NOUN, Order, state_at_end, words_of
from refold.reports.pages.past import Past
from refold.reports.words.explanation import compared
from refold.reports.words.sentences import action_sentence, owner_words, record_sentence
from refold.reports.words.values import inert

NOTED_MAX = 5
"""Records, at most, that are named of one sort: the last ones."""

Noted = list[tuple[int, str]]
"""Numbers of records, and their sentences."""


@attrs.frozen
class Place:
    """Where a finding stands on a page: its `prefix` for names of records, its `number`, and the records that the page `shows`
    (None: all of them)."""

    prefix: str
    number: int
    shows: Collection[int] | None = None

    def link(self, record: int) -> str:
        """The name of a record on the page, "" if it is not there."""
        return "" if self.shows is not None and record not in self.shows else f"{self.prefix}record-{record}"


def circumstances(finding: Finding, history: Sequence[Any], place: Place) -> Markup:
    """The paragraphs and the table. `history` is what was recorded, as far as it was kept; a finding beyond it has only the table."""
    inside = 0 < finding.number <= len(history)
    return Markup(
        template("pages/circumstances.html").render(
            finding=finding,
            place=place,
            inside=inside,
            breaks=GUARANTEES.get(finding.guarantee, ""),
            faults=faults_before(history, finding.number),
            key=inert(key_of(finding)),
            touched=touched_before(history, finding) if inside else [],
            where=owner_words(finding.where),
            compared=compared(finding),
        )
    )


def contradiction(verdict: Verdict, order: Order, blame: Operation, number: int, shows: Collection[int]) -> Markup:
    """The same for the operation to blame, which is row `number`, in a history without positions."""
    until = blame.returned if blame.returned is not None else blame.invoked
    unanswered = [
        one
        for one in order.operations
        if one.outcome is Outcome.UNKNOWN and one.key == blame.key and one.invoked < until and one != blame
    ]
    return Markup(
        template("pages/contradiction.html").render(
            noun=NOUN,
            number=number,
            shown=number in shows,
            open=[f"client {inert(brief(one.process))}, {words_of(verdict, one)}" for one in unanswered[-NOTED_MAX:]],
            more=max(len(unanswered) - NOTED_MAX, 0),
            on="" if blame.key is None else f" {inert(brief(blame.key))}",
            said=words_of(verdict, blame),
            state=state_at_end(verdict, order),
        )
    )


def faults_before(history: Sequence[Any], number: int) -> Noted:
    """What had failed up to a finding, the last of much: records that say so, and actions that did harm where no record says so, or says
    less: a step that fails and one whose answer is lost look alike in a record."""
    found: dict[int, Any] = {}
    silent: dict[int, Any] = {}  # actions that no record has confirmed so far
    begun = 0
    for at, record in enumerate(history[:number], start=1):
        if isinstance(record, Step):
            begun = at
            if isinstance(record.action, Action) and record.action.fault:
                silent[at] = record.action
        elif is_fault(record) and not isinstance(silent.get(begun), LoseAnswer | FailStep):
            found[at] = record
            silent = {
                step: action
                for step, action in silent.items()
                if isinstance(action, LoseAnswer | FailStep) or (step != begun and not confirms(record, action))
            }
    return noted(sorted((found | silent).items()))


def confirms(record: Any, action: Any) -> bool:
    """Whether a record tells what an earlier action did. That a disk failed is told by no other record: a power cut says nothing of it."""
    if isinstance(action, FailDisk) and not isinstance(record, DiskFailed):
        return False
    return bool(names(action) & names(record))


def names(of: Any) -> set[str]:
    """Who is named in a record or an action."""
    return {value for value in structs.asdict(of).values() if isinstance(value, str) and value}


def is_fault(record: Any) -> bool:
    """Whether something failed here."""
    return (isinstance(record, Record) and record.fault) or (
        isinstance(record, Replied) and record.how in ("raised", "unknown")
    )


def touched_before(history: Sequence[Any], finding: Finding) -> Noted:
    """What had happened to the key of a finding before, where no evidence says it: a row that is wrong at rest was written earlier."""
    key, past = key_of(finding), Past()
    proofs = {proof.number for proof in finding.evidence}
    found = []
    for at, record in enumerate(history[: finding.number - 1], start=1):
        past.feed(at, record, "")
        if past.key(record) == key and not isinstance(record, Scanned | StreamScanned):
            found.append((at, record))
    if not key or any(at in proofs for at, _ in found):
        return []
    return noted(found)


def key_of(finding: Finding) -> str:
    """The key that a finding is about, or ""."""
    return finding.where.removeprefix("stream:")


def noted(found: Any) -> Noted:
    """The last of them, in words."""
    return [
        (at, action_sentence(one) if isinstance(one, Action) else record_sentence(one))
        for at, one in list(found)[-NOTED_MAX:]
    ]
