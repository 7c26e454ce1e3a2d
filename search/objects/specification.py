"""A user's own sequential specification, found by its name."""

from __future__ import annotations

from typing import Any, Literal

from refold.model.errors import UsageError
from refold.properties.linearizability import Specification, specification_named
from refold.properties.linearizability.value import frozen
from refold.systems.user.errors import let_through, told
from refold.systems.user.module import load


def specification_called(name: str, initial: Any = None, nil_reads: Literal["value", "any"] = "value") -> Specification:
    """The specification of that name, starting from a JSON value: one that is built in, or ``MODULE:OBJECT``; `ValueError` says
    what is wrong with the name."""
    module_name, _, object_name = name.rpartition(":")
    if not module_name or not object_name:
        return specification_named(name, initial, nil_reads)
    try:
        found: Any = load(name)
    except UsageError as error:
        raise ValueError(f"--model: {error}") from error
    if callable(found) and (isinstance(found, type) or not hasattr(found, "step")):
        try:
            found = found() if initial is None else found(frozen(initial))
        except BaseException as error:
            let_through(error)
            raise ValueError(f"model {name!r}: calling it raised {told(error)}") from error
    if not isinstance(found, Specification):
        raise ValueError(f"model {name!r} is no specification: it needs an attribute `initial` and a method `step`")
    return found
