"""Rebuilds of a user's own read models: somebody makes the rows anew from the log, in a process of its own, beside whoever writes them.

Rows and checkpoint may be anything while a rebuild is under way. A rebuild that does not come to its end is begun again, as an operator
would who sees its error.
"""

from __future__ import annotations

from refold.model.action import Action, action_kind
from refold.model.declarations.capability import Capability
from refold.model.declarations.count import count
from refold.model.extension import Extension
from refold.model.record import Record, record_kind

REBUILDS = Capability("rebuilds")
"""The capability of a system whose consumers can be rebuilt."""
GIVEN_UP = "given-up"
"""The end of a rebuild that failed again and again, although nothing went wrong any more."""


def rebuild_of(consumer: str) -> str:
    """The name of the process that rebuilds the rows of a consumer."""
    return f"rebuild of {consumer}"


@action_kind
class BeginRebuild(Action, frozen=True, tag="begin-rebuild"):
    """Somebody begins to rebuild the rows of a consumer, and stops where the rebuild first leaves its own code. May lose: nothing for
    good; once a rebuild has ended, every row is back."""

    phrase = "rows were being rebuilt"

    consumer: str

    def __str__(self) -> str:
        return f"a rebuild of {self.consumer} begins"


@record_kind
class RebuildEnded(Record, frozen=True, tag="rebuild-ended"):
    """A rebuild of the rows of a consumer is over. `how` is ``done``, ``raised``, ``unknown`` (its process died), or ``given-up`` (it
    raised again and again although nothing went wrong)."""

    consumer: str
    how: str
    detail: str = ""

    def __str__(self) -> str:
        said = {
            "done": "has come to its end",
            "raised": "ends with an error",
            "unknown": "is never finished",
            GIVEN_UP: "ends with an error, as each attempt since faults stopped did",
        }
        detail = f": {self.detail}" if self.detail else ""
        return f"the {rebuild_of(self.consumer)} {said.get(self.how, self.how)}{detail}"


class Rebuilding(Extension):
    """What is counted of rebuilds."""

    name = REBUILDS
    title = "rebuilds of consumers of the user's own"
    covers = "rows that are made anew from the log, while others read and write them"
    counts = (
        count("rebuilds_begun", "rebuilds of consumers of the user's own", BeginRebuild),
        count("rebuilds_ended", "rebuilds that ended, one way or another", RebuildEnded, within="rebuilds_begun"),
    )
