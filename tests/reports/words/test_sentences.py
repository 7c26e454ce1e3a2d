"""Records, actions and findings in plain English."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from refold.model.action import Deliver, Submit
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Register, Registered
from refold.model.expectation import NO_STREAM, Exact
from refold.model.parts.extensions import EXTENSIONS, OWN
from refold.model.record import RECORDS as KINDS
from refold.model.record import (
    Aborted,
    Acknowledged,
    Altered,
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    CoreRecord,
    Crashed,
    Declined,
    DiskFailed,
    Disordered,
    Failed,
    Held,
    Ignored,
    NotRecovered,
    Observed,
    Opened,
    PowerCut,
    Prepared,
    Record,
    Recovered,
    Refused,
    Retried,
    Scanned,
    Settled,
    Settling,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
    Step,
    StreamScanned,
    Unknown,
)
from refold.properties.property import Evidence, Finding
from refold.reports.words.anomalies import ANOMALIES
from refold.reports.words.because import BECAUSE
from refold.reports.words.explanation import by_evidence, compared, headline
from refold.reports.words.sentences import action_sentence, kind_words, record_sentence
from refold.reports.words.vacuous import why_nothing
from refold.reports.words.values import inert, plain, told, value
from refold.search.vacuous import SHOWN_BY

from ..goldens import compare
from ..specimens import HOSTILE

ADA = Register("acme", "ada")
NEW = NewEvent("alice-1/0", "Registered", Registered("acme", "ada"))
RECORDS: list[Any] = [
    Opened(1, "reference", "accounts", ("alice",), (ConsumerSpec(name="index", projection="pointers"),)),
    Step(1, Submit("alice", ADA)),
    Step(2, Deliver("index", 2)),
    Prepared("alice", "alice-1", ADA, "store", "acme", 0, NO_STREAM, (NEW, NEW)),
    Declined("alice", "alice-2", ADA, "log", "acme", 1, "the name ada is taken in acme"),
    Stored(1, "acme", 1, "alice-1/0", "Registered", Registered("acme", "ada")),
    Acknowledged("alice", "alice-1", (1, 2)),
    Refused("bob", "bob-1", 2),
    Refused("bob", "bob-1", 2, "somebody was faster"),
    Unknown("alice", "alice-3"),
    Retried("alice", "alice-3"),
    Started("bob", "bob-2", (3,)),
    Aborted("bob", "bob-2"),
    Applied("index", 1, {"ada@acme": ("acme", 1, "acme"), "bob@acme": None}),
    Ignored("index", 1),
    Held("index", 3),
    Failed("index", 2),
    CheckpointSaved("index", 1),
    SnapshotTaken("stream:acme", 2, frozenset({"bob", "ada"}), 1),
    SnapshotLoaded("totals", 2, {"acme": 2}, 1),
    Recovered("index", 1, {}),
    Recovered("log", 0, None),
    Observed("index", 2, {"ada@acme": "acme"}),
    Scanned((1, 2), ("alice-1/0", "alice-1/1")),
    Scanned((), ()),
    StreamScanned("acme", (1, 2)),
    Disordered("index", (2, 1)),
    Altered(1, "acme", 1, "alice-1/0", "Registered", Registered("acme", "bob")),
    Crashed("index", 2),
    Crashed("log", 0),
    PowerCut("log", "torn"),
    DiskFailed("log", "full"),
    NotRecovered("log", "it ended while it started"),
    Settling(),
    Settled(0),
    Settled(3),
]


def test_every_kind_of_record_has_a_sentence() -> None:
    """The golden file holds one sentence per record, and no kind of record is missing from it."""
    assert {type(record) for record in RECORDS} == set(CoreRecord.__args__)
    compare("records.txt", "\n".join(record_sentence(record) for record in RECORDS))


def test_every_record_of_an_extension_has_a_sentence_of_its_own() -> None:
    """The core's are all in the golden file; these speak for themselves."""
    assert {part.__module__ for part in (*EXTENSIONS, *OWN)} & {kind.__module__ for kind in KINDS}
    silent = [kind.__name__ for kind in set(KINDS) - set(CoreRecord.__args__) if "__str__" not in vars(kind)]
    assert silent == []


def test_a_history_from_a_file_reads_the_same() -> None:
    """There, events, commands and states are plain values."""
    data = {"org": "acme", "name": "ada"}
    command = {"Register": data}
    prepared = msgspec.structs.replace(
        RECORDS[3], command=command, events=tuple(NewEvent(NEW.id, NEW.type, data) for _ in "ab")
    )
    assert record_sentence(prepared) == record_sentence(RECORDS[3])
    assert record_sentence(msgspec.structs.replace(RECORDS[5], data=data)) == record_sentence(RECORDS[5])
    assert record_sentence(Step(1, Submit("alice", command))) == record_sentence(RECORDS[1])
    assert action_sentence({"do": "submit", "client": "alice", "command": command}) == action_sentence(
        Submit("alice", ADA)
    )


