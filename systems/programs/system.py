"""A program as a system: `command:node log.js`. What it can do it says in its hello."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refold.model.application import Application
from refold.model.declarations.capability import BROUGHT, Capability
from refold.model.errors import UsageError
from refold.model.process import Emit
from refold.model.words import short, suggestion
from refold.systems.deployment import Deployment
from refold.systems.programs.log import ProgramLog, Promises
from refold.systems.programs.process import ANSWER, Program, ProgramFailed, told
from refold.systems.run_folder import RunFolder
from refold.systems.user.log import GuardedLog, LogSystem

PREFIX = "command:"
"""How the names of these systems begin."""
VERSION = 1
"""Of the protocol."""
CAPABILITIES = {
    "crash": "crash-log",
    "dedupe": "dedupe",
    "slow-append": "slow-append",
    "read-stream": "",
}
"""What a program may say that it can do -> the capability that it is."""
SECONDS_MAX = 60.0
"""The longest time that a program may ask for."""


class ProgramPool:
    """The processes of a program: one that is ready, and those that runs have given back. A new one starts while the others work."""

    def __init__(self, title: str, words: Sequence[str]) -> None:
        self.title = title
        self.words = words
        self.folder = RunFolder("program")
        self.owner = os.getpid()
        self.ready: list[Program] = []
        self.starting: list[Program] = []
        self.count = 0
        weakref.finalize(self, end_all, os.getpid(), self.ready, self.starting)

    def launch(self) -> Program:
        """A new process, which has not said hello yet. Raises `UsageError`."""
        self.count += 1
        try:
            return Program(self.words, self.folder.folder / f"stderr-{os.getpid()}-{self.count}.txt")
        except OSError as error:
            raise UsageError(f"{self.title} cannot be started: {error.strerror or error}") from None

    def take(self) -> Program:
        """A process that has said hello. Raises `ProgramFailed`."""
        if self.owner != os.getpid():  # a fork has its own
            self.owner, self.ready, self.starting = os.getpid(), [], []
            weakref.finalize(self, end_all, os.getpid(), self.ready, self.starting)
        if self.ready:
            return self.ready.pop()
        program = self.starting.pop() if self.starting else self.launch()
        self.starting.append(self.launch())
        program.hello()
        return program

    def stand_down(self) -> None:
        """End them."""
        end_all(self.owner, self.ready, self.starting)
        self.ready.clear()
        self.starting.clear()

    def give_back(self, program: Program) -> None:
        """Keep it for the next run."""
        self.ready.append(program)


class ProgramSystem(LogSystem):
    """A log in a program of any language. Raises `UsageError` if it does not say hello."""

    def __init__(self, command: str) -> None:
        self.title = f"program {command!r}"
        self.pool = ProgramPool(self.title, words_of(command))
        program = self.pool.launch()
        try:
            self.promises = self.understood(program.hello())
        except ProgramFailed as error:
            raise UsageError(f"{self.title}: {error}") from None
        except UsageError:
            program.kill()
            raise
        self.pool.give_back(program)
        can = {Capability(CAPABILITIES[name]) for name in self.promises.capabilities if CAPABILITIES[name]}
        super().__init__(f"{PREFIX}{command}", self.never, BROUGHT | can)

    def stand_down(self) -> None:
        """Nothing is kept ready."""
        self.pool.stand_down()

    def never(self) -> object:
        """Logs of programs are made in `open`."""
        raise UsageError(f"{self.title}: it can only be opened with an application")

    def understood(self, hello: dict[str, Any]) -> Promises:
        """What it says of itself. Raises `UsageError`."""
        if hello.get("refold") != "log" or hello.get("version") != VERSION:
            raise UsageError(
                f'{self.title}: it said {told(hello)}, expected {{"refold": "log", "version": {VERSION}, "capabilities": […]}} as its'
                " first line"
            )
        names = hello.get("capabilities", [])
        known = tuple(CAPABILITIES)
        unknown = [name for name in names if name not in known] if isinstance(names, list) else [names]
        if unknown:
            raise UsageError(
                f"{self.title}: there is no capability {short(unknown[0])}{suggestion(str(unknown[0]), CAPABILITIES)}; known are"
                f" {', '.join(CAPABILITIES)}"
            )
        seconds = hello.get("seconds", ANSWER)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= SECONDS_MAX:
            raise UsageError(f"{self.title}: its seconds are {short(seconds)}, expected a number up to {SECONDS_MAX:g}")
        return Promises(frozenset(names), float(seconds))

    def open(self, application: Application, emit: Emit) -> Deployment:
        """A deployment around a log in a process."""
        if application.tagged:
            raise UsageError(
                f"{self.title}: application {application.name!r} has conditions over tags, which the line protocol does not have; take"
                " one whose conditions are versions of streams"
            )
        log = ProgramLog(self.title, application, self.promises, Path(self.pool.folder.fresh()), self.pool)
        guarded = GuardedLog(self.title, log, application)
        guarded.emit = emit
        return Deployment(self.name, application, emit, log=guarded, capabilities=self.capabilities)


def end_all(owner: int, *programs: list[Program]) -> None:
    """End processes, in the process that started them and not in a fork of it."""
    if owner == os.getpid():
        for program in itertools.chain(*programs):
            program.kill()


def words_of(command: str) -> list[str]:
    """The words of a command. Raises `UsageError` if nobody could run it."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"command {command!r} cannot be split into words: {error}") from None
    if not words:
        raise UsageError("the command is empty; write what starts the program, for example --command 'node log.js'")
    if shutil.which(words[0]) is None:
        raise UsageError(f"command {command!r}: there is no program {words[0]!r}, neither here nor on the path")
    return words
