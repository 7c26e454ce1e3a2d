"""A user's own service: clients call it at the gate, and what becomes visible in the log meanwhile is theirs.

The service reads, decides and appends by itself. What a call has appended is told from what others have by who took the step after which it
was visible: one runs at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import msgspec

from refold.model.application import Application, Refusal
from refold.model.event import NewEvent, Stored
from refold.model.expectation import ANY
from refold.model.log import pages
from refold.model.parts.calls import SERVICE, Called, Replied
from refold.model.process import Emit
from refold.model.record import Acknowledged, Crashed, Prepared, Refused, Unknown
from refold.systems.gate.crossing import Died, Raised, Status
from refold.systems.observer import PAGE
from refold.systems.user.actors import Stage, how
from refold.systems.user.coroutines import asynchronous
from refold.systems.user.errors import AdapterError, awaited, let_through, told
from refold.systems.user.late import InOrderOfCommit
from refold.systems.user.log import GuardedLog
from refold.systems.user.roles.naming import call_of

CLIENTS = ("alice", "bob", "carol")
"""Who calls the service."""


@attrs.define
class Call:
    """A call of the service: `appends` are its operations, one for each time at which something of it became visible."""

    client: str
    op: str
    command: Any
    seen: dict[str, int]
    appends: dict[str, list[int]] = attrs.field(factory=dict)


SETUP = "setup"
"""Who has appended what is there before anybody does anything."""


class WatchedLog(GuardedLog):
    """The log that the user's code writes to. Its events get ids that say whose they are; a user's id that comes again gets the same.

    While somebody stands in the middle of a transaction the log may be locked: then there is nothing to be seen yet.
    """

    def __init__(self, title: str, log: object, application: Application, emit: Emit) -> None:
        super().__init__(title, log, application)
        self.emit: Emit = emit
        self.labels: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.at_work: Call | str = SETUP
        self.begun: dict[str, dict[str, int]] = {}
        """Worker -> the versions of the streams when its piece of work began."""
        self.unexplained: set[str] = set()
        """Workers that append events which stand for no command, although the application decides."""
        self.others = 0
        self.stage: Stage | None = None

    def call(self, method: str, *arguments: object) -> object:
        """Nothing is to be seen of a log that a transaction has locked."""
        stage = self.stage
        if stage is None or not stage.work:
            return super().call(method, *arguments)
        try:
            return awaited(self.title, method, getattr(self.log, method)(*arguments))
        except BaseException as error:
            let_through(error)
            if "locked" in str(error) or "busy" in str(error).lower():
                return []
            raise AdapterError(f"{self.title}: {method}() raised {told(error)}") from error

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """What is new becomes an append of whoever is at work."""
        page = super().read(after, limit)
        fresh = [event for event in page if event.id not in self.labels]
        if fresh:
            self.attribute(fresh)
        return [self.labelled(event) for event in page]

    def read_again(self) -> Iterator[Stored]:
        """All events, of which those that are new are nobody's append yet."""
        for page in pages(super(), 0, PAGE):  # type: ignore[arg-type]  # it has what a log needs
            yield from map(self.labelled, page)

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """With the same ids."""
        return [self.labelled(event) for event in super().read_stream(stream, after)]

    def labelled(self, event: Stored) -> Stored:
        """The event under the id that is known here."""
        label = self.labels.get(event.id)
        if label is None or label == event.id:
            return event
        return msgspec.structs.replace(event, id=label)

    def original(self, event: Stored) -> Stored:
        """The event under the id and at the position that the user's log has for it."""
        names = {label: name for name, label in self.labels.items()}
        position = self.log.original(event.position) if isinstance(self.log, InOrderOfCommit) else event.position
        return msgspec.structs.replace(event, id=names.get(event.id, event.id), position=position)

    def attribute(self, fresh: list[Stored]) -> None:
        """These events have just become visible: who has appended them, and what for."""
        streams = list(dict.fromkeys(event.stream for event in fresh))
        for stream in streams:
            events = [event for event in fresh if event.stream == stream]
            self.append_of(stream, events, whole=len(streams) == 1)

    def append_of(self, stream: str, events: list[Stored], whole: bool) -> None:
        """One append, as the one that must have been made."""
        call = self.at_work
        if isinstance(call, Call):
            first = not call.appends
            op = call.op if first else f"{call.op}.{len(call.appends) + 1}"
            call.appends[op] = [event.position for event in events]
            client, command, seen = call.client, call.command if first and whole else None, call.seen.get(stream, 0)
        else:
            self.others += 1
            client, op = call, f"{call}-{self.others}"
            command = self.cause(call, events[0]) if whole else None
            seen = self.begun.get(call, self.versions).get(stream, 0)
        unlike = list(dict.fromkeys(event.id for event in events))
        self.labels.update({id: f"{op}/{n}" for n, id in enumerate(unlike)})
        self.versions[stream] = max(self.versions.get(stream, 0), *(event.version for event in events))
        if client in self.begun:
            self.begun[client][stream] = self.versions[stream]
        asked = {event.id: event for event in reversed(events)}
        news = tuple(NewEvent(self.labels[id], asked[id].type, asked[id].data) for id in unlike)
        self.emit(Prepared(client, op, command, SERVICE, stream, seen, ANY, news))

    def begins(self, who: str) -> None:
        """A worker begins a piece of work, on what there is now."""
        self.begun[who] = dict(self.versions)

    def cause(self, worker: str, event: Stored) -> Any:
        """The command that a worker stands for."""
        if worker == SETUP or not self.application.decides:
            return None
        command = self.application.cause(event.data)
        if command is None:
            self.unexplained.add(worker)
        return command


