"""The line to blame is one of the user's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refold.model.action import Submit
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory, Restock
from refold.model.log import Log
from refold.search.run import execute
from refold.systems.user.adopt import adapt
from refold.systems.user.errors import AdapterError, line_of


def caught(function: object, *arguments: object) -> str:
    """Where the error comes from that this raises."""
    try:
        function(*arguments)  # type: ignore[operator]
    except Exception as error:
        return line_of(error)
    return "no error"


def test_the_innermost_line_of_the_users_is_named() -> None:
    """Also if the error was raised further in, in a library."""

    def reads() -> None:
        json.loads("{")

    line = reads.__code__.co_firstlineno + 1
    assert caught(reads).endswith(f"test_errors.py:{line})")


def test_an_error_without_a_line_of_the_users_names_none() -> None:
    """It may be one that was never raised, too."""
    assert line_of(ValueError("made")) == ""


def test_an_application_that_is_installed_has_lines_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there are none that are nearer to the user."""
    installed = tmp_path / "installed.py"
    installed.write_text("def decide():\n    raise ValueError('no')\n")
    monkeypatch.setattr("refold.systems.user.errors.INSTALLED", (str(tmp_path),))
    scope: dict[str, Any] = {}
    exec(compile(installed.read_text(), str(installed), "exec"), scope)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as raised:
        scope["decide"]()
    assert line_of(raised.value.with_traceback(raised.tb.tb_next)) == " (installed.py:2)"


def test_lines_of_refold_are_not_the_users() -> None:
    """Those of the caller are, though he only called."""
    assert "test_errors.py" in caught(Accounts().decide, None, None)


class Stays(Log):
    """One that only closing has anything against, once it was used."""

    def close(self) -> None:
        if self.entries:
            raise TimeoutError("nobody says goodbye")


class GoneAway(Stays):
    """A log whose server goes away: nothing works any more, and closing does not either."""

    def read(self, after: int, limit: int) -> list[Stored]:
        if self.entries:
            raise ConnectionError("the server is gone")
        return []


def test_what_ended_a_run_is_told_and_not_what_closing_it_raised() -> None:
    """The one is why the other fails."""
    with pytest.raises(AdapterError, match=r"read\(\) raised ConnectionError: the server is gone"):
        execute(adapt("mine", GoneAway), Inventory(), [Submit("alice", Restock("bolt", 1))])


def test_what_closing_raised_is_told_if_nothing_else_was_wrong() -> None:
    with pytest.raises(AdapterError, match=r"close\(\) raised TimeoutError: nobody says goodbye"):
        execute(adapt("mine", Stays), Inventory(), [Submit("alice", Restock("bolt", 1))])
