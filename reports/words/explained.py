"""A finding explained, once: every renderer takes this value, so that all of them tell the same story with the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from refold.model.application import Application
from refold.properties.diagnosis.scores import SHOWN, Diagnosis, diagnose
from refold.properties.property import Finding
from refold.properties.result import Counterexample, Result
from refold.properties.updates.evidence_graph import Graph, evidence_graph
from refold.reports.words.cycle import by_cycle
from refold.reports.words.explanation import Explanation, by_evidence, title
from refold.reports.words.plan_list import Item, plan_heading, plan_items
from refold.search.objects.locations import Location, location_of


@attrs.frozen
class Explained:
    """A finding in words, and everything that belongs to it.

    `explanation` has the headline, the parts Let, Then and However, and the usual cause. The numbers in the explanation
    are those of the evidence `graph`, which exists if the finding is a wrong decision with a cycle. `place` is the
    function in the user's own code that the explanation blames. For a counterexample there are also the sentences of
    its `plan`, the `diagnoses` (best first), the other findings of the same run (`also`), and the `plan_file` and
    `replay` command ("" if there is none).
    """

    finding: Finding
    title: str
    explanation: Explanation
    graph: Graph | None = None
    counterexample: Counterexample | None = None
    place: Location | None = None
    plan: tuple[Item, ...] = ()
    plan_heading: str = ""
    diagnoses: tuple[Diagnosis, ...] = ()
    also: tuple[Explained, ...] = ()
    plan_file: str = ""
    replay: str = ""

    @property
    def history(self) -> Sequence[Any]:
        """The history in which the violation was found; empty if the history was not kept."""
        return () if self.counterexample is None else self.counterexample.history


def explain(
    counterexample: Counterexample,
    application: Application | None = None,
    *,
    system: Any = None,
    plan_file: str = "",
    replay: str = "",
    diagnosed: bool = True,
) -> Explained:
    """Explain a counterexample of this system. With the application, all events of a key or of a group of keys are included; without it,
    the events of the streams that the evidence names."""
    first, *others = (
        attrs.evolve(
            explain_finding(one, counterexample.history, application), place=location_of(one, application, system)
        )
        for one in counterexample.findings
    )
    items = plan_items(counterexample)
    found = diagnose(counterexample.findings, counterexample.history, SHOWN) if diagnosed else ()
    return attrs.evolve(
        first,
        counterexample=counterexample,
        plan=tuple(items),
        plan_heading=plan_heading(counterexample, items),
        diagnoses=tuple(found),
        also=tuple(others),
        plan_file=plan_file,
        replay=replay,
    )


def explain_finding(
    finding: Finding, history: Sequence[Any] = (), application: Application | None = None, begins: int = 0
) -> Explained:
    """A finding explained: by its cycle where there is one, else by its evidence. `history` is what was recorded up to the finding, as far
    as it was kept: `begins` records before it were not."""
    graph = evidence_graph(history, finding, application, begins) if finding.guarantee == "CAS" else None
    if graph is None or not graph.cycle:
        return Explained(finding, title(finding), by_evidence(finding))
    return Explained(finding, title(finding), by_cycle(graph, finding), graph)


def explain_result(
    result: Result,
    application: Application | None = None,
    plans: Sequence[str] = (),
    replays: Sequence[str] = (),
    *,
    system: Any = None,
) -> tuple[Explained, ...]:
    """Explain every counterexample of a campaign. For each counterexample, `plans` contains the file of its plan, and
    `replays` contains the command that replays the plan."""
    return tuple(
        explain(
            example,
            application,
            system=system,
            plan_file=plans[n] if n < len(plans) else "",
            replay=replays[n] if n < len(replays) else "",
        )
        for n, example in enumerate(result.counterexamples)
    )
