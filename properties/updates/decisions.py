"""Conditional updates: an accepted conditional append is right if and only if its condition holds at its own place in the log (A7).

The log is totally ordered, so this can be checked in linear time, no matter how stale the client's view was: the condition of the append
whose first event is at position r is evaluated on fold(log[:r]). Two conditions are checked: the expected version and, if the application
is known, the decision itself (the command is decided again on the actual state). A refusal is correct if and only if the expectation
failed at some time between the invocation and the answer, and the refusal names a version that the stream had during that time. If the
outcome of an append was unknown and its command was decided again, either decision may take effect; one of the two must be correct.

The names of the anomalies mean the following. ``duplicate-create``: something that may exist only once was created again.
``lost-update``: a decision took effect on a state that it had not seen and that forbids it. ``oversold``: two decisions on the same view
broke an invariant. ``write-skew``: two decisions wrote to different streams that share an invariant. ``false-conflict``: an append was
refused without a reason. ``conflict-names-wrong-version``: an append was refused with a wrong reason. A decision on a stale view that
happens to be right is not a violation; ``stale_decisions`` counts such decisions.
"""

from __future__ import annotations

from typing import Any

from refold.model.application import Application, Refusal
from refold.model.event import Stored
from refold.model.expectation import AnyExpectation, NoMatch
from refold.model.parts.calls import SERVICE
from refold.model.record import Aborted, Prepared, Refused
from refold.properties.appends import Operation
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property, as_recorded
from refold.properties.updates.boundaries import UNKNOWN
from refold.properties.updates.service_answers import repeated


def in_order(evidence: list[Evidence]) -> list[Evidence]:
    """Evidence in the order of the history."""
    return sorted(evidence, key=lambda proof: proof.number)


class ExpectedVersion(Property):
    """For every visible append with expectation x at place r of stream s: x holds for the version of s just before r. An append is
    refused only if x failed at some time between the invocation and the answer, and the refusal names a version that s had during that
    time.

    A refusal is not judged if the expectation is about something other than a version. While a slow append is open, the version that a
    refusal names is not judged either, because readers of the log cannot see the events of that append.
    """

    name = "expected-version"
    guarantee = "CAS"
    after = ("appends",)
    clauses = {
        "holds": "the expectation of an append holds for the version of its stream just before the first of its events",
        "refused with cause": "an append is refused only if its expectation failed between invocation and answer",
        "names a version": "a refusal names a version that the stream had between invocation and answer",
        "no match": "for an append with a condition over tags, no event after the position that was read and before its own place "
        "matches the condition",
    }
    passes = frozenset({Stored})

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.appends = oracle.appends
        self.window = oracle.window(
            REMEMBERED,
            "conditions over tags of appends that had read no further than events older than the newest {size}",
        )
        self.windows = (self.window,)

    def handlers(self) -> dict[type, Handler]:
        """The first visible event of each append, and refusals."""
        return {Stored: self.on_stored, Refused: self.on_refused}

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """The place of the append is the place of its first event; there its expectation holds, any of those that it was sent with."""
        appends = self.appends
        operation = appends.operation
        if operation is None or not appends.first:
            return None
        prepared = operation.prepared
        if type(prepared.expected) is NoMatch:
            return self.judge_condition(number, event, operation)
        version = self.oracle.versions.get(event.stream, 0)
        if prepared.expected.holds(version):
            return None
        if operation.earlier and self.held_before(operation, version, event.position):
            return None
        evidence = [Evidence(operation.number, prepared, "read")]
        previous = self.oracle.changed.get(event.stream)
        if previous is not None:
            evidence.append(Evidence(*previous, "changed"))
        return self.finding(
            "lost-update",
            event.stream,
            number,
            clause="holds",
            position=event.position,
            expected=str(prepared.expected),
            actual=f"version {version}",
            evidence=in_order([*evidence, Evidence(number, event, "appended")]),
        )

    def on_refused(self, number: int, record: Refused) -> Finding | None:
        """A refusal needs a conflict; versions only grow, so one at either end of the interval is all that there can be."""
        operation = self.appends.operations.get(record.op)
        if operation is None or operation.placed:
            return None
        if operation.ended is not None and type(operation.ended[1]) is Aborted:
            return None
        prepared, before = operation.prepared, operation.before
        if not prepared.expected.versioned:
            return self.refused_condition(number, record, operation)
        holds = prepared.expected.holds
        version = self.oracle.versions.get(prepared.stream, 0)
        if not holds(version) or not holds(before) or (self.oracle.slow and not holds(record.found)):
            return self.misnamed(number, record, operation, version)
        return self.finding(
            "false-conflict",
            prepared.stream,
            number,
            clause="refused with cause",
            expected=f"accepted: the stream is at version {version}",
            actual=f"refused: found version {record.found}",
            evidence=[
                Evidence(operation.number, prepared, "expected"),
                Evidence(number, record, "was refused all the same"),
            ],
        )

    def judge_condition(self, number: int, event: Stored, operation: Operation) -> Finding | None:
        """No event between what the append had read and its own place may match, in any form in which it was sent."""
        prepared = operation.prepared
        between = self.matching(prepared.expected, event.position)
        if between is None:
            return None
        if operation.earlier and self.held_before(operation, self.oracle.versions.get(event.stream, 0), event.position):
            return None
        return self.finding(
            "condition-ignored",
            event.stream,
            number,
            clause="no match",
            position=event.position,
            expected=str(prepared.expected),
            actual=f"event {between.position}",
            evidence=in_order(
                [
                    Evidence(operation.number, prepared, "demanded that nothing matches"),
                    Evidence(self.oracle.numbers[between.position], between, "matches"),
                    Evidence(number, event, "appended"),
                ]
            ),
        )

    def held_before(self, operation: Operation, version: int, position: int) -> bool:
        """Whether the expectation of an earlier form of the append, which may be the one that took effect, holds here."""
        return any(
            form.expected.holds(version) and self.matching(form.expected, position) is None
            for form in operation.earlier
        )

    def matching(self, expected: AnyExpectation, before: int) -> Stored | None:
        """The newest event between what an append had read and its place that its condition excludes."""
        if type(expected) is not NoMatch:
            return None
        if expected.after < self.oracle.low:
            self.window.miss()
            return None
        between = self.oracle.between(expected.after, before - 1)
        return next((event for event in reversed(between) if expected.matches(event.type, event.tags)), None)

    def refused_condition(self, number: int, record: Refused, operation: Operation) -> Finding | None:
        """A refusal needs an event that matches. While a slow append is open, readers do not see all that the log sees."""
        expected = operation.prepared.expected
        if type(expected) is not NoMatch or self.oracle.slow or expected.after < self.oracle.low:
            return None
        if self.matching(expected, self.oracle.tail + 1) is not None:
            return None
        return self.finding(
            "false-conflict",
            operation.prepared.stream,
            number,
            clause="refused with cause",
            expected="accepted: no event matches its condition",
            actual="refused",
            evidence=[
                Evidence(operation.number, operation.prepared, "expected"),
                Evidence(number, record, "was refused all the same"),
            ],
        )

    def misnamed(self, number: int, record: Refused, operation: Operation, version: int) -> Finding | None:
        """A right refusal that gives a wrong version. Below 0 stands for “not known”; while an append is open, readers do not see all."""
        before = operation.before
        if record.found < 0 or self.oracle.slow or before <= record.found <= version:
            return None
        return self.finding(
            "conflict-names-wrong-version",
            operation.prepared.stream,
            number,
            clause="names a version",
            expected=f"version {version}" if before == version else f"a version from {before} to {version}",
            actual=f"version {record.found}",
            evidence=[
                Evidence(operation.number, operation.prepared, "was rightly refused"),
                Evidence(number, record, "was refused with this version"),
            ],
        )


