"""What both ways of running a user's consumers ask of them: outside of its work one is called, and what is wrong becomes a sentence."""

from __future__ import annotations

from typing import Any

from refold.model.errors import UsageError
from refold.model.process import ProcessDied
from refold.model.words import short
from refold.systems.user.errors import AdapterError, awaited, let_through, misplaced, told

PROMISES = ("atomic", "volatile", "unordered", "at-most-once", "stopped-for-rebuild")
"""What a consumer of the user's own may promise."""


class Asked:
    """A consumer of the user's, `theirs`, called `title` in messages."""

    theirs: Any
    title: str

    def call(self, method: str, *arguments: object) -> object:
        """Call it; its exceptions become sentences."""
        try:
            return awaited(self.title, method, getattr(self.theirs, method)(*arguments))
        except AdapterError:
            raise
        except ProcessDied as death:
            if method not in ("handle", "flush"):
                raise AdapterError(misplaced(self.title, method, "handle() and flush()")) from death
            raise
        except BaseException as error:
            let_through(error)
            raise AdapterError(f"{self.title}: {method}() raised {told(error)}") from error

    def ask_checkpoint(self) -> int:
        """The checkpoint now."""
        position = self.call("checkpoint")
        if type(position) is not int or position < 0:
            raise AdapterError(
                f"{self.title}: checkpoint() returned {short(position)}, expected a position (0 or more)"
            )
        return position


def check_declared(where: str, theirs: object) -> None:
    """Whether projection and promises of a consumer are such. Raises `UsageError`."""
    if not isinstance(getattr(theirs, "projection", None), str):
        raise UsageError(
            f"{where} needs a projection, the name of the method of the application that its rows"
            " are a fold of: views, states, pointers, totals, or one of your own"
        )
    promises = getattr(theirs, "promises", ())
    unknown = [promise for promise in promises if promise not in PROMISES]
    if isinstance(promises, str) or unknown:
        raise UsageError(
            f"{where} promises {short(promises if isinstance(promises, str) else unknown[0])}, expected a"
            f" tuple of {', '.join(PROMISES)}"
        )
