"""A user's own code at the gate: calls of a service, turns of consumers, and what a plan does where they stop.

The service decides and appends by itself, on a connection of its own; the consumer reads by itself. What is seen of them is what becomes
visible in the log, what a call answers, and what rows and checkpoints show.
"""

from __future__ import annotations

from typing import Any

from refold.model.action import Action, action_kind, sentence
from refold.model.declarations.capability import Capability
from refold.model.declarations.count import count
from refold.model.extension import Extension
from refold.model.record import Record, record_kind

SERVICE = "service"
"""The source of decisions that a service of the user's makes, in records `Prepared`."""

CALLS = Capability("calls")
"""The capability of a system whose clients call a service of the user's."""

# -- what a plan may do


@action_kind
class Enter(Action, frozen=True, tag="enter"):
    """A client calls the service, which stops where it first leaves its own code."""

    client: str
    command: Any

    def __str__(self) -> str:
        return f"{self.client} begins {sentence(self.command)}"


@action_kind
class BeginTurn(Action, frozen=True, tag="begin-turn"):
    """A consumer begins to work, and stops where it first leaves its own code."""

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} begins a turn"


@action_kind
class Turn(Action, frozen=True, tag="turn"):
    """A consumer works without a stop: it polls once, or is handed its next event."""

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} takes a turn"


@action_kind
class BeginRestart(Action, frozen=True, tag="begin-restart"):
    """The process of a consumer that is down starts again, and stops where its recovery first leaves its own code. May lose: nothing.
    If it dies on the way, the next restart finds what it has left."""

    phrase = "a recovery had been interrupted"

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} begins to start again"


ANSWER = "after "
"""How the name of a place begins at which something is done, and its answer is still to come."""


@action_kind
class Halt(Action, frozen=True, tag="halt"):
    """`who` goes on with its work and stops before the first place with this name, or before the second one if the name ends in
    "(2)". If the name begins with "after", it stops when that is done, before it hears the answer."""

    phrase = "somebody had stopped in the middle of work"

    who: str
    before: str

    def __str__(self) -> str:
        return f"{self.who} stops {'' if self.before.startswith(ANSWER) else 'before '}{self.before}"


@action_kind
class GoOn(Action, frozen=True, tag="go-on"):
    """`who`, which has stopped in the middle of work, goes on to its end, or until somebody else blocks it."""

    who: str

    def __str__(self) -> str:
        return f"{self.who} goes on"


@action_kind
class LoseAnswer(Action, frozen=True, tag="lose-answer"):
    """The step before which `who` has stopped is done, but its answer is lost: the library raises, and the code goes on from there.

    May lose: the answer, and the connection's open transaction. May never lose: what was committed.
    """

    phrase = "an answer was lost"
    fault = True

    who: str

    def __str__(self) -> str:
        return f"{self.who}'s answer is lost"


@action_kind
class FailStep(Action, frozen=True, tag="fail-step"):
    """The step before which `who` has stopped is not done, and the library raises. May never lose: what was committed before."""

    phrase = "a statement had failed"
    fault = True

    who: str

    def __str__(self) -> str:
        return f"{self.who}'s step fails"


@action_kind
class Die(Action, frozen=True, tag="die"):
    """The process of `who`, which has stopped in the middle of work, dies there. May lose: memory, open transactions. May never lose:
    what was committed."""

    phrase = "a process had died in the middle of work"
    fault = True

    who: str

    def __str__(self) -> str:
        return f"{self.who} dies"


@action_kind
class StopOrderly(Action, frozen=True, tag="stop-orderly"):
    """A consumer is told to stop, as with SIGTERM, and may save what it has. It starts again with its next turn or a restart."""

    phrase = "a consumer had been told to stop"

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} is told to stop"


@action_kind
class Elapse(Action, frozen=True, tag="elapse"):
    """Time passes: a machine is slow, a garbage collector runs, or nobody has anything to do. Only workers that run by themselves move:
    their tasks do what they can and what is due, except a task that the plan has stopped.

    May lose: leases and claims that end by themselves, waits with a timeout. May never lose: anything that does not depend on time.
    """

    phrase = "time had passed in the middle of work"

    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:g} s pass"


# -- what was seen


@record_kind
class Deadlocked(Record, frozen=True, tag="deadlocked"):
    """Each of these waits for something that another of them has, so none of them can ever go on. `waits` says who waits for what, and who
    has it, as far as that is known. `who` came last; its process is ended, as an operator would eventually do."""

    fault = True

    who: str
    waits: dict[str, str]

    def __str__(self) -> str:
        return f"{'; '.join(f'{name} {wait}' for name, wait in self.waits.items())}: none of them can go on, and {self.who} is ended"


