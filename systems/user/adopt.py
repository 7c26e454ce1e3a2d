"""A user's object as a system: what it is seen to be, and the system that drives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeGuard

from refold.model.declarations.capability import BROUGHT
from refold.model.errors import UsageError
from refold.systems.port import SystemPort
from refold.systems.user.consumers import Bringing, UserConsumersSystem
from refold.systems.user.errors import called, close_part
from refold.systems.user.log import LogSystem, log_capabilities
from refold.systems.user.system import OwnSystem
from refold.systems.user.whole import Whole, WholeSystem


def adopt(text: str, found: object) -> SystemPort:
    """An object of a user's module as a system: a system, a log, or a class or function that makes one."""
    if isinstance(found, type) or (callable(found) and not hasattr(found, "open")):
        return adapt(text, found)
    if is_system(found):
        return found
    raise UsageError(
        f"{text!r} is a {type(found).__name__}, which is neither a system (it would have open(), menu() and capabilities) nor a class or"
        " function that makes a log (append(), read())"
    )


def is_system(found: object) -> TypeGuard[SystemPort]:
    """Whether this is a system already: it can be opened and has a menu of actions."""
    return all(callable(getattr(found, method, None)) for method in ("open", "menu")) and hasattr(found, "capabilities")


def adapt(name: str, make: Callable[[], object]) -> SystemPort:
    """The system that `make` makes: a system (it has `open` and `menu`), a log, or a log with consumers of the user's own. Raises
    `UsageError`.
    """
    made = called(name, make)
    if is_system(made):
        return made
    if isinstance(made, Whole):
        close_part(name, made)
        return WholeSystem(name, make, made)
    system: UserConsumersSystem | LogSystem | OwnSystem
    if is_own(made):
        system = OwnSystem(name, make, made)
        close_part(name, made)
    elif isinstance(made, Bringing):
        system = UserConsumersSystem(name, make, made)
        for part in (made.log, *made.consumers.values()):
            close_part(name, part)
    else:
        system = LogSystem(name, make, BROUGHT | log_capabilities(name, made))
        close_part(name, made)
    system.parallel = bool(getattr(made, "parallel", False))
    return system


def is_own(made: object) -> bool:
    """Whether there is a service, or consumers of which all can be watched."""
    consumers = getattr(made, "consumers", None)
    if consumers is not None and not isinstance(consumers, Mapping):
        return False
    if hasattr(made, "service"):
        return True
    unordered = [one for one in (consumers or {}).values() if "unordered" in getattr(one, "promises", ())]
    return bool(consumers) and not unordered
