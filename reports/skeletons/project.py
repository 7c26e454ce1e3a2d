"""What a project of the user's has already: where its tests are, how pytest is configured, how it is installed, which CI it uses."""

from __future__ import annotations

import configparser
import pathlib
import tomllib
from typing import Any

import attrs

from refold.model.errors import UsageError

INI_FILES = (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))
"""Files in which pytest looks for its configuration beside pyproject.toml, and the section."""


@attrs.frozen
class Project:
    """`tests` is the folder of its tests; `configured` the file with the configuration of pytest and the header of its section, if there is
    one; `installation` what pip is given for it; `gitlab` whether its CI is GitLab's."""

    root: pathlib.Path
    tests: pathlib.Path
    configured: tuple[pathlib.Path, str] | None
    installation: list[str]
    gitlab: bool

    @classmethod
    def of(cls, root: pathlib.Path) -> Project:
        """A look at a folder. Raises `UsageError` for a file that cannot be read."""
        pyproject = toml(root / "pyproject.toml")
        configured, options = configuration(root, pyproject)
        paths = options.get("testpaths", [])
        named = paths.split() if isinstance(paths, str) else paths if isinstance(paths, list) else []
        places = [root / path for path in [*named, "tests", "test"] if isinstance(path, str)]
        tests = next((place for place in places if place.is_dir() and within(place, root)), root / "tests")
        gitlab = (root / ".gitlab-ci.yml").exists() and not (root / ".github").exists()
        return cls(root, tests, configured, installation(root, pyproject), gitlab)

    def install(self, extra: str) -> str:
        """What pip has to be given so that its tests run, with refold and an extra of it."""
        return " ".join([*self.installation, f"'refold[{extra}]'", "pytest"])


def within(place: pathlib.Path, root: pathlib.Path) -> bool:
    """Whether it is in the project, where alone something is written."""
    return place.is_relative_to(root) and place.resolve().is_relative_to(root.resolve())


def toml(path: pathlib.Path) -> dict[str, Any]:
    """What is in it; nothing if it is not there."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def configuration(
    root: pathlib.Path, pyproject: dict[str, Any]
) -> tuple[tuple[pathlib.Path, str] | None, dict[str, Any]]:
    """Where pytest is configured, as it would look, and with which options."""
    for file, section in INI_FILES[:1]:
        if (root / file).exists():
            return (root / file, section), options_in(root / file, section)
    tool = table(table(pyproject, "tool"), "pytest")
    if "ini_options" in tool:
        return (root / "pyproject.toml", "tool.pytest.ini_options"), table(tool, "ini_options")
    if tool:
        return (root / "pyproject.toml", "tool.pytest"), tool
    for file, section in INI_FILES[1:]:
        options = options_in(root / file, section)
        if options:
            return (root / file, section), options
    return None, {}


def table(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A table in it; empty if there is none of this name."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def options_in(path: pathlib.Path, section: str) -> dict[str, Any]:
    """The options in a section of an INI file."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    return dict(parser[section]) if parser.has_section(section) else {}


def installation(root: pathlib.Path, pyproject: dict[str, Any]) -> list[str]:
    """What pip has to be given so that the project can be imported."""
    parts = []
    if "project" in pyproject or "build-system" in pyproject or (root / "setup.py").exists():
        parts.append("-e .")
    return parts + [f"-r {file}" for file in ("requirements.txt", "requirements-dev.txt") if (root / file).exists()]
