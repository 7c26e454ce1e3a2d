"""One history, judged by the workers of a cluster: each reads it in a process of its own and judges a group of the properties.

Contract: that of `side_by_side`. A worker that dies costs the group that it had, which is given to another one; a group with which worker
after worker has died is named, and what the others find is kept. What cannot be told from there is judged here.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from refold.model.application import Application
from refold.properties.partial_history import Beginning
from refold.search.matrix.tasks import Lost, Tasks
from refold.search.objects.application_check import EXAMPLES, application_named
from refold.search.stored.files import FileSource, Source
from refold.search.stored.history import FINDINGS_MAX, Judges, StoredHistory
from refold.search.stored.side_by_side import AGAIN, Board, Judgement, Judging, SideBySide, share_of, understood
from refold.search.workers import ended_by
from refold.systems.parent import before_exec


@attrs.frozen
class Group:
    """What a worker is asked for: to judge the group of properties with the number `job` of a file that has so many bytes. `application`
    is what the user named, `example` that which comes with refold and is named by the history; a process is ended that is `silent` for so
    many seconds."""

    path: str
    size: int
    application: str | None
    example: str
    begins: Beginning | None
    groups: Sequence[Sequence[int]]
    silent: float
    job: int = 0

    def judged(self) -> Judgement:
        """In the process: what it says. Raises whatever only one process can tell."""
        if os.path.getsize(self.path) != self.size:
            return Judgement(AGAIN)
        given = None if self.application is None else application_named(self.application)
        application = EXAMPLES[self.example]() if self.example else given
        judges = Judges(application if self.begins is None else None, self.begins)
        history = StoredHistory(FileSource(self.path), given, watch=self.watched)
        share = share_of(judges.checker(), self.groups, self.job)
        return history.part(share, Board(1), 0, judges.application)

    @contextmanager
    def watched(self, application: Application) -> Iterator[Callable[[], None]]:
        """The clock of the operating system ends the process if the application does not answer."""

        def alive() -> None:
            signal.setitimer(signal.ITIMER_REAL, self.silent)

        alive()
        try:
            yield alive
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def judged_there(group: Group) -> bytes | Lost:
    """On a worker: what a child process says, unread: the worker has not loaded the modules of the user."""
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=pickle.dumps(group),
        stdout=subprocess.PIPE,
        check=False,
        preexec_fn=before_exec(),
    )
    if done.returncode == -signal.SIGALRM:
        return pickle.dumps(Judgement(AGAIN))
    return Lost(ended_by(done.returncode)) if done.returncode else done.stdout


def main() -> None:
    """In the process: judge, say."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the application prints is not an answer
    group = pickle.load(sys.stdin.buffer)
    try:
        said = pickle.dumps(group.judged())
    except BaseException:  # whatever it is, it comes again where one process judges, and is told there
        said = pickle.dumps(Judgement(AGAIN))
    with answer:
        answer.write(said)


@attrs.define
class JudgingThere(Judging):
    """One of them, on a worker."""

    lost: Lost | None = None

    def how(self) -> str:
        """How it was ended, in words."""
        return "" if self.lost is None else self.lost.why


class Mail:
    """What comes from the workers, for several who wait for something of it."""

    def __init__(self, tasks: Tasks[Any]) -> None:
        self.tasks = tasks
        self.heard: dict[Any, Any] = {}

    def hear(self) -> None:
        """Wait a moment for more."""
        self.heard.update(self.tasks.hear())


class GroupsOnWorkers(SideBySide):
    """Groups of properties of one history, on workers."""

    def __init__(self, judges: Judges, group: Group, mail: Mail, heartbeat: Callable[[float], None]) -> None:
        super().__init__(judges.checker, self.nowhere, [list(one) for one in group.groups], FINDINGS_MAX, heartbeat)
        self.group = group
        self.mail = mail
        self.there: list[JudgingThere] = []

    @staticmethod
    def nowhere(share: Any, board: Board, job: int) -> Judgement:
        """Nothing is read in a fork of this process."""
        raise NotImplementedError

    def start(self, job: int) -> None:
        """One more."""
        self.mail.tasks.give((self.group.path, job), judged_there, attrs.evolve(self.group, job=job))
        self.there.append(JudgingThere(None, None, self.groups[job]))  # type: ignore[arg-type]
        self.processes.append(self.there[-1])

    def listen(self, until: float | None) -> None:
        """Hear what they say; nobody waits any more where there is an end to it (`until`)."""
        while until is None and not all(each.part or each.lost for each in self.there):
            self.mail.hear()
            for job, each in enumerate(self.there):
                said = self.mail.heard.pop((self.group.path, job), None)
                if isinstance(said, Lost):
                    each.lost = said
                elif said is not None:
                    each.part = understood(said)
            self.heartbeat(sum(each.part is not None for each in self.there) / len(self.there))

    def end(self) -> None:
        """Nobody waits for them any more."""
        for job in range(len(self.there)):
            self.mail.tasks.drop((self.group.path, job))


class Workers:
    """The workers of a cluster as those who judge histories. `application` is what the user named."""

    def __init__(self, mail: Mail, application: str | None, silent: float) -> None:
        self.mail = mail
        self.application = application
        self.silent = silent

    @property
    def processes(self) -> int:
        """As many as there are threads of workers."""
        return sum(self.mail.tasks.threads().values())

    def side_by_side(
        self, source: Source, judges: Judges, groups: list[list[int]], heartbeat: Callable[[float], None]
    ) -> GroupsOnWorkers:
        """The processes that judge these groups of properties."""
        named = judges.application.name if judges.application is not None and self.application is None else ""
        group = Group(source.name, source.size, self.application, named, judges.begins, groups, self.silent)
        return GroupsOnWorkers(judges, group, self.mail, heartbeat)


if __name__ == "__main__":
    main()
