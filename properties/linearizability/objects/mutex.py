"""A lock that nobody owns."""

from typing import Any

import attrs

from refold.properties.linearizability.objects.wording import ending, unknown_operation
from refold.properties.linearizability.operation import Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Role
from refold.properties.linearizability.value import brief

__all__ = ["Mutex"]


def _locked(given: bool | None) -> int:
    return int(bool(given))


@attrs.frozen
class Mutex:
    """A lock: `acquire` it (refused while it is held), `release` it (refused while it is free). Anybody may release it."""

    initial: int = attrs.field(default=0, converter=_locked)
    """1 while it is held."""

    def step(self, state: int, operation: Operation) -> Any:
        """Whether it is held after `operation`."""
        possible = state == (operation.f == "release")
        if operation.outcome is Outcome.FAIL:
            return IMPOSSIBLE if possible else state
        return 1 - state if possible else IMPOSSIBLE

    def role(self, operation: Operation) -> Role:
        """A refusal observes."""
        return Role.OBSERVES if operation.outcome is Outcome.FAIL else Role.CHANGES

    def complaint(self, operation: Operation) -> str | None:
        """What is wrong with the operation's name."""
        if operation.f in ("acquire", "release"):
            return None
        return unknown_operation(operation, "acquire", "release")

    def describe(self, operation: Operation) -> str:
        """For people: `acquire: refused`."""
        by = "" if operation.argument is None else f" {brief(operation.argument)}"
        return f"{operation.f}{by}{ending(operation)}"
