"""Streams of CloudEvents: what a right source sends holds, however it is delivered; what is lost or changed is found."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refold.search.stored.checking import check

from ..conftest import Ended, only_results

Refold = Callable[..., Ended]
EXAMPLE = Path(__file__).parents[3] / "examples" / "cloudevents.jsonl"


def event(number: int, source: str = "/carts/7", **more: Any) -> dict[str, Any]:
    """A right one."""
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": source,
        "type": "com.example.Added",
        "sequence": str(number),
        "sequencetype": "Integer",
        "data": {"item": number},
        **more,
    }


def stock(number: int, kind: str, count: int) -> dict[str, Any]:
    """An event of the example application inventory."""
    return event(number, "bolt", type=f"com.example.{kind}", data={"item": "bolt", "count": count})


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """The same without these attributes."""
    return {name: value for name, value in fields.items() if name not in names}


def ranked(number: int) -> dict[str, Any]:
    """One whose sequence says nothing but an order."""
    return without(event(number, sequence=f"{number * 7:04}"), "sequencetype")


GOOD: dict[str, list[dict[str, Any]]] = {
    "in order": [event(1), event(2), event(3)],
    "two sources": [event(1), event(1, "/carts/8"), event(2), event(2, "/carts/8")],
    "again, as it was": [event(1), event(2), event(1), event(2), event(1)],
    "again, with another trace": [event(1), event(1, traceparent="00-1")],
    "late": [event(3), event(1), event(1), event(2)],
    "again before its predecessor": [event(2), event(2), event(1)],
    "from the middle on": [event(5), event(6), event(5), event(7)],
    "sequences with gaps that promise none": [ranked(1), ranked(2), ranked(5), ranked(3)],
    "without sequences": [without(event(n), "sequence", "sequencetype") for n in (1, 5, 3)],
    "binary": [without(event(1, data_base64="AAA="), "data")],
    "no data": [without(event(1), "data")],
}
BAD: dict[str, tuple[list[dict[str, Any]], str]] = {
    "one is missing": ([event(1), event(2), event(4)], "version-gap"),
    "one is missing, in the middle": ([event(5), event(7)], "version-gap"),
    "one is missing of another source": ([event(1), event(1, "b"), event(2), event(3, "b")], "version-gap"),
    "two have one number": ([event(1), event(2), event(2, id="other")], "duplicate-version"),
    "two have one rank": ([ranked(1), ranked(2), {**ranked(2), "id": "other"}], "duplicate-version"),
    "other data": ([event(1), event(2), event(1, data={"item": "other"})], "event-altered"),
    "another type": ([event(1), event(1, type="com.example.Removed")], "event-altered"),
    "another number": ([event(1), event(2), event(1, sequence="2")], "event-altered"),
    "other data without a sequence": (
        [without(event(1, data=data), "sequence", "sequencetype") for data in (1, 2)],
        "event-altered",
    ),
    "other data before its predecessor": ([event(2), event(2, data=0), event(1)], "event-altered"),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_right_source_holds(case: str) -> None:
    """However often, late or early its events come."""
    judged = check(GOOD[case])
    assert (judged.format, judged.verdict, judged.findings) == ("cloudevents", "held", ())
    assert any("who asked for an event" in text for text in judged.not_checked)


@pytest.mark.parametrize("case", BAD)
def test_what_is_lost_or_changed_is_found(case: str) -> None:
    """Each by one finding."""
    events, anomaly = BAD[case]
    judged = check(events)
    assert (judged.verdict, [finding.anomaly for finding in judged.findings]) == ("broken", [anomaly])


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("late", "3 events came in another order"),
        ("without sequences", "1 source whose events have no “sequence”"),
        ("sequences with gaps that promise none", "“sequencetype” is not “Integer”"),
        ("from the middle on", "at which this history begins"),
    ],
)
def test_what_the_numbers_do_not_tell_is_said(case: str, said: str) -> None:
    """Under “not checked”."""
    assert any(said in text for text in check(GOOD[case]).not_checked)


@pytest.mark.parametrize("how", ["lines", "blank lines", "array", "array on many lines", "one object on many lines"])
def test_files_are_recognised(how: str, refold: Refold, tmp_path: Path) -> None:
    """As brokers and tools write them."""
    events = [event(1), event(2)]
    content = {
        "lines": "\n".join(map(json.dumps, events)),
        "blank lines": "\n\n".join(["", *map(json.dumps, events), ""]),
        "array": json.dumps(events),
        "array on many lines": json.dumps(events, indent=2),
        "one object on many lines": json.dumps(events[0], indent=2),
    }[how]
    (tmp_path / "events.json").write_text(content)
    ended = refold("check", "events.json", "--json")
    (result,) = only_results(ended)
    assert (ended.code, result["format"], result["verdict"]) == (0, "cloudevents", "held")


def test_states_are_judged_with_an_application(refold: Refold, tmp_path: Path) -> None:
    """A type counts under its last part; what is none of the application's is an error."""
    good = [stock(1, "Restocked", 2), stock(2, "Reserved", 1)]
    for events, code in ((good, 0), ([*good, stock(3, "Reserved", 2)], 1), ([*good, stock(3, "Broken", 2)], 2)):
        (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
        ended = refold("check", "events.jsonl", "--application", "inventory", "--json")
        (result,) = only_results(ended)
        assert ended.code == code
        assert [finding["anomaly"] for finding in result["findings"]] == (["invariant-broken"] if code == 1 else [])
    assert "there is no event 'com.example.Broken'" in result["error"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "there is no event in it"),
        ("[1]", "a CloudEvent is a JSON object"),
        (json.dumps(without(event(1), "id")), "a CloudEvent has a text 'id'"),
        (json.dumps(event(1, source="")), "a CloudEvent has a text 'source'"),
        (json.dumps(event(1, specversion="0.3")), "this refold reads version 1"),
        (json.dumps(event(1, sequence=[])), "“sequence” is a text or an integer"),
        (json.dumps(event(1, sequence="0")), "counts from 1"),
        (json.dumps(event(1, sequence="9" * 5000)), "counts from 1"),
        (json.dumps(event(1)) + "\n{", "line 2: not JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_event_is_said_with_its_line(line: str, said: str, refold: Refold, tmp_path: Path) -> None:
    """In a sentence."""
    (tmp_path / "events.jsonl").write_text(line)
    ended = refold("check", "events.jsonl", "--format", "cloudevents")
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.startswith("refold: events.jsonl: line ")


def test_a_damaged_stream_gives_a_verdict_or_a_sentence(refold: Refold, tmp_path: Path) -> None:
    """A hundred of them."""
    content = EXAMPLE.read_bytes()
    codes = set()
    for seed in range(100):
        generator = random.Random(seed)
        damaged = bytearray(content)
        for _ in range(generator.randrange(1, 4)):
            place = generator.randrange(len(damaged))
            match generator.randrange(3):
                case 0:
                    damaged[place] = generator.randrange(256)
                case 1:
                    del damaged[place : place + generator.randrange(1, 40)]
                case _:
                    damaged[place:place] = generator.choice([b"[", b"\n", b"9" * 30, b'"', b"\xff", b"null", b","])
        (tmp_path / "events.jsonl").write_bytes(damaged)
        ended = refold("check", "events.jsonl", "--format", "cloudevents")
        codes.add(ended.code)
        assert ended.code in (0, 1) or ended.err.count("\n") == 1
    assert codes == {1, 2} or codes == {0, 1, 2}
