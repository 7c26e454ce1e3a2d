"""Example application *accounts*: create the user if the name is free; rename; delete.

The classical conditional update. One stream per organisation, because a name must be unique within its organisation and
the stream is the boundary that an expected version protects.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from refold.model.application import Application, Refusal, Rows, Writes


class Register(msgspec.Struct, frozen=True, gc=False):
    """Create the account `name` in `org`, if the name is free."""

    org: str
    name: str


class Rename(msgspec.Struct, frozen=True, gc=False):
    """Give account `name` the free name `to`: one batch of two events."""

    org: str
    name: str
    to: str


class Delete(msgspec.Struct, frozen=True, gc=False):
    """Delete the account `name`, if there is one."""

    org: str
    name: str


class Registered(msgspec.Struct, frozen=True, gc=False):
    """The name is taken now."""

    org: str
    name: str


class Released(msgspec.Struct, frozen=True, gc=False):
    """The name was given up in favour of another."""

    org: str
    name: str


class Deleted(msgspec.Struct, frozen=True, gc=False):
    """The account is gone and its name is free."""

    org: str
    name: str


class Accounts(Application):
    """The state of an organisation is the set of names that are taken."""

    name = "accounts"
    events = (Registered, Released, Deleted)

    def commands(self) -> Sequence[Register | Rename | Delete]:
        """Commands for two names in two organisations."""
        orgs, names = ("acme", "zeta"), ("ada", "bob")
        return (
            *(Register(org, name) for org in orgs for name in names),
            *(Delete(org, name) for org in orgs for name in names),
            *(Rename(org, a, b) for org in orgs for a, b in (names, names[::-1])),
        )

    def key(self, message: Register | Rename | Delete | Registered | Released | Deleted) -> str:
        """The organisation."""
        return message.org

    def initial(self, key: str) -> frozenset[str]:
        """No names are taken."""
        return frozenset()

    def decide(
        self, command: Register | Rename | Delete, state: frozenset[str]
    ) -> Sequence[Registered | Released | Deleted]:
        """Refuses a command if its name is already taken, or if its account does not exist."""
        org, name = command.org, command.name
        if type(command) is Register:
            if name in state:
                raise Refusal(f"the name {name} is taken in {org}", "duplicate-create")
            return (Registered(org, name),)
        if name not in state:
            raise Refusal(f"there is no {name} in {org}", "lost-update")
        if type(command) is Rename:
            if command.to in state:
                raise Refusal(f"the name {command.to} is taken in {org}", "duplicate-create")
            return (Released(org, name), Registered(org, command.to))
        return (Deleted(org, name),)

    def evolve(self, state: frozenset[str], event: Registered | Released | Deleted) -> frozenset[str]:
        """Adds or removes the name."""
        return state | {event.name} if type(event) is Registered else state - {event.name}

    def view(self, event: Registered | Released | Deleted, rows: Rows) -> Writes:
        """One row per account, ``ada@acme``, that names its organisation."""
        return {f"{event.name}@{event.org}": event.org if type(event) is Registered else None}
