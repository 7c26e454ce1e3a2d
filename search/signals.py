"""Ctrl-C while something must not be cut in two: a find and its plan, a report and its files."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class HeldInterrupt:
    """The interruption that waits, if there is one."""

    def __init__(self) -> None:
        self.came = False

    def let_in(self) -> None:
        """Raise `KeyboardInterrupt` if an interruption waits: here is a good place."""
        if self.came:
            raise KeyboardInterrupt


@contextmanager
def held_back() -> Iterator[HeldInterrupt]:
    """Inside, the first Ctrl-C waits until it is let in; the second is not held: whoever insists is obeyed. Signals that would not
    interrupt (ignored, or fatal as SIGTERM is by default) are left alone, and so is everything outside the main thread."""
    waiting = HeldInterrupt()
    if threading.current_thread() is not threading.main_thread():
        yield waiting
        return

    def wait(number: int, frame: FrameType | None) -> None:
        if waiting.came:
            raise KeyboardInterrupt
        waiting.came = True

    before = {number: signal.getsignal(number) for number in SIGNALS}
    held = [number for number, handler in before.items() if callable(handler)]
    try:
        for number in held:
            signal.signal(number, wait)
        yield waiting
    finally:
        for number in held:
            signal.signal(number, before[number])
