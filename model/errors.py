"""Errors that end a command with a sentence, and the one that leaves an append in doubt."""

from __future__ import annotations


class UsageError(ValueError):
    """What the user asked for does not exist or does not fit; the message says what would fit. Exit code 2."""


class SystemUnavailable(Exception):
    """The system cannot be run here; the message says what is missing and how to get it. Exit code 2."""


class OutcomeUnknown(Exception):
    """The append may or may not have happened; the client gets no answer."""


class DidNotRecover(Exception):
    """A log did not come back after a fault; the message is what it said. Ends the run, whose history tells it."""


class NoAnswer(BaseException):
    """Something did not answer in time. No `Exception`, so that code under test that catches all of those cannot swallow it."""
