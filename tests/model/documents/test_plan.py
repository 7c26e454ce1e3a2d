"""Plans are documents: what is written is read back, and what cannot be read is refused in one sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from refold.model.action import ACTIONS, AppendUnheard, CutPower, Deliver, Natural, Redeliver, Submit, Whole, sentence
from refold.model.application import Application
from refold.model.documents.plan import (
    MalformedPlan,
    action_from_json,
    check_names,
    command_classes,
    plan_from_json,
    plan_to_json,
)
from refold.model.examples.accounts import Accounts, Register
from refold.model.examples.inventory import Inventory
from refold.model.parts.calls import (
    BeginRestart,
    BeginTurn,
    Die,
    Elapse,
    Enter,
    FailStep,
    GoOn,
    Halt,
    LoseAnswer,
    StopOrderly,
    Turn,
)
from refold.model.parts.claims.lock_calls import BeginLocked
from refold.model.parts.outages import CutConnection, PauseServer, StopServer
from refold.model.parts.reading.consulting import BeginConsult, Consult, Load
from refold.model.parts.reading.looks import Look, Work
from refold.model.parts.rebuilds import BeginRebuild
from refold.model.parts.removal import DeleteStream, Trim, Truncate
from refold.search.run import execute
from refold.systems.reference import Reference
from refold.systems.registry import consumer_names

SYSTEM = Reference()
APPLICATIONS = (Accounts(), Inventory())


def document() -> dict[str, Any]:
    """A plan with one action of every kind, as JSON."""
    actions = {type(action): action for action in SYSTEM.menu(APPLICATIONS[0]).actions()}
    return json.loads(json.dumps(plan_to_json(tuple(actions.values()), APPLICATIONS[0], system="reference")))


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.name)
def test_every_action_of_the_menu_survives_json(application: Application) -> None:
    """Equal, of the same class, and hashable again."""
    (command, *_) = application.commands()
    own = (Enter("alice", command), BeginTurn("index"), Turn("index"), Halt("alice", "COMMIT"), GoOn("alice"))
    ends = (LoseAnswer("alice"), FailStep("alice"), Die("alice"), StopOrderly("index"), Elapse(30.0))
    whole = (Look(), Work())
    asked = (Consult("alice", "page", "acme"), BeginConsult("alice", "page", "acme"), Load("alice", "acme"))
    begun = (BeginRestart("index"), BeginLocked("alice", "write"), BeginRebuild("index"))
    outages = (CutConnection("log"), PauseServer("log"), StopServer("log"))
    removals = (Trim(1), Truncate("acme", 0), DeleteStream("acme"))
    actions = (*SYSTEM.menu(application).actions(), *own, *ends, *whole, *asked, *begun, *outages, *removals)
    assert {type(action) for action in actions} >= set(ACTIONS.values())
    text = json.dumps(plan_to_json(actions, application, system="reference", anomaly="lost-update"))
    back = plan_from_json(json.loads(text), application)
    assert back == actions
    assert list(map(type, back)) == list(map(type, actions))
    assert len(set(back)) == len(set(actions))
    assert json.dumps(plan_to_json(back, application, system="reference", anomaly="lost-update")) == text


def test_a_plan_reads_like_sentences() -> None:
    """Every action is one, without a class's name around it."""
    sentences = [str(action) for action in SYSTEM.menu(APPLICATIONS[0]).actions()]
    assert str(Submit("alice", Register("acme", "ada"))) == "alice submits Register('acme', 'ada')"
    assert str(Deliver("index", 2)) == "index receives an event out of order (2 too early)"
    assert str(Redeliver("index", 1)) == "index receives its last event again"
    assert str(AppendUnheard("bob")) == "bob sends the append and the answer is lost"
    assert not [text for text in sentences if "Action" in text or "client=" in text or "\n" in text]
    assert len(set(sentences)) == len(sentences)


def test_a_command_that_is_no_object_is_shown_as_it_is() -> None:
    """Commands read from a file without the application."""
    assert sentence({"Register": {"org": "acme"}}) == "{'Register': {'org': 'acme'}}"


JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    1 << 70,
    "",
    "nonsense",
    "\ud800",
    [],
    [1],
    {},
    {"a": {"b": []}},
    "x" * 300,
)


