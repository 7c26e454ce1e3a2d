"""`refold init` and `refold new` in projects of several kinds: what they write runs, and what was there stays."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

from refold.reports.skeletons.project import Project
from refold.reports.skeletons.skeletons import KINDS


def run(folder: pathlib.Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in a project that knows nothing of ours."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("REFOLD_", "PYTEST_", "GITHUB_"))}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=ours, capture_output=True, text=True, check=False
    )


def written(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the command says it wrote."""
    assert done.returncode == 0, done.stderr
    paths: list[str] = json.loads(done.stdout)["written"]
    return paths


def test_an_empty_folder_gets_a_test_a_job_and_a_configuration(tmp_path: pathlib.Path) -> None:
    """And the test passes; a second time nothing is written."""
    paths = written(run(tmp_path, "refold.reports", "init", "--json"))
    assert paths == ["tests/test_reservations.py", ".github/workflows/refold.yml", "pytest.ini", ".gitignore"]
    done = run(tmp_path, "pytest", "-q", "--refold-profile=quick")
    assert done.returncode == 0, done.stdout
    assert written(run(tmp_path, "refold.reports", "init", "--json")) == []
    job = (tmp_path / ".github/workflows/refold.yml").read_text()
    assert "pip install 'refold[sqlite]' pytest\n" in job
    assert "pytest tests/test_reservations.py" in job


def test_what_is_written_passes_a_linter_and_a_formatter(tmp_path: pathlib.Path) -> None:
    """With the line length that both have without a configuration."""
    written(run(tmp_path, "refold.reports", "init", "--json"))
    for kind in KINDS:
        written(run(tmp_path, "refold.reports", "new", kind, f"my-{kind}", "--json"))
    files = [str(path) for path in tmp_path.rglob("*.py")]
    assert len(files) == len(KINDS) + 1
    rules = ["--select", "E,F,I,B,UP,W,SIM,PT,RUF", "--line-length", "88"]
    checked = run(tmp_path, "ruff", "check", "--isolated", *rules, *files)
    assert checked.returncode == 0, checked.stdout
    formatted = run(tmp_path, "ruff", "format", "--isolated", "--diff", *files)
    assert formatted.returncode == 0, formatted.stdout


PYPROJECT = """[project]
name = "shop"  # ours
version = "1"

[tool.pytest.ini_options]
testpaths = ["src/checks"]
addopts = "-q"

[tool.other]
a = 1
"""


