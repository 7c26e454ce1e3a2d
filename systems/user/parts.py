"""What a user's system is made of: a log, a service, consumers, and the other roles, found in what his function has made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.errors import UsageError
from refold.model.log import Log
from refold.systems.user.coroutines import any_asynchronous, asynchronous
from refold.systems.user.late import InOrderOfCommit
from refold.systems.user.roles.parts import roles_of
from refold.systems.user.watching import (
    PULLING,
    RUNNING,
    WORK,
    is_factory,
    role_of,
)


def parts_of(made: object) -> Sequence[object]:
    """What an object of the user's has as attributes."""
    return tuple(vars(made).values()) if hasattr(made, "__dict__") else ()


class Parts:
    """What a user's system is made of, found out once from what his function made."""

    def __init__(self, name: str, made: Any) -> None:
        self.name = name
        log = getattr(made, "log", made)
        self.log = log if callable(getattr(log, "read", None)) or not callable(getattr(made, "read", None)) else made
        self.service = getattr(made, "service", None)
        if self.service is None and callable(getattr(made, "execute", None)):
            self.service = made
        self.closed_as_log = self.log is made
        late = self.service is not None and any(getattr(part, "shows_late", False) for part in parts_of(made))
        if getattr(made, "gaps", late):
            self.log = InOrderOfCommit(self.log)
        self.consumers: dict[str, Any] = dict(getattr(made, "consumers", None) or {})
        self.refusals = tuple(getattr(made, "refusals", ()))
        self.roles = dict(roles_of(made))
        if self.roles and self.service is None and not callable(getattr(self.log, "read", None)):
            self.log = Log()
        self.made = made

    @property
    def shared(self) -> bool:
        """Whether all clients call one service: it executes, or has methods and makes nothing."""
        if isinstance(self.service, type):
            return False
        return callable(getattr(self.service, "execute", None)) or not callable(self.service)

    def serve(self, client: str) -> object:
        """The service, for one client; or what comes of it, if it is to be awaited."""
        service: Any = self.service
        return service if self.shared else service(client)

    @property
    def awaits(self) -> bool:
        """Whether the service is seen to be asynchronous."""
        return asynchronous(self.service) or any_asynchronous(self.service, "execute")

    def check(self) -> None:
        """Whether these are parts. Raises `UsageError`."""
        if not callable(getattr(self.log, "read", None)):
            raise UsageError(f"{self.name!r}: its log has no read(after, limit), by which everything is judged")
        if self.service is None and not callable(getattr(self.log, "append", None)):
            raise UsageError(
                f"{self.name!r}: it has neither a service (service(client) makes something with execute(command)) nor a log with append()"
            )
        if self.service is None and isinstance(self.log, InOrderOfCommit):
            raise UsageError(
                f"{self.name!r}: gaps is for a service that appends by itself; append() of a log returns positions that are final"
            )


def at_gate(parts: Parts) -> bool:
    """Whether this code is run at a gate."""
    return (
        parts.service is not None
        or bool(parts.roles)
        or any(
            is_factory(one) or role_of(one) in (PULLING, RUNNING) or any_asynchronous(one, *WORK)
            for one in parts.consumers.values()
        )
    )
