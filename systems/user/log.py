"""A user's own log as a system: the harness brings clients, consumers, datastores and snapshots.

What the log returns is checked at the port, so that an adapter that returns nonsense is told so in one sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from refold.model.action import Action
from refold.model.application import Application
from refold.model.declarations.capability import CORE, DURABLE_REMOVAL, REMOVALS, Capability
from refold.model.errors import DidNotRecover, OutcomeUnknown, UsageError
from refold.model.event import Stored
from refold.model.extension import Extension
from refold.model.log import Appended, AppendRequest, Conflict, DiskFailure, NothingAppended, pages
from refold.model.parts.calls import Moved
from refold.model.parts.removal import Removals, after_catching_up, reads_on
from refold.model.process import Emit, Process, ProcessDied
from refold.model.tape import Group, Menu
from refold.model.words import counted, short, suggestion
from refold.systems.deployment import CLIENTS, Deployment, consumer_specs
from refold.systems.user.errors import AdapterError, awaited, called, let_through, misplaced, told

PAGE = 1024
"""Events that are read at once."""

READING = frozenset({"read", "read_stream"})
"""Methods that show, after a fault, whether the log has come back; so does its restart."""
APPENDING = frozenset({"append", "begin", "commit"})
"""Methods that append."""
REMOVING = frozenset({"trim", "truncate", "delete_stream"})
"""Methods that remove events; their outcome may be unknown too."""
DYING = APPENDING | REMOVING | {"abort"}
"""Methods in which the log may die."""
TAGGED = "removals of events: the application decides on tags, out of the whole log"
"""What is not checked of a log that removes events, where decisions need them."""
BESIDE = (
    "removals of events: refold asks for them where the log is a system on its own, or has only ordered consumers beside"
    " it"
)
"""What is not checked of a log that removes events, beside what may read an event once more."""
IN_A_ROW = 3
"""Appends that raise one after another, after a fault, until the log counts as one that has not come back."""


L = TypeVar("L", bound="type[GuardedLog]")


def passing_on(cls: L) -> L:
    """Class decorator: what a fault of the core asks of a log, and the class does not speak of, is passed on as it is."""
    for ability in CORE.values():
        for method in ability.methods:
            if not hasattr(cls, method):
                setattr(cls, method, passed_on(method))
    return cls


def passed_on(method: str) -> Callable[..., object]:
    """A method that asks the user's log."""

    def ask(self: GuardedLog, *arguments: object) -> object:
        return self.call(method, *arguments)

    return ask


