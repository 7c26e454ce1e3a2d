"""Beside the plan: what the harness asks of asynchronous code is awaited to its end, now, and moves nobody who stands at a gate."""

from __future__ import annotations

import _thread
from collections.abc import Coroutine
from typing import Any

from refold.systems.gate.actor import OPEN
from refold.systems.gate.runtime.loop import Stuck, simulate


class Waits(Exception):
    """What was asked could not be answered now: it waits for somebody who stands at the gate."""


def complete(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns. Raises what it raises; `Waits` where somebody else would have to go on first."""
    gates = OPEN.get(_thread.get_ident())
    try:
        if gates:
            return gates[-1].driven().aside(coroutine)
        return simulate(lambda: coroutine)
    except Stuck as error:
        raise Waits(f"it is locked: {error}") from None
    except RuntimeError as error:
        if "different event loop" in str(error) or "different loop" in str(error):
            raise Waits(f"it is locked: {error}") from None
        raise
