"""SQLite: ordinary code with `sqlite3`, unchanged; its races, lost replies and deaths found by schedules drawn blindly."""

from __future__ import annotations

import gc
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from refold.systems.gate import DIE, HOLD, Blocked, Died, Fail, Gate, Lose, Raised, Returned, Stopped, durable, watch
from refold.systems.gate.databases import sqlite
from refold.systems.gate.databases.statements import words_of
from refold.systems.gate.schedule import Step, Took, twice, wander

from .. import shop


def words(gate: Gate, name: str) -> str:
    status = gate.status(name)
    assert isinstance(status, Stopped), status
    return status.crossing.words


def test_statements_of_unchanged_code_are_crossings(path: str) -> None:
    seen = []
    with Gate() as gate:
        gate.start("alice", shop.Shop(path).book, "1A", "ada")
        while gate.stopped():
            seen.append(words(gate, "alice"))
            gate.step("alice")
        assert gate.status("alice") == Returned(True)
    assert seen == ["SELECT bookings", "INSERT bookings", "COMMIT"]


def double_bookings(path: str, make: Callable[[str], shop.Shop], seeds: int) -> tuple[int, list[Took]]:
    """In how many of these runs a seat was sold twice, and the steps of the first of them."""
    found, first = 0, []
    for seed in range(seeds):
        with Gate() as gate:
            seat = f"{make.__name__}{seed}"
            for name in ("alice", "bob"):
                gate.start(name, make(path).book, seat, name)
            steps = wander(gate, random.Random(seed))
        if shop.rows(path, f"select count(*) from bookings where seat = '{seat}'") != [(1,)]:
            found += 1
            first = first or steps
    return found, first


def test_a_check_then_act_race_is_found_and_the_careful_one_is_held(path: str) -> None:
    found, steps = double_bookings(path, shop.Shop, 30)
    assert found
    assert str(steps[0]).startswith(("alice stops before SELECT bookings", "bob stops before SELECT bookings"))
    assert double_bookings(path, shop.CarefulShop, 100)[0] == 0


def lost_counts(path: str, projector: shop.Projector, seeds: int) -> int:
    """In how many runs with one death the totals are not what the bookings say once a new process has caught up."""
    found = 0
    for seed in range(seeds):
        shop.Shop(path).book(f"{type(projector).__name__}{seed}", "ada")
        with Gate() as gate:
            gate.start("projector", projector.poll)
            for _ in range(random.Random(seed).randrange(12)):
                gate.step("projector")
            gate.step("projector", DIE)
            gate.finish()
            gate.run("again", projector.poll)
        counted = shop.rows(path, "select sum(count) from totals")
        found += counted != shop.rows(path, "select count(*) from bookings")
    return found


def test_a_checkpoint_saved_first_is_found_by_death_between_two_statements(path: str) -> None:
    assert lost_counts(path, shop.CarefulProjector(path), 20) == 0
    assert lost_counts(path, shop.Projector(path), 20) > 0


def test_a_lost_reply_leads_to_a_double_insert(path: str) -> None:
    with Gate() as gate:
        gate.start("alice", shop.RetryingShop(path).book, "1A", "ada")
        gate.until("alice", "COMMIT")
        gate.step("alice", Lose())
        gate.finish()
        assert gate.status("alice") == Returned(True)
    assert shop.rows(path, "select count(*) from bookings") == [(2,)]


def test_a_statement_that_raises_inside_a_transaction_has_not_been_done(path: str) -> None:
    """As SQLite has it: only the answer to what commits can be lost. So code that tries a statement again is not accused."""

    def patient() -> None:
        with sqlite3.connect(path) as connection:
            for _ in range(5):
                try:
                    connection.execute("insert into sent values (1, 'a')")
                    return
                except sqlite3.OperationalError:
                    continue

    with Gate() as gate:
        gate.start("alice", patient)
        gate.step("alice", Lose())
        gate.finish()
    assert shop.rows(path, "select count(*) from sent") == [(1,)]


def test_a_failed_commit_has_not_happened(path: str) -> None:
    with Gate() as gate:
        gate.start("alice", shop.Shop(path).book, "1A", "ada")
        gate.until("alice", "COMMIT")
        gate.step("alice", Fail())
        assert words(gate, "alice") == "ROLLBACK"
        status = gate.step("alice")
        assert isinstance(status, Raised)
        assert isinstance(status.error, sqlite3.OperationalError)
        assert status.error.sqlite_errorname == "SQLITE_BUSY"
    assert shop.rows(path, "select count(*) from bookings") == [(0,)]