@passing_on
class GuardedLog(Process):
    """A user's log behind checks of everything that it returns."""

    name = "log"

    def __init__(self, title: str, log: object, application: Application) -> None:
        self.title = title
        self.log = log
        self.application = application
        self.ailing = ""
        self.fallen = False
        """Whether a fault has ended the log before."""
        self.raised = 0
        """Appends that have raised since the last one that was answered."""
        self.worked: set[str] = set()
        """Methods that have returned. What has never worked was not lost in a fault."""
        self.conflicts = conflicts_of(title, log)
        self.emit: Emit | None = None
        self.places_of: dict[str, int] = {}
        if hasattr(log, "durable"):
            log.durable = self.durable
        if getattr(log, "application", self) is None:
            log.application = application  # type: ignore[attr-defined]

    def call(self, method: str, *arguments: object) -> object:
        """Call the log; its own exceptions become sentences."""
        function = getattr(self.log, method, None)
        if function is None:
            raise AdapterError(f"{self.title}: the log has no method {method}()")
        try:
            answer = awaited(self.title, method, function(*arguments))
            self.worked.add(method)
            return answer
        except AdapterError:
            raise
        except OutcomeUnknown as error:
            if method in APPENDING:
                how, self.ailing = self.ailing, ""
                if how:
                    raise DiskFailure(how) from error
                raise
            if method in REMOVING:
                raise
            raise AdapterError(
                f"{self.title}: {method}() raised OutcomeUnknown; only append(), begin(), commit() and methods that remove events may leave"
                " their outcome open"
            ) from error
        except NothingAppended as no:
            if method in APPENDING:
                self.raised = 0
                raise
            raise AdapterError(
                f"{self.title}: {method}() raised {type(no).__name__}; only append(), begin() and commit() append something"
            ) from no
        except ProcessDied as death:
            if method in DYING:
                raise
            raise AdapterError(
                misplaced(self.title, method, "append(), begin(), commit(), abort() and methods that remove events")
            ) from death
        except BaseException as error:
            let_through(error)
            if method in APPENDING and isinstance(error, self.conflicts):
                self.worked.add(method)
                return Conflict(-1, str(error))
            if self.lost(method):
                raise DidNotRecover(f"{method}() raised {told(error)}") from error
            if self.fallen and method in APPENDING and (method in self.worked or self.raised + 1 < IN_A_ROW):
                raise self.unanswered(method, error) from error
            if self.fallen and method in REMOVING:
                raise OutcomeUnknown(told(error)) from error
            raise AdapterError(
                f"{self.title}: {method}() raised {told(error)}; it should return, or raise"
                f" OutcomeUnknown where the outcome of an append is not known{self.declaring(method, error)}"
            ) from error

    def declaring(self, method: str, error: BaseException) -> str:
        """What to write if an error of an append is the log's way of saying no."""
        if method not in APPENDING or type(error).__module__ == "builtins":
            return ""
        return f"; if that is how it refuses, the log declares conflicts = ({type(error).__name__},)"

    def lost(self, method: str) -> bool:
        """Whether a fault has ended what this method, which raises now, shows."""
        return self.fallen and (method == "restart" or (method in READING and method in self.worked))

    def unanswered(self, method: str, error: BaseException) -> Exception:
        """After a fault an append that raises has no answer; a log that answers none any more has not come back."""
        self.raised += 1
        if self.raised < IN_A_ROW:
            return OutcomeUnknown(told(error))
        return DidNotRecover(
            f"{method}() raised {told(error)}, as every append since the last answer did, {self.raised} in a row"
        )

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Checked: an answer of one of the two kinds, with as many positions as events."""
        return self.answer("append", self.call("append", request), request)

    def answer(self, method: str, outcome: object, request: AppendRequest | None) -> Appended | Conflict:
        """Whether an answer is one."""
        self.raised = 0
        if isinstance(outcome, Conflict):
            if not isinstance(outcome.found, int):
                raise AdapterError(
                    f"{self.title}: {method}() returned {short(outcome)}, expected the version of the stream, or -1 if it is not known"
                )
            return outcome
        if not isinstance(outcome, Appended) or not isinstance(outcome.positions, tuple):
            raise AdapterError(
                f"{self.title}: {method}() returned {short(outcome)}, expected Appended(positions) or Conflict(found)"
            )
        self.places(method, outcome.positions)
        if request is not None and len(outcome.positions) != len(request.events) and not self.stored(request, outcome):
            raise AdapterError(
                f"{self.title}: {method}() of {counted(len(request.events), 'event')} returned"
                f" {counted(len(outcome.positions), 'position')}; each event has one"
            )
        return outcome

    def places(self, method: str, positions: tuple[object, ...]) -> None:
        """Whether these are positions."""
        for position in positions:
            if not isinstance(position, int) or position < 1:
                raise AdapterError(
                    f"{self.title}: {method}() returned the position {short(position)}, expected a number; positions count from 1"
                )

    def stored(self, request: AppendRequest, outcome: Appended) -> bool:
        """Whether these are positions of events that the log had stored under these ids: a retry is answered as it was the first time,
        although it may have been decided anew since and ask for more events, or fewer."""
        ids = {event.id for event in request.events}
        asked: set[int] = set()
        whole: set[int] = set()
        for page in pages(self, 0, PAGE):
            asked.update(event.position for event in page if event.id in ids)
            whole.update(event.position for event in page if event.operation == request.op)
        return bool(asked) and set(outcome.positions) in (asked, whole)

    def begin(self, request: AppendRequest) -> tuple[int, ...] | Appended | Conflict:
        """Checked like `append`; a tuple of positions means that the append is open."""
        outcome = self.call("begin", request)
        if not isinstance(outcome, tuple):
            return self.answer("begin", outcome, request)
        self.places("begin", outcome)
        return outcome

    def commit(self, op: str) -> Appended | Conflict:
        """Checked."""
        return self.answer("commit", self.call("commit", op), None)

    def abort(self, op: str) -> None:
        """Passed on."""
        self.call("abort", op)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """Checked: events, not more than asked for, after `after`."""
        page = self.events("read", self.call("read", after, limit))
        if self.emit is not None:
            self.recognise(page, self.emit)
        if len(page) > limit:
            raise AdapterError(f"{self.title}: read(after={after}, limit={limit}) returned {len(page)} events")
        if page and page[0].position <= after:
            raise AdapterError(
                f"{self.title}: read(after={after}) returned position {page[0].position}, which is not after {after}"
            )
        if page and page[-1].position <= after:
            raise AdapterError(
                f"{self.title}: read(after={after}) returned a page that ends with position {page[-1].position}, which was read before:"
                " whoever reads on after the last event would never come to an end; return events after `after` only, in order"
            )
        return page

    def recognise(self, page: Sequence[Stored], emit: Emit) -> None:
        """Tell of events that have left their positions to others. One that is at two positions is stored twice, which is another
        matter."""
        places = self.places_of
        for event in page:
            before = places.setdefault(event.id, event.position)
            if before == event.position:
                continue
            there = self.events("read", self.call("read", before - 1, 1))
            if there and there[0].position == before and there[0].id != event.id:
                places[event.id] = event.position
                emit(Moved(event.id, before, event.position))

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """Checked; a log that cannot read one stream is read whole."""
        if not hasattr(self.log, "read_stream"):
            return [
                event
                for page in pages(self, 0, PAGE)
                for event in page
                if event.stream == stream and event.version > after
            ]
        return self.events("read_stream", self.call("read_stream", stream, after))

    def events(self, method: str, page: object) -> Sequence[Stored]:
        """Whether a page is one."""
        if not isinstance(page, list | tuple):
            raise AdapterError(f"{self.title}: {method}() returned {short(page)}, expected a list of Stored events")
        for event in page:
            if not isinstance(event, Stored):
                raise AdapterError(
                    f"{self.title}: {method}() returned {short(event)} among its events, expected Stored(position=…)"
                )
            if (wrong := misfit(event)) is not None:
                raise AdapterError(f"{self.title}: {method}() returned an event whose {wrong}")
        return [self.readable(event) for event in page]

    def readable(self, event: Stored) -> Stored:
        """An event whose payload is the application's object again, if the log gave it back as plain values."""
        known = self.application.event_classes.get(event.type)
        if known is None:
            return event
        if not isinstance(event.data, dict):
            check_class(self.title, event, known)
            return event
        try:
            return msgspec.structs.replace(event, data=self.application.decode(event.type, event.data))
        except msgspec.ValidationError as error:
            raise AdapterError(f"{self.title}: the payload of event {event.id!r} came back wrong: {error}") from None

    def trim(self, position: int) -> None:
        """Passed on."""
        self.call("trim", position)

    def truncate(self, stream: str, version: int) -> None:
        """Passed on."""
        self.call("truncate", stream, version)

    def delete_stream(self, stream: str) -> None:
        """Passed on."""
        self.call("delete_stream", stream)

    def crash(self) -> None:
        """Passed on."""
        super().crash()
        self.call("crash")
        self.fallen = True

    def restart(self) -> None:
        """Passed on."""
        super().restart()
        self.call("restart")

    def cut_power(self, how: str) -> None:
        """Passed on."""
        super().crash()
        self.call("cut_power", how)
        self.fallen = True

    def fail_disk(self, how: str) -> None:
        """Passed on; the append that meets it cannot be told from others that have no answer."""
        self.ailing = how
        self.call("fail_disk", how)

    def close(self) -> None:
        """Passed on, if there is something to close."""
        if hasattr(self.log, "close"):
            self.call("close")


