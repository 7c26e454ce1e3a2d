"""The system `sqlite`: it holds what it should, and it is convicted where its options give something away."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from refold.model.action import Begin, Crash, CrashAt, CutPower, Deliver, Restart, Submit, TakeSnapshot
from refold.model.errors import SystemUnavailable, UsageError
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Register
from refold.model.examples.inventory import Inventory, Restock
from refold.model.record import Acknowledged, Observed, Recovered, SnapshotLoaded, Unknown
from refold.model.tape import Menu
from refold.search.run import execute
from refold.systems.reference import Reference
from refold.systems.sqlite.system import Sqlite

MODES = ("process", "kill", "power")
JOURNALS = ("wal", "delete", "truncate", "persist")
APPLICATIONS = (Accounts(), Inventory())


def tapes(seed: int, count: int, length: int = 64) -> list[bytes]:
    """`count` random tapes."""
    generator = random.Random(seed)
    return [generator.randbytes(Menu.length(length)) for _ in range(count)]


def findings(options: dict[str, str], count: int, seed: int = 1) -> list[str]:
    """The anomalies that `count` runs for every application show, one per run."""
    system = Sqlite.from_options(options)
    found = []
    for application in APPLICATIONS:
        decode = system.menu(application).decode
        for tape in tapes(seed, count):
            found += [finding.anomaly for finding in execute(system, application, decode(tape)).findings[:1]]
    return found


@pytest.mark.parametrize(("mode", "count"), [("process", 20), ("kill", 20), ("power", 200)])
def test_the_defaults_hold_in_every_mode(mode: str, count: int) -> None:
    """A careful user's options, random plans, all properties: nothing is found."""
    assert findings({"crash": mode}, count) == []


@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize("synchronous", ["full", "extra"])
def test_full_synchronisation_survives_power_cuts(journal: str, synchronous: str) -> None:
    """With every journal mode."""
    assert findings({"journal": journal, "synchronous": synchronous}, 100) == []


@pytest.mark.parametrize(
    "options",
    [
        *({"journal": journal, "synchronous": "off"} for journal in JOURNALS),
        {"synchronous": "normal"},
        {"journal": "truncate", "synchronous": "normal"},
    ],
    ids=str,
)
def test_lax_synchronisation_loses_acknowledged_appends(options: dict[str, str]) -> None:
    """Without `crash=power` being asked for: it is the default."""
    assert "acknowledged-append-lost" in findings(options, 40)


@pytest.mark.parametrize("how", ["drop", "torn", "reorder"])
@pytest.mark.parametrize("synchronous", ["off", "full"])
def test_a_power_cut_right_after_acknowledged_appends(how: str, synchronous: str) -> None:
    """Every way of cutting the power convicts `off` and none convicts `full`."""
    plan = (*[Submit("carol", Restock("bolt", 1))] * 12, CutPower("log", how), Restart("log"))
    run = execute(Sqlite(synchronous=synchronous), Inventory(), plan)
    assert [finding.anomaly for finding in run.findings[:1]] == (
        ["acknowledged-append-lost"] if synchronous == "off" else []
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_committed_append_survives_the_death_of_the_log(mode: str) -> None:
    """The log dies, and consumers with their rows and checkpoints too."""
    plan = (
        Submit("carol", Register("acme", "ada")),
        Deliver("store", 0),
        Deliver("index", 0),
        Crash("log"),
        Crash("store"),
        Crash("index"),
        Restart("log"),
        Restart("store"),
        Restart("index"),
    )
    run = execute(Sqlite(crash=mode), Accounts(), plan)
    assert run.findings == []
    recovered = {record.process: record for record in run.history if type(record) is Recovered}
    assert recovered["store"].position == recovered["index"].position == 1
    assert recovered["store"].rows == {"acme": (1, frozenset({"ada"}))}
    observed = {record.consumer: record.rows for record in run.history if type(record) is Observed}
    assert observed["index"] == {"ada@acme": ("acme", 1, "acme")}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("step", "events"), [(1, 0), (2, 0), (3, 1)])
def test_an_append_cut_short_is_whole_or_absent(mode: str, step: int, events: int) -> None:
    """Death before the insert, before the commit, before the answer: only the last leaves the event, and nobody was told."""
    plan = (CrashAt("log", step), Submit("carol", Register("acme", "ada")), Restart("log"))
    run = execute(Sqlite(crash=mode), Accounts(), plan)
    assert run.findings == []
    kinds = [type(record) for record in run.history]
    assert kinds.count(Stored) == events
    assert kinds.count(Unknown) == 1
    assert kinds.count(Acknowledged) == 0


