"""What a class of machines tests: its application and its system, made once."""

from __future__ import annotations

import functools
from typing import Any

from refold.model.application import Application
from refold.model.tape import Menu
from refold.search.objects.given import application_given, system_given
from refold.systems.port import SystemPort


@functools.cache
def prepared(cls: Any) -> tuple[Application, SystemPort, Menu]:
    """What all runs of one machine share."""
    application, system = application_given(cls.application), system_given(cls.system)
    return application, system, system.menu(application)


def called(cls: type[Any]) -> str | None:
    """What the user calls the application, if he does not just give it."""
    return cls.application if isinstance(cls.application, str) else None
