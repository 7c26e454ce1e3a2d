"""Systems by name: ``reference``, ``sqlite?journal=wal``, a broken system's name, or ``MODULE:OBJECT`` of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import parse_qsl

import attrs

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.extension import Extension
from refold.model.words import suggestion
from refold.systems.frameworks.library import OPTIONS, PROJECTIONS, library
from refold.systems.port import SystemPort
from refold.systems.programs.system import PREFIX, ProgramSystem
from refold.systems.reference import Reference
from refold.systems.servers.catalogue import OFFERS, Offer, without_disks
from refold.systems.user.module import load, no_object


@attrs.frozen
class Known:
    """A system that ships with refold. `options`: name -> (allowed values, default)."""

    name: str
    what: str
    make: Callable[[dict[str, str]], SystemPort]
    needs: Callable[[], tuple[str, str]]
    options: Callable[[], dict[str, tuple[tuple[str, ...], str]]]


def _reference(options: dict[str, str]) -> SystemPort:
    from refold.systems.variants import VARIANTS

    name = options.pop("with", "")
    if not name:
        return Reference.from_options(options)
    if options:
        raise UsageError(
            "system 'reference': with= and strategy= exclude each other; each replaces parts of the system"
        )
    if name not in VARIANTS:
        raise UsageError(
            f"system 'reference': there is no variant {name!r}{suggestion(name, VARIANTS)}; with= takes {', '.join(VARIANTS)}"
        )
    return VARIANTS[name].system()


def _reference_options() -> dict[str, tuple[tuple[str, ...], str]]:
    from refold.systems.variants import VARIANTS

    return {**Reference.OPTIONS, "with": (tuple(VARIANTS), "none")}


def _sqlite(options: dict[str, str]) -> SystemPort:
    from refold.systems.sqlite.system import Sqlite

    return Sqlite.from_options(options)


def _sqlite_options() -> dict[str, tuple[tuple[str, ...], str]]:
    from refold.systems.sqlite.system import Sqlite

    return Sqlite.OPTIONS


def _sqlite_needs() -> tuple[str, str]:
    import sqlite3

    try:
        import apsw
    except ImportError:
        return sqlite3.sqlite_version, "power cuts need refold[sqlite]"
    return apsw.sqlite_lib_version(), ""


def _eventsourcing(options: dict[str, str]) -> SystemPort:
    library(PROJECTIONS, " for this example")
    from refold.systems.frameworks.school import from_options

    return from_options(options)


def _on_server(offer: Offer) -> Known:
    return Known(offer.name, offer.what, offer.make, lambda: (offer.check(), without_disks()), lambda: offer.options)


KNOWN: dict[str, Known] = {
    known.name: known
    for known in (
        Known("reference", "the reference model, in memory", _reference, lambda: ("", ""), _reference_options),
        Known("sqlite", "an event log and its consumers in SQLite files", _sqlite, _sqlite_needs, _sqlite_options),
        *map(_on_server, OFFERS.values()),
        Known(
            "eventsourcing",
            "an application of the library eventsourcing, with a projection and a process application",
            _eventsourcing,
            lambda: (library(PROJECTIONS, " for this example"), ""),
            lambda: OPTIONS,
        ),
    )
}


def correct_systems() -> list[str]:
    """The reference system in all of its correct settings, by name."""
    from refold.model.strategies.strategy import STRATEGIES
    from refold.systems.variants import VARIANTS

    safe = [name for name, strategy in STRATEGIES.items() if getattr(strategy, "safe", False)]
    return [
        "reference",
        *(f"reference?with={name}" for name in VARIANTS),
        *(f"reference?strategy={name}" for name in safe),
    ]


OWN = ".application"
"""Behind the name of a system that brings its own application: the name of that."""


def own_application(system: SystemPort) -> Application | None:
    """The application that a system brings with it, if it does."""
    found = getattr(system, "application", None)
    return found if isinstance(found, Application) else None


def application_suiting(system: str, port: SystemPort | None = None) -> str:
    """The name of the application that suits the system of this name best; of the one that it brings, if it does."""
    from refold.systems.broken import BROKEN

    if port is not None and own_application(port) is not None:
        return f"{system}{OWN}"
    return BROKEN[system].application if system in BROKEN else "inventory"


def consumer_names(system: SystemPort) -> tuple[str, ...]:
    """Whose turns a plan for this system may name: consumers, those of extensions, and relays and other workers of a user's."""
    extensions: Iterable[type[Extension]] = getattr(system, "extensions", ())
    workers: Iterable[str] = getattr(system, "workers", ())
    return (*(spec.name for spec in system.consumers), *(name for one in extensions for name in one.names), *workers)


def refuse_options(name: str, options: dict[str, str]) -> None:
    """For systems that have none."""
    if options:
        raise UsageError(f"system {name!r} has no options, found {', '.join(options)}; use just {name!r}")


def resolve(text: str) -> SystemPort:
    """The system called `text`. Raises `UsageError` with a sentence if there is none, and `SystemUnavailable` if it cannot run here."""
    if text.startswith(PREFIX):
        return ProgramSystem(text.removeprefix(PREFIX))
    name, _, query = text.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if query and len(options) != len(query.split("&")):
        raise UsageError(f"system {text!r}: options are written name=value and joined with &, each name once")
    known = KNOWN.get(name)
    if known is not None:
        return known.make(options)
    from refold.systems.broken import BROKEN

    if name in BROKEN:
        refuse_options(name, options)
        return BROKEN[name].system()
    if ":" in name:
        from refold.systems.user.adopt import adopt  # brings the gate, which only code of the user's needs

        return adopt(name, load(name))
    if name.endswith(".py"):
        raise no_object(name, ("append", "read"))
    names = [*KNOWN, *BROKEN]
    raise UsageError(
        f"there is no system {name!r}{suggestion(name, names)}; known are {', '.join(KNOWN)}, the broken systems that"
        " “refold zoo --help” lists, and MODULE:OBJECT for one of your own"
    )
