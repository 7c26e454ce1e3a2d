"""The ledger of a report directory: its latest searches, and the causes that they found. A pure fold: a report and a time are added.

Two findings on the same system and application have one cause if the row of the catalogue that fits them best is the same. If no row fits,
they have one cause if they break the same guarantee in the same function of the user's; and if no function is blamed, if they are the same
anomaly of the same guarantee.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from refold.reports.ci.report_document import FindingDocument, FoundDocument, ReportDocument

VERSION = 1
RUNS_MAX = 200
"""Searches that are kept; of those before them only the sums are."""
CAUSES_MAX = 200
"""Causes that are kept; those that were seen last the longest ago go first."""


class Kept(msgspec.Struct, frozen=True):
    """One search: `number` counts them from 1, `at` is when it ended, `causes` are the keys of what it found, `page` is its report in the
    directory, "" once that is gone."""

    number: int
    at: str
    system: str
    application: str
    verdict: str
    verdict_line: str
    seed: int | None
    examples: int
    steps: int
    seconds: float
    interrupted: bool
    causes: tuple[str, ...] = ()
    page: str = ""

    @property
    def scope(self) -> str:
        """What was searched: searches of other things say nothing about its causes."""
        return f"{self.system} / {self.application}"


class Cause(msgspec.Struct, frozen=True):
    """What one or more findings come from. `found` counts the searches that found it, `before` the searches of the same scope that ended
    before the first one that did."""

    key: str
    scope: str
    guarantee: str
    anomalies: tuple[str, ...]
    headline: str
    row: str
    place: str
    first_run: int
    first_seen: str
    last_run: int
    last_seen: str
    found: int
    before: int
    actions: int
    replay: str


class RunLedger(msgspec.Struct, frozen=True):
    """Everything that is kept. `searches` counts all searches of each scope; `dropped` is how many are not in `runs` any more."""

    version: int = VERSION
    runs: tuple[Kept, ...] = ()
    causes: tuple[Cause, ...] = ()
    searches: dict[str, int] = {}
    dropped: int = 0
    examples: int = 0
    steps: int = 0

    @property
    def next_number(self) -> int:
        """The number of the next search."""
        return self.runs[-1].number + 1 if self.runs else self.dropped + 1

    def rate(self, cause: Cause) -> tuple[int, int]:
        """How many searches found it, out of how many of the same system and application since it was first seen."""
        return cause.found, self.searches.get(cause.scope, cause.found) - cause.before

    def still_seen(self, cause: Cause) -> bool:
        """Whether the latest search of the same system and application found it."""
        return not any(run.scope == cause.scope and run.number > cause.last_run for run in self.runs)

    def recent(self, cause: Cause, most: int) -> list[tuple[Kept, bool]]:
        """The latest searches of the same system and application, oldest first, and whether each found it."""
        return [(run, cause.key in run.causes) for run in self.runs if run.scope == cause.scope][-most:]


def key_of(scope: str, finding: FindingDocument, row: str = "") -> str:
    """What two findings of one cause have in common."""
    if row:
        return f"{scope} / {row}"
    place = finding["place"]
    if place is not None:
        return f"{scope} / {finding['guarantee']} / {place['file']}:{place['function']}"
    return f"{scope} / {finding['guarantee']} / {finding['anomaly']}"


def row_of(finding: FoundDocument) -> str:
    """The catalogue's row that fits best, "" if none does."""
    return finding["diagnosis"][0]["row"] if finding["diagnosis"] else ""


def added(ledger: RunLedger, document: ReportDocument, at: str, page: str = "") -> RunLedger:
    """The ledger with one more search."""
    number = ledger.next_number
    run = Kept(
        number,
        at,
        document["system"],
        document["application"],
        document["verdict"],
        document["verdict_line"],
        document["seed"],
        document["examples"],
        document["steps"],
        round(document["seconds"], 1),
        document["interrupted"],
        page=page,
    )
    causes = {cause.key: cause for cause in ledger.causes}
    before = ledger.searches.get(run.scope, 0)
    seen: dict[str, None] = {}
    for finding in document["findings"]:
        key = key_of(run.scope, finding, row_of(finding))
        causes[key] = updated(causes.get(key), key, run, finding, before, again=key in seen)
        seen[key] = None
    run = msgspec.structs.replace(run, causes=tuple(seen))
    runs = (*ledger.runs, run)
    return RunLedger(
        runs=runs[-RUNS_MAX:],
        causes=latest(causes.values()),
        searches={**ledger.searches, run.scope: before + 1},
        dropped=ledger.dropped + max(len(runs) - RUNS_MAX, 0),
        examples=ledger.examples + run.examples,
        steps=ledger.steps + run.steps,
    )


def updated(cause: Cause | None, key: str, run: Kept, finding: FoundDocument, before: int, *, again: bool) -> Cause:
    """The cause after one more finding, of a search that has found it `again` or for the first time."""
    place = finding["place"]
    if cause is None:
        return Cause(
            key,
            run.scope,
            finding["guarantee"],
            (finding["anomaly"],),
            finding["headline"],
            row_of(finding),
            f"{place['file']}:{place['line']} ({place['function']})" if place else "",
            run.number,
            run.at,
            run.number,
            run.at,
            1,
            before,
            finding["actions"],
            finding["replay"] or "",
        )
    anomalies = tuple(dict.fromkeys((*cause.anomalies, finding["anomaly"])))
    cause = msgspec.structs.replace(
        cause, anomalies=anomalies, last_run=run.number, last_seen=run.at, found=cause.found + (not again)
    )
    if finding["replay"] and (not cause.actions or finding["actions"] < cause.actions or not cause.replay):
        return msgspec.structs.replace(
            cause, headline=finding["headline"], actions=finding["actions"], replay=finding["replay"]
        )
    return cause


def latest(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """As many as are kept, what was seen last first."""
    return tuple(sorted(causes, key=lambda cause: (-cause.last_run, -cause.found, cause.key))[:CAUSES_MAX])
