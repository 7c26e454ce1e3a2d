"""The explorer: what everybody holds at each step, red where a property convicts and nowhere else, small, and alive in a browser."""

from __future__ import annotations

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory
from refold.model.record import Applied, Crashed, Observed, Recovered
from refold.model.tape import Menu
from refold.properties.property import Finding
from refold.reports.pages.board import Board
from refold.reports.pages.explorer import explorer
from refold.reports.pages.holdings import ROW
from refold.reports.pages.records import RECORDS_MAX, story_of
from refold.reports.pages.story import document, packed, unpacked
from refold.reports.words.sentences import record_sentence
from refold.search.run import execute
from refold.systems.registry import resolve

from ..specimens import HOSTILE, SPECIMENS, hostile, page_of, result

HERE = pathlib.Path(__file__).parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def history_of(system: str, length: int, seed: int, application: Application) -> tuple[Any, ...]:
    """One run of random actions, and whether it held."""
    port = resolve(system)
    menu = Menu(application.commands(), port.clients, port.consumers, port.capabilities, extensions=port.extensions)
    plan = menu.decode(random.Random(seed).randbytes(menu.length(length)))
    run = execute(port, application, plan, whole=True)
    assert not run.findings
    return tuple(run.history)


def states(story: Any) -> list[list[list[int]]]:
    """What is held after each row, folded plainly from the first row on."""
    data = document(story)
    state: dict[int, tuple[int, int]] = {}
    found = []
    for flat in data["changes"]:
        for cell, text, should in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            state[cell] = (text, should)
            if not data["words"][text] and not data["words"][should]:
                del state[cell]
        found.append([[cell, *held] for cell, held in sorted(state.items())])
    return found


def test_a_board_tells_what_changed_since_it_was_asked() -> None:
    board = Board()
    board.put("log", "end", "1")
    assert [(change.cell, change.held.text) for change in board.take()] == [(("log", "end"), "1")]
    board.put("log", "end", "2")
    board.put("log", "end", "1")
    assert board.take() == ()
    board.put("log", "end", "")
    assert [change.held.text for change in board.take()] == [""]
    assert board.cells == {}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("application", [Accounts(), Inventory()], ids=["accounts", "inventory"])
def test_a_run_that_held_is_nowhere_red(application: Application, seed: int) -> None:
    """Crashes, duplicates and power cuts included."""
    story = story_of(history_of("reference", 500, seed, application), application)
    assert len(story.rows) > 100
    red = [(row.number, change) for row in story.rows for change in row.changes if change.held.should]
    assert red == []


@pytest.mark.parametrize("name", SPECIMENS)
def test_what_is_broken_is_red_where_it_showed(name: str) -> None:
    """At the record of the finding, or, if that is one that nobody can see there, at none before it."""
    example = SPECIMENS[name]()
    story = story_of(example.history, Accounts(), example.finding)
    red = [row.number for row in story.rows for change in row.changes if change.held.should]
    assert red
    assert min(red) <= example.finding.number
    assert story.open_at == example.finding.number


def test_rows_of_a_store_are_those_that_the_history_shows() -> None:
    """After each record that shows all rows of a consumer, those on the board are the same."""
    application = Inventory()
    history = history_of("reference", 400, 2, application)
    story = story_of(history, application)
    held: dict[tuple[str, str], str] = {}
    seen = 0
    for record, row in zip(history, story.rows, strict=True):
        held.update({change.cell: change.held.text for change in row.changes})
        if isinstance(record, Recovered | Observed) and record.rows is not None:
            who = record.process if isinstance(record, Recovered) else record.consumer
            shown = {
                item
                for (lane, item), text in held.items()
                if lane == f"consumer {who}" and item.startswith(ROW) and text
            }
            assert shown == {ROW + key for key, value in record.rows.items() if value is not None}
            seen += 1
    assert seen > 4


def test_a_crash_lasts_until_the_restart() -> None:
    """As a band over the time between."""
    history = history_of("reference", 500, 7, Inventory())
    crashes = [n for n, record in enumerate(history, 1) if isinstance(record, Crashed)]
    story = story_of(history, Inventory())
    bands = [fault for fault in story.faults if fault.begins in crashes]
    assert crashes
    assert bands
    for band in bands:
        assert isinstance(history[band.ends - 1], Recovered)


