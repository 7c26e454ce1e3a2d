"""SQL statements in two words, in every dialect alike: the verb, and the table that it is about."""

from __future__ import annotations

import re
from functools import lru_cache

COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
NAME = r'((?:[\w$]+|"[^"]+"|`[^`]+`|\[[^\]]+\])(?:\.(?:[\w$]+|"[^"]+"|`[^`]+`|\[[^\]]+\]))*)'
TABLE = {
    "INSERT": re.compile(rf"\bINTO\s+{NAME}", re.IGNORECASE),
    "REPLACE": re.compile(rf"\bINTO\s+{NAME}", re.IGNORECASE),
    "MERGE": re.compile(rf"\bINTO\s+{NAME}", re.IGNORECASE),
    "UPDATE": re.compile(rf"\bUPDATE\s+(?:OR\s+\w+\s+|ONLY\s+)?{NAME}", re.IGNORECASE),
    "DELETE": re.compile(rf"\bFROM\s+(?:ONLY\s+)?{NAME}", re.IGNORECASE),
    "SELECT": re.compile(rf"\bFROM\s+(?:ONLY\s+)?{NAME}", re.IGNORECASE),
    "TRUNCATE": re.compile(rf"\bTRUNCATE\s+(?:TABLE\s+)?(?:ONLY\s+)?{NAME}", re.IGNORECASE),
    "LOCK": re.compile(rf"\bLOCK\s+(?:TABLE\s+)?{NAME}", re.IGNORECASE),
    "CREATE": re.compile(rf"\b(?:TABLE|INDEX|VIEW|TRIGGER)\s+(?:IF\s+NOT\s+EXISTS\s+)?{NAME}", re.IGNORECASE),
    "DROP": re.compile(rf"\b(?:TABLE|INDEX|VIEW|TRIGGER)\s+(?:IF\s+EXISTS\s+)?{NAME}", re.IGNORECASE),
    "ALTER": re.compile(rf"\bTABLE\s+(?:IF\s+EXISTS\s+)?{NAME}", re.IGNORECASE),
    "PRAGMA": re.compile(rf"\bPRAGMA\s+{NAME}", re.IGNORECASE),
    "COPY": re.compile(rf"\bCOPY\s+{NAME}", re.IGNORECASE),
    "NOTIFY": re.compile(rf"\bNOTIFY\s+{NAME}", re.IGNORECASE),
    "LISTEN": re.compile(rf"\bLISTEN\s+{NAME}", re.IGNORECASE),
}
MAIN = re.compile(r"\b(INSERT|UPDATE|DELETE|SELECT|MERGE|REPLACE)\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def words_of(sql: str) -> str:
    """``INSERT ev``, ``SELECT orders``, ``BEGIN IMMEDIATE``, ``COMMIT``; the verb alone if no table is found."""
    text = COMMENTS.sub(" ", sql).strip().rstrip(";").strip()
    match = re.match(r"[A-Za-z]+", text)
    if match is None:
        return "statement"
    verb = match.group().upper()
    if verb == "WITH":
        text, verb = _main(text)
    if verb in ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ABORT"):
        return " ".join(text.upper().split()[:3])
    found = TABLE[verb].search(text) if verb in TABLE else None
    return verb if found is None else f"{verb} {_plain(found.group(1))}"


@lru_cache(maxsize=4096)
def kind_of(sql: str) -> str:
    """``commit``, ``rollback`` or ``statement``."""
    words = words_of(sql).split()
    if words[0] in ("COMMIT", "END"):
        return "commit"
    if words[0] in ("ROLLBACK", "ABORT") and "TO" not in words:
        return "rollback"
    return "statement"


def _main(text: str) -> tuple[str, str]:
    """The statement behind ``WITH name AS (…)``, and its verb."""
    depth = 0
    for match in re.finditer(r"[()]|\b(?:INSERT|UPDATE|DELETE|SELECT|MERGE|REPLACE)\b", text, re.IGNORECASE):
        if match.group() in "()":
            depth += 1 if match.group() == "(" else -1
        elif depth == 0:
            return text[match.start() :], match.group().upper()
    return text, "WITH"


def _plain(name: str) -> str:
    return re.sub(r'["`\[\]]', "", name)
