"""What the user's own rules and invariants raise, and what is said with it."""

from __future__ import annotations

import os
from types import TracebackType

import hypothesis

from refold.model.tape import Plan
from refold.search.failure import PlanNote
from refold.systems.user.errors import OURS

HYPOTHESIS = os.path.dirname(hypothesis.__file__) + os.sep
"""Where its code is."""


class Another(Exception):
    """While a plan is shrunk for one failure, it showed another one."""


class OutOfPatience(BaseException):
    """Hypothesis has shrunk for long enough. No `Exception`, so that it lets it through."""


def with_plan(error: Exception, plan: Plan) -> Exception:
    """The error of a rule of the user's, with the actions that led to it."""
    said = PlanNote.of(plan)
    error.__notes__ = [said, *(note for note in getattr(error, "__notes__", ()) if note != said)]
    return error


def origin_of(error: BaseException) -> tuple[type, str, int]:
    """What an error is, and where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ("", 0) if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return type(error), *place


def of_the_user(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is neither of refold nor of Hypothesis; None if all of them are."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith((*OURS, HYPOTHESIS)):
        trace = trace.tb_next
    return trace
