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
OLDEST = (9, 4)
"""The first release with projections as they are run here."""


def library() -> str:
    """The version of the library; raises `SystemUnavailable` without one that will do."""
    try:
        found = version("eventsourcing")
    except PackageNotFoundError:
        found = ""
    if tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) < OLDEST:
        raise SystemUnavailable(
            f"the library eventsourcing, {'.'.join(map(str, OLDEST))} or newer, is needed, found {found or 'none'}; install with:"
            " pip install 'refold[eventsourcing]'"
        )
    return found