@pytest.mark.parametrize("mode", MODES)
def test_snapshots_survive_the_death_of_their_consumer(mode: str) -> None:
    """`totals` has its rows in memory and its snapshots in a file."""
    plan = (
        Submit("carol", Restock("bolt", 1)),
        Deliver("totals", 0),
        TakeSnapshot("totals"),
        Crash("totals"),
        Restart("totals"),
    )
    run = execute(Sqlite(crash=mode), Inventory(), plan)
    assert run.findings == []
    assert [record.state for record in run.history if type(record) is SnapshotLoaded] == [{"bolt": 1}]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.name)
def test_a_plan_for_the_reference_stores_the_same_events(mode: str, application: Any) -> None:
    """As long as it has neither slow appends nor power cuts. Positions are the same too until the log dies in the middle of an
    append: the reference leaves a gap there, and SQLite does not."""
    reference = Reference()
    same = Sqlite(crash="process").capabilities
    decode = Menu(application.commands(), reference.clients, reference.consumers, same).decode
    system = Sqlite(crash=mode)
    stored = dense = 0
    for tape in tapes(3, 6):
        plan = decode(tape)
        expected, found = (
            [record for record in execute(tested, application, plan, whole=True).history if type(record) is Stored]
            for tested in (reference, system)
        )
        assert [event.position for event in found] == list(range(1, len(found) + 1))
        assert [replace(event, position=0) for event in found] == [replace(event, position=0) for event in expected]
        if expected and expected[-1].position == len(expected):
            assert found == expected
            dense += 1
        stored += len(found)
    assert stored > 20
    assert dense > 1


def test_a_plan_with_everything_runs_and_skips_what_sqlite_cannot_do() -> None:
    """Slow appends are actions like others, which are not enabled."""
    reference = Reference()
    decode = reference.menu(Accounts()).decode
    slow = 0
    for tape in tapes(4, 20):
        plan = decode(tape)
        run = execute(Sqlite(), Accounts(), plan, whole=True)
        assert run.findings == []
        slow += sum(type(action) is Begin for action in plan)
        assert not any(type(action) is Begin for action in run.performed)
    assert slow > 0


RECORDED = """
import hashlib, random, sys
import msgspec
from refold.model.examples.accounts import Accounts
from refold.search.run import execute
from refold.systems.sqlite.system import Sqlite

def plain(value):
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return [type(value).__name__, *(plain(getattr(value, name)) for name in value.__struct_fields__)]
    return value

system, application = Sqlite.from_options(dict(option.split("=") for option in sys.argv[1:])), Accounts()
menu = system.menu(application)
generator = random.Random(11)
for _ in range(6):
    run = execute(system, application, menu.decode(generator.randbytes(menu.length(64))), whole=True)
    for record in run.history:
        print(repr(plain(record)))
"""


