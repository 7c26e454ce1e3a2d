"""Certificates: what was explored, within which bounds, and what was left out because something else says the same."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs

from refold.model.action import sentence
from refold.model.words import counted
from refold.search.explore.explorer import Explorer
from refold.search.explore.scope import ScopeLimits


@attrs.frozen
class Certificate:
    """What an exploration has seen.

    `length`: all plans of so many actions were looked at; `complete`: there are no longer ones. `known` actions led to states that were
    known already. `left_out` says in sentences which plans were not run because others say the same. `digest` is a hash over the
    fingerprints of all states, in no order: two explorations of the same scope by the same version have the same one.
    """

    system: str
    application: str
    bounds: ScopeLimits
    commands: tuple[str, ...]
    alphabet: int
    states: int
    transitions: int
    known: int
    length: int
    complete: bool
    seconds: float
    left_out: tuple[str, ...]
    digest: str
    shortest: int | None
    """Actions of the shortest plan that breaks something; None if none does."""

    def document(self) -> dict[str, Any]:
        """For a file, or a program."""
        return attrs.asdict(self)


def certificate(explorer: Explorer) -> Certificate:
    """Of an exploration, wherever it stands."""
    scope, progress = explorer.scope, explorer.progress
    return Certificate(
        system=explorer.system.name,
        application=explorer.application.name,
        bounds=scope.bounds,
        commands=tuple(map(sentence, scope.commands)),
        alphabet=len(scope.alphabet),
        states=progress.states,
        transitions=progress.transitions,
        known=sum(level.known for level in progress.levels),
        length=progress.longest if explorer.complete else progress.length,
        complete=explorer.complete and not progress.found,
        seconds=round(progress.seconds, 1),
        left_out=tuple(left_out(explorer)),
        digest=digest(state for state, *_ in progress.asleep),
        shortest=min(map(len, progress.found.values()), default=None),
    )


def digest(states: Any) -> str:
    """A hash of a set of fingerprints."""
    total = hashlib.sha256()
    for state in sorted(set(states)):
        total.update(state)
    return total.hexdigest()[:16]


def left_out(explorer: Explorer) -> list[str]:
    """What was not run, and why that loses nothing."""
    scope = explorer.scope
    told = []
    alike: dict[object, list[str]] = {}
    for name, kind in scope.kinds.items():
        alike.setdefault(kind, []).append(name)
    for names in alike.values():
        if len(names) > 1:
            told.append(f"{' and '.join(names)} are interchangeable, so {names[0]} acts first")
    if len(scope.apart) > 1:
        told.append(
            f"each plan moves only one of {', '.join(scope.apart[:-1])} and {scope.apart[-1]}: no client reads them, and none of them is"
            " affected by what happens to another"
        )
    if scope.aspects:
        told.append(
            "a plan that moves one of these was judged only by the properties of consumers; the other properties judged the same plan"
            " without these moves"
        )
        told.append(
            "once no client can act, two states of such a plan count as the same if they differ only in the clients, in what these read,"
            " and in who has written an event"
        )
    told.append("a crash at a step comes directly before the action that makes the step")
    if explorer.visitor.foresees():
        told.append("a crash at a step was not tried where no possible next action makes that step")
    told.append("adjacent actions on two different consumers were run in only one order")
    if explorer.visitor.visible:
        told.append(
            "each state was explored further only once, however many plans lead to it, with the largest limits that any of them leaves"
        )
    return told


def cut(command: str) -> str:
    """A command in a line of text."""
    return command if len(command) <= COMMAND_MAX else f"{command[:COMMAND_MAX]}… ({len(command):,} characters)"


def text(of: Certificate) -> list[str]:
    """In lines."""
    bounds = of.bounds
    limits = [
        f"{getattr(bounds, name) or 0:,} {one if getattr(bounds, name) == 1 else several}"
        for name, one, several in WORDS
        if getattr(bounds, name) or name in ("clients", "commands", "crashes", "reordered")
    ]
    longest = "" if not bounds.length else f", and {counted(bounds.length, 'action')} in all"
    lines = [f"scope: at most {', '.join(limits)}{longest}", f"commands: {', '.join(map(cut, of.commands))}"]
    lines.append(
        f"{counted(of.states, 'state')}, reached by {counted(of.transitions, 'action')}, {of.known:,} of which led to states that were"
        " already known"
    )
    if of.complete:
        lines.append(
            f"explored to the end: no plan of this scope breaks anything; the longest have {counted(of.length, 'action')}"
        )
    elif of.shortest is not None:
        lines.append(f"no plan of fewer than {counted(of.shortest, 'action')} breaks anything")
    else:
        lines.append(f"not explored to the end: no plan of at most {counted(of.length, 'action')} breaks anything")
    lines.extend(f"left out: {one}" for one in of.left_out)
    lines.append(f"hash of all states: {of.digest}")
    return lines


COMMAND_MAX = 60
"""Characters of a command, at most, in a line of text; the certificate in JSON has all of them."""

WORDS = (
    ("clients", "client", "clients"),
    ("commands", "command", "commands"),
    ("crashes", "crash", "crashes"),
    ("power_cuts", "power cut", "power cuts"),
    ("reordered", "delivery out of order", "deliveries out of order"),
    ("redelivered", "repeated delivery", "repeated deliveries"),
    ("unanswered", "lost answer", "lost answers"),
    ("slow", "slow append", "slow appends"),
    ("snapshots", "snapshot on demand", "snapshots on demand"),
    ("failures", "failure", "failures"),
)
"""Bound -> its words."""
