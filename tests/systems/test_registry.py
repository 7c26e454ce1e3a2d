"""Systems by name, by module and by file."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from refold.model.declarations.capability import BROUGHT
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory
from refold.model.log import Log
from refold.search.campaign import Budget, Campaign
from refold.systems.broken import BROKEN
from refold.systems.broken.registry import broken
from refold.systems.port import DeploymentPort
from refold.systems.reference import EVERYTHING, Reference
from refold.systems.registry import KNOWN, resolve
from refold.systems.user.log import LogSystem
from refold.systems.user.module import load


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's file with several things in it, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "own.py"
    file.write_text(
        "from refold.model.log import Log\n"
        "from refold.model.examples.accounts import Accounts\n"
        "from refold.systems.reference import Reference\n"
        "class Plain:\n"
        "    def __init__(self): self.inner = Log()\n"
        "    def append(self, request): return self.inner.append(request)\n"
        "    def read(self, after, limit): return self.inner.read(after, limit)\n"
        "class Mortal(Plain):\n"
        "    def crash(self): self.inner.crash()\n"
        "    def restart(self): self.inner.restart()\n"
        "class Declared(Mortal):\n"
        "    capabilities = {'dedupe'}\n"
        "def make(): return Plain()\n"
        "def system(): return Reference('mine')\n"
        "ready = Reference('ready')\n"
        "class Shop(Accounts):\n"
        "    class Inner(Accounts): pass\n"
    )
    return file


@pytest.mark.parametrize("name", [*(name for name in KNOWN if name == "reference"), *BROKEN])
def test_a_system_that_ships_is_found_under_its_name(name: str) -> None:
    """And opens."""
    system = resolve(name)
    assert system.name == name
    assert system.capabilities >= {"append"}
    deployment = system.open(Accounts(), lambda record: None)
    assert isinstance(deployment, DeploymentPort)
    deployment.close()


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("Plain", BROUGHT),
        ("make", BROUGHT),
        ("Mortal", BROUGHT | {"crash-log"}),
        ("Declared", BROUGHT | {"dedupe"}),
    ],
)
def test_a_log_can_do_what_its_methods_or_its_word_say(name: str, capabilities: frozenset[str], module: Path) -> None:
    """The harness brings the rest."""
    system = resolve(f"own.py:{name}")
    assert isinstance(system, LogSystem)
    assert system.capabilities == capabilities


def test_a_whole_system_is_taken_as_it_is(module: Path) -> None:
    """An object, or a function that makes one."""
    for name, called in (("ready", "ready"), ("system", "mine")):
        system = resolve(f"own.py:{name}")
        assert (type(system), system.name) == (Reference, called)
        assert system.capabilities >= EVERYTHING


def test_a_file_is_loaded_once(module: Path) -> None:
    """However it is spelled; nested classes are found too."""
    shop = load("own.py:Shop")
    assert load("own.py:Shop.Inner") is shop.Inner
    assert load(f"{module}:Shop") is shop


def test_a_file_of_a_package_is_loaded_as_a_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what it imports from its package is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    package = tmp_path / "src" / "store7" / "domain"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "events.py").write_text("class Sold: pass\n")
    (package / "shop.py").write_text("from .events import Sold\nfrom store7.domain import events\nNAME = Sold\n")
    assert load("src/store7/domain/shop.py:NAME") is load("store7.domain.events:Sold")
    for name in [name for name in sys.modules if name.partition(".")[0] == "store7"]:
        del sys.modules[name]


def test_a_module_of_the_working_directory_needs_no_file_name(module: Path) -> None:
    """As in `python -m`."""
    assert load("own:Shop").__name__ == "Shop"
    sys.modules.pop("own", None)


def test_two_broken_systems_cannot_have_one_name() -> None:
    """The name is the catalogue's."""
    name = next(iter(BROKEN))
    with pytest.raises(ValueError, match=f"two broken systems are called {name}"):
        broken(name, "log", guarantee="LOG", reference="none", fix="none")(type("Second", (), {}))


def test_options_are_named_when_they_are_wrong() -> None:
    """With those that exist."""
    with pytest.raises(UsageError, match="synchronous"):
        resolve("sqlite?synchronos=full")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"logg": Log}, "there is no part 'logg' (did you mean 'log'?)"),
        ({"totals": Log}, "part 'totals' is <class 'refold.model.log.Log'>, expected a class derived from"),
        ({"alice": 1}, "part 'alice' is 1, expected a class derived from refold.model.client.Client"),
        ({"outbox": Log}, "expected a class derived from refold.model.extension.Extension or"),
    ],
)
def test_a_part_that_does_not_exist_or_does_not_fit_is_not_left_out_in_silence(
    parts: dict[str, Any], says: str
) -> None:
    """A mistyped name tested the reference system, and held."""
    with pytest.raises(UsageError, match=re.escape(says)):
        Reference("mine", parts)


def test_a_log_may_be_made_by_a_function() -> None:
    assert Reference("mine", {"log": lambda: Log()}).open(Inventory(), lambda record: None).log.name == "log"


class Raising(Log):
    """A log with a mistake in it."""

    def sync(self) -> None:
        raise KeyError("segment")


def test_a_part_of_the_users_own_that_raises_is_told_by_name_and_line() -> None:
    """It was called a fault of refold itself."""
    search = Campaign(Reference("mine", {"log": Raising}), Inventory(), 1, Budget(None, 60))
    with pytest.raises(
        UsageError, match=r"its part 'log' raised KeyError: 'segment' in Raising.sync\(\) \(line \d+ of"
    ):
        search.run()


class Circular(Log):
    """Reads what was read before, at the end of the log."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        return super().read(after, limit) or self.entries[-1:]


def test_a_log_that_goes_round_in_circles_ends_every_loop() -> None:
    """Reading page after page to the end must come to an end."""
    result = Campaign(Reference("mine", {"log": Circular}), Inventory(), 1, Budget(None, 60, distinct=1)).run()
    assert result.verdict == "broken"