class Callers:
    """Clients that call the service. `make` gives each of them, by name, something with `execute(command)` or with a method for each
    command; a new one after a death."""

    def __init__(
        self,
        title: str,
        make: Callable[[str], object],
        refusals: tuple[type[BaseException], ...],
        stage: Stage,
        log: WatchedLog,
        emit: Emit,
        *,
        own: bool = True,
        awaits: bool = False,
    ) -> None:
        self.title = title
        self.make = make
        self.refusals: tuple[type[BaseException], ...] = (Refusal, *refusals)
        self.stage = stage
        self.log = log
        self.emit = emit
        self.own = own
        """Each client has a service of its own."""
        self.awaits = awaits
        """The service is to be awaited."""
        self.services: dict[str, Any] = {}
        self.calls: dict[str, Call] = {}
        self.numbers: dict[str, int] = {}
        self.acknowledged: dict[str, list[int]] = {}
        """Client -> the positions of what it knows to be done."""
        self.outcomes: list[tuple[str, str]] = []
        """How each call ended, and what more there is to say."""
        self.without_append: Callable[[Call], None] = lambda call: None
        """Called with a call that is done, and of which nothing was seen."""

    def begin(self, client: str, command: Any) -> bool:
        """Begin a call, up to its first stop; False if this client is in the middle of one."""
        if self.stage.busy(client):
            return False
        work = self.work_of(client, command)
        number = self.numbers[client] = self.numbers.get(client, 0) + 1
        self.calls[client] = call = Call(client, f"{client}-{number}", command, dict(self.log.versions))
        self.emit(Called(client, call.op, command))
        if isinstance(work, functools.partial) and asynchronous(work.func):
            self.stage.known.add(client)
            self.stage.awaits(client, client if self.own else "shared")
        self.stage.begin(client, work, lambda status: self.over(call, status))
        return True

    def work_of(self, client: str, command: Any) -> Callable[[], Any]:
        """What a call does. A service whose making has to wait for somebody who stands in the middle of a transaction is made in the call,
        where it can."""
        if not (self.own and self.others_at_work(client) and client not in self.services):
            return call_of(self.title, self.service(client), command)
        return functools.partial(self.made_in_call, client, command)

    def others_at_work(self, client: str) -> bool:
        """Whether somebody else is in the middle of something."""
        return any(name != client for name in self.stage.work)

    def made_in_call(self, client: str, command: Any) -> Any:
        """A process that has just started: its service, and its first call."""
        theirs = self.services[client] = self.checked(client, self.make(client))
        return call_of(self.title, theirs, command)()

    def checked(self, client: str, theirs: Any) -> Any:
        """What was made. Raises `AdapterError` if that is nothing."""
        if theirs is None:
            raise AdapterError(
                f"{self.title}: service({client!r}) returned None, expected an object with execute(command), or with a method for"
                " each command"
            )
        return theirs

    def make_all(self, clients: Sequence[str]) -> None:
        """Those of all clients, at the beginning: what they create in a database is there before anybody looks."""
        if self.own:
            for client in clients:
                self.service(client)

    def service(self, client: str) -> Any:
        """The service as this client reaches it."""
        service = self.services.get(client)
        if service is None:
            if self.awaits or client in self.stage.known:
                self.stage.awaits(client, client if self.own else "shared")
            service = self.services[client] = self.checked(client, self.made_for(client))
        return service

    def made_for(self, client: str) -> Any:
        """What the user makes for a client."""
        try:
            return self.stage.at_once(client, self.make, client) if self.own else self.make(client)
        except AdapterError:
            raise
        except BaseException as error:
            let_through(error)
            raise AdapterError(f"{self.title}: service({client!r}) raised {told(error)}") from error

    def forget(self, client: str) -> None:
        """The process of this client is dead."""
        self.services.pop(client, None)

    def over(self, call: Call, status: Status) -> None:
        """The call has an answer, or will never have one."""
        said, detail = how(status)
        if isinstance(status, Raised) and isinstance(status.error, self.refusals):
            said, detail = "refused", str(status.error)
        if isinstance(status, Died):
            self.services.pop(call.client, None)
            self.emit(Crashed(call.client, 1))
        elif self.own and call.client not in self.services:
            self.stage.end(call.client)  # it could not begin: what it had open ends with its process
        if said == "done" and not call.appends:
            self.without_append(call)
        for op, positions in call.appends.items():
            if said == "done":
                self.acknowledged.setdefault(call.client, []).extend(positions)
                self.emit(Acknowledged(call.client, op, tuple(positions)))
            elif said == "refused":
                self.emit(Refused(call.client, op, -1, detail))
            else:
                self.emit(Unknown(call.client, op))
        self.outcomes.append((said, detail))
        self.emit(Replied(call.client, call.op, said, detail))
        del self.calls[call.client]
