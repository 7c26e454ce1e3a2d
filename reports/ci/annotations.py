"""Findings as workflow commands of GitHub Actions: lines of output that become annotations of a change."""

from __future__ import annotations

import os

from refold.reports.ci.report_document import PlaceDocument


def wanted() -> bool:
    """Whether this runs where such lines are understood: GitHub Actions, and those that work like it."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotation(title: str, message: str, place: PlaceDocument | None) -> str:
    """One line; without a place it is shown with the job."""
    about = {"title": title}
    if place is not None:
        about = {"file": place["file"], "line": str(place["line"]), **about}
    return f"::error {','.join(f'{name}={escaped(text, (*LINE, *FIELD))}' for name, text in about.items())}::{escaped(message, LINE)}"


LINE = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
FIELD = ((":", "%3A"), (",", "%2C"))


def escaped(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    """With the characters that would end a field or the line spelled as the runner reads them."""
    for character, spelled in escapes:
        text = text.replace(character, spelled)
    return text
