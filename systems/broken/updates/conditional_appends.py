"""Broken conditional appends (CAS)."""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.client import Client, HeldAggregateClient, View
from refold.model.event import Stored
from refold.model.expectation import ANY, NO_STREAM, AnyExpectation, NoMatch
from refold.model.log import Appended, AppendRequest, Conflict, Log
from refold.systems.broken.registry import broken


@broken(
    "check-then-append",
    "log",
    guarantee="CAS",
    reference="marten#4591, #1665; nats-server#4319, #4320; CJSCommonPlatform#356; orchestrix",
    fix="a unique constraint on (stream, version), or the check inside the transaction or consensus step that appends",
)
class CheckThenAppend(Log):
    """Checks the expected version when an append begins, and stores the events when it commits. Two writers that both saw version 3 both
    win."""

    def recheck(self, request: AppendRequest, batch: Sequence[Stored]) -> Conflict | None:
        """It was checked once; that must do."""
        return None


@broken(
    "expected-any-misuse",
    "alice",
    "bob",
    guarantee="CAS",
    reference="KurrentDB#1949, #1970; Eventuous#582",
    fix="forbid “any version” for decisions",
    application="accounts",
)
class ExpectedAnyMisuse(Client):
    """Decides on a view and appends, no matter how the stream has changed since. The decision may be wrong by then."""

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """No condition."""
        return key, ANY


@broken(
    "unique-via-stale-read-model",
    "alice",
    "bob",
    guarantee="CAS",
    reference="danielwhittaker.me 2017-10-09; docs.eventsourcingdb.io on unique e-mail addresses",
    fix="a stream per unique value claimed with “no stream”, a unique index, or a reservation",
    application="accounts",
)
class UniqueViaStaleReadModel(Client):
    """Looks the name up in an eventually consistent view and creates a new stream for every entity. The streams never conflict, so
    nothing stops the second “ada”."""

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """Every operation has a stream of its own, which of course is free."""
        return f"{key}/{op}", NO_STREAM


@broken(
    "duplicate-append-lost-ack",
    "log",
    guarantee="CAS/LOG",
    reference="marten#5262; KurrentDB PR#1354, PR#1357",
    fix="stable event ids and dedupe in the log, or surface “unknown” to the caller",
)
class DuplicateAppendLostAck(Log):
    """Does not recognise an append that is sent a second time because its first answer was lost, and stores it twice."""

    def recognise(self, request: AppendRequest) -> Appended | None:
        """Every request is a new request."""
        return None


@broken(
    "first-append-race",
    "log",
    guarantee="CAS",
    reference="NEventStore#415",
    fix="a value of its own for “no stream”",
    application="accounts",
)
class FirstAppendRace(Log):
    """Takes an expected version of 0 for “no expectation”. Two creators of the same stream both win."""

    def check(self, request: AppendRequest) -> Conflict | None:
        """if expected: …"""
        return None if request.expected == NO_STREAM else super().check(request)


@broken(
    "retry-with-new-version-defeats-id",
    "log",
    guarantee="CAS",
    reference="KurrentDB#1898, #2274",
    fix="an idempotency table of the commands, whatever version they expect",
)
class RetryWithNewVersionDefeatsId(Log):
    """Looks for a known event id only if the expected version is wrong. A retry that has read the version again is stored twice."""

    def recognise(self, request: AppendRequest) -> Appended | None:
        """The version is right, so it must be new."""
        return None if self.check(request) is None else super().recognise(request)


@broken(
    "per-key-vs-global-sequence",
    "log",
    guarantee="CAS",
    reference="nats-server#7361; acoustid-index PR#129",
    fix="one type of token: what an append returns is what the next one expects",
    tier=2,
)
class PerKeyVsGlobalSequence(Log):
    """Compares the expected version, which counts one stream, with the sequence of the whole log."""

    def check(self, request: AppendRequest) -> Conflict | None:
        """The wrong counter."""
        found = len(self.entries)
        return None if request.expected.holds(found) else Conflict(found)


