"""``refold init``: a test, a job for CI and a configuration for a project that has none of refold yet."""

from __future__ import annotations

import pathlib
import re

import click

from refold.reports.commands import outcome
from refold.reports.skeletons.project import Project
from refold.reports.skeletons.skeletons import module_of, skeleton
from refold.search.whole import write

REPORTS = ".refold"
OPTION = "refold_report_dir"


@click.command(short_help="Set up a project: a first test, a CI job, pytest.")
@click.option("--dir", "folder", metavar="DIR", default=".", help="The root of the project (default: here).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output and nothing else.")
def init(folder: str, as_json: bool) -> None:
    """Look at a project and write what it needs to be verified: a test that runs as it is, a job for its CI, and the configuration.

    It looks at pyproject.toml, pytest.ini, tox.ini and setup.cfg, at the folder of the tests, and at which CI is used. It replaces no
    file and no setting, so you can run it again.

    Exit code: 0 done, 2 usage or environment.
    """
    with outcome.sentences():
        root = pathlib.Path(folder)
        if not root.is_dir():
            outcome.fail(f"--dir {folder!r} is not a folder")
        project = Project.of(root)
        written, notes = [], []
        test, text = module_of("application", "reservations", project.tests)
        text = text.replace(test.as_posix(), test.relative_to(root).as_posix())
        job = root / (".gitlab/refold.yml" if project.gitlab else ".github/workflows/refold.yml")
        words = {"install": project.install, "test": test.relative_to(root).as_posix()}
        for path, content in ((test, text), (job, skeleton("gitlab" if project.gitlab else "github", **words))):
            if path.exists():
                notes.append(f"left alone, because it exists: {path}")
            else:
                write(path, content)
                written.append(path)
        written += configured(project)
        if project.gitlab:
            notes.append(f"add to .gitlab-ci.yml:  include: [{{local: {job.relative_to(root).as_posix()}}}]")
        if as_json:
            outcome.print_json({"written": [str(path) for path in written], "notes": notes})
            return
        for line in (*(f"written: {path}" for path in written), *notes, f"run it: pytest {test}"):
            click.echo(line)


def configured(project: Project) -> list[pathlib.Path]:
    """Say in pytest's configuration where reports go, and have git leave them alone; the files that were changed."""
    changed = []
    path, text = configuration(project)
    if text:
        write(path, text)
        changed.append(path)
    ignore = project.root / ".gitignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.exists() else []
    lacking = [
        entry for entry in (f"{REPORTS}/", ".hypothesis/") if entry not in lines and entry.rstrip("/") not in lines
    ]
    if lacking:
        write(ignore, "\n".join([*lines, *lacking]) + "\n")
        changed.append(ignore)
    return changed


def configuration(project: Project) -> tuple[pathlib.Path, str]:
    """The file with the configuration of pytest, and what it is to hold: "" if it says all there is to say."""
    quoted = '"{}"'.format
    if project.configured is None:
        tests = project.tests.relative_to(project.root).as_posix()
        pyproject = project.root / "pyproject.toml"
        if pyproject.exists():
            before = pyproject.read_text(encoding="utf-8").rstrip("\n")
            return pyproject, (
                f"{before}\n\n[tool.pytest.ini_options]\ntestpaths = [{quoted(tests)}]\n{OPTION} = {quoted(REPORTS)}\n"
            )
        return project.root / "pytest.ini", f"[pytest]\ntestpaths = {tests}\n{OPTION} = {REPORTS}\n"
    path, section = project.configured
    text = path.read_text(encoding="utf-8")
    if re.search(rf"^\s*{OPTION}\s*=", text, re.MULTILINE):
        return path, ""
    value = quoted(REPORTS) if path.suffix == ".toml" else REPORTS
    header = re.compile(rf"^(\s*\[\s*{re.escape(section)}\s*\][^\n]*)$", re.MULTILINE)
    return path, header.sub(rf"\1\n{OPTION} = {value}", text, count=1) if header.search(text) else ""