@record_kind
class Called(Record, frozen=True, tag="called"):
    """A client calls the service with a command; the call is operation `op`."""

    client: str
    op: str
    command: Any

    def __str__(self) -> str:
        return f"{self.client} calls the service: {sentence(self.command)} (operation {self.op})"


@record_kind
class Stood(Record, frozen=True, tag="stood"):
    """An actor has stopped before a step of its work; `words` name the step."""

    who: str
    words: str

    def __str__(self) -> str:
        return f"{self.who} stands: {self.words}"


@record_kind
class Replied(Record, frozen=True, tag="replied"):
    """The end of a call. `how` is ``done``, ``refused``, ``raised`` or ``unknown`` (its process died, and nobody heard an answer)."""

    client: str
    op: str
    how: str
    detail: str = ""

    def __str__(self) -> str:
        said = {
            "done": "is answered: done",
            "refused": "is refused",
            "raised": "ends with an error",
            "unknown": "is never answered",
        }
        return f"the call {self.op} of {self.client} {said.get(self.how, self.how)}{f': {self.detail}' if self.detail else ''}"


@record_kind
class Handed(Record, frozen=True, tag="handed"):
    """A consumer was handed the event at `position`, and returned. Its rows and its checkpoint show what it did with the event."""

    consumer: str
    position: int

    def __str__(self) -> str:
        return f"{self.consumer} is handed event {self.position}"


@record_kind
class Stuck(Record, frozen=True, tag="stuck"):
    """At rest, a consumer that has done everything up to `position` fails on what comes next: each time, and in a new process as well.
    `error` is what it raises."""

    consumer: str
    position: int
    error: str

    def __str__(self) -> str:
        return f"{self.consumer} fails each time on what comes after position {self.position}, also in a new process: {self.error}"


@record_kind
class Shown(Record, frozen=True, tag="shown"):
    """What the rows and the checkpoint of a consumer show (`checkpoint` None: it has none). `when` is ``working``, ``dead`` (its
    process is down, and this is what it left), ``restarted`` or ``resting`` (nothing moves any more)."""

    consumer: str
    checkpoint: int | None
    rows: dict[str, Any]
    when: str = "working"

    def __str__(self) -> str:
        after = "" if self.checkpoint is None else f", and its checkpoint is {self.checkpoint}"
        where = {
            "working": "shows",
            "dead": "has left behind",
            "restarted": "has after its restart",
            "resting": "shows at rest",
        }
        rows = ", ".join(f"{key} = {value!r}" for key, value in self.rows.items()) or "no rows"
        return f"{self.consumer} {where.get(self.when, self.when)} {rows}{after}"


@record_kind
class RestartedAtRest(Record, frozen=True, tag="restarted-at-rest"):
    """At rest, the process of a consumer was ended and started once more; it would go on after `checkpoint`."""

    consumer: str
    checkpoint: int

    def __str__(self) -> str:
        return f"{self.consumer}, started again at rest, would go on after position {self.checkpoint}"


@record_kind
class HandledAgain(Record, frozen=True, tag="handled-again"):
    """A consumer that is started again at rest would handle the event at `position`, which is in its rows, once more."""

    consumer: str
    position: int

    def __str__(self) -> str:
        return f"{self.consumer}, started again at rest, would handle event {self.position} once more"


@record_kind
class Moved(Record, frozen=True, tag="moved"):
    """An event that was read at position `before` is read at position `now`, and another one is in its old place."""

    id: str
    before: int
    now: int

    def __str__(self) -> str:
        return f"the event {self.id} was read at position {self.before}, and is read at position {self.now} now"


class Gated(Extension):
    """What is counted of a user's code at the gate."""

    name = CALLS
    title = "services and consumers of the user's own"
    covers = "stops, lost answers and deaths between two steps of code that is not refold's"
    counts = (
        count("calls", "calls of the user's service", Called),
        count("stops", "stops in the middle of the user's code", Stood),
        count("answers_lost", "answers of a library that were lost on the way to the user's code", LoseAnswer),
        count("failed_steps", "steps of the user's code that a library refused", FailStep),
        count("deaths_in_work", "deaths in the middle of the user's code", Die),
        count("turns", "turns of consumers of the user's own", Turn, BeginTurn),
        count("handed", "events that consumers of the user's own were handed", Handed),
        count("looks", "times at which rows or checkpoint of such a consumer showed something new", Shown),
        count("restarts_at_rest", "consumers that were started once more when all was at rest", RestartedAtRest),
        count(
            "handled_again",
            "events that they would then have handled once more",
            HandledAgain,
            within="restarts_at_rest",
        ),
        count("deadlocks", "times at which code of the user's own waited for each other for ever", Deadlocked),
        count("dead_ends", "times at which a consumer failed each time on what came next", Stuck),
        count("orderly_stops", "consumers that were told to stop", StopOrderly),
        count("elapses", "times at which time passed while everybody stayed where he was", Elapse),
    )
