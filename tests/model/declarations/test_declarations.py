"""What stands on the class of an action is all that there is: whatever needs a list reads it there."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import msgspec
import pytest

import refold.model
from refold.model.action import ACTIONS, CORE_ACTIONS, Action, Crash, Deliver, Redecide, Retry, core_action
from refold.model.application import Application
from refold.model.declarations.budgets import BUDGETS
from refold.model.declarations.capability import CORE, SLOW_APPEND, Capability
from refold.model.declarations.count import Tally, count
from refold.model.declarations.offer import Offer
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory
from refold.model.parts.extensions import EXTENSIONS
from refold.model.record import RECORDS, Crashed, Record
from refold.model.tape import FAMILIES, Menu
from refold.search.state_machine import kinds
from refold.search.vacuous import COUNTED, SHOWN_BY
from refold.systems.deployment import CLIENTS, Deployment, consumer_specs
from refold.systems.reference import Reference

BEFORE = (
    "append crash-log crash-consumer crash-at-step crash-log-at-step slow-append power-cut dedupe snapshots redeliver"
)
"""The capabilities at the time when the menu was written down as one function of 42 branches."""

DECODED = {
    ("accounts", ""): "c2a88555ae14357a",
    ("accounts", "slow-append"): "fc3c870631b8bb8b",
    ("accounts", "slow-append power-cut"): "cb246030bac67a5c",
    ("accounts", "crash-log crash-log-at-step slow-append power-cut dedupe"): "b0563a29fcdf7b60",
    ("accounts", "crash-log-at-step power-cut"): "154d08bf851c91dd",
    ("inventory", ""): "2ca379136b24108a",
    ("inventory", "slow-append"): "a01d1e50fd7323e7",
    ("inventory", "slow-append power-cut"): "5c2034849c778088",
    ("inventory", "crash-log crash-log-at-step slow-append power-cut dedupe"): "4e3b4bbf28455f4f",
    ("inventory", "crash-log-at-step power-cut"): "5457bb2bc0e8b722",
}
"""What two tapes decoded to with that function: application, capabilities that are left out -> a digest."""


@pytest.mark.parametrize(("name", "lacking"), DECODED)
def test_tapes_keep_the_meaning_that_they_had_when_the_menu_was_one_function(name: str, lacking: str) -> None:
    """Same words, same weights, same order."""
    application = Accounts() if name == "accounts" else Inventory()
    can = frozenset(map(Capability, BEFORE.split())) - set(lacking.split())
    extensions = () if lacking else EXTENSIONS
    keys = tuple(dict.fromkeys(application.key(command) for command in application.commands()))
    menu = Menu(application.commands(), tuple(CLIENTS), consumer_specs(), can, extensions=extensions, keys=keys)
    plans = [menu.decode(header + bytes(range(256)) * 2) for header in (bytes([0, 77, 3, 9]), bytes([37, 5, 20, 11]))]
    text = "\n".join(f"{type(action).__name__} {action}" for plan in plans for action in plan)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == DECODED[name, lacking]


MENUS = {"accounts": "6afe041eee49e41e", "inventory": "007e91e1a0e93ed5"}
"""The groups of the whole menu, with their weights -> a digest."""


@pytest.mark.parametrize("application", [Accounts(), Inventory()], ids=lambda application: application.name)
def test_what_is_offered_how_often_changes_only_on_purpose(application: Application) -> None:
    """The weights decide what a search finds in its time, and what a stored tape means."""
    groups = [
        (family, weight, [[f"{type(action).__name__} {action}" for action in word] for word in words])
        for family, weight, words in Reference().menu(application).groups
    ]
    assert hashlib.sha256(repr(groups).encode()).hexdigest()[:16] == MENUS[application.name]


@pytest.mark.parametrize("application", [Accounts(), Inventory()], ids=lambda application: application.name)
def test_every_core_action_is_handled_offered_and_drawn_by_a_rule(application: Application) -> None:
    """Nothing is declared that does not take part."""
    offered = {type(action) for action in Reference().menu(application).actions()}
    deployment = Reference().open(application, lambda record: None)
    assert isinstance(deployment, Deployment)
    drawn = {
        kind
        for rule in ("submit", "client_step", "slow_append", "deliver", "snapshot", "fault")
        for kind in kinds(rule)
    }
    for kind in CORE_ACTIONS.values():
        assert kind in offered
        assert kind in deployment.handlers
        assert kind in drawn
        assert all(offer.family in ("", *FAMILIES) and offer.weight > 0 for offer in kind.offers)
        assert all(offer.needs is None or offer.needs in kind.needs for offer in kind.offers)
    deployment.close()


def test_an_action_of_the_core_is_not_called_strange() -> None:
    """Deciding anew is as much of the core as sending again."""
    assert {Retry, Redecide, Deliver, Crash} <= set(CORE_ACTIONS.values())
    assert not set(CORE_ACTIONS) & {tag for tag, cls in ACTIONS.items() if cls.__module__ != "refold.model.action"}


def test_an_action_is_possible_where_one_of_its_capabilities_is() -> None:
    """Or always, if it needs none."""
    assert Deliver.possible(frozenset())
    assert Crash.possible(frozenset({"crash-log"}))
    assert not Crash.possible(frozenset({"append"}))


def test_every_capability_has_a_count_that_a_long_campaign_cannot_leave_at_zero() -> None:
    """All but appending, without which every run is empty anyway."""
    assert set(SHOWN_BY) == {*CORE, *(extension.name for extension in EXTENSIONS)} - {"append"}
    names = [one.name for one in COUNTED]
    assert set(SHOWN_BY.values()) <= set(names)
    assert len(set(names)) == len(names)


def test_counts_are_of_records_and_actions_that_exist() -> None:
    """And a count that asks sees every record."""
    for one in COUNTED:
        assert set(one.of) <= {*RECORDS, *ACTIONS.values()}
    dying = count("dying", "deaths in the middle", Crashed, where=lambda death: death.during > 1)
    history = [Crashed("log", 0), Crashed("log", 1), Crashed("index", 2)]
    tally = Tally([dying])
    tally.run(history, [])
    assert tally.totals() == {"dying": 1}


def test_an_extension_says_what_it_is() -> None:
    """Its title and what it covers are what reports say."""
    for extension in EXTENSIONS:
        assert extension.title
        assert extension.covers
        assert (extension.ability().name, extension.ability().part) == (extension.name, extension.title)


def test_a_declaration_needs_no_list_anywhere_else() -> None:
    """An action that is declared here is known, offered, and counted among the kinds of its rule."""

    class Shout(Retry, frozen=True, tag="shout"):
        """Retry, loudly."""

    before = dict(CORE_ACTIONS)
    try:
        core_action(rule="client_step", needs=(SLOW_APPEND,), phrase="somebody had shouted")(Shout)
        assert ACTIONS["shout"] is Shout
        assert Shout in kinds("client_step")
        assert Shout.phrase == "somebody had shouted"
    finally:
        ACTIONS.pop("shout")
        CORE_ACTIONS.clear()
        CORE_ACTIONS.update(before)


def test_an_action_of_the_core_is_offered_in_a_family_of_the_core() -> None:
    """Another one would be taken for an extension's, and be in few runs."""

    class Whisper(Retry, frozen=True, tag="whisper"):
        """Retry, hardly audible."""

    offer = Offer("whispers", 2, lambda cast: [(Whisper(client),) for client in cast.clients])
    with pytest.raises(ValueError, match=r"Whisper is offered in the family 'whispers'.*: slow, unheard, reorder"):
        core_action(rule="client_step", offers=(offer,))(Whisper)
    assert "whisper" not in {*ACTIONS, *CORE_ACTIONS}


