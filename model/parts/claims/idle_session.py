"""Idle sessions: transactions that somebody opens and leaves idle.

A fault with a contract: a session may stay open for ever and takes no position in the log. It may slow down nobody but itself: what
others commit stays theirs, and readers get to see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind

NAMES = ("report",)


@action_kind
class OpenSession(Action, frozen=True, tag="open-session"):
    """A reader begins a transaction and leaves it idle."""

    session: str

    def __str__(self) -> str:
        return f"the session {self.session} begins a transaction and stays idle in it"


@action_kind
class CloseSession(Action, frozen=True, tag="close-session"):
    """An idle transaction ends."""

    session: str

    def __str__(self) -> str:
        return f"the idle transaction of the session {self.session} ends"


@record_kind
class SessionOpened(Record, frozen=True, tag="session-opened"):
    """A transaction is open that appends nothing."""

    session: str

    def __str__(self) -> str:
        return f"the session {self.session} has an idle transaction open"


@record_kind
class SessionClosed(Record, frozen=True, tag="session-closed"):
    """A transaction that appends nothing has ended, or died with the log."""

    session: str

    def __str__(self) -> str:
        return f"the idle transaction of the session {self.session} is over"


class IdleSessions(Extension):
    """Opens and closes idle sessions. Those that are open when faults stop stay open, unless the log ends them: nobody else will."""

    name = "idle-session"
    title = "transactions left idle"
    covers = "readers that wait for them, perhaps for ever"
    counts = (count("sessions_opened", "transactions that were left idle", SessionOpened),)
    family = "idle-session"
    reveals = (CloseSession,)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.opened: dict[str, None] = {}

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Rarely opened, more rarely closed."""
        return [
            (cls.family, 3, [OpenSession(name) for name in NAMES]),
            (cls.family, 2, [CloseSession(name) for name in NAMES]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Both actions."""
        return {OpenSession: self.open, CloseSession: self.end}

    def open(self, action: OpenSession) -> bool:
        """A session that is not open yet."""
        if self.log.down or action.session in self.opened:
            return False
        self.step(action)
        self.opened[action.session] = None
        self.log.open_session(action.session)
        self.emit(SessionOpened(action.session))
        return True

    def end(self, action: CloseSession) -> bool:
        """One that is."""
        if self.log.down or action.session not in self.opened:
            return False
        self.step(action)
        del self.opened[action.session]
        self.log.close_session(action.session)
        self.emit(SessionClosed(action.session))
        return True

    def log_died(self) -> None:
        """Transactions do not survive the log."""
        for name in self.opened:
            self.emit(SessionClosed(name))
        self.opened.clear()

    def calm(self) -> None:
        """Time passes."""
        self.log.time_out()
