"""What a search tries once more when it has found something: a question that the plan itself leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from refold.model.action import Submit
from refold.model.parts.calls import Elapse, GoOn, Shown
from refold.model.tape import Menu, Plan
from refold.properties.result import Counterexample

COMMANDS = 6
"""Commands that are tried, at most."""


def one_more(menu: Menu, found: Counterexample) -> Iterator[Plan]:
    """The plan with one more command at its end, at once or a while later, if it left a consumer short of the end and nobody can tell
    whether it lost the last events or is still to handle them: consumers that are judged by their rows, and show no checkpoint."""
    finding = found.findings[0]
    shown = [proof.record for proof in finding.evidence if type(proof.record) is Shown]
    if finding.anomaly != "never-reaches-tail" or not shown or any(record.checkpoint is not None for record in shown):
        return
    alone = [word[0] for _, _, words in menu.groups for word in words if len(word) == 1]
    commands = dict.fromkeys(action for action in alone if isinstance(action, Submit))
    waits = dict.fromkeys(action for action in alone if isinstance(action, Elapse))
    ends = dict.fromkeys(
        action for action in alone if isinstance(action, GoOn)
    )  # who stands in the middle may be in the way
    for command, wait in product(list(commands)[:COMMANDS], [(), *((one,) for one in list(waits)[:1])]):
        yield (*found.plan, *ends, *wait, command)
