"""The assertions A1 to A17: each is judged by something that exists, and counts only if it was put to the test."""

from __future__ import annotations

import attrs
import pytest

from refold.model.examples.inventory import Inventory
from refold.properties.conformance import ASSERTIONS, BROKEN, DOCUMENTED, HELD, NOT_CHECKED, standings
from refold.properties.suite import properties
from refold.reports.words.anomalies import ANOMALIES
from refold.search.vacuous import COUNTED
from refold.search.verification import verify
from refold.systems.documented import DOCUMENTED as SETTINGS
from refold.systems.documented import documented
from refold.systems.registry import KNOWN


def verdicts(system: str, **limits: int) -> dict[str, str]:
    result = verify("inventory", system, seconds=None, seed=1, **limits)
    return {row.assertion.code: row.verdict for row in standings(result, documented(system))}


def test_each_assertion_is_judged_by_properties_anomalies_and_counts_that_exist() -> None:
    judging = {one.name for one in properties(Inventory())}
    counted = {count.name for count in COUNTED}
    assert [assertion.code for assertion in ASSERTIONS] == [f"A{number}" for number in range(1, 18)]
    for assertion in ASSERTIONS:
        assert {*assertion.properties} <= judging
        assert {*assertion.anomalies, *assertion.apart} <= {*ANOMALIES}, assertion.code
        assert {*assertion.shown_by} <= counted
        assert assertion.shown_by


def test_sqlite_keeps_them_and_what_it_does_not_have_is_not_checked() -> None:
    found = verdicts("sqlite", examples=25)
    assert {code for code, verdict in found.items() if verdict == NOT_CHECKED} == {"A4", "A5", "A15", "A16"}
    assert {verdict for code, verdict in found.items() if code not in ("A4", "A5", "A15", "A16")} == {HELD}


def test_what_a_setting_does_not_promise_is_documented_otherwise() -> None:
    pytest.importorskip("apsw", reason="power cuts need APSW")
    found = verdicts("sqlite?synchronous=off", examples=25)
    assert found["A6"] == DOCUMENTED
    assert BROKEN not in found.values()


@pytest.mark.parametrize(("system", "code"), [("check-then-append", "A7"), ("snapshot-off-by-one", "A11")])
def test_what_is_broken_is_broken_under_its_own_assertion(system: str, code: str) -> None:
    found = verdicts(system, examples=200)
    assert {code for code, verdict in found.items() if verdict == BROKEN} == {code}


def test_nothing_happened_is_not_held() -> None:
    result = verify("inventory", "sqlite", seconds=None, examples=2, seed=1)
    none = attrs.evolve(result, counts={})
    assert {row.verdict for row in standings(none, {})} == {NOT_CHECKED}


@pytest.mark.parametrize(("counts", "verdict"), [({"reports_subscriptions": 9}, NOT_CHECKED), ({"rebuilds": 1}, HELD)])
def test_a_rebuild_counts_when_its_tables_have_taken_the_place_of_the_live_ones(
    counts: dict[str, int], verdict: str
) -> None:
    """That a consumer took part which could have been rebuilt shows nothing."""
    result = verify("inventory", "reference", seconds=None, examples=2, seed=1)
    judged = attrs.evolve(result, counts=counts, counterexamples=(), checked=(("rebuild", "REPL"),))
    assert {row.assertion.code: row.verdict for row in standings(judged, {})}["A16"] == verdict


def test_a_rule_that_the_application_itself_breaks_is_no_fault_of_the_log() -> None:
    result = verify("inventory", "check-then-append", seconds=None, examples=200, seed=1)
    example = result.counterexamples[0]

    def of(anomaly: str) -> dict[str, str]:
        found = attrs.evolve(example.finding, anomaly=anomaly, judge="decisions")
        rows = standings(attrs.evolve(result, counterexamples=(attrs.evolve(example, findings=(found,)),)), {})
        return {row.assertion.code: row.verdict for row in rows}

    assert (of("oversold")["A7"], "" in of("oversold")) == (BROKEN, False)
    assert (of("invariant-broken")["A7"], of("invariant-broken")[""]) == (HELD, BROKEN)


def test_a_finding_that_no_assertion_names_is_a_line_of_its_own() -> None:
    result = verify("inventory", "check-then-append", seconds=None, examples=200, seed=1)
    example = result.counterexamples[0]
    strange = attrs.evolve(
        example, findings=(attrs.evolve(example.finding, anomaly="handler-raised", judge="handler-raised"),)
    )
    rows = standings(attrs.evolve(result, counterexamples=(strange,)), {})
    assert [row.assertion.what for row in rows if row.verdict == BROKEN] == ["what none of these names"]


def test_documented_settings_are_settings() -> None:
    for one in SETTINGS:
        allowed, _ = KNOWN[one.system].options()[one.option]
        assert {*one.values} <= {*allowed}
        assert one.where.startswith("https://")
    assert documented("nats") == {"A6": documented("nats?sync_interval=2m")["A6"]}
    assert documented("nats?sync_interval=always") == documented("reference") == documented("mine.py:Log") == {}