def mutations(value: Any) -> Iterator[Any]:
    """Every document that differs from `value` in one place: junk there, or nothing."""

    def walk(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        yield path
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, child in items:
            yield from walk(child, (*path, key))

    for path in walk(value, ()):
        for junk in JUNK:
            changed = copy.deepcopy(value)
            if not path:
                yield junk
                continue
            node = changed
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = junk
            yield changed
        if path:
            changed = copy.deepcopy(value)
            node = changed
            for key in path[:-1]:
                node = node[key]
            del node[path[-1]]
            yield changed
            if isinstance(node, dict):
                node["surplus"] = 1
                yield changed


def test_a_document_with_one_thing_wrong_is_refused_in_one_sentence_or_runs() -> None:
    """Junk in every place of a plan with every kind of action: never another exception, here or in the run."""
    application = APPLICATIONS[0]
    refused: list[str] = []
    ran = 0
    consumers = consumer_names(SYSTEM)
    for changed in mutations(document()):
        try:
            plan = plan_from_json(changed, application)
            check_names(plan, SYSTEM.clients, consumers)
        except MalformedPlan as error:
            refused.append(str(error))
        else:
            ran += 1
            assert all(map(str, plan))
            execute(SYSTEM, application, plan)
    assert len(refused) > 300
    assert not [sentence for sentence in refused if not 10 < len(sentence) < 400 or "\n" in sentence]
    assert ran > 20


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"do": "sbmit", "client": "alice"}, r"unknown action 'sbmit' \(did you mean 'submit'\?\)"),
        ({"do": "append", "client": "alice", "index": 3}, "'append' has no argument 'index'; it takes client"),
        ({"do": "deliver", "consumer": "index"}, "'deliver' lacks its argument 'index'"),
        ({"do": "deliver", "consumer": "index", "index": -1}, "index is -1, expected a number, not negative"),
        ({"do": "deliver", "consumer": "index", "index": True}, "index is True, expected a number"),
        ({"do": "append", "client": 3}, "client is 3, expected a name"),
        ({"do": "cut-power", "process": "log", "how": ["drop"]}, "how is .*expected one of drop, torn, reorder"),
        (
            {"do": "cut-power", "process": "log", "how": "gently"},
            "how is 'gently', expected one of drop, torn, reorder",
        ),
        ({"do": "submit", "client": "alice", "command": {"Registr": {}}}, "unknown command 'Registr'.*'Register'"),
        ({"do": "submit", "client": "alice", "command": {"Register": {"org": 1, "name": "x"}}}, "command Register: "),
        ({"do": "submit", "client": "alice", "command": "Register"}, "a command is an object with one key, its class"),
        ("submit", "an action is an object with a field “do”"),
        ({"client": "alice"}, "an action is an object with a field “do”"),
    ],
)
def test_a_malformed_action_is_named_with_what_would_be_right(action: Any, message: str) -> None:
    """And its number in the plan."""
    changed = document()
    changed["actions"].insert(2, action)
    with pytest.raises(MalformedPlan, match=f"^action 3: .*{message}"):
        plan_from_json(changed, APPLICATIONS[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"refold": "history"}, "not a refold plan"),
        ({"version": 2}, "plan version 2 is unknown; this refold reads 1"),
        ({"version": None}, "plan version None is unknown"),
        ({"actions": {}}, "no list of actions"),
    ],
)
def test_a_document_of_another_kind_is_refused(changes: dict[str, Any], message: str) -> None:
    """Before any action is looked at."""
    with pytest.raises(MalformedPlan, match=message):
        plan_from_json({**document(), **changes}, APPLICATIONS[0])


def test_a_plan_that_speaks_of_strangers_is_refused() -> None:
    """With the names that the system has."""
    with pytest.raises(MalformedPlan, match=r"action 1: the system has no client 'alcie' \(did you mean 'alice'\?\)"):
        check_names((Submit("alcie", Register("acme", "ada")),), SYSTEM.clients, ["index"])
    with pytest.raises(MalformedPlan, match="action 1: the system has no process 'indx'"):
        check_names((CutPower("indx", "drop"),), SYSTEM.clients, ["index"])


def test_command_classes_are_those_of_the_menu() -> None:
    """By name."""
    assert set(command_classes(Accounts())) == {"Register", "Rename", "Delete"}
    action = action_from_json(
        {"do": "submit", "client": "bob", "command": {"Register": {"org": "acme", "name": "ada"}}},
        command_classes(Accounts()),
    )
    assert action == Submit("bob", Register("acme", "ada"))


def test_a_whole_number_of_a_plan_fits_into_four_bytes_with_its_sign() -> None:
    """So that a database of any kind can be asked for it."""
    most = (1 << 31) - 1

    def read(lower: int) -> Any:
        document = {"do": "read-range", "lower": lower, "upper": 4, "limit": 1}
        return action_from_json(document, command_classes(Accounts()))

    assert (read(-most).lower, read(most).lower) == (-most, most)
    for beyond in (-most - 1, most + 1):
        with pytest.raises(MalformedPlan, match="lower"):
            read(beyond)


@pytest.mark.parametrize("kind", [Natural, Whole])
def test_numbers_of_a_plan_fit_in_32_bits(kind: Any) -> None:
    """The greatest and the least that do are taken, the next ones are refused."""
    least = 0 if kind is Natural else 1 - 2**31
    for number in (least, 2**31 - 1):
        assert msgspec.convert(number, kind) == number
    for number in (least - 1, 2**31):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(number, kind)
