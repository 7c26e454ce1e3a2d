"""What ``report.json`` holds, and what ``refold verify --json`` and ``refold replay --json`` print. Fields may be added; none is renamed
or removed. ``report.schema.json``, beside this file, is the JSON Schema of it."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class EvidenceDocument(TypedDict):
    """A record that proves a finding: its number in the history (from 1), and what it has to do with it."""

    number: int
    role: str


class PlaceDocument(TypedDict):
    """A function of the user's own: its file, the line where it begins (from 1), its name."""

    file: str
    line: int
    function: str


class DiagnosisDocument(TypedDict):
    """A row of the catalogue of bugs that fits, how well (0 to 1), and why; what it is, what to do about it, where it is told of."""

    row: str
    score: float
    because: list[str]
    what: str
    references: list[str]
    fix: str
    tier: int


class FindingDocument(TypedDict):
    """A broken guarantee. `where` is the consumer, stream or client, `number` the record at which it showed, `position` the first position
    that is wrong, `place` the function that it blames."""

    anomaly: str
    guarantee: str
    property: str
    headline: str
    where: str
    number: int
    position: int | None
    expected: Any
    actual: Any
    evidence: list[EvidenceDocument]
    explanation: list[str]
    place: PlaceDocument | None


class FoundDocument(FindingDocument):
    """A finding with the plan that leads to it: how many `actions` it has, its file, the command that replays it, and each action in a
    sentence; `also` is what the same run shows."""

    actions: int
    plan: str | None
    replay: str | None
    diagnosis: list[DiagnosisDocument]
    sentences: list[str]
    performed: list[int | None]
    minimal: bool
    found_at: int
    also: list[FindingDocument]


class NearestDocument(TypedDict):
    """The run (from 0) that came nearest to a situation that no run reached, and the file of its plan."""

    distance: float
    run: int
    plan: str


class ReportDocument(TypedDict):
    """A search, or the run of a stored plan. `steps` are actions that were performed; `guarantees` says for each code whether it is
    ``held``, ``broken`` or ``not checked``; `not_checked` says why, in words; `situations` are what `sometimes` named -> the runs that
    reached it, and `nearest` those that came nearest to one that was never reached."""

    system: str
    application: str
    verdict: Literal["held", "broken"]
    verdict_line: str
    seed: int | None
    examples: int
    steps: int
    skipped: int
    seconds: float
    interrupted: bool
    trouble: str
    counts: dict[str, int]
    situations: dict[str, int]
    nearest: NotRequired[dict[str, NearestDocument]]
    findings: list[FoundDocument]
    guarantees: dict[str, str]
    not_checked: list[str]
    report: str | None
    results: NotRequired[list[Any]]
    """Of several systems or plans: a document for each."""
    history: NotRequired[str]
    """The file that was read, if no system was run."""
