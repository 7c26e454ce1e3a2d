"""Which roles a user's system has: those of whose attributes it has any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from refold.systems.user.roles.locks import OwnLocks
from refold.systems.user.roles.readers import Readers
from refold.systems.user.roles.rebuilds import Rebuilds
from refold.systems.user.roles.relays import Background, Relays
from refold.systems.user.roles.repositories import Repositories
from refold.systems.user.roles.role import OwnRole
from refold.systems.user.roles.sinks import Sinks
from refold.systems.user.roles.views import OwnViews

ROLES: tuple[type[OwnRole], ...] = (Sinks, Relays, Background, OwnViews, Rebuilds, Repositories, Readers, OwnLocks)
"""All of them, in the order in which they are asked at rest."""


def roles_of(made: object) -> Iterator[tuple[type[OwnRole], Any]]:
    """Each role that a user's system has, and what it has for it."""
    for role in ROLES:
        theirs = getattr(made, role.field, None)
        if theirs is not None and role.means(theirs):
            yield role, theirs
