"""The command line: one JSON object with the published fields, exit codes, and nothing lost when it is stopped."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refold.reports.commands.cli import COMMANDS

from ..conftest import BROKEN, COMMAND, Ended, environment, only, plan_of

Refold = Callable[..., Ended]

RESULT = {
    "system",
    "application",
    "verdict",
    "seed",
    "examples",
    "steps",
    "seconds",
    "counts",
    "findings",
    "not_checked",
    "report",
}
COUNTS = {
    "appended",
    "delivered",
    "redelivered",
    "reordered",
    "crashes",
    "power_cuts",
    "recoveries",
    "snapshots",
    "conflicts",
}
FINDING = {"anomaly", "guarantee", "actions", "plan", "replay", "diagnosis"}
SYSTEM = {"name", "available", "version", "needs", "capabilities"}


# -- verify


def test_verify_of_the_reference_holds(refold: Refold, tmp_path: Path) -> None:
    """Exit code 0; the report is on disk; the object in report.json is the one that was printed."""
    ended = refold("verify", "--seed", "7", "--examples", "60", "--json")
    value = only(ended)
    assert ended.code == 0
    assert set(value) >= RESULT
    assert set(value["counts"]) >= COUNTS
    assert (value["system"], value["verdict"], value["seed"], value["examples"]) == ("reference", "held", 7, 60)
    assert value["findings"] == []
    assert value["steps"] > 0
    assert json.loads((tmp_path / ".refold" / "report.json").read_text()) == value
    assert value["report"] == os.path.join(".refold", "report.html")
    assert "<svg" in (tmp_path / ".refold" / "report.html").read_text(encoding="utf-8")


def test_verify_of_a_broken_system_finds(refold: Refold, tmp_path: Path) -> None:
    """Exit code 1; the plan is on disk and its replay command is given."""
    ended = refold("verify", "--system", BROKEN, "--seed", "1", "--examples", "100", "--json", "--report-dir", "out")
    value = only(ended)
    assert ended.code == 1
    assert set(value) >= RESULT
    assert value["verdict"] == "broken"
    for finding in value["findings"]:
        assert set(finding) >= FINDING
        assert finding["replay"] == f"refold replay {finding['plan']}"
        document = json.loads((tmp_path / finding["plan"]).read_text())
        assert len(document["actions"]) == finding["actions"]
        assert (document["system"], document["anomaly"]) == (BROKEN, finding["anomaly"])
        for row in finding["diagnosis"]:
            assert set(row) >= {"row", "score"}


def test_several_systems_are_verified_in_turn(refold: Refold, tmp_path: Path) -> None:
    """The worst verdict on top, each in a folder of its own."""
    ended = refold("verify", "--system", "reference", "--system", BROKEN, "--seed", "1", "--examples", "60", "--json")
    value = only(ended)
    assert ended.code == 1
    assert [result["verdict"] for result in value["results"]] == ["held", "broken"]
    assert value["verdict"] == "broken"
    assert {path.name for path in (tmp_path / ".refold").iterdir()} == {
        "reference",
        BROKEN,
        "runs",
        "runs.html",
        "runs.json",
    }


def test_a_seed_that_was_not_given_is_told(refold: Refold) -> None:
    """So that the search can be done again."""
    value = only(refold("verify", "--examples", "3", "--json"))
    again = only(refold("verify", "--examples", "3", "--seed", value["seed"], "--json"))
    assert (again["steps"], again["counts"]) == (value["steps"], value["counts"])


def test_for_a_reader_the_verdict_comes_first_and_the_next_command_last(refold: Refold) -> None:
    """On standard output."""
    ended = refold("verify", "--system", BROKEN, "--seed", "1", "--examples", "60")
    assert ended.code == 1
    lines = [line for line in ended.out.splitlines() if line.strip()]
    assert "broken" in lines[0].lower()
    assert any("refold replay" in line for line in lines)


def test_no_color_gives_no_escapes(refold_process: Refold) -> None:
    """Even where colours are forced on by the terminal's name."""
    ended = refold_process(
        "verify", "--system", BROKEN, "--seed", "1", "--examples", "60", NO_COLOR="1", TERM="xterm-256color"
    )
    assert ended.code == 1
    assert "\x1b" not in ended.out + ended.err


