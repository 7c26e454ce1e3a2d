"""Applications and systems as a program gives them: an object, something that makes one, or a name."""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.words import short
from refold.search.objects.application_check import application_named, christen, trial
from refold.search.objects.object_names import name_of
from refold.systems.port import SystemPort
from refold.systems.registry import resolve
from refold.systems.user.errors import called


def application_given(found: Any) -> Application:
    """The application, which keeps the rules of the game; raises `UsageError` and `BrokenApplication`."""
    if found is None:
        raise UsageError(
            "which application is meant is not said, and the system does not bring one; name it first: verify(Shop, system)"
        )
    if isinstance(found, str):
        application = application_named(found)
    else:
        application = called(found.__name__, found) if isinstance(found, type) else found
        if not isinstance(application, Application):
            raise UsageError(
                f"{found!r} is no application: it is derived from refold.Application, or the name of one that is"
            )
        christen(application, type(application).__name__)
    trial(application)
    return application


def system_given(found: Any) -> SystemPort:
    """The system; raises `UsageError` and `SystemUnavailable`."""
    if isinstance(found, str):
        return resolve(found)
    from refold.systems.user.adopt import adopt  # brings the gate, which only code of the user's needs

    makes = isinstance(found, type) or not hasattr(found, "open")
    if makes and not callable(found):
        raise UsageError(
            f"{short(found)} is neither a system nor the name of one, nor a class or function that makes one"
        )
    name = name_of(found) if makes else None  # a system that is there already bears its own
    return adopt(name or str(getattr(found, "__name__", type(found).__name__)), found)
