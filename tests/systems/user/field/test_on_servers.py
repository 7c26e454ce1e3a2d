"""Asynchronous workers on Redis and on NATS: one that saves its position first loses an event, and is found; its repair is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from refold.model.errors import SystemUnavailable
from refold.properties.diagnosis.scores import diagnose
from refold.properties.result import Counterexample
from refold.search.campaign import Budget, Campaign
from refold.systems.registry import resolve
from refold.systems.user.adopt import adapt

from . import on_servers as theirs

SYSTEMS: dict[str, tuple[Any, Any, Any]] = {
    "redis": (theirs.OnRedis, theirs.RedisCheckpointFirst, theirs.RedisWorker),
    "nats": (theirs.OnNats, theirs.NatsCheckpointFirst, theirs.NatsWorker),
}
"""Server -> system, a worker that saves its position first, and its repair."""


@pytest.fixture(params=list(SYSTEMS), scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """A server of this kind."""
    pytest.importorskip(request.param, reason="its client is not installed")
    try:
        system: Any = resolve(request.param)
    except SystemUnavailable as error:
        pytest.skip(str(error))
    try:
        ours = system.ours()
        ours.up()
        yield request.param, ours.port
    finally:
        system.dismiss()


def made(server: tuple[str, int], which: int) -> Callable[[], object]:
    """A system with a worker of this kind."""
    kind, port = server
    system, *workers = SYSTEMS[kind]
    return lambda: system(port, workers[which])


def test_a_position_that_is_saved_first_is_found(server: tuple[str, int]) -> None:
    """An event is lost where the worker is interrupted between the two."""
    bad = adapt("first", made(server, 0))
    found = Campaign(bad, theirs.Tally(), 1, Budget(seconds=None, examples=10, distinct=1)).run().counterexamples
    assert found
    assert found[0].finding.guarantee == "CKPT"
    assert found[0].finding.anomaly in ("checkpoint-ahead-of-effects", "event-never-applied")
    assert diagnose(found[0].findings, found[0].history)[0].row.name == "checkpoint-before-effect"


def test_its_repair_is_held(server: tuple[str, int]) -> None:
    """And it was interrupted."""
    result = Campaign(adapt("together", made(server, 1)), theirs.Tally(), 1, Budget(seconds=None, examples=3)).run()
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["deaths_in_work"] + result.counts["answers_lost"] > 0


@pytest.fixture
def port(server: tuple[str, int]) -> int:
    """Of NATS."""
    if server[0] != "nats":
        pytest.skip("for NATS only")
    return server[1]


def test_who_acknowledges_a_fetched_message_before_the_work_is_found(port: int) -> None:
    """Beside an asynchronous service with a client of its own. To shrink it would take a minute."""
    bad = adapt("first", lambda: theirs.OnJetStream(port, theirs.AckFirst))
    seen: list[Counterexample] = []

    def enough(found: Counterexample) -> None:
        seen.append(found)
        raise KeyboardInterrupt

    assert Campaign(bad, theirs.Tally(), 1, Budget(seconds=None, examples=40), seen=enough).run().interrupted
    assert seen[0].finding.guarantee in ("CKPT", "LIVE")


def test_who_acknowledges_it_after_the_work_is_held(port: int) -> None:
    """A message with which a process has died comes again."""
    good = adapt("after", lambda: theirs.OnJetStream(port, theirs.Fetcher))
    result = Campaign(good, theirs.Tally(), 1, Budget(seconds=None, examples=6)).run()
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["deaths_in_work"] + result.counts["answers_lost"] > 0
