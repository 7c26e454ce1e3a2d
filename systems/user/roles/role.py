"""What all roles have in common: a field of the user's system, words on the menu, and a part in every run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import attrs

from refold.model.application import Application
from refold.model.context import Context
from refold.model.declarations.capability import Capability
from refold.model.declarations.offer import Cast
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.extension import Extension
from refold.model.tape import Group
from refold.model.words import short
from refold.systems.user.actors import Stage
from refold.systems.user.errors import AdapterError, awaited, called, close_part, let_through, told

Places = Mapping[str, Sequence[str]]
"""Actor -> the places at which it stops, as far as they are known."""


@attrs.define
class Surroundings:
    """What the roles of one run share: `clients` call the service, `original` gives an event the id that the user's log has for it, and
    `service_of` is the service as a client reaches it. `acknowledged` are the positions of what each client knows to be done; `forget`
    says that the process of a client is dead."""

    title: str
    context: Context
    stage: Stage
    step: Callable[[Any], None]
    consumers: dict[str, Any]
    clients: tuple[str, ...]
    original: Callable[[Stored], Stored]
    service_of: Callable[[str], Any]
    acknowledged: Mapping[str, Sequence[int]]
    forget: Callable[[str], object]


class OwnRole(Extension):
    """One kind of role in one run. `theirs` is what the user's system has in its attribute `field`; `gives` are the capabilities that a
    system with it has."""

    field: ClassVar[str]
    gives: ClassVar[tuple[Capability, ...]] = ()
    folds: ClassVar[bool] = False
    """Whether it is judged by what each event does to a state."""

    def __init__(self, scene: Surroundings, theirs: Any) -> None:
        super().__init__(scene.context, scene.consumers, {}, scene.step)
        self.scene = scene
        self.theirs = theirs
        self.stage = scene.stage
        self.application = scene.context.application

    @classmethod
    def means(cls, theirs: Any) -> bool:
        """Whether an attribute of this name is meant for the role; if not, it is the user's own business."""
        return True

    @classmethod
    def check(cls, title: str, theirs: Any) -> None:
        """Whether this is what the role needs. Raises `UsageError`."""

    @classmethod
    def offers(cls, theirs: Any) -> tuple[Capability, ...]:
        """The capabilities that a system with this has."""
        return cls.gives

    @classmethod
    def workers(cls, theirs: Any) -> dict[str, tuple[str, ...]]:
        """The names of processes that take turns, as consumers do, and which ends they have: ``crash``, ``stop``."""
        return {}

    @classmethod
    def actors(cls, theirs: Any) -> tuple[str, ...]:
        """The names of all processes that are its own."""
        return tuple(cls.workers(theirs))

    @classmethod
    def mortal(cls, theirs: Any) -> tuple[str, ...]:
        """The names of processes that take no turns, and may die in the middle of their work."""
        return ()

    @classmethod
    def lasts(cls, theirs: Any) -> float:
        """The longest time, in seconds, for which something of it is in force; 0 if nothing is."""
        return 0.0

    @classmethod
    def words(cls, theirs: Any, cast: Cast, application: Application, places: Places) -> Iterator[Group]:
        """What plans may do with it, beside turns: (family, weight, words)."""
        return iter(())

    def began(self, who: str) -> None:
        """Somebody begins a piece of work."""

    def looked(self, who: str) -> None:
        """Somebody has taken a step."""

    def clock_was_set(self) -> None:
        """The clock of somebody is ahead or behind from now on, or was, up to now."""

    def troubled(self, who: str, how: str) -> None:
        """Somebody has died in the middle of work, or was refused a step, or has lost an answer."""

    def holds_down(self, who: str) -> bool:
        """Whether a consumer that is down must not start now."""
        return False

    def come_to_an_end(self) -> None:
        """Nothing goes wrong from here on: what was begun, and is not done, is begun again."""

    def rehearse(self, walk: Callable[[str], list[str]]) -> dict[str, list[str]]:
        """Let it work once, to see where it stops: `walk` goes with an actor to the end of its work, and says by which places."""
        return {}

    def ask(self, part: object, what: str, method: str, *arguments: object) -> Any:
        """Call a method of the user's outside of every work; what it raises becomes a sentence."""
        title = f"{self.scene.title}: {what}"
        try:
            return awaited(title, method, getattr(part, method)(*arguments))
        except AdapterError:
            raise
        except BaseException as error:
            let_through(error)
            raise AdapterError(f"{title}: {method}() raised {told(error)}") from error


def named_parts(title: str, field: str, theirs: Any, methods: Sequence[str]) -> None:
    """Whether a field is a dict of names and objects, each of which has one of these methods. Raises `UsageError`."""
    if not isinstance(theirs, Mapping) or not theirs:
        raise UsageError(f"{title!r}: its {field} are {short(theirs)}, expected a dict of at least one name")
    for name, part in theirs.items():
        if not any(callable(getattr(part, method, None)) for method in methods):
            raise UsageError(
                f"{title!r}: {field} has {short(part)} as {name!r}, which has no {' and no '.join(f'{one}()' for one in methods)}"
            )


def makes(given: object, method: str) -> bool:
    """Whether this makes something with the method, and is not itself something with it."""
    return isinstance(given, type) or (callable(given) and not callable(getattr(given, method, None)))


@contextmanager
def example(title: str, given: Any, method: str) -> Iterator[Any]:
    """What is given, or one of what it makes, to see what it has."""
    made = called(title, given) if makes(given, method) else given
    try:
        yield made
    finally:
        if made is not given:
            close_part(title, made)
