"""The line to blame is one of the user's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refold.model.examples.accounts import Accounts
from refold.systems.user.errors import line_of


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
