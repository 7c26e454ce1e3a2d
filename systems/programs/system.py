"""A program as a system: `command:node log.js`. What it can do it says in its hello."""

from __future__ import annotations

import os
import shlex
import shutil
import weakref
from pathlib import Path
from typing import Any

from refold.model.application import Application
from refold.model.declarations.capability import BROUGHT, Capability
from refold.model.errors import UsageError
from refold.model.process import Emit
from refold.model.words import short, suggestion
from refold.systems.deployment import Deployment
from refold.systems.programs.log import PLACE, ProgramLog, Promises
from refold.systems.programs.process import ANSWER, Program, ProgramFailed
from refold.systems.run_folder import RunFolder
from refold.systems.user.errors import AdapterError
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
    "reset": "",
}
"""What a program may say that it can do -> the capability that it is."""
SECONDS_MAX = 60.0
"""The longest time that a program may ask for."""


class ProgramSystem(LogSystem):
    """A log in a program of any language. Raises `UsageError` if it does not say hello."""

    def __init__(self, command: str) -> None:
        self.words = words_of(command)
        self.title = f"program {command!r}"
        self.places = RunFolder("program")
        self.idle: list[tuple[int, Program, Path]] = []
        folder = self.folder()
        program, hello = self.launch(folder)
        self.promises = self.understood(hello)
        self.keep(program, folder)
        weakref.finalize(self, end_all, self.idle)
        can = {Capability(CAPABILITIES[name]) for name in self.promises.capabilities if CAPABILITIES[name]}
        super().__init__(f"{PREFIX}{command}", self.never, BROUGHT | can)

    def never(self) -> object:
        """Logs of programs are made in `open`."""
        raise UsageError(f"{self.title}: it is opened with an application")

    # -- processes

    def folder(self) -> Path:
        """An empty folder."""
        return Path(self.places.fresh())

    def launch(self, folder: Path) -> tuple[Program, dict[str, Any]]:
        """A new process and its hello. Raises `UsageError` or `ProgramFailed`."""
        try:
            program = Program(self.words, {PLACE: str(folder)}, folder / "stderr.txt")
        except OSError as error:
            raise UsageError(f"{self.title} cannot be started: {error.strerror or error}") from None
        return program, program.hello()

    def start(self, folder: Path) -> Program:
        """A new process. Raises `ProgramFailed`."""
        return self.launch(folder)[0]

    def understood(self, hello: dict[str, Any]) -> Promises:
        """What it says of itself. Raises `UsageError`."""
        if hello.get("refold") != "log" or hello.get("version") != VERSION:
            raise UsageError(
                f'{self.title}: it said {short(hello, 120)}, expected {{"refold": "log", "version": {VERSION}, "capabilities": […]}} as its'
                " first line"
            )
        names = hello.get("capabilities", [])
        unknown = [name for name in names if name not in CAPABILITIES] if isinstance(names, list) else [names]
        if unknown:
            raise UsageError(
                f"{self.title}: there is no capability {short(unknown[0])}{suggestion(str(unknown[0]), CAPABILITIES)}; known are"
                f" {', '.join(CAPABILITIES)}"
            )
        seconds = hello.get("seconds", ANSWER)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= SECONDS_MAX:
            raise UsageError(f"{self.title}: its seconds are {short(seconds)}, expected a number up to {SECONDS_MAX:g}")
        return Promises(frozenset(names), float(seconds))

    def keep(self, program: Program, folder: Path) -> None:
        """A process that the next run may have."""
        self.idle.append((os.getpid(), program, folder))

    def kept(self) -> tuple[Program, Path] | None:
        """One that is left, with an empty log; in the process that started it."""
        while self.idle:
            owner, program, folder = self.idle.pop()
            if owner == os.getpid():
                return program, folder
        return None

    def renewed(self) -> tuple[Program | None, Path]:
        """A process with an empty log, or a folder for one that is to be started."""
        found = self.kept()
        if found is None:
            return None, self.folder()
        program, folder = found
        if not program.number:
            return program, folder
        try:
            program.ask("reset", self.promises.seconds)
        except ProgramFailed as error:
            raise AdapterError(f"{self.title}: {error}") from None
        return program, folder

    # -- the port

    def open(self, application: Application, emit: Emit) -> Deployment:
        """A deployment around a log in a process."""
        program, folder = self.renewed()
        log = ProgramLog(self.title, application, self.promises, folder, self.start, program, self.keep)
        guarded = GuardedLog(self.title, log, application)
        guarded.emit = emit
        return Deployment(self.name, application, emit, log=guarded, capabilities=self.capabilities)


def end_all(idle: list[tuple[int, Program, Path]]) -> None:
    """End the processes that this one has started."""
    for owner, program, _ in idle:
        if owner == os.getpid():
            program.kill()
    idle.clear()


def words_of(command: str) -> list[str]:
    """The words of a command. Raises `UsageError` if nobody could run it."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"command {command!r} cannot be taken apart: {error}") from None
    if not words:
        raise UsageError("the command is empty; write what starts the program, for example --command 'node log.js'")
    if shutil.which(words[0]) is None:
        raise UsageError(f"command {command!r}: there is no program {words[0]!r}, neither here nor on the path")
    return words
