"""Everything that a person reads: results, findings and histories as text, JSON, HTML and pictures.

Names are imported when they are first used, because pytest imports this package whenever it starts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refold.reports.documents.html import html_report
    from refold.reports.documents.json_report import result_json
    from refold.reports.documents.terminal import print_result, terminal_report
    from refold.reports.pictures.spacetime import spacetime_svg
    from refold.reports.words.explanation import explain, headline
    from refold.reports.words.failure import plain_failure
    from refold.reports.words.sentences import action_sentence, plan_sentences, record_sentence

__all__ = [
    "action_sentence",
    "explain",
    "headline",
    "html_report",
    "plain_failure",
    "plan_sentences",
    "print_result",
    "record_sentence",
    "result_json",
    "spacetime_svg",
    "terminal_report",
]

_HOMES = {
    "action_sentence": "words.sentences",
    "explain": "words.explanation",
    "headline": "words.explanation",
    "html_report": "documents.html",
    "plain_failure": "words.failure",
    "plan_sentences": "words.sentences",
    "print_result": "documents.terminal",
    "record_sentence": "words.sentences",
    "result_json": "documents.json_report",
    "spacetime_svg": "pictures.spacetime",
    "terminal_report": "documents.terminal",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