CLUB = """
from msgspec import Struct
from refold.model.application import Application

class Join(Struct, frozen=True):
    club: str
    who: str

class Joined(Join, frozen=True): ...

class Picks(Application):
    events = (Joined,)
    def commands(self): return [Join("chess", who) for who in ("ada", "bob", "cleo", "dan", "eve")]
    def decide(self, command, state): return [Joined(command.club, command.who)]
    def evolve(self, state, event): return (state or 0) + 1
    def view(self, event, rows):
        members = {*rows.get("members", ()), event.who}
        return {"members": sorted(members), "speaker": next(iter(members))}

class Stays(Picks):
    def __init__(self): self.trouble = lambda: None
"""


def test_an_application_of_ones_own_is_replayed_in_other_processes(refold: Refold, tmp_path: Path) -> None:
    """What differs there is found, replayed and kept as a test like everything else."""
    (tmp_path / "club.py").write_text(CLUB)
    value = only(refold("verify", "--application", "club.py:Picks", "--seed", "3", "--examples", "30", "--json"))
    (finding,) = value["findings"]
    assert (value["verdict"], finding["anomaly"]) == ("broken", "replay-differs-elsewhere")
    ended = refold(*shlex.split(finding["replay"])[1:], "--json")
    assert ended.code == 1
    assert only(ended)["findings"][0]["anomaly"] == "replay-differs-elsewhere"
    source: dict[str, Any] = {}
    exec(refold("replay", finding["plan"], "--emit-test").out, source)
    with pytest.raises(AssertionError, match="replay-differs-elsewhere"):
        source["test_replay_differs_elsewhere_does_not_happen"]()


LOGS = """
import logging
from refold import Application

class Desk:
    def __init__(self): self.events = []
    def execute(self, command): logging.getLogger("desk").warning("%s came in", command)
    def read(self, after, limit): return []
"""


