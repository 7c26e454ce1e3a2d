"""A verdict comes with a witness: the order found, or the shortest beginning of the history that has none."""

from collections.abc import Hashable, Iterator

import attrs

from refold.properties.linearizability.operation import Operation
from refold.properties.linearizability.specification import Specification
from refold.properties.linearizability.value import brief

__all__ = ["LINEARIZABLE", "NOT_LINEARIZABLE", "UNDECIDED", "Verdict", "describe"]

LINEARIZABLE = "linearizable"
NOT_LINEARIZABLE = "not linearizable"
UNDECIDED = "undecided"


@attrs.frozen
class Verdict:
    """What the checker says about a history."""

    verdict: str
    """`LINEARIZABLE`, `NOT_LINEARIZABLE` or `UNDECIDED`."""
    specification: Specification
    """What the operations were held against."""
    linearization: tuple[Operation, ...] = ()
    """For yes: every operation that was found to take effect, in order. For no: the longest order found of operations
    of the shortest prefix on the blamed object; every one that returned in it is there but the blamed one."""
    blame: Operation | None = None
    """For no: the operation whose return makes the history impossible."""
    prefix_events: int | None = None
    """For no: the first so many events cannot be linearized; one event fewer can. The last is the return of `blame`,
    and operations that are open after it count as of unknown outcome."""
    prefix_line: int | None = None
    """For no: the line of the last event of that prefix."""
    prefix_shortest: bool = True
    """For no: False if the search for a shorter prefix was given up; the verdict stands, and `linearization` is empty."""
    key: Hashable = None
    """For no: the object that the blamed operation was on."""
    reason: str | None = None
    """For undecided: what ran out."""
    seconds_cpu: float = 0.0
    """CPU time of the check."""

    @property
    def linearizable(self) -> bool | None:
        """True, False, or None while undecided."""
        return {LINEARIZABLE: True, NOT_LINEARIZABLE: False}.get(self.verdict)

    def steps(self) -> Iterator[str]:
        """The linearization described, one operation at a time."""
        return (describe(self.specification, operation) for operation in self.linearization)

    def finding(self) -> dict[str, object] | None:
        """For no: what happened, as JSON values."""
        if self.blame is None:
            return None
        blame = self.blame
        return {
            "anomaly": "not-linearizable",
            "blame": {
                "operation": describe(self.specification, blame),
                "process": blame.process if isinstance(blame.process, int | str) else brief(blame.process),
                "f": blame.f,
                "value": brief(blame.result if blame.result is not None else blame.argument),
                "line_invoked": blame.line_invoked,
                "line_returned": blame.line_returned,
            },
            "key": None if self.key is None else brief(self.key),
            "prefix_events": self.prefix_events,
            "prefix_line": self.prefix_line,
            "prefix_shortest": self.prefix_shortest,
            "linearization": list(self.steps()),
        }


def describe(specification: Specification, operation: Operation) -> str:
    """An operation in the words of its specification: `client 3: cas 1 -> 2: refused (lines 4 to 9)`."""
    speak = getattr(specification, "describe", None)
    if speak is None:
        said = f"{operation.f} {brief(operation.argument)} -> {operation.outcome.value} {brief(operation.result)}"
    else:
        said = speak(operation)
    where = ""
    if operation.line_invoked is not None:
        where = f" (line {operation.line_invoked})"
        if operation.line_returned not in (None, operation.line_invoked):
            where = f" (lines {operation.line_invoked} to {operation.line_returned})"
    return f"{brief(operation.process)}: {said}{where}"
