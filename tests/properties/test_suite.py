"""The suite: properties of extensions come late and cost nothing before, and say what they need."""

from __future__ import annotations

from refold.model.action import Submit
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Register
from refold.model.parts.messages.outbox import Delivered, Drain
from refold.model.record import Applied, Observed, Opened, Prepared, Scanned, Settled, Settling
from refold.properties.oracle import Oracle
from refold.properties.suite import AWAITED, LATE, checked_on, checker, early, kinds_of, properties
from refold.search.run import execute
from refold.systems.reference import Reference

ADA = Submit("alice", Register("acme", "ada"))


def test_no_kind_of_record_is_awaited_by_two_late_properties_or_known_to_an_early_one() -> None:
    oracle = Oracle(Accounts())
    kinds = [kind for make in LATE for kind in kinds_of(make(oracle))]
    assert len(kinds) == len(set(kinds)) == len(AWAITED)
    assert not {kind for judge in early(Accounts(), oracle) for kind in judge.handlers()} & set(kinds)


def test_a_late_property_arrives_once_with_the_first_record_of_its_own() -> None:
    judge = checker(Accounts())
    before = len(judge.properties)
    for number in (1, 2):
        judge.feed(Delivered("relay-1", f"alice-{number}/0", number, True))
    assert len(judge.properties) == before + 1


def test_an_extension_that_is_called_late_has_missed_nothing() -> None:
    history = execute(
        Reference(), Accounts(), (ADA, Submit("alice", Register("zeta", "bob")), Drain("relay-1"))
    ).history
    assert [record.position for record in history if type(record) is Delivered] == [1, 2]


def test_what_a_system_does_not_have_is_not_called_checked() -> None:
    kinds = {kind for judge in properties(Accounts()) for kind in judge.handlers()}
    assert {"DUAL", "CDC"} <= {guarantee for _, guarantee in checked_on(Accounts(), Reference().capabilities, kinds)}
    assert not {"DUAL", "CDC"} & {guarantee for _, guarantee in checked_on(Accounts(), {"append"}, kinds)}


def test_a_property_that_had_nothing_to_judge_has_checked_nothing() -> None:
    """Neither in a run in which nothing happened, nor one of snapshots where none was taken."""
    everything = Reference().capabilities
    empty = {Opened, Settling, Scanned, Observed, Settled}
    assert checked_on(Accounts(), everything, empty) == ()
    plain = {guarantee for _, guarantee in checked_on(Accounts(), everything, {*empty, Prepared, Stored, Applied})}
    assert {"LOG", "CAS", "CKPT", "REPL", "LIVE"} <= plain
    assert not {"SNAP", "LOCK", "DUAL", "CDC"} & plain
