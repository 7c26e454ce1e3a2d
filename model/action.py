"""Actions: the vocabulary of plans, what clients and consumers do and every fault of the core.

Every action is total: where it is not enabled (the process is down, the client has nothing prepared) it does nothing and is
counted as skipped. So every tuple of actions is a plan, and every part of a plan is a plan. `str(action)` is a sentence.

What there is to say about a kind of action stands on its class, once: the menu of plans, the deployment, the rules of the state machine,
the proof that a campaign did something and the diagnosis read it there. The order of the classes is that of the menu.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

import msgspec

from refold.model.declarations.budgets import BUDGETS
from refold.model.declarations.capability import (
    CRASH_AT_STEP,
    CRASH_CONSUMER,
    CRASH_LOG,
    CRASH_LOG_AT_STEP,
    DEDUPE,
    DISK_FAILURE,
    POWER_CUT,
    REDELIVER,
    SLOW_APPEND,
    SNAPSHOTS,
    SYNC_FAILURE,
    Capability,
)
from refold.model.declarations.count import Count, count
from refold.model.declarations.offer import FAMILIES, Cast, Offer, alone
from refold.model.declarations.tag import refuse_second, tag_of
from refold.model.event import Stored
from refold.model.record import (
    Acknowledged,
    Applied,
    Crashed,
    Declined,
    DiskFailed,
    Failed,
    Held,
    Ignored,
    PowerCut,
    Recovered,
    Refused,
    Retried,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
    Unknown,
)

Natural = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
"""A number in a plan, not negative."""

Whole = Annotated[int, msgspec.Meta(gt=-(1 << 31), lt=1 << 31)]
"""A number in a plan, of either sign."""

FUSES = (1, 2, 3, 1, 2, 3, 4, 5)
"""Durable steps at which a process may die: most write in two or three steps, few in more."""

IN_FLIGHT = (1, 2)
BACK = (1, 2, 4, 8)


class Action(msgspec.Struct, frozen=True, gc=False, tag_field="do"):
    """The base of all actions.

    The class declares:

    - `needs`: the capabilities of which a system must have at least one to perform this action (none: every system
      can).
    - `offers`: what the action adds to the menu.
    - `counts`: what is counted to prove that the action happened.
    - `proves`: capability -> the count that must not be 0 after a long campaign on a system with this capability.
    - `rule`: the rule of the state machine that draws the action.
    - `spends`: which budgets of a small scope the action uses up, and how much of each.
    - `later`: whether the action takes effect at the next step of the process that it names, instead of at once.
    - `phrase`: what a diagnosis says if the action happened before the finding.
    - `fault`: whether the action does harm; if so, pages mention it before a finding.

    Actions of extensions declare `phrase` and `fault`; the extension declares the rest (`Extension.groups`, `counts`).
    """

    needs: ClassVar[tuple[Capability, ...]] = ()
    offers: ClassVar[tuple[Offer, ...]] = ()
    counts: ClassVar[tuple[Count, ...]] = ()
    proves: ClassVar[Mapping[Capability, str]] = {}
    rule: ClassVar[str] = ""
    spends: ClassVar[tuple[str, ...]] = ()
    later: ClassVar[bool] = False
    phrase: ClassVar[str] = ""
    fault: ClassVar[bool] = False

    @classmethod
    def possible(cls, capabilities: frozenset[str]) -> bool:
        """Whether a system with these capabilities can perform this action."""
        return not cls.needs or any(need in capabilities for need in cls.needs)


Q = TypeVar("Q", bound=type[Action])

ACTIONS: dict[str, type[Action]] = {}
"""Every kind of action by the name that plans write, those of extensions included."""

CORE_ACTIONS: dict[str, type[Action]] = {}
"""The kinds of actions that every model has, by the name that plans write, in the order of the menu."""


def action_kind(cls: Q) -> Q:
    """Class decorator for the actions of extensions: plans may contain this kind."""
    tag = tag_of(cls)
    refuse_second(cls, ACTIONS.get(tag), tag, "plans")
    ACTIONS[tag] = cls
    return cls


def core_action(
    *,
    rule: str,
    needs: tuple[Capability, ...] = (),
    offers: tuple[Offer, ...] = (),
    counts: tuple[Count, ...] = (),
    proves: Mapping[Capability, str] | None = None,
    spends: tuple[str, ...] | None = None,
    later: bool = False,
    phrase: str = "",
    fault: bool | None = None,
) -> Callable[[Q], Q]:
    """Class decorator for the actions of the core, with all that there is to say about the kind (see `Action`). What the rule ``fault``
    draws is a fault, unless it says otherwise.

    Raises ValueError for an offer of a family that the core does not have: a tape has one bit for each, so there is no other one. And for
    a fault that does not say what it `spends`: a small scope would have it as often as there is room for it.
    """

    def declare(cls: Q) -> Q:
        for offer in offers:
            if offer.family not in ("", *FAMILIES):
                raise ValueError(
                    f"{cls.__name__} is offered in the family {offer.family!r}, which the core does not have: a tape has one bit for each"
                    f" of its families. Take the nearest one, or '', which is in every run: {', '.join(FAMILIES)}"
                )
        unknown = [name for name in spends or () if name not in BUDGETS]
        if unknown or (rule == "fault" and spends is None):
            said = (
                f"spends {unknown[0]!r}, which is no budget"
                if unknown
                else "is a fault, and does not say what it spends"
            )
            raise ValueError(
                f"{cls.__name__} {said} of a small scope. Take the nearest one, or () for what is free: {', '.join(BUDGETS)}"
            )
        cls.rule, cls.needs, cls.offers, cls.counts = rule, needs, offers, counts
        cls.spends, cls.later = spends or (), later
        cls.proves, cls.phrase = proves or {}, phrase
        cls.fault = rule == "fault" if fault is None else fault
        CORE_ACTIONS[str(cls.__struct_config__.tag)] = cls
        return action_kind(cls)

    return declare


def deaths(ways: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Ways to die, each with and without a restart at once; the first action names the process."""
    return [word for way in ways for word in (tuple(way), (*way, Restart(way[0].process)))]


