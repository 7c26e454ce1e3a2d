"""The file of a campaign: an SQLite database that holds what was asked for and what every shard came to. A shard is in it whole or not at
all, so a campaign that is killed at any moment goes on where it was."""

from __future__ import annotations

import json
import pathlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from refold.model.errors import UsageError
from refold.search.matrix.cells import Cell
from refold.search.matrix.shard import Shard, ShardResult
from refold.search.outcome import Signature

VERSION = 1

NEAREST = (
    "CREATE TABLE IF NOT EXISTS nearest (cell INTEGER, name TEXT, distance REAL, run INTEGER, PRIMARY KEY (cell, name))"
)
"""How near a run of a cell came to what `sometimes` named; files of campaigns that began before there were distances lack it."""

TABLES = """
CREATE TABLE campaign (version INTEGER, seed INTEGER, seconds REAL);
CREATE TABLE cells (number INTEGER PRIMARY KEY, system TEXT, application TEXT, not_checked TEXT, trouble TEXT DEFAULT '');
CREATE TABLE shards (
    number INTEGER PRIMARY KEY, cell INTEGER, first INTEGER, stop INTEGER, state TEXT, deaths INTEGER DEFAULT 0,
    runs INTEGER DEFAULT 0, steps INTEGER DEFAULT 0, seconds REAL DEFAULT 0, finished REAL, why TEXT DEFAULT ''
);
CREATE TABLE seen (cell INTEGER, anomaly TEXT, guarantee TEXT, shard INTEGER, runs INTEGER, finished REAL);
CREATE TABLE came (cell INTEGER, what TEXT, name TEXT, runs INTEGER, first REAL, PRIMARY KEY (cell, what, name));
CREATE TABLE finds (
    cell INTEGER, anomaly TEXT, guarantee TEXT, run INTEGER, about TEXT, PRIMARY KEY (cell, anomaly, guarantee)
);
"""
"""A shard is `open` (given out or waiting), `done`, `split` in two others, or `lost`. `seconds` of the campaign, and `finished`, are time
in which it was at work. `about` is what the reports say of a find, as JSON."""


COVERED = {"kinds_of_records": "kind", "pairs_of_actions": "pair", "situations": "situation"}
"""What is said of the coverage -> how `came` calls it."""


@attrs.frozen
class Find:
    """A finding of a cell: the first run that showed it, how many did, and when the first and the last of them were made (seconds of the
    campaign); `about` is what a report says of it."""

    cell: Cell
    anomaly: str
    guarantee: str
    run: int
    runs: int
    first_seen: float
    last_seen: float
    about: dict[str, Any]


@attrs.frozen
class CellState:
    """Where a cell is."""

    cell: Cell
    runs: int
    steps: int
    seconds: float
    missing: tuple[str, ...]
    not_checked: tuple[str, ...]
    trouble: str
    situations: dict[str, int]
    nearest: dict[str, tuple[float, int]] = attrs.field(factory=dict)
    """What was never reached -> the smallest distance from it, and the first run that came so near."""


