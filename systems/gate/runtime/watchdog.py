"""A watchdog for steps that are taken on the thread of the gate: code that computes for ever, or waits outside of Python, must not stop it.

It raises an error in that thread, wherever its Python code is next; in one that sleeps in the operating system, the main thread only, it
interrupts it as Ctrl-C does. It ends by itself when there is nothing to watch.
"""

from __future__ import annotations

import _thread
import ctypes
import signal
import threading
import time

LIMIT = 5.0
"""Real seconds that one step may take."""
TICK = 0.5
IDLE_TICKS = 6

_sleep = time.sleep
_monotonic = time.monotonic


class Watchdog:
    """Watches one step at a time."""

    def __init__(self) -> None:
        self.began = 0.0
        """When the step began; 0: there is none."""
        self.thread = 0
        self.error: type[BaseException] = SystemExit
        self.struck = 0
        """How often it has interrupted this step."""
        self.alive = False

    def begin(self, error: type[BaseException]) -> None:
        """A step begins here."""
        self.struck = 0
        self.error = error
        self.thread = _thread.get_ident()
        self.began = _monotonic()
        if not self.alive:
            self.alive = True
            _thread.start_new_thread(self._watch, ())

    def end(self) -> bool:
        """It is over; whether it had to be interrupted."""
        self.began = 0.0
        return self.struck > 0

    def _watch(self) -> None:
        idle = 0
        while idle < IDLE_TICKS:
            _sleep(TICK)
            began = self.began
            idle = 0 if began else idle + 1
            if began and _monotonic() - began > LIMIT * (1 + self.struck):
                self._strike()
        self.alive = False

    def _strike(self) -> None:
        self.struck += 1
        if self.struck == 2 and self.thread == threading.main_thread().ident and hasattr(signal, "pthread_kill"):
            signal.pthread_kill(self.thread, signal.SIGINT)
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), ctypes.py_object(self.error))


WATCHDOG = Watchdog()
"""The one of this process."""
