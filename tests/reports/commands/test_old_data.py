"""`refold verify --history`: exit codes, words, and one JSON object."""

from __future__ import annotations

import gzip
import json
import pathlib
from typing import Any

import pytest

from ..conftest import only

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"
OLD = str(EXAMPLES / "shop-1.jsonl")
GOOD, BAD = f"{EXAMPLES / 'shop.py'}:Shop", f"{EXAMPLES / 'shop_hasty.py'}:Shop"


def test_a_version_that_understands_old_data_holds(refold: Any, tmp_path: pathlib.Path) -> None:
    """A plain file and a compressed one; the history itself stays as it is."""
    packed = tmp_path / "old.jsonl.gz"
    packed.write_bytes(gzip.compress(pathlib.Path(OLD).read_bytes()))
    for file in (OLD, str(packed)):
        ended = refold("verify", "--application", GOOD, "--history", file)
        assert (ended.code, ended.err) == (0, "")
        assert f"{file}: held (with application shop; 5 events read" in ended.out
    assert "not checked: fields that no record of old has: Cart.pieces" in ended.out


def test_a_version_that_does_not_is_told_what_changed(refold: Any) -> None:
    """Then and now, at which event, and what to do; the same as one object."""
    ended = refold("verify", "--application", BAD, "--history", OLD)
    assert ended.code == 1
    assert "old-state-differs (REPL): the old events for ann at position 5 mean something else now" in ended.out
    assert "it was .cents = 600, and is .cents = 6 now" in ended.out
    assert "correct Application.upcast" in ended.out
    ended = refold("verify", "--application", BAD, "--history", OLD, "--json")
    value = only(ended)
    assert (ended.code, value["verdict"], value["history"]) == (1, "broken", OLD)
    first = value["findings"][0]
    assert (first["anomaly"], first["position"], first["plan"]) == ("old-state-differs", 5, None)
    assert (first["expected"], first["actual"]) == ({".cents": 600}, {".cents": 6})
    assert json.loads((pathlib.Path(value["report"]).parent / "report.json").read_text())["verdict"] == "broken"
    assert "old-state-differs" in pathlib.Path(value["report"]).read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--history", OLD), "name the application that must read them with --application"),
        (("--history", OLD, "--application", GOOD, "--seconds", "3"), "--seconds would have no effect"),
        (("--decisions",), "--decisions needs --history"),
        (("--history", "nowhere.jsonl", "--application", GOOD), "nowhere.jsonl: No such file"),
        (
            ("--history", str(EXAMPLES / "spans.jsonl"), "--application", GOOD),
            "--history reads only refold's own format",
        ),
        (("--history", str(EXAMPLES / "shop.py"), "--application", GOOD), "none of the formats"),
    ],
)
def test_what_cannot_be_judged_is_one_sentence(refold: Any, arguments: tuple[str, ...], said: str) -> None:
    """With exit code 2."""
    ended = refold("verify", *arguments)
    assert ended.code == 2
    assert said in ended.err
