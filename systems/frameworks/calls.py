"""Commands of an application that is called by its methods: tuples and functions as a user writes them, and calls as plans name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from refold.model.errors import UsageError
from refold.model.words import short

Entry = Any
"""What a user writes: ``("register", "fido")`` or a function of the application. An argument that is itself one of these tuples stands for
what that call returned first."""


class MethodCall(msgspec.Struct, frozen=True):
    """A command, by its text. `given`: what the calls returned that are its arguments, encoded, where it has been made."""

    text: str
    given: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class ResultOf:
    """In place of an argument: what this call returned."""

    text: str


@attrs.frozen
class Command:
    """A command that was understood. `method` is the name of a method, or a function."""

    text: str
    method: str | Callable[[Any], Any]
    arguments: tuple[Any, ...]

    @property
    def references(self) -> list[str]:
        """The calls whose results it needs."""
        return [argument.text for argument in self.arguments if isinstance(argument, ResultOf)]

    def with_results(self, results: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments, with `results` in the places of the references."""
        left = iter(results)
        return tuple(next(left) if isinstance(argument, ResultOf) else argument for argument in self.arguments)

    def perform(self, application: Any, results: Sequence[Any]) -> Any:
        """Call the application."""
        if callable(self.method):
            return self.method(application)
        return getattr(application, self.method)(*self.with_results(results))

    def entry(self, results: Sequence[Any]) -> Any:
        """The command as its author wrote it, with the results."""
        return self.method if callable(self.method) else (self.method, *self.with_results(results))


def script(entries: Iterable[Entry], application: type) -> dict[str, Command]:
    """Text -> command, in the order in which they were given. Raises `UsageError`."""
    given = list(entries)
    if not given:
        raise UsageError('commands is empty; give calls of the application, for example [("register", "fido")]')
    known: dict[str, Command] = {}
    for entry in given:
        command = understood(entry, given, application)
        known.setdefault(command.text, command)
    return known


def understood(entry: Entry, entries: Sequence[Entry], application: type) -> Command:
    """One of them. Raises `UsageError`."""
    if isinstance(entry, tuple | list) and entry and isinstance(entry[0], str):
        method = entry[0]
        if not callable(getattr(application, method, None)):
            raise UsageError(f"command {short(entry)}: {application.__name__} has no method {method!r}")
        arguments = tuple(
            ResultOf(text_of(one)) if isinstance(one, tuple) and one in entries else one for one in entry[1:]
        )
        return Command(text_of(entry), method, arguments)
    if callable(entry):
        return Command(text_of(entry), entry, ())
    raise UsageError(
        f'command {short(entry)} is neither a tuple of a method\'s name and its arguments, such as ("register", "fido"), nor a function of'
        " the application"
    )


def text_of(entry: Entry) -> str:
    """What a command is called."""
    if isinstance(entry, tuple | list) and entry and isinstance(entry[0], str):
        return f"{entry[0]}({', '.join(text_of(one) for one in entry[1:])})"
    if isinstance(entry, type) or not callable(entry):
        return repr(entry)
    name = getattr(entry, "__name__", type(entry).__name__)
    line = getattr(getattr(entry, "__code__", None), "co_firstlineno", 0)
    return f"{name} (line {line})" if name == "<lambda>" else f"{name}()"


def results_for(command: Command, results: Mapping[str, Any]) -> list[Any] | None:
    """What its references stand for; None if one of those calls has not returned yet."""
    if any(text not in results for text in command.references):
        return None
    return [results[text] for text in command.references]
