"""Pools of psycopg_pool that are opened at a gate have no threads: whoever needs a connection makes it.

Elsewhere workers in the background connect, reconnect and tidy up. Here what they are asked for is done at once by who asks, and nothing is
done after a while: a pool does not shrink by itself. A `psycopg_pool` that is made otherwise, as 3.1 is, is left as it is.
"""

from __future__ import annotations

from typing import Any

from refold.systems.gate.actor import made_for_actors
from refold.systems.gate.patches import Patches, Replacements

REPLACED = ("_start_workers", "run_task", "schedule_task", "_signal_stop_worker")
"""Methods that are not what others may rely on."""


def _replacements() -> Replacements:
    from psycopg_pool import ConnectionPool

    real: Any = ConnectionPool
    if not all(hasattr(real, name) for name in REPLACED):
        return {}
    from psycopg_pool.pool import Schedule

    start_workers, run_task = real._start_workers, real.run_task
    signal_stop, schedule_task = real._signal_stop_worker, real.schedule_task

    def _start_workers(self: Any) -> None:
        """None; but the queue for them is there."""
        self._no_workers = made_for_actors()
        if not self._no_workers:
            start_workers(self)

    def run(self: Any, task: Any) -> None:
        """At once."""
        if not getattr(self, "_no_workers", False):
            run_task(self, task)
        elif not isinstance(task, Schedule):
            task.run()

    def schedule(self: Any, task: Any, delay: float) -> None:
        """Never."""
        if not getattr(self, "_no_workers", False):
            schedule_task(self, task, delay)

    def _signal_stop_worker(self: Any) -> list[Any]:
        """There is none."""
        workers: list[Any] = [] if getattr(self, "_no_workers", False) else signal_stop(self)
        return workers

    return {
        "psycopg_pool.ConnectionPool._start_workers": _start_workers,
        "psycopg_pool.ConnectionPool.run_task": run,
        "psycopg_pool.ConnectionPool.schedule_task": schedule,
        "psycopg_pool.ConnectionPool._signal_stop_worker": _signal_stop_worker,
    }


def register(patches: Patches) -> None:
    """Replace what gives pools their threads."""
    patches.add("psycopg_pool", _replacements)
