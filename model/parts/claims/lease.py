"""Leases: locks that end by themselves, numbered with fencing tokens.

Contract: at any time at most one lease on a name is in force; each grant has a token greater than every token before; a release ends
the holder's own lease and no other, a renewal prolongs the holder's own lease and no other. What a lease cannot promise: that its holder
is awake. A holder that was paused past the end of its lease still believes in it, so whatever it writes must show its token to a store
that compares tokens.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

LEASE = 8
"""Ticks that a lease lasts, where nothing else is said."""


class Lease(msgspec.Struct, frozen=True):
    """`holder` alone may act on what it locked until the clock says `until`, under the number `token`."""

    holder: str
    token: int
    until: int


class LockService:
    """Leases by name. `time` is the service's clock."""

    def __init__(self, time: Callable[[], int], lease: int = LEASE) -> None:
        self.time = time
        self.lease = lease
        self.leases: dict[str, Lease] = {}
        self.tokens = 0

    def now(self) -> int:
        """What the clock says at this moment."""
        return self.time()

    def live(self, name: str) -> Lease | None:
        """The lease on `name` that is in force, if there is one."""
        lease = self.leases.get(name)
        return lease if lease is not None and self.now() < lease.until else None

    def acquire(self, name: str, holder: str) -> Lease | None:
        """A new lease; None while somebody's is in force."""
        if self.live(name) is not None:
            return None
        self.tokens += 1
        self.leases[name] = lease = Lease(holder, self.tokens, self.now() + self.lease)
        return lease

    def holds(self, name: str, token: int) -> bool:
        """Whether the lease with this token is in force."""
        lease = self.live(name)
        return lease is not None and lease.token == token

    def renew(self, name: str, token: int) -> Lease | None:
        """Compare and extend: the lease with this token lasts from now on anew; None if it is not in force any more."""
        lease = self.live(name)
        if lease is None or lease.token != token:
            return None
        self.leases[name] = lease = Lease(lease.holder, token, self.now() + self.lease)
        return lease

    def release(self, name: str, token: int) -> None:
        """Compare and delete: end the lease on `name` if it is the one with this token."""
        lease = self.leases.get(name)
        if lease is not None and lease.token == token:
            del self.leases[name]