def test_an_unknown_record_or_action_is_shown_with_its_fields() -> None:
    """Extensions bring records and actions of their own."""

    class Granted(Record, frozen=True, tag="granted"):
        holder: str
        token: int

    class Spoken(Record, frozen=True, tag="spoken"):
        holder: str

        def __str__(self) -> str:
            return f"{self.holder} gets the lock"

    assert record_sentence(Granted("alice", 3)) == "Granted('alice', 3)"
    assert record_sentence(Spoken("alice\x1b")) == "alice\\x1b gets the lock"
    assert action_sentence({"do": "fly", "to": 3}) == "{'do': 'fly', 'to': 3}"
    assert record_sentence({"kind": "odd"}) == "{'kind': 'odd'}"


def typical(anomaly: str) -> Finding:
    """A finding with fields of the usual kind."""
    numbers: dict[str, Any] = {"expected": 1, "actual": 2}
    if anomaly in ("checkpoint-goes-back", "never-reaches-tail", "partial-batch"):
        numbers = {"expected": 3, "actual": 2}
    if anomaly in (
        "effect-applied-twice",
        "replayed-state-differs",
        "cache-differs",
        "stale-overwrites-newer",
        "snapshot-differs",
    ):
        numbers = {"expected": {"acme": 1}, "actual": {"acme": 2}}
    if anomaly in ("deleted-item-resurrected",):
        numbers = {"expected": {"ada@acme": None}, "actual": {"ada@acme": "acme"}}
    if anomaly in ("duplicate-create", "oversold", "lost-update"):
        numbers = {"expected": "refused: the name ada is taken in acme", "actual": (Registered("acme", "ada"),)}
    if anomaly == "invariant-broken":
        numbers = {"expected": "a state that the invariant allows", "actual": "stock is -1"}
    if anomaly == "vacuous-run":
        numbers = {"expected": {"crashes": "at least one"}, "actual": {"crashes": 0}}
    return Finding(anomaly, "LOG", "p", "index", 9, position=2, **numbers)


def test_every_anomaly_has_a_headline_and_a_contradiction() -> None:
    """The golden file is what a person reads first."""
    texts = []
    for anomaly in [*sorted(ANOMALIES), "not-in-the-table"]:
        explained = by_evidence(typical(anomaly))
        texts.append(f"{anomaly}\n  {explained.headline}\n  However, {explained.however}.\n  Usual: {explained.usual}")
    compare("anomalies.txt", "\n".join(texts))


@pytest.mark.parametrize("role", sorted(BECAUSE))
def test_a_reason_never_fails_whatever_record_it_meets(role: str) -> None:
    """A role may be borrowed for another kind of record."""
    for record in RECORDS:
        finding = Finding("lost-update", "CAS", "p", "acme", 1, evidence=(Evidence(1, record, role),))
        (sentence,) = by_evidence(finding).thens
        assert sentence.startswith("(1) ")
        assert not sentence.endswith("because ")


def test_a_finding_without_position_or_evidence_can_be_told() -> None:
    """As `vacuous-run` is."""
    finding = Finding(
        "vacuous-run", "HARNESS", "vacuous", "campaign", 0, expected={"crashes": "at least one"}, actual={"crashes": 0}
    )
    assert headline(finding) == "the runs prove nothing: something that they are for never happened"
    assert by_evidence(finding).however.endswith(
        "at least one of each was expected, found crashes = 0: a contradiction"
    )


def test_a_row_that_an_event_should_have_removed_is_not_called_absent() -> None:
    """What the handler left alone is as it was; that both sides show no row would say that nothing is wrong."""
    proof = Evidence(5, Applied("index", 2, {}), "shows the stored rows")
    finding = Finding(
        "replayed-state-differs",
        "REPL",
        "replay",
        "index",
        5,
        position=2,
        expected={"ada@acme": None},
        actual={},
        evidence=(proof,),
    )
    assert compared(finding) == (("ada@acme", "absent", "as it was"),)
    told = by_evidence(finding)
    assert "the replay gives ada@acme absent, the store holds ada@acme as it was" in told.however
    assert told.lets[0][2] == "index applies event 2: no row changes"


def test_a_right_refusal_is_not_called_free_to_go_ahead() -> None:
    """What is wrong is the version that it names."""
    asked = Prepared("alice", "alice-6", "Reserve", "store", "nut", 1, Exact(1), ())
    finding = Finding(
        "conflict-names-wrong-version",
        "CAS",
        "conflicts",
        "nut",
        7,
        expected="version 2",
        actual="version 3",
        evidence=(
            Evidence(6, asked, "was rightly refused"),
            Evidence(7, Refused("alice", "alice-6", 3), "was refused with this version"),
        ),
    )
    assert by_evidence(finding).thens == (
        "(1) was rightly refused, because it asked for version 1 of stream nut, which was at version 2",
        "(2) was refused with this version, because the answer to alice-6 says that it found version 3",
    )