@pytest.mark.parametrize(("configured", "printed"), [("", False), ("logging.basicConfig()", True)])
def test_what_code_logs_in_a_search_is_printed_only_if_it_configures_that(
    configured: str, printed: bool, tmp_path: Path
) -> None:
    """A service that logs each retry would write thousands of lines. A process of its own: pytest has configured logging."""
    (tmp_path / "desk.py").write_text(LOGS + configured)
    command = [*COMMAND, "verify", "--system", "desk.py:Desk", "--seed", "1", "--examples", "2"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 1
    assert ("came in" in ended.stderr) is printed


def test_an_application_that_cannot_leave_its_process_is_told_as_not_checked(refold: Refold, tmp_path: Path) -> None:
    """Exit code 0: nothing was found."""
    (tmp_path / "club.py").write_text(CLUB)
    ended = refold("verify", "--application", "club.py:Stays", "--seed", "3", "--examples", "30", "--json")
    assert ended.code == 0
    assert "replays in other processes: application Stays cannot be pickled" in only(ended)["not_checked"][-1]


# -- replay


def test_a_plan_is_replayed_with_its_verdict(refold: Refold) -> None:
    """On the system that it names, and on another."""
    plan = plan_of(refold)
    ended = refold("replay", plan, "--json")
    value = only(ended)
    assert ended.code == 1
    assert set(value) >= RESULT
    assert value["findings"][0]["anomaly"] == "checkpoint-ahead-of-effects"
    ended = refold("replay", plan, "--system", "reference", "--json")
    assert ended.code == 0
    assert only(ended)["verdict"] == "held"


def test_a_replay_for_a_reader_exits_with_one_too(refold: Refold) -> None:
    """And tells the plan."""
    plan = plan_of(refold)
    ended = refold("replay", plan)
    assert ended.code == 1
    assert "checkpoint-ahead-of-effects" in ended.out


def test_a_replay_that_holds_says_what_held(refold: Refold, tmp_path: Path) -> None:
    """In a sentence below the verdict; also when the system could not do all that the plan asks for."""
    plan = plan_of(refold)
    lines = refold("replay", plan, "--system", "reference").out.splitlines()
    assert re.fullmatch(r"HELD \((all 11|\d+ of 11 not) checked\): reference with application inventory", lines[0])
    assert (
        "The plan held on reference: none of the 7 guarantees that were checked was broken, and"
        " checkpoint-ahead-of-effects, which it was kept for, did not happen."
    ) in " ".join(" ".join(lines).split())
    document = json.loads((tmp_path / plan).read_text())
    document["actions"].append({"do": "restart", "process": "index"})
    (tmp_path / "plan.json").write_text(json.dumps(document))
    said = " ".join(refold("replay", "plan.json", "--system", "reference").out.split())
    assert "But 1 of its 2 actions was not possible here: without it the plan may show nothing." in said


@pytest.mark.parametrize(("system", "code"), [(None, 1), ("reference", 0)])
def test_the_emitted_test_runs_under_pytest(system: str | None, code: int, refold: Refold, tmp_path: Path) -> None:
    """It fails on the broken system and passes on the reference."""
    plan = plan_of(refold)
    ended = refold("replay", plan, "--emit-test", *(() if system is None else ("--system", system)))
    assert ended.code == 0
    (tmp_path / "test_regression.py").write_text(ended.out, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_regression.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert "1 failed" in done.stdout if code else "1 passed" in done.stdout
    if code:
        said = [line.removeprefix("E").strip() for line in done.stdout.splitlines() if line.startswith("E ")]
        assert said[0].endswith(
            "checkpoint-ahead-of-effects (CKPT): the checkpoint of index is at 1, its effects end at 0: a crash now loses what lies between"
        )
        assert "However" in said
        assert "Finding(" not in done.stdout
        command = shlex.split(said[-1])
        assert command[:2] == ["refold", "replay"]
        assert refold(*command[1:], "--json").code == 1


@pytest.mark.parametrize("anomaly", ['"""', "a=b c", "import os\n", "\\", "ä-ö", ""])
def test_the_emitted_test_is_python_whatever_the_plan_says(anomaly: str, refold: Refold, tmp_path: Path) -> None:
    """Names in the document are data."""
    document = json.loads((tmp_path / plan_of(refold)).read_text())
    name = tmp_path / 'odd """ name.json'
    name.write_text(json.dumps({**document, "anomaly": anomaly}))
    ended = refold("replay", name, "--emit-test")
    assert ended.code == 0
    compile(ended.out, "emitted", "exec")


# -- systems, help


def test_systems_are_listed_with_what_they_can_do(refold: Refold) -> None:
    """The reference and SQLite among them."""
    systems = only(refold("systems", "--json"))["systems"]
    for system in systems:
        assert set(system) >= SYSTEM
    by_name = {system["name"]: system for system in systems}
    assert by_name["reference"]["available"] is True
    assert "power-cut" in by_name["reference"]["capabilities"]
    assert "journal" in by_name["sqlite"]["options"]
    ended = refold("systems")
    assert ended.code == 0
    assert all(name in ended.out for name in by_name)
    assert ended.out.splitlines()[-1] == "“refold systems --all” describes each of these"


def test_systems_are_listed_with_what_every_name_means(refold: Refold) -> None:
    """Capabilities, and values of options whose names do not say it; for scripts and for readers."""
    systems = only(refold("systems", "--json"))["systems"]
    said = refold("systems", "--all").out
    for system in systems:
        assert set(system["capability_texts"]) == set(system["capabilities"])
        texts = [system["capability_texts"]]
        for name, option in system["options"].items():
            if name in ("with", "strategy"):
                assert list(option["texts"]) == option["allowed"]
                texts.append(option["texts"])
        for known in texts:
            for name, text in known.items():
                assert text
                assert f"        {name} " in said
                assert text in said


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in COMMANDS)], ids=lambda words: " ".join(words) or "refold"
)
def test_help_teaches_by_example(command: tuple[str, ...], refold: Refold) -> None:
    """Every command shows how it is typed."""
    ended = refold(*command, "--help")
    assert ended.code == 0
    assert f"refold {command[0] if command else 'verify'}" in ended.out