@core_action(
    rule="submit",
    spends=("commands",),
    offers=(Offer("", 44, lambda cast: alone(Submit(*talk) for talk in cast.talks)),),
    counts=(
        count("appended", "events that became visible in the log", Stored),
        count("acknowledged", "appends whose client heard the log's yes", Acknowledged),
        count("conflicts", "appends that the log refused, because their stream had moved", Refused),
        count("declined", "commands that `decide` said no to; nothing was sent", Declined),
    ),
)
class Submit(Action, frozen=True, tag="submit"):
    """A client reads its view, decides, appends and gets the answer, with nothing in between."""

    client: str
    command: Any

    def __str__(self) -> str:
        return f"{self.client} submits {sentence(self.command)}"


@core_action(
    rule="client_step",
    spends=("commands",),
    offers=(Offer("", 2, lambda cast: alone(Prepare(*talk) for talk in cast.talks)),),
)
class Prepare(Action, frozen=True, tag="prepare"):
    """A client reads its view and decides; it appends later, when what it has read may be stale."""

    client: str
    command: Any

    def __str__(self) -> str:
        return f"{self.client} reads the view and prepares {sentence(self.command)}"


@core_action(
    rule="client_step",
    offers=(
        Offer("", 4, lambda cast: alone(Append(client) for client in cast.clients)),
        Offer("", 3, lambda cast: [(Prepare(*one), Submit(*other), Append(one[0])) for one, other in cast.rivals]),
    ),
)
class Append(Action, frozen=True, tag="append"):
    """A client sends what it has prepared and gets the answer."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} sends the append and hears the answer"


@core_action(
    rule="deliver",
    offers=(
        Offer("", 16, lambda cast: alone(Deliver(consumer, 0) for consumer in cast.consumers)),
        Offer("", 8, lambda cast: [(Deliver(consumer, 0),) * 2 for consumer in cast.consumers]),
        Offer("", 3, lambda cast: [(Deliver(consumer, 0),) * 4 for consumer in cast.consumers]),
        Offer(
            "reorder",
            8,
            lambda cast: alone(Deliver(consumer, index) for consumer in cast.consumers for index in IN_FLIGHT),
        ),
    ),
    counts=(
        count(
            "delivered",
            "events that a consumer was handed: applied, dismissed as done, or put off; each consumer counts",
            Applied,
            Ignored,
            Held,
        ),
        count("reordered", "events that a consumer put off, because they came before their predecessors", Held),
    ),
)
class Deliver(Action, frozen=True, tag="deliver"):
    """A consumer's subscription takes one turn. If nothing is in flight, it reads on; otherwise it is handed message number `index` of
    those in flight (0 is the next in order; others arrive out of order)."""

    consumer: str
    index: Natural

    def __str__(self) -> str:
        if self.index == 0:
            return f"{self.consumer} receives its next event"
        return f"{self.consumer} receives an event out of order ({self.index} too early)"


@core_action(
    rule="client_step",
    fault=True,
    spends=("unanswered",),
    offers=(
        Offer("unheard", 2, lambda cast: alone(AppendUnheard(client) for client in cast.clients)),
        Offer("unheard", 2, lambda cast: [(Prepare(*talk), AppendUnheard(talk[0])) for talk in cast.talks]),
    ),
    counts=(count("unknown", "appends whose answer was lost: they may have happened or not", Unknown),),
)
class AppendUnheard(Action, frozen=True, tag="append-unheard"):
    """A client sends what it has prepared. The log does its work, but the answer is lost: an unknown outcome."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} sends the append and the answer is lost"


