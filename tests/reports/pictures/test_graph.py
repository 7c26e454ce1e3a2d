"""Pictures and files of evidence graphs: well formed, complete, inert."""

from __future__ import annotations

import pathlib
import re
from xml.etree import ElementTree

import networkx
import pytest

from refold.model.action import Submit
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Register
from refold.model.expectation import ANY
from refold.model.record import Prepared
from refold.properties.property import Evidence, Finding
from refold.properties.suite import checker
from refold.properties.updates.evidence_graph import Graph, evidence_graph
from refold.reports.pictures.graph_files import dot, graphml, quoted, write_graph
from refold.reports.pictures.graph_picture import WIDTH, graph_svg, past
from refold.reports.pictures.spacetime import breadth
from refold.reports.words.cycle import numbers

from ..specimens import run

SPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = 'x"]; -> {<script>alert(1)</script>&\\\x00\x1b[31m\u202e\ud800\n'


def graph_of_two() -> Graph:
    """Two registrations of one name."""
    ada = Register("acme", "ada")
    example = run("expected-any-misuse", (Submit("alice", ada), Submit("bob", ada)))
    found = evidence_graph(example.history, example.finding, Accounts())
    assert found is not None
    return found


def graph_of(count: int, text: str) -> Graph:
    """Blind appends, whose clients, streams, ids and values are all `text`."""
    history: list[object] = []
    judge = checker(None)
    for n in range(1, count + 1):
        op = f"{text}{n}"
        events = (NewEvent(f"{op}/0", text, {text: text}),)
        for record in (
            Prepared(text, op, {text: text}, text, text, 0, ANY, events),
            Stored(n, text, n, f"{op}/0", text, {text: text}),
        ):
            history.append(record)
            judge.feed(record)
    proof = [Evidence(len(history) - 1, history[-2], "read"), Evidence(len(history), history[-1], "appended")]
    finding = Finding("lost-update", "CAS", "test", text, len(history), evidence=tuple(proof))
    found = evidence_graph(history, finding)
    assert found is not None
    return found


@pytest.mark.parametrize("graph", [graph_of_two(), graph_of(3, HOSTILE)], ids=["plain", "hostile"])
def test_the_picture_is_well_formed_and_holds_the_whole_cycle(graph: Graph) -> None:
    svg = graph_svg(graph)
    assert "\x00" not in svg
    assert "<script" not in svg
    root = ElementTree.fromstring(svg)
    assert len(list(root.iter(f"{SPACE}rect"))) == len(graph.cycle) > 0
    assert len(list(root.iter(f"{SPACE}path"))) == len(graph.cycle)


@pytest.mark.parametrize("graph", [graph_of_two(), graph_of(3, HOSTILE)], ids=["plain", "hostile"])
def test_no_label_lies_on_a_box_or_a_line_and_all_fits_a_telephone(graph: Graph) -> None:
    """Boxes follow each other with the words of arrows in the gaps, right of the arrow's line."""
    root = ElementTree.fromstring(graph_svg(graph))
    assert int(root.get("width", "")) <= 340
    boxes = [(int(box.get("y", "")), int(box.get("height", ""))) for box in root.iter(f"{SPACE}rect")]
    line = int(next(root.iter(f"{SPACE}path")).get("d", "")[1:].partition(" ")[0])
    for label in root.iter(f"{SPACE}text"):
        x, y = int(label.get("x", "")), int(label.get("y", ""))
        assert x + breadth(label.text or "") <= WIDTH
        if label.get("class") == "kind":
            assert x > line
            assert not any(top < y + 4 and y - 12 < top + height for top, height in boxes)
        else:
            assert any(top <= y - 11 and y + 3 <= top + height for top, height in boxes)


def test_the_past_is_what_is_not_in_the_cycle() -> None:
    graph = graph_of(200, "a")
    drawn = {edge.source.number for edge in graph.cycle}
    listed = [number for number, _ in past(graph)]
    assert len(listed) == len(graph.nodes) - len(drawn)
    assert not drawn & set(listed)


def test_the_picture_numbers_its_nodes_as_the_explanation_does() -> None:
    graph = graph_of(3, "a")
    drawn = set(re.findall(r">(\(\d+\)) ", graph_svg(graph)))
    assert drawn == {numbers(graph)[edge.source.id] for edge in graph.cycle}


@pytest.mark.parametrize("graph", [graph_of_two(), graph_of(3, HOSTILE)], ids=["plain", "hostile"])
def test_graphml_is_read_back_whole(graph: Graph) -> None:
    back = networkx.parse_graphml(graphml(graph).decode(), force_multigraph=True)
    assert back.number_of_nodes() == len(graph.nodes)
    assert back.number_of_edges() == len(graph.edges)
    assert sum(data["violation"] for _, _, data in back.edges(data=True)) == len(graph.cycle)


@pytest.mark.parametrize("graph", [graph_of_two(), graph_of(3, HOSTILE)], ids=["plain", "hostile"])
def test_dot_has_one_statement_a_line_and_nothing_of_a_string_is_syntax(graph: Graph) -> None:
    string = r'"(?:[^"\\\n]|\\.)*"'
    statement = re.compile(rf"  {string}(?: -> {string})? \[(?:\w+=(?:{string}|\w+)(?:, )?)+\];")
    lines = dot(graph).splitlines()
    assert lines[0] == "digraph evidence {"
    assert lines[-1] == "}"
    body = lines[4:-1]
    assert len(body) == len(graph.nodes) + len(graph.edges)
    for line in body:
        assert statement.fullmatch(line), line


def test_a_quoted_string_ends_where_it_should() -> None:
    assert quoted('a"b\\') == '"a\\"b\\\\"'


def test_both_files_are_written(tmp_path: pathlib.Path) -> None:
    paths = write_graph(graph_of_two(), tmp_path / "graphs")
    assert [path.name for path in paths] == ["evidence.graphml", "evidence.dot"]
    assert all(path.stat().st_size for path in paths)
