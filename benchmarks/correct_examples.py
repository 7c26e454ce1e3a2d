"""Correct systems by role: the reference system in its settings, the examples, and the repaired twins of the tests' broken systems.

Nothing in here may be accused of anything. The systems are those that the tests hold; this is only where they are listed by what they
show.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.examples.inventory import Inventory
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import EXAMPLES, application_named
from refold.systems.port import SystemPort
from refold.systems.registry import correct_systems, resolve
from refold.systems.user.adopt import adapt

ROOT = pathlib.Path(__file__).parent.parent


@attrs.frozen
class Example:
    """A correct system of a role. `system` and `application` make new ones; `server` names the server that it needs, if any."""

    role: str
    name: str
    system: Callable[[], SystemPort]
    application: Callable[[], Application]
    server: str = ""

    @property
    def key(self) -> str:
        """Its name in a kept file."""
        return f"{self.role}/{self.name}"


def own(
    role: str, name: str, make: Callable[[], Any], application: Callable[[], Application], server: str = ""
) -> Example:
    """A system of roles."""
    return Example(role, name, lambda: adapt(name, make), application, server)


def example(role: str, file: str, name: str, application: str, server: str = "") -> Example:
    """One of the examples."""
    place = f"{ROOT}/examples/{file}"
    text = application if application in EXAMPLES else f"{place}:{application}"
    return Example(role, f"{file}:{name}", lambda: resolve(f"{place}:{name}"), lambda: application_named(text), server)


def every_example() -> list[Example]:
    """All of them, in an order that stays the same."""
    sys.path.insert(0, str(ROOT))
    return [
        *models(),
        *logs(),
        *services(),
        *consumers(),
        *readers(),
        *senders(),
        *locks(),
        *asynchronous_roles(),
        *on_servers(),
    ]


def models() -> Iterator[Example]:
    """The reference system in all of its correct settings, with each application that it can run."""
    for name in correct_systems():
        for application in EXAMPLES:
            if goes_together(name, application):
                yield Example(
                    "model",
                    f"{name} with {application}",
                    lambda name=name: resolve(name),  # type: ignore[misc]
                    lambda application=application: application_named(application),  # type: ignore[misc]
                )


def goes_together(system: str, application: str) -> bool:
    """Whether this system runs this application: some strategies know no conditions over tags."""
    try:
        Campaign(resolve(system), application_named(application), 0, Budget(seconds=None, examples=1)).run()
    except UsageError:
        return False
    return True


def logs() -> Iterator[Example]:
    """Logs with the harness's own clients and consumers around them."""
    from tests.systems.user import reported
    from tests.systems.user.bags import Bag, MyLog

    yield example("log", "my_log.py", "FileLog", "inventory")
    yield example("log with conditions over tags", "tag_log.py", "TagLog", "courses")
    yield own("log", "in memory", MyLog, Bag)
    yield own("log", "looks for its own write", reported.LooksFirst, reported.Stock)


def services() -> Iterator[Example]:
    """Services that read, decide and append by themselves, in one step or in two."""
    from tests.systems.user import test_example_service
    from tests.systems.user.field.test_field import GOOD, Money, tables

    yield own("service in one step", "names, repaired", test_example_service.Careful, test_example_service.Names)
    yield own("service in two steps", "wallets", tables(), Money)
    yield own("service in two steps", "threads that share locks", GOOD["in-order"], Money)
    yield example("service without rules", "orders.py", "Shop", "Orders")


def consumers() -> Iterator[Example]:
    """Consumers that are pushed, pull, run by themselves or are written inline; one instance or several."""
    from tests.systems.user import own_consumers, reported
    from tests.systems.user.field import test_field, test_shared_work
    from tests.systems.user.roles import test_instances
    from tests.systems.user.test_reported import GOOD

    for name, make in GOOD.items():
        role = "inline projection" if name == "applied-twice-inline" else "pushed projection"
        yield own(role, name, make, reported.Stock)
    for kind in (own_consumers.Counter, own_consumers.Batching, own_consumers.InMemory, own_consumers.Connected):
        yield own("pushed projection", kind.__name__, own_consumers.around(kind), Inventory)
    for name in ("by-position", "tries-again"):
        yield own("pulling projection", name, test_field.GOOD[name], test_field.Money)
    yield own("several consumers", "by-name", test_field.GOOD["by-name"], test_field.Money)
    for name in ("enqueues-first", "claims-for-good", "asks-the-inbox"):
        role = "pulling projection" if name == "enqueues-first" else "several instances"
        yield own(role, f"repair of {name}", test_shared_work.PAIRS[name][1], test_field.Money)
    for name in ("one-that-reads-then-writes", "two-that-add", "recovery-in-one-step"):
        yield own("several instances", name, test_instances.GOOD[name], test_instances.Purses)


