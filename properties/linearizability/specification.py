"""A sequential specification says what an object does when its operations come one at a time.

A history is linearizable when its operations can be put in one order that (1) keeps `a` before `b` wherever `a`
returned before `b` was invoked and (2) is allowed by the specification. The checker asks for no more than `initial`
and `step`. A specification that also tells the *role* of an operation makes the search shorter, never different.

A step sees the operation with its outcome. `OK`: the state after it, or `IMPOSSIBLE` if it could not have answered so
in this state. `FAIL`: the unchanged state, or `IMPOSSIBLE` if it would not have been refused in this state. `UNKNOWN`:
the state if it took effect, or `IMPOSSIBLE` if it could not; that it never did is the checker's business.
"""

import enum
from collections.abc import Hashable
from typing import Any, Final, Protocol, runtime_checkable

from refold.properties.linearizability.operation import Operation

__all__ = ["IMPOSSIBLE", "Impossible", "Role", "Specification"]


class Impossible(enum.Enum):
    """The type of `IMPOSSIBLE`."""

    IMPOSSIBLE = "impossible"


IMPOSSIBLE: Final = Impossible.IMPOSSIBLE
"""What `step` returns for an operation that the state does not allow."""


class Role(enum.Enum):
    """What an operation can do to the state: a promise of the specification that the search relies on."""

    NOTHING = "nothing"
    """Allowed in every state and changes none: it is left out of the search."""
    OBSERVES = "observes"
    """Allowed in some states, changes none: it is put as early as possible."""
    OVERWRITES = "overwrites"
    """Allowed in every state and leaves the same one after all: two in a row are worth the second."""
    CHANGES = "changes"
    """Anything: no promise."""


@runtime_checkable
class Specification(Protocol):
    """What the checker asks of a user's own object.

    Optional methods, used where present: `partition(operation) -> key` (default: the operation's own `key`), operations
    of different keys are checked apart; `describe(operation) -> str`; `role(operation) -> Role` (default `CHANGES`);
    `complaint(operation) -> str | None`, what is wrong with its values, reported with the line it was read from;
    `for_history(operations) -> Specification`, a cheaper specification of the same object for these operations.
    """

    @property
    def initial(self) -> Hashable:
        """The state before any operation."""

    def step(self, state: Any, operation: Operation) -> Any:
        """The state after `operation`, or `IMPOSSIBLE`. States are hashable and never changed in place."""
