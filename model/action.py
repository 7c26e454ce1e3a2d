"""Actions: the vocabulary of plans.

Every action is total: where it is not enabled (the process is down, the client has nothing prepared) it does nothing and is
counted as skipped. So every tuple of actions is a plan, and every part of a plan is a plan. `str(action)` is a sentence.
"""

from __future__ import annotations

from typing import Any, TypeVar, get_args

import msgspec


class Action(msgspec.Struct, frozen=True, gc=False, tag_field="do"):
    """The base of all actions."""


class Submit(Action, frozen=True, tag="submit"):
    """A client reads its view, decides, appends and hears the answer, with nothing in between."""

    client: str
    command: Any

    def __str__(self) -> str:
        return f"{self.client} submits {sentence(self.command)}"


class Prepare(Action, frozen=True, tag="prepare"):
    """A client reads its view and decides; it appends later, on what may be stale by then."""

    client: str
    command: Any

    def __str__(self) -> str:
        return f"{self.client} reads the view and prepares {sentence(self.command)}"


class Append(Action, frozen=True, tag="append"):
    """A client sends what it has prepared and hears the answer."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} sends the append and hears the answer"


class AppendUnheard(Action, frozen=True, tag="append-unheard"):
    """A client sends what it has prepared; the log does its work; the answer is lost: an unknown outcome."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} sends the append and the answer is lost"


class Retry(Action, frozen=True, tag="retry"):
    """A client sends an append of unknown outcome again, with the same event ids."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} sends the unanswered append again"


class Redecide(Action, frozen=True, tag="redecide"):
    """A client whose append got no answer reads its view again, decides anew and sends that, under the same event ids."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} decides the unanswered append anew and sends it under the same ids"


class Begin(Action, frozen=True, tag="begin"):
    """A client starts a slow append: it takes its place in the log now and becomes visible at its commit."""

    client: str
    command: Any

    def __str__(self) -> str:
        return f"{self.client} begins a slow append of {sentence(self.command)}"


class Commit(Action, frozen=True, tag="commit"):
    """A client's slow append commits."""

    client: str

    def __str__(self) -> str:
        return f"the slow append of {self.client} commits"


class Abort(Action, frozen=True, tag="abort"):
    """A client's slow append is rolled back: its positions remain a gap."""

    client: str

    def __str__(self) -> str:
        return f"the slow append of {self.client} is rolled back"


class Deliver(Action, frozen=True, tag="deliver"):
    """A consumer's subscription makes one turn: it reads on if it has nothing in flight, else it is handed the message
    number `index` of those in flight (0 is the next in order; others arrive out of order)."""

    consumer: str
    index: int

    def __str__(self) -> str:
        if self.index == 0:
            return f"{self.consumer} receives its next event"
        return f"{self.consumer} receives an event out of order ({self.index} too early)"


class Redeliver(Action, frozen=True, tag="redeliver"):
    """A consumer is handed once more an event that it has already received: the last (`back` 1) or an earlier one."""

    consumer: str
    back: int

    def __str__(self) -> str:
        which = "its last event" if self.back == 1 else f"the event {self.back} back"
        return f"{self.consumer} receives {which} again"


class Fail(Action, frozen=True, tag="fail"):
    """A consumer's handler raises on its next event, once (a transient failure)."""

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} fails on its next event"


class TakeSnapshot(Action, frozen=True, tag="snapshot"):
    """A consumer saves a snapshot of its rows."""

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} takes a snapshot"


class Crash(Action, frozen=True, tag="crash"):
    """A process dies between two of its steps. May lose: everything volatile. May never lose: what was written to its files."""

    process: str

    def __str__(self) -> str:
        return f"{self.process} crashes"


class CrashAt(Action, frozen=True, tag="crash-at"):
    """A process will die right before the `step`-th durable step (from 1) that it begins from now on."""

    process: str
    step: int

    def __str__(self) -> str:
        return f"{self.process} will crash before durable step {self.step} from now"


class Restart(Action, frozen=True, tag="restart"):
    """A dead process starts again and recovers from what is durable."""

    process: str

    def __str__(self) -> str:
        return f"{self.process} restarts and recovers"


POWER_CUTS = ("drop", "torn", "reorder")
"""What a power cut may do to unsynced writes."""


class CutPower(Action, frozen=True, tag="cut-power"):
    """The log's machine loses power. May lose: writes that were not synced (all of them, or `how`: ``drop``, ``torn``: a
    prefix and half a write, ``reorder``: any of them). May never lose: what was synced."""

    process: str
    how: str

    def __str__(self) -> str:
        fate = {
            "drop": "unsynced writes are gone",
            "torn": "unsynced writes are cut short",
            "reorder": "some unsynced writes survive",
        }
        return f"the power of {self.process} is cut: {fate.get(self.how, self.how)}"


AnyAction = (
    Submit
    | Prepare
    | Append
    | AppendUnheard
    | Retry
    | Redecide
    | Begin
    | Commit
    | Abort
    | Deliver
    | Redeliver
    | Fail
    | TakeSnapshot
    | Crash
    | CrashAt
    | Restart
    | CutPower
)

Q = TypeVar("Q", bound=type[Action])

ACTIONS: dict[str, type[Action]] = {str(cls.__struct_config__.tag): cls for cls in get_args(AnyAction)}

"""Every kind of action by the name that plans write, those of extensions included."""


def action_kind(cls: Q) -> Q:
    """Class decorator for the actions of extensions: plans may contain this kind."""
    ACTIONS[str(cls.__struct_config__.tag)] = cls
    return cls


def sentence(command: Any) -> str:
    """A command as a person would say it: the class's name and the values of its fields."""
    cls = type(command)
    fields = getattr(cls, "__struct_fields__", None) or getattr(cls, "__match_args__", None)
    if fields is None:
        return repr(command)
    return f"{cls.__name__}({', '.join(repr(getattr(command, name)) for name in fields)})"
