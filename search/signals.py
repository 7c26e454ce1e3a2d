"""Ctrl-C while something must not be cut in two (a find and its plan, a report and its files), and Ctrl-C where Python drops it."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
MOMENT = 0.01
"""Seconds after which an interruption that was dropped is sent again: the code that cannot be interrupted is over by then."""

_sleep = time.sleep  # the real one, whatever the gate puts in its place


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


@contextmanager
def undropped() -> Iterator[None]:
    """Inside, an interruption comes again if Python drops it: whatever is raised in a destructor, in a callback of a weak reference or
    of the garbage collector (Hypothesis has one) is printed and forgotten, and so is a Ctrl-C that happens to be handled there."""
    before = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            _thread.start_new_thread(send_again, ())
        else:
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def send_again() -> None:
    """Interrupt the main thread, a moment later, by a signal that does so."""
    _sleep(MOMENT)
    number = next((number for number in SIGNALS if callable(signal.getsignal(number))), None)
    main = threading.main_thread().ident
    if number is None or main is None:
        return
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, number)  # also where it waits in the operating system
    else:
        _thread.interrupt_main(number)
