"""The explorer in a browser, driven: keys, filter, and links, also to records that are hidden or left out."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import attrs
import pytest

from refold.model.examples.inventory import Inventory
from refold.properties.property import Finding
from refold.reports.pages.assets import policy, policy_of, script
from refold.reports.pages.explorer import explorer, symbols
from refold.reports.pages.records import story_of

from .test_explorer import history_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

DRIVE = """
const said = [];
const wait = () => new Promise((done) => setTimeout(done, 30));
const chosen = () => document.querySelector("li.chosen").id;
const seen = (id) => document.getElementById(id).getBoundingClientRect().height > 0;
const press = (key, root) => root.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const type = (root, text) => { const field = root.querySelector("[type=search]"); field.value = text; field.oninput(); };
const roots = [...document.querySelectorAll(".explorer")];
const go = async (id) => { document.querySelector(`a[data-to="${id}"]`).click(); await wait(); };
%s
document.body.dataset.said = JSON.stringify(said);
"""


def page(*, most: int = 20_000) -> str:
    """Two explorers of one history, as of two findings, and links to records of both."""
    history = history_of("reference", 300, 4, Inventory())
    finding = Finding("cache-differs", "READ", "cache", "cache", len(history) - 20, position=7, expected={}, actual={})
    later = attrs.evolve(finding, number=len(history) - 5)
    parts = [
        explorer(story_of(history, Inventory(), finding), records=len(history)),
        explorer(story_of(history, Inventory(), later, prefix="f2-", most=most), records=len(history)),
    ]
    links = "".join(f'<a href="#{to}" data-to="{to}">x</a>' for to in ("record-9", "f2-record-9", "f2-record-12"))
    return f"{symbols()}{links}" + "".join(f"<article>{part}</article>" for part in parts)


def driven(steps: str, tmp_path: pathlib.Path, **options: int) -> str:
    """What these steps said, under a policy that allows the script with them."""
    code = str(script()) + DRIVE % steps
    text = (
        f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy_of(code)}">'
        f'<style>.folded .q,[hidden]{{display:none}}</style>{page(**options)}<script type="module">{code}</script>'
    )
    assert policy() not in text
    file = tmp_path / "driven.html"
    file.write_text(text, encoding="utf-8")
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=8000", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = done.stdout.partition('data-said="')[2].partition('"')[0]
    return found.replace("&quot;", '"')


def test_a_link_unfolds_and_chooses_its_record_in_its_own_explorer(tmp_path: pathlib.Path) -> None:
    """Of the second finding too, and where somebody has closed the explorer."""
    steps = """
    said.push(seen("f2-record-12") || document.getElementById("f2-record-12").classList.contains("q"));
    roots[1].open = false;
    await go("f2-record-12");
    said.push(roots[1].open, seen("f2-record-12"), document.getElementById("f2-record-12").classList.contains("chosen"));
    """
    assert driven(steps, tmp_path) == "[true,true,true,true]"


def test_a_link_shows_a_record_that_a_filter_hides_also_the_second_time(tmp_path: pathlib.Path) -> None:
    """The address does not change then."""
    steps = """
    type(roots[1], "zzz");
    await go("f2-record-9"); said.push(seen("f2-record-9"));
    type(roots[1], "zzzz"); said.push(seen("f2-record-9"));
    await go("f2-record-9"); said.push(seen("f2-record-9"));
    """
    assert driven(steps, tmp_path) == "[true,false,true]"


def test_a_record_that_the_second_explorer_leaves_out_is_shown_in_the_first(tmp_path: pathlib.Path) -> None:
    steps = """
    said.push(document.getElementById("f2-record-9") === null);
    await go("f2-record-9"); said.push(document.getElementById("record-9").classList.contains("chosen"));
    """
    assert driven(steps, tmp_path, most=50) == "[true,true]"


def test_keys_step_and_a_filter_is_stepped_through(tmp_path: pathlib.Path) -> None:
    """Down and up; with a filter only what it shows."""
    steps = """
    await go("record-9");
    press("ArrowDown", roots[0]); const next = Number(chosen().split("-")[1]);
    press("ArrowUp", roots[0]); said.push(next > 9, chosen() === "record-9");
    type(roots[0], "begins with application");
    said.push([...roots[0].querySelectorAll(".block > li[id]")].filter((item) => !item.hidden).length);
    press("ArrowUp", roots[0]); said.push(chosen());
    """
    assert driven(steps, tmp_path) == '[true,true,1,"record-1"]'
