"""The message of a failing test, in sentences: the plan, the anomaly and why, and in the last line the command that replays it."""

from __future__ import annotations

from refold.model.tape import Plan
from refold.properties.failure import Words, failure_text
from refold.properties.property import Finding
from refold.properties.result import Counterexample
from refold.reports.explanation import explain, title
from refold.reports.sentences import counted, plan_sentences
from refold.reports.values import inert


class Sentences(Words):
    """The words of this package; the pytest plugin puts them in the place of the plain ones."""

    def title(self, finding: Finding) -> str:
        """What happened, in one line."""
        return title(finding)

    def plan(self, plan: Plan) -> list[str]:
        """Each action as a sentence."""
        if not plan:
            return ["There is no plan to show: it is all runs together in which it did not happen."]
        return [
            f"The shortest plan that shows it, {counted(len(plan), 'action')}:",
            *(f"  {n}. {sentence}" for n, sentence in enumerate(plan_sentences(plan), start=1)),
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