@core_action(
    rule="deliver",
    fault=True,
    spends=("failures",),
    offers=(Offer("failure", 4, lambda cast: alone(Fail(consumer) for consumer in cast.consumers)),),
    counts=(count("failed", "events on which a handler raised, once", Failed),),
)
class Fail(Action, frozen=True, tag="fail"):
    """A consumer's handler raises on its next event, once (a transient failure)."""

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} fails on its next event"


@core_action(
    rule="client_step",
    needs=(DEDUPE,),
    offers=(Offer("unheard", 2, lambda cast: alone(Retry(client) for client in cast.clients), DEDUPE),),
    counts=(count("retried", "appends that were sent again, under the same event ids", Retried),),
    proves={DEDUPE: "retried"},
    phrase="an append of unknown outcome was sent again",
)
class Retry(Action, frozen=True, tag="retry"):
    """A client sends an append of unknown outcome again, with the same event ids."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} sends the unanswered append again"


@core_action(
    rule="client_step",
    needs=(DEDUPE,),
    offers=(Offer("unheard", 2, lambda cast: alone(Redecide(client) for client in cast.clients), DEDUPE),),
    phrase="an append of unknown outcome was decided anew and sent under the same ids",
)
class Redecide(Action, frozen=True, tag="redecide"):
    """A client whose append got no answer reads its view again, decides again and sends the result, under the same event ids."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} decides the unanswered append anew and sends it under the same ids"


@core_action(
    rule="slow_append",
    spends=("commands", "slow"),
    needs=(SLOW_APPEND,),
    offers=(Offer("slow", 2, lambda cast: alone(Begin(*talk) for talk in cast.talks), SLOW_APPEND),),
    counts=(
        count("slow_appends", "appends that took their position at once and became visible later, or never", Started),
    ),
    proves={SLOW_APPEND: "slow_appends"},
)
class Begin(Action, frozen=True, tag="begin"):
    """A client starts a slow append: it takes its position in the log now and becomes visible when it commits."""

    client: str
    command: Any

    def __str__(self) -> str:
        return f"{self.client} begins a slow append of {sentence(self.command)}"


@core_action(
    rule="slow_append",
    needs=(SLOW_APPEND,),
    offers=(Offer("slow", 3, lambda cast: alone(Commit(client) for client in cast.clients), SLOW_APPEND),),
)
class Commit(Action, frozen=True, tag="commit"):
    """A client's slow append commits."""

    client: str

    def __str__(self) -> str:
        return f"the slow append of {self.client} commits"


@core_action(
    rule="slow_append",
    needs=(SLOW_APPEND,),
    offers=(
        Offer("slow", 1, lambda cast: alone(Abort(client) for client in cast.clients), SLOW_APPEND),
        Offer("slow", 2, lambda cast: races_of_slow_appends(cast), SLOW_APPEND),
        Offer("slow", 1, lambda cast: overlaps_of_slow_appends(cast), SLOW_APPEND),
    ),
)
class Abort(Action, frozen=True, tag="abort"):
    """A client's slow append is rolled back: its positions remain a gap."""

    client: str

    def __str__(self) -> str:
        return f"the slow append of {self.client} is rolled back"


