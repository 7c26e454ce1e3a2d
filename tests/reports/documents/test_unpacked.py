"""Compressed files and standard input are read like any other."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from refold.reports.documents import unpacked

from ..conftest import Ended, only_results

Refold = Callable[..., Ended]

ROOT = Path(__file__).parent.parent.parent.parent
CONTENT = (ROOT / "examples" / "lost-update.jsonl").read_bytes()


def test_a_compressed_history_is_read_as_it_is(refold: Refold, tmp_path: Path) -> None:
    """Of both kinds; the result names the file that was given, and an error does."""
    (tmp_path / "h.jsonl.gz").write_bytes(gzip.compress(CONTENT))
    (tmp_path / "ops.gz").write_bytes(gzip.compress((ROOT / "examples" / "stale-read.jsonl").read_bytes()))
    (tmp_path / "bad.gz").write_bytes(gzip.compress(b'{"kind": "history"'))
    found, black_box, bad = only_results(refold("check", "h.jsonl.gz", "ops.gz", "bad.gz", "--initial", "0", "--json"))
    assert (found["file"], found["format"], found["findings"][0]["anomaly"]) == ("h.jsonl.gz", "refold", "lost-update")
    assert black_box["verdict"] == "not linearizable"
    assert bad["error"].startswith("bad.gz: ")
    assert "/" not in bad["error"].partition("(")[0]


def test_a_compressed_file_that_was_cut_is_said(refold: Refold, tmp_path: Path) -> None:
    """In one sentence."""
    whole = gzip.compress(CONTENT)
    for damaged in (whole[:-20], whole[:40] + b"\x00" * 40 + whole[80:]):
        (tmp_path / "h.gz").write_bytes(damaged)
        ended = refold("check", "h.gz")
        assert ended.code == 2
        assert "h.gz: it is compressed, and damaged or cut off" in ended.err


def test_standard_input_is_read(refold: Refold, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain or compressed, under the name `-`."""
    for content in (CONTENT, gzip.compress(CONTENT)):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        (result,) = only_results(refold("check", "-", "--json"))
        assert (result["file"], result["verdict"], result["records"]) == ("-", "broken", 10)


def test_zstandard_is_read_where_there_is_a_reader(
    refold: Refold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it is said what is missing."""
    (tmp_path / "h.zst").write_bytes(unpacked.ZSTANDARD + b"whatever")

    def missing(name: str) -> None:
        raise ImportError(name)

    def there(name: str) -> SimpleNamespace:
        return SimpleNamespace(open=lambda packed, mode: io.BytesIO(CONTENT))

    monkeypatch.setattr(unpacked.importlib, "import_module", missing)
    ended = refold("check", "h.zst")
    assert (ended.code, "h.zst: compressed by Zstandard, which needs" in ended.err) == (2, True)
    monkeypatch.setattr(unpacked.importlib, "import_module", there)
    (result,) = only_results(refold("check", "h.zst", "--json"))
    assert result["verdict"] == "broken"
