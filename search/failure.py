"""Failures: the file of a plan that was found, and `Broken`, which a failing test raises, with its message in plain words."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pathlib
import re
from typing import Any

from refold.model.application import Application
from refold.model.documents.plan import plan_to_json
from refold.model.tape import Plan
from refold.properties.property import Finding
from refold.properties.result import Counterexample, Result
from refold.search.objects.provenance import Origin
from refold.search.whole import write

SLUG_MAX = 80
"""Characters that a name may give to the name of a file."""


def report_dir() -> str:
    """Where plans and reports go: what the pytest plugin was told, else ``.refold``."""
    return os.environ.get("REFOLD_REPORT_DIR") or ".refold"


def slug(name: str) -> str:
    """Whatever somebody has called something, as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", name)[:SLUG_MAX].strip("-.") or "system"


def save_plan(
    counterexample: Counterexample, application: Application, system: str, directory: str, **about: Any
) -> str:
    """Write the plan as a document; returns its path. The name tells the anomaly; equal plans have equal names."""
    return PlanFile(application, system, directory, **about).shrunk(counterexample)


NEAREST = "nearest-"
"""How the files of plans begin that came nearest to a situation."""


class PlanFile:
    """The file of a find: the plan as it was found, until the shrunk one takes its place. There is no moment without either, so a search
    that is killed while it shrinks loses nothing.

    `system` is the name of a system, or what was given for one; `test` is the test that runs, `called` what the user calls the application.
    """

    def __init__(
        self,
        application: Application,
        system: Any,
        directory: str,
        *,
        test: str = "",
        called: str | None = None,
        **about: Any,
    ) -> None:
        self.application = application
        self.system = system
        self.folder = pathlib.Path(directory) / "plans"
        self.test = test
        self.called = called
        self.about = about
        self.unshrunk: pathlib.Path | None = None

    @functools.cached_property
    def origin(self) -> Origin:
        """Where the plan comes from; asked only when there is one, because the answer takes a look at all modules."""
        return Origin.of(self.application, self.system, self.test, self.called)

    def found(self, counterexample: Counterexample) -> None:
        """Before shrinking. A file that was there already, of an earlier search, is not ours to take away."""
        path, text = self.document(counterexample)
        if not path.exists():
            write(path, text)
            self.unshrunk = path

    def shrunk(self, counterexample: Counterexample) -> str:
        """After it; returns the path."""
        path, text = self.document(counterexample)
        write(path, text)
        if self.unshrunk is not None and self.unshrunk != path:
            self.unshrunk.unlink(missing_ok=True)
        self.unshrunk = None
        return str(path)

    def document(self, counterexample: Counterexample) -> tuple[pathlib.Path, str]:
        """Where it goes, and what is in it."""
        finding = counterexample.finding
        about = {"anomaly": finding.anomaly, "guarantee": finding.guarantee}
        return self.named(slug(finding.anomaly), counterexample.plan, about)

    def nearest(self, situation: str, plan: Plan, distance: float) -> str:
        """Write the plan of the run that came nearest to a situation; returns the path."""
        path, text = self.named(f"{NEAREST}{slug(situation)}", plan, {"nearest_to": situation, "distance": distance})
        write(path, text)
        return str(path)

    def named(self, name: str, plan: Plan, about: dict[str, Any]) -> tuple[pathlib.Path, str]:
        """Where a plan goes, and what is in its document."""
        document = plan_to_json(plan, self.application, **self.origin.fields(), **about, **self.about)
        document["application"] = self.origin.application
        text = json.dumps(document, indent=1, sort_keys=False) + "\n"
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return self.folder / f"{name}-{digest}.json", text


class Words:
    """What a failure is put into. These words are plain: only `refold.reports` makes sentences."""

    def title(self, finding: Finding) -> str:
        """What happened, in one line."""
        place = f" at position {finding.position}" if finding.position is not None else ""
        return f"{finding.anomaly} ({finding.guarantee}): {finding.where}{place}"

    def plan(self, counterexample: Counterexample) -> list[str]:
        """Its actions."""
        return [f"  {number}. {action}" for number, action in enumerate(counterexample.plan, 1)]

    def why(self, counterexample: Counterexample) -> list[str]:
        """What is wrong about it."""
        finding = counterexample.finding
        return [f"  expected  {finding.expected}", f"  found     {finding.actual}"]

    def page(self, page: str) -> list[str]:
        """Where the report is, if there is one."""
        return [f"  report  {page}"] if page else []

    def command(self, command: str) -> list[str]:
        """How to see it again."""
        return [f"  {command}"]


def failure_text(counterexample: Counterexample, command: str, said: Words | None = None, page: str = "") -> str:
    """The whole message of a failing test. The command is its last line."""
    said = said or Words()
    parts = (said.plan(counterexample), said.why(counterexample), said.page(page), said.command(command))
    told = (line for part in parts if part for line in ("", *part))
    return "\n".join([said.title(counterexample.finding), *told])


class Broken(AssertionError):
    """A property found a violation. The text of this exception contains the shrunk plan, the anomaly, and the command
    that replays the plan.

    `counterexample`, `command`, `application`, `system` and `result` (the whole search) are the data for a report. Code
    that writes a report may set a `message` with a better text, as the pytest plugin does for the report of a test.
    `plan` is the path of the plan's file, and `report` is the path of the report's page; each is "" if there is no such
    file.
    """

    def __init__(
        self,
        counterexample: Counterexample,
        command: str,
        result: Result | None = None,
        plan: str = "",
        application: Application | None = None,
        system: Any = None,
    ) -> None:
        super().__init__(counterexample, command)
        self.counterexample = counterexample
        self.command = command
        self.result = result
        self.plan = plan
        self.application = application
        self.system = system
        self.message = ""
        self.report = ""
        self.aside: list[str] = []
        """What Hypothesis says about its example, which this message says better."""

    def __str__(self) -> str:
        """The message, in plain words where nobody had better ones."""
        return self.message or failure_text(self.counterexample, self.command)


class PlanNote(str):
    """The actions that led to an error of the user's, as a note to it: plain words, and the plan for whoever has better ones."""

    plan: Plan

    @classmethod
    def of(cls, plan: Plan) -> PlanNote:
        """The note about this plan."""
        note = cls("\n".join(Words().plan(Counterexample(plan, (), (), 0, 0.0))))
        note.plan = plan
        return note


def whole_traces() -> bool:
    """Whether failures of machines keep the frames of refold and Hypothesis; the pytest plugin says so with ``--full-trace``."""
    return bool(os.environ.get("REFOLD_FULL_TRACE"))


Broken.__module__ = "refold"  # the name that users see and import
GuaranteeBroken = Broken
"""The former name."""
