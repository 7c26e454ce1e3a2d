"""Views: a client decides on what the log says, not on what it wishes the log said.

This is usually broken by aggregates that are kept in memory: they keep events that the log has refused (catalogue:
uncommitted-cleared-on-failure), or a declined command changes them (failed-command-bumps-version). The state of a view is not recorded,
so the decision is compared instead, if it was made on the newest version. This is done only for clients that load the stream themselves.
Other clients read the rows of a consumer, and those rows are compared where they are stored.
"""

from __future__ import annotations

from typing import Any

import attrs

from refold.model.application import Application, Refusal
from refold.model.record import Aborted, Declined, Prepared, Refused, Settled, Unknown
from refold.model.words import counted
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property, as_recorded


class Views(Property):
    """For every decision on a known command c that was made on a view of its own stream s at version n: n <= |s|. If n = |s| and the
    client read the log, the decision is that of decide(c, fold(s)).

    Nothing is judged while a slow append is open, because a read of a stream may then show more than a read of the whole log. Keys with
    events in streams of other names and decisions on events that match tags are not judged either. Only the end of the run shows what an
    unanswered append has added to a view.
    """

    name = "views"
    guarantee = "REPL"
    needs_application = True
    judges = (Prepared, Declined)
    clauses = {
        "not ahead": "a view holds no more events than readers of the whole log have seen by the end of the run",
        "append": "a decision to append that was made on the newest version is the one that the fold of the stream gives",
        "decline": "a decision not to append that was made on the newest version is the one that the fold of the stream gives",
    }

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        if oracle.states is None:
            raise ValueError("views are judged on states: this oracle has no application to fold them with")
        self.decider = application
        self.oracle = oracle
        self.states = oracle.states
        self.versions = oracle.versions
        self.operations = oracle.appends.operations
        self.unsaved: dict[tuple[str, str], tuple[int, Refused | Aborted | Unknown]] = {}
        self.doubtful: dict[str, tuple[int, Finding]] = {}
        """Stream -> the largest view of it that only the end can tell to be right or wrong."""

    def handlers(self) -> dict[type, Handler]:
        """Decisions, and appends that came to nothing."""
        return {
            Prepared: self.on_prepared,
            Declined: self.on_declined,
            Refused: self.on_unsaved,
            Aborted: self.on_unsaved,
            Unknown: self.on_unsaved,
            Settled: self.on_settled,
        }

    def on_unsaved(self, number: int, record: Refused | Aborted | Unknown) -> None:
        """What a client had decided, and the log does not have, or may not have."""
        operation = self.operations.get(record.op)
        if operation is not None:
            self.unsaved[record.client, operation.prepared.stream] = (number, record)

    def on_prepared(self, number: int, record: Prepared) -> Finding | None:
        """A decision to append is that of the fold, made on no more than there is."""
        version = self.versions.get(record.stream, 0)
        if record.seen < version or self.oracle.slow or (record.seen == version and record.source != "log"):
            return None
        if (
            record.command is None
            or record.stream in self.states.scattered
            or record.stream != self.decider.key(record.command)
        ):
            return None  # a stream per entity: its versions and its fold are not those of the key
        if self.over_tags(record):
            return None
        if record.seen > version:
            return self.ahead(number, record, version)
        expected = self.decide(record)
        actual = tuple([event.data for event in record.events])
        same = isinstance(expected, tuple) and as_recorded(actual, expected)
        return None if same else self.differs(number, record, "append", expected, actual)

    def on_declined(self, number: int, record: Declined) -> Finding | None:
        """A decision not to append is that of the fold, made on no more than there is."""
        version = self.versions.get(record.stream, 0)
        if record.seen < version or self.oracle.slow or (record.seen == version and record.source != "log"):
            return None
        if (
            record.command is None
            or record.stream in self.states.scattered
            or record.stream != self.decider.key(record.command)
            or self.over_tags(record)
        ):
            return None
        if record.seen > version:
            return self.ahead(number, record, version)
        expected = self.decide(record)
        if not isinstance(expected, tuple) or not expected:
            return None
        return self.differs(number, record, "decline", expected, f"declined: {record.reason}")

    def over_tags(self, record: Prepared | Declined) -> bool:
        """Whether the decision was made on events that match tags, which no stream holds."""
        return self.decider.tagged and self.decider.condition(record.command) is not None

    def ahead(self, number: int, record: Prepared | Declined, version: int) -> Finding | None:
        """A view of more events than readers of the whole log have seen; of appends that are under way only the end tells."""
        finding = self.differs(
            number, record, "not ahead", f"a view of at most {counted(version, 'event')}", f"a view of {record.seen}"
        )
        own = record if type(record) is Prepared else None
        if record.seen > version + self.oracle.appends.under_way(record.stream, own):
            return finding
        largest = self.doubtful.get(record.stream)
        if largest is None or record.seen > largest[0]:
            self.doubtful[record.stream] = (record.seen, finding)
        return None

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """The events that were in a view before readers saw them have come by now."""
        for stream, (seen, finding) in self.doubtful.items():
            if self.oracle.versions.get(stream, 0) < seen:
                return attrs.evolve(finding, number=number)
        return None

    def decide(self, record: Prepared | Declined) -> Any:
        """The decision on the true state."""
        try:
            return tuple(self.decider.decide(record.command, self.states.of(record.stream)))
        except Refusal as refusal:
            return f"declined: {refusal.reason}"

    def differs(self, number: int, record: Prepared | Declined, clause: str, expected: Any, actual: Any) -> Finding:
        """The finding; its name says whether an append that came to nothing is in the view."""
        unsaved = self.unsaved.get((record.client, record.stream))
        evidence = [] if unsaved is None else [Evidence(*unsaved, "is an append that the log does not have")]
        return self.finding(
            "view-is-no-replay" if unsaved is None else "decided-on-unsaved-events",
            record.stream,
            number,
            clause=clause,
            guarantee=None if unsaved is None else "CAS",
            expected=expected,
            actual=actual,
            evidence=[*evidence, Evidence(number, record, "decided on this view")],
        )
