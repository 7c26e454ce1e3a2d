"""A user's object as a system: what it is seen to be, and the system that drives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from refold.model.errors import UsageError
from refold.systems.port import SystemPort
from refold.systems.user.consumers import ForeignSystem
from refold.systems.user.errors import called, let_through
from refold.systems.user.log import BROUGHT, LogSystem, log_capabilities


def adopt(text: str, found: Any) -> SystemPort:
    """An object of a user's module as a system: a system, a log, or a class or function that makes one."""
    if isinstance(found, type) or (callable(found) and not hasattr(found, "open")):
        made: SystemPort = adapt(text, found)
        return made
    if is_system(found):
        system: SystemPort = found
        return system
    raise UsageError(
        f"{text!r} is a {type(found).__name__}, which is neither a system (it would have open(), menu() and capabilities) nor a class or"
        " function that makes a log (append(), read())"
    )


def is_system(found: Any) -> bool:
    """Whether this is a system already: it can be opened and has a menu of actions."""
    return all(callable(getattr(found, method, None)) for method in ("open", "menu")) and hasattr(found, "capabilities")


def adapt(name: str, make: Callable[[], Any]) -> Any:
    """The system that `make` makes: a system (it has `open` and `menu`), a log, or a log with consumers of the user's own. Raises
    `UsageError`.
    """
    made = called(name, make)
    if is_system(made):
        return made
    if hasattr(made, "log") and hasattr(made, "consumers"):
        system: Any = ForeignSystem(name, make, made)
        for part in (made.log, *made.consumers.values()):
            close_part(name, part)
    else:
        system = LogSystem(name, make, BROUGHT | log_capabilities(name, made))
        close_part(name, made)
    system.parallel = bool(getattr(made, "parallel", False))
    return system


def close_part(name: str, part: Any) -> None:
    """Close it, if it can be closed. Raises `UsageError` if that fails."""
    if callable(getattr(part, "close", None)):
        try:
            part.close()
        except BaseException as error:
            let_through(error)
            raise UsageError(f"{name!r}: close() raised {type(error).__name__}: {error}") from error