def test_an_unknown_command_is_a_usage_error(refold: Refold) -> None:
    """Exit code 2, and what was probably meant."""
    ended = refold("verfy")
    assert ended.code == 2
    assert "No such command 'verfy'; did you mean 'verify'?" in ended.err
    assert "No such command 'xyz'." in refold("xyz").err


def test_the_package_is_the_command_too(tmp_path: Path) -> None:
    """Where no script was installed."""
    command = [sys.executable, "-m", "refold.reports", "systems"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("reference: ")


# -- endings that are no verdict


def test_ctrl_c_while_a_command_is_still_being_imported_is_no_verdict(
    refold: Refold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2: 1 would mean findings."""

    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("refold.reports.commands.cli.import_module", interrupted)
    ended = refold("verify")
    assert (ended.code, ended.out, ended.err.strip()) == (2, "", "refold: interrupted")


@pytest.mark.parametrize("arguments", ["--help", "systems", "systems --json", "verify --examples 3", "zoo --help"])
def test_output_that_nobody_reads_is_no_finding(arguments: str, tmp_path: Path) -> None:
    """Neither a pipe whose reader has gone nor a stream that is closed; not even where complaints are not heard."""
    command = shlex.join(COMMAND)
    for shell in (
        f"set -o pipefail; {command} {arguments} | true",
        f"set -o pipefail; {command} {arguments} 2>&1 | true",
        f"{command} {arguments} >&-",
        f"{command} {arguments} >&- 2>&-",
    ):
        done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, env=environment(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), shell


@pytest.mark.parametrize(
    ("arguments", "code", "written"),
    [
        (f"verify --system {BROKEN} --seed 1 --examples 300", 1, ".refold/report.html"),
        ("verify --examples 3 --nonsense", 2, ""),
        ("replay missing.json", 2, ""),
        ("compare --steps 100", 0, ".refold/compare/comparison.html"),
    ],
    ids=["findings", "option", "file", "progress"],
)
def test_complaints_that_nobody_reads_do_not_change_the_exit_code(
    arguments: str, code: int, written: str, tmp_path: Path
) -> None:
    """Standard error goes to a pipe whose reader has gone, as in “2>&1 | head -1”; on GitHub findings are told there too."""
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*COMMAND, *arguments.split()],
        cwd=tmp_path,
        env=environment(GITHUB_ACTIONS="true"),
        stdout=writing,
        stderr=writing,
    )
    os.close(writing)
    assert process.wait() == code
    assert (tmp_path / written).exists()


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    """It is no fault of refold's."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join(COMMAND)} verify --examples 3 --json >/dev/full"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "refold: this machine cannot go on: No space left on device\n")


# -- stopped in the middle

SLOW = """
import time
from refold.systems.broken import BROKEN

class Slow:
    '''A broken system of which every run takes a while, so that a campaign is still going on when it is stopped.'''

    def __init__(self):
        self.inner = BROKEN["checkpoint-before-effect"].system()
        self.name = "slow.py:Slow"
        self.runs = 0
        for name in ("capabilities", "clients", "consumers"):
            setattr(self, name, getattr(self.inner, name))

    def menu(self, application):
        return self.inner.menu(application)

    def open(self, application, emit):
        self.runs += 1
        time.sleep(0.0005 if self.runs < 400 else 0.3)
        return self.inner.open(application, emit)
"""


def interruptible() -> None:
    """A shell starts background jobs deaf to Ctrl-C, and their children with them; not this one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(folder: Path, *extra: str, source: str = SLOW) -> subprocess.Popen[str]:
    """`refold verify` of the slow system, which has found something when this returns."""
    (folder / "slow.py").write_text(source)
    process = subprocess.Popen(
        [*COMMAND, "verify", "--system", "slow.py:Slow", "--seed", "1", "--examples", "100000", *extra],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    while not list(folder.glob(".refold/plans/*.json")) and process.poll() is None:
        time.sleep(0.02)
    return process


def test_ctrl_c_reports_what_was_found_so_far(tmp_path: Path) -> None:
    """The report, the plan, the exit code of findings."""
    process = started(tmp_path, "--json")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 1, err
    assert "Traceback" not in err
    value = json.loads(out)
    assert value["interrupted"] is True
    assert value["verdict"] == "broken"
    assert (tmp_path / value["findings"][0]["plan"]).is_file()
    assert (tmp_path / ".refold" / "report.html").is_file()


def test_after_a_kill_the_plans_found_before_are_there_and_replay(tmp_path: Path, refold: Refold) -> None:
    """SIGKILL: nobody had time to write anything."""
    process = started(tmp_path)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    plans = list(tmp_path.glob(".refold/plans/*.json"))
    assert plans
    for plan in plans:
        ended = refold("replay", plan, "--system", BROKEN, "--json")
        assert ended.code == 1
        assert only(ended)["findings"][0]["anomaly"] == json.loads(plan.read_text())["anomaly"]


def test_after_a_kill_while_shrinking_the_plan_is_there_unshrunk(tmp_path: Path, refold: Refold) -> None:
    """Shrinking would take minutes here. What is left is as it was found, has the name that it should have, and replays."""
    process = started(tmp_path, source=SLOW.replace("< 400", "< 2"))
    process.kill()
    process.communicate()
    (plan,) = tmp_path.glob(".refold/plans/*")
    document = json.loads(plan.read_text())
    assert len(document["actions"]) > 1
    assert re.fullmatch(rf"{document['anomaly']}-[0-9a-f]{{8}}\.json", plan.name)
    assert refold("replay", plan, "--system", BROKEN, "--json").code == 1


HOLDING = (
    SLOW.replace("BROKEN[", "Reference() if True else BROKEN[")
    .replace("import time", "import pathlib, time\nfrom refold.systems.reference import Reference")
    .replace("self.runs += 1", "self.runs += 1; self.runs < 30 or pathlib.Path('going').touch()")
)
"""The same, and nothing is wrong with it; the file is there when some runs are over."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_anything_was_found_is_no_verdict(number: int, tmp_path: Path) -> None:
    """Exit code 2, Ctrl-C or a time-out of CI; the object says that it was interrupted, and the report is there."""
    (tmp_path / "slow.py").write_text(HOLDING)
    process = subprocess.Popen(
        [*COMMAND, "verify", "--system", "slow.py:Slow", "--seed", "1", "--examples", "100000", "--json"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    while not (tmp_path / "going").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 2, err
    assert "Traceback" not in err
    value = json.loads(out)
    assert (value["interrupted"], value["findings"]) == (True, [])
    assert value["examples"] > 16
    assert (tmp_path / ".refold" / "report.html").is_file()


def test_the_help_names_every_command_in_a_whole_sentence(refold: Refold) -> None:
    """None of them is cut."""
    text = refold("--help").out.partition("Commands:")[2]
    assert [line.split()[0] for line in text.splitlines() if line.strip()] == list(COMMANDS)
    assert "..." not in text


def test_a_report_directory_that_cannot_be_written_is_told_before_anything_is_searched(refold: Refold) -> None:
    """And not after it, when what was found has no place to go."""
    for command in (("verify", "--seconds", "60"), ("zoo", "lost-wakeup"), ("compare",)):
        ended = refold(*command, "--report-dir", "/proc/nowhere")
        assert (ended.code, ended.out) == (2, "")
        assert "/proc/nowhere" in ended.err


@pytest.mark.parametrize(
    "start", [("-P", *COMMAND[1:]), ("-m", "refold.reports")], ids=["refold", "python -m refold.reports"]
)
def test_modules_in_the_working_directory_do_not_take_the_place_of_the_librarys(
    start: tuple[str, ...], tmp_path: Path
) -> None:
    """Neither here nor in the processes in which databases live and events are folded again."""
    for name in ("copy", "ctypes", "json", "queue", "random", "signal", "socket", "tempfile"):
        (tmp_path / f"{name}.py").write_text("raise ImportError(f'{__name__} of the user')\n")
    (tmp_path / "shop.py").write_text(
        "from refold.model.examples.inventory import Inventory\n\nclass Shop(Inventory): ...\n"
    )
    arguments = ["verify", "--application", "shop.py:Shop", "--system", "sqlite?crash=kill", "--examples", "5"]
    done = subprocess.run(
        [sys.executable, *start, *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
