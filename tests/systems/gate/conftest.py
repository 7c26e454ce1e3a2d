"""What the tests of the gate share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import shop
from .servers import PostgresServer


@pytest.fixture
def path(tmp_path: Path) -> str:
    """An empty shop."""
    file = str(tmp_path / "shop.db")
    shop.prepare(file)
    return file


@pytest.fixture(scope="package")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests."""
    server = PostgresServer()
    yield server
    server.close()
