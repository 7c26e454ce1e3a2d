"""The state of an exploration on disk: it goes on where it was, after Ctrl-C or a kill."""

from __future__ import annotations

import hashlib
import pathlib

import msgspec

from refold.model.errors import UsageError
from refold.search.explore.explorer import Explorer, Level, Progress
from refold.search.explore.scope import Spent
from refold.search.explore.visitor import Indices, OpenState

Numbers = tuple[int, ...]


class StoredSpent(msgspec.Struct, array_like=True, frozen=True):
    """What a plan has used up."""

    used: Numbers
    acted: tuple[str, ...]
    focus: str
    armed: str
    closed: bool


class StoredOpenState(msgspec.Struct, array_like=True, frozen=True):
    """A node, without what can be worked out."""

    plan: Indices
    spent: StoredSpent
    asleep: Numbers
    only: Numbers | None


class StoredState(msgspec.Struct, array_like=True, frozen=True):
    """A known state."""

    state: bytes
    spent: StoredSpent
    asleep: Numbers


class StoredProgress(msgspec.Struct, array_like=True, frozen=True):
    """All of it. `scope` says what was explored: another scope cannot go on from here. `aspects`: whether consumers were told apart."""

    scope: str
    aspects: bool
    levels: list[tuple[int, int, int, int, float]]
    frontier: list[StoredOpenState]
    following: list[StoredOpenState]
    again: list[StoredOpenState]
    states: list[StoredState]
    convicted: list[bytes]
    found: list[tuple[str, str, Indices]]


def identity(explorer: Explorer) -> str:
    """Which scope it is: system, application, bounds, and all actions in their order."""
    scope = explorer.scope
    told = [explorer.system.name, explorer.application.name, repr(scope.bounds), *map(repr, scope.alphabet)]
    return hashlib.sha256("\n".join(told).encode("utf-8", "surrogatepass")).hexdigest()


def save(explorer: Explorer, file: pathlib.Path) -> None:
    """Write where it stands, whole or not at all."""
    progress = explorer.progress
    document = StoredProgress(
        identity(explorer),
        bool(explorer.scope.aspects),
        [(level.length, level.states, level.transitions, level.known, level.seconds) for level in progress.levels],
        [stored(node) for node in progress.frontier],
        [stored(node) for node in progress.following.values()],
        [stored(node) for node in progress.again],
        [
            StoredState(state, spent_for_file(spent), tuple(sorted(asleep)))
            for (state, spent), asleep in progress.asleep.items()
        ],
        sorted(progress.convicted),
        [(*signature, plan) for signature, plan in progress.found.items()],
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f"{file.name}.tmp")
    scratch.write_bytes(msgspec.msgpack.encode(document))
    scratch.replace(file)


def load(explorer: Explorer, file: pathlib.Path) -> bool:
    """Go on from a file; False if there is none, or one of another scope. Raises `UsageError` if it cannot be read."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return False
    try:
        found = msgspec.msgpack.decode(data, type=StoredProgress)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{file} is not the state of an exploration ({error}); remove it, or start with --fresh"
        ) from error
    if found.scope != identity(explorer):
        return False
    if explorer.scope.aspects and not found.aspects:
        explorer.begin(aspects=False)
    following = [node(one) for one in found.following]
    states = {(one.state, spent_from_file(one.spent)): frozenset(one.asleep) for one in found.states}
    keys = list(states)[len(states) - len(following) :]
    explorer.progress = Progress(
        [node(one) for one in found.frontier],
        [Level(*level) for level in found.levels],
        states,
        set(found.convicted),
        {(anomaly, guarantee): plan for anomaly, guarantee, plan in found.found},
        dict(zip(keys, following, strict=True)),
        [node(one) for one in found.again],
    )
    return True


def spent_for_file(spent: Spent) -> StoredSpent:
    """For the file."""
    return StoredSpent(spent.used, tuple(sorted(spent.acted)), spent.focus, spent.armed, spent.closed)


def spent_from_file(stored: StoredSpent) -> Spent:
    """From the file."""
    return Spent(stored.used, frozenset(stored.acted), stored.focus, stored.armed, stored.closed)


def stored(node: OpenState) -> StoredOpenState:
    """For the file."""
    only = None if node.only is None else tuple(sorted(node.only))
    return StoredOpenState(node.plan, spent_for_file(node.spent), tuple(sorted(node.asleep)), only)


def node(stored: StoredOpenState) -> OpenState:
    """From the file."""
    only = None if stored.only is None else frozenset(stored.only)
    return OpenState(stored.plan, spent_from_file(stored.spent), frozenset(stored.asleep), only)
