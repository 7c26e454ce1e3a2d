"""A gallery for tests: rows over a package that is made here, installed from a folder, with no network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from refold.gallery import rows as catalogue
from refold.gallery.rows import BROKEN, HELD, Row

LOG = '''
"""A log in memory. It knows who was there first."""

CHECKS = {checks}


class Log:
    def __init__(self):
        self.events = []

    def append(self, batch, version, found):
        if CHECKS and not version(found):
            return False
        self.events += batch
        return True
'''

ADAPTER = '''
"""Tells refold about paperlog; knows of no bug."""

import paperlog

from refold.model import Appended, Conflict, Stored


class System:
    capabilities = ()

    def __init__(self):
        self.log = paperlog.Log()

    def append(self, request):
        found = sum(event.stream == request.stream for event in self.log.events)
        at = len(self.log.events)
        batch = [
            Stored(at + n, request.stream, found + n, event.id, event.type, event.data)
            for n, event in enumerate(request.events, 1)
        ]
        if not self.log.append(batch, request.expected.holds, found):
            return Conflict(found)
        return Appended(tuple(event.position for event in batch))

    def read(self, after, limit):
        return self.log.events[after : after + limit]
'''


def wheel(folder: Path, version: str, checks: bool) -> None:
    """A wheel of `paperlog`, by hand."""
    info = f"paperlog-{version}.dist-info"
    files = {
        "paperlog.py": LOG.format(checks=checks),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: paperlog\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content.encode())}")
    with zipfile.ZipFile(folder / f"paperlog-{version}-py3-none-any.whl", "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
        made.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,"]) + "\n")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels, the adapter, and the environments of all tests."""
    folder = tmp_path_factory.mktemp("paper")
    wheel(folder, "1.0", checks=False)
    wheel(folder, "2.0", checks=True)
    (folder / "adapter.py").write_text(ADAPTER, encoding="utf-8")
    return folder


@pytest.fixture
def paper(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Row]:
    """Rows: `paper-1.0` does not look at the version that is expected, `paper-2.0` does, `paper-3.0` is not to be had."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("XDG_CACHE_HOME", str(shelf / "cache"))
    pair = catalogue.ReleasePair(
        "paper", "paperlog", "paperlog#1", ("lost-update", "duplicate-version"), (), "paperlog", "inventory"
    )
    system = f"{shelf / 'adapter.py'}:System"
    found = {
        f"paper-{version}": pair.row(expected, system, "in memory", f"paperlog=={version}", suffix=version)
        for expected, version in ((BROKEN, "1.0"), (HELD, "2.0"), (HELD, "3.0"))
    }
    monkeypatch.setattr(catalogue, "ROWS", found)
    monkeypatch.setattr("refold.reports.commands.gallery.ROWS", found)
    return found