@pytest.mark.parametrize("options", [(), ("synchronous=off",), ("crash=process",), ("crash=kill",)], ids=str)
def test_the_same_tapes_give_the_same_history_in_another_process(options: tuple[str, ...]) -> None:
    """Under another hash seed, power cuts included."""
    histories = [
        subprocess.run(
            [sys.executable, "-c", RECORDED, *options],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(histories[0]) > 10_000
    assert histories[0] == histories[1]


@pytest.mark.parametrize("mode", ["process", "kill"])
def test_files_at_a_path_can_be_looked_at_afterwards(mode: str, tmp_path: Path) -> None:
    """And the next run begins with empty ones."""
    system = Sqlite(crash=mode, path=str(tmp_path / "new" / "orders.db"))
    for item in ("bolt", "nut"):
        execute(system, Inventory(), (Submit("carol", Restock(item, 1)),))
    del system
    with closing(sqlite3.connect(tmp_path / "new" / "orders.db")) as connection:
        assert connection.execute("SELECT position, stream, data FROM events").fetchall() == [
            (1, "nut", '{"item":"nut","count":1}')
        ]
    assert {file.suffix for file in (tmp_path / "new").iterdir()} <= {".db", ".db-wal", ".db-shm"}
    again = Sqlite(path=str(tmp_path / "new" / "orders.db"))
    run = execute(again, Inventory(), ())
    assert not any(type(record) is Stored for record in run.history)


def unavailable(path: Path, **options: str) -> str:
    """What the system says if it is to keep its files there."""
    with pytest.raises(SystemUnavailable) as error:
        execute(Sqlite(path=str(path), **options), Inventory(), ())
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("mode", ["process", "kill"])
def test_a_file_that_is_no_database_is_refused(mode: str, tmp_path: Path) -> None:
    """It is named, and left alone."""
    file = tmp_path / "log.db"
    file.write_text("groceries")
    with pytest.raises(SystemUnavailable):
        Sqlite.from_options({"path": str(file), "crash": mode})
    for place in (file, tmp_path):
        assert f"{file}: expected an SQLite database" in unavailable(place, crash=mode)
    file.write_bytes(b"SQLite format 3\0" + bytes(5000))
    assert "file is not a database" in unavailable(file, crash=mode)


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    """A run would empty it."""
    file = tmp_path / "customers.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE customers (name)")
    assert "somebody else's" in unavailable(file)


def test_what_is_read_only_is_refused(tmp_path: Path) -> None:
    """A file, a directory; also for a superuser, who could write it."""
    file = tmp_path / "log.db"
    execute(Sqlite(path=str(file)), Inventory(), ())
    file.chmod(0o444)
    assert f"{file}: expected an SQLite database that can be written, found it read-only" in unavailable(tmp_path)
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    assert "read-only" in unavailable(folder)
    (tmp_path / "file").write_text("")
    assert "cannot be made" in unavailable(tmp_path / "file" / "below")


@pytest.mark.parametrize("mode", ["process", "kill"])
def test_a_database_that_is_in_use_is_refused(mode: str, tmp_path: Path) -> None:
    """By another system, in this process or in another."""
    system = Sqlite(crash="kill", path=str(tmp_path))
    deployment = system.open(Inventory(), lambda record: None)
    assert "database is locked" in unavailable(tmp_path, crash=mode)
    deployment.close()


@pytest.mark.parametrize("mode", ["process", "kill"])
@pytest.mark.parametrize("name", ["log", "store"])
def test_a_database_that_somebody_locks_while_its_process_is_down_is_no_damage(
    name: str, mode: str, tmp_path: Path
) -> None:
    """It is left alone, not replaced by an empty one; nobody is accused of losing what was in it."""
    deployment = Sqlite(crash=mode, path=str(tmp_path)).open(Inventory(), lambda record: None)
    deployment.perform(Submit("carol", Restock("bolt", 1)))
    deployment.perform(Crash(name))
    with closing(sqlite3.connect(tmp_path / f"{name}.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SystemUnavailable, match=rf"{tmp_path}.*{name}\.db: database is locked; expected") as error:
            deployment.perform(Restart(name))
        assert "\n" not in str(error.value)
        if name == "log":
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)
    deployment.close()


def test_a_disk_that_fills_in_the_middle_of_a_run_ends_it_with_a_sentence(tmp_path: Path) -> None:
    """And the next run, for which there is room again, goes on."""
    system = Sqlite(crash="process", synchronous="off", path=str(tmp_path))
    plan = [Submit("carol", Restock(item, 1)) for item in ("bolt", "nut")] * 300
    deployment = system.open(Inventory(), lambda record: None)
    system.workspace().hosts["log"].table.execute("PRAGMA max_page_count = 1")
    with pytest.raises(SystemUnavailable, match=rf"SQLite in {tmp_path}: database or disk is full; expected"):
        [*map(deployment.perform, plan)]
    deployment.close()
    system.workspace().hosts["log"].table.execute("PRAGMA max_page_count = 1000")
    assert not execute(system, Inventory(), plan).findings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jornal": "wal"}, "its options are journal, synchronous, crash, path"),
        ({"journal": "memory"}, "expected one of wal, delete, truncate, persist"),
        ({"synchronous": "maybe"}, "expected one of off, normal, full, extra"),
        ({"path": ""}, "expected one of <path>"),
        ({"path": "somewhere", "crash": "power"}, "leave path out"),
    ],
)
def test_unknown_options_are_usage_errors_that_name_the_allowed_ones(options: dict[str, str], words: str) -> None:
    """One sentence."""
    with pytest.raises(UsageError, match=words):
        Sqlite.from_options(options)


def test_the_name_has_the_options_that_are_not_defaults() -> None:
    """So that a report says what ran and a command line can say it again."""
    assert Sqlite.from_options({"journal": "wal", "synchronous": "full"}).name == "sqlite"
    assert Sqlite.from_options({"crash": "power", "synchronous": "off"}).name == "sqlite?synchronous=off&crash=power"


def test_without_apsw_power_cuts_are_not_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default falls back to crashes in this process, and asking for power cuts says what is missing."""
    monkeypatch.setattr("refold.systems.sqlite.system.find_spec", lambda name: None)
    assert "power-cut" not in Sqlite().capabilities
    assert Sqlite().crash == "process"
    with pytest.raises(SystemUnavailable, match=r"refold\[sqlite\]"):
        Sqlite.from_options({"crash": "power"})
