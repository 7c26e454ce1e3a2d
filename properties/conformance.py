"""What the test kits of established event stores assert, A1 to A17, and what of it a campaign has shown.

Each assertion is judged by anomalies of properties, and counts as held only if what it is about has happened: a retry for retries, a crash
or a power cut for durability.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from refold.properties.result import Counterexample, Result

HELD, BROKEN, DOCUMENTED, NOT_CHECKED = "held", "broken", "documented otherwise", "not checked"
OTHER_PROCESSES = "replays in other processes"
"""How a campaign says that histories were not replayed in other processes."""


@attrs.frozen
class Assertion:
    """`properties` judge it, by these `anomalies` if there are any, else by all of theirs but those `apart`, which they find of
    something else: a rule that the application itself breaks is no fault of the log. Of `shown_by` something must have happened."""

    code: str
    what: str
    properties: tuple[str, ...]
    anomalies: tuple[str, ...] = ()
    shown_by: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()

    def broken_by(self, found: Counterexample) -> bool:
        """Whether a plan was shrunk for breaking it: what its run shows beside that follows from it."""
        finding = found.finding
        if self.anomalies:
            return finding.anomaly in self.anomalies
        return finding.judge in self.properties and finding.anomaly not in self.apart


ASSERTIONS = (
    Assertion(
        "A1",
        "an append is atomic for its batch; one that is refused leaves no trace",
        ("identity",),
        ("partial-batch", "refused-append-visible", "phantom-event", "event-altered", "answer-misses-events"),
        ("appended",),
    ),
    Assertion(
        "A2",
        "the versions of a stream are unique and have no gaps",
        ("visibility",),
        ("version-gap", "duplicate-version", "stream-misses-events", "version-used-again"),
        ("appended",),
    ),
    Assertion(
        "A3",
        "nothing becomes visible at or below a position that was already read",
        ("visibility",),
        (
            "visible-below-read-position",
            "duplicate-position",
            "position-changes",
            "read-out-of-order",
            "scan-out-of-order",
            "acknowledged-elsewhere",
            "never-becomes-visible",
        ),
        ("appended",),
    ),
    Assertion("A4", "reads keep their bounds and limits", ("ranges",), shown_by=("ranges_read",)),
    Assertion("A5", "the highest version survives a deletion", ("create-if-absent",), shown_by=("keys_created",)),
    Assertion(
        "A6",
        "everything acknowledged is in every later history, even after a crash or a power cut",
        ("durability",),
        shown_by=("crashes", "power_cuts"),
    ),
    Assertion(
        "A7",
        "a conditional append succeeds if, and only if, its condition holds at its place in the log",
        ("expected-version", "decisions"),
        shown_by=("conflicts",),
        apart=("invariant-broken",),
    ),
    Assertion(
        "A8",
        "an append that is sent again after a lost answer has at most one effect",
        ("identity",),
        ("duplicate-append", "double-effect-of-retry"),
        ("retried",),
    ),
    Assertion(
        "A9",
        "a checkpoint is never ahead of the effects or beyond the end of the log, and never goes back",
        ("checkpoints",),
        shown_by=("delivered",),
    ),
    Assertion(
        "A10",
        "the stored state of a consumer equals the replay up to its checkpoint, each event applied once and in order",
        ("replay", "effects", "views"),
        shown_by=("delivered",),
    ),
    Assertion(
        "A11",
        "a snapshot equals the replay up to it, and never changes",
        ("snapshots", "snapshot-integrity"),
        shown_by=("snapshots_loaded",),
    ),
    Assertion(
        "A12",
        "a second replay, in another process, gives the same result",
        (),
        ("replay-differs-elsewhere",),
        ("appended",),
    ),
    Assertion(
        "A13",
        "once faults stop, every consumer reaches the end",
        ("convergence", "reachability"),
        ("never-reaches-tail",),
        ("delivered",),
    ),
    Assertion(
        "A14",
        "caches and indexes show nothing that is gone, are never ahead of the log, and do not stay behind it",
        ("cache", "cache-order", "pointers", "listings"),
        shown_by=("delivered",),
    ),
    Assertion("A15", "only the present holder of a lock has an effect", ("locks",), shown_by=("leases",)),
    Assertion("A16", "a rebuild gives the same rows as live consumption", ("rebuild",), shown_by=("rebuilds",)),
    Assertion(
        "A17",
        "the campaign made appends and deliveries, and caused every possible fault",
        (),
        ("vacuous-run",),
        ("appended",),
    ),
)


OTHERS = Assertion("", "what none of these names", ())
"""For findings of other kinds, for example a handler that raises."""


@attrs.frozen
class Assessment:
    """One line of the table; `found` breaks it."""

    assertion: Assertion
    verdict: str
    note: str = ""
    found: Counterexample | None = None


def standings(result: Result, documented: Mapping[str, str]) -> tuple[Assessment, ...]:
    """Every assertion; `documented` says which of them the system's documentation does not promise, and in what words."""
    rows = [standing(assertion, result, documented) for assertion in ASSERTIONS]
    told = {id(row.found) for row in rows}
    others = [example for example in result.counterexamples if id(example) not in told and not known(example)]
    return (*rows, *[Assessment(OTHERS, BROKEN, found=example) for example in others])


def known(example: Counterexample) -> bool:
    """Whether an assertion names what an example was shrunk for."""
    return any(assertion.broken_by(example) for assertion in ASSERTIONS)


def standing(assertion: Assertion, result: Result, documented: Mapping[str, str]) -> Assessment:
    """How one came out."""
    found = next((example for example in result.counterexamples if assertion.broken_by(example)), None)
    if found is not None:
        told = documented.get(assertion.code)
        return Assessment(assertion, BROKEN if told is None else DOCUMENTED, told or "", found)
    missing = why_not_checked(assertion, result)
    return Assessment(assertion, NOT_CHECKED if missing else HELD, missing or evidence(assertion, result))


def why_not_checked(assertion: Assertion, result: Result) -> str:
    """What did not happen; "" if all did."""
    judging = {name for name, _ in result.checked}
    if assertion.properties and not judging & {*assertion.properties}:
        return "the system has nothing of this kind"
    if assertion.code == "A12" and (
        not result.sample or any(line.startswith(OTHER_PROCESSES) for line in result.not_checked)
    ):
        return "no history could be replayed in other processes"
    if not any(result.counts.get(count) for count in assertion.shown_by):
        return f"none of: {', '.join(words(count) for count in assertion.shown_by)}"
    return ""


def evidence(assertion: Assertion, result: Result) -> str:
    """What happened, in figures."""
    return ", ".join(
        [f"{result.counts[count]:,} {words(count)}" for count in assertion.shown_by if result.counts.get(count)]
    )


def words(count: str) -> str:
    """The name of a count for readers."""
    return count.replace("_", " ")
