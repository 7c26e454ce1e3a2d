"""Drivers of PostgreSQL whose statements cannot be stops, because nobody can ask the server: that is said; nothing runs past the gate."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from refold.model.errors import SystemUnavailable
from refold.systems.gate import Gate
from refold.systems.gate.databases import asyncpg_connections, postgres, psycopg2_connections


class Stub:
    """In the place of a class of the driver."""


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """psycopg is not installed; the drivers are. They come when the gate is open already, so that nothing of it is kept."""
    with Gate() as gate, monkeypatch.context() as patch:
        for module in (postgres, asyncpg_connections, psycopg2_connections):
            patch.setattr(module, "find_spec", lambda name: None)
        drivers: dict[str, Any] = {name: ModuleType(name) for name in ("psycopg2", "psycopg2.extensions", "asyncpg")}
        for name, driver in drivers.items():
            patch.setitem(sys.modules, name, driver)

        async def connect(*arguments: Any, **named: Any) -> str:
            return "connected"

        drivers["psycopg2"].extensions = drivers["psycopg2.extensions"]
        drivers["psycopg2.extensions"].connection = drivers["asyncpg"].Connection = Stub
        drivers["psycopg2"].connect = lambda *arguments, **named: "connected"
        drivers["asyncpg"].connect = connect
        yield gate


SAID = "alice connects to PostgreSQL with {}: .* install it with “pip install 'refold\\[postgres\\]'”"


def test_psycopg2_is_told(gate: Gate) -> None:
    """To an actor; nobody else is concerned."""
    connect = psycopg2_connections._replacements()["psycopg2.connect"]
    with pytest.raises(SystemUnavailable, match=SAID.format("psycopg2")):
        gate.run("alice", connect, "dbname=shop")
    assert connect("dbname=shop") == "connected"


def test_asyncpg_is_told(gate: Gate) -> None:
    """Also in a loop of the gate."""
    connect = asyncpg_connections._replacements()["asyncpg.connect"]
    gate.task("alice", connect, "postgres://shop")
    gate.finish()
    with pytest.raises(SystemUnavailable, match=SAID.format("asyncpg")):
        raise gate.status("alice").error  # type: ignore[union-attr]
