"""A library that somebody imports for the first time while a gate is open stops there at once, and not only in the next run."""

from __future__ import annotations

import importlib
import pathlib
import sys
from collections.abc import Iterator

import pytest

from refold.systems.gate.patches import Patches


@pytest.fixture
def library(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of one that nobody has imported."""
    (tmp_path / "a_late_driver").mkdir()
    (tmp_path / "a_late_driver" / "__init__.py").write_text("def connect():\n    return 'real'\n")
    (tmp_path / "a_late_driver" / "aio.py").write_text("def connect():\n    return 'real, too'\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "a_late_driver"
    for name in [name for name in sys.modules if name.startswith("a_late_driver")]:
        del sys.modules[name]


def patches_for(*libraries: str) -> Patches:
    """What replaces `connect` in each."""
    patches = Patches()
    for library in libraries:
        patches.add(library, lambda library=library: {f"{library}.connect": lambda: "ours"})
    return patches


def test_its_names_are_replaced_before_anybody_uses_them(library: str) -> None:
    """And are its own again when the gate is closed; the next gate finds it imported."""
    patches = patches_for(library, f"{library}.aio")
    with patches:
        module = importlib.import_module(library)
        assert module.connect() == "ours"
        namespace: dict[str, object] = {}
        exec(f"from {library}.aio import connect\nsaid = connect()", namespace)
        assert namespace["said"] == "ours"
    assert module.connect() == "real"
    assert importlib.import_module(f"{library}.aio").connect() == "real, too"
    with patches:
        assert module.connect() == "ours"
    assert module.connect() == "real"


def test_it_looks_as_it_does_without(library: str) -> None:
    """Its loader is that of everybody, and nothing stays in the way of imports."""
    before = list(sys.meta_path)
    with patches_for(library):
        module = importlib.import_module(library)
        assert type(module.__loader__) is type(importlib.import_module("json").__loader__)
        assert module.__spec__ is not None
        assert module.__spec__.loader is module.__loader__
    assert sys.meta_path == before


def test_one_that_is_not_there_is_missing(library: str) -> None:
    with patches_for("a_driver_that_nobody_has_written"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("a_driver_that_nobody_has_written")
