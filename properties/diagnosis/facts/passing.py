"""Facts about how an event passed a consumer of a user's own: alone or among others, kept or rolled back, with its row there or not."""

from __future__ import annotations

import functools
import itertools

from refold.model.event import Stored
from refold.model.parts.calls import Shown, Stood
from refold.model.parts.messages.outbox import Delivered
from refold.model.record import Failed, Step
from refold.properties.diagnosis.facts.past import deed, tag_of
from refold.properties.diagnosis.facts.watched import TURNS, WatchedFacts


class PassingFacts(WatchedFacts):
    """What was seen while the consumer came to the event that the finding is about, and went past it."""

    @functools.cached_property
    def event(self) -> tuple[int, Stored] | None:
        """The event that the finding is about, and the number of its record."""
        return self.events.get(self.finding.position or 0)

    @property
    def earlier(self) -> list[Stored]:
        """The events before it, in the order of the log."""
        place = self.finding.position or 0
        return [record for position, (_, record) in sorted(self.events.items()) if position < place]

    @property
    def newer(self) -> bool:
        """Whether a later event is of the same stream."""
        place = self.finding.position or 0
        streams = {record.stream for position, (_, record) in self.events.items() if position > place}
        return self.event is not None and self.event[1].stream in streams

    @property
    def saved_first(self) -> bool:
        """Whether its checkpoint came to cover the event while it stood in the middle of its work and its rows were as before."""
        place = self.finding.position or 0
        before: Shown | None = None
        for (_, record), (_, then) in itertools.pairwise(self.past):
            if type(record) is not Shown or record.consumer != self.where:
                continue
            if before is not None and type(then) is Stood and then.who == self.where:
                first = (before.checkpoint or 0) < place <= (record.checkpoint or 0)
                if first and before.rows == record.rows:
                    return True
            before = record
        return False

    @property
    def rolled_back(self) -> bool:
        """Whether its work on the event ended with an error, nothing of it was kept, and the next attempt of the same process went past
        the event."""
        place = self.finding.position or 0
        shown: list[Shown] = []
        failed = False
        for _, record in self.past:
            if type(record) is Failed and record.consumer == self.where:
                failed = True
            elif type(record) is Shown and record.consumer == self.where:
                if record.when == "dead":
                    shown, failed = [], False
                    continue
                passed = bool(shown) and (shown[-1].checkpoint or 0) < place <= (record.checkpoint or 0)
                if passed and failed and record.when == "working":
                    kept = len(shown) > 1 and shown[-2].checkpoint == shown[-1].checkpoint
                    return not kept
                shown.append(record)
                failed = False
        return False

    @property
    def came_while_idle(self) -> bool:
        """Whether it had dealt with all that was in the log, and stood nowhere, when the event became visible."""
        if self.event is None or not self.earlier:
            return False
        stands, checkpoint = False, None
        for at, record in self.past:
            if at >= self.event[0]:
                break
            if type(record) is Stood and record.who == self.where:
                stands = True
            elif type(record) is Shown and record.consumer == self.where:
                checkpoint = record.checkpoint
            elif type(record) is Step:
                action = deed(record.action)
                if self.where in (getattr(action, "who", None), getattr(action, "consumer", None)):
                    stands = tag_of(action) == "begin-turn"
        return not stands and checkpoint == self.earlier[-1].position

    @property
    def passed_alone(self) -> bool:
        """Whether its checkpoint went from the event before to this one, in work that it began when this one was there."""
        if self.event is None:
            return False
        place, before = self.event[1].position, self.earlier[-1].position if self.earlier else 0
        shown = [record.checkpoint for at, record in self.of(Shown, self.where) if at > self.event[0]]
        return (before, place) in itertools.pairwise(shown)

    @property
    def let_go(self) -> bool:
        """Whether it had nothing else to do when it came to the event, nobody disturbed it, and it went past the event all the same. Not
        if it dealt with a later one of the same stream: then this one fell into a gap that is over."""
        alone = self.watched and self.undisturbed_here and not self.others_worked and not self.overtook
        return alone and not self.inline and not self.newer and (self.came_while_idle or self.passed_alone)

    @property
    def row_was_there(self) -> bool:
        """Whether an earlier event is of the same stream."""
        return self.event is not None and any(record.stream == self.event[1].stream for record in self.earlier)

    @property
    def alike_before(self) -> bool:
        """Whether an earlier event says the same, or has the same version in another stream."""
        if self.event is None:
            return False
        one = self.event[1]
        return any(
            record.data == one.data or (record.version == one.version and record.stream != one.stream)
            for record in self.earlier
        )

    @property
    def row_was_missing(self) -> bool:
        """Whether one of several that work on the same rows took a turn while the event was there, and an earlier one of its row, but not
        the row."""
        keys = self.finding.expected if isinstance(self.finding.expected, dict) else {}
        if self.event is None or self.spec is None or not self.row_was_there or not self.undisturbed_here:
            return False
        alike = {name for name, spec in self.specs.items() if spec.projection == self.spec.projection}
        missing = True
        for at, record in self.past:
            if type(record) is Shown and record.consumer in alike:
                missing = not any(key in record.rows for key in keys)
            elif type(record) is Step and at > self.event[0] and len(alike) > 1 and missing:
                action = deed(record.action)
                if tag_of(action) in TURNS and action.consumer in alike:
                    return True
        return False

    @property
    def call_overtaken(self) -> bool:
        """Whether an event of one call became visible while another call stood in the middle."""
        return any(type(one) is Stored for one in self.beside_calls)

    @property
    def took_too_long(self) -> bool:
        """Whether time had passed while it stood in the middle of its work, or an answer had been lost, and it went on all the same."""
        stands = False
        for _, record in self.past:
            if type(record) is Stood and record.who == self.where:
                stands = True
            elif type(record) is Step:
                action = deed(record.action)
                if self.where in (getattr(action, "who", None), getattr(action, "consumer", None)):
                    if tag_of(action) == "lose-answer":
                        return not self.cut_short
                    stands = tag_of(action) == "begin-turn"
                elif tag_of(action) == "elapse" and stands:
                    return not self.cut_short
        return False

    @property
    def failed_often(self) -> bool:
        """Whether steps of a relay, neither a client nor a consumer, had failed more than once, and nothing else had gone wrong."""
        failed = [action.who for action in self.actions if tag_of(action) == "fail-step"]
        senders = [who for who in failed if who not in self.clients and who not in self.specs]
        return len(senders) > 1 and not self.happened("die", "lose-answer", "crashed")

    @property
    def one_sender(self) -> bool:
        """Whether everything that was sent was sent by one relay."""
        return len({record.relay for _, record in self.past if type(record) is Delivered}) == 1

    @property
    def rows_gone(self) -> bool:
        """Whether rows that were there are not there any more."""
        expected, actual = self.finding.expected, self.finding.actual
        return isinstance(expected, dict) and isinstance(actual, dict) and bool(expected.keys() - actual.keys())
