"""Decisions of an application that decides by itself: what a call did is what it does where nobody else is at work.

There is no decider here that says what a command should do; but the application itself can be asked again, in a fresh instance that has
the log of that moment and neither cache nor snapshot. Usually broken by a save without a version, by a conflict that is swallowed or tried
again with what was read before, and by a cache that lags behind.
"""

from __future__ import annotations

from typing import Any

import attrs
from msgspec import Struct

from refold.model.application import Application, Solo
from refold.model.event import Stored
from refold.model.parts.calls import Called, Die, FailStep, LoseAnswer, Replied
from refold.model.record import Step
from refold.properties.property import Evidence, Finding, Handler, Property

DISTURBED = (Die, FailStep, LoseAnswer)
"""After these a client does not know what it has done."""


class _Under(Struct):
    """A call that is under way. `begin`: how many events the log had at its beginning; `own`: the places of its events."""

    number: int
    record: Called
    begin: int
    own: list[int]
    disturbed: bool = False


def in_order(finding: Finding) -> tuple[Evidence, ...]:
    """Its evidence in the order of the history."""
    return tuple(sorted(finding.evidence, key=lambda proof: proof.number))


class MadeAlone(Property):
    """For every call c that appended events E behind the log L: a fresh instance with the log L appends E for c, and nothing else. For
    every call that appended nothing: it was answered as a fresh instance answers it on some log between the call and the answer; one
    that appended something is not refused unless a fresh instance refuses it on such a log. And in every stream the versions go up by
    one.

    What a fresh instance does not do twice in the same way, such as a random number in an event, is not compared. A call of which the
    events of others stand between its own is judged by nobody. Where the application is not `atomic`, a call that fails may have done a
    part. What a call appends after its answer, or without one, is judged at the end of the history; without an answer it may be a part.
    """

    name = "alone"
    guarantee = "CAS"
    more_guarantees = ("READ",)
    needs_application = True
    judges = (Replied,)
    clauses = {
        "decision": "what a call appends is what it appends alone, on the log just before",
        "once": "a call appends once, however often it tries inside, and not again when it is answered",
        "whole": "what a call appends becomes visible completely or not at all, also if it fails or its process dies",
        "invariant": "no call leads to a state that the invariant forbids",
        "done has an effect": "a call that is answered “done” and appended nothing had nothing to append",
        "refused with cause": "a call is refused only if it is refused alone, too, on some log between the call and the answer",
        "answer": "a call that appends nothing gives the answer that it gives alone, on some log between the call and the answer",
        "versions": "the versions of a stream go up by one",
    }

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self.decider = application
        self.log: list[tuple[int, Stored]] = []
        self.versions: dict[str, int] = {}
        self.open: dict[str, _Under] = {}
        self.answered: dict[str, tuple[int, Replied, _Under]] = {}
        self.without: dict[str, tuple[int, Replied, _Under]] = {}
        """Those that had appended nothing when they were answered, and may have been under way still."""
        self.compared = 0

    def handlers(self) -> dict[type, Handler]:
        """Calls, what becomes visible, answers, and what disturbs them."""
        return {Called: self.on_called, Stored: self.on_stored, Step: self.on_step, Replied: self.on_replied}

    def observations(self) -> dict[str, int]:
        """What was compared."""
        return {"calls_made_alone": self.compared}

    def on_called(self, number: int, record: Called) -> None:
        """A call begins; of one whose command was not recorded nobody can say what it does alone."""
        self.open.pop(record.op, None)
        if record.command is not None:
            self.open[record.op] = _Under(number, record, len(self.log), [])
        self.answered.pop(record.op, None)
        self.without.pop(record.op, None)

    def on_step(self, number: int, record: Step) -> None:
        """Something happens to a client."""
        if not isinstance(record.action, DISTURBED):
            return
        for call in self.open.values():
            call.disturbed |= call.record.client == record.action.who

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """One more event."""
        self.log.append((number, event))
        op = event.operation
        call = self.open.get(op)
        if call is None and op in self.without:
            call = self.without[op][2]
        if call is not None:
            call.own.append(len(self.log) - 1)
        elif self.answered and (finding := self.late(number, event)) is not None:
            return finding
        before = self.versions.get(event.stream)
        self.versions[event.stream] = event.version
        if before is None or event.version == before + 1:
            return None
        return self.finding(
            "duplicate-version" if event.version <= before else "version-gap",
            event.stream,
            number,
            clause="versions",
            guarantee="LOG",
            position=event.position,
            expected=before + 1,
            actual=event.version,
            evidence=[Evidence(number, event, "is the event")],
        )

    def late(self, number: int, event: Stored) -> Finding | None:
        """An event of a call that is answered: whatever it is, it comes once more, or although there was nothing to append."""
        known = self.answered.pop(event.operation, None)
        if known is None:
            return None
        self.versions[event.stream] = event.version
        replied, record, call = known
        expected = [repr(self.log[place][1].data) for place in call.own]
        anomaly, guarantee = "duplicate-append", self.guarantee
        if not call.own:
            anomaly, guarantee = "refused-append-visible" if record.how == "refused" else "phantom-event", "LOG"
        call.own.append(len(self.log) - 1)
        actual = [*expected, repr(event.data)]
        finding = self.convict(anomaly, "once", replied, record, call, expected, actual, guarantee)
        return attrs.evolve(finding, number=number, evidence=in_order(finding))

    def on_replied(self, number: int, record: Replied) -> Finding | None:
        """What it did, against what it does alone."""
        call = self.open.pop(record.op, None)
        if call is None:
            return None
        if call.own:
            self.answered[record.op] = (number, record, call)
            finding = self.judge_effect(number, record, call)
            if finding is None and record.how == "refused" and self.decider.atomic and not call.disturbed:
                return self.judge_rest(number, record, call)
            return finding
        if call.disturbed or record.how not in ("done", "refused"):
            self.without[record.op] = (number, record, call)
            return None
        finding = self.judge_rest(number, record, call)
        if finding is None:
            self.answered[record.op] = (number, record, call)
        return finding

    def finish(self) -> list[Finding]:
        """What was appended by a call that was disturbed, or that nobody answered."""
        late = [(number, record, call) for number, record, call in self.without.values() if call.own]
        never = [(call.number, None, call) for call in self.open.values() if call.own]
        findings = [self.judge_effect(*one) for one in (*late, *never)]
        return [
            attrs.evolve(finding, number=max(proof.number for proof in finding.evidence), evidence=in_order(finding))
            for finding in findings
            if finding is not None
        ]

    def ask(self, call: _Under, length: int) -> Solo:
        """What the call does alone on the first events of the log, compared with what it appended."""
        self.compared += 1
        log = self.log
        return self.decider.alone(
            call.record.command, [event for _, event in log[:length]], [log[place][1] for place in call.own]
        )

    # -- calls that appended

    def judge_effect(self, number: int, record: Replied | None, call: _Under) -> Finding | None:
        """What it appended."""
        first, last = call.own[0], call.own[-1]
        if last - first + 1 != len(call.own):
            return None
        solo = self.ask(call, first)
        event = self.log[first][1]
        if solo.impossible:
            return self.convict(
                "invariant-broken", "invariant", number, record, call, "a state that is possible", solo.impossible
            )
        if solo.agreed == len(call.own) and (len(solo.events) == solo.agreed or self.may_stop(record)):
            return None
        actual = [repr(self.log[place][1].data) for place in call.own]
        if solo.events and solo.agreed == len(solo.events):
            return self.convict("duplicate-append", "once", number, record, call, list(solo.events), actual)
        if solo.agreed == len(call.own):
            return self.convict("partial-batch", "whole", number, record, call, len(solo.events), len(actual), "LOG")
        expected = list(solo.events) if solo.how == "done" else f"refused: {solo.detail}"
        return self.convict(
            solo.anomaly, "decision", number, record, call, expected, f"{event.stream}: {', '.join(actual)}"
        )

    def may_stop(self, record: Replied | None) -> bool:
        """Whether a call that was answered like this, or not yet, may have done a part of what it had to do."""
        return record is None or (record.how != "done" and not self.decider.atomic)

    def convict(
        self,
        anomaly: str,
        clause: str,
        number: int,
        record: Replied | None,
        call: _Under,
        expected: Any,
        actual: Any,
        guarantee: str | None = None,
    ) -> Finding:
        """The finding about a call: what it was, what came in between, its events, its answer."""
        evidence = [Evidence(call.number, call.record, "is the call")]
        evidence += [
            Evidence(*self.log[place], "came meanwhile")
            for place in range(call.begin, (call.own or [len(self.log)])[0])
        ]
        evidence += [Evidence(*self.log[place], "is its effect") for place in call.own]
        if record is not None:
            evidence.append(Evidence(number, record, "is its answer"))
        first = self.log[call.own[0]][1] if call.own else None
        return self.finding(
            anomaly,
            first.stream if first is not None else str(call.record.command),
            number,
            clause=clause,
            guarantee=guarantee,
            position=None if first is None else first.position,
            expected=expected,
            actual=actual,
            evidence=evidence,
        )

    # -- calls that appended nothing, or were refused

    def judge_rest(self, number: int, record: Replied, call: _Under) -> Finding | None:
        """How it was answered."""
        solo = None
        rested = False
        for length in range(len(self.log), call.begin - 1, -1):
            solo = self.ask(call, length)
            if record.how == "refused":
                if solo.how == "refused":
                    return None
            elif solo.how == "done" and not solo.events:
                rested = True
                if solo.detail == record.detail:
                    return None
        assert solo is not None
        if record.how == "refused":
            expected, actual = f"done: {', '.join(solo.events) or solo.detail}", f"refused: {record.detail}"
            return self.convict("refused-without-reason", "refused with cause", number, record, call, expected, actual)
        if rested:
            return self.convict("answer-differs", "answer", number, record, call, solo.detail, record.detail, "READ")
        expected = ", ".join(solo.events) if solo.how == "done" else f"refused: {solo.detail}"
        return self.convict(
            "confirmed-without-effect", "done has an effect", number, record, call, expected, "nothing", "LOG"
        )