def test_a_configured_project_keeps_what_it_has(tmp_path: pathlib.Path) -> None:
    """One line more in its section; tests where its tests are; its CI is GitLab's."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / ".gitlab-ci.yml").write_text("stages: [test]\n")
    (tmp_path / ".gitignore").write_text("dist/\n.hypothesis\n")
    (tmp_path / "src/checks").mkdir(parents=True)
    done = run(tmp_path, "refold.reports", "init")
    assert done.returncode == 0, done.stderr
    assert "add to .gitlab-ci.yml" in done.stdout
    after = (tmp_path / "pyproject.toml").read_text()
    assert [line for line in after.splitlines() if line not in PYPROJECT.splitlines()] == [
        'refold_report_dir = ".refold"'
    ]
    assert tomllib.loads(after)["tool"]["pytest"]["ini_options"]["refold_report_dir"] == ".refold"
    assert (tmp_path / ".gitignore").read_text() == "dist/\n.hypothesis\n.refold/\n"
    assert "pip install -e . 'refold[sqlite]' pytest" in (tmp_path / ".gitlab/refold.yml").read_text()
    assert run(tmp_path, "pytest", "--refold-profile=quick").returncode == 0
    assert run(tmp_path, "refold.reports", "init", "--json").stdout.count("test_reservations") == 1


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("pyproject.toml", "[project]\nname = 'x'\nversion = '1'\n", 'refold_report_dir = ".refold"'),
        ("setup.cfg", "[metadata]\nname = x\n[tool:pytest]\naddopts = -q\n", "refold_report_dir = .refold"),
        ("tox.ini", "[tox]\n[pytest]\naddopts = -q\n", "refold_report_dir = .refold"),
        ("pytest.ini", "[pytest]\naddopts = -q\n", "refold_report_dir = .refold"),
    ],
)
def test_each_kind_of_configuration_is_understood(file: str, text: str, line: str, tmp_path: pathlib.Path) -> None:
    """And pytest reads what was written."""
    (tmp_path / file).write_text(text)
    written(run(tmp_path, "refold.reports", "init", "--json"))
    assert line in (tmp_path / file).read_text().splitlines()
    done = run(tmp_path, "pytest", "--collect-only", "-q")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_broken_configuration_is_told(tmp_path: pathlib.Path) -> None:
    """Nothing is written."""
    (tmp_path / "pyproject.toml").write_text("[project\n")
    done = run(tmp_path, "refold.reports", "init")
    assert done.returncode == 2
    assert "pyproject.toml cannot be read" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pyproject.toml"]


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("pyproject.toml", "tool.pytest = 3\nrefold_report_dir = 'x'\n", "tests"),
        ("pyproject.toml", "[tool.pytest.ini_options]\ntestpaths = 3\n", "tests"),
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["../other"]\n', "tests"),
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["/"]\n', "tests"),
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["my tests"]\n', "my tests"),
    ],
    ids=["no-table", "number", "outside", "absolute", "blank"],
)
def test_an_odd_configuration_is_no_obstacle(file: str, text: str, place: str, tmp_path: pathlib.Path) -> None:
    """Nothing is written outside of the project, and the commands that are printed run."""
    root = tmp_path / "project"
    for folder in ("project/my tests", "other"):
        (tmp_path / folder).mkdir(parents=True)
    (root / file).write_text(text)
    assert written(run(root, "refold.reports", "init", "--json"))[0] == f"{place}/test_reservations.py"
    assert not list((tmp_path / "other").iterdir())
    quoted = shlex.quote(f"{place}/test_reservations.py")
    assert f"pytest {quoted} --refold" in (root / ".github/workflows/refold.yml").read_text()
    assert f"run it: pytest {quoted}\n" in run(root, "refold.reports", "init").stdout


def test_what_is_not_changed_stays_byte_by_byte(tmp_path: pathlib.Path) -> None:
    """Ends of lines, characters that are no UTF-8, a link, and the mode of a file."""
    (tmp_path / "real.toml").write_bytes(b"[tool.pytest.ini_options]\r\naddopts = '-q'\r\n")
    (tmp_path / "pyproject.toml").symlink_to("real.toml")
    (tmp_path / ".gitignore").write_bytes(b"caf\xe9\ndist/\n")
    (tmp_path / ".gitignore").chmod(0o600)
    written(run(tmp_path, "refold.reports", "init", "--json"))
    assert (tmp_path / "pyproject.toml").is_symlink()
    after = b"[tool.pytest.ini_options]\r\nrefold_report_dir = \".refold\"\r\naddopts = '-q'\r\n"
    assert (tmp_path / "real.toml").read_bytes() == after
    assert (tmp_path / ".gitignore").read_bytes() == b"caf\xe9\ndist/\n.refold/\n.hypothesis/\n"
    assert (tmp_path / ".gitignore").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_changed_is_told_before_anything_is_written(tmp_path: pathlib.Path) -> None:
    """A project is set up, or left as it was."""
    (tmp_path / "pyproject.toml").write_text("tool = {a = 1}\n")
    done = run(tmp_path, "refold.reports", "init")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "pyproject.toml: refold_report_dir cannot be added to this file as it is written" in done.stderr
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / ".gitignore").mkdir()
    done = run(tmp_path, "refold.reports", "init")
    assert (done.returncode, done.stderr) == (2, "refold: .gitignore: Is a directory\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("application", "none"),
        ("application", "refusal"),
        ("system", "stored"),
        ("consumer", "log"),
        ("property", "true"),
    ],
)
def test_a_name_that_means_something_else_is_refused(kind: str, name: str, tmp_path: pathlib.Path) -> None:
    """The module would not run, or the class would take the place of what it needs."""
    done = run(tmp_path, "refold.reports", "new", kind, name)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert re.search(
        "cannot be turned into a class name|gives the class name .+, which the skeleton already uses", done.stderr
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_skeleton_runs(kind: str, tmp_path: pathlib.Path) -> None:
    """As it is, also from a folder of its own."""
    (path,) = written(run(tmp_path, "refold.reports", "new", kind, "orderIndex", "--dir", "checks", "--json"))
    assert path == "checks/test_order_index.py"
    text = (tmp_path / path).read_text()
    assert "class OrderIndex" in text
    assert "{" not in text.replace("{n", "").replace("{self", "") or "{Name}" not in text
    done = run(tmp_path, "pytest", "-q", "--refold-profile=quick", path)
    assert done.returncode == 0, done.stdout
    again = run(tmp_path, "refold.reports", "new", kind, "order-index", "--dir", "checks")
    assert again.returncode == 2
    assert "already exists" in again.stderr


@pytest.mark.parametrize("name", ["", "1st", "-", "class"])
def test_what_is_no_name_is_refused(name: str, tmp_path: pathlib.Path) -> None:
    """In a sentence."""
    done = run(tmp_path, "refold.reports", "new", "system", "--", name)
    assert done.returncode == 2
    assert "cannot be turned into a class name; choose a name that begins with a letter" in done.stderr


def test_a_mutated_skeleton_is_convicted(tmp_path: pathlib.Path) -> None:
    """The skeletons are no checks that cannot fail: a checkpoint that is saved first, a log without its condition."""
    written(run(tmp_path, "refold.reports", "new", "consumer", "index", "--json"))
    written(run(tmp_path, "refold.reports", "new", "system", "log", "--json"))
    consumer, log = tmp_path / "tests/test_index.py", tmp_path / "tests/test_log.py"
    before = consumer.read_text()
    consumer.write_text(
        before.replace(
            'with self.connection:\n            self.connection.execute(\n                "insert',
            'if True:\n            self.connection.isolation_level = None\n            self.connection.execute(\n                "insert',
        )
    )
    assert consumer.read_text() != before
    text = log.read_text()
    log.write_text(text.replace("if not request.expected.holds(version):", "if False:"))
    assert log.read_text() != text
    done = run(tmp_path, "pytest", "-q", "--refold-profile=default")
    assert "2 failed" in done.stdout


def test_a_shell_completes_names(tmp_path: pathlib.Path) -> None:
    """Commands, systems, files for one of one's own."""
    for shell in ("bash", "zsh", "fish"):
        assert "_REFOLD_COMPLETE" in run(tmp_path, "refold.reports", "completion", shell).stdout


