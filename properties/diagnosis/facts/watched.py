"""Facts about a consumer of a user's own: what a plan did to it at the gate, and what it showed before and after."""

from __future__ import annotations

import functools
import itertools
from typing import Any

from refold.model.event import Stored
from refold.model.parts.calls import Handed, Replied, Shown, Stood
from refold.model.record import Crashed, Recovered, Step
from refold.properties.diagnosis.facts.past import Past, deed, tag_of

TURNS = ("turn", "begin-turn")
AT_WORK = (*TURNS, "deliver", "halt", "go-on", "restart", "begin-rebuild")
MISHAPS = ("fail-step", "lose-answer", "die", "stop-orderly")


class WatchedFacts(Past):
    """What happened to the consumer, and what its rows and its checkpoint made of it."""

    @property
    def watched(self) -> bool:
        """Whether it is judged by what it shows."""
        return self.spec is not None and self.spec.watched

    @property
    def inline(self) -> bool:
        """Whether its rows are written in the transaction of the append."""
        return self.spec is not None and self.spec.inline

    @functools.cached_property
    def shown(self) -> list[Shown]:
        """What it showed, in turn."""
        return [record for _, record in self.of(Shown, self.where)]

    def befell(self, *tags: str) -> bool:
        """Whether one of these was done to it."""
        return any(
            tag_of(action) in tags and self.where in (getattr(action, "who", None), getattr(action, "consumer", None))
            for action in self.actions
        )

    @property
    def cut_short(self) -> bool:
        """Whether it died, or its work ended with an error."""
        return bool(self.of(Crashed, self.where)) or self.happened_here("failed")

    def happened_here(self, *tags: str) -> bool:
        """Whether a record of one of these kinds is about it."""
        return any(
            tag_of(record) in tags and getattr(record, "consumer", None) == self.where for _, record in self.past
        )

    @property
    def error_swallowed(self) -> bool:
        """Whether one of its steps failed, or lost its answer, and its work came to an end as if nothing had been."""
        return self.befell("fail-step", "lose-answer") and not self.cut_short

    @property
    def undisturbed_here(self) -> bool:
        """Whether nothing went wrong in its own work, nor in that of anybody else."""
        return not self.befell(*MISHAPS) and not self.cut_short and not self.happened("fail-step", "lose-answer", "die")

    @property
    def at_the_first_time(self) -> bool:
        """Whether it was handed events, none of them twice, or is written with them, was never started again, and nothing went wrong."""
        handed = [record.position for _, record in self.of(Handed, self.where)]
        again = len(set(handed)) < len(handed) or bool(self.of(Recovered, self.where))
        seen = self.watched and (self.inline or bool(handed))
        return seen and self.undisturbed_here and not again and not self.others_worked

    @property
    def checkpoint_fell(self) -> bool:
        """Whether its checkpoint was behind what it had been before."""
        places = [record.checkpoint for record in self.shown if record.checkpoint is not None]
        return any(later < earlier for earlier, later in itertools.pairwise(places))

    @property
    def rows_lost_by_end(self) -> bool:
        """Whether its rows after a restart were others than before its end, although its checkpoint was the same."""
        return any(
            later.when in ("dead", "restarted")
            and later.checkpoint == earlier.checkpoint
            and later.rows != earlier.rows
            for earlier, later in itertools.pairwise(self.shown)
        )

    @property
    def others_worked(self) -> bool:
        """Whether another consumer took a turn."""
        return any(tag_of(action) in TURNS and action.consumer != self.where for action in self.actions)

    @property
    def same_moment(self) -> bool:
        """Whether it reads events by itself, undisturbed, in a system whose code reads a clock, shows no position, and lacks an event that
        is not the first one; and all clocks agree: then only events of one moment can be taken for each other."""
        alone = self.watched and self.undisturbed_here and not self.others_worked and not self.overtook
        reads = alone and not self.inline and not self.was_handed and not self.happened("begin-rebuild")
        by_time = reads and not self.shows_position and not self.lacks_the_first
        return self.reads_clocks and by_time and not self.happened("clock-set")

    @property
    def shows_position(self) -> bool:
        """Whether it has a checkpoint that tells positions."""
        return any(record.checkpoint is not None for record in self.shown)

    @property
    def lacks_the_first(self) -> bool:
        """Whether the event that the finding is about is the first one in the log."""
        return self.finding.position == min(self.events, default=0)

    @property
    def reads_itself(self) -> bool:
        """Whether it is handed nothing, in a system whose service is the user's own, too."""
        return self.watched and not self.was_handed and self.happened("called")

    @property
    def at_work_before(self) -> bool:
        """Whether it had been at work before the event that the finding is about became visible."""
        number, _ = self.events.get(self.finding.position or 0, (0, None))
        return any(
            type(record) is Step
            and at < number
            and tag_of(action := deed(record.action)) in AT_WORK
            and self.where in (getattr(action, "who", None), getattr(action, "consumer", None))
            for at, record in self.past
        )

    @property
    def passed_in_peace(self) -> bool:
        """Whether its checkpoint passed the event that the finding is about in work that came to its end."""
        place = self.finding.position or 0
        for at, (_, record) in enumerate(self.past[:-1]):
            shown = type(record) is Shown and record.consumer == self.where and record.when == "working"
            if shown and (record.checkpoint or 0) >= place > 0:
                return tag_of(self.past[at + 1][1]) not in ("failed", "stood")
        return False

    @property
    def undone(self) -> bool:
        """Whether its rows had once been what they should be at rest, and an event was tried again afterwards."""
        expected = self.finding.expected
        if not isinstance(expected, dict) or not self.befell("fail-step", "lose-answer"):
            return False
        return any(
            all(record.rows.get(key) == value for key, value in expected.items()) for record in self.shown if expected
        )

    @property
    def missed_the_beginning(self) -> bool:
        """Whether it reads events by itself, undisturbed, had not been at work before the first event, and lacks that one."""
        reads = self.watched and not self.inline and not self.was_handed and self.undisturbed_here
        alone = reads and not self.others_worked and not self.overtook
        return alone and self.lacks_the_first and not self.befell(*TURNS, "restart", "begin-rebuild")

    @property
    def sender_overtook(self) -> bool:
        """Whether a relay worked while a call stood in the middle."""
        return any(action.consumer not in self.specs for action in self.turns_beside_calls)

    @property
    def turns_beside_calls(self) -> list[Any]:
        """The turns that somebody took while a call stood in the middle."""
        return [one for one in self.beside_calls if tag_of(one) in TURNS]

    @functools.cached_property
    def beside_calls(self) -> list[Any]:
        """What happened while a call stood in the middle: actions, and events that became visible."""
        standing: set[str] = set()
        found = []
        for _, record in self.past:
            if type(record) is Replied:
                standing.discard(record.client)
            elif type(record) is Stood and record.who in self.clients:
                standing.add(record.who)
            elif type(record) is Step:
                action = deed(record.action)
                standing.discard(getattr(action, "who", ""))
                if standing:
                    found.append(action)
            elif type(record) is Stored and standing:
                found.append(record)
        return found

    @property
    def was_handed(self) -> bool:
        """Whether it was handed events, as objects that others may hold too."""
        return bool(self.of(Handed, self.where))

    @property
    def others_in_between(self) -> bool:
        """Whether another consumer took a turn while it stood in the middle of its own."""
        stands = False
        for action in self.actions:
            who = getattr(action, "who", None)
            if who == self.where:
                stands = tag_of(action) == "halt"
            elif stands and tag_of(action) in TURNS and action.consumer != self.where:
                return True
        return False

    @property
    def worked_at_once(self) -> bool:
        """Whether one consumer took a turn while another with rows of the same projection stood in the middle of its own."""
        standing: set[str] = set()
        for action in self.actions:
            who = getattr(action, "who", None)
            if who in self.specs:
                standing.discard(who)
                if tag_of(action) == "halt":
                    standing.add(who)
            elif tag_of(action) in TURNS and action.consumer in self.specs:
                standing.discard(action.consumer)
                projection = self.specs[action.consumer].projection
                if any(self.specs[one].projection == projection for one in standing):
                    return True
                if tag_of(action) == "begin-turn":
                    standing.add(action.consumer)
        return False

    @property
    def claim_ran_out(self) -> bool:
        """Whether another one worked in between, and time had passed, or clocks differed, before."""
        return self.others_in_between and self.happened("elapse", "clock-set")

    @property
    def looked_before_commit(self) -> bool:
        """Whether it worked while a call stood in the middle, and no event became visible while that stood."""
        standing: set[str] = set()
        looked = False
        for _, record in self.past:
            if type(record) is Stored:
                if looked:
                    return True
                standing.clear()
            elif type(record) is Step:
                action = deed(record.action)
                who = getattr(action, "who", None)
                if tag_of(action) == "halt" and who is not None and who not in self.specs:
                    standing.add(who)
                elif who in standing:
                    standing.discard(who)
                elif standing and tag_of(action) in TURNS and action.consumer == self.where:
                    looked = True
        return False

    @property
    def call_cut_short(self) -> bool:
        """Whether a client of the user's service was interrupted in the middle of a call."""
        return any(
            tag_of(action) in MISHAPS and action.who in self.clients
            for action in self.actions
            if hasattr(action, "who")
        )

    @property
    def sender_cut_short(self) -> bool:
        """Whether a relay, which is neither a client nor a consumer, was interrupted in the middle of its work."""
        return any(
            tag_of(action) in MISHAPS and action.who not in self.clients and action.who not in self.specs
            for action in self.actions
            if hasattr(action, "who")
        )

    @property
    def calls_undisturbed(self) -> bool:
        """Whether clients called a service of the user's, and every call came to its end at once."""
        return self.happened("called") and not self.happened("halt", *MISHAPS, "failed")

    @property
    def stood_during_append(self) -> bool:
        """Whether it stood in the middle of its work while an event became visible, the last one of all."""
        stands = False
        found = False
        for _, record in self.past:
            if type(record) is Step:
                action = deed(record.action)
                if getattr(action, "who", None) == self.where:
                    stands = tag_of(action) == "halt"
            elif type(record) is Stored:
                found = stands
        return found

    @property
    def overtook(self) -> bool:
        """Whether it worked while a call stood in the middle."""
        return any(action.consumer == self.where for action in self.turns_beside_calls)

    @functools.cached_property
    def _meanwhile(self) -> set[str]:
        """Who worked while somebody else stood in the middle: ``client`` or ``worker``, first who stood and then who worked; and while whom
        time passed (``worker time``)."""
        standing: set[str] = set()
        found: set[str] = set()
        for action in self.actions:
            who = getattr(action, "who", None) or getattr(action, "client", None) or getattr(action, "consumer", None)
            if tag_of(action) == "elapse":
                found |= {f"{self._kind(one)} time" for one in standing}
            elif tag_of(action) == "halt":
                standing.add(str(who))
            elif who is not None:
                standing.discard(str(who))
                found |= {f"{self._kind(one)} {self._kind(str(who))}" for one in standing}
        return found

    def _kind(self, who: str) -> str:
        """A client, or a worker: a consumer, a relay, anything else."""
        return "client" if who in self.clients else "worker"

    @property
    def worker_overtook_call(self) -> bool:
        """Whether a worker took a turn while a call stood in the middle."""
        return "client worker" in self._meanwhile

    @property
    def call_overtook_call(self) -> bool:
        """Whether a call was done while another one stood in the middle."""
        return "client client" in self._meanwhile

    @property
    def workers_at_once(self) -> bool:
        """Whether a worker took a turn while another one stood in the middle of its own."""
        return "worker worker" in self._meanwhile

    @property
    def time_passed_at_work(self) -> bool:
        """Whether time passed while a worker stood in the middle of its turn."""
        return "worker time" in self._meanwhile
