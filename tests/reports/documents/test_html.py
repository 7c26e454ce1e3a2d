"""The HTML report: complete, self-contained, harmless."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from refold.model.examples.accounts import Accounts
from refold.model.record import PowerCut
from refold.model.tape import Menu
from refold.properties.guarantees import GUARANTEES
from refold.properties.property import Finding
from refold.properties.result import Counterexample
from refold.reports.pages.circumstances import NOTED_MAX, faults_before
from refold.reports.words.sentences import record_sentence
from refold.systems.reference import Reference

from ..specimens import HOSTILE, SPECIMENS, blind, checkpoint_first, hostile, page_of, result, text_of

VOID = {"meta", "br", "img", "link", "input", "hr"}
ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "article",
        "h1",
        "h2",
        "h3",
        "p",
        "ul",
        "ol",
        "li",
        "b",
    ),
    *("i", "em", "span", "a", "code", "pre", "div", "table", "tr", "th", "td", "dl", "dt", "dd", "details", "summary"),
    *("svg", "g", "line", "rect", "circle", "path", "polygon", "text", "symbol", "use"),
    *("script", "button", "input", "select", "option", "label", "output"),
}


class Reader(HTMLParser):
    """Collects tags and attributes, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.references: set[str] = set()
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for key, value in attrs:
            self.attributes.add(key)
            if key in ("href", "src", "xlink:href"):
                self.references.add(value or "")
            if key == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    """A page, parsed."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def harmless(page: str) -> Reader:
    """No scripts but the one that the policy allows by its hash, no handlers, nothing from elsewhere, nothing invisible."""
    reader = read(page)
    code = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    data = re.findall(r'<script type="application/octet-stream" class="story">([A-Za-z0-9+/=]*)</script>', page)
    assert len(re.findall(r"<script", page)) == len(code) + len(data)
    assert len(code) == 1
    digest = base64.b64encode(hashlib.sha256(code[0].encode()).digest()).decode()
    assert (
        f"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; script-src &#39;sha256-{digest}&#39;" in page
    )
    assert reader.tags <= ALLOWED
    assert not [name for name in reader.attributes if name.startswith("on")]
    inside = [reference for reference in reader.references if not reference.startswith("https://github.com/")]
    assert all(reference.startswith("#") for reference in inside)
    assert all(reference[1:] in reader.ids for reference in inside)
    assert len(reader.ids) == len(set(reader.ids))
    assert "url(" not in page
    assert "@import" not in page
    assert all(line.isprintable() for line in page.split("\n"))
    assert page.encode()
    return reader


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_report_holds_everything_there_is_to_say(name: str) -> None:
    """Verdict, plan, explanation, picture, history, replay command."""
    example = SPECIMENS[name]()
    page = page_of(
        result(name, example),
        replays=["refold replay x.json"],
        diagnosis={0: [(name, 0.93, ("one reason", "another"))]},
    )
    reader = harmless(page)
    text = "".join(reader.text)
    assert example.finding.anomaly in text
    for record in example.history:
        assert record_sentence(record) in text
    assert "refold replay x.json" in text
    assert f"What speaks for {name}: one reason; another." in text
    assert "svg" in reader.tags


@pytest.mark.parametrize("name", SPECIMENS)
def test_text_picture_and_list_give_a_record_the_same_number(name: str) -> None:
    """Also where the text follows a cycle, whose records are not those of the evidence."""
    page = page_of(result(name, SPECIMENS[name]()))
    told = re.findall(r'class="label">\((\d+)\)</span> = .*?\[record (\d+)\]', page)
    listed = re.findall(r"<i>(\d+)</i><em>(\d+)</em>", page)
    picture = re.search(r'<svg[^>]*class="st" role.*?</svg>', page, re.S)
    assert picture is not None
    rows = dict(re.findall(r'class="num" [^>]*y="([\d.]+)"[^>]*><title>[^<]*</title>(\d+)', picture[0]))
    drawn = re.findall(r'class="badgetext" [^>]*y="([\d.]+)"[^>]*><title>[^<]*</title>(\d+)', picture[0])
    assert told
    assert sorted((record, label) for label, record in told) == sorted(listed)
    assert sorted((rows[y], label) for y, label in drawn) == sorted(listed)


def test_several_findings_do_not_get_in_each_others_way() -> None:
    """Links stay inside their own article."""
    harmless(page_of(result("two", checkpoint_first(), blind(), checkpoint_first())))


def test_a_held_report_shows_one_run_and_what_green_does_not_prove() -> None:
    """The picture of a passing run, if there is one."""
    page = page_of(result("reference", sample=run(60)))
    text = "".join(harmless(page).text)
    assert "does not prove" in text
    assert "One of the runs that held" in text
    assert "One of the runs that held" not in page_of(result("reference"))


def test_an_empty_result_has_a_report() -> None:
    """Nothing ran; and a finding without plan, history or evidence can be shown as well."""
    harmless(page_of(result("nothing", examples=0, steps=0, counts={}, checked=(), not_checked=())))
    vacuous = Finding(
        "vacuous-run", "HARNESS", "vacuous", "campaign", 0, expected={"crashes": "at least one"}, actual={"crashes": 0}
    )
    harmless(page_of(result("nothing", Counterexample((), (vacuous,), (), 1, 0.0))))


def test_hostile_strings_are_inert() -> None:
    """They are shown, and do nothing."""
    page = page_of(
        result(HOSTILE[0], hostile(), application=HOSTILE[1], not_checked=HOSTILE, counts=dict.fromkeys(HOSTILE, 1)),
        plans=[HOSTILE[0]],
        replays=[HOSTILE[1]],
        diagnosis={0: [(text, 0.5, (text,)) for text in HOSTILE]},
    )
    reader = harmless(page)
    assert "<script>alert(1)</script>" in "".join(reader.text)
    assert "{{ 7*7 }}" in "".join(reader.text)


def run(length: int, seed: int = 3) -> tuple[Any, ...]:
    """The history of one run of the reference system."""
    application, system = Accounts(), Reference()
    history: list[Any] = []
    deployment = system.open(application, history.append)
    menu = Menu(application.commands(), system.clients, system.consumers, system.capabilities)
    for action in menu.decode(random.Random(seed).randbytes(menu.length(length))):
        deployment.perform(action)
    deployment.settle()
    return tuple(history)


def test_a_long_history_stays_readable_and_small() -> None:
    """5,000 records: all of them in the list, the surroundings of the violation in the picture, under two megabytes."""
    history = run(4_000)[:5_000]
    assert len(history) == 5_000
    finding = Finding("cache-differs", "READ", "cache", "cache", 4_000, position=7, expected={"a": 1}, actual={"a": 2})
    page = page_of(result("long", Counterexample((), (finding,), history, 1, 1.0)))
    assert len(page) < 2_000_000
    reader = harmless(page)
    assert "more records are in the list below" in "".join(reader.text)
    assert len(re.findall(r"<li", page)) > 5_000
    picture = re.search(r'<svg[^>]*class="st" role.*?</svg>', page, re.S)
    assert picture is not None
    assert len(picture[0]) < 100_000


# -- endings


@pytest.mark.parametrize(
    ("changes", "word", "said"),
    [
        ({}, "held", "showed no violation; it does not prove"),
        ({"interrupted": True}, "interrupted", "interrupted: the campaign was stopped before its budget was spent"),
        ({"trouble": "the server is gone <b>"}, "given up", "given up: the server is gone <b>"),
    ],
)
def test_only_what_was_looked_at_to_the_end_is_said_to_hold(changes: dict[str, Any], word: str, said: str) -> None:
    """The title, the banner and the reason, here and on the terminal."""
    told = result("reference", **changes)
    text = "".join(harmless(page_of(told)).text)
    assert f"refold: {word}: reference" in text
    assert said in text
    assert ("Green means" in text) == (word == "held")
    printed = " ".join(text_of(told).split())
    assert re.match(rf"{word.upper()} \(\d+ of 11 not checked\): reference with application", printed)
    assert said in printed
    assert ("Green means" in printed) == (word == "held")


def test_a_find_is_a_find_however_the_campaign_ended() -> None:
    """Broken, and why there is no more."""
    told = result("checkpoint-before-effect", checkpoint_first(), interrupted=True, trouble="the server is gone")
    text = "".join(harmless(page_of(told)).text)
    assert "refold: broken: checkpoint-before-effect" in text
    assert "given up: the server is gone" in text
    assert text_of(told).startswith("BROKEN (")


def test_a_page_says_which_record_breaks_what_and_what_had_failed() -> None:
    """Faults behind the finding are not named, and of many the last ones are."""
    example = SPECIMENS["ack-before-fsync"]()
    finding = example.finding
    page = page_of(result("ack-before-fsync", example))
    number = finding.number
    told = f'<a href="#record-{number}">Record {number}</a> breaks LOG, the guarantee that {GUARANTEES["LOG"]}.'
    assert told in page
    cuts = [at for at, record in enumerate(example.history, 1) if isinstance(record, PowerCut)]
    assert cuts
    assert all(f"[record {at}]" in page.partition("Faults before it: ")[2].partition("</p>")[0] for at in cuts)
    assert faults_before(example.history, cuts[0] - 2) == []  # before the step that cuts it
    assert len(faults_before([example.history[cuts[0] - 1]] * 9, 9)) == NOTED_MAX
