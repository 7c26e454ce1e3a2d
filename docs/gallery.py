"""The gallery: every anomaly that a broken system shows, with its rule, the smallest plan that shows it, a picture, and its usual cause.

The plans are those of `refold zoo`, one for each anomaly, in `pictures/gallery`; `pictures/draw.py` runs and draws them.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

from refold.model.documents import (
    vocabulary as vocabulary,
)  # first: the order of what it makes known is that of the pages
from refold.model.documents.plan import plan_from_json
from refold.reports.words.anomalies import ANOMALIES
from refold.reports.words.sentences import plan_sentences
from refold.search.objects.application_check import application_named
from refold.systems.broken import BROKEN

FOLDER = pathlib.Path(__file__).parent / "pictures" / "gallery"


def plans() -> Iterator[tuple[str, dict[str, Any]]]:
    """Anomaly -> the document of its plan."""
    for path in sorted(FOLDER.glob("*.json")):
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))


def gallery(guarantees: dict[str, str]) -> str:
    """A section for each guarantee, with its anomalies."""
    found: dict[str, list[str]] = {}
    for anomaly, document in plans():
        found.setdefault(document["guarantee"], []).append(exhibit(anomaly, document))
    return "\n\n".join(
        f"## {code}: {meaning}\n\n" + "\n\n".join(found[code]) for code, meaning in guarantees.items() if code in found
    )


def exhibit(anomaly: str, document: dict[str, Any]) -> str:
    """One anomaly."""
    words, system = ANOMALIES[anomaly], document["system"]
    application = application_named(document["application"])
    sentences = plan_sentences(plan_from_json(document, application))
    steps = "\n".join(f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1))
    parts = [
        f"### {anomaly}",
        f"{sentence(words.rule)} The broken system `{system}` ({BROKEN[system].reference}) breaks this rule, here with the"
        f" application `{document['application']}`:",
        steps,
        f"![{anomaly}, step by step](../pictures/gallery/{anomaly}.svg)",
    ]
    if words.usual:
        parts.append(f"**Usual cause and fix.** {sentence(words.usual)}")
    return "\n\n".join(parts)


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}."