def readers() -> Iterator[Example]:
    """Repositories with caches and snapshots, and readers."""
    from tests.systems.user.field import test_field, test_shared_work
    from tests.systems.user.roles import test_reading

    for name, make in test_reading.GOOD.items():
        role = "repository" if name == "loads-what-has-happened-since" else "reader"
        yield own(role, name, make, test_reading.Purses)
    repaired = test_shared_work.PAIRS["snapshots-of-the-next"][1]
    yield own("repository", "repair of snapshots-of-the-next", repaired, test_field.Money)


def senders() -> Iterator[Example]:
    """Relays, process managers, and services and consumers that send by themselves."""
    from tests.systems.user.field import test_field, test_shared_work
    from tests.systems.user.roles import test_instances, test_relays

    for name, make in test_relays.GOOD.items():
        rules = test_relays.Everywhere if name in test_relays.ORDERED else test_relays.Parcels
        yield own("relay", name, make, rules)
    for name in ("marks-what-was-refused", "arms-afterwards"):
        yield own("relay", f"repair of {name}", test_shared_work.PAIRS[name][1], test_field.Money)
    yield own("process manager", "notes", test_field.GOOD["notes"], test_field.Money)
    yield own("mailer", "sends-as-it-stops", test_instances.GOOD["sends-as-it-stops"], test_instances.Purses)


def locks() -> Iterator[Example]:
    """Locks, with renewal and without."""
    from tests.systems.user.roles import test_locks, test_named_locks

    yield own("lock with renewal", "a-lease-with-tokens", test_locks.GOOD["a-lease-with-tokens"], Inventory)
    yield own("lock", "a-mutex", test_locks.GOOD["a-mutex-that-ends-with-its-holder"], Inventory)
    yield own("lock with renewal", "two names", test_named_locks.system(test_named_locks.Holder), Inventory)


def asynchronous_roles() -> Iterator[Example]:
    """Roles that await."""
    from tests.systems.user import test_asynchronous, test_asynchronous_parts
    from tests.systems.user.asynchronous import Hotel
    from tests.systems.user.field import test_field
    from tests.systems.user.roles import test_order_of_commit

    for name, (make, application) in test_asynchronous.GOOD.items():
        role = "async projection that runs by itself" if name.startswith("running") else "async roles"
        yield own(role, name, make, lambda application=application: application)  # type: ignore[misc]
    for name in ("desk", "counts-calls", "one-by-one", "listening"):
        yield own("async roles", name, test_field.GOOD[name], test_field.Money)
    yield own("async reader", "page", test_asynchronous_parts.with_page(test_asynchronous_parts.Page), Hotel)
    yield own("async lock", "key", test_asynchronous_parts.with_key(test_asynchronous_parts.Key), Hotel)
    for house in (test_order_of_commit.House, test_order_of_commit.Awaited, test_order_of_commit.Tells):
        yield own("log in order of commit", house.__name__, house, Hotel)
    for name in ("Careful", "CarefulRunning"):
        yield example("async roles on SQLite", "rooms_check.py", name, "Rooms")


def on_servers() -> Iterator[Example]:
    """Roles on a server, which refold starts."""
    from tests.systems.user.roles import test_databases

    def theatre() -> Any:
        ours = test_databases.theatre()
        return test_databases.TestOnPostgres.system(ours.Unique, test_databases.of_dsn(ours.Worker))()

    rules = f"{ROOT}/examples/seats_check.py:Theatre"
    yield own("service on PostgreSQL", "a unique key", theatre, lambda: application_named(rules), server="postgres")
