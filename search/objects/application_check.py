"""Applications by name, and whether an application keeps the rules of the game.

Deciders must be pure: the same arguments give the same answer, and arguments stay as they were. This is checked on a walk through
the application's own commands before anything is run, so that a broken application is told so in one sentence.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from refold.model.application import Application, Refusal
from refold.model.datastore import write
from refold.model.documents.history import plain
from refold.model.examples.accounts import Accounts
from refold.model.examples.courses import Courses
from refold.model.examples.inventory import Inventory
from refold.model.examples.rota import Rota
from refold.model.words import short, suggestion
from refold.properties.property import Property
from refold.search.run import BrokenApplication
from refold.systems.registry import OWN, own_application, resolve
from refold.systems.user.errors import let_through, told

EXAMPLES: dict[str, type[Application]] = {
    "accounts": Accounts,
    "courses": Courses,
    "inventory": Inventory,
    "rota": Rota,
}
WALK = 200
"""Commands that the trial walk decides."""


def trial(application: Application) -> None:
    """Walk through the commands and hold every answer against the rules; raises `BrokenApplication` with one sentence."""
    title = f"application {application.name or type(application).__name__!r}"
    declared(title, application)
    commands = ask(title, "commands", application.commands)
    if not isinstance(commands, Sequence) or not commands:
        raise BrokenApplication(
            f"{title}: commands() returned {short(commands)}, expected a sequence with at least one command"
        )
    for cls in application.properties:
        check_property(title, application, cls)
    if not application.decides:
        check_replay(title, application)
        return
    states: dict[str, Any] = {}
    rows: dict[str, Any] = {}
    for n in range(max(WALK, 2 * len(commands))):
        command = commands[(n * 7 + n // len(commands)) % len(commands)]
        key = ask(title, "key", application.key, command)
        if not isinstance(key, str):
            raise BrokenApplication(f"{title}: key({short(command)}) returned {short(key)}, expected a string")
        ask(title, "conditional", application.conditional, command)
        state = states[key] if key in states else ask(title, "initial", application.initial, key)
        states[key] = after = decide(title, application, command, state, rows)
        broken = ask(title, "broken_invariant", application.broken_invariant, key, after)
        if broken is not None and not isinstance(broken, str):
            raise BrokenApplication(
                f"{title}: broken_invariant({key!r}, {short(after)}) returned {short(broken)}, expected a sentence or None"
            )


def check_replay(title: str, application: Application) -> None:
    """A replay of nothing is a dict."""
    states = ask(title, "replay", application.replay, ())
    if not isinstance(states, Mapping):
        raise BrokenApplication(
            f"{title}: replay(()) returned {short(states)}, expected a dict from keys to states, here an empty one"
        )


def declared(title: str, application: Application) -> None:
    """The event classes are a tuple of classes."""
    events: Any = application.events
    if not isinstance(events, Iterable) or isinstance(events, str | type):
        raise BrokenApplication(
            f"{title}: events is {short(events)}, expected a tuple of event classes: events = (A, B)"
        )
    strange = [event for event in events if not isinstance(event, type)]
    if strange:
        raise BrokenApplication(f"{title}: events has {short(strange[0])} in it, expected classes: events = (A, B)")


def comparable(title: str, value: Any) -> None:
    """A copy of a value equals it."""
    if getattr(type(value), "__eq__", None) is object.__eq__ and copy.deepcopy(value) is not value:
        raise BrokenApplication(
            f"{title}: {short(value)} equals nothing but itself; make {type(value).__name__} a dataclass, or define __eq__"
        )


def check_property(title: str, application: Application, cls: Any) -> None:
    """Whether this is a property that can be asked; raises `BrokenApplication`."""
    if not isinstance(cls, type) or not issubclass(cls, Property):
        raise BrokenApplication(f"{title}: properties has {short(cls)}, expected classes derived from refold.Property")
    missing = [name for name in ("name", "guarantee") if not isinstance(getattr(cls, name, None), str)]
    if missing:
        raise BrokenApplication(f"{title}: property {cls.__name__} lacks {' and '.join(missing)}, a short text each")
    for name in ("headline", "rule", "fix"):
        if not isinstance(said := getattr(cls, name), str):
            raise BrokenApplication(f"{title}: {name} of property {cls.__name__} is {short(said)}, expected a text")
    table = ask(title, f"{cls.__name__}.handlers", lambda: cls(application).handlers())
    if not isinstance(table, dict) or not all(isinstance(kind, type) for kind in table):
        raise BrokenApplication(
            f"{title}: {cls.__name__}.handlers() returned {short(table)}, expected a dict from classes of records to methods"
        )


REFUSED = object()
"""The answer of a `decide` that raised `Refusal`."""


def decide(title: str, application: Application, command: Any, state: Any, rows: dict[str, Any]) -> Any:
    """One command on one state, twice; the state after its events, whose changes of the view go into `rows`."""
    comparable(title, state)
    before = copy.deepcopy(state)
    answers = []
    for _ in range(2):
        try:
            answers.append(ask(title, "decide", application.decide, command, state))
        except Refusal:
            answers.append(REFUSED)
        if state != before:
            raise BrokenApplication(
                f"{title}: decide({short(command)}, {short(before)}) changed the state; return events instead, of which evolve() makes a"
                " new state"
            )
    events = answers[0]
    if events is REFUSED:
        return state
    if isinstance(events, str) or not isinstance(events, Sequence):
        raise BrokenApplication(
            f"{title}: decide({short(command)}) returned {short(events)}, expected a sequence of events"
        )
    for event in events:
        comparable(title, event)
    if answers[1] is REFUSED or list(events) != list(answers[1]):
        then = "a refusal" if answers[1] is REFUSED else short(answers[1])
        raise BrokenApplication(
            f"{title}: decide({short(command)}) gave {short(events)} and then {then} on the same state;"
            " it may look at nothing but its arguments (no clock, no random number, no global)"
        )
    for event in events:
        if type(event).__name__ not in application.event_classes:
            raise BrokenApplication(
                f"{title}: decide() returned a {type(event).__name__}, which is not one of its events"
                f" ({', '.join(application.event_classes) or 'none are declared'}); add it to “events”"
            )
        round_trip(title, application, event)
        same_key(title, application, command, event)
        after = ask(title, "evolve", application.evolve, state, event)
        again = ask(title, "evolve", application.evolve, state, event)
        if state != before:
            raise BrokenApplication(
                f"{title}: evolve({short(before)}, {short(event)}) changed its argument; return a new state instead"
            )
        sensible(title, event, before, after)
        comparable(title, after)
        if after != again:
            raise BrokenApplication(
                f"{title}: evolve({short(state)}, {short(event)}) gave {short(after)} and then {short(again)};"
                " it may look at nothing but its arguments (no clock, no random number, no global)"
            )
        look(title, application, event, rows)
        state, before = after, copy.deepcopy(after)
    return state


def same_key(title: str, application: Application, command: Any, event: Any) -> None:
    """A command decides on the stream that its events go to."""
    key, found = ask(title, "key", application.key, command), ask(title, "key", application.key, event)
    if key != found:
        raise BrokenApplication(
            f"{title}: {short(command)} decides on {key!r}, and its event {short(event)} belongs to {short(found)}; key() must give"
            " the same for a command and its events, because the expected version protects one stream"
        )


def look(title: str, application: Application, event: Any, rows: dict[str, Any]) -> None:
    """The view of one event, twice: rows as JSON, by strings."""
    before = dict(rows)
    writes = ask(title, "view", application.view, event, rows)
    again = ask(title, "view", application.view, event, rows)
    if not isinstance(writes, dict) or not all(isinstance(key, str) for key in writes):
        raise BrokenApplication(
            f"{title}: view({short(event)}, rows) returned {short(writes)}, expected a dict from row keys (strings) to values"
        )
    try:
        plain(writes)
    except (TypeError, ValueError, RecursionError) as error:
        raise BrokenApplication(f"{title}: the rows {short(writes)} cannot be written as JSON: {error}") from error
    if rows != before:
        raise BrokenApplication(
            f"{title}: view({short(event)}, rows) changed its rows; return what is to be written instead"
        )
    if writes != again:
        raise BrokenApplication(f"{title}: view({short(event)}, rows) gave {short(writes)} and then {short(again)}")
    write(rows, writes)


def round_trip(title: str, application: Application, event: Any) -> None:
    """Events are stored as JSON and must come back equal."""
    try:
        back = application.decode(type(event).__name__, plain(application.encode(event)))
    except (TypeError, ValueError, RecursionError) as error:
        raise BrokenApplication(
            f"{title}: event {short(event)} cannot be written as JSON and read back: {error}"
        ) from error
    if back != event:
        raise BrokenApplication(f"{title}: event {short(event)} comes back from JSON as {short(back)}")


def sensible(title: str, event: Any, before: Any, after: Any) -> None:
    """A state is a value: it equals itself, is no coroutine or generator, and does not vanish."""
    if after is None and before is not None:
        raise BrokenApplication(
            f"{title}: evolve({short(before)}, {short(event)}) returned None, as if a return were missing; None means that nothing has"
            " happened yet, and may not come back: a state “deleted” needs a value of your own"
        )
    if after is NotImplemented or inspect.isgenerator(after) or inspect.isroutine(after) or not bool(after == after):
        raise BrokenApplication(
            f"{title}: evolve({short(before)}, {short(event)}) returned {short(after)}, expected a state (a value that equals itself)"
        )
    try:
        plain(after)
    except (TypeError, ValueError, RecursionError) as error:
        raise BrokenApplication(f"{title}: the state {short(after)} cannot be written as JSON: {error}") from error


def ask(title: str, name: str, function: Any, *arguments: Any) -> Any:
    """Call one of the application's functions."""
    __tracebackhide__ = True
    shown = ", ".join(short(argument) for argument in arguments)
    try:
        answer = function(*arguments)
    except Refusal:
        raise
    except BaseException as error:
        let_through(error)
        refuses = name == "decide" and not isinstance(error, NotImplementedError)
        hint = "; to say no, raise Refusal" if refuses else ""
        raise BrokenApplication(f"{title}: {name}({shown}) raised {told(error)}{hint}") from error
    if inspect.iscoroutine(answer):
        answer.close()
        raise BrokenApplication(
            f"{title}: {name}({shown}) is a coroutine, and nothing waits for it; make {name} a plain `def`"
        )
    return answer