def conflicts_of(title: str, log: object) -> tuple[type[Exception], ...]:
    """The exceptions by which a user's log says that an append was refused, and nothing of it is stored. Raises `UsageError` for what
    cannot say only that."""
    declared = getattr(log, "conflicts", ())
    classes = declared if isinstance(declared, tuple | list) else (declared,)
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, Exception)):
            raise UsageError(f"{title}: its conflicts are {short(declared)}, expected a tuple of classes of exceptions")
        if cls is Exception or issubclass(OutcomeUnknown, cls):
            raise UsageError(
                f"{title}: {cls.__name__} is one of its conflicts; name the class that says that an append was refused, and nothing else"
            )
    return tuple(classes)


def misfit(event: Stored) -> str | None:
    """What is wrong with the fields of an event that a user's log gave back, if anything is."""
    for field, value in (("position", event.position), ("version", event.version)):
        if not isinstance(value, int) or value < 1:
            return f"{field} is {short(value)}, expected a number; {field}s count from 1"
    for field, text in (("stream", event.stream), ("id", event.id), ("type", event.type)):
        if not isinstance(text, str):
            return f"{field} is {short(text)}, expected a string as the request had it"
    return None


def with_removals(
    groups: Sequence[Group],
    reading: Sequence[Action],
    keys: Sequence[str],
    capabilities: frozenset[Capability],
) -> list[Group]:
    """Groups of a menu that has the removals on it, as far as the log can do them, and with words that remove what everybody has read
    who reads on by these actions."""
    caught_up = after_catching_up(reading, keys)
    able = [
        (family, weight, [word for word in words if all(one.possible(capabilities) for one in word)])
        for family, weight, words in (*groups, (Removals.family, 12, caught_up))
    ]
    return [group for group in able if group[2]]


