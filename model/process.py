"""Processes: whatever can die on its own, and the fuse that makes it die at a chosen durable step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Emit = Callable[[Any], None]


class ProcessDied(Exception):
    """A process reached the durable step at which the plan wants it dead. Contract: nothing after this point happens."""

    def __init__(self, process: Process, during: int) -> None:
        super().__init__(f"{process.name} died before its durable step {during}")
        self.process = process
        self.during = during


class Process:
    """Something with a name that is up or down.

    Parts call `durable()` right before each write that survives a crash. A lit fuse counts these down: with ``fuse = 2``
    the first write still happens, the second does not.
    """

    name: str
    down: bool = False
    fuse: int = 0
    fuse_length: int = 0

    def light(self, steps: int) -> None:
        """Die right before the `steps`-th durable step from now, counted from 1."""
        self.fuse = self.fuse_length = steps

    def durable(self) -> None:
        """A durable step begins here; raises `ProcessDied` when the fuse has burnt down."""
        if self.fuse:
            self.fuse -= 1
            if not self.fuse:
                raise ProcessDied(self, self.fuse_length)

    def crash(self) -> None:
        """Lose what is volatile. Overrides call this first."""
        self.down = True
        self.fuse = 0

    def restart(self) -> None:
        """Come up with what is durable. Overrides call this first."""
        self.down = False
        self.fuse = 0
