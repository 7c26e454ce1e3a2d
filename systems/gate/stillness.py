"""Stillness: whether a thread waits, told from outside where nobody can be asked.

A guess, and called one: a thread that sleeps in one place and uses no processor for a while waits for something. A thread that computes,
or whose disk works for it, does not stand still.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from types import FrameType

from refold.systems.gate.crossing import Wait
from refold.systems.gate.users import where

LOOK = 0.004
"""Seconds of patience that one look stands for at most: who is not let look on a busy machine, is not let see that nothing moves."""


class Stillness:
    """Looks at one thread again and again."""

    def __init__(self, thread: threading.Thread | None) -> None:
        self.thread = thread
        self.last: tuple[object, ...] | None = None
        self.since = 0.0
        self.looks = 0

    def seen(self, patience: float) -> Wait | None:
        """What it waits for, if it has stood still for `patience` seconds; else None."""
        thread = self.thread
        if thread is None or thread.ident is None:
            return None
        frame = sys._current_frames().get(thread.ident)
        now = time.monotonic()
        found = (id(frame), frame and frame.f_lasti, _processor_time(thread.ident))
        if found != self.last or not _sleeps(thread.native_id):
            self.last, self.since, self.looks = found, now, 0
            return None
        self.looks += 1
        if now - self.since < patience or self.looks * LOOK < patience:
            return None
        return Wait(_place(frame), seen="still")


def _processor_time(ident: int) -> float:
    """Seconds of processor that a thread has used; 0 where the system does not say."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(ident))
    except OSError:  # it has ended
        return -1.0


def _sleeps(native: int | None) -> bool:
    """Whether the operating system says that it sleeps; true where it does not say."""
    try:
        return Path(f"/proc/self/task/{native}/stat").read_text().rpartition(")")[2].split()[0] == "S"
    except (OSError, IndexError):
        return True


def _place(frame: FrameType | None) -> str:
    return "something" if frame is None else f"something in {frame.f_code.co_name}(){where(frame)}"