def shipped(application: Application) -> bool:
    """Whether it is one of the examples; else it is a user's own."""
    return type(application) is EXAMPLES.get(application.name)


def application_named(text: str) -> Application:
    """The application called `text`: an example, or MODULE:OBJECT (a class or an instance). Raises `UsageError`."""
    from refold.model.errors import UsageError
    from refold.systems.user.errors import called
    from refold.systems.user.module import load, no_object

    if text in EXAMPLES:
        return EXAMPLES[text]()
    if text.endswith(OWN) and (own := own_application(resolve(text.removesuffix(OWN)))) is not None:
        return own
    if text.endswith(".py"):
        raise no_object(text, ("decide", "evolve"))
    if ":" not in text:
        raise UsageError(
            f"there is no application {text!r}{suggestion(text, EXAMPLES)}; known are {', '.join(EXAMPLES)}, and MODULE:OBJECT for your own"
        )
    found = load(text)
    if isinstance(found, type):
        found = called(text, found)
    missing = [name for name in ("commands", "key", "decide", "evolve") if not callable(getattr(found, name, None))]
    if not isinstance(found, Application):
        raise UsageError(
            f"{text!r} is a {type(found).__name__}{' without ' + ', '.join(missing) if missing else ''}; an application is a subclass of"
            " refold.Application"
        )
    christen(found, text)
    return found


def christen(application: Application, name: str) -> None:
    """Give it this name, if it has none; also one whose values are frozen, for which a name changes nothing."""
    if not application.name:
        object.__setattr__(application, "name", name)
