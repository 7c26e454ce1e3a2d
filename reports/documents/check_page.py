"""The pages of `refold check`: one for each history, and an index if there are several."""

from __future__ import annotations

import itertools
import pathlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from refold.model.documents.history import HistoryReader, MalformedHistory, plain
from refold.model.words import counted
from refold.properties.linearizability import Operation, Verdict
from refold.properties.linearizability.verdict import describe
from refold.reports.pages.assets import policy, script, style, template
from refold.reports.pages.circumstances import Place, circumstances, contradiction
from refold.reports.pages.evidence import evidence
from refold.reports.pages.explorer import explorer, symbols
from refold.reports.pages.operations import NOUN, Order, identity, story_of_operations
from refold.reports.pages.records import RECORDS_MAX, story_of
from refold.reports.pictures.clients import Bar, clients_svg
from refold.reports.pictures.scene import scene
from refold.reports.pictures.spacetime import Picture
from refold.reports.words.black_box import account_sentences, verdict_sentences
from refold.reports.words.explained import Explained
from refold.reports.words.stored import SHOWN, explain_judged
from refold.reports.words.values import inert, shorten
from refold.search.failure import slug
from refold.search.stored.files import Source
from refold.search.stored.judged import Judged
from refold.search.whole import write

RECORDS_READ = 200_000
"""Records of a file that are read for its page."""
RECORDS_AGAIN = 2_000
"""Rows of the explorers of all findings but the first."""
HAPPENED = "What happened, from top to bottom"
INDEX = "index.html"
TONES = {"held": "held", "linearizable": "held", "broken": "broken", "not linearizable": "broken"}

Lines = list[tuple[str, str, str]]
"""Let, Then or However (once each), a sentence, and the row that it is about."""


def tone(verdict: str, kinds: Mapping[str, str] = TONES) -> str:
    """The colour of a verdict."""
    return kinds.get(verdict, "early")


def check_page(judged: Judged, source: Source, file: str) -> str:
    """The page of one history."""
    parts: dict[str, Any] = {
        "findings": [],
        "picture": "",
        "picture_heading": "",
        "notes": (),
        "explorer": "",
        "lead": [],
    }
    if judged.black_box is not None:
        parts |= of_operations(judged, judged.black_box)
    elif judged.account is not None:
        parts["lead"] = [line for lines in account_sentences(judged.account) for line in lines]
    else:
        parts |= of_records(judged, source)
    application = f", with application {inert(judged.application.name)}" if judged.application else ""
    verdict = judged.verdict
    if judged.not_checked and verdict == "held":
        verdict = f"{verdict} ({counted(len(judged.not_checked), 'thing')} not checked)"
    return (
        template("pages/check.html").render(
            style=style(),
            script=script(),
            policy=policy(),
            symbols=symbols(),
            verdict=verdict,
            tone=tone(judged.verdict),
            file=inert(shorten(file, 200)),
            about=f"{judged.format}{application}; {counted(judged.records, 'record')}",
            caution=caution(judged),
            not_checked=[inert(text) for text in judged.not_checked],
            **parts,
        )
        + "\n"
    )


def caution(judged: Judged) -> str:
    """What the verdict does not say."""
    if judged.reason:
        return inert(judged.reason)
    if judged.verdict in ("held", "linearizable"):
        return "This is a verdict on this one history; another run may show what this one did not."
    return ""


def of_records(judged: Judged, source: Source) -> dict[str, Any]:
    """Of a history with positions: its findings, each with picture and explorer; if there are none, those of the whole history."""
    explained = explain_judged(judged, source)
    records: list[Any] = []
    with suppress(MalformedHistory, OSError):
        reader = HistoryReader(judged.application).records(source.lines())
        records.extend(itertools.islice(reader, RECORDS_READ))
    more = len(explained) - SHOWN
    whole = {"picture_heading": HAPPENED, **history_shown(judged, records, None, 1)} if not explained else {}
    return {
        "findings": [
            finding_shown(judged, records, each, number) for number, each in enumerate(explained[:SHOWN], start=1)
        ],
        "lead": [f"{counted(more, 'more finding')} {'is' if more == 1 else 'are'} in the JSON"] if more > 0 else [],
        **whole,
    }


def finding_shown(judged: Judged, records: Sequence[Any], each: Explained, number: int) -> dict[str, Any]:
    """One finding, ready for the template."""
    shown = history_shown(judged, records, each, number)
    rows, prefix = shown["rows"], shown["prefix"]
    links = {label: f"{prefix}record-{at}" for label, at, _ in each.explanation.lets if at in rows}
    place = f"{prefix}record-{each.finding.number}" if each.finding.number in rows else ""
    graph = evidence(each.graph, prefix) if each.graph is not None else Markup()
    lines = worded(each.explanation.lines(), links)
    return {
        **shown,
        "title": each.title,
        "lines": lines,
        "circumstances": circumstances(each.finding, records, Place(prefix, number, rows)),
        "usual": each.explanation.usual,
        "place": place,
        "graph": graph,
        "picture_heading": HAPPENED,
    }


