"""The README: its picture, its programs and its outputs are real."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from .consoles import ROOT, blocks, check, run

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
LINES = TEXT.splitlines()


def seats() -> str:
    """The user's test file."""
    return next(body for body in blocks(TEXT, "python") if "class Seats" in body)


def test_code_and_output_come_early() -> None:
    """Code by line 15, real output by line 35."""
    assert LINES.index("```python") < 15
    assert next(n for n, line in enumerate(LINES) if line.startswith("E   ")) < 35


def test_the_users_test_file_is_the_example_and_is_short() -> None:
    """What is shown is what is kept, lint and all; at most 30 lines."""
    assert seats() == (ROOT / "examples" / "test_seats.py").read_text()
    assert len(seats().splitlines()) <= 30


def test_the_users_test_file_passes_on_both_systems(tmp_path: pathlib.Path) -> None:
    """As a user runs it, in a folder of its own."""
    (tmp_path / "test_seats.py").write_text(seats())
    code, printed = run("pytest test_seats.py --refold-profile=quick", tmp_path)
    assert code == 0, printed
    assert "2 passed" in printed
    assert len(re.findall(r": held \((?:\d+ of 11 not|all 11) checked\);", printed)) == 2, printed


def test_every_console_prints_what_it_says(tmp_path: pathlib.Path) -> None:
    """Commands, and the parts of their output that are quoted."""
    shutil.copy(ROOT / "examples" / "test_seats.py", tmp_path)
    wrong = check(README, tmp_path)
    assert not wrong, "\n\n".join(wrong)


def test_the_functions_return_what_the_comments_say(capsys: pytest.CaptureFixture[str]) -> None:
    """The block is run as it stands."""
    program = next(body for body in blocks(TEXT, "python") if "verify(" in body)
    exec(compile(program, "README.md", "exec"), {})
    verdict, again, checked, *report = capsys.readouterr().out.splitlines()
    assert f"# {verdict}\n" in program
    assert f"print(again.verdict)  # {again}\n" in program
    assert f": {checked}\n" in program
    assert report[0].startswith("BROKEN (1 of 11 broken): checkpoint-before-effect with application accounts")


def test_pictures_are_up_to_date() -> None:
    """If not: python docs/pictures/draw.py, and look at them."""
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "pictures" / "draw.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_pictures_need_nothing_but_themselves() -> None:
    """No style sheet, no class, no variable, no reference; a white ground."""
    pictures = list((ROOT / "docs" / "pictures").glob("*.svg"))
    assert pictures
    for picture in pictures:
        text = picture.read_text()
        root = ElementTree.fromstring(text)
        assert "var(" not in text
        assert "class=" not in text
        assert "href" not in text
        assert not list(root.iter("{http://www.w3.org/2000/svg}style"))
        assert root[1].get("fill") == "#fff"
