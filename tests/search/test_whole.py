"""A file is there whole or not at all, and what was there before keeps what is its own."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from refold.search.whole import write


def test_what_cannot_be_written_leaves_the_former_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk most of all: what is left there would keep it full."""
    path = tmp_path / "report.html"
    write(path, "before")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_a_mode_stays_a_mode(tmp_path: Path) -> None:
    """As an editor leaves them."""
    real, link = tmp_path / "real.toml", tmp_path / "pyproject.toml"
    real.write_text("before")
    real.chmod(0o640)
    link.symlink_to("real.toml")
    write(link, "after")
    assert link.is_symlink()
    assert real.read_text() == "after"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """A device too: who is root would take away /dev/null from everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    write(pipe, "said")
    reader.join()
    assert heard == ["said"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        write(tmp_path, "text")
