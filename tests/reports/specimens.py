"""Specimens for the tests of reports: real runs of systems that are broken on purpose, and a hostile history made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from refold.model.action import Append, Crash, CrashAt, CutPower, Deliver, Prepare, Restart, Submit
from refold.model.application import Application
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Delete, Register
from refold.model.expectation import ANY
from refold.model.record import (
    Acknowledged,
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    Observed,
    Opened,
    Prepared,
    Refused,
    Settled,
    Settling,
    Step,
)
from refold.properties.diagnosis.catalogue import Row, catalogue
from refold.properties.diagnosis.scores import Diagnosis
from refold.properties.property import Evidence, Finding
from refold.properties.result import Counterexample, Result
from refold.properties.suite import checker, properties
from refold.reports.documents.html import html_report
from refold.reports.documents.json_report import result_json
from refold.reports.documents.terminal import terminal_report
from refold.reports.words.explained import Explained, explain, explain_result
from refold.reports.words.failure import failure_message
from refold.systems.broken import BROKEN

ADA = Register("acme", "ada")


def run(system: str, plan: tuple[Any, ...], application: Application | None = None) -> Counterexample:
    """Run one plan on a broken system to its end and collect everything."""
    application = application or Accounts()
    judge = checker(application)
    history: list[Any] = []

    def emit(record: Any) -> None:
        history.append(record)
        judge.feed(record)

    deployment = BROKEN[system].system().open(application, emit)
    for action in plan:
        deployment.perform(action)
    deployment.settle()
    deployment.close()
    return Counterexample(plan, tuple(judge.finish()), tuple(history), found_at=41, seconds_cpu=0.25)


def result(system: str, *examples: Counterexample, **changes: Any) -> Result:
    """A campaign with these counterexamples."""
    fields: dict[str, Any] = {
        "system": system,
        "application": "accounts",
        "seed": 7,
        "examples": 200,
        "steps": 5231,
        "skipped": 812,
        "seconds": 3.25,
        "counts": {
            "appended": 2210,
            "delivered": 6120,
            "redelivered": 96,
            "reordered": 240,
            "crashes": 61,
            "power_cuts": 9,
            "recoveries": 70,
            "snapshots": 118,
            "conflicts": 77,
        },
        "counterexamples": examples,
        "not_checked": ("LOCK: the system has no locks", "CDC: the system has no change stream"),
        "checked": tuple(
            (checked.name, checked.guarantee)
            for checked in properties(Accounts())
            if checked.guarantee and not checked.needs
        ),
    }
    return Result(**{**fields, **changes})


def checkpoint_first() -> Counterexample:
    """The checkpoint runs ahead, and a crash makes the loss real."""
    plan = (Submit("alice", ADA), Deliver("index", 0), Crash("index"), Restart("index"))
    return run("checkpoint-before-effect", plan)


def power_cut() -> Counterexample:
    """An acknowledged append is lost."""
    plan = (Submit("alice", ADA), CutPower("log", "drop"))
    return run("ack-before-fsync", plan)


def blind() -> Counterexample:
    """Two clients create the same account."""
    plan = (Prepare("bob", ADA), Submit("alice", ADA), Append("bob"))
    return attrs.evolve(run("expected-any-misuse", plan), minimal=True)


def twice() -> Counterexample:
    """A crash between effect and checkpoint: the event counts again."""
    plan = (Submit("alice", ADA), CrashAt("index", 2), Deliver("index", 0), Restart("index"), Deliver("index", 0))
    return run("effect-before-checkpoint", plan)


def resurrected() -> Counterexample:
    """A late change brings a deleted row back."""
    plan = (
        Submit("carol", ADA),
        Submit("carol", Delete("acme", "ada")),
        Deliver("cache", 1),
        Deliver("cache", 0),
    )
    return run("cache-resurrects-deleted", plan)


def deaf() -> Counterexample:
    """A wake-up is lost."""
    plan = (Deliver("index", 0), Submit("alice", ADA))
    return run("lost-wakeup", plan)


def explained(
    told: Result,
    plans: Sequence[str] = (),
    replays: Sequence[str] = (),
    diagnosis: Mapping[int, Sequence[tuple[str, float, tuple[str, ...]]]] | None = None,
) -> tuple[Explained, ...]:
    """The counterexamples of a result; `diagnosis`, in the place of their own: number (from 0) -> row, score, reasons."""
    found = []
    for n, each in enumerate(explain_result(told, Accounts(), plans, replays)):
        diagnoses = tuple(Diagnosis(row(name), score, because) for name, score, because in (diagnosis or {}).get(n, ()))
        found.append(attrs.evolve(each, diagnoses=diagnoses))
    return tuple(found)


def row(name: str) -> Row:
    """The row of this name; one that is hostile through and through, if there is none."""
    return catalogue().get(name) or attrs.evolve(catalogue()["check-then-append"], name=name, what=name, fix=name)


def page_of(told: Result, **options: Any) -> str:
    """Its page."""
    return html_report(told, explained(told, **options))


def text_of(told: Result, *, report: str | None = None, width: int = 100, verbose: bool = False, **options: Any) -> str:
    """Its text."""
    return terminal_report(told, explained(told, **options), report=report, width=width, verbose=verbose)


def json_of(told: Result, *, report: str | None = None, **options: Any) -> dict[str, Any]:
    """What a script gets of it."""
    return result_json(told, explained(told, **options), report=report)


def message_of(example: Counterexample, replay: str) -> str:
    """The message of a test that fails with it."""
    return failure_message(explain(example, Accounts(), replay=replay, diagnosed=False))


SPECIMENS = {
    "ack-before-fsync": power_cut,
    "cache-resurrects-deleted": resurrected,
    "checkpoint-before-effect": checkpoint_first,
    "effect-before-checkpoint": twice,
    "expected-any-misuse": blind,
    "lost-wakeup": deaf,
}

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]></style><svg onload=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "[bold red]markup[/bold red]",
    "\x1b[2J\x1b]0;title\x07",
    "null\x00byte",
    "line\nfeed\r\x0b\x85\u2028",
    "right\u202eto\u2066left\u200f",
    "\ud800 lone, \ufffe no character",
    "{0.__class__} {where!r} %s %(x)s",
    "x" * 10_000,
)


def hostile() -> Counterexample:
    """Every string that a system could smuggle in, everywhere where a string can be."""
    history: list[Any] = [
        Opened(1, HOSTILE[0], HOSTILE[1], HOSTILE, tuple(ConsumerSpec(name=text, projection=text) for text in HOSTILE))
    ]
    for n, text in enumerate(HOSTILE, start=1):
        command = {"Register": {"org": text, text: text}}
        history += [
            Step(n, Submit(text, command)),
            Prepared(text, f"{text}-1", command, text, text, 0, ANY, (NewEvent(f"{text}-1/0", text, {text: text}),)),
            Stored(n, text, 1, f"{text}-1/0", text, {text: text}),
            Acknowledged(text, f"{text}-1", (n,)),
            Refused(text, f"{text}-1", 3, text),
            Applied(text, n, {text: text}),
            CheckpointSaved(text, n),
            Observed(text, n, {text: [text, {text: None}]}),
        ]
    history += [Settling(), Settled(0)]
    findings = tuple(
        Finding(
            anomaly="cache-differs" if n else "never-heard-of",
            guarantee="READ",
            judge="cache",
            where=text,
            number=8 * n + 9,
            position=n + 1,
            expected={text: text},
            actual={text: None},
            evidence=(
                Evidence(8 * n + 4, history[8 * n + 3], "changed"),
                Evidence(8 * n + 9, history[8 * n + 8], text),
            ),
        )
        for n, text in enumerate(HOSTILE)
    )
    plan = tuple(Submit(text, {"Register": {"org": text}}) for text in HOSTILE)
    return Counterexample(plan, findings, tuple(history), 1, 0.1)
