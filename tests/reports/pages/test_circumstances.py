"""What a page says beside the reason: what breaks, the faults before it, what happened to the same key, and where to look."""

from __future__ import annotations

import html
import json
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from refold.model.action import Action, Crash, CrashAt, CutPower, Fail, FailDisk
from refold.model.documents.plan import plan_from_json
from refold.model.parts.calls import BeginRestart, Elapse, FailStep, LoseAnswer, Replied
from refold.model.parts.messages.outbox import OutboxAtRest
from refold.model.parts.reading.query import CachedAtRest
from refold.model.parts.rebuilds import BeginRebuild
from refold.model.parts.removal import DeleteStream, StreamTruncated, Trim, Truncate
from refold.model.record import Crashed, Failed, PowerCut, Record, Step, StreamScanned, Unknown
from refold.properties.property import Evidence, Finding
from refold.reports.commands.cli import main
from refold.reports.pages.circumstances import Place, circumstances, faults_before, touched_before
from refold.reports.words.sentences import record_sentence
from refold.search.objects.application_check import application_named
from refold.search.objects.locations import broken_part, location_of
from refold.search.run import execute
from refold.systems.registry import resolve
from refold.systems.user.roles.described import Described, Relay, Service

from ..commands.test_check_pages import BAD
from ..specimens import SPECIMENS

ROOT = pathlib.Path(__file__).parents[3]
PLANS = sorted((ROOT / "docs" / "pictures" / "gallery").glob("*.json"))


def text_of(markup: str) -> str:
    """What a reader sees."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def test_a_finding_without_a_fault_says_so() -> None:
    """A stale read needs no crash."""
    example = SPECIMENS["expected-any-misuse"]()
    said = text_of(circumstances(example.finding, example.history, Place("", 1)))
    assert "No fault came before it: nothing had crashed or failed, and no answer was lost." in said
    assert f"Record {example.finding.number} breaks CAS, the guarantee that" in said


def test_a_fault_is_named_with_its_record() -> None:
    example = SPECIMENS["ack-before-fsync"]()
    crash = next(n for n, record in enumerate(example.history, 1) if isinstance(record, PowerCut))
    markup = circumstances(example.finding, example.history, Place("f2-", 2))
    assert f'<a class="soft" href="#f2-record-{crash}">[record {crash}]</a>' in markup
    assert "No fault" not in markup


def test_a_record_that_the_page_leaves_out_is_named_without_a_link() -> None:
    example = SPECIMENS["checkpoint-before-effect"]()
    markup = circumstances(example.finding, example.history, Place("", 1, shows=()))
    assert "href" not in markup
    assert f"Record {example.finding.number} breaks" in text_of(markup)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_whatever_was_made_to_fail_is_a_fault_of_the_page(path: pathlib.Path) -> None:
    """Every kind of fault that a plan of the gallery has shows in the history as one."""
    document = json.loads(path.read_text(encoding="utf-8"))
    application = application_named(document["application"])
    plan = plan_from_json(document, application)
    kinds = {type(action) for action in plan if getattr(type(action), "rule", "") == "fault"}
    run = execute(resolve(document["system"]), application, plan, whole=True)
    if kinds:
        assert faults_before(run.history, len(run.history)), kinds


def test_an_answer_that_was_lost_or_an_error_is_a_fault_and_an_answer_is_none() -> None:
    assert len(faults_before([Replied("alice", "alice-1", how, "") for how in ("raised", "unknown")], 2)) == 2
    assert faults_before([Replied("alice", "alice-1", "done", "")], 1) == []
    assert faults_before([Unknown("alice", "alice-1")], 0) == []


def test_harm_that_code_bears_without_a_word_is_a_fault_too() -> None:
    """A lost answer after which the statement is sent again, a sync that is called again: no record says that anything failed."""
    lost = Step(3, LoseAnswer("bob"))
    assert faults_before([lost, Replied("bob", "bob-1", "done", "")], 2) == [(1, "bob's answer is lost")]
    told = faults_before([Step(1, FailDisk("log", "sync")), Step(2, Crash("index")), Crashed("index", 0)], 3)
    assert [sentence for _, sentence in told] == [
        "the disk of log fails: the next sync fails",
        record_sentence(Crashed("index", 0)),
    ]


def test_a_power_cut_does_not_hide_that_a_sync_had_failed_before() -> None:
    """Both are about the log, but the power cut says nothing of its disk."""
    told = faults_before(
        [Step(1, FailDisk("log", "sync")), Step(2, CutPower("log", "drop")), PowerCut("log", "drop")], 3
    )
    assert [at for at, _ in told] == [1, 3]


def test_an_action_that_nobody_could_read_is_no_fault() -> None:
    """In a stored history of an application that is not there it stays a dictionary."""
    assert faults_before([Step(1, {"do": "crash", "process": "log"}), Crashed("log", 0)], 2) == [
        (2, record_sentence(Crashed("log", 0)))
    ]


def test_a_lost_answer_is_told_apart_from_a_step_that_fails() -> None:
    """Records show both as an error."""
    for harm, sentence in ((LoseAnswer("relay"), "relay's answer is lost"), (FailStep("relay"), "relay's step fails")):
        history = [Step(4, harm), Failed("relay", 0), Step(5, Crash("log")), Crashed("log", 0)]
        assert faults_before(history, 4) == [(1, sentence), (4, record_sentence(Crashed("log", 0)))]


def test_harm_that_a_record_confirms_is_named_once() -> None:
    """In its own step, or later on whoever was to fail."""
    for harm in (Step(1, Fail("index")), Step(1, CrashAt("index", 2))):
        told = faults_before(
            [harm, Step(2, Crash("log")), Crashed("log", 0), Step(3, Crash("log")), Failed("index", 3)], 5
        )
        assert [at for at, _ in told] == [3, 5]


def test_every_action_that_may_lose_something_is_a_fault_or_meant_to() -> None:
    """A new one is one of the two."""
    meant = {Elapse, BeginRestart, BeginRebuild, Trim, Truncate, DeleteStream}
    harmful = {kind for kind in kinds_of(Action) if "lose:" in (kind.__doc__ or "")}
    assert {kind for kind in harmful if not kind.fault} == meant


def kinds_of(kind: type[Action]) -> Iterator[type[Action]]:
    """Everything that derives from it."""
    for one in kind.__subclasses__():
        yield one
        yield from kinds_of(one)


def test_what_happened_to_the_key_is_told_where_no_evidence_does() -> None:
    """The row of a cache that is wrong at rest was written earlier."""
    example = SPECIMENS["expected-any-misuse"]()
    number = len(example.history)
    silent = Finding(
        *("cache-stale-at-rest", "READ", "sessions", "acme", number),
        evidence=(Evidence(number, example.history[-1], "shows the cache at rest"),),
    )
    told = touched_before(example.history, silent)
    assert told
    assert all("acme" in sentence or "alice" in sentence or "bob" in sentence for _, sentence in told)
    assert touched_before(example.history, example.finding) == []


def test_the_words_of_faults_have_no_codes() -> None:
    assert record_sentence(PowerCut("log", "torn")) == "the power of log is cut: unsynced writes are cut short"
    assert record_sentence(Failed("relay", 0)) == "a step of relay fails"
    assert record_sentence(Failed("index", 3)) == "the handler of index fails on event 3"


def test_a_history_without_positions_says_what_is_broken_and_what_state_there_was(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(BAD, encoding="utf-8")
    CliRunner().invoke(main, ["check", str(file), "--report-dir", str(tmp_path / "pages")])
    said = text_of((tmp_path / "pages" / "bad.jsonl.html").read_text(encoding="utf-8"))
    assert "Operation 3 breaks linearizability, the guarantee that every operation takes effect at one moment" in said
    assert "By then every other operation had been answered." in said
    assert "at the end of the order a state that explains read: 1 (lines 5 to 6) 2" in said


def test_a_system_that_is_broken_on_purpose_says_where() -> None:
    example = SPECIMENS["checkpoint-before-effect"]()
    place = broken_part(resolve("checkpoint-before-effect"))
    assert place is not None
    assert place.file == "refold/systems/broken/consumers/checkpoints.py"
    assert broken_part(resolve("reference")) is None
    assert location_of(example.finding, None, resolve("checkpoint-before-effect")) is None  # it is not the user's


class Page:
    """What answers a query."""

    def query(self, key: str) -> None:
        """Nothing yet."""


class Sender:
    """What empties an outbox."""

    def turn(self) -> None:
        """Nothing yet."""


class Brought:
    """A system that says what it is made of; its last part is nobody's first suspect."""

    code = {"page": Page.query, "mail": Sender.turn, "service": Page}


