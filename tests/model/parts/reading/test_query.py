"""Queries: what a session may rely on."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.action import Append, Crash, Deliver, Prepare, Submit
from refold.model.examples.accounts import Accounts, Delete, Register
from refold.model.parts.reading.query import (
    PATIENCE,
    Answered,
    CachedAtRest,
    FillCache,
    GaveUp,
    HearNews,
    LookAgain,
    Queries,
    Query,
    Search,
    Searched,
    Waiting,
)
from refold.model.parts.reading.revisioned_keys import LookUp
from refold.search.run import execute
from refold.systems.reference import Reference

ADA = Submit("alice", Register("acme", "ada"))
STORE = Deliver("store", 0)


def records(kind: type, *plan: Any, parts: dict[str, Any] | None = None) -> list[Any]:
    """The records of one kind that a plan leaves behind before the system settles."""
    system = Reference("test", parts)
    history: list[Any] = []
    deployment = system.open(Accounts(), history.append)
    for action in plan:
        assert deployment.perform(action), action
    return [record for record in history if type(record) is kind]


def test_a_client_that_has_written_waits_until_the_store_has_it() -> None:
    (waiting,) = records(Waiting, ADA, Query("alice", "acme"))
    assert waiting.needed == 1
    (answer,) = records(Answered, ADA, Query("alice", "acme"), STORE, LookAgain("alice"))
    assert (answer.version, answer.state) == (1, frozenset({"ada"}))


def test_who_has_not_written_is_answered_at_once_and_staleness_is_measured() -> None:
    (answer,) = records(Answered, ADA, Query("bob", "acme"))
    assert (answer.version, answer.events_behind, answer.ticks_behind) == (0, 1, 1)


@pytest.mark.parametrize("known", range(4))
def test_the_staleness_of_an_answer_is_the_time_since_the_first_event_that_it_lacks(known: int) -> None:
    """Whatever came later; it is 0 where nothing is missing."""
    commands = (Register("acme", "ada"), Register("acme", "bob"), Delete("acme", "ada"))
    plan: list[Any] = []
    visible: list[int] = []
    for version, command in enumerate(commands, 1):
        plan.append(Submit("carol", command))
        visible.append(len(plan))
        plan += [Deliver("store", 0)] * (version <= known) + [LookUp("bob", "lamp")] * version
    (answer,) = records(Answered, *plan, Query("bob", "acme"))
    since = len(plan) + 1 - visible[known] if known < len(commands) else 0
    assert (answer.version, answer.events_behind, answer.ticks_behind) == (known, len(commands) - known, since)


def test_a_wait_ends_when_its_patience_does() -> None:
    ticks = [Query("bob", "acme")] * PATIENCE
    (gave_up,) = records(GaveUp, ADA, Query("alice", "acme"), *ticks, LookAgain("alice"))
    assert gave_up.ticks >= PATIENCE


def test_the_second_answer_comes_from_the_cache() -> None:
    first, second = records(Answered, ADA, STORE, Query("bob", "acme"), FillCache("bob"), Query("carol", "acme"))
    assert (first.source, second.source) == ("store", "cache")
    assert first.state == second.state


def test_the_cache_is_stale_until_it_hears_of_the_change() -> None:
    change = Submit("carol", Delete("acme", "ada"))
    plan = (ADA, STORE, Query("bob", "acme"), FillCache("bob"), change, STORE, Query("bob", "acme"))
    *_, stale = records(Answered, *plan)
    assert (stale.source, stale.version, stale.events_behind) == ("cache", 1, 1)
    *_, fresh = records(Answered, *plan, HearNews(), Query("bob", "acme"))
    assert (fresh.source, fresh.version) == ("store", 2)


def test_a_row_that_is_known_to_be_old_does_not_fill_the_cache() -> None:
    plan = (ADA, Query("bob", "acme"), HearNews(), FillCache("bob"), STORE, Query("bob", "acme"))
    assert [(answer.source, answer.version) for answer in records(Answered, *plan)] == [("store", 0), ("store", 1)]


def test_what_was_read_later_takes_the_place_of_a_row_in_the_cache() -> None:
    """The row is the same; how far the store was is not."""
    other = Submit("carol", Register("zeta", "zoe"))
    plan = (
        *(ADA, STORE, Query("bob", "acme"), FillCache("bob"), Query("alice", "acme")),
        *(other, STORE, Query("carol", "acme"), FillCache("carol"), Query("carol", "acme")),
    )
    assert [answer.source for answer in records(Answered, *plan)] == ["store", "cache", "store", "cache"]


def test_a_session_does_not_go_back_to_what_an_older_read_left_in_the_cache() -> None:
    plan = (
        ADA,
        STORE,
        Query("bob", "acme"),
        Submit("carol", Delete("acme", "ada")),
        STORE,
        Query("alice", "acme"),
        FillCache("bob"),
        Query("alice", "acme"),
    )
    assert [answer.version for answer in records(Answered, *plan)] == [1, 2, 2]
    (finding,) = execute(Reference("test", {"queries": AsksForOwnWritesOnly}), Accounts(), plan).findings
    assert (finding.anomaly, finding.guarantee) == ("read-goes-back", "READ")


def test_a_dangling_hit_is_recognised_and_discarded() -> None:
    (search,) = records(Searched, ADA, Deliver("index", 0), Search("bob", "acme"))
    assert [(hit.row, hit.version, hit.shown) for hit in search.hits] == [("ada@acme", 0, False)]
    (search,) = records(Searched, ADA, Deliver("index", 0), STORE, Search("bob", "acme"))
    assert [(hit.version, hit.shown) for hit in search.hits] == [(1, True)]


def test_nobody_searches_while_the_index_or_the_store_is_down_nor_a_stranger_at_all() -> None:
    for before, client in ((Crash("index"), "bob"), (Crash("store"), "bob"), (ADA, "zoe")):
        deployment = Reference().open(Accounts(), lambda record: None)
        assert deployment.perform(before)
        assert not deployment.perform(Search(client, "acme"))


def test_a_write_of_the_same_client_while_its_query_waits_is_not_asked_of_the_answer() -> None:
    plan = (
        ADA,
        Query("alice", "acme"),
        Prepare("carol", Register("acme", "bob")),
        STORE,
        Append("carol"),
        LookAgain("alice"),
    )
    assert execute(Reference(), Accounts(), plan).findings == []


class AsksForOwnWritesOnly(Queries):
    """Forgets what a session has read before."""

    def needed(self, client: str) -> int:
        """Own writes, and nothing else."""
        acknowledged: int = self.clients[client].acknowledged
        return acknowledged


class NeverGivesUp(Queries):
    """Waits without an end."""

    def expired(self, ticks: int) -> bool:
        """Never."""
        return False


class WaitsForTheWrongThing(Queries):
    """Waits until nobody knows when."""

    def reached(self, needed: int) -> bool:
        """Never."""
        return False


def test_a_wait_without_an_end_is_found() -> None:
    plan = (ADA, Query("alice", "acme"), *[Query("bob", "acme")] * PATIENCE, LookAgain("alice"))
    (finding,) = execute(Reference("test", {"queries": NeverGivesUp}), Accounts(), plan).findings
    assert (finding.anomaly, finding.guarantee) == ("query-waits-for-ever", "LIVE")


def test_a_query_that_nothing_hinders_and_nobody_answers_is_found() -> None:
    run = execute(Reference("test", {"queries": WaitsForTheWrongThing}), Accounts(), (ADA, Query("alice", "acme")))
    assert [(finding.anomaly, finding.guarantee) for finding in run.findings] == [("query-never-answered", "LIVE")]


def test_a_sentence_about_what_is_cached_names_six_keys_and_counts_the_rest() -> None:
    """Or says that there is nothing."""
    rows = {f"k{n}": (n, None) for n in range(1, 9)}
    assert str(CachedAtRest({})) == "at rest the query cache holds nothing"
    assert str(CachedAtRest({"k1": (1, None)}, "bob")) == "at rest bob answers about k1 (version 1)"
    assert str(CachedAtRest(rows)).endswith("k5 (version 5), k6 (version 6) and 2 more")
