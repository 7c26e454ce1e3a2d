"""The report in the terminal, and the message of a failing test."""

from __future__ import annotations

import io

import pytest

from refold.model.action import CORE_ACTIONS
from refold.reports.documents.console import console
from refold.reports.documents.terminal import print_result
from refold.reports.words.counts import group_of, grouped
from refold.reports.words.guarantees import Standing, extent

from ..goldens import compare
from ..specimens import SPECIMENS, blind, checkpoint_first, explained, hostile, message_of, result, text_of

REPLAY = "refold replay .refold/plans/example.json"


@pytest.mark.parametrize("name", SPECIMENS)
def test_the_message_of_a_failing_test_is_a_program_that_can_be_read_aloud(name: str) -> None:
    """Plan, explanation, and in the last line the command."""
    text = message_of(SPECIMENS[name](), REPLAY)
    assert text.splitlines()[-1] == REPLAY
    compare(f"failure-{name}.txt", text)


def test_a_broken_result_begins_with_the_verdict_and_ends_with_the_command() -> None:
    """Two counterexamples, one diagnosis."""
    text = text_of(
        result("two-bugs", checkpoint_first(), blind()),
        plans=["plans/a.json", "plans/b.json"],
        replays=["refold replay plans/a.json", "refold replay plans/b.json"],
        report=".refold/report.html",
        diagnosis={0: [("checkpoint-before-effect", 0.93, ("a checkpoint comes first", "there was a crash"))]},
    )
    assert text.startswith("BROKEN (2 of 11 broken")
    assert text.rstrip("\n").splitlines()[-1] == "refold replay plans/b.json"
    assert "it does not prove that" in text
    compare("terminal-broken.txt", text)


def test_a_held_result_says_what_green_does_not_prove() -> None:
    """No findings; a guarantee that nothing checked is not called held."""
    text = text_of(result("reference"))
    assert text.startswith("HELD (")
    assert "it does not prove" in text
    compare("terminal-held.txt", text)


def test_an_empty_result_can_be_printed() -> None:
    """Nothing ran, nothing was counted, nothing was checked."""
    text = text_of(
        result("nothing", examples=0, steps=0, seconds=0.0, counts={}, checked=(), not_checked=(), interrupted=True)
    )
    assert "nothing was counted" in text
    assert "interrupted" in text
    assert "0 held" not in text


@pytest.mark.parametrize("width", [20, 40, 79, 200])
def test_no_word_is_lost_at_any_width(width: int) -> None:
    """Sentences wrap and are never cut."""

    def words(text: str) -> str:
        return "".join(text.split()).replace("─", "")

    broken = result("checkpoint-before-effect", checkpoint_first())
    text = text_of(broken, replays=[REPLAY], width=width)
    assert "…" not in text
    for line in message_of(checkpoint_first(), REPLAY).splitlines()[3:6]:
        assert words(line) in words(text)
    assert text.rstrip("\n").splitlines()[-1] == REPLAY


def test_hostile_strings_cannot_reach_the_terminal() -> None:
    """No escape, no control character, no markup, in either form."""
    example = hostile()
    for text in (
        text_of(
            result("\x1b[31mred", example), plans=["\x1bplan"], replays=["refold replay 'a\x1b[2Jb'"], report="\x07"
        ),
        message_of(example, "refold replay 'a\x1b[2Jb'"),
    ):
        assert all(line.isprintable() for line in text.split("\n"))
        assert "[bold red]markup[/bold red]" in text


def test_no_color_means_no_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where colours are forced."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()
    told = result("x", blind())
    print_result(told, explained(told), console(out))
    assert "\x1b[" in out.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    print_result(told, explained(told), console(out))
    assert "\x1b" not in out.getvalue()


def test_a_terminal_without_unicode_gets_escapes_and_no_error() -> None:
    """An ASCII terminal is still a terminal."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    told = result("größe", hostile())
    print_result(told, explained(told, replays=[REPLAY]), console(out, width=100))
    out.flush()
    assert raw.getvalue().splitlines()[-1].decode() == REPLAY


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_finding_fits_on_a_screen_and_the_rest_is_told_if_asked_for(name: str) -> None:
    """40 lines at a width of 100; with everything there is the table of guarantees and what happened."""
    told = result(name, SPECIMENS[name]())
    text = text_of(told, replays=[REPLAY], report="report.html")
    assert len(text.splitlines()) <= 40, text
    assert "appends: " not in text
    more = text_of(told, replays=[REPLAY], report="report.html", verbose=True)
    assert "appends: 2,210 appended" in more
    assert "in plain words" in more


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ({"held": 8, "not checked": 3}, "3 of 11 not checked"),
        ({"held": 11}, "all 11 checked"),
        ({"broken": 1, "held": 10}, "1 of 11 broken"),
        ({"broken": 2, "held": 6, "not checked": 3}, "2 of 11 broken, 3 not checked"),
    ],
)
def test_a_verdict_says_how_far_it_goes(verdicts: dict[str, int], said: str) -> None:
    rows = [Standing(f"G{n}", verdict, "") for verdict, number in verdicts.items() for n in range(number)]
    assert extent(rows) == said


def test_counts_are_grouped_and_a_zero_is_shown_only_where_it_says_something() -> None:
    counts = {"appended": 0, "crashes": 0, "power_cuts": 0, "delivered": 3, "reads_stale": 1, "mails_sent": 2}
    assert grouped(counts) == [
        ("appends", "0 appended"),
        ("deliveries", "3 delivered"),
        ("faults", "0 crashes"),
        ("reads and decisions", "1 read stale"),
        ("other parts", "2 mails sent"),
    ]


def test_faults_of_the_core_stand_under_faults_without_being_listed_again() -> None:
    """Whatever the action counts; what counts no fault stands elsewhere."""
    counts = {one.name for action in CORE_ACTIONS.values() if action.rule == "fault" for one in action.counts}
    assert counts
    assert {group_of(name) for name in counts} == {"faults"}
    assert group_of("snapshots") == "snapshots"
    assert group_of("leases") == "other parts"
