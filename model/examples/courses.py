"""Example application *courses*: a course has few seats, and a student takes one course; both rules span streams.

An enrolment is decided on everything that is tagged with its course or with its student, and its append has a condition over both tags (a
dynamic consistency boundary). No stream holds all that the decision has read.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from refold.model.application import Application, Refusal
from refold.model.expectation import Criterion

SEATS = 2
"""Students that a course may have."""

Enrolments = tuple[tuple[str, str], ...]


class Enrol(msgspec.Struct, frozen=True, gc=False):
    """Give `student` a seat in `course`."""

    course: str
    student: str


class Leave(msgspec.Struct, frozen=True, gc=False):
    """Take the seat back."""

    course: str
    student: str


class Enrolled(msgspec.Struct, frozen=True, gc=False):
    """`student` has a seat in `course`."""

    course: str
    student: str


class Left(msgspec.Struct, frozen=True, gc=False):
    """The seat is free."""

    course: str
    student: str


class Courses(Application):
    """The state that a command is decided on: the enrolments of its course and of its student, (course, student) in order."""

    name = "courses"
    events = (Enrolled, Left)

    def commands(self) -> Sequence[Enrol | Leave]:
        """Two courses, three students."""
        courses, students = ("art", "maths"), ("ann", "bob", "cleo")
        return (
            *(Enrol(course, student) for course in courses for student in students),
            *(Leave(course, "ann") for course in courses),
        )

    def key(self, message: Enrol | Leave | Enrolled | Left) -> str:
        """The course."""
        return message.course

    def tags(self, event: Enrolled | Left) -> Sequence[str]:
        """The course and the student."""
        return (f"course:{event.course}", f"student:{event.student}")

    def condition(self, command: Enrol | Leave) -> Sequence[Criterion]:
        """Whatever is about the course, and whatever is about the student."""
        return (Criterion(tags=(f"course:{command.course}",)), Criterion(tags=(f"student:{command.student}",)))

    def initial(self, key: str) -> Enrolments:
        """Nobody is enrolled."""
        return ()

    def decide(self, command: Enrol | Leave, state: Enrolments) -> Sequence[Enrolled | Left]:
        """Refuses a second course, and a student too many."""
        course, student = command.course, command.student
        if type(command) is Leave:
            if (course, student) not in state:
                raise Refusal(f"{student} is not in {course}")
            return (Left(course, student),)
        if any(other == student for _, other in state):
            raise Refusal(f"{student} is in a course already", "write-skew")
        if sum(other == course for other, _ in state) >= SEATS:
            raise Refusal(f"{course} is full", "oversold")
        return (Enrolled(course, student),)

    def evolve(self, state: Enrolments, event: Enrolled | Left) -> Enrolments:
        """Who has a seat where."""
        seat = (event.course, event.student)
        if type(event) is Enrolled:
            return tuple(sorted({*state, seat}))
        return tuple([other for other in state if other != seat])
