"""A disk that has no more room takes files away, never what was found."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from refold.reports.documents.report_folder import places

from ..conftest import BROKEN, COMMAND, Ended, environment, plan_of

Refold = Callable[..., Ended]

LIMITED = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
"""No file may have even one byte, which is what a full disk does to files. (The system sends a signal then, which Python ignores.)"""


def without_room(folder: Path, *arguments: str) -> Ended:
    """A command in a process that can make files, and write nothing to them."""
    python, flag, code = COMMAND
    done = subprocess.run(
        [python, flag, LIMITED + code.removeprefix("import sys; "), *arguments],
        cwd=folder,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def nothing_is_left(folder: Path) -> bool:
    """Of what could not be written."""
    return not list(folder.rglob("*.tmp"))


def test_what_was_found_is_told_where_no_file_can_be_written(tmp_path: Path) -> None:
    """With exit code 1: it was found. The plan is in the report, and what is missing on disk is said."""
    ended = without_room(tmp_path, "verify", "--system", BROKEN, "--seed", "1", "--examples", "300")
    assert ended.code == 1, ended
    assert ended.out.startswith("BROKEN"), ended
    assert "refold replay" not in ended.out, "there is no file of it"
    assert "refold: the report could not be written completely to .refold: File too large" in ended.err
    assert "refold: a plan could not be written to .refold/plans: File too large" in ended.err
    assert nothing_is_left(tmp_path)


def test_a_verdict_without_its_report_is_told_and_is_no_success(tmp_path: Path) -> None:
    """It held; the exit code says that the machine did not do all that was asked."""
    ended = without_room(tmp_path, "verify", "--examples", "5", "--json")
    assert ended.code == 2, ended
    assert json.loads(ended.out)["verdict"] == "held"
    assert json.loads(ended.out)["report"] is None
    assert "the report could not be written completely" in ended.err
    assert nothing_is_left(tmp_path)


def test_a_replay_is_told_too(tmp_path: Path, refold: Refold) -> None:
    """As it was found, so it is found again."""
    plan = plan_of(refold)
    ended = without_room(tmp_path, "replay", plan)
    assert (ended.code, ended.out[:6]) == (1, "BROKEN"), ended
    assert "the report could not be written completely" in ended.err


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["sqlite"], ["."]),
        (["sqlite", "reference"], ["sqlite", "reference"]),
        (["a?b", "a-b", "a b", "a-b-2"], ["a-b", "a-b-2", "a-b-3", "a-b-2-2"]),
    ],
)
def test_no_report_takes_the_place_of_another(names: list[str], folders: list[str]) -> None:
    """Also where names look the same as names of files."""
    assert [str(place) for place in places(Path(), names)] == folders


def test_a_campaign_without_room_suspects_nobody(tmp_path: Path) -> None:
    """That another one is at work on its file is said only where one is."""
    ended = without_room(tmp_path, "campaign", "--runs", "5")
    assert ended.code == 2
    assert ended.err.startswith("refold: .refold/campaign/campaign.sqlite: "), ended
    assert "another" not in ended.err.replace("name another file with --state", "")