def races_of_slow_appends(cast: Cast) -> list[tuple[Any, ...]]:
    """A slow append of one client around a whole append of another."""
    return [(Begin(*one), Submit(*other), Commit(one[0])) for one, other in cast.rivals]


def overlaps_of_slow_appends(cast: Cast) -> list[tuple[Any, ...]]:
    """Two slow appends, ended in the order in which they began: both took their places before either was visible."""
    return [(Begin(*one), Begin(*other), Commit(one[0]), Commit(other[0])) for one, other in cast.rivals]


@core_action(
    rule="deliver",
    spends=("redelivered",),
    needs=(REDELIVER,),
    offers=(
        Offer(
            "duplicate",
            8,
            lambda cast: alone(Redeliver(consumer, back) for consumer in cast.consumers for back in BACK),
            REDELIVER,
        ),
    ),
    counts=(count("redelivered", "events that the consumer dismissed as done", Ignored),),
    proves={REDELIVER: "redelivered"},
    phrase="an event was delivered again",
)
class Redeliver(Action, frozen=True, tag="redeliver"):
    """An event that a consumer has already received is delivered to it again: the last one (`back` 1) or an earlier one."""

    consumer: str
    back: Natural

    def __str__(self) -> str:
        if self.back == 1:
            return f"{self.consumer} receives its last event again"
        return f"{self.consumer} receives an earlier event again ({self.back} back)"


@core_action(
    rule="snapshot",
    spends=("snapshots",),
    needs=(SNAPSHOTS,),
    offers=(
        Offer(
            "snapshot",
            4,
            lambda cast: alone(TakeSnapshot(spec.name) for spec in cast.specs if spec.snapshots),
            SNAPSHOTS,
        ),
    ),
    counts=(
        count("snapshots", "snapshots that were taken", SnapshotTaken),
        count("snapshots_loaded", "snapshots that something recovered from, or went on from", SnapshotLoaded),
    ),
    proves={SNAPSHOTS: "snapshots_loaded"},
)
class TakeSnapshot(Action, frozen=True, tag="snapshot"):
    """A consumer saves a snapshot of its rows."""

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} takes a snapshot"


@core_action(
    rule="fault",
    spends=("crashes",),
    needs=(CRASH_CONSUMER, CRASH_LOG),
    offers=(
        Offer("consumer-crash", 2, lambda cast: deaths([Crash(one)] for one in cast.consumers), CRASH_CONSUMER),
        Offer("consumer-crash", 4, lambda cast: alone(Restart(one) for one in cast.consumers), CRASH_CONSUMER),
        Offer("log-crash", 2, lambda cast: deaths([[Crash(cast.log)]]), CRASH_LOG),
        Offer("log-crash", 6, lambda cast: alone([Restart(cast.log)]), CRASH_LOG),
    ),
    counts=(count("crashes", "processes that died", Crashed),),
    proves={CRASH_LOG: "crashes"},
)
class Crash(Action, frozen=True, tag="crash"):
    """A process dies between two of its steps. May lose: everything volatile. May never lose: what was written to its files."""

    process: str

    def __str__(self) -> str:
        return f"{self.process} crashes"


@core_action(
    rule="fault",
    fault=False,
    spends=(),
    needs=(CRASH_CONSUMER, CRASH_LOG, CRASH_LOG_AT_STEP, POWER_CUT),
    counts=(count("recoveries", "processes that started again and recovered what was durable", Recovered),),
    proves={CRASH_CONSUMER: "recoveries"},
)
class Restart(Action, frozen=True, tag="restart"):
    """A dead process starts again and recovers from what is durable."""

    process: str

    def __str__(self) -> str:
        return f"{self.process} restarts and recovers"


@core_action(
    rule="fault",
    spends=("crashes",),
    later=True,
    needs=(CRASH_AT_STEP, CRASH_LOG_AT_STEP),
    offers=(
        Offer(
            "consumer-crash",
            2,
            lambda cast: deaths([CrashAt(one, step), Deliver(one, 0)] for step in FUSES for one in cast.consumers),
            CRASH_AT_STEP,
        ),
        Offer("log-crash", 1, lambda cast: alone(CrashAt(cast.log, step) for step in FUSES), CRASH_LOG_AT_STEP),
    ),
    counts=(
        count(
            "crashes_in_steps",
            "deaths of consumers right before one of their durable steps",
            Crashed,
            where=lambda death: death.during > 0 and death.process != "log",
        ),
        count(
            "crashes_in_appends",
            "deaths of the log right before a durable step of an append",
            Crashed,
            where=lambda death: death.during > 0 and death.process == "log",
            within="appended",
        ),
    ),
    proves={CRASH_AT_STEP: "crashes_in_steps", CRASH_LOG_AT_STEP: "crashes_in_appends"},
)
class CrashAt(Action, frozen=True, tag="crash-at"):
    """A process will die right before the `step`-th durable step (from 1) that it begins from now on."""

    process: str
    step: Natural

    def __str__(self) -> str:
        return f"{self.process} will crash before durable step {self.step} from now"


