"""Dispatch: the handlers of one kind of record as one function, made of straight-line code.

A loop calls another handler each time, so Python can predict none of the calls. Straight-line code has a place for each handler, where the
interpreter learns which function is called. What it has learned stays with the code, so the same handlers share it in all runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

Handle = Callable[[int, Any], Any]
"""What looks at a record, and gives a finding or None."""

Note = Callable[[int, Any, Handle, Any], None]
"""Hears of a finding: the number, the record, who found it, and what."""

Judge = Callable[[int, Any, Note], None]
"""Shows one record to all handlers of its kind, in their order."""

CODES_MAX = 1024
"""Different sequences of handlers whose code is kept."""


def straight(handlers: Sequence[Handle]) -> Judge:
    """One function that asks all of these, of which there is at least one."""
    functions = tuple([getattr(handler, "__func__", type(handler)) for handler in handlers])
    judge: Judge = maker(functions)(*handlers)
    return judge


@functools.lru_cache(CODES_MAX)
def maker(functions: tuple[Any, ...]) -> Callable[..., Judge]:
    """Makes the function for handlers that are methods of these functions. Each sequence of functions has code of its own."""
    names = [f"handler{place}" for place in range(len(functions))]
    lines = [f"def make({', '.join(names)}):", "    def judge(number, record, note):"]
    for name in names:
        lines += [
            f"        finding = {name}(number, record)",
            "        if finding is not None:",
            f"            note(number, record, {name}, finding)",
        ]
    lines.append("    return judge")
    made: dict[str, Any] = {}
    exec("\n".join(lines), made)
    make: Callable[..., Judge] = made["make"]
    return make
