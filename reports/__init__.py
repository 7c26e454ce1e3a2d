"""Everything that a person reads: results, findings and histories as text, JSON, HTML and pictures.

Names are imported when they are first used, because pytest imports this package whenever it starts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refold.reports.explanation import explain, headline
    from refold.reports.failure import plain_failure
    from refold.reports.html import html_report
    from refold.reports.json_report import result_json
    from refold.reports.sentences import action_sentence, plan_sentences, record_sentence
    from refold.reports.spacetime import spacetime_svg
    from refold.reports.terminal import print_result, terminal_report

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
    "action_sentence": "sentences",
    "explain": "explanation",
    "headline": "explanation",
    "html_report": "html",
    "plain_failure": "failure",
    "plan_sentences": "sentences",
    "print_result": "terminal",
    "record_sentence": "sentences",
    "result_json": "json_report",
    "spacetime_svg": "spacetime",
    "terminal_report": "terminal",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
