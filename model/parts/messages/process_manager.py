"""The process manager: it turns events into commands to other parts of the system, one for each of its handlers.

Contract: every event leads to exactly one execution of the command of each handler, although events are delivered again and the manager
dies. A command's id is a function of the event's id and the handler, so that the receiver recognises it when it comes again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, Natural, action_kind
from refold.model.declarations.count import count
from refold.model.event import Stored
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted, listed

HANDLERS = ("ship", "invoice")
BACK = (1, 2)


@action_kind
class Manage(Action, frozen=True, tag="manage"):
    """The process manager takes one step: it sends the command of its next handler, or records durably that it is done with the event."""

    phrase = "a process manager sent commands"

    def __str__(self) -> str:
        return "the process manager makes one step (send a command, or save its progress)"


@action_kind
class ManageAgain(Action, frozen=True, tag="manage-again"):
    """An event that the process manager is done with reaches it again, and it sends its commands again."""

    back: Natural

    def __str__(self) -> str:
        which = "its last event" if self.back == 1 else f"the event {self.back} back"
        return f"the process manager receives {which} again"


@action_kind
class CrashManager(Action, frozen=True, tag="crash-manager"):
    """The process manager dies and starts again. May lose: the memory of the commands that it has sent since its saved progress. May
    never lose: that progress, and what receivers have executed."""

    fault = True

    def __str__(self) -> str:
        return "the process manager crashes and starts again"


@record_kind
class CommandExecuted(Record, frozen=True, tag="command-executed"):
    """The receiver executed command `command`, which `handler` sent because of the event at `position`."""

    command: str
    handler: str
    position: int

    def __str__(self) -> str:
        return f"command {self.command} of handler {self.handler} for event {self.position} is executed"


@record_kind
class CommandRecognised(Record, frozen=True, tag="command-recognised"):
    """The receiver has executed `command` before and did nothing."""

    command: str
    handler: str
    position: int

    def __str__(self) -> str:
        return f"command {self.command} of handler {self.handler} is recognised as one that is done"


@record_kind
class ManagerRestarted(Record, frozen=True, tag="manager-restarted"):
    """The process manager died and goes on after its saved progress: `done` events."""

    done: int

    def __str__(self) -> str:
        return f"the process manager goes on after {counted(self.done, 'event')}"


@record_kind
class ManagerAtRest(Record, frozen=True, tag="manager-at-rest"):
    """At rest, the process manager is done with `done` events. Each of its `handlers` owes a command for each event."""

    done: int
    handlers: tuple[str, ...] = ()

    def __str__(self) -> str:
        owed = f", its handlers are {listed(self.handlers)}" if self.handlers else ""
        return f"at rest the process manager is done with {counted(self.done, 'event')}{owed}"


class ProcessManager(Extension):
    """The manager, and the receiver of its commands. At rest until its first action."""

    name = "process-manager"
    title = "a process manager"
    covers = "commands that events cause, each executed once"
    counts = (count("commands_executed", "commands of process managers that their receiver executed", CommandExecuted),)
    family = "process-manager"
    called_by = (Manage, ManageAgain, CrashManager)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.triggers: list[Stored] = []
        self.sent = 0
        self.done = 0
        self.executed: set[str] = set()
        self.used = False

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Mostly going on."""
        return [
            (cls.family, 10, [Manage()]),
            (cls.family, 3, [ManageAgain(back) for back in BACK]),
            (cls.family, 2, [CrashManager()]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Three actions."""
        return {Manage: self.manage, ManageAgain: self.manage_again, CrashManager: self.crash_manager}

    def visible(self, events: Sequence[Any]) -> None:
        """Every event is a trigger."""
        self.triggers.extend(events)

    def manage(self, action: Manage) -> bool:
        """One step, if there is an event to deal with."""
        if self.done >= len(self.triggers):
            return False
        self.step(action)
        self.used = True
        self.advance()
        return True

    def advance(self) -> None:
        """The next handler's command; after the last one, progress is saved."""
        if self.sent < len(HANDLERS):
            self.dispatch(self.triggers[self.done], HANDLERS[self.sent])
            self.sent += 1
        else:
            self.done += 1
            self.sent = 0

    def dispatch(self, event: Stored, handler: str) -> None:
        """Send one command and let its receiver deal with it."""
        command = self.command_id(event, handler)
        if command in self.executed:
            self.emit(CommandRecognised(command, handler, event.position))
        else:
            self.executed.add(command)
            self.emit(CommandExecuted(command, handler, event.position))

    def command_id(self, event: Stored, handler: str) -> str:
        """A function of the event and the handler, and of nothing else."""
        return f"{event.id}:{handler}"

    def manage_again(self, action: ManageAgain) -> bool:
        """A redelivery."""
        if not 0 < action.back <= self.done:
            return False
        self.step(action)
        for handler in HANDLERS:
            self.dispatch(self.triggers[self.done - action.back], handler)
        return True

    def crash_manager(self, action: CrashManager) -> bool:
        """Only worth a step in the middle of an event."""
        if not self.sent:
            return False
        self.step(action)
        self.sent = 0
        self.emit(ManagerRestarted(self.done))
        return True

    def turn(self) -> bool:
        """Deal with what is left."""
        if not self.used or self.done >= len(self.triggers):
            return False
        self.advance()
        return True

    def rest(self) -> None:
        """How far it has come, and who owes commands."""
        if self.used:
            self.emit(ManagerAtRest(self.done, HANDLERS))
