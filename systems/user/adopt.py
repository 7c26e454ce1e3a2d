"""A user's object as a system: what it is seen to be, and the system that drives it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import TypeGuard

from refold.model.declarations.capability import BROUGHT
from refold.model.errors import UsageError
from refold.model.parts.rebuilds import rebuild_of
from refold.systems.port import SystemPort
from refold.systems.user.consumers import Bringing, UserConsumersSystem
from refold.systems.user.errors import called, close_part
from refold.systems.user.log import LogSystem, log_capabilities
from refold.systems.user.roles.locks import Lock
from refold.systems.user.roles.parts import roles_of
from refold.systems.user.roles.relays import Relays
from refold.systems.user.roles.sinks import Sinks
from refold.systems.user.roles.views import OwnViews
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
    system: UserConsumersSystem | LogSystem | OwnSystem | WholeSystem
    if isinstance(made, Whole):
        OwnViews.check(name, made.views)
    if isinstance(made, Whole) and not is_more(made):
        close_part(name, made)
        system = WholeSystem(name, make, made, lambda: own_system(name, make, called(name, make)))
        system.unasked = tuple(role.field for role, _ in roles_of(made) if role.folds)
    elif is_own(made):
        system = own_system(name, make, made)
    elif isinstance(made, Bringing):
        system = UserConsumersSystem(name, make, made)
        for part in (made.log, *made.consumers.values()):
            close_part(name, part)
    else:
        system = LogSystem(name, make, BROUGHT | log_capabilities(name, made))
        close_part(name, made)
    system.parallel = bool(getattr(made, "parallel", False)) and not isinstance(made, Whole)
    system.code = code_of(made, getattr(system, "kinds", {}))
    return system


REMOVALS = ("trim", "truncate", "delete_stream")
"""Methods of a log that remove events."""


def code_of(made: object, kinds: Mapping[str, type]) -> dict[str, object]:
    """The functions that this is made of, each by the name under which findings speak of it: those of the log and of the service, and the
    work of each consumer, whose classes are `kinds` where something else makes them."""
    log, service = getattr(made, "log", made), getattr(made, "service", None)
    found = {name: getattr(log, name, None) for name in ("append", "read", "read_stream", *REMOVALS)}
    found |= {"service": getattr(service, "execute", service), "execute": getattr(made, "execute", None)}
    for name, consumer in dict(getattr(made, "consumers", None) or {}).items():
        consumer = kinds.get(name, consumer)
        found[str(name)] = getattr(consumer, "handle", None) or getattr(consumer, "poll", None) or consumer
    found |= {rebuild_of(str(name)): one for name, one in dict(getattr(made, "rebuilds", None) or {}).items()}
    found |= getattr(made, "code", {})
    return {name: function for name, function in found.items() if function is not None}


def own_system(name: str, make: Callable[[], object], made: object) -> OwnSystem:
    """A system of roles, of which `made` is the first, to look at."""
    try:
        return OwnSystem(name, make, made)
    finally:
        close_part(name, made)
        gc.collect(1)  # examples may hold connections in circles, and a search freezes what it finds


def is_more(made: object) -> bool:
    """Whether a whole application has roles beside."""
    return (
        hasattr(made, "service")
        or bool(getattr(made, "consumers", None))
        or bool({Sinks, Relays}.intersection(dict(roles_of(made))))
        or isinstance(getattr(made, "lock", None), Lock)
    )


def is_own(made: object) -> bool:
    """Whether there is a service, or consumers of which all can be watched."""
    consumers = getattr(made, "consumers", None)
    if consumers is not None and not isinstance(consumers, Mapping):
        return False
    if hasattr(made, "service") or callable(getattr(made, "execute", None)) or dict(roles_of(made)):
        return True
    unordered = [one for one in (consumers or {}).values() if "unordered" in getattr(one, "promises", ())]
    return bool(consumers) and not unordered