def test_a_project_is_seen_as_pytest_sees_it(tmp_path: pathlib.Path) -> None:
    """pytest.ini wins over pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = a b\n")
    (tmp_path / "b").mkdir()
    project = Project.of(tmp_path)
    assert project.tests == tmp_path / "b"
    assert project.configured == (tmp_path / "pytest.ini", "pytest")


SERVICE = """import sqlite3

DATABASE = "rooms.db"


class Booking(BaseModel):
    room: str
    guest: str


def create_tables():
    with sqlite3.connect(DATABASE) as database:
        database.execute("CREATE TABLE bookings (id INTEGER PRIMARY KEY, room TEXT, guest TEXT, at TEXT DEFAULT '')")


@app.post("/bookings")
def book(booking: Booking):
    with sqlite3.connect(DATABASE) as database:
        if database.execute("SELECT 1 FROM bookings WHERE room = ?", (booking.room,)).fetchone():
            raise HTTPException(409, "taken")
        database.execute("INSERT INTO bookings (room, guest) VALUES (?, ?)", (booking.room, booking.guest))
"""
FRAMEWORK = """class HTTPException(Exception): ...


class BaseModel:
    def __init__(self, **fields):
        vars(self).update(fields)


class FastAPI:
    def post(self, path):
        return lambda function: function
"""
FRAMEWORK_USED = "from framework import BaseModel, FastAPI, HTTPException\n\napp = FastAPI()\n"
MAPPED = """import sqlalchemy
from sqlalchemy.orm import DeclarativeBase

ENGINE = sqlalchemy.create_engine("postgresql+psycopg://localhost/shop")


class Base(DeclarativeBase): ...


class OrderEvent(Base):
    __tablename__ = "order_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    order: Mapped[str] = mapped_column(String)


@app.post("/orders")
async def place(order: str, session=Depends(get_session)):
    session.add(OrderEvent(order=order))
