"""Cases of the properties of consumers: (property, clause) -> a history that only this clause convicts, and its innocent twin."""

from __future__ import annotations

from .case import Case

CASES: dict[tuple[str, str], Case] = {}
