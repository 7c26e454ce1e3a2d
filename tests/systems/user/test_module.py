"""A file is one module, whoever loads it first and by whatever name: the log and the application have the same event classes."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from refold.systems.user.module import load

SHOP = "class Booked: ...\n"
LOG = "from {name} import Booked\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """`log_of_NAME.py` imports `NAME.py`; the name, which no other test uses."""
    name = "shop_" + str(abs(hash(str(tmp_path))))
    (tmp_path / f"{name}.py").write_text(SHOP)
    (tmp_path / f"log_of_{name}.py").write_text(LOG.format(name=name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return name


def test_the_file_that_another_file_imports_is_the_same_module(files: str) -> None:
    """In either order."""
    imported = load(f"log_of_{files}.py:Booked")
    assert load(f"{files}.py:Booked") is imported


def test_a_file_that_was_loaded_is_what_an_import_finds(files: str) -> None:
    """The application first, then the log."""
    first = load(f"{files}.py:Booked")
    assert load(f"log_of_{files}.py:Booked") is first
    assert load(f"{files}:Booked") is first


def test_a_module_that_was_imported_is_what_a_file_name_finds(files: str) -> None:
    """Plans that were found with MODULE:OBJECT name FILE.py:OBJECT."""
    first = load(f"{files}:Booked")
    assert load(f"{files}.py:Booked") is first


def test_a_module_may_name_a_class_of_its_own_file_while_it_is_being_imported(files: str, tmp_path: Path) -> None:
    """As a test file does whose machine is built around a log in it."""
    name = f"{files}_itself"
    (tmp_path / f"{name}.py").write_text(
        f"from refold.systems.registry import load\nclass Log: ...\nSAME = load('{name}.py:Log') is Log\n"
    )
    sys.path.insert(0, str(tmp_path))
    importlib.invalidate_caches()
    assert importlib.import_module(name).SAME
    assert load(f"{name}.py:SAME")


def test_files_of_one_name_in_two_folders_are_two_modules(files: str, tmp_path: Path) -> None:
    """The name alone makes nobody the same."""
    other = tmp_path / "other"
    other.mkdir()
    (other / f"{files}.py").write_text(SHOP)
    assert load(f"{files}.py:Booked") is not load(f"other/{files}.py:Booked")


def test_a_file_that_cannot_be_loaded_is_not_remembered(files: str, tmp_path: Path) -> None:
    """It can be mended, and loaded again."""
    file = tmp_path / f"broken_{files}.py"
    file.write_text("raise ValueError('not yet')\n")
    with pytest.raises(ValueError, match="not yet"):
        load(f"{file}:Booked")
    file.write_text(SHOP + "# mended\n")
    assert load(f"{file}:Booked").__name__ == "Booked"
