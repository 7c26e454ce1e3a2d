"""Conditional updates: an accepted conditional append is right if and only if its condition holds at its own place in the log (A7).

The log is a total order, so this is decided in linear time, whatever stale view the client decided on: the condition of the
append whose first event is at position r is evaluated on fold(log[:r]). Two conditions are checked: the expected version, and,
given the application, the decision itself (decide it again on the true state). A refusal is right if and only if the
expectation failed at some time between the invocation and the answer, and it names a version that the stream had in that time.

The names. ``duplicate-create``: what may exist once was created again. ``lost-update``: a decision took effect on a state that it had
not seen and that forbids it. ``oversold``: two decisions on one view broke an invariant. ``write-skew``: two decisions wrote to
different streams that share an invariant. ``false-conflict``: a refusal without a reason. ``conflict-names-wrong-version``: a refusal with
a reason that is none. A decision on a stale view that happens to be right is no violation; `stale_decisions` counts them.
"""

from __future__ import annotations

from typing import Any

from refold.model.application import Application, Refusal
from refold.model.event import Stored
from refold.model.record import Prepared, Refused
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property, as_recorded, forget_oldest

REMEMBERED = 10_000
"""Appends of unknown outcome that are remembered in case they become visible late."""


def in_order(evidence: list[Evidence]) -> list[Evidence]:
    """Evidence in the order of the history."""
    return sorted(evidence, key=lambda proof: proof.number)


class ExpectedVersion(Property):
    """For every visible append with expectation x at place r of stream s: x holds on the number of events of s before r; and a
    refusal happens only if x failed between the invocation and the answer, and names a version that s had in that time."""

    name = "expected-version"
    guarantee = "CAS"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.pending: dict[str, tuple[int, Prepared, int]] = {}
        self.placed: tuple[int, Prepared, int] | None = None
        """The append whose place is that of the event at hand: `Decisions`, which comes next, judges it too."""
        self.changed: dict[str, tuple[int, Stored]] = {}
        self.earlier: dict[str, Prepared] = {}

    def handlers(self) -> dict[type, Handler]:
        """Invocations, their first visible event, refusals."""
        return {
            Prepared: self.on_prepared,
            Stored: self.on_stored,
            Refused: self.on_refused,
        }

    def on_prepared(self, number: int, record: Prepared) -> None:
        """A condition to check later, and the version of the stream at its invocation. An operation of unknown outcome that is decided
        anew may take effect in either way."""
        pending = self.pending
        if record.op in pending:
            self.earlier[record.op] = pending[record.op][1]
        pending[record.op] = (number, record, self.oracle.versions.get(record.stream, 0))
        if len(pending) >= 2 * REMEMBERED:
            forget_oldest(pending, REMEMBERED)

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """The place of the append is the place of its first event."""
        self.placed = found = self.pending.pop(event.id.rpartition("/")[0], None)
        previous = self.changed.get(event.stream)
        self.changed[event.stream] = (number, event)
        if found is None:
            return None
        invoked, prepared, _ = found
        version = self.oracle.versions.get(event.stream, 0)
        if prepared.expected.holds(version):
            return None
        if prepared.op in self.earlier and self.earlier.pop(prepared.op).expected.holds(version):
            return None
        evidence = [Evidence(invoked, prepared, "read")]
        if previous is not None:
            evidence.append(Evidence(*previous, "changed"))
        return self.finding(
            "lost-update",
            event.stream,
            number,
            position=event.position,
            expected=str(prepared.expected),
            actual=f"version {version}",
            evidence=in_order([*evidence, Evidence(number, event, "appended")]),
        )

    def on_refused(self, number: int, record: Refused) -> Finding | None:
        """A refusal needs a conflict; versions only grow, so one at either end of the interval is all that there can be. It ends the
        operation; a yes does not, because a slow append may still hide its events."""
        found = self.pending.pop(record.op, None)
        if found is None:
            return None
        invoked, prepared, before = found
        if not prepared.expected.versioned:
            return None
        holds = prepared.expected.holds
        version = self.oracle.versions.get(prepared.stream, 0)
        if not holds(version) or not holds(before) or (self.oracle.slow and not holds(record.found)):
            return self.misnamed(number, record, invoked, prepared, before, version)
        return self.finding(
            "false-conflict",
            prepared.stream,
            number,
            expected=f"accepted: the stream is at version {version}",
            actual=f"refused: found version {record.found}",
            evidence=[Evidence(invoked, prepared, "expected"), Evidence(number, record, "was refused all the same")],
        )

    def misnamed(
        self, number: int, record: Refused, invoked: int, prepared: Prepared, before: int, version: int
    ) -> Finding | None:
        """A right refusal that gives a wrong version. Below 0 stands for «not known»; while an append is open, readers do not see all."""
        if record.found < 0 or self.oracle.slow or before <= record.found <= version:
            return None
        return self.finding(
            "conflict-names-wrong-version",
            prepared.stream,
            number,
            expected=f"version {version}" if before == version else f"a version from {before} to {version}",
            actual=f"version {record.found}",
            evidence=[
                Evidence(invoked, prepared, "expected"),
                Evidence(number, record, "was refused with this version"),
            ],
        )


