"""The message of a failing test, in sentences: the plan, the anomaly and why, and in its last line the command that replays it.
(Hypothesis adds lines of its own below.)"""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.tape import Plan
from refold.model.words import counted
from refold.properties.property import Finding
from refold.properties.result import Counterexample
from refold.reports.words.explained import Explained
from refold.reports.words.explanation import spot
from refold.reports.words.plan_list import Item, plan_heading, plan_items, shortened
from refold.reports.words.values import inert
from refold.search.failure import Words, failure_text


class Sentences(Words):
    """The words of this package for one counterexample, in the place of the plain ones."""

    def __init__(self, explained: Explained) -> None:
        self.explained = explained

    def title(self, finding: Finding) -> str:
        """What happened, in one line."""
        return self.explained.title

    def plan(self, counterexample: Counterexample) -> list[str]:
        """Each action as a sentence; of a long plan the beginning and the end."""
        items, heading = self.explained.plan, self.explained.plan_heading
        if not items:
            return ["There is no plan to show: it is all runs together in which it did not happen."]
        return listed(items, heading)

    def why(self, counterexample: Counterexample) -> list[str]:
        """Let, Then, However; the usual cause; what else the run shows."""
        explanation = self.explained.explanation
        lines: list[str] = []
        heading = ""
        for word, line in explanation.lines():
            if word != heading:
                lines.append(word)
                heading = word
            lines.append(f"  {line}")
        lines += ["", f"Usual cause and fix: {explanation.usual}"] if explanation.usual else []
        lines += [f"Look at {spot(self.explained.place)}"] if self.explained.place is not None else []
        return lines + [f"The same run also shows {other.title}" for other in self.explained.also]

    def page(self, page: str) -> list[str]:
        """Where the report with the pictures is."""
        return [f"Report: {inert(page)}"] if page else []

    def command(self, command: str) -> list[str]:
        """In a line of its own, to be copied."""
        return ["Replay it:", inert(command)]


def listed(items: Sequence[Item], heading: str) -> list[str]:
    """A plan under its heading."""
    first, between, last = shortened(items)
    gap = f"  … {counted(between, 'action')} in between; all are in the plan file that the command below names"
    return [
        f"{heading[0].upper()}{heading[1:]}:",
        *(f"  {item.label} {item.words}" for item in first),
        *([gap] if between else []),
        *(f"  {item.label} {item.words}" for item in last),
    ]


def failure_message(explained: Explained, page: str = "") -> str:
    """The message of a test that failed with this counterexample; `page` is the path of its report."""
    example = explained.counterexample
    if example is None:
        raise ValueError("this explains a finding alone; give what `explain` makes of a counterexample")
    return failure_text(example, explained.replay, Sentences(explained), page)


def plan_lines(plan: Plan) -> list[str]:
    """The actions that led to an error of the user's own rules."""
    example = Counterexample(plan, (), (), 0, 0.0)
    items = plan_items(example)
    return listed(items, plan_heading(example, items))
