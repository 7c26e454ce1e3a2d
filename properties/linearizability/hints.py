"""What may be wrong with the question and not with the history: the value at the beginning.

A register that began at 0 is convicted by its first read if it is taken to have begun at null. So where a contradiction
goes away with another beginning, that is said with the verdict.
"""

import json
from typing import Any

import attrs

from refold.properties.linearizability.checker import check
from refold.properties.linearizability.objects import AddIfAbsentSet, BoundedCounter, CasRegister
from refold.properties.linearizability.operation import History, Operation, Outcome, known_after
from refold.properties.linearizability.specification import Specification
from refold.properties.linearizability.value import exact
from refold.properties.linearizability.verdict import Verdict

__all__ = ["hint"]

_SECONDS_CPU_MAX = 5.0


def hint(history: History, verdict: Verdict, fail: Any = "refuses") -> str | None:
    """One sentence for a verdict no that another beginning would take back, if there is one that the history shows."""
    specification, blame = verdict.specification, verdict.blame
    if blame is None or verdict.prefix_events is None or not isinstance(specification, _WITH_BEGINNING):
        return None
    other = _beginning(specification, blame)
    if other is None:
        return None
    said, value = other
    same = [operation for operation in history.operations if exact(operation.key) == exact(blame.key)]
    prefix = History(tuple(known_after(same, verdict.prefix_events)), verdict.prefix_events)
    changed: Specification = attrs.evolve(specification, initial=value)
    if check(prefix, changed, fail=fail, seconds_cpu_max=_SECONDS_CPU_MAX).linearizable is not True:
        return None
    given = _json(sorted(value, key=repr) if isinstance(value, frozenset) else value)
    return f"no earlier write explains that {said}: if that was the initial value, use --initial '{given}'"


_WITH_BEGINNING = (CasRegister, AddIfAbsentSet, BoundedCounter)


def _beginning(
    specification: CasRegister | AddIfAbsentSet | BoundedCounter, blame: Operation
) -> tuple[str, Any] | None:
    """What the blamed operation says of the state, and the beginning that would explain it."""
    if isinstance(specification, AddIfAbsentSet):
        return _elements(specification, blame)
    if blame.outcome is not Outcome.OK:
        return None
    if blame.f == "read":
        return f"a client read {_json(blame.result)}", blame.result
    if blame.f == "cas":
        return f"a client changed the value from {_json(blame.argument[0])}", blame.argument[0]
    return None


def _elements(specification: AddIfAbsentSet, blame: Operation) -> tuple[str, Any] | None:
    if blame.f == "read":
        return f"a client read {_json(sorted(blame.result, key=repr))}", frozenset(blame.result)
    there = blame.result[1] if blame.f == "contains" else (blame.f == "add") is (blame.outcome is Outcome.FAIL)
    if not there:
        return None
    return f"{_json(blame.argument)} was there", specification.initial | {blame.argument}


def _json(value: Any) -> str:
    return json.dumps(
        value, default=lambda other: sorted(other, key=repr) if isinstance(other, frozenset) else repr(other)
    )
