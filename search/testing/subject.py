"""What a class of machines tests: its application and its system, made once."""

from __future__ import annotations

import functools
from typing import Any

from refold.model.application import Application
from refold.model.tape import Menu
from refold.search.objects.application_check import application_named, christen, trial
from refold.search.objects.object_names import name_of
from refold.systems.port import SystemPort
from refold.systems.registry import resolve
from refold.systems.user.adopt import adopt


@functools.cache
def prepared(cls: Any) -> tuple[Application, SystemPort, Menu]:
    """What all runs of one machine share."""
    application = cls.application
    if isinstance(application, str):
        application = application_named(application)
    elif isinstance(application, type):
        application = application()
    christen(application, type(application).__name__)
    trial(application)
    system: SystemPort
    if isinstance(cls.system, str):
        system = resolve(cls.system)
    else:
        found = cls.system
        makes = isinstance(found, type) or not hasattr(found, "open")
        name = name_of(found) if makes else None  # a system that is there already bears its own
        system = adopt(name or str(getattr(found, "__name__", type(found).__name__)), found)
    return application, system, system.menu(application)


def called(cls: type[Any]) -> str | None:
    """What the user calls the application, if he does not just give it."""
    return cls.application if isinstance(cls.application, str) else None
