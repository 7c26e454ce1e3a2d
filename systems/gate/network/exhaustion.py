"""Servers that say themselves that they cannot go on: a disk that is full, no memory, data that cannot be read.

No code of a user is to blame for what he does after that, whatever he does with the error: the run ends. A database in a file is not
meant here. Its errors are those of a disk that refold itself may have made fail.
"""

from __future__ import annotations

from collections.abc import Iterator

STATES = {
    "53100": "its disk is full",
    "53200": "it is out of memory",
    "58030": "its disk fails",
    "XX001": "its data are damaged",
    "XX002": "an index of it is damaged",
}
"""SQLSTATE of PostgreSQL -> what it means."""
REPLIES = {
    "OutOfMemoryError": "it is out of memory",
    "OOM": "it is out of memory",
    "MISCONF": "it cannot write to its disk",
}
"""Class of redis-py, or first word of a reply of Redis -> what it means."""
CODES = {
    10008: "JetStream is not available for now",
    10023: "it has too little memory or disk",
    10047: "its disk is full, or as full as it may be",
}
"""Code of an error of JetStream -> what it means."""
DEEP = 16
"""Errors behind one that are looked at."""


def why_it_cannot_go_on(error: BaseException) -> str:
    """A sentence, if this error, or one behind it, is a server's own word that it has nothing left to work with; else ""."""
    for one in behind(error):
        state = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
        if state in STATES:
            return sentence("PostgreSQL", STATES[state], one)
        kind = type(one)
        package = kind.__module__.partition(".")[0]
        if package == "redis":
            found = REPLIES.get(kind.__name__) or REPLIES.get(str(one).partition(" ")[0])
            if found:
                return sentence("Redis", found, one)
        code = getattr(one, "err_code", None)
        if package == "nats" and code in CODES:
            return sentence("NATS", CODES[code], one)
    return ""


def behind(error: BaseException) -> Iterator[BaseException]:
    """It, and what libraries have wrapped in it."""
    left: list[BaseException | None] = [error]
    seen: set[int] = set()
    while left and len(seen) < DEEP:
        one = left.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            left += [one.__context__, one.__cause__, getattr(one, "orig", None)]


def sentence(server: str, what: str, error: BaseException) -> str:
    """In words, with the server's own."""
    said = " ".join(str(error).split())
    return f"{server} cannot go on, because {what}: {said}"