def test_causes_come_before_their_effects_and_applied_events_come_from_the_log() -> None:
    history = history_of("reference", 300, 4, Inventory())
    story = story_of(history, Inventory())
    places = {record.position: n for n, record in enumerate(history, 1) if type(record).__name__ == "Stored"}
    applied = 0
    for record, row in zip(history, story.rows, strict=True):
        assert all(cause < row.number for cause in row.causes)
        if isinstance(record, Applied) and record.position in places:
            assert places[record.position] in row.causes
            applied += 1
    assert applied


def test_frames_and_steps_lead_to_the_same_state() -> None:
    """A frame is what the steps up to it amount to."""
    story = story_of(history_of("reference", 800, 5, Inventory()), Inventory())
    data, folded = document(story), states(story)
    assert len(data["frames"]) > 2
    for index, flat in data["frames"]:
        held = sorted([list(part) for part in zip(flat[::3], flat[1::3], flat[2::3], strict=True)])
        assert held == folded[index]
    assert unpacked(packed(data)) == data


def test_twenty_thousand_records_are_less_than_three_megabytes() -> None:
    """Of a longer history the part that matters, and what was held at its beginning."""
    history = history_of("reference", 9_000, 3, Inventory())
    assert len(history) > RECORDS_MAX
    number = len(history) - 100
    finding = Finding("cache-differs", "READ", "cache", "cache", number, position=7, expected={"a": 1}, actual={"a": 2})
    story = story_of(history, Inventory(), finding)
    assert len(story.rows) == RECORDS_MAX
    assert number in {row.number for row in story.rows}
    text = explorer(story, records=len(history))
    assert len(text.encode()) < 2_900_000
    assert record_sentence(history[number - 1]).partition("'")[0] in text
    assert len(story.rows[0].changes) > 5


def test_hostile_strings_are_text_and_nothing_else() -> None:
    example = hostile()
    text = explorer(story_of(example.history, None, example.finding))
    assert "<script>alert" not in text
    assert all(line.isprintable() for line in text.split("\n"))
    data = unpacked(text.partition('class="story">')[2].partition("<")[0])
    assert all(word.isprintable() for word in data["words"])
    assert len(HOSTILE) > 2


def node() -> str:
    """Where Node is; skips the test if it is too old, or not here."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").partition(".")[0]) < 20:
        pytest.skip(f"node is {version.strip()}; the test runner of the script needs 20")
    return found


def test_the_script_folds_the_steps_as_python_does(tmp_path: pathlib.Path) -> None:
    """By the script's own tests, in Node."""
    story = story_of(history_of("reference", 300, 5, Inventory()), Inventory())
    data = document(story)
    given = tmp_path / "story.json"
    given.write_text(json.dumps({"story": data, "packed": packed(data), "states": states(story)}))
    script = pathlib.Path(sys.modules[story_of.__module__].__file__ or "").parent / "explorer.js"
    module = tmp_path / "reports" / "pages" / "explorer.mjs"
    module.parent.mkdir(parents=True)
    module.write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    tests = tmp_path / "explorer.test.mjs"
    source = (HERE / "explorer.test.mjs").read_text(encoding="utf-8")
    tests.write_text(source.replace("../../../reports/pages/explorer.js", "./reports/pages/explorer.mjs"))
    done = subprocess.run(
        [node(), "--test", str(tests)], capture_output=True, text=True, env={**os.environ, "REFOLD_STORY": str(given)}
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_runs_the_script_and_follows_a_deep_link(tmp_path: pathlib.Path) -> None:
    """Under the page's own policy: the state of that record is there, and the record is chosen."""
    name = "checkpoint-before-effect"
    page = tmp_path / "report.html"
    page.write_text(page_of(result(name, SPECIMENS[name]())), encoding="utf-8")
    shown = dom(f"{page.as_uri()}#record-4", tmp_path)
    assert 'data-ready="yes"' in shown
    assert '<p class="now" aria-live="polite">record 4</p>' in shown
    assert 'id="record-4" class="chosen' in shown or 'class="chosen" id="record-4"' in shown
    forbidden = tmp_path / "forbidden.html"
    forbidden.write_text(page.read_text().replace("// Steps through", "// steps through"), encoding="utf-8")
    assert 'data-ready="yes"' not in dom(forbidden.as_uri(), tmp_path)


def dom(address: str, tmp_path: pathlib.Path) -> str:
    """The page as it is once its script has run."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=8000", "--dump-dom", address], capture_output=True, text=True, timeout=120
    )
    return done.stdout