"""
EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"
FILLED = {
    'raise NotImplementedError("fill in decide(): what does each command do?")': (
        'if state is not None:\n            raise Refusal("taken")\n        return [self.events[0](*vars(command).values())]'
    ),
    'raise NotImplementedError("fill in evolve(): what does each event change?")': (
        "return (*vars(event).values(), state)"
    ),
    'raise NotImplementedError("fill in view(): what does the worker write?")': (
        "return {event.name: (event.owner, (rows.get(event.name) or (None, 0))[1] + 1)}"
    ),
    "import Application, machine": "import Application, Refusal, machine",
}


def school() -> str:
    """An application of the library, without a word of refold."""
    text = (EXAMPLES / "dog_school.py").read_text()
    text = text.replace("from refold.systems import EventSourcing\n", "")
    return text[: text.index("# For refold")]


def file_written(done: subprocess.CompletedProcess[str]) -> str:
    """The test that was written."""
    (path,) = [path for path in written(done) if path.endswith(".py")]
    return path


def test_an_application_of_the_library_gets_a_test_with_its_commands(tmp_path: pathlib.Path) -> None:
    """Which runs as it is, is formatted, and convicts a cache that does not look whether another process has written."""
    pytest.importorskip("eventsourcing")
    (tmp_path / "school").mkdir()
    (tmp_path / "school/app.py").write_text(school())
    path = file_written(run(tmp_path, "refold.reports", "init", "--json"))
    text = (tmp_path / path).read_text()
    assert path == "tests/test_refold_dog_school.py"
    assert '    ("teach", REGISTER, "a"),\n' in text
    assert "pip install 'refold[eventsourcing]' pytest" in (tmp_path / ".github/workflows/refold.yml").read_text()
    assert run(tmp_path, "ruff", "format", "--isolated", "--diff", path).returncode == 0
    checked = run(tmp_path, "ruff", "check", "--isolated", "--select", "E,F,I", path)
    assert checked.returncode == 0, checked.stdout
    done = run(tmp_path, "pytest", "-q", "--refold-profile=quick")
    assert done.returncode == 0, done.stdout
    (tmp_path / "school/app.py").write_text(
        school().replace(
            '{"AGGREGATE_CACHE_MAXSIZE": "10"}', '{"AGGREGATE_CACHE_MAXSIZE": "10", "AGGREGATE_CACHE_FASTFORWARD": "n"}'
        )
    )
    assert "view-differs-from-replay" in run(tmp_path, "pytest", "-q", "--refold-profile=default").stdout


def test_a_method_whose_arguments_nobody_can_guess_is_left_to_its_owner(tmp_path: pathlib.Path) -> None:
    """In a comment; and where no command is known, in a sentence."""
    text = "from eventsourcing.application import Application\n\n\nclass Shop(Application):\n    def ship(self, to: Address):\n        ..."
    (tmp_path / "shop.py").write_text(text)
    done = run(tmp_path, "refold.reports", "init")
    assert (
        "found: Shop in shop.py, an application built on the eventsourcing library\nfill in COMMANDS in tests/test_refold_shop.py"
        in done.stdout
    )
    assert '    # and ("ship", …): with which to: Address?\n' in (tmp_path / "tests/test_refold_shop.py").read_text()


@pytest.mark.parametrize(
    ("files", "found", "expected"),
    [
        (
            {"names.py": (EXAMPLES / "names.py").read_text()},
            "Registry in names.py, a service on SQLite",
            "duplicate-append",
        ),
        (
            {"main.py": FRAMEWORK_USED + SERVICE, "framework.py": FRAMEWORK},
            "book() in main.py, a service on SQLite",
            "lost-update",
        ),
    ],
    ids=["class", "functions"],
)
def test_a_service_gets_a_test_that_asks_for_its_rules(
    files: dict[str, str], found: str, expected: str, tmp_path: pathlib.Path
) -> None:
    """Until they are filled in it fails and says so, without frames of ours; with them it finds what is wrong with the service."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    said = run(tmp_path, "refold.reports", "init").stdout
    (path,) = (tmp_path / "tests").iterdir()
    missing = "decide(), evolve() and view()" if "names.py" in files else "decide() and evolve()"
    assert f"found: {found}\nfill in {missing} in tests/{path.name}; until then the test fails" in said
    for command in (("format", "--diff"), ("check", "--select", "E,F,I,UP")):
        checked = run(tmp_path, "ruff", command[0], "--isolated", *command[1:], str(path))
        assert checked.returncode == 0, checked.stdout
    done = run(tmp_path, "pytest", "-q", "--refold-profile=quick")
    assert "raised NotImplementedError: fill in decide(): what does each command do? (tests/test_refold" in done.stdout
    assert "search.py" not in done.stdout
    text = path.read_text()
    for before, after in FILLED.items():
        assert before in text or "view()" in before
        text = text.replace(before, after)
    path.write_text(text)
    done = run(tmp_path, "pytest", "-q", "--refold-profile=default", "--hypothesis-seed=1")
    wrong = (expected, "duplicate-append", "lost-update", "checkpoint-ahead-of-effects", "event-never-applied")
    assert any(f"refold.Broken: {name}" in done.stdout for name in wrong), done.stdout


