"""Capabilities in plain words: what each one is, and what a report says about a system that lacks it."""

from __future__ import annotations

from collections.abc import Iterable

from refold.model.application import Application
from refold.model.declarations.capability import (
    APPEND,
    CORE,
    CRASH_AT_STEP,
    OWN_SNAPSHOTS,
    SNAPSHOTS,
    Ability,
    Capability,
)
from refold.model.parts.calls import CALLS
from refold.model.parts.extensions import EXTENSIONS
from refold.systems.port import PartlyUnseen, SystemPort

CAPABILITIES: dict[Capability, Ability] = {
    **CORE,
    **{ability.name: ability for ability in (extension.ability() for extension in EXTENSIONS)},
}
"""Name of a capability -> its words, in the order of the reports."""


IN_CALLS = (APPEND, CRASH_AT_STEP)
"""What happens in calls of a user's own code at the gate, in ways of its own: its appends, and deaths between two of its steps."""

WITHOUT_DECIDER = (
    "conditional updates: the application has no decide(), so nobody can say what a command should have done, or refused",
    "appends (is each event one that somebody asked for, whole, once, and what was promised?): refold sees commands and the log, not the"
    " append between them",
    "deliveries, checkpoints and order of the application's own consumers: refold sees what they show, at rest",
)
"""What nobody can judge of an application that a full replay alone explains."""

WITHOUT_EVOLVE = "an answer is judged by what each event does to a state, and the application has no evolve()"
"""What nobody can judge of a part that answers, where there is a full replay alone."""

SECOND_OPINION = {
    "decide": (
        "decisions by a second opinion: what a command may do is what the application does with it in a fresh instance; a rule that is"
        " wrong there too is seen by an invariant, or by decide() and evolve()"
    ),
    "evolve": (
        "what events mean, by a second opinion: a state is what the application itself makes of its events; an event with a wrong effect"
        " is seen by an invariant, or by evolve()"
    ),
}
"""The same of one that can be run alone, by what nobody has said of it."""
POWER = "power cuts: only processes die"


def unjudged(application: Application) -> tuple[str, ...]:
    """What nobody can judge of an application without a decider."""
    if not application.solitary:
        return WITHOUT_DECIDER
    silent = [text for name, text in SECOND_OPINION.items() if name not in application.second_opinion]
    return (*silent[:1], POWER)


def not_checked(system: SystemPort, application: Application | None = None) -> tuple[str, ...]:
    """What a green run of this system with this application does not prove, in plain words."""
    if application is not None and application.replayed:
        unasked = getattr(system, "unasked", ())
        return (*unjudged(application), *(f"{part}: {WITHOUT_EVOLVE}" for part in unasked))
    undecided = WITHOUT_DECIDER[:1] if application is not None and not application.decides else ()
    can = {*system.capabilities, *(IN_CALLS if CALLS in system.capabilities else ())}
    if OWN_SNAPSHOTS in can:
        can.add(SNAPSHOTS)
    lacking = tuple(words.missing for name, words in CAPABILITIES.items() if name not in can)
    unseen = system.unseen if isinstance(system, PartlyUnseen) else ()
    return (*undecided, *unseen, *lacking)


def in_short(texts: Iterable[str]) -> list[str]:
    """The same texts for a reader: the parts of the model that the system lacks are in one line, after what every system could have."""
    parts = {words.missing: words.part for words in CAPABILITIES.values() if words.part}
    lacking = [parts[text] for text in texts if text in parts]
    rest = [text for text in texts if text not in parts]
    return (
        [*rest, f"what only these parts of the model show, which the system lacks: {', '.join(lacking)}"]
        if lacking
        else rest
    )