def history_shown(judged: Judged, records: Sequence[Any], each: Explained | None, number: int) -> dict[str, Any]:
    """Picture and explorer of a history, which open at a finding if it is in the part that was read. The second finding and those after it
    have fewer records, so that a page with several is not several times as large."""
    inside = each is not None and each.finding.number <= len(records)
    finding, numbers = (each.finding, each.explanation.numbers) if each is not None and inside else (None, {})
    prefix = "" if number == 1 else f"f{number}-"
    most = RECORDS_MAX if number == 1 else RECORDS_AGAIN
    what = scene(records, finding, numbers)
    story = story_of(records, judged.application, finding, numbers, prefix=prefix, plain=plain, most=most)
    picture = Picture(what, finding, "what happened", numbers, f"{prefix}record-").svg() if what.rows else ""
    return {
        "prefix": prefix,
        "rows": {row.number for row in story.rows},
        "picture": Markup(picture),
        "notes": what.notes,
        "explorer": explorer(story, records=judged.records),
    }


def worded(lines: Sequence[tuple[str, str]], links: Mapping[str, str]) -> Lines:
    """The lines of an explanation, each heading once, with the links of what they name."""
    told: Lines = []
    heading = ""
    for word, line in lines:
        label = line.partition(" ")[0]
        link = links.get(label, "") if word == "Let" else ""
        told.append((word if word != heading else "", line.partition(" [record")[0] if link else line, link))
        heading = word
    return told


def of_operations(judged: Judged, verdict: Verdict) -> dict[str, Any]:
    """Timeline and explorer of a history without positions."""
    order = Order(verdict, judged.operations)
    story = story_of_operations(verdict, order)
    shown = {row.number for row in story.rows}
    bars = [bar for bar in bars_of(verdict, judged.operations, order) if bar.number in shown]
    drawn, left_out = clients_svg(bars, f"{NOUN}-", "the operations of each client, from call to answer")
    notes = [
        "a bar goes from call to answer; its number is its place in the order that was found; dashed bars have no answer"
    ]
    if left_out:
        notes.append(f"{counted(left_out, 'more operation')} {'is' if left_out == 1 else 'are'} in the list below")
    findings = []
    if verdict.blame is not None:
        title, *lines = verdict_sentences(verdict)
        told = [tuple(line.split(" ", 1)) for line in lines]
        blamed = next(
            (order.numbers.get(identity(one)) for one in judged.operations if identity(one) == order.blame), None
        )
        link = f"{NOUN}-{blamed}" if blamed in shown else ""
        around = contradiction(verdict, order, verdict.blame, blamed, shown) if blamed is not None else Markup()
        why = worded([(word, rest) for word, rest in told], {})
        findings = [
            {
                "title": title,
                "lines": why,
                "circumstances": around,
                "place": link,
                **dict.fromkeys(("prefix", "graph", "picture", "explorer", "usual"), ""),
            }
        ]
    lead = []
    if verdict.linearizable:
        lead = [f"All {counted(order.placed, 'operation')} that took effect fit into one order; step through it below."]
    if judged.hint:
        lead.append(f"Note: {inert(judged.hint)}")
    return {
        "findings": findings,
        "lead": lead,
        "picture": Markup(drawn),
        "picture_heading": "The operations of each client",
        "notes": notes,
        "explorer": explorer(story, records=len(judged.operations)),
    }


def bars_of(verdict: Verdict, operations: Iterable[Operation], order: Order) -> list[Bar]:
    """The operations as bars of a timeline, each with its row in the list."""
    return [
        Bar(
            order.numbers[identity(one)],
            str(one.process),
            one.invoked,
            one.returned if one.outcome.value != "info" else None,
            inert(describe(verdict.specification, one).partition(": ")[2].partition(" (line")[0]),
            one.outcome.value,
            order.numbers[identity(one)] <= order.placed,
            identity(one) == order.blame,
        )
        for one in operations
        if identity(one) in order.numbers
    ]


class CheckPages:
    """Writes the pages of several histories into a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = pathlib.Path(folder)
        self.names: Counter[str] = Counter()

    def add(self, judged: Judged, source: Source, file: str) -> str:
        """The page of one history; returns where it is."""
        stem = slug(pathlib.Path(file).name) if file != "-" else "standard-input"
        self.names[stem] += 1
        number = f"-{self.names[stem]}" if self.names[stem] > 1 else ""
        path = self.folder / f"{stem}{number}.html"
        write(path, check_page(judged, source, file))
        return str(path)

    def index(self, results: Sequence[Mapping[str, Any]]) -> str:
        """The index of all of them; returns where it is."""
        rows = [
            {
                "verdict": result["verdict"],
                "tone": tone(result["verdict"], {**TONES, "undecided": "no"}),
                "file": inert(shorten(str(result["file"]), 200)),
                "page": quote(pathlib.Path(result["report"]).name) if result.get("report") else "",
                "records": result["records"],
                "seconds": result["seconds"],
                "said": inert(shorten(first_words(result), 300)),
            }
            for result in results
        ]
        tally = Counter(row["verdict"] for row in rows)
        path = self.folder / INDEX
        write(
            path,
            template("pages/index.html").render(rows=rows, tally=tally.items(), style=style(), policy=policy()) + "\n",
        )
        return str(path)


def first_words(result: Mapping[str, Any]) -> str:
    """What an index says of a history."""
    if result.get("error"):
        return str(result["error"])
    lines = [line for lines in result.get("sentences", ()) for line in lines]
    return str(lines[0]) if lines else ""