def test_what_a_framework_injects_and_where_the_database_is_are_asked_for(tmp_path: pathlib.Path) -> None:
    """A service that connects when it is imported."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text(MAPPED)
    said = run(tmp_path, "refold.reports", "init").stdout
    assert (
        "found: place() in app/main.py, a service on PostgreSQL\nfill in decide(), evolve(), create() and Calls() in"
        in said
    )
    text = (tmp_path / "tests/test_refold_main.py").read_text()
    assert "return await app.main.place(order, session=self.session)" in text
    assert 'events={OrderStored: "select id as position, order from order_events"}' in text
    for command in (("format", "--diff"), ("check", "--select", "E,F,I,UP")):
        checked = run(tmp_path, "ruff", command[0], "--isolated", *command[1:], "tests")
        assert checked.returncode == 0, checked.stdout


def test_a_project_with_tests_of_refold_gets_no_other(tmp_path: pathlib.Path) -> None:
    """Its job runs those that are there."""
    (tmp_path / "tests/deep").mkdir(parents=True)
    (tmp_path / "tests/deep/test_seats.py").write_text((EXAMPLES / "test_seats.py").read_text())
    done = run(tmp_path, "refold.reports", "init")
    assert (
        "left unchanged, because it already uses refold: tests/deep/test_seats.py\nrun it: pytest tests/deep/test_seats.py\n"
        in done.stdout
    )
    assert [path.name for path in (tmp_path / "tests").iterdir()] == ["deep"]
    assert "pytest tests/deep/test_seats.py --refold" in (tmp_path / ".github/workflows/refold.yml").read_text()


def test_a_schema_in_a_file_is_used_and_a_pool_is_asked_for(tmp_path: pathlib.Path) -> None:
    """What a service is given is made from a path only where it takes one."""
    (tmp_path / "schema.sql").write_text(
        "CREATE TABLE event_log (seq bigint GENERATED ALWAYS AS IDENTITY, item text, CHECK (item <> ''));"
    )
    (tmp_path / "shop.py").write_text(
        "import asyncpg\n\n\nclass Shop:\n    def __init__(self, pool): ...\n\n    async def add(self, item):\n"
        "        await self.pool.execute('INSERT INTO event_log (item) VALUES ($1)', item)\n"
    )
    said = run(tmp_path, "refold.reports", "init").stdout
    assert "fill in decide(), evolve() and new_shop() in tests/test_refold_shop.py" in said
    text = (tmp_path / "tests/test_refold_shop.py").read_text()
    assert 'SCHEMA = (pathlib.Path(__file__).parent / "../schema.sql").read_text()' in text
    assert 'events={Happened: "select seq as position, item from event_log"}' in text
    assert run(tmp_path, "ruff", "check", "--isolated", "--select", "E,F,I,UP", "tests").returncode == 0


def test_of_many_tests_only_some_are_named(tmp_path: pathlib.Path) -> None:
    """And the job runs their folder."""
    (tmp_path / "tests/all").mkdir(parents=True)
    for n in range(9):
        (tmp_path / f"tests/all/test_{n}.py").write_text("import refold\n")
    (tmp_path / "tests/all/helper.py").write_text("import refold\n")
    said = run(tmp_path, "refold.reports", "init").stdout
    assert said.count("left unchanged") == 5
    assert said.endswith("and 4 other tests like these\nrun it: pytest tests/all\n")


def test_code_that_python_cannot_read_and_code_of_others_are_passed_over(tmp_path: pathlib.Path) -> None:
    """A file with an error, one that is no UTF-8, a virtual environment, a link out of the project."""
    root = tmp_path / "project"
    (root / "venv").mkdir(parents=True)
    (root / "venv/pyvenv.cfg").write_text("")
    for place in (root / "venv/app.py", tmp_path / "outside.py"):
        place.write_text("from eventsourcing.application import Application\nclass Shop(Application): ...\n")
    (root / "linked.py").symlink_to(tmp_path / "outside.py")
    (root / "broken.py").write_text("def (:\n")
    (root / "latin.py").write_bytes(b"name = 'caf\xe9'\n")
    (root / "zero.py").write_bytes(b"a = '\0'\n")
    done = run(root, "refold.reports", "init")
    assert done.returncode == 0, done.stderr
    assert "found no application built on the eventsourcing library, and no service" in done.stdout