def test_a_fault_says_what_it_uses_up() -> None:
    """A small scope would have one that does not as often as there is room for it, and its certificate would not say so."""

    class Blackout(Crash, frozen=True, tag="blackout"):
        """All at once."""

    with pytest.raises(ValueError, match=r"Blackout is a fault, and does not say what it spends .*: commands, crashes"):
        core_action(rule="fault")(Blackout)
    with pytest.raises(ValueError, match=r"Blackout spends 'blackouts', which is no budget of a small scope"):
        core_action(rule="fault", spends=("blackouts",))(Blackout)
    assert "blackout" not in {*ACTIONS, *CORE_ACTIONS}
    assert set(BUDGETS) - {"reordered"} == {name for kind in CORE_ACTIONS.values() for name in kind.spends}


def values(room: ModuleType) -> Iterator[type[msgspec.Struct]]:
    """The structs that the modules of a room define."""
    for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__:
                yield value


def test_what_was_said_does_not_change() -> None:
    """Actions, records and all that they hold are values; only bookkeeping changes in place."""
    assert {value.__name__ for value in values(refold.model) if not value.__struct_config__.frozen} == {"Row", "Relay"}
    assert all(kind.__struct_config__.frozen for kind in (*ACTIONS.values(), *RECORDS))


def test_every_action_and_record_that_has_a_tag_is_known_to_plans_and_histories() -> None:
    """What nobody registered could be written to a file, and not read back."""
    tagged = {value for value in values(refold.model) if issubclass(value, Action | Record)}
    assert {value.__name__ for value in tagged - {*ACTIONS.values(), *RECORDS}} == {"Action", "Record", "TopicAction"}
