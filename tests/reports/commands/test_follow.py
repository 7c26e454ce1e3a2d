"""`refold check --follow`: what is said while histories are written, and the metrics."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from refold.model.documents.history import to_line
from refold.model.event import NewEvent, Stored
from refold.model.expectation import ANY
from refold.model.record import Acknowledged, Opened, Prepared
from refold.reports.commands import follow
from refold.reports.documents.openmetrics import Metric, exposition

from ..conftest import COMMAND, Ended, environment, only_results

Refold = Callable[..., Ended]
OPENED = to_line(Opened(1, "x", "", ("alice",), ()))


def append(n: int) -> bytes:
    """The lines of an append that is right."""
    asked = Prepared("alice", f"alice-{n}", None, "log", f"s{n}", 0, ANY, (NewEvent(f"alice-{n}/0", "T", n),))
    there = Stored(n, f"s{n}", 1, f"alice-{n}/0", "T", n)
    return b"".join(map(to_line, (asked, there, Acknowledged("alice", f"alice-{n}", (n,)))))


def phantom(n: int) -> bytes:
    """An event that nobody asked for."""
    return to_line(Stored(n, f"s{n}", 1, f"nobody-{n}/0", "T", n))


def value(metrics: str, name: str) -> float | None:
    """A sample's value, whatever its labels are."""
    found = re.search(rf"^{name}(?:\{{.*\}})? (\S+)$", metrics, re.MULTILINE)
    return None if found is None else float(found[1])


def test_histories_are_followed_until_nothing_comes(refold: Refold, tmp_path: Path) -> None:
    """Exit codes as ever; findings, the result and the metrics agree."""
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "1.jsonl").write_bytes(OPENED + append(1))
    (tmp_path / "good" / "2.jsonl").write_bytes(append(2))
    (tmp_path / "good" / "3.jsonl").write_bytes(OPENED + append(1))
    (tmp_path / "bad.jsonl").write_bytes(OPENED + append(1) + phantom(2) + phantom(3))
    ended = refold("check", "--follow", "good", "--idle", "0", "--metrics", "refold.prom")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("good: held (refold, 11 records)\n")
    metrics = (tmp_path / "refold.prom").read_text()
    assert value(metrics, "refold_check_broken") == 0
    assert value(metrics, "refold_check_records_total") == 11
    assert value(metrics, "refold_check_histories_total") == 2
    assert value(metrics, "refold_check_behind_bytes") == 0
    assert value(metrics, "refold_check_findings_total") is None
    ended = refold("check", "--follow", "good", "bad.jsonl", "--idle", "0", "--metrics", "refold.prom")
    assert ended.code == 1
    assert ended.out.startswith("bad.jsonl: broken\n    phantom-event (LOG): ")
    metrics = (tmp_path / "refold.prom").read_text()
    assert 'refold_check_findings_total{path="bad.jsonl",anomaly="phantom-event",guarantee="LOG"} 2\n' in metrics
    ended = refold("check", "--follow", "good", "bad.jsonl", "--idle", "0", "--json")
    good, bad = only_results(ended)
    assert (good["verdict"], good["histories"], bad["verdict"]) == ("held", 2, "broken")
    assert [finding["anomaly"] for finding in bad["findings"]] == ["phantom-event"] * 2


def test_an_error_is_said_once_and_the_next_history_is_judged(refold: Refold, tmp_path: Path) -> None:
    """Exit code 2; what was found is found."""
    folder = tmp_path / "histories"
    folder.mkdir()
    (folder / "1.jsonl").write_bytes(OPENED + append(1) + b"{nonsense\n" + append(2))
    (folder / "2.jsonl").write_bytes(OPENED + append(1) + phantom(2))
    ended = refold("check", "--follow", "histories", "--idle", "0", "--metrics", "refold.prom")
    assert ended.code == 2
    assert ended.err.count("line 5: not a record") == 1
    assert "1.jsonl" in ended.err
    assert "2.jsonl: broken" in ended.out
    metrics = (tmp_path / "refold.prom").read_text()
    assert (value(metrics, "refold_check_errors_total"), value(metrics, "refold_check_broken")) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--follow", "--seconds", "3"), "until Ctrl-C"),
        (("--follow", "--report-dir", "pages"), "until Ctrl-C"),
        (("--follow", "--model", "set"), "refold's own format"),
        (("--follow", "--format", "edn"), "refold's own format"),
        (("--idle", "3"), "need --follow"),
        (("--metrics", "m.prom"), "need --follow"),
    ],
)
def test_what_does_not_go_together_is_said(
    arguments: tuple[str, ...], said: str, refold: Refold, tmp_path: Path
) -> None:
    """Nothing is read."""
    (tmp_path / "history.jsonl").write_bytes(OPENED)
    ended = refold("check", "history.jsonl", *arguments)
    assert (ended.code, said in ended.err) == (2, True)


