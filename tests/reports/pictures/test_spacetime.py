"""The space-time picture: well-formed, complete, legible."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import attrs
import pytest

from refold.model.event import Stored
from refold.model.record import RECORDS, Applied, CheckpointSaved, ConsumerSpec, Held, Ignored, Opened, Record, Settled
from refold.properties.property import Evidence, Finding
from refold.reports.pictures.lanes import FIELDS, PLACES
from refold.reports.pictures.scene import Gap, scene
from refold.reports.pictures.spacetime import spacetime_svg
from refold.reports.pictures.symbols import LEGEND, SHAPES
from refold.reports.pictures.timeline import Mark, Timeline, lane_name
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import application_named
from refold.systems.broken import BROKEN

from ..specimens import SPECIMENS, checkpoint_first, hostile

SVG = "{http://www.w3.org/2000/svg}"


def parse(svg: str) -> ElementTree.Element:
    """The picture as XML."""
    return ElementTree.fromstring(svg)


def texts(root: ElementTree.Element) -> list[str]:
    """What can be read in the picture, without the tooltips."""
    return ["".join([text.text or "", *((child.tail or "") for child in text)]) for text in root.iter(f"{SVG}text")]


def shapes(history: tuple[Any, ...], finding: Finding | None = None) -> list[Mark]:
    """The marks of a picture."""
    return [row for row in scene(history, finding).rows if isinstance(row, Mark)]


@pytest.mark.parametrize("name", SPECIMENS)
def test_the_violation_is_ringed_and_named(name: str) -> None:
    """Once, in every picture, together with the numbers of the explanation."""
    example = SPECIMENS[name]()
    root = parse(spacetime_svg(example.history, example.finding))
    said = texts(root)
    assert said.count(f"✗ {example.finding.anomaly}") == 1
    for n in range(1, len(example.finding.evidence) + 1):
        assert str(n) in said


@pytest.mark.parametrize("name", SPECIMENS)
def test_labels_never_share_a_line(name: str) -> None:
    """Texts at the same height do not overlap, by a generous measure of their width, and stay inside the picture."""
    example = SPECIMENS[name]()
    root = parse(spacetime_svg(example.history, example.finding))
    width = float(root.get("width", "0"))
    spans = []
    for element, said in zip(root.iter(f"{SVG}text"), texts(root), strict=True):
        x, length = float(element.get("x", "0")), len(said) * 6.3
        start = {"middle": x - length / 2, "end": x - length}.get(element.get("text-anchor", ""), x)
        spans.append((float(element.get("y", "0")), start, start + length, said))
    for (y, start, end, said), (below, other, until, text) in combinations(spans, 2):
        assert abs(below - y) >= 8 or end <= other + 1 or until <= start + 1, (said, text)
    assert all(end <= width for _, _, end, _ in spans)


def test_every_mark_has_its_full_sentence_as_a_tooltip() -> None:
    """Labels are short; nothing is lost."""
    example = checkpoint_first()
    root = parse(spacetime_svg(example.history, example.finding))
    tips = {title.text for title in root.iter(f"{SVG}title")}
    assert "event 1 is in the log: Registered('acme', 'ada'), version 1 of stream acme (id alice-1/0)" in tips


def test_duplicates_and_early_deliveries_look_different() -> None:
    """First, again, too early, too late."""
    history = (
        Opened(1, "s", "a", (), (ConsumerSpec(name="c", projection="p"),)),
        *(Stored(n, "s", n, f"x-{n}/0", "E", n) for n in (1, 2, 3, 12)),
        Held("c", 2),
        Applied("c", 1, {}),
        CheckpointSaved("c", 1),
        Applied("c", 1, {}),
        Applied("c", 3, {}),
        Applied("c", 2, {}),
        Ignored("c", 3),
        Applied("c", 12, {}),
        CheckpointSaved("c", 1),
    )
    drawn = [(mark.shape, mark.line) for mark in shapes(history) if mark.lane == "consumer c"]
    assert drawn == [
        ("held", "early"),
        ("applied-saved", "plain"),
        ("applied", "again"),
        ("applied", "early"),
        ("applied", "early"),
        ("ignored", "again"),
        ("applied", "plain"),
        ("checkpoint", "plain"),
    ]


def test_consumers_that_have_nothing_to_do_with_it_are_left_out_and_named() -> None:
    """The picture of a small bug is small."""
    example = checkpoint_first()
    what = scene(example.history, example.finding)
    assert what.consumers == ("consumer store", "consumer index")
    assert "totals, cache" in what.notes[0]


def test_a_client_may_bear_the_name_of_a_consumer() -> None:
    """As a process manager does: two lanes."""
    history = (
        Opened(
            1,
            "s",
            "a",
            ("log", "store"),
            (ConsumerSpec(name="store", projection="p"), ConsumerSpec(name="log", projection="p")),
        ),
        Stored(1, "s", 1, "x-1/0", "E", 1),
        Applied("store", 1, {}),
        Applied("log", 1, {}),
    )
    assert scene(history).consumers == ("consumer store", "consumer log")
    assert scene(history).clients == ()


def test_the_surroundings_of_the_violation_are_shown_and_the_rest_is_counted() -> None:
    """Every record is drawn or counted in a gap."""
    history = (
        Opened(1, "s", "a", (), (ConsumerSpec(name="c", projection="p"),)),
        *(
            record
            for n in range(1, 501)
            for record in (Stored(n, "s", n, f"x-{n}/0", "E", n), Applied("c", n, {"k": n}))
        ),
    )
    finding = Finding(
        "effect-applied-twice", "CKPT", "effects", "c", 700, evidence=(Evidence(31, history[30], "changed it again"),)
    )
    rows = scene(history, finding).rows
    drawn = {number for row in rows if isinstance(row, Mark) for number in row.numbers}
    assert {31, 699, 700, 701} <= drawn
    assert len(drawn) < 70
    assert sum(row.left_out for row in rows if isinstance(row, Gap)) + len(drawn) == len(history) - 1
    parse(spacetime_svg(history, finding))


def test_hostile_strings_give_well_formed_xml() -> None:
    """For every finding of the hostile history, and for the whole of it."""
    example = hostile()
    for finding in (*example.findings, attrs.evolve(example.finding, anomaly="<x>&\x00")):
        svg = spacetime_svg(example.history, finding, title='"><script>')
        root = parse(svg)
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            "svg", "title", "style", "g", "line", "rect", "circle", "path", "polygon", "text"
        }  # fmt: skip
        assert not [
            name for element in root.iter() for name in element.attrib if name.startswith("on") or "href" in name
        ]
    parse(spacetime_svg(example.history))


EXTENSIONS = {
    "cdc-timestamp-cursor": ["table", "copy"],
    "dual-write-partial": ["writer-1", "first store", "second store"],
    "lock-no-fencing": ["lock service", "guarded store"],
    "outbox-double-drain": ["outbox", "relay-1", "receiver", "relay-2"],
    "retention-trims-undelivered": ["topic", "subscriber"],
    "two-live-writers": ["journal", "node-1", "node-2"],
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_the_actors_of_extensions_have_lanes_and_the_violation_is_marked(name: str) -> None:
    """A ring, a red row, the anomaly; and no label is cut."""
    system = BROKEN[name]
    campaign = Campaign(
        system.system(), application_named(system.application), 1, Budget(seconds=None, examples=600, distinct=1)
    )
    example = campaign.run().counterexamples[0]
    what = scene(example.history, example.finding)
    assert [lane_name(lane) for lane in what.others] == EXTENSIONS[name]
    root = parse(spacetime_svg(example.history, example.finding))
    assert [element.get("class") for element in root.iter(f"{SVG}circle")].count("violation") == 1
    assert [element.get("class") for element in root.iter(f"{SVG}rect")].count("tint") >= 1
    said = texts(root)
    assert said.count(f"✗ {example.finding.anomaly}") == 1
    assert not [text for text in said if text.endswith("…")]


def test_every_record_of_an_extension_has_a_lane() -> None:
    """But for one that is about the code of all of them; and every place is that of a record that there is."""
    tags = {str(kind.__struct_config__.tag): kind for kind in RECORDS}
    assert set(PLACES) <= set(tags)
    core = set(Timeline().table)
    laneless = {
        tag
        for tag, kind in tags.items()
        if kind not in core and tag not in PLACES and not set(FIELDS) & set(kind.__struct_fields__)
    }
    assert laneless == {"upgraded", "moved", "viewed"}  # of all, of the log, of anybody


def test_a_violation_outside_of_all_lanes_is_marked_too() -> None:
    """On a step, and on a record that nobody knows."""
    for record in ({"odd": 1}, Settled(0)):
        history = (Opened(1, "s", "a", (), ()), Stored(1, "s", 1, "x-1/0", "E", 1), record)
        root = parse(spacetime_svg(history, Finding("odd-thing", "X", "x", "y", 3)))
        assert [element.get("class") for element in root.iter(f"{SVG}circle")].count("violation") == 1
        assert "✗ odd-thing" in texts(root)


def test_an_empty_or_foreign_history_can_be_drawn() -> None:
    """No records; records of unknown kinds; no opening record."""

    class Granted(Record, frozen=True, tag="granted-lock"):
        client: str
        token: int

    parse(spacetime_svg(()))
    said = texts(parse(spacetime_svg((Granted("alice", 1), Applied("c", 1, {}), {"odd": 1}))))
    assert "Granted('alice', 1)" in said
    assert "alice" in said
    assert "{'odd': 1}" in said


def test_the_same_history_gives_the_same_picture() -> None:
    """Byte for byte."""
    assert spacetime_svg(checkpoint_first().history) == spacetime_svg(checkpoint_first().history)


def test_every_symbol_of_the_picture_is_in_the_legend_and_in_the_readme() -> None:
    """A report documents itself."""
    readme = (Path(__file__).parents[3] / "reports" / "README.md").read_text(encoding="utf-8")
    for words in LEGEND.values():
        assert words in readme
    assert set(LEGEND) - set(SHAPES) == {"read", "plain", "again", "early"}


class Place(int):
    """A position that counts how often places are compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Place.compared += 1
        return int(self) < int(other)

    def __gt__(self, other: int) -> bool:
        Place.compared += 1
        return int(self) > int(other)


def test_the_picture_of_a_longer_history_takes_as_much_longer() -> None:
    """Not the square of it: a stored plan may have tens of thousands of actions."""

    def comparisons(events: int) -> int:
        stored = [Stored(Place(n), "bolt", n, f"alice-{n}/0", "Restocked", {}) for n in range(1, events + 1)]
        applied = [Applied("store", event.position, {}) for event in stored]
        Place.compared = 0
        scene((*stored, *applied))
        return Place.compared

    few = comparisons(300)
    assert 0 < comparisons(3000) < 12 * few
