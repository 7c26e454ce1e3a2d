"""The definition, tried order by order: slow, and with nothing of the checker in it, which is held to it."""

from collections.abc import Sequence

from refold.properties.linearizability.operation import Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Specification

__all__ = ["linearizable_by_trying"]


def linearizable_by_trying(operations: Sequence[Operation], specification: Specification) -> bool:
    """Whether some order of the operations, those of unknown outcome in it or not, is allowed. For ten at most."""

    def allowed(left: tuple[Operation, ...], state: object) -> bool:
        ends = [operation.returned for operation in left if operation.outcome is not Outcome.UNKNOWN]
        if not ends:
            return True
        first_end = min(end for end in ends if end is not None)
        for position, operation in enumerate(left):
            if operation.invoked < first_end or operation.returned == first_end:
                after = specification.step(state, operation)
                if after is not IMPOSSIBLE and allowed(left[:position] + left[position + 1 :], after):
                    return True
        return False

    return allowed(tuple(operations), specification.initial)