@pytest.mark.parametrize(
    ("where", "record", "function"),
    [
        ("ann", CachedAtRest({"ann": (0, 0)}, "page"), "Page.query"),
        ("mail", OutboxAtRest(0, "mail"), "Sender.turn"),
        ("ann", Unknown("alice", "alice-1"), "Page.query"),
    ],
)
def test_whoever_a_record_names_is_suspected_first(where: str, record: Record, function: str) -> None:
    """The reader that answered, or what sends to the sink; the fold only where there is nobody else."""
    finding = Finding("x", "READ", "x", where, 1, evidence=(Evidence(1, record, "is the last look"),))
    place = location_of(finding, None, Brought())
    assert place is not None
    assert place.function == function


class Removing:
    """A log that removes events."""

    code: Mapping[str, Any]

    def append(self) -> None:
        """Nothing yet."""

    def read_stream(self) -> None:
        """Nothing yet."""

    def truncate(self) -> None:
        """Nothing yet."""


Removing.code = {name: getattr(Removing, name) for name in ("append", "read_stream", "truncate")}


@pytest.mark.parametrize(
    ("anomaly", "function"),
    [
        ("removed-event-returns", "truncate"),
        ("removal-takes-more", "truncate"),
        ("read-stops-at-removed", "read_stream"),
        ("version-used-again", "append"),
    ],
)
def test_a_removal_is_suspected_where_it_took_too_much_or_too_little(anomaly: str, function: str) -> None:
    """Readers where they cannot pass it, appends where they forget what there was."""
    proofs = (
        Evidence(3, StreamTruncated("ann", 2), "removes"),
        Evidence(4, StreamScanned("ann", ()), "reads"),
    )
    place = location_of(Finding(anomaly, "LOG", "removals", "stream:ann", 4, evidence=proofs), None, Removing())
    assert place is not None
    assert place.function == f"Removing.{function}"


def test_a_sink_leads_to_what_sends_to_it() -> None:
    """A relay if there is one, else the service."""
    relays = {"relay": Relay(Sender, poll="turn", sends="mail")}
    described = Described(Service(Page, sends="mail"), {}, {}, {}, relays, {}, None)
    assert described.code["mail"] is Sender.turn
    assert attrs.evolve(described, relays={}).code["mail"] is Page
