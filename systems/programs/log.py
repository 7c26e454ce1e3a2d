"""A program's log behind the port: what a log of the user's own is asked, asked in JSON."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs

from refold.model.application import Application
from refold.model.errors import OutcomeUnknown
from refold.model.event import Stored
from refold.model.expectation import AnyVersion, Exact, Expectation, NoStream, StreamExists
from refold.model.log import Appended, AppendRequest, Conflict
from refold.model.words import short
from refold.systems.programs.process import ANSWER, Program, ProgramFailed, told
from refold.systems.user.errors import AdapterError


@attrs.frozen
class Promises:
    """What a program has said of itself in its hello."""

    capabilities: frozenset[str]
    seconds: float = ANSWER


class Processes(Protocol):
    """Where processes come from that have said hello, and go to when a run is over."""

    def take(self) -> Program:
        """One of them. Raises `ProgramFailed`."""

    def give_back(self, program: Program) -> None:
        """For the next run."""


class ProgramLog:
    """A log in a program, for one run, with its files in `folder`."""

    def __init__(
        self, title: str, application: Application, promises: Promises, folder: Path, processes: Processes
    ) -> None:
        self.title = title
        self.application = application
        self.promises = promises
        self.folder = folder
        self.processes = processes
        self.program: Program | None = None
        self.fallen = False
        self.lost = ""
        self.restart()

    def ask(self, what: str, **details: Any) -> dict[str, Any]:
        """Ask the program. One that fails although nothing has been done to it has a mistake; after a crash that is a log that has not come
        back."""
        if self.program is None:
            raise ProgramFailed(self.lost)
        try:
            found = self.program.ask(what, self.promises.seconds, **details)
        except ProgramFailed as error:
            self.program, self.lost = None, str(error)
            raise self.mistake(str(error)) from None
        if "error" in found:
            raise self.mistake(f"{what} failed, it says: {short(found['error'], 300)}")
        return found

    def mistake(self, words: str) -> Exception:
        """The error for a program that fails."""
        return ProgramFailed(words) if self.fallen else AdapterError(f"{self.title}: {words}")

    # -- the port

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Ask for it; an answer that never comes leaves it open."""
        found = self.ask_append("append", **self.written(request))
        return self.outcome("append", found)

    def begin(self, request: AppendRequest) -> tuple[int, ...] | Appended | Conflict:
        """A slow append: the positions that it has taken, if they are known yet."""
        found = self.ask_append("begin", **self.written(request))
        if "open" in found:
            return tuple(self.numbers("begin", found, "open"))
        return self.outcome("begin", found)

    def commit(self, op: str) -> Appended | Conflict:
        """Its end."""
        return self.outcome("commit", self.ask_append("commit", operation=op))

    def abort(self, op: str) -> None:
        """Its other end."""
        self.ask("abort", operation=op)

    def ask_append(self, what: str, **details: Any) -> dict[str, Any]:
        """What it answers; raises `OutcomeUnknown` if it says so, or if a log that had crashed before fails over it."""
        try:
            found = self.ask(what, **details)
        except ProgramFailed as error:
            raise OutcomeUnknown from error
        if "unknown" in found:
            raise OutcomeUnknown
        return found

    def written(self, request: AppendRequest) -> dict[str, Any]:
        """A request as JSON."""
        encode = self.application.encode
        return {
            "operation": request.op,
            "stream": request.stream,
            "expected": self.expected(request.expected),
            "events": [{"id": one.id, "type": one.type, "data": encode(one.data)} for one in request.events],
        }

    def expected(self, expectation: Expectation) -> str | int:
        """An expectation as JSON."""
        match expectation:
            case AnyVersion():
                return "any"
            case NoStream():
                return "no-stream"
            case StreamExists():
                return "exists"
            case Exact(version):
                return version
        raise AdapterError(f"{self.title}: an append expects {expectation}, which the line protocol does not have")

    def outcome(self, what: str, found: dict[str, Any]) -> Appended | Conflict:
        """Yes or no."""
        if "appended" in found:
            return Appended(tuple(self.numbers(what, found, "appended")))
        if isinstance(found.get("conflict"), int):
            return Conflict(found["conflict"])
        raise AdapterError(
            f'{self.title}: it answered {what} with {told(found)}, expected "appended": [positions], "conflict": version or "unknown":'
            " reason"
        )

    def numbers(self, what: str, found: dict[str, Any], name: str) -> list[int]:
        """A list of positions."""
        values = found[name]
        if not isinstance(values, list) or not all(type(one) is int for one in values):
            raise AdapterError(
                f'{self.title}: it answered {what} with {told(found)}, expected "{name}": a list of positions'
            )
        return values

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """A page."""
        return self.events("read", self.ask("read", after=after, limit=limit))

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """The events of a stream; of a program that cannot read one, the whole log is read."""
        if "read-stream" in self.promises.capabilities:
            return self.events("read-stream", self.ask("read-stream", stream=stream, after=after))
        found: list[Stored] = []
        position = 0
        while page := self.read(position, 1024):
            found += [event for event in page if event.stream == stream and event.version > after]
            if page[-1].position <= position:
                break
            position = page[-1].position
        return found

    def events(self, what: str, found: dict[str, Any]) -> list[Stored]:
        """Events out of an answer."""
        page = found.get("events")
        if not isinstance(page, list):
            raise AdapterError(f'{self.title}: it answered {what} with {told(found)}, expected "events": a list')
        return [self.event(what, one) for one in page]

    def event(self, what: str, found: Any) -> Stored:
        """One."""
        lacking = [name for name in FIELDS if name not in found] if isinstance(found, dict) else list(FIELDS)
        if lacking:
            raise AdapterError(
                f"{self.title}: {what} gave the event {short(found, 120)}, which lacks {', '.join(lacking)}"
            )
        return Stored(**{name: found[name] for name in FIELDS})

    # -- life

    def crash(self) -> None:
        """SIGKILL."""
        self.fallen = True
        if self.program is not None:
            self.program.kill()
        self.program, self.lost = None, "it was killed, and not started again"

    def restart(self) -> None:
        """A new process on the same folder. Raises `ProgramFailed`."""
        if self.program is not None:
            return
        try:
            self.program = self.processes.take()
        except ProgramFailed as error:
            self.lost = str(error)
            raise self.mistake(str(error)) from None
        self.ask("open", folder=str(self.folder))

    def close(self) -> None:
        """The run is over."""
        if self.program is not None:
            self.processes.give_back(self.program)
        self.program = None
        shutil.rmtree(self.folder, ignore_errors=True)


FIELDS = ("position", "stream", "version", "id", "type", "data")
"""Of an event."""