class CampaignStore:
    """An open campaign file. One process has it at a time; raises `UsageError` for a file that another has, or that is none."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.database = sqlite3.connect(path, isolation_level=None, timeout=0.5)
        except sqlite3.OperationalError as error:
            raise UsageError(f"{path}: {error}; name another file with --state") from error
        try:
            self.database.execute("PRAGMA locking_mode=EXCLUSIVE")
            self.database.execute("PRAGMA synchronous=FULL")
            self.database.execute("BEGIN EXCLUSIVE")
            tables = {name for (name,) in self.database.execute("SELECT name FROM sqlite_master WHERE type='table'")}
            if tables and "campaign" not in tables:
                raise UsageError(
                    f"{path} is an SQLite database, and not the file of a campaign; name another with --state"
                )
            if not tables:
                for statement in TABLES.split(";\n"):
                    self.database.execute(statement)
            self.database.execute(NEAREST)
            self.database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self.database.close()
            busy = error.sqlite_errorname in ("SQLITE_BUSY", "SQLITE_LOCKED")
            hint = "; perhaps another refold campaign is at work on it" if busy else ""
            raise UsageError(f"{path}: {error}{hint}") from error
        except sqlite3.DatabaseError as error:
            self.database.close()
            raise UsageError(f"{path} is not the file of a campaign ({error}); name another with --state") from error
        except UsageError:
            self.database.close()
            raise
        version = self.database.execute("SELECT version FROM campaign").fetchone()
        self.new = version is None
        if version not in (None, (VERSION,)):
            self.close()
            raise UsageError(f"{path} was written by another version of refold (format {version[0]}); begin a new file")

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def one(self, query: str, *values: Any) -> tuple[Any, ...]:
        """The only row of a query."""
        row: tuple[Any, ...] = self.database.execute(query, values).fetchone()
        return row

    def begin(self, cells: list[Cell], seed: int) -> None:
        """A new campaign."""
        with self.transaction():
            self.database.execute("INSERT INTO campaign VALUES (?, ?, 0)", (VERSION, seed))
            self.database.executemany(
                "INSERT INTO cells (number, system, application, not_checked) VALUES (?, ?, ?, '[]')",
                [(number, cell.system, cell.application) for number, cell in enumerate(cells)],
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")

    @property
    def cells(self) -> list[Cell]:
        """In their order."""
        rows = self.database.execute("SELECT system, application FROM cells ORDER BY number")
        return [Cell(system, application) for system, application in rows]

    @property
    def seed(self) -> int:
        """That of all runs."""
        return int(self.one("SELECT seed FROM campaign")[0])

    @property
    def seconds(self) -> float:
        """How long it was at work."""
        return float(self.one("SELECT seconds FROM campaign")[0])

    def worked(self, seconds: float) -> None:
        """It was at work for so long, in all."""
        self.database.execute("UPDATE campaign SET seconds = ?", (seconds,))

    def try_again(self) -> None:
        """What kept cells from going on may be mended: a new sitting begins."""
        self.database.execute("UPDATE cells SET trouble = ''")

    def new_shard(self, cell: int, first: int, stop: int) -> int:
        """Write down a shard that is to be made; returns its number."""
        cursor = self.database.execute(
            "INSERT INTO shards (cell, first, stop, state) VALUES (?, ?, ?, 'open')", (cell, first, stop)
        )
        return int(cursor.lastrowid or 0)

    def open_shards(self) -> list[Shard]:
        """Those that are to be made, the oldest first."""
        cells, seed = self.cells, self.seed
        rows = self.database.execute(
            "SELECT number, cell, first, stop FROM shards WHERE state = 'open' ORDER BY number"
        )
        return [Shard(number, cells[cell], seed, first, stop) for number, cell, first, stop in rows]

    def frontier(self, cell: int) -> int:
        """The first run of a cell that belongs to no shard."""
        return int(self.one("SELECT coalesce(max(stop), 0) FROM shards WHERE cell = ?", cell)[0])

    def known_below(self, cell: int, run: int) -> tuple[Signature, ...]:
        """The signatures that a run of a lower number has shown: a later find of them is not the one that is kept."""
        rows = self.database.execute("SELECT anomaly, guarantee FROM finds WHERE cell = ? AND run < ?", (cell, run))
        return tuple(rows)

    def done(self, shard: Shard, cell: int, result: ShardResult, abouts: list[dict[str, Any]], now: float) -> None:
        """Write down what a shard came to; `abouts` go with its finds. Runs for which there was no time are another shard."""
        with self.transaction():
            stop = min(shard.stop, shard.first + result.runs)
            self.database.execute(
                "UPDATE shards SET state = 'done', stop = ?, runs = ?, steps = ?, seconds = ?, finished = ? WHERE number = ?",
                (stop, result.runs, result.steps, result.seconds, now, shard.number),
            )
            if stop < shard.stop:
                self.new_shard(cell, stop, shard.stop)
            self.database.executemany(
                "INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?)",
                [(cell, *signature, shard.number, len(runs), now) for signature, runs in result.seen.items()],
            )
            for what, names in (("kind", result.kinds), ("pair", result.pairs), ("situation", result.situations)):
                self.database.executemany(
                    "INSERT INTO came VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET runs = runs + excluded.runs",
                    [(cell, what, name, runs, now) for name, runs in names.items()],
                )
            self.database.executemany(
                "INSERT INTO nearest VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET distance = excluded.distance, run = excluded.run"
                " WHERE (excluded.distance, excluded.run) < (distance, run)",
                [(cell, name, *near) for name, near in result.nearest.items()],
            )
            for (run, find), about in zip(result.found, abouts, strict=True):
                self.found(cell, find.finding.signature, run, about)
            self.database.execute(
                "UPDATE cells SET not_checked = ?, trouble = coalesce(nullif(?, ''), trouble) WHERE number = ?",
                (json.dumps(result.not_checked), result.trouble, cell),
            )
            self.worked(now)

    def keeps(self, cell: int, signature: Signature, run: int) -> bool:
        """Whether a find of this run is kept: no run of a lower number is known that shows the same."""
        query = "SELECT 1 FROM finds WHERE cell = ? AND anomaly = ? AND guarantee = ? AND run < ?"
        return self.database.execute(query, (cell, *signature, run)).fetchone() is None

    def found(self, cell: int, signature: Signature, run: int, about: dict[str, Any]) -> None:
        """Write down a find, unless a run of a lower number is known that shows the same."""
        if self.keeps(cell, signature, run):
            self.database.execute(
                "INSERT OR REPLACE INTO finds VALUES (?, ?, ?, ?, ?)", (cell, *signature, run, json.dumps(about))
            )

    def died(self, shard: Shard, cell: int, why: str, most: int) -> None:
        """The process of a shard died: its runs are made in two shards, or, if it has one run that has killed so many processes, never."""
        with self.transaction():
            if shard.runs > 1:
                self.database.execute(
                    "UPDATE shards SET state = 'split', why = ? WHERE number = ?", (why, shard.number)
                )
                for part in shard.halves():
                    self.new_shard(cell, part.start, part.stop)
                return
            self.database.execute(
                "UPDATE shards SET deaths = deaths + 1, why = ? WHERE number = ?", (why, shard.number)
            )
            self.database.execute(
                "UPDATE shards SET state = 'lost' WHERE number = ? AND deaths >= ?", (shard.number, most)
            )

    def found_so_far(self) -> int:
        """How many finds there are, without a look at what is said of them."""
        return int(self.one("SELECT count(*) FROM finds")[0])

    def finds(self) -> list[Find]:
        """All, by cell, the most frequent first."""
        cells = self.cells
        rows = self.database.execute(
            "SELECT finds.cell, anomaly, guarantee, run, about, coalesce(sum(runs), 1), min(finished), max(finished) FROM finds"
            " LEFT JOIN seen USING (cell, anomaly, guarantee) GROUP BY finds.cell, anomaly, guarantee"
            " ORDER BY finds.cell, sum(runs) DESC, anomaly, guarantee"
        )
        return [
            Find(cells[cell], anomaly, guarantee, run, runs, first or 0.0, last or 0.0, json.loads(about))
            for cell, anomaly, guarantee, run, about, runs, first, last in rows
        ]

    def states(self) -> list[CellState]:
        """Where every cell is."""
        return [self.state(number, cell) for number, cell in enumerate(self.cells)]

    def state(self, number: int, cell: Cell) -> CellState:
        """Where one is."""
        runs, steps, seconds = self.one(
            "SELECT coalesce(sum(runs), 0), coalesce(sum(steps), 0), coalesce(sum(seconds), 0) FROM shards"
            " WHERE cell = ? AND state = 'done'",
            number,
        )
        lost = self.database.execute("SELECT first, why FROM shards WHERE cell = ? AND state = 'lost'", (number,))
        not_checked, trouble = self.one("SELECT not_checked, trouble FROM cells WHERE number = ?", number)
        missing = tuple(f"run {first + 1} was not made: {why}" for first, why in lost)
        return CellState(
            cell,
            runs,
            steps,
            seconds,
            missing,
            tuple(json.loads(not_checked)),
            trouble,
            situations := self.situations(number),
            self.nearest(number, situations),
        )

    def situations(self, cell: int) -> dict[str, int]:
        """What `sometimes` named in a cell -> the runs that reached it."""
        rows = self.database.execute("SELECT name, runs FROM came WHERE cell = ? AND what = 'situation'", (cell,))
        return {name: int(runs) for name, runs in rows}

    def nearest(self, cell: int, situations: dict[str, int]) -> dict[str, tuple[float, int]]:
        """How near the runs of a cell came to those of the situations that none has reached."""
        rows = self.database.execute("SELECT name, distance, run FROM nearest WHERE cell = ? ORDER BY name", (cell,))
        return {name: (distance, run) for name, distance, run in rows if not situations.get(name)}

    def frequencies(self, what: str) -> Counter[int]:
        """In how many runs (key) how many things (value) came: signatures for ``finds``, else kinds or pairs."""
        query = (
            "SELECT sum(runs) FROM seen GROUP BY cell, anomaly, guarantee"
            if what == "finds"
            else "SELECT runs FROM came WHERE what = ?"
        )
        values = () if what == "finds" else (what,)
        return Counter(int(runs) for (runs,) in self.database.execute(query, values))

    def coverage(self) -> dict[str, int]:
        """How many different kinds of records, pairs of actions that follow each other, and named situations came, over all cells."""
        query = "SELECT count(DISTINCT name) FROM came WHERE what = ? AND runs > 0"
        return {said: self.one(query, what)[0] for said, what in COVERED.items()}

    def shards_done(self) -> int:
        """Shards whose runs are in the file."""
        return int(self.one("SELECT count(*) FROM shards WHERE state = 'done'")[0])

    def growth(self) -> Iterator[tuple[float, int, int, int]]:
        """After each moment at which a shard was done: the seconds, and the runs, steps and pairs of actions until then."""
        pairs = [
            first for (first,) in self.database.execute("SELECT first FROM came WHERE what = 'pair' ORDER BY first")
        ]
        total = made = known = 0
        for finished, runs, steps in self.database.execute(
            "SELECT finished, runs, steps FROM shards WHERE state = 'done' ORDER BY finished"
        ):
            total += runs
            made += steps
            while known < len(pairs) and pairs[known] <= finished:
                known += 1
            yield finished, total, made, known
