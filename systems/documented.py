"""What settings of real systems do not promise, by their own documentation: no fault of theirs, where it shows."""

from __future__ import annotations

from urllib.parse import parse_qsl

import attrs

from refold.systems.registry import KNOWN


@attrs.frozen
class Documented:
    """With `option` at one of `values`, the `system` does not promise `code`: `what`, said at `where`."""

    system: str
    option: str
    values: tuple[str, ...]
    code: str
    what: str
    where: str


DOCUMENTED = (
    Documented(
        "sqlite",
        "synchronous",
        ("off",),
        "A6",
        "with synchronous=OFF commits are not synced, and a power cut may take or damage them",
        "https://www.sqlite.org/pragma.html#pragma_synchronous",
    ),
    Documented(
        "sqlite",
        "synchronous",
        ("normal",),
        "A6",
        "in WAL mode with synchronous=NORMAL a commit may roll back after a power cut",
        "https://www.sqlite.org/pragma.html#pragma_synchronous",
    ),
    Documented(
        "postgres",
        "synchronous_commit",
        ("off",),
        "A6",
        "with synchronous_commit=off the most recent commits may be lost in a crash",
        "https://www.postgresql.org/docs/current/wal-async-commit.html",
    ),
    Documented(
        "postgres",
        "fsync",
        ("off",),
        "A6",
        "with fsync=off a power cut may damage the data beyond recovery",
        "https://www.postgresql.org/docs/current/runtime-config-wal.html",
    ),
    Documented(
        "redis",
        "persistence",
        ("everysec", "no"),
        "A6",
        "with appendfsync everysec the last second of writes may be lost, and with no whatever the system had not written",
        "https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/",
    ),
    Documented(
        "redis",
        "persistence",
        ("rdb", "none"),
        "A6",
        "without an append-only file the writes since the last snapshot are lost",
        "https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/",
    ),
    Documented(
        "redis",
        "maxlen",
        ("8", "64", "1024"),
        "A6",
        "XADD with MAXLEN evicts the oldest entries",
        "https://redis.io/docs/latest/commands/xadd/",
    ),
    Documented(
        "nats",
        "sync_interval",
        ("2m",),
        "A6",
        "files are synced every two minutes unless sync_interval says otherwise, and what came later may be lost with the machine",
        "https://docs.nats.io/running-a-nats-service/configuration#jetstream",
    ),
)


def documented(name: str) -> dict[str, str]:
    """Code of an assertion -> what the documentation says, for a system with its options."""
    kind, _, query = name.partition("?")
    known = KNOWN.get(kind)
    if known is None:
        return {}
    settings = {**{option: default for option, (_, default) in known.options().items()}, **dict(parse_qsl(query))}
    return {
        one.code: f"{one.what} ({one.where})"
        for one in DOCUMENTED
        if one.system == kind and settings.get(one.option) in one.values
    }
