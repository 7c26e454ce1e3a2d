"""Names of places that are the same in every run: without the parts of subjects and keys that a program generates anew each time.

A plan names the place at which somebody stops. What is generated is told by its looks: UUIDs, the 22 letters of a NUID, at least eight
hexadecimal digits of which some are letters, and nine digits or more. A number that counts the runs looks like any other number; such names
are left as they are, and plans do not stop at them.
"""

from __future__ import annotations

import re
from functools import lru_cache

LEFT_OUT = "…"
GENERATED = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
    r"|(?=[0-9A-Za-z]*[0-9])(?=[0-9A-Za-z]*[A-Za-z])[0-9A-Za-z]{22}"
    r"|(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}"
    r"|[0-9]{9,}"
    r")(?![0-9A-Za-z])"
)


@lru_cache(maxsize=4096)
def steady(name: str) -> str:
    """``subscribe _INBOX.….*``."""
    return GENERATED.sub(LEFT_OUT, name)
