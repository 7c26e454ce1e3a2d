"""Processes that end with the one that started them, by whatever kind of death."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
"""The option of Linux's `prctl` that names the signal for the death of the parent."""


def die_with_parent(parent: int | None = None) -> None:
    """End this process when its parent is no more: nobody waits for what it makes. On Linux the kernel sees to it, elsewhere a thread.
    Who takes long to begin names the parent, which may be dead by now."""
    parent = os.getppid() if parent is None else parent
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError, TypeError):
        threading.Thread(target=watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def watch(parent: int) -> None:
    """Look every second whether the parent is still there."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def before_exec() -> Callable[[], None] | None:
    """The `preexec_fn` of a program that is to die with this process; None where only the program itself could see to that."""
    return functools.partial(die_with_parent, os.getpid()) if sys.platform == "linux" else None
