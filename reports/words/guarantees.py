"""How each guarantee came out of a campaign, and what that means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import attrs

from refold.model.words import counted
from refold.properties.guarantees import GUARANTEES, HARNESS
from refold.properties.result import Result

ALSO: dict[str, tuple[str, ...]] = {"effects": ("ORD",), "visibility": ("ORD",)}
"""Properties that watch over a second guarantee besides their own."""

HELD, BROKEN, NOT_CHECKED = "held", "broken", "not checked"


@attrs.frozen
class Standing:
    """One line of the table of guarantees."""

    code: str
    verdict: str
    meaning: str


def standings(result: Result) -> tuple[Standing, ...]:
    """Every guarantee with its verdict; a guarantee that nothing checked is never called held."""
    return rated(
        result.checked, {finding.guarantee for example in result.counterexamples for finding in example.findings}
    )


def rated(pairs: Iterable[Iterable[str]], broken: Collection[str] = ()) -> tuple[Standing, ...]:
    """Every guarantee with its verdict, from the (property, guarantee) `pairs` that had something to judge."""
    checked: set[str] = set()
    for pair in pairs:
        checked.update(word for word in pair if word in GUARANTEES)
        checked.update(code for word in pair for code in ALSO.get(word, ()))
    codes = [*GUARANTEES, *sorted({*broken, *checked} - set(GUARANTEES))]
    return tuple(
        Standing(
            code,
            BROKEN if code in broken else HELD if code in checked else NOT_CHECKED,
            GUARANTEES.get(code) or HARNESS.get(code, "a guarantee of your own"),
        )
        for code in codes
    )


def extent(rows: Sequence[Standing]) -> str:
    """How far a verdict goes: ``3 of 11 not checked``, ``all 11 checked``, ``1 of 11 broken, 3 not checked``."""
    lacking, broken = (sum(row.verdict == verdict for row in rows) for verdict in (NOT_CHECKED, BROKEN))
    if broken:
        return f"{broken} of {len(rows)} broken" + (f", {lacking} not checked" if lacking else "")
    return f"{lacking} of {len(rows)} not checked" if lacking else f"all {len(rows)} checked"


def verdict_line(result: Result) -> str:
    """The verdict and how far it goes: ``held (3 of 11 not checked)``."""
    return f"{conclusion(result)} ({extent(standings(result))})"


INTERRUPTED, GIVEN_UP = "interrupted", "given up"


def conclusion(result: Result) -> str:
    """How it ended, in a word or two: a find is one however the campaign ended; nothing held that was not looked at to the end."""
    if result.verdict == BROKEN:
        return BROKEN
    if result.trouble:
        return GIVEN_UP
    return INTERRUPTED if result.interrupted else HELD


def ending(result: Result) -> str:
    """Why the campaign ended before its time, in one line; nothing if it did not."""
    if result.trouble:
        return f"given up: {result.trouble}"
    return "interrupted: the campaign was stopped before its budget was spent" if result.interrupted else ""


def green(result: Result) -> str:
    """What a verdict that held does not prove, in one line."""
    return (
        f"Green means that {counted(result.examples, 'run')} ({counted(result.steps, 'step')}) showed no violation; it does not prove"
        " that there is none: rarer schedules, longer histories, and whatever is named as not checked, remain open."
    )


def caution(result: Result) -> str:
    """What the guarantees that held are worth where not all did, or not to the end, in one line; nothing if there are none."""
    if conclusion(result) not in (BROKEN, INTERRUPTED) or not any(row.verdict == HELD for row in standings(result)):
        return ""
    return (
        f"Held means that {counted(result.examples, 'run')} ({counted(result.steps, 'step')}) showed no violation of that guarantee;"
        " it does not prove that there is none."
    )


def replayed(result: Result, anomaly: str = "") -> str:
    """What it means that a stored plan held: `anomaly` is what the plan was kept for, if anything."""
    checked = sum(standing.verdict == HELD for standing in standings(result))
    sentence = (
        f"The plan held on {result.system}: none of the {counted(checked, 'guarantee')} that were checked was broken"
    )
    if anomaly:
        sentence += f", and {anomaly}, which it was kept for, did not happen"
    if not result.skipped:
        return f"{sentence}."
    was, them = ("was", "it") if result.skipped == 1 else ("were", "them")
    return (
        f"{sentence}. But {result.skipped} of its {counted(result.steps + result.skipped, 'action')} {was} not possible here:"
        f" without {them} the plan may show nothing."
    )
