"""``refold init``: a test that fits, a job for CI and a configuration for a project that has none of refold yet."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator

import click

from refold.model.errors import UsageError
from refold.model.words import counted
from refold.reports.commands import outcome
from refold.reports.skeletons.code import Code
from refold.reports.skeletons.databases import database_of
from refold.reports.skeletons.fitting import fitting
from refold.reports.skeletons.project import Project
from refold.reports.skeletons.skeletons import skeleton
from refold.search.whole import write

REPORTS = ".refold"
OPTION = "refold_report_dir"
MOST_TESTS = 5
"""Tests, at most, that are named one by one."""


@click.command(short_help="Set up a project: write a test, a CI job and settings.")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    default=".",
    help="Set up the project in this directory (default: the current one).",
)
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def init(folder: str, as_json: bool) -> None:
    """Set up a project for verification: write a test, a CI job and the configuration.

    refold adapts the test to your code: to an application built on the eventsourcing library, or to a service on SQLite or PostgreSQL. If
    it finds neither, it writes an example. It reads your code but does not run it, and marks the places that you have to fill in.

    refold also takes pyproject.toml, pytest.ini, tox.ini, setup.cfg, the location of your tests, and your CI system into account. It
    replaces no file and no setting, so it is safe to run it again.

    Exit codes: 0 done, 2 usage or environment error.
    """
    with outcome.sentences():
        root = pathlib.Path(folder)
        if not root.is_dir():
            outcome.fail(f"--dir {folder!r} is not a folder")
        project = Project.of(root)
        written: list[pathlib.Path] = []
        code = Code.of(project)
        fit = None if code.tests else fitting(code, project)
        tests = [fit.file] if fit is not None else code.tests
        notes = [*fit.notes] if fit is not None else []
        job = root / (".gitlab/refold.yml" if project.gitlab else ".github/workflows/refold.yml")
        run = tests if len(tests) <= MOST_TESTS else [pathlib.Path(os.path.commonpath(tests))]
        shown = " ".join(shlex.quote(test.relative_to(root).as_posix()) for test in run)
        words = {"install": project.install(fit.extra if fit is not None else extra_of(code)), "test": shown}
        new: dict[pathlib.Path, str | bytes] = {
            **({fit.file: fit.text} if fit is not None else {}),
            job: skeleton("gitlab" if project.gitlab else "github", **words),
        }
        notes += [f"left unchanged, because it already uses refold: {test}" for test in code.tests[:MOST_TESTS]]
        if len(code.tests) > MOST_TESTS:
            notes.append(f"and {counted(len(code.tests) - MOST_TESTS, 'other test')} like these")
        for path, content in [
            *new.items(),
            *configured(project, fit.top if fit is not None else None),
        ]:  # all are made before the first is written
            if path in new and path.exists():
                notes.append(f"left unchanged, because it already exists: {path}")
            else:
                write(path, content)
                written.append(path)
        if project.gitlab:
            notes.append(f"add to .gitlab-ci.yml:  include: [{{local: {job.relative_to(root).as_posix()}}}]")
        if as_json:
            outcome.print_json({"written": [str(path) for path in written], "notes": notes})
            return
        for line in (
            *(f"written: {path}" for path in written),
            *notes,
            f"run it: pytest {' '.join(shlex.quote(str(test)) for test in run)}",
        ):
            click.echo(line)


def extra_of(code: Code) -> str:
    """The extra of refold that a project needs whose tests use refold already."""
    database = database_of(code)
    return "eventsourcing" if code.imported("eventsourcing") else database.kind if database is not None else "sqlite"


def configured(project: Project, top: pathlib.Path | None) -> Iterator[tuple[pathlib.Path, bytes]]:
    """Say in pytest's configuration where reports go and where the code is, and have git leave reports alone: the files that change."""
    path, change = configuration(project, top)
    ignore = project.root / ".gitignore"
    for file, changed in ((path, change), (ignore, ignored)):
        before = file.read_bytes() if file.exists() else b""
        after = edited(before, changed)
        if after != before:
            readable(file, after)
            yield file, after


def readable(file: pathlib.Path, after: bytes) -> None:
    """Raise `UsageError` for a TOML file that would not be one any more: tables may be written where none can be added."""
    try:
        if file.suffix == ".toml":
            tomllib.loads(after.decode())
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{file}: {OPTION} cannot be added to this file as it is written ({error}); add it to the pytest options by hand"
        ) from None


def edited(before: bytes, change: Callable[[str], str]) -> bytes:
    """A text with a change in it: what is not changed stays as it is, whatever its encoding, and lines end as they did."""
    windows = b"\r\n" in before and before.count(b"\r\n") == before.count(b"\n")
    text = before.decode("utf-8", "surrogateescape")
    after = change(text.replace("\r\n", "\n") if windows else text)
    return (after.replace("\n", "\r\n") if windows else after).encode("utf-8", "surrogateescape")


def ignored(text: str) -> str:
    """A .gitignore that has what refold and Hypothesis write."""
    lines = text.splitlines()
    lacking = [
        entry for entry in (f"{REPORTS}/", ".hypothesis/") if entry not in lines and entry.rstrip("/") not in lines
    ]
    return "\n".join([*lines, *lacking]) + "\n" if lacking else text


def configuration(project: Project, top: pathlib.Path | None) -> tuple[pathlib.Path, Callable[[str], str]]:
    """The file with the configuration of pytest, and how it changes. `top` is the folder in which the tests find what they import."""
    options = {OPTION: REPORTS}
    if top is not None:
        options["pythonpath"] = top.relative_to(project.root).as_posix()

    def lines(text: str, quote: str) -> list[str]:
        """The options that a text does not have yet."""
        lacking = {
            name: value for name, value in options.items() if not re.search(rf"^\s*{name}\s*=", text, re.MULTILINE)
        }
        return [f"{name} = {quote}{value}{quote}" for name, value in lacking.items()]

    if project.configured is not None:
        path, section = project.configured
        header = re.compile(rf"^(\s*\[\s*{re.escape(section)}\s*\][^\n]*)$", re.MULTILINE)
        quote = '"' if path.suffix == ".toml" else ""
        return path, lambda text: header.sub(lambda found: "\n".join([found[0], *lines(text, quote)]), text, count=1)
    tests = project.tests.relative_to(project.root).as_posix()
    pyproject = project.root / "pyproject.toml"
    if pyproject.exists():
        section = f'[tool.pytest.ini_options]\ntestpaths = ["{tests}"]'
        return (
            pyproject,
            lambda text: (
                "\n".join([text.rstrip("\n"), "", section, *lines(text, '"'), ""]) if lines(text, '"') else text
            ),
        )
    return project.root / "pytest.ini", lambda text: "\n".join(["[pytest]", f"testpaths = {tests}", *lines("", ""), ""])
