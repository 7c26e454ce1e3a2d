"""Links of Markdown pages: found, and put in other places. The site and the description on a package index need both."""

from __future__ import annotations

import re
from collections.abc import Callable

FENCED = re.compile(r"^( *)```.*?^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(!?)\[((?:!\[[^\]]*\]\([^)\s]*\)|[^\]])*)\]\(([^)\s]+)\)")


def relinked(page: str, place: Callable[[str], str]) -> str:
    """The page with the target of each link to a file of this project put where `place` says. Blocks of code stay as they are, and so do
    links to headings and to other sites."""
    return unlinked(page, lambda picture, text, target: f"{picture}[{text}]({place(target)})")


def unlinked(page: str, words: Callable[[str, str, str], str]) -> str:
    """The page with each such link replaced by words, which are made of ``!`` for a picture (else ""), its text and its target."""

    def one(match: re.Match[str]) -> str:
        picture, text, target = match.groups()
        return match[0] if "://" in target or target.startswith(("#", "mailto:")) else words(picture, text, target)

    return outside_code(page, lambda prose: LINK.sub(one, prose))


def outside_code(page: str, change: Callable[[str], str]) -> str:
    """The page with everything changed that is no block of code."""
    parts, end = [], 0
    for block in FENCED.finditer(page):
        parts += [change(page[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(page[end:])])
