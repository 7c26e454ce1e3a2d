"""Chance and signals: what the code under test draws is the same in every run, and what it does on SIGTERM is what `Stop` does.

The global generator of `random` begins at the same place whenever a gate is opened, and is put back when it is closed; `uuid.uuid4` is
drawn from it. What comes from `os.urandom`, `secrets` or generators of the code's own is not touched.
"""

from __future__ import annotations

import random
import signal
import uuid
from typing import Any

from refold.systems.gate.actor import current
from refold.systems.gate.patches import Patches, Replacements

ENDING = (signal.SIGTERM, signal.SIGINT)
"""The signals by which a process is asked to end."""

_real_signal = signal.signal
_real_uuid4 = uuid.uuid4


def begin() -> Any:
    """Set the global generator to its place at the beginning of a run; what it was before."""
    before = random.getstate()
    random.seed(0)
    return before


def uuid4() -> uuid.UUID:
    """`uuid.uuid4`."""
    return _real_uuid4() if current() is None else uuid.UUID(int=random.getrandbits(128), version=4)


def handle(signalnum: int, handler: Any) -> Any:
    """`signal.signal`: an actor's handler for SIGTERM or SIGINT is what its process does when it is told to end."""
    actor = current()
    if actor is None:
        return _real_signal(signalnum, handler)
    if signalnum in ENDING:
        actor.process.on_stop = (lambda: handler(signalnum, None)) if callable(handler) else None
    return signal.SIG_DFL


def register(patches: Patches) -> None:
    """Replace where chance and signals come from."""

    def replacements() -> Replacements:
        return {"uuid.uuid4": uuid4, "signal.signal": handle}

    patches.add("signal", replacements)
