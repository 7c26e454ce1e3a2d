"""The findings of a stored history, explained as those of a run are."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any

from refold.model.documents.history import HistoryReader, MalformedHistory
from refold.properties.updates.evidence_graph import RECORDS_MAX
from refold.reports.words.explained import Explained, explain_finding
from refold.search.stored.files import Source
from refold.search.stored.judged import Judged

SHOWN = 3
"""Findings of one history that are told in sentences."""


def explain_judged(judged: Judged, source: Source) -> tuple[Explained, ...]:
    """All findings, in their order. What led to a wrong decision is read again, for the first `SHOWN` of them; the others are explained by
    their evidence alone."""
    found = {n: explain_finding(finding) for n, finding in enumerate(judged.findings)}
    decisions = {n: finding for n, finding in enumerate(judged.findings[:SHOWN]) if finding.guarantee == "CAS"}
    if decisions:
        kept: deque[Any] = deque(maxlen=RECORDS_MAX)
        with suppress(MalformedHistory, OSError):  # the file ends here now: the evidence is left
            last = max(finding.number for finding in decisions.values())
            for number, record in enumerate(HistoryReader(judged.application).records(source.lines()), start=1):
                kept.append(record)
                for n, finding in decisions.items():
                    if finding.number == number:
                        begins = number - len(kept)
                        found[n] = explain_finding(finding, tuple(kept), judged.application, begins)
                if number == last:
                    break
    return tuple(found.values())


def sentences(explained: Explained) -> list[str]:
    """A finding in lines of prose."""
    return [explained.title, *(f"{word} {line}" for word, line in explained.explanation.lines())]
