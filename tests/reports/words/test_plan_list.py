"""The list of a plan: its numbers are those of the picture, and a long one does not bury the explanation."""

from __future__ import annotations

import re

import attrs

from refold.model.action import Action, Append, Crash, Deliver, Prepare, Restart, Submit
from refold.model.examples.accounts import Register
from refold.properties.result import Counterexample
from refold.reports.documents.terminal import PLAN_MAX
from refold.reports.words.plan_list import ENDS, plan_heading, plan_items, shortened

from ..specimens import ADA, blind, checkpoint_first, json_of, message_of, page_of, result, run, text_of


def impossible() -> Counterexample:
    """A plan with two actions that cannot be: nothing was prepared yet, and nothing crashed."""
    plan = (Append("bob"), Prepare("bob", ADA), Submit("alice", ADA), Restart("index"), Append("bob"))
    return run("expected-any-misuse", plan)


def long() -> Counterexample:
    """The same at the end of 300 actions."""
    before: list[Action] = [action for _ in range(150) for action in (Crash("index"), Restart("index"))]
    bob = Register("acme", "bob")
    return run("expected-any-misuse", (*before, Prepare("bob", bob), Submit("alice", bob), Append("bob")))


def test_the_numbers_are_those_of_the_steps() -> None:
    """In the picture, too."""
    example = impossible()
    items = plan_items(example)
    assert [item.label for item in items] == ["-", "1.", "2.", "-", "3."]
    assert items[0].words.endswith(" (not possible here)")
    page = page_of(result("x", example))
    steps = re.findall(r'class="bandtext"[^>]*>(?:<title>[^<]*</title>)?(\d+\. [^<]*)<', page)
    assert steps == [f"{item.label} {item.sentence}".replace("'", "&#39;") for item in items if item.step]
    assert page.count('<li class="idle">') == 2
    assert '<li value="3">' in page


def test_actions_that_were_not_possible_are_counted_and_marked() -> None:
    """In the terminal, in the message of a test and for scripts."""
    example = impossible()
    heading = "the plan, 5 actions; 2 of them were not possible here:"
    assert heading in text_of(result("x", example))
    assert heading.capitalize() in message_of(example, "refold replay x.json")
    for text in (text_of(result("x", example)), message_of(example, "refold replay x.json")):
        assert text.count(" (not possible here)") == 2
        assert re.search(r"^ +3\. bob ", text, re.M)
    (finding,) = json_of(result("x", example), report=None)["findings"]
    assert finding["performed"] == [None, 1, 2, None, 3]


def test_equal_actions_are_told_apart_by_what_came_between() -> None:
    """A delivery before there is anything to deliver is the one that was not possible."""
    plan = (Restart("index"), Submit("alice", ADA), Crash("index"), Restart("index"), Deliver("index", 0))
    assert [item.step for item in plan_items(run("checkpoint-before-effect", plan))] == [None, 1, 2, 3, 4]


def test_a_plan_without_a_history_is_numbered_as_it_is() -> None:
    """Nothing is known about its steps; and what comes after the end of a history was not reached."""
    example = attrs.evolve(checkpoint_first(), history=())
    assert [item.label for item in plan_items(example)] == ["1.", "2.", "3.", "4."]
    example = checkpoint_first()
    cut = attrs.evolve(example, history=example.history[:4])
    items = plan_items(cut)
    assert [item.note for item in items] == ["", "not reached", "not reached", "not reached"]
    assert plan_heading(cut, items) == "the plan, 4 actions; 3 of them were not reached"


def test_only_a_plan_that_was_shrunk_to_its_end_is_said_to_be_minimal() -> None:
    """And not that it is the shortest of all."""
    shrunk, replayed = blind(), attrs.evolve(blind(), minimal=False)
    assert plan_heading(shrunk, plan_items(shrunk)) == "a plan that shows it, 3 actions; none of them can be left out"
    assert plan_heading(replayed, plan_items(replayed)) == "the plan, 3 actions"
    assert "shortest" not in page_of(result("x", shrunk))


def test_of_a_long_plan_the_ends_are_shown() -> None:
    """The explanation is on the same page of the terminal, and the plan is folded in the other."""
    example = long()
    first, between, last = shortened(plan_items(example))
    assert (len(first), between, len(last)) == (ENDS, 263, ENDS)
    text = text_of(result("x", example), plans=["plans/a.json"])
    assert "… 291 actions in between; all are in plans/a.json" in text
    assert len(re.findall(r"^ +\d+\. ", text, re.M)) == PLAN_MAX
    assert re.search(r"^ +303\. bob ", text, re.M)
    message = message_of(example, "refold replay plans/a.json").splitlines()
    assert "  … 263 actions in between; all are in the plan file that the command below names" in message
    page = page_of(result("x", example))
    assert "<summary>The plan, 303 actions</summary>" in page
    assert page.count("<li value=") == 303
