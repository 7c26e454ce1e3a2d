"""The plan of a counterexample as a numbered list. Its numbers are those of the steps in the history and the picture, so an action that
was not possible has none."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from refold.model.record import Settling, Step
from refold.model.words import counted
from refold.properties.result import Counterexample
from refold.reports.words.sentences import action_sentence

ENDS = 20
"""Actions that are shown of the beginning and of the end of a long plan."""
LINES_MAX = 2 * ENDS
"""Actions from which on a plan is long."""


@attrs.frozen
class Item:
    """One action: `step` is its number among the steps, None if nothing was done; `note` says why."""

    step: int | None
    sentence: str
    note: str = ""

    @property
    def label(self) -> str:
        """``3.``, or a dash."""
        return "-" if self.step is None else f"{self.step}."

    @property
    def words(self) -> str:
        """The sentence, and the note in brackets."""
        return f"{self.sentence} ({self.note})" if self.note else self.sentence


def plan_items(example: Counterexample) -> list[Item]:
    """Every action of the plan, in order.

    The first action that equals the next step is the one that was performed: nothing happens between two steps, so an equal action before
    it would have been possible as well.
    """
    plan, history = example.plan, example.history
    sentences = [action_sentence(action) for action in plan]
    steps = [record for record in history if isinstance(record, Step)]
    performed: list[int | None] = []
    done = 0
    for action in plan:
        if done < len(steps) and steps[done].action == action:
            performed.append(steps[done].number)
            done += 1
        else:
            performed.append(None)
    if not done:
        return [Item(n, sentence) for n, sentence in enumerate(sentences, start=1)]
    whole = any(isinstance(record, Settling) for record in history)
    last = max(n for n, step in enumerate(performed) if step is not None)
    return [
        Item(step, sentence, "" if step is not None else "not possible here" if whole or n < last else "not reached")
        for n, (step, sentence) in enumerate(zip(performed, sentences, strict=True))
    ]


def plan_heading(example: Counterexample, items: Sequence[Item]) -> str:
    """What the list is: ``a plan that shows it, 2 actions; none of them can be left out``."""
    actions = counted(len(items), "action")
    if example.minimal:
        return f"a plan that shows it, {actions}" + ("; none of them can be left out" if len(items) > 1 else "")
    idle = [note for note in ("not possible here", "not reached") if any(item.note == note for item in items)]
    said = []
    for note in idle:
        number = sum(item.note == note for item in items)
        said.append(f"{number} of them {'was' if number == 1 else 'were'} {note}")
    return "; ".join([f"the plan, {actions}", *said])


def shortened(items: Sequence[Item], lines_max: int | None = None) -> tuple[Sequence[Item], int, Sequence[Item]]:
    """Of a long plan its beginning, the number of actions between, and its end; else all, 0 and nothing. `lines_max` is what is not long
    yet (None: `LINES_MAX`)."""
    if len(items) <= (lines_max or LINES_MAX):
        return items, 0, ()
    ends = lines_max // 2 if lines_max else ENDS
    return items[:ends], len(items) - 2 * ends, items[-ends:]
