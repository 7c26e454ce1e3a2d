"""The message of a failing test, in sentences: the plan, the anomaly and why, and in its last line the command that replays it.
(Hypothesis adds lines of its own below.)"""

from __future__ import annotations

from refold.model.words import counted
from refold.properties.property import Finding
from refold.properties.result import Counterexample
from refold.reports.words.explanation import explain, title
from refold.reports.words.plan_list import plan_heading, plan_items, shortened
from refold.reports.words.values import inert
from refold.search.failure import GuaranteeBroken, Words, failure_text


class Sentences(Words):
    """The words of this package; the pytest plugin puts them in the place of the plain ones."""

    def title(self, finding: Finding) -> str:
        """What happened, in one line."""
        return title(finding)

    def plan(self, counterexample: Counterexample) -> list[str]:
        """Each action as a sentence; of a long plan the beginning and the end."""
        items = plan_items(counterexample)
        if not items:
            return ["There is no plan to show: it is all runs together in which it did not happen."]
        heading = plan_heading(counterexample, items)
        first, between, last = shortened(items)
        gap = f"  … {counted(between, 'action')} between; all are in the file of the command below"
        return [
            f"{heading[0].upper()}{heading[1:]}:",
            *(f"  {item.label} {item.words}" for item in first),
            *([gap] if between else []),
            *(f"  {item.label} {item.words}" for item in last),
        ]

    def why(self, counterexample: Counterexample) -> list[str]:
        """Let, Then, However; the usual cause; what else the run shows."""
        explained = explain(counterexample.finding)
        lines: list[str] = []
        heading = ""
        for word, line in explained.lines():
            if word != heading:
                lines.append(word)
                heading = word
            lines.append(f"  {line}")
        lines += ["", f"Usual cause and fix: {explained.usual}"] if explained.usual else []
        return lines + [f"The same run also shows {title(other)}" for other in counterexample.findings[1:]]

    def command(self, command: str) -> list[str]:
        """In a line of its own, to be copied."""
        return ["Replay it:", inert(command)]


def plain_failure(counterexample: Counterexample, replay_command: str) -> str:
    """The message, for whoever does not have it from pytest."""
    return failure_text(counterexample, replay_command, Sentences())


def message(error: GuaranteeBroken) -> str:
    """The message of a failing test."""
    return failure_text(error.counterexample, error.command, Sentences())