def test_nothing_that_was_written_is_no_verdict(refold: Refold, tmp_path: Path) -> None:
    """Nor is what has no event."""
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "opened.jsonl").write_bytes(OPENED)
    ended = refold("check", "--follow", "empty.jsonl", "opened.jsonl", "--idle", "0")
    assert ended.code == 2
    assert ended.out.count("undecided") == 2
    assert "nothing that can be judged was written" in ended.out
    assert refold("check", "--follow", "nowhere.jsonl").code == 2


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait, but not for ever."""
    for _ in range(600):
        if true():
            return
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("it did not come")


def test_a_running_one_tells_at_once_and_ends_in_order(tmp_path: Path) -> None:
    """On SIGTERM, as a service does."""
    history, metrics = tmp_path / "history.jsonl", tmp_path / "refold.prom"
    history.write_bytes(OPENED + append(1))
    process = subprocess.Popen(
        [*COMMAND, "check", "--follow", str(history), "--metrics", str(metrics)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        until(lambda: metrics.exists() and value(metrics.read_text(), "refold_check_records_total") == 4, process)
        with history.open("ab") as file:
            file.write(append(2) + phantom(3))
        assert process.stdout is not None
        assert process.stdout.readline() == f"{history}: broken\n"
        until(lambda: value(metrics.read_text(), "refold_check_broken") == 1, process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, err) == (1, "")
    assert out.endswith(f"{history}: broken (refold, 8 records)\n")


@pytest.mark.parametrize(
    ("more", "code", "said"), [(append(2), 0, "-: held"), (phantom(2), 1, "-: broken"), (b"{", 2, "within")]
)
def test_standard_input_is_followed_to_its_end(more: bytes, code: int, said: str) -> None:
    """Then the verdict is there."""
    done = subprocess.run(
        [*COMMAND, "check", "--follow", "-"],
        input=OPENED + append(1) + more,
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == code
    assert said in (done.stdout + done.stderr).decode()


def test_metrics_are_written_as_openmetrics_wants_them() -> None:
    """Names, types, units, labels of any text, and the end."""
    size = Metric("refold_size_bytes", "gauge", 'How "big"\nit is.', "bytes")
    size.add(7, {"path": 'a"b\\c\n\ud800'})
    times = Metric("refold_times", "counter", "How often.")
    times.add(2, {"path": "a"})
    assert exposition([size, times]) == (
        "# TYPE refold_size_bytes gauge\n"
        "# UNIT refold_size_bytes bytes\n"
        '# HELP refold_size_bytes How \\"big\\"\\nit is.\n'
        'refold_size_bytes{path="a\\"b\\\\c\\n?"} 7\n'
        "# TYPE refold_times counter\n"
        "# HELP refold_times How often.\n"
        'refold_times_total{path="a"} 2\n'
        "# EOF\n"
    )


def test_metrics_that_cannot_be_written_for_a_while_do_not_end_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, once for each time; those that cannot be written at all are a mistake in the command."""
    room = iter([True, False, False, True, False, True])

    def written(path: Path, content: str) -> None:
        if not next(room):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(follow, "write", written)
    follower = follow.Follower([], "refold.prom")
    for _ in range(6):
        follower.tell(at_once=True)
    complaint = "refold: refold.prom could not be written: No space left on device; judging continues\n"
    assert capsys.readouterr().err == complaint * 2
    room = iter([False])
    with pytest.raises(OSError, match="No space"):
        follow.Follower([], "refold.prom").tell(at_once=True)


def test_a_file_that_comes_too_late_is_named_alone(tmp_path: Path) -> None:
    """And not behind the one that was read before it."""
    (tmp_path / "histories").mkdir()
    (tmp_path / "histories" / "2.jsonl").write_bytes(OPENED + append(1))
    said: list[str] = []
    followed = follow.FollowedPath(str(tmp_path / "histories"), None, said.extend)
    list(followed.more())
    (tmp_path / "histories" / "1.jsonl").write_bytes(OPENED)
    list(followed.more())
    assert followed.error.startswith(f"{tmp_path}/histories/1.jsonl: it was added after 2.jsonl")
