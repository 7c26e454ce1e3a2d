"""The last resort: the end of a process whose code has gone into C and does not come back.

Python's own handlers of signals run only between two steps of the interpreter, and no thread of it runs while somebody keeps its lock. So
two timers of the operating system say the sentence and end the process, each in a thread that Python does not know of: `warnx` writes, and
`_exit` ends. Linux has such timers; elsewhere there is no last resort.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

SIGEV_THREAD = 2
CLOCK_MONOTONIC = 1
SPOKEN = 0.5
"""Seconds between the sentence and the end."""


class Callee(ctypes.Structure):
    """What a timer calls, and with what: `struct sigevent`."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("rest", ctypes.c_char * 32),
    )


class Due(ctypes.Structure):
    """When, and not again: `struct itimerspec`."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("again", "again_ns", "seconds", "nanoseconds"))


class LastResort:
    """Says `sentence` and ends the process with `status`, unless it is put off again or called off before that."""

    def __init__(self, sentence: str, status: int) -> None:
        self.sentence = ctypes.create_string_buffer(sentence.replace("%", "%%").encode())
        self.timers: list[tuple[ctypes.c_void_p, float]] = []
        self.library: Any = None
        if not sys.platform.startswith("linux"):
            return
        library = ctypes.CDLL(None)
        try:
            ctypes.c_char_p.in_dll(library, "program_invocation_short_name").value = b"refold"
            for function, value, later in (
                (library.warnx, ctypes.addressof(self.sentence), 0.0),
                (library._exit, status, SPOKEN),
            ):
                timer = ctypes.c_void_p()
                callee = Callee(value, 0, SIGEV_THREAD, ctypes.cast(function, ctypes.c_void_p).value, None, b"")
                if library.timer_create(CLOCK_MONOTONIC, ctypes.byref(callee), ctypes.byref(timer)) == 0:
                    self.timers.append((timer, later))
        except (AttributeError, ValueError):  # another library than that of GNU
            return
        self.library = library

    def put_off(self, seconds: float) -> None:
        """So many seconds from now, and not earlier. 0 calls it off."""
        for timer, later in self.timers:
            due = seconds + later if seconds else 0.0
            spec = Due(0, 0, int(due), int(due % 1 * 1e9))
            self.library.timer_settime(timer, 0, ctypes.byref(spec), None)

    def close(self) -> None:
        """Never."""
        for timer, _ in self.timers:
            self.library.timer_delete(timer)
        self.timers.clear()