class Decisions(Property):
    """For every visible append of command c at place r: decide(c, fold(log[:r])) gives the very events that were appended, and no
    state of the fold, of one key or of a group of keys, breaks the application's invariants."""

    name = "decisions"
    guarantee = "CAS"
    needs_application = True

    def __init__(self, application: Application, versions: ExpectedVersion) -> None:
        super().__init__(application)
        self.decider = application
        self.versions = versions
        self.states: dict[str, Any] = {}
        self.changed: dict[str, tuple[int, Stored]] = {}
        self.scattered: set[str] = set()
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
        """Decide again on the true state, then fold the event."""
        decider = self.decider
        key = decider.key(event.data)
        if key != event.stream:
            self.scattered.add(key)
        states = self.states
        state = states[key] if key in states else decider.initial(key)
        finding = found = None
        if (placed := self.versions.placed) is not None:
            invoked, prepared, _ = placed
            found = invoked, prepared
            if prepared.command is not None and decider.conditional(prepared.command):
                finding = self.judge(number, event, key, state, invoked, prepared)
        states[key] = after = decider.evolve(state, event.data)
        if finding is None and self.invariant and (broken := decider.broken_invariant(key, after)) is not None:
            stale = found is not None and self.stale(key, *found)
            finding = self.broken("oversold" if stale else "invariant-broken", key, broken, number, event, found)
        if self.group_invariant:
            group_finding = self.judge_group(number, event, key, after, found)
            finding = finding or group_finding
        self.changed[key] = (number, event)
        return finding

    def stale(self, key: str, invoked: int, prepared: Prepared) -> bool:
        """Whether `key` changed between the view that was decided on and now."""
        changed = self.changed.get(key)
        if changed is None:
            return False
        number, event = changed
        return number > invoked or (event.stream == prepared.stream and event.version > prepared.seen)

    def broken(
        self, anomaly: str, key: str, what: str, number: int, event: Stored, found: tuple[int, Prepared] | None
    ) -> Finding:
        """A state that must not be."""
        evidence = [] if found is None else [Evidence(*found, "read")]
        if key in self.changed:
            evidence.append(Evidence(*self.changed[key], "changed"))
        return self.finding(
            anomaly,
            key,
            number,
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
            return self.broken("invariant-broken", group, broken, number, event, found)
        evidence = [] if found is None else [Evidence(*found, "read")]
        return self.finding(
            "write-skew",
            group,
            number,
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

    def judge(
        self, number: int, event: Stored, key: str, state: Any, invoked: int, prepared: Prepared
    ) -> Finding | None:
        """Whether the decision holds on `state`, the truth at its place."""
        expected: Any
        actual = tuple([wanted.data for wanted in prepared.events])
        try:
            events = tuple(self.decider.decide(prepared.command, state))
        except Refusal as refusal:
            anomaly, expected = refusal.anomaly, f"refused: {refusal.reason}"
        else:
            if as_recorded(actual, events):
                if self.stale(key, invoked, prepared):
                    self.stale_decisions += 1
                return None
            anomaly, expected = "lost-update", events
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
            position=event.position,
            expected=expected,
            actual=actual,
            evidence=in_order([*evidence, Evidence(number, event, "appended")]),
        )