@broken(
    "false-conflict",
    "log",
    guarantee="CAS",
    reference="marten#4778",
    fix="match results to operations by id, not by place; check refusals against a model too",
    tier=2,
)
class FalseConflict(Log):
    """Checks many appends in one round trip and takes the results in the wrong order. An append is refused because of the stream of
    the one before it."""

    previous: AppendRequest | None = None

    def check(self, request: AppendRequest) -> Conflict | None:
        """The answer to the question before."""
        asked, self.previous = self.previous or request, request
        found = self.version(asked.stream)
        return None if request.expected.holds(found) else Conflict(found)


@broken(
    "uncommitted-cleared-on-failure",
    "carol",
    guarantee="LOG/CAS",
    reference="patchlevel/event-sourcing#313, #237",
    fix="forget new events only after the save succeeded; discard the aggregate if it did not",
)
class UncommittedClearedOnFailure(HeldAggregateClient):
    """Removes the new events from the aggregate's list before the save, which then fails. The aggregate continues with events that are in
    no log."""

    def send(self, request: AppendRequest) -> Appended | Conflict:
        """Clear first, save second."""
        self.committed(request.stream)
        return super().send(request)


@broken(
    "failed-command-bumps-version",
    "carol",
    guarantee="REPL",
    reference="eventsourcing release notes 9.1.0",
    fix="apply the event first, then raise the version",
)
class FailedCommandBumpsVersion(HeldAggregateClient):
    """Raises the version of the aggregate and then runs the command, which may be rejected. The next command expects a version that the
    stream does not have."""

    def view(self, key: str) -> View:
        """Sets the version that the aggregate will have."""
        view = super().view(key)
        self.held[key] = View(view.state, view.version + 1)
        return view


@broken(
    "condition-on-stale-view",
    "log",
    guarantee="CAS",
    reference="marten#4591, PR#4595; PaulGrimshaw/dcb-event-store#13",
    fix="check the condition in the step that writes: a lock or a version for each tag, or serializable isolation",
    application="courses",
)
class ConditionOnStaleView(Log):
    """Checks a condition over tags in a view that lacks the newest event. Two writers whose conditions overlap both win."""

    def excluded(self, condition: NoMatch, event: Stored) -> bool:
        """The newest event is not in the view yet."""
        newest = self.entries[-1] if self.entries else None
        return event is not newest and super().excluded(condition, event)


@broken(
    "condition-of-one-tag",
    "log",
    guarantee="CAS",
    reference="dcb.events specification: an event matches a query if it matches any of its items",
    fix="look for the events of every item of the condition, not of the first one",
    application="courses",
)
class ConditionOfOneTag(Log):
    """Looks only at the first part of a condition over several tags. A conflict through any other tag is not seen."""

    def match(self, condition: NoMatch, op: str) -> Conflict | None:
        """One will do."""
        return super().match(NoMatch(condition.criteria[:1], condition.after), op)


@broken(
    "condition-too-narrow",
    "alice",
    "bob",
    guarantee="CAS",
    reference="dcb.events specification: the condition of an append is the query of its decision model",
    fix="append with the very query with which the decision was read",
    application="courses",
)
class ConditionTooNarrow(Client):
    """Reads everything that its decision is about, but appends under a condition that covers only part of it."""

    def condition(self, condition: NoMatch) -> AnyExpectation:
        """The course will do."""
        return NoMatch(condition.criteria[:1], condition.after)


@broken(
    "condition-too-wide",
    "log",
    guarantee="CAS",
    reference="AxonFramework#4828, PR#4830",
    fix="compare types and tags, not only positions",
    application="courses",
)
class ConditionTooWide(Log):
    """Refuses an append as soon as anything at all has been appended since its client read."""

    def excluded(self, condition: NoMatch, event: Stored) -> bool:
        """Whatever it is about."""
        return event.position > condition.after