def unasked(capabilities: frozenset[Capability], *, tagged: bool) -> tuple[str, ...]:
    """What is not checked of a log that removes events, where it is asked to."""
    if tagged:
        return (TAGGED,)
    return () if DURABLE_REMOVAL in capabilities else (REMOVALS[DURABLE_REMOVAL].missing,)


def check_class(title: str, event: Stored, known: type) -> None:
    """Whether a payload that is called like an event of the application is one. A module that is imported under two names makes two
    classes of each, whose objects look alike and are never equal. Raises `AdapterError`."""
    found = type(event.data)
    if found is not known and not issubclass(found, known) and found.__qualname__ == known.__qualname__:
        raise AdapterError(
            f"{title}: event {event.id!r} is of class {found.__module__}.{found.__qualname__}, and the application's is"
            f" {known.__module__}.{known.__qualname__}: the same code under two names; import it by one name everywhere"
        )


class LogSystem:
    """A system around a user's log: `make` returns a new, empty log for each run."""

    clients = tuple(CLIENTS)
    parallel = False
    """Whether several processes may make runs at once."""
    code: Mapping[str, object] = {}
    """The functions of the user's own that it is made of."""

    def __init__(self, name: str, make: Callable[[], object], capabilities: frozenset[Capability]) -> None:
        self.name = name
        self.make = make
        self.capabilities = capabilities
        self.consumers = consumer_specs()
        self.removes = bool(capabilities & REMOVALS.keys() - {DURABLE_REMOVAL})
        self.tagged = False

    def parts_for(self, application: Application) -> tuple[type[Extension], ...]:
        """Removals, where the log has any; not where decisions read the whole log, by tags."""
        return (Removals,) if self.removes and not application.tagged else ()

    def menu(self, application: Application) -> Menu:
        """The actions that the log's capabilities allow."""
        extensions = self.parts_for(application)
        self.tagged = application.tagged
        menu = Menu(
            application.commands(),
            self.clients,
            self.consumers,
            self.capabilities,
            extensions=extensions,
            keys=application.keys,
        )
        if extensions:
            menu.replace(with_removals(menu.groups, reads_on(self.consumers), application.keys, self.capabilities))
        return menu

    @property
    def unseen(self) -> tuple[str, ...]:
        """What nobody looks at although the log could do it."""
        return unasked(self.capabilities, tagged=self.tagged) if self.removes else ()

    def open(self, application: Application, emit: Emit) -> Deployment:
        """A deployment around a new log."""
        log = GuardedLog(self.name, called(self.name, self.make), application)
        log.emit = emit
        return Deployment(
            self.name,
            application,
            emit,
            log=log,
            capabilities=self.capabilities,
            extensions=self.parts_for(application),
        )


def declared_by(name: str, made: object) -> frozenset[Capability] | None:
    """The capabilities that a user's log or system declares, or None. Raises `UsageError` for one that does not exist."""
    declared = getattr(made, "capabilities", None)
    if declared is None:
        return None
    known = (*CORE, *REMOVALS)
    if isinstance(declared, str) or not isinstance(declared, Iterable):
        raise UsageError(f"{name!r}: its capabilities are {short(declared)}, expected a tuple of names")
    for capability in declared:
        if capability not in known:
            raise UsageError(
                f"{name!r}: there is no capability {capability!r}{suggestion(str(capability), known)}; known are {', '.join(known)}"
            )
    return frozenset(declared)


def log_capabilities(name: str, log: object) -> frozenset[Capability]:
    """Those that a user's log declares or, without that, those that its methods show. Raises `UsageError` if it is no log."""
    missing = [method for method in ("append", "read") if not callable(getattr(log, method, None))]
    if missing:
        raise UsageError(
            f"{name!r} made a {type(log).__name__} without {' and '.join(missing)}(); a log needs append() and read()"
        )
    declared = declared_by(name, log)
    if declared is not None:
        return declared
    return frozenset(
        capability
        for capability, ability in (CORE | REMOVALS).items()
        if ability.methods and all(callable(getattr(log, method, None)) for method in ability.methods)
    )
