"""What a check may use up. Without limits of the caller's own there is one, on memory, so that a machine survives."""

import resource
import sys
import time

__all__ = ["Budget", "BudgetSpent"]

_LOOK_EVERY = 4096


class BudgetSpent(Exception):
    """Time, memory or the work allowed ran out; the text says which. Of time there is no more for anybody."""

    def __init__(self, said: str, *, of_time: bool = False) -> None:
        super().__init__(said)
        self.of_time = of_time


class Budget:
    """CPU time and memory of one check, counted from when it is made."""

    def __init__(self, seconds_cpu_max: float | None, memory_bytes_max: int) -> None:
        self._seconds_max = seconds_cpu_max
        self._memory_max = memory_bytes_max
        self._started = time.process_time()
        self._memory_before = _memory_bytes()
        self._until_look = _LOOK_EVERY

    @property
    def seconds_cpu(self) -> float:
        """CPU time used so far."""
        return time.process_time() - self._started

    def spend(self, work: int) -> None:
        """Count some work; raise `BudgetSpent` once there is no more to spend."""
        self._until_look -= work
        if self._until_look > 0:
            return
        self._until_look = _LOOK_EVERY
        if self._seconds_max is not None and self.seconds_cpu > self._seconds_max:
            raise BudgetSpent(f"the budget of {self._seconds_max:g} s of CPU time was spent", of_time=True)
        if _memory_bytes() - self._memory_before > self._memory_max:
            raise BudgetSpent(f"the budget of {self._memory_max / (1 << 20):.0f} MiB of memory was spent")


def _memory_bytes() -> int:
    """Memory of this process: now, or its peak where the system does not tell what it is now."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
