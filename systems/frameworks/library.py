"""The library `eventsourcing`: whether it is there, and what the system of that name can be set to. Nothing here imports it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from refold.model.errors import SystemUnavailable

OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "persistence": (("sqlite", "postgres", "popo"), "sqlite"),
    "snapshots": (("0", "1", "2", "3", "10"), "2"),
    "cache": (("on", "off"), "on"),
}
"""Options of the system: name -> (allowed values, default)."""
OLDEST = (9, 2)
"""The first release whose applications are verified."""
PROJECTIONS = (9, 4)
"""The first release with projections and trackings as they are run here."""


def library(oldest: tuple[int, int] = OLDEST, why: str = "") -> str:
    """The version of the library; raises `SystemUnavailable` without one that will do. `why`: what a newer one is needed for."""
    try:
        found = version("eventsourcing")
    except PackageNotFoundError:
        found = ""
    if tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) < oldest:
        raise SystemUnavailable(
            f"the library eventsourcing, {'.'.join(map(str, oldest))} or newer, is needed{why}, found {found or 'none'}; install with:"
            " pip install 'refold[eventsourcing]'"
        )
    return found
