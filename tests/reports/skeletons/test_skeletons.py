"""`refold init` and `refold new` in projects of several kinds: what they write runs, and what was there stays."""

from __future__ import annotations

import json
import os
import pathlib
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
    assert "pyproject.toml: there is no place for refold_report_dir in it as it is written" in done.stderr
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
    assert "gives" in done.stderr
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
    assert "gives no name" in done.stderr


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
