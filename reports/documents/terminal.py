"""The report for the terminal: verdict first, the command that replays the failure last.

Nothing is cut to the width of the window: sentences wrap. Colours only where the output is a terminal and NO_COLOR is not set.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import IO, cast

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from refold.model.words import counted
from refold.properties.diagnosis.scores import SHOWN
from refold.properties.result import Result
from refold.reports.documents.console import Trimmed, console
from refold.reports.words.counts import grouped, situations_line
from refold.reports.words.explained import Explained
from refold.reports.words.explanation import Explanation, spot
from refold.reports.words.guarantees import (
    BROKEN,
    GIVEN_UP,
    HELD,
    INTERRUPTED,
    NOT_CHECKED,
    caution,
    conclusion,
    ending,
    extent,
    green,
    standings,
)
from refold.reports.words.plan_list import shortened
from refold.reports.words.references import spelled_out
from refold.reports.words.values import inert, name
from refold.search.capabilities import in_short
from refold.search.objects.provenance import replay_command

STYLES = {HELD: "green", BROKEN: "bold red", NOT_CHECKED: "dim", GIVEN_UP: "red", INTERRUPTED: "yellow"}

PLAN_MAX, ALSO_MAX = 12, 2
"""Actions of a plan, and further findings of its run, that are shown without `verbose`."""

TABLE_WIDTH_MIN = 60
"""Columns below which the table of guarantees is a list."""


def terminal_report(
    result: Result,
    explained: Sequence[Explained],
    *,
    report: str | None = None,
    width: int = 100,
    verbose: bool = False,
) -> str:
    """The same as `print_result`, as a string without colours."""
    out = io.StringIO()
    file = cast(IO[str], Trimmed(out))
    to = Console(file=file, width=width, color_system=None, highlight=False, markup=False, emoji=False)
    print_result(result, explained, to, report=report, verbose=verbose)
    return out.getvalue()


def print_result(
    result: Result,
    explained: Sequence[Explained],
    to: Console | None = None,
    *,
    report: str | None = None,
    note: str = "",
    verbose: bool = False,
    earlier: str = "",
) -> None:
    """Print the result of a campaign. `explained` are its counterexamples, and `report` is the path of the report's
    page. `note` is a sentence that follows the verdict, and `earlier` is the path of the page about all searches, if
    there were earlier searches. Unless `verbose` is set, the steps that lead to a finding are shortened to fit on one
    screen."""
    _Printer(to or console(), verbose).result(result, explained, report, note, earlier)


class _Printer:
    """Prints the parts of a report in their order."""

    def __init__(self, to: Console, verbose: bool = False) -> None:
        self.to = to
        self.verbose = verbose

    def say(self, text: str, style: str = "", indent: int = 0) -> None:
        """One paragraph; it wraps, and a word that is too long for a line is folded."""
        self.to.print(Padding(self.text(text, style), (0, 0, 0, indent), expand=False))

    def text(self, text: str, style: str = "") -> Text:
        """Inert text in an encoding that the output has."""
        encoding = self.to.encoding
        safe = inert(text).encode(encoding, "backslashreplace").decode(encoding)
        return Text(safe, style=style, overflow="fold")

    def item(self, label: str, text: str, indent: int = 4, style: str = "") -> None:
        """A numbered line, whose continuation lines are indented below it."""
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(overflow="fold")
        grid.add_row(self.text(label, "dim"), self.text(text, style))
        self.to.print(Padding(grid, (0, 0, 0, indent), expand=False))

    def command(self, command: str) -> None:
        """A command: never wrapped, to be copied as it is."""
        self.to.print(self.text(command, "bold"), soft_wrap=True)

    def result(
        self, result: Result, explained: Sequence[Explained], report: str | None, note: str, earlier: str
    ) -> None:
        """Everything."""
        self.verdict(result, explained)
        if note:
            self.say(note)
        if explained and not self.verbose:
            self.in_short(result)
        else:
            self.guarantees(result)
            self.counts(result)
        for n, each in enumerate(explained, start=1):
            self.counterexample(n, each)
            if each.plan_file:
                self.say(f"plan: {each.plan_file}", "dim", 2)
            if each.replay and n < len(explained):
                self.say("replay it:", "dim", 2)
                self.command(each.replay)
        self.to.print()
        if conclusion(result) == HELD:
            self.say(green(result))
        elif said := caution(result):
            self.say(said)
        if report is not None:
            self.say(f"report with pictures: {report}")
        if earlier:
            self.say(f"compared with earlier searches: {earlier}")
        if explained and explained[-1].replay:
            self.say("replay it:" if len(explained) == 1 else "replay the last one:", "dim")
            self.command(explained[-1].replay)

    def verdict(self, result: Result, explained: Sequence[Explained]) -> None:
        """The first lines: held or broken, who, how much."""
        rows = standings(result)
        system, application = name(result.system), name(result.application)
        ended = conclusion(result)
        self.say(f"{ended.upper()} ({extent(rows)}): {system} with application {application}", STYLES[ended] + " bold")
        for each in explained:
            self.say(f"- {each.title}", indent=2)
        seed = "" if result.seed is None else f", seed {result.seed}"
        self.say(f"{counted(result.examples, 'run')}, {counted(result.steps, 'step')} in {result.seconds:.1f} s{seed}")
        if early := ending(result):
            self.say(early, STYLES[GIVEN_UP if result.trouble else INTERRUPTED])

    def in_short(self, result: Result) -> None:
        """The guarantees by their codes, so that the finding is near."""
        rows = standings(result)
        for verdict in (BROKEN, HELD, NOT_CHECKED):
            if codes := [row.code for row in rows if row.verdict == verdict]:
                self.say(f"{verdict}: {' '.join(codes)}", STYLES[verdict])
        self.say("use -v or open the report to see what happened and what each guarantee means", "dim")

    def guarantees(self, result: Result) -> None:
        """One line for each guarantee."""
        if self.to.width < TABLE_WIDTH_MIN:
            for row in standings(result):
                self.say(f"{row.code} {row.verdict}: {row.meaning}", STYLES[row.verdict])
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("guarantee", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
        table.add_column("in plain words", overflow="fold")
        for row in standings(result):
            style = STYLES[row.verdict]
            verdict = row.verdict.upper() if row.verdict == BROKEN else row.verdict
            quiet = "dim" if row.verdict == NOT_CHECKED else ""
            table.add_row(self.text(row.code, quiet), self.text(verdict, style), self.text(row.meaning, quiet))
        self.to.print(table)

    def counts(self, result: Result) -> None:
        """What really happened, and what was not looked at."""
        if not result.counts:
            self.say("what happened: nothing was counted", "yellow")
        for group, said in grouped(result.counts) if result.counts else ():
            self.say(f"{group}: {said}")
        if reached := situations_line(result.situations):
            self.say(reached)
        for text in in_short(result.not_checked):
            self.say(f"not checked: {text}", "yellow")
        for situation, near in result.nearest.items():
            if near.file:
                self.say(f"what came nearest to “{inert(situation)}”: {replay_command(near.file)}")

    def counterexample(self, number: int, told: Explained) -> None:
        """One finding: headline, plan, explanation, diagnosis."""
        self.to.print()
        self.say(f"{number}. {told.title}", "bold red")
        self.plan(told)
        self.explanation(told.explanation)
        if told.place is not None:
            self.say(f"look at {spot(told.place)}", "", 2)
        shown = told.also if self.verbose else told.also[:ALSO_MAX]
        for other in shown:
            self.say(f"the same run also shows {other.title}", indent=2)
        if len(told.also) > len(shown):
            self.say(
                f"… and {counted(len(told.also) - len(shown), 'more finding')}: use -v or open the report", indent=2
            )
        for place, found in enumerate(told.diagnoses[: SHOWN if self.verbose else 1]):
            best, row = place == 0, found.row
            self.say(f"{'looks like' if best else 'or'}: {row.name} ({found.score:.0%})", "bold" if best else "", 2)
            if best and self.verbose and found.because:
                self.say(f"because {'; '.join(found.because)}", "", 4)
            if best:
                self.say(f"{row.what}. Usual fix: {row.fix}. Reported as {spelled_out(row.references)}.", "", 4)

    def plan(self, told: Explained) -> None:
        """The actions; of a long plan the beginning and the end, so that the explanation is not far below."""
        if not told.plan:
            return
        self.say(f"{told.plan_heading}:", "dim", 2)
        first, between, last = shortened(told.plan, None if self.verbose else PLAN_MAX)
        width = max(len(item.label) for item in told.plan)
        for item in first:
            self.item(item.label.rjust(width), item.words, style="dim" if item.note else "")
        if between:
            where = told.plan_file or "the plan"
            self.say(f"… {counted(between, 'action')} in between; all are in {where}", "dim", 4)
        for item in last:
            self.item(item.label.rjust(width), item.words, style="dim" if item.note else "")

    def explanation(self, explanation: Explanation) -> None:
        """Let / Then / However; of a wrong decision the cycle that it makes."""
        heading = ""
        for word, line in explanation.lines():
            if word != heading:
                self.say(word, "bold", 2)
                heading = word
            label, _, rest = line.partition(" ") if line.startswith("(") else ("", "", line)
            self.item(label, rest, 4 if label else 3, "red" if word == "However" else "")
        if explanation.usual:
            self.say(f"usual cause and fix: {explanation.usual}", "", 2)
