"""What objects say about their operations."""

from refold.properties.linearizability.operation import Operation, Outcome
from refold.properties.linearizability.value import brief

__all__ = ["ending", "is_integer", "unknown_operation"]


def unknown_operation(operation: Operation, *known: str) -> str:
    """The complaint about an operation that the object does not have."""
    return f"unknown operation {brief(operation.f)}; this model knows {', '.join(known)}"


def ending(operation: Operation) -> str:
    """How an operation ended, for people."""
    return {Outcome.OK: "", Outcome.FAIL: ": refused", Outcome.UNKNOWN: ": unknown outcome"}[operation.outcome]


def is_integer(value: object) -> bool:
    """Whether a value is a number without a fraction; true is none."""
    return isinstance(value, int) and not isinstance(value, bool)
