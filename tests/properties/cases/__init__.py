"""For every clause of every property a case: a history that only this clause convicts, and its innocent twin."""

from __future__ import annotations

from . import consumers, log, messages, own, reading, updates
from .case import Case

TABLES: tuple[dict[tuple[str, str], Case], ...] = (
    log.CASES,
    updates.CASES,
    consumers.CASES,
    reading.CASES,
    messages.CASES,
    own.CASES,
)
"""One table for each room of `refold.properties`."""

CASES: dict[tuple[str, str], Case] = {key: case for table in TABLES for key, case in table.items()}
"""(property, clause) -> its case."""