@pytest.mark.parametrize(("mode", "message", "open_after"), [("delete", "locked", True), ("wal", "I/O", False)])
def test_a_commit_fails_as_it_fails_in_sqlite(path: str, mode: str, message: str, open_after: bool) -> None:
    """A reader can be in the way of a commit only without a write-ahead log; with one it is the disk, and SQLite rolls back by itself."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {mode}")
    found = []

    def book() -> None:
        connection = sqlite3.connect(path)
        connection.row_factory = sqlite3.Row
        connection.execute("insert into bookings (seat, guest) values ('1A', 'ada')")
        try:
            connection.commit()
        except sqlite3.OperationalError as error:
            found.append((str(error), connection.in_transaction))
            connection.rollback()

    with Gate() as gate:
        gate.start("alice", book)
        gate.until("alice", "COMMIT")
        gate.step("alice", Fail())
        gate.finish()
    [(said, still)] = found
    assert message in said
    assert still == open_after
    assert shop.rows(path, "select count(*) from bookings") == [(0,)]


def test_a_dead_process_leaves_no_transaction_and_no_lock(path: str) -> None:
    with Gate() as gate:
        gate.start("alice", shop.CarefulShop(path).book, "1A", "ada")
        gate.until("alice", "COMMIT")
        gate.start("bob", shop.CarefulShop(path).book, "1A", "bob")
        assert isinstance(gate.step("bob"), Blocked)
        assert isinstance(gate.step("alice", DIE), Died)
        assert words(gate, "bob") == "BEGIN IMMEDIATE"
        gate.finish()
        assert gate.status("bob") == Returned(True)
    assert shop.rows(path, "select guest from bookings") == [("bob",)]


def test_a_cursor_that_outlives_its_process_keeps_no_lock(path: str) -> None:
    """A frame of a dead thread may have one. SQLite keeps a connection that is closed as long as there is a cursor of it."""
    left: list[sqlite3.Cursor] = []

    def book() -> None:
        connection = sqlite3.connect(path)
        left.append(connection.execute("insert into bookings (seat, guest) values ('1A', 'ada')"))
        connection.commit()

    with Gate() as gate:
        gate.start("alice", book)
        gate.until("alice", "COMMIT")
        assert isinstance(gate.step("alice", DIE), Died)
        assert left
        assert gate.run("bob", shop.CarefulShop(path).book, "1A", "bob") is True
    assert shop.rows(path, "select guest from bookings") == [("bob",)]


def test_who_waits_for_the_lock_says_for_whom_and_comes_back(path: str) -> None:
    with Gate() as gate:
        gate.start("alice", shop.CarefulShop(path).book, "1A", "ada")
        gate.step("alice")
        gate.start("bob", shop.CarefulShop(path).book, "1A", "bob")
        status = gate.step("bob")
        assert isinstance(status, Blocked)
        assert status.wait.holders == ("alice",)
        assert status.wait.until == gate.now + 5
        gate.until("alice", "nothing")
        assert words(gate, "bob") == "BEGIN IMMEDIATE"
        gate.finish()
        assert gate.status("bob") == Returned(False)


def test_the_time_out_of_a_connection_is_of_the_gates_time(path: str) -> None:
    def impatient() -> None:
        sqlite3.connect(path, timeout=2, isolation_level=None).execute("begin immediate")

    with Gate() as gate:
        gate.start("alice", shop.CarefulShop(path).book, "1A", "ada")
        gate.step("alice")
        gate.start("bob", impatient)
        gate.step("bob")
        gate.advance(1.5)
        assert isinstance(gate.status("bob"), Blocked)
        gate.advance(0.5)
        status = gate.step("bob")
        assert isinstance(status, Raised)
        assert str(status.error) == "database is locked"


def test_a_transaction_that_has_read_is_refused_at_once(path: str) -> None:
    """SQLite does not wait where waiting could not help: two that have read and both want to write."""

    def upgrade() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("begin")
            connection.execute("select * from bookings").fetchall()
            connection.execute("insert into bookings (seat) values ('1A')")
            connection.execute("commit")

    with Gate() as gate:
        for name in ("alice", "bob"):
            gate.start(name, upgrade)
            gate.until(name, "INSERT")
        gate.step("alice")
        status = gate.step("bob")
        assert isinstance(status, Raised)
        assert str(status.error) == "database is locked"
        gate.finish()
        assert gate.status("alice") == Returned()


def test_a_connection_that_nobody_has_any_more_holds_no_lock(path: str) -> None:
    """As without a gate: when Python collects garbage it is closed, and SQLite rolls back."""

    def forgets() -> None:
        sqlite3.connect(path).execute("insert into bookings (seat) values ('1A')")

    with Gate() as gate:
        gate.start("alice", forgets)
        gate.finish()
        gc.collect()
        gate.start("bob", shop.CarefulShop(path).book, "1B", "bob")
        gate.finish()
        assert gate.status("bob") == Returned(True)
    assert shop.rows(path, "select seat from bookings") == [("1B",)]


def test_scripts_cursors_and_many_rows_are_crossings(path: str) -> None:
    seen = []

    def work() -> list[tuple[int]]:
        with sqlite3.connect(path) as connection:
            cursor = connection.cursor()
            cursor.executemany("insert into sent values (?, ?)", iter([(1, "a"), (2, "b")]))
            cursor.executescript("create table x (a); insert into x values (';');")
            for (_,) in connection.execute("select a from x"):
                connection.execute("delete from x")
        return connection.execute("select count(*) from sent").fetchall()

    with Gate() as gate:
        gate.start("alice", work)
        while gate.stopped():
            seen.append(words(gate, "alice"))
            gate.step("alice")
        assert gate.status("alice") == Returned([(2,)])
    assert seen == [
        "INSERT sent",
        "COMMIT",
        "CREATE x",
        "INSERT x",
        "SELECT x",
        "DELETE x",
        "COMMIT",
        "SELECT sent",
    ]


def test_who_is_held_after_a_query_locks_nothing_and_gets_the_rows_that_were_there(path: str) -> None:
    """One by one, some, or all; they are gone when the cursor is used for something else."""

    def look() -> list[object]:
        with closing(sqlite3.connect(path)) as connection:
            cursor = connection.cursor()
            cursor.execute("select 1 union select 2 union select 3 union select 4 union select 5")
            read = [cursor.fetchone(), cursor.fetchmany(), next(cursor), cursor.fetchmany(1)]
            cursor.executemany("insert into bookings (seat, guest) values (?, ?)", [("1A", "ada")])
            connection.rollback()
            return [*read, cursor.fetchall()]

    with Gate() as gate:
        gate.start("alice", look)
        gate.step("alice", HOLD)
        gate.start("bob", shop.Shop(path).book, "2B", "bob")
        while isinstance(gate.status("bob"), Stopped):
            gate.step("bob")
        assert gate.status("bob") == Returned(True)
        gate.finish()
        assert gate.status("alice") == Returned([(1,), [(2,)], (3,), [(4,)], []])


def test_a_connection_is_of_the_class_that_was_asked_for(path: str) -> None:
    class Mine(sqlite3.Connection):
        colour = "green"

    def connects() -> tuple[bool, str, str]:
        connection = sqlite3.connect(path, factory=Mine)
        connection.row_factory = sqlite3.Row
        row = connection.execute("select 'x' as letter").fetchone()
        return isinstance(connection, Mine), connection.colour, row["letter"]

    with Gate() as gate:
        gate.start("alice", connects)
        gate.finish()
        assert gate.status("alice") == Returned((True, "green", "x"))


def test_a_connection_of_any_driver_can_be_watched(path: str) -> None:
    """Here one that was made before the gate was opened."""
    connection = watch(sqlite3.connect(path, check_same_thread=False))
    assert isinstance(connection, sqlite3.Connection)
    connection.row_factory = sqlite3.Row

    def work() -> str:
        with connection:
            cursor = connection.cursor()
            cursor.execute("insert into sent values (1, 'a')")
        return str(connection.execute("select seat from sent").fetchone()["seat"])

    seen = []
    with Gate() as gate:
        gate.start("alice", work)
        while gate.stopped():
            seen.append(words(gate, "alice"))
            gate.step("alice")
        assert gate.status("alice") == Returned("a")
    assert seen == ["INSERT sent", "COMMIT", "SELECT sent"]


def test_outside_of_a_gate_everything_is_as_it_was(path: str) -> None:
    with Gate():
        pass
    connection = sqlite3.connect(path)
    assert type(connection) is sqlite3.Connection
    connection.close()


def test_two_threads_of_one_process_race_as_two_processes_do(path: str) -> None:
    """The race is between threads that the code has started by itself."""
    found = 0
    for seed in range(30):
        with Gate() as gate:
            threaded = shop.Threaded(shop.Shop(path))
            gate.start("alice", threaded.both, f"2A{seed}")
            wander(gate, random.Random(seed))
            assert isinstance(gate.status("alice"), Returned)
        found += threaded.results == [True, True]
    assert found


def test_the_same_schedule_makes_the_same_stops(tmp_path: Path) -> None:
    runs = iter(range(100))

    def begin(gate: Gate) -> None:
        folder = tmp_path / str(next(runs))
        folder.mkdir()
        path = str(folder / "shop.db")
        shop.prepare(path)
        for name in ("alice", "bob", "carol"):
            gate.start(name, shop.CarefulShop(path).book, "1A", name)

    for seed in range(5):
        draw = random.Random(seed)
        schedule = [Step(draw.choice(("alice", "bob", "carol", "nobody"))) for _ in range(40)]
        assert twice(begin, schedule) is None


def test_a_difference_between_two_runs_is_told() -> None:
    runs = iter(["load", "save"])
    difference = twice(lambda gate: gate.start("alice", durable, next(runs)), [Step("alice")])
    assert str(difference) == (
        "step 1: first alice stops before load: go; alice is done, then alice stops before save: go; alice is done"
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("insert or ignore into main.ev(a) values (1)", "INSERT main.ev"),
        ('UPDATE "my table" SET a = 1', "UPDATE my table"),
        ("/* why */ select 1", "SELECT"),
        ("SELECT a FROM ev e WHERE x = 'FROM y'", "SELECT ev"),
        ("with a as (select * from b) insert into c select * from a", "INSERT c"),
        ("begin immediate transaction", "BEGIN IMMEDIATE TRANSACTION"),
        ("rollback to savepoint x", "ROLLBACK TO SAVEPOINT"),
        ("create table if not exists t(a)", "CREATE t"),
        ("", "statement"),
    ],
)
def test_statements_in_two_words(sql: str, expected: str) -> None:
    assert words_of(sql) == expected


def journal_mode(connection: sqlite3.Connection) -> str:
    """As SQLite says."""
    (mode,) = connection.execute("pragma journal_mode").fetchone()
    return str(mode)


@pytest.mark.parametrize(("mode", "expected"), [("delete", "memory"), ("wal", "wal")])
def test_a_temporary_database_needs_no_file_for_its_journal(path: str, mode: str, expected: str) -> None:
    """One with a write-ahead log keeps it, and whoever asks for a file gets one."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {mode}")
    with Gate() as gate:
        connection = gate.run("alice", sqlite3.connect, path)
        assert gate.run("alice", journal_mode, connection) == expected
        gate.run("alice", connection.execute, "insert into bookings (seat, guest) values ('1A', 'ada')")
        assert not Path(f"{path}-journal").exists()
        gate.run("alice", connection.rollback)
        gate.run("alice", connection.execute, "pragma journal_mode = truncate")
        assert gate.run("alice", journal_mode, connection) == "truncate"
    assert shop.rows(path, "select count(*) from bookings") == [(0,)]


def test_the_journal_of_a_file_that_is_kept_is_a_file(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It outlives this process."""
    monkeypatch.setattr(sqlite, "TEMPORARY", ("/nowhere/",))
    with Gate() as gate:
        assert gate.run("alice", journal_mode, gate.run("alice", sqlite3.connect, path)) == "delete"


def test_who_connects_to_a_locked_database_waits_with_his_first_statement(path: str) -> None:
    """Connecting looks at no file; the journal is seen to when that can be done."""

    def lock() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("begin exclusive")
        connection.execute("commit")

    def look() -> tuple[int, str]:
        connection = sqlite3.connect(path)
        (count,) = connection.execute("select count(*) from bookings").fetchone()
        return count, journal_mode(connection)

    with Gate() as gate:
        gate.start("alice", lock)
        gate.until("alice", "COMMIT")
        assert words(gate, "alice") == "COMMIT"
        gate.start("bob", look)
        assert isinstance(gate.step("bob"), Blocked)
        gate.step("alice")
        statuses = gate.finish()
        assert statuses["bob"] == Returned((0, "memory"))
