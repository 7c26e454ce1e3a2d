"""Example application *rota*: at least one doctor of a ward is on call.

The classical write skew: two doctors leave at the same time, each sees the other still there. One stream per ward, because the
invariant spans the doctors of a ward and the stream is the boundary that an expected version protects; with one stream per
doctor nothing would ever conflict.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from refold.model.application import Application, Refusal


class Leave(msgspec.Struct, frozen=True, gc=False):
    """Take `doctor` off call, if somebody else stays."""

    ward: str
    doctor: str


class Join(msgspec.Struct, frozen=True, gc=False):
    """Put `doctor` on call."""

    ward: str
    doctor: str


class Left(msgspec.Struct, frozen=True, gc=False):
    """The doctor is off call."""

    ward: str
    doctor: str


class Joined(msgspec.Struct, frozen=True, gc=False):
    """The doctor is on call."""

    ward: str
    doctor: str


class Rota(Application):
    """State of a ward: who is on call, sorted; at first both doctors are."""

    name = "rota"
    events = (Left, Joined)

    def commands(self) -> Sequence[Leave | Join]:
        """Two doctors on two wards."""
        wards, doctors = ("east", "west"), ("ada", "bob")
        return tuple(command(ward, doctor) for command in (Leave, Join) for ward in wards for doctor in doctors)

    def key(self, message: Leave | Join | Left | Joined) -> str:
        """The ward."""
        return message.ward

    def initial(self, key: str) -> tuple[str, ...]:
        """Both are on call."""
        return ("ada", "bob")

    def decide(self, command: Leave | Join, state: tuple[str, ...]) -> Sequence[Left | Joined]:
        """The last one stays."""
        ward, doctor = command.ward, command.doctor
        if type(command) is Join:
            if doctor in state:
                raise Refusal(f"{doctor} is on call already")
            return (Joined(ward, doctor),)
        if doctor not in state:
            raise Refusal(f"{doctor} is not on call")
        if len(state) == 1:
            raise Refusal(f"nobody else is on call on ward {ward}")
        return (Left(ward, doctor),)

    def evolve(self, state: tuple[str, ...], event: Left | Joined) -> tuple[str, ...]:
        """Adds or removes the doctor."""
        others = [doctor for doctor in state if doctor != event.doctor]
        return tuple(sorted([*others, event.doctor])) if type(event) is Joined else tuple(others)

    def broken_invariant(self, key: str, state: tuple[str, ...]) -> str | None:
        """At least one."""
        return None if state else f"nobody is on call on ward {key}"