class Decisions(Property):
    """For every visible append of a known, conditional command c at place r: decide(c, fold(log[:r])) returns exactly the events that
    were appended. No state in the fold, of one key or of a group of keys, breaks the application's invariants.

    A state that breaks an invariant right after a wrong decision belongs to that decision, and is not reported a second time.
    """

    name = "decisions"
    guarantee = "CAS"
    needs_application = True
    after = ("states",)
    clauses = {
        "decided on the actual state": "a conditional command that is decided again on the state at its place gives the events that "
        "were appended",
        "invariant": "no state of a key breaks the application's invariant",
        "group invariant": "the states of a group of keys do not together break the application's invariant",
    }

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        if oracle.states is None:
            raise ValueError("decisions are judged on states: this oracle has no application to fold them with")
        self.decider = application
        self.appends = oracle.appends
        self.states = oracle.states
        self.changed: dict[str, tuple[int, Stored]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.grouped: dict[str, tuple[str, int, Stored]] = {}
        self.stale_decisions = 0
        self.invariant = type(application).broken_invariant is not Application.broken_invariant
        self.group_invariant = type(application).broken_group_invariant is not Application.broken_group_invariant

    def handlers(self) -> dict[type, Handler]:
        """Visible events."""
        return {Stored: self.on_stored}

    def observations(self) -> dict[str, int]:
        """Decisions on a stale view that were right by luck."""
        return {"stale_decisions": self.stale_decisions}

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """The decision holds on the state before its first event, and the state after the event is one that may be."""
        key = self.states.key
        appends = self.appends
        operation = appends.operation if appends.first else None
        finding = None
        if operation is not None:
            command = operation.prepared.command
            if command is not None and self.decider.decides and self.decider.conditional(command):
                finding = self.judge(number, event, key, operation)
        if self.invariant or self.group_invariant:
            after = self.states.states[key]
            found = None if operation is None else (operation.number, operation.prepared)
            if finding is None and self.invariant:
                finding = self.judge_state(number, event, key, after, found)
            if self.group_invariant:
                group_finding = self.judge_group(number, event, key, after, found)
                finding = finding or group_finding
        self.changed[key] = (number, event)
        return finding

    def judge_state(
        self, number: int, event: Stored, key: str, state: Any, found: tuple[int, Prepared] | None
    ) -> Finding | None:
        """Whether the state of a key may be; two decisions on one view have broken it if the key changed since the last one's view."""
        broken = self.decider.broken_invariant(key, state)
        if broken is None:
            return None
        stale = found is not None and self.stale(key, *found)
        return self.broken("oversold" if stale else "invariant-broken", "invariant", key, broken, number, event, found)

    def stale(self, key: str, invoked: int, prepared: Prepared) -> bool:
        """Whether `key` changed between the view that was decided on and now."""
        changed = self.changed.get(key)
        if changed is None:
            return False
        number, event = changed
        return number > invoked or (event.stream == prepared.stream and event.version > prepared.seen)

    def broken(
        self,
        anomaly: str,
        clause: str,
        key: str,
        what: str,
        number: int,
        event: Stored,
        found: tuple[int, Prepared] | None,
    ) -> Finding:
        """A state that must not be."""
        evidence = [] if found is None else [Evidence(*found, "read")]
        if key in self.changed:
            evidence.append(Evidence(*self.changed[key], "changed"))
        return self.finding(
            anomaly,
            key,
            number,
            clause=clause,
            position=event.position,
            expected="a state that the invariant allows",
            actual=what,
            evidence=in_order([*evidence, Evidence(number, event, "appended")]),
        )

    def judge_group(
        self, number: int, event: Stored, key: str, state: Any, found: tuple[int, Prepared] | None
    ) -> Finding | None:
        """Whether the states of the group may stand together: the newest two changes were to different keys in a write skew."""
        group = self.decider.group(key)
        states = self.groups.setdefault(group, {})
        states[key] = state
        other = self.grouped.get(group)
        self.grouped[group] = (key, number, event)
        broken = self.decider.broken_group_invariant(group, states)
        if broken is None:
            return None
        if other is None or other[0] == key:
            return self.broken("invariant-broken", "group invariant", group, broken, number, event, found)
        evidence = [] if found is None else [Evidence(*found, "read")]
        return self.finding(
            "write-skew",
            group,
            number,
            clause="group invariant",
            position=event.position,
            expected="states that the invariant of the group allows",
            actual=broken,
            evidence=in_order(
                [
                    *evidence,
                    Evidence(other[1], other[2], "changed another key"),
                    Evidence(number, event, "appended"),
                ]
            ),
        )

    def judge(self, number: int, event: Stored, key: str, operation: Operation) -> Finding | None:
        """Whether the decision, or one of those before it, holds on the truth at its place."""
        prepared, invoked = operation.prepared, operation.number
        anomaly, expected = self.wrong(prepared)
        if not anomaly or (operation.earlier and any(not self.wrong(form)[0] for form in operation.earlier)):
            if self.stale(key, invoked, prepared):
                self.stale_decisions += 1
            return None
        if repeated(self.decider, prepared, self.states.prior_of(prepared.command), event.version - 1):
            return None  # right, and there twice: `service-answers` says so
        evidence = [Evidence(invoked, prepared, "read")]
        changed = self.changed.get(key)
        if changed is not None:
            evidence.append(Evidence(*changed, "changed"))
            if anomaly == "lost-update" and changed[1].stream != event.stream:
                anomaly = "write-skew"
        return self.finding(
            anomaly,
            key,
            number,
            clause="decided on the actual state",
            position=event.position,
            expected=expected,
            actual=tuple([wanted.data for wanted in prepared.events]),
            evidence=in_order([*evidence, Evidence(number, event, "appended")]),
        )

    def wrong(self, prepared: Prepared) -> tuple[str, Any]:
        """What is wrong with this decision at this place, and the right one; nothing if it is the right one."""
        states = self.states
        plain = states.boundaries is None and prepared.stream == states.key
        prior = states.prior if plain else states.prior_of(prepared.command)
        if prior is UNKNOWN:
            return "", ()
        try:
            events = tuple(self.decider.decide(prepared.command, prior))
        except Refusal as refusal:
            return refusal.anomaly, f"refused: {refusal.reason}"
        asked = tuple([wanted.data for wanted in prepared.events])
        if as_recorded(asked, events):
            return "", events
        if prepared.source == SERVICE and as_recorded(asked, events[: len(asked)]):
            return "", events  # the beginning of it: `service-answers` says what is missing
        return "lost-update", events
