"""Blame: what counts as an error of the code that was called, and the line of the user's own code in which it was raised."""

from __future__ import annotations

import functools
import inspect
import os
import pathlib
import sysconfig
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from refold.model.declarations.ports import Closing
from refold.model.errors import SystemUnavailable, UsageError

T = TypeVar("T")

_HERE = pathlib.Path(__file__).resolve().parents[2]
OURS = tuple(str(_HERE / name) + os.sep for name in ("model", "properties", "systems", "search", "reports", "refold"))
"""Where code of refold is."""
INSTALLED = tuple(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib"))
"""Where code of Python and of installed packages is."""


STOPPING = frozenset({"refold", "hypothesis", "_pytest"})
"""Packages that stop a run by raising what is no `Exception`."""


def let_through(error: BaseException) -> None:
    """Raise it again if it is no error of the code that was called but ends what is being done: Ctrl-C, and that by which refold,
    Hypothesis and pytest stop a run; and what refold says of a server that is not there. Whatever else code raises is its error, also
    asyncio's CancelledError and SystemExit."""
    if isinstance(error, SystemUnavailable):
        raise error
    if isinstance(error, Exception):
        return
    if isinstance(error, KeyboardInterrupt) or any(
        cls.__module__.partition(".")[0] in STOPPING for cls in type(error).__mro__
    ):
        raise error


real = functools.lru_cache(maxsize=4096)(os.path.realpath)
"""The real path of a file with code."""


def told(error: BaseException) -> str:
    """An error in words: its class, what it says, and where in the user's code it was raised."""
    said = str(error)
    return f"{type(error).__name__}{': ' if said else ''}{said}{line_of(error)}"


def line_of(error: BaseException) -> str:
    """“ (FILE:LINE)” of the innermost frame that is the user's, relative to the working directory; of an installed package if that is
    all there is; "" if there is none."""
    frames = [(real(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    others = [(file, line) for file, line in frames if not file.startswith(OURS) and os.path.isfile(file)]
    users = [(file, line) for file, line in others if not file.startswith(INSTALLED)]
    for file, line in (users or others)[-1:]:
        relative = os.path.relpath(file)
        return f" ({file if relative.startswith(os.pardir) else relative}:{line})"
    return ""


class AdapterError(Exception):
    """Code of the user's broke the contract of the port itself; the message is one sentence. Exit code 2."""


def asked(what: str, function: Callable[..., T], *arguments: object, answers: tuple[type[Exception], ...] = ()) -> T:
    """What a function of the user's returns. Raises `AdapterError`, which begins with `what`, if it raises anything that is none of its
    `answers`."""
    passed: tuple[type[Exception], ...] = (AdapterError, *answers)
    try:
        return function(*arguments)
    except passed:
        raise
    except BaseException as error:
        let_through(error)
        raise AdapterError(f"{what} raised {told(error)}") from error


def awaited(title: str, method: str, answer: object) -> object:
    """The answer of a method of the user's: what it returned, or what comes of it. Raises `AdapterError` for what nobody can await."""
    if inspect.iscoroutine(answer):
        from refold.systems.gate.runtime.aside import complete  # a gate is loaded for those who await something

        return complete(answer)
    if inspect.isasyncgen(answer):
        raise AdapterError(
            f"{title}: {method}() returned an asynchronous generator; let it return a value, or be awaited"
        )
    return answer


def misplaced(title: str, method: str, allowed: str) -> str:
    """The sentence for a `durable()` that was called where no death is possible."""
    return (
        f"{title}: durable() was called in {method}(); only {allowed} have durable steps at which refold may end them"
    )


def called(name: str, make: Callable[[], T]) -> T:
    """What `make` makes; raises `UsageError` if it fails."""
    try:
        made: Any = awaited(name, "it", make())
        return made  # type: ignore[no-any-return]
    except BaseException as error:
        let_through(error)
        hint = (
            "" if callable_as_it_is(make) else "; refold calls it without arguments: name a function that does the rest"
        )
        raise UsageError(f"{name!r}: calling it raised {told(error)}{hint}") from error


def callable_as_it_is(make: Callable[[], object]) -> bool:
    """Whether it can be called without arguments, as far as it says so."""
    try:
        inspect.signature(make).bind()
    except ValueError:
        return True
    except TypeError:
        return False
    return True


def close_part(name: str, part: object) -> None:
    """Close it, if it can be closed. Raises `UsageError` if that fails."""
    if isinstance(part, Closing):
        try:
            closing: Any = part
            awaited(name, "close", closing.close())
        except BaseException as error:
            let_through(error)
            raise UsageError(f"{name!r}: close() raised {type(error).__name__}: {error}") from error
