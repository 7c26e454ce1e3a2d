"""The survey, as far as it can be checked without a network: adapters are short, findings stand alone, and the page tells of all."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SURVEY = ROOT / "gallery" / "survey"
PAGE = (ROOT / "docs" / "survey.md").read_text(encoding="utf-8")
ADAPTERS = sorted(SURVEY.glob("*/*_check.py"))
FINDINGS = sorted((SURVEY / "findings").glob("*.py"))
RESULTS: dict[str, Any] = json.loads((SURVEY / "results.json").read_text(encoding="utf-8"))


def name_of(path: pathlib.Path) -> str:
    """For the names of tests."""
    return path.stem.removesuffix("_check")


def load(path: pathlib.Path) -> Any:
    """The script that repeats the survey; it is no part of the package."""
    spec = importlib.util.spec_from_file_location(f"survey_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUN = load(SURVEY / "run.py")


def imported(path: pathlib.Path) -> set[str]:
    """The top-level names of what a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return found


def modules_of_refold(path: pathlib.Path) -> set[str]:
    """Those that a file imports."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    return {module for module in found if module.partition(".")[0] == "refold"}


@pytest.mark.parametrize("path", ADAPTERS, ids=name_of)
def test_an_adapter_is_short_and_uses_front_doors_only(path: pathlib.Path) -> None:
    """Under 80 lines; what it needs can be read without the package; nothing deeper than the documentation shows."""
    said = RUN.constants(path)
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80
    assert said["doc"]
    assert said["NEEDS"]
    assert said["RUNS"]
    doors = {
        "refold",
        "refold.model",
        "refold.systems",
        "refold.systems.user",
        "refold.systems.servers",
        "refold.systems.gate",
    }
    assert modules_of_refold(path) <= doors


@pytest.mark.parametrize("path", ADAPTERS, ids=name_of)
def test_an_adapter_has_its_application_beside_it(path: pathlib.Path) -> None:
    """Else nobody can repeat its runs."""
    for application in RUN.constants(path)["RUNS"].values():
        file, _, _ = application.partition(":")
        assert not file or (path.parent / file).is_file()


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_a_finding_stands_alone(path: pathlib.Path) -> None:
    """Under 40 lines, without refold, and named on the page."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 40
    assert "refold" not in imported(path)
    assert "expected" in text
    assert "happened" in text
    assert f"gallery/survey/findings/{path.name}" in PAGE


@pytest.mark.parametrize("path", ADAPTERS, ids=name_of)
def test_the_page_tells_of_an_adapter(path: pathlib.Path) -> None:
    """What was run with it, which releases, what came out."""
    assert path.relative_to(ROOT).as_posix() in PAGE
    assert name_of(path) in RESULTS
    result = RESULTS[name_of(path)]
    assert set(result["runs"]) == set(RUN.constants(path)["RUNS"])
    assert set(result["versions"]) == {need.partition("[")[0] for need in RUN.constants(path)["NEEDS"]}


@pytest.mark.parametrize("path", ADAPTERS, ids=name_of)
def test_a_mistake_put_in_on_purpose_was_found(path: pathlib.Path) -> None:
    """Else the adapter could not have found one of the package's own."""
    for control in RUN.constants(path).get("CONTROLS", {}):
        assert RESULTS[name_of(path)]["runs"][control]["verdict"] == "broken"


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    """If not: python gallery/survey/run.py --page."""
    assert set(RESULTS) == {name_of(path) for path in ADAPTERS}
    assert RUN.page(PAGE, RESULTS) == PAGE


def test_the_script_names_what_there_is() -> None:
    """For an adapter that does not exist."""
    done = subprocess.run([sys.executable, SURVEY / "run.py", "litequeu"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no adapter 'litequeu'; there are" in done.stderr


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    """The sentence says which lines to write."""
    with pytest.raises(SystemExit, match="has no part for litequeue: write the lines"):
        RUN.page("# A page\n", {"litequeue": RESULTS["litequeue"]})


@pytest.mark.parametrize("path", ADAPTERS, ids=name_of)
def test_an_adapter_runs_where_its_package_is_installed(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A few runs only, in a process of its own, as some packages set up the whole process."""
    said = RUN.constants(path)
    missing = [need for need in said["NEEDS"] if not installed(need)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    system, application = next(iter(said["RUNS"].items()))
    command = [
        str(pathlib.Path(sys.executable).with_name("refold")),
        "verify",
        "--json",
        "--examples",
        "2",
        "--seed",
        "1",
    ]
    command += ["--system", f"{path}:{system}", "--report-dir", str(tmp_path / "report")]
    if application:
        command += ["--application", str(path.parent / application)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    expected = {finding["anomaly"] for finding in RESULTS[name_of(path)]["runs"][system]["findings"]}
    assert {finding["anomaly"] for finding in json.loads(done.stdout)["findings"]} <= expected


def installed(need: str) -> bool:
    """Whether a distribution is there."""
    try:
        importlib.metadata.version(need.partition("[")[0])
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