PowerCutKind = Literal["drop", "torn", "reorder"]
POWER_CUTS: tuple[PowerCutKind, ...] = get_args(PowerCutKind)
"""What a power cut may do to unsynced writes."""


def power_words(how: str) -> str:
    """What became of unsynced writes."""
    fate = {
        "drop": "unsynced writes are gone",
        "torn": "unsynced writes are cut short",
        "reorder": "some unsynced writes survive",
    }
    return fate.get(how, how)


@core_action(
    rule="fault",
    spends=("power_cuts",),
    needs=(POWER_CUT,),
    offers=(Offer("log-crash", 2, lambda cast: deaths([CutPower(cast.log, how)] for how in POWER_CUTS), POWER_CUT),),
    counts=(count("power_cuts", "losses of power of the log's machine", PowerCut),),
    proves={POWER_CUT: "power_cuts"},
)
class CutPower(Action, frozen=True, tag="cut-power"):
    """The log's machine loses power. May lose: writes that were not synced (all of them, or `how`: ``drop``, ``torn``: a
    prefix and half a write, ``reorder``: any of them). May never lose: what was synced."""

    process: str
    how: PowerCutKind

    def __str__(self) -> str:
        return f"the power of {self.process} is cut: {power_words(self.how)}"


DiskFailureKind = Literal["error", "full", "short", "sync"]
DISK_FAILURES: tuple[DiskFailureKind, ...] = get_args(DiskFailureKind)
"""How a disk may fail under an append: the last of them is a matter of the sync, the others of the write."""


@core_action(
    rule="fault",
    spends=("failures",),
    later=True,
    needs=(DISK_FAILURE, SYNC_FAILURE),
    offers=(
        Offer("log-crash", 2, lambda cast: alone(FailDisk(cast.log, how) for how in DISK_FAILURES[:-1]), DISK_FAILURE),
        Offer("log-crash", 1, lambda cast: alone([FailDisk(cast.log, "sync")]), SYNC_FAILURE),
    ),
    counts=(
        count(
            "failed_writes",
            "appends of which a write failed",
            DiskFailed,
            where=lambda failed: failed.how != "sync",
            within="appended",
        ),
        count(
            "failed_syncs",
            "appends of which the sync failed",
            DiskFailed,
            where=lambda failed: failed.how == "sync",
            within="appended",
        ),
    ),
    proves={DISK_FAILURE: "failed_writes", SYNC_FAILURE: "failed_syncs"},
    phrase="the disk was about to fail",
)
class FailDisk(Action, frozen=True, tag="fail-disk"):
    """The disk of the log's machine will fail under the next append. `how`: its write gets an ``error`` or finds the disk ``full``, and
    nothing is written; ``short``: half of it is written; ``sync``: its sync fails, and what it should have made durable never will be.

    May lose: the append that meets the failure. It gets no answer, and may be in the log whole or not at all. May never lose: an append
    that was acknowledged, before or after it.
    """

    process: str
    how: DiskFailureKind

    def __str__(self) -> str:
        fate = {
            "error": "the next write fails",
            "full": "the disk is full at the next write",
            "short": "only half of the next write is done",
            "sync": "the next sync fails",
        }
        return f"the disk of {self.process} fails: {fate.get(self.how, self.how)}"


def sentence(command: Any) -> str:
    """A command as a person would say it: as its class says it, else the class's name and the values of its fields."""
    cls = type(command)
    if "__str__" in vars(cls):
        return str(command)
    fields = getattr(cls, "__struct_fields__", None) or getattr(cls, "__match_args__", None)
    if fields is None:
        return repr(command)
    return f"{cls.__name__}({', '.join(repr(getattr(command, name)) for name in fields)})"
