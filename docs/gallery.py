"""The gallery: every anomaly with its rule, the smallest run that shows it, a picture, and its usual cause; and those that have no picture.

`pictures/draw.py` draws the pictures.
"""

from __future__ import annotations

from exhibits import UNSHOWN, Exhibit, exhibits
from own_code import NOT_LINEARIZABLE, stale_read

from refold.model.words import counted
from refold.reports.words.anomalies import ANOMALIES
from refold.reports.words.explained import explain_finding
from refold.systems.broken import BROKEN


def gallery(guarantees: dict[str, str]) -> str:
    """A section for each guarantee, with its anomalies; at the end what is not shown."""
    found: dict[str, list[str]] = {}
    for exhibit in exhibits():
        found.setdefault(exhibit.finding.guarantee, []).append(section(exhibit))
    found.setdefault("CAS", []).append(black_box())
    parts = [
        f"## {code}: {meaning}\n\n" + "\n\n".join(found[code]) for code, meaning in guarantees.items() if code in found
    ]
    return "\n\n".join([*parts, unshown()])


def section(exhibit: Exhibit) -> str:
    """One anomaly."""
    words = ANOMALIES[exhibit.anomaly]
    steps = "\n".join(
        f"{number}. {step}" if exhibit.system else f"- record {number + 1}: {step}"
        for number, step in enumerate(exhibit.steps, 1)
    )
    parts = [
        f"### {exhibit.anomaly}",
        f"{sentence(words.rule)} {origin(exhibit)}:",
        steps,
        f"What refold says: {explain_finding(exhibit.finding, exhibit.history).explanation.headline}.",
        f"![{exhibit.anomaly}, step by step](../pictures/gallery/{exhibit.anomaly}.svg)",
    ]
    if words.usual:
        parts.append(f"**Usual cause and fix.** {sentence(words.usual)}")
    return "\n\n".join(parts)


def origin(exhibit: Exhibit) -> str:
    """What breaks the rule."""
    if exhibit.origin:
        return exhibit.origin
    if not exhibit.system:
        return f"A history of {counted(len(exhibit.steps), 'record')}, written by hand, breaks this rule"
    return (
        f"The broken system `{exhibit.system}` ({BROKEN[exhibit.system].reference}) breaks this rule, here with the"
        f" application `{exhibit.application}`"
    )


def black_box() -> str:
    """The one that is about histories without positions."""
    words = ANOMALIES[NOT_LINEARIZABLE]
    steps, said, _ = stale_read()
    parts = [
        f"### {NOT_LINEARIZABLE}",
        f"{sentence(words.rule)} The history [stale-read.jsonl](../../examples/stale-read.jsonl) has no positions, and breaks this rule:",
        "\n".join(f"- {step}" for step in steps),
        f"What refold says: {said}.",
        f"![{NOT_LINEARIZABLE}, client by client](../pictures/gallery/{NOT_LINEARIZABLE}.svg)",
        f"**Usual cause and fix.** {sentence(words.usual)}",
    ]
    return "\n\n".join(parts)


def unshown() -> str:
    """The anomalies that have no picture, by the reason."""
    alike: dict[str, list[str]] = {}
    for anomaly, why in UNSHOWN.items():
        alike.setdefault(why, []).append(f"- `{anomaly}`: {ANOMALIES[anomaly].rule}")
    parts = [f"{sentence(why)}\n\n" + "\n".join(lines) for why, lines in alike.items()]
    return "\n\n".join(["## Without a picture", *parts])


def sentence(text: str) -> str:
    """With a capital, unless it begins with a name of the code, and a full stop."""
    first = text.partition(" ")[0]
    return f"{text}." if "(" in first or "_" in first else f"{text[0].upper()}{text[1:]}."
