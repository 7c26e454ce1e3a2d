"""Plans and histories know every action and record of the package, whoever reads them first."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator

import msgspec

import refold.model
from refold.model.parts.messages.outbox import Relay, Row

PROGRAM = """
import importlib, pkgutil
import refold.model.documents.vocabulary
from refold.model.action import ACTIONS
from refold.model.record import RECORDS

actions, records = set(ACTIONS), set(RECORDS)
for room in ("model", "properties", "systems", "search"):
    package = importlib.import_module(f"refold.{room}")
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as missing:
            assert not missing.name.startswith("refold"), missing  # the library of an extra that is not installed
print(sorted({*ACTIONS} - actions), sorted(record.__name__ for record in {*RECORDS} - records))
"""


def test_nothing_becomes_known_later() -> None:
    """A stored plan is read before the system that it names is made."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


def structs(kind: type) -> Iterator[type]:
    """All below a class."""
    for one in kind.__subclasses__():
        yield one
        yield from structs(one)


def test_what_is_recorded_cannot_be_changed_later() -> None:
    """Histories, stores and snapshots share their values. A table and its relay are the only ones that live and change."""
    for module in pkgutil.walk_packages(refold.model.__path__, "refold.model."):
        importlib.import_module(module.name)
    own = [kind for kind in structs(msgspec.Struct) if kind.__module__.startswith("refold.model.")]
    assert len(own) > 200
    assert {kind for kind in own if not kind.__struct_config__.frozen} == {Row, Relay}
