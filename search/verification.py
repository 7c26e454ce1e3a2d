"""`verify`: search a system for broken guarantees."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.errors import NoAnswer, SystemUnavailable, UsageError
from refold.model.words import short
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.determinism.campaign_end import replayed_again
from refold.search.objects.application_check import shipped
from refold.search.objects.given import application_given, system_given
from refold.search.run import BrokenApplication
from refold.systems.port import SystemPort
from refold.systems.registry import own_application
from refold.systems.user.errors import AdapterError

SECONDS = 10.0
"""Wall-clock time that a search takes where nobody says otherwise."""


def verify(
    application: Application | type[Application] | str | None = None,
    system: Any = "reference",
    *,
    seconds: float | None = SECONDS,
    examples: int | None = None,
    seed: int = 0,
    jobs: int = 1,
) -> Result:
    """Search `system` for broken guarantees, as `refold verify` does, but print and write nothing.

    `application` is an object, a class, the name of an example or MODULE:OBJECT, or None for a system that includes its
    own application; `system` is a name such as ``sqlite?journal=wal``, a system, a log, or a function that makes one.
    The search ends after this many wall-clock `seconds` or runs (`examples`); None means no such limit. What the search
    finds in run n depends only on the `seed`, not on how many processes search (`jobs`). The plan of each
    counterexample is shrunk. Ctrl-C ends the search early; the result says so.

    If something goes wrong before anything is found, it raises `UsageError`, `SystemUnavailable`, `BrokenApplication` or `AdapterError`
    with a sentence that says what is wrong. Otherwise the result keeps what was found, and the sentence is its `trouble`.
    """
    if seconds is None and examples is None:
        raise UsageError("a search needs an end: give seconds, examples, or both")
    for name, value, least in (
        ("seconds", seconds, 0),
        ("examples", examples, 1),
        ("seed", seed, 0),
        ("jobs", jobs, 1),
    ):
        kinds = (int, float) if name == "seconds" else (int,)
        if value is not None and (not isinstance(value, kinds) or value < least):
            raise UsageError(f"{name} is {short(value)}, expected a number, {least} or more")
    port = system_given(system)
    subject = application_given(own_application(port) if application is None else application)
    return searched(Campaign(port, subject, seed, Budget(seconds, examples), jobs=jobs))


def searched(campaign: Campaign, limit: AbstractContextManager[Callable[[], None]] | None = None) -> Result:
    """What a campaign came to, its end included. Raises as `verify` does. Within the `limit`, what it gives is called between runs."""
    try:
        with limit or nullcontext(lambda: None) as alive:
            campaign.progress, campaign.watch = (lambda now: alive()), alive
            result = campaign.run()
        try:
            return to_the_end(result, campaign.system, campaign.application)
        except KeyboardInterrupt:  # the search was over
            return attrs.evolve(result, interrupted=True)
    except (UsageError, SystemUnavailable, BrokenApplication, AdapterError, NoAnswer) as error:
        if not campaign.counterexamples:
            raise
        return attrs.evolve(campaign.result(), interrupted=True, trouble=str(error))


def to_the_end(result: Result, system: SystemPort, application: Application) -> Result:
    """The result of a search that went to its end, after one more check: a user's own application, whose code nobody here has read, must
    fold the same in other processes."""
    if shipped(application) or result.interrupted:
        return result
    return replayed_again(result, system, application)