def test_oversold_speaks_of_a_stock_only_where_the_application_does() -> None:
    """An invariant may be about anything; a refusal has words of the application's own."""
    invariant = Finding(
        "oversold",
        "CAS",
        "decisions",
        "ward-1",
        9,
        expected="a state that the invariant allows",
        actual="nobody is on call",
    )
    refusal = Finding("oversold", "CAS", "decisions", "bolt", 9, expected="refused: 0 of bolt left, 1 wanted", actual=1)
    assert headline(invariant) == "two decisions on one view broke an invariant of ward-1: nobody is on call"
    assert headline(refusal) == "two decisions on one view broke an invariant of bolt: 0 of bolt left, 1 wanted"


def test_a_role_without_a_reason_has_no_filler() -> None:
    """The record itself shows it, and stands right above."""
    finding = Finding("copy-differs", "CDC", "copy", "a", 2, evidence=(Evidence(2, RECORDS[0], "is the newest fact"),))
    assert by_evidence(finding).thens == ("(1) is the newest fact",)


def test_lists_in_findings_are_no_python() -> None:
    """One item needs no comma, none is nothing."""
    assert [told(thing) for thing in ((2,), (2, 3), (), [None, 1], ((1,),))] == [
        "2",
        "2, 3",
        "nothing",
        "None, 1",
        "((1))",
    ]


def test_one_of_a_kind_is_singular() -> None:
    """What is counted is named in the plural."""
    kinds = ("conflicts", "power_cuts", "crashes", "recoveries", "queries_answered", "appended")
    assert [kind_words(kind, 1) for kind in kinds] == [
        "conflict", "power cut", "crash", "recovery", "query answered", "appended"
    ]  # fmt: skip
    assert kind_words("power_cuts", 2) == kind_words("power_cuts", 0) == "power cuts"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_character_survives_that_cannot_be_seen(text: str) -> None:
    """Control characters, direction marks, surrogates: in every sentence, name and value."""
    for said in (
        inert(text),
        value(text),
        told(text),
        value({text: [text]}),
        record_sentence(Observed(text, 1, {text: text})),
    ):
        assert said.isprintable()
        assert said.encode()


def test_values_are_bounded_and_deterministic() -> None:
    """However large, deep or hostile they are."""

    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError

    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    assert value({"b", "a", "c"}) == "{'a', 'b', 'c'}"
    assert len(value(["y" * 10_000] * 1_000)) < 3_000
    assert len(value(deep)) < 50
    assert "without a readable repr" in value(Bad())
    assert (
        value(Register("acme", "ada"))
        == value({"Register": {"org": "acme", "name": "ada"}})
        == "Register('acme', 'ada')"
    )


def test_a_class_is_a_value_too() -> None:
    """A state may hold one, also one of the kinds whose fields are told."""
    assert value((Registered, 1)) == f"({Registered!r}, 1)"


def test_plain_values_survive_json() -> None:
    """Objects keep the name of their class; sets are sorted."""
    thing = {"s": frozenset({2, 1}), "c": ADA, 3: (1.5, float("nan")), "o": object}
    assert json.loads(json.dumps(plain(thing), allow_nan=False)) == {
        "s": [1, 2],
        "c": {"Register": {"org": "acme", "name": "ada"}},
        "3": [1.5, "nan"],
        "o": "<class 'object'>",
    }


@pytest.mark.parametrize(
    ("missing", "cause"),
    [
        (("appended", "delivered"), "appended: no command comes to an event: "),
        (("conflicts",), "conflicts: no two decisions ever met: "),
        (("crashes", "snapshots_loaded"), "crashes (crash-log), snapshots loaded (snapshots): declared by the system"),
    ],
)
def test_a_run_that_proves_nothing_has_the_cause_of_what_is_missing(missing: tuple[str, ...], cause: str) -> None:
    """Refused commands are no cause of missing crashes."""
    counts = dict.fromkeys(missing, 0)
    finding = Finding("vacuous-run", "HARNESS", "vacuous", "campaign", 0, expected=counts, actual=counts)
    assert by_evidence(finding).usual.startswith(cause)


def test_every_count_that_can_be_missing_has_a_cause() -> None:
    """Also where nothing is known about it, there is no error."""
    for count in (*SHOWN_BY.values(), "appended", "delivered", "conflicts"):
        assert count.replace("_", " ") in why_nothing({count: 0})
    assert why_nothing(None) == ""
