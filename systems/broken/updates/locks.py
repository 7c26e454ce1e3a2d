"""Broken locks and reservations (LOCK, LIVE)."""

from __future__ import annotations

from refold.model.parts.claims.lease import Lease
from refold.model.parts.claims.lock import Locks
from refold.model.parts.claims.reservation import Hold, Reservations
from refold.systems.broken.registry import broken


@broken(
    "lock-no-fencing",
    "lock",
    guarantee="LOCK",
    reference="Jepsen etcd 3.4.3; redis lock discussions (secondary pages on Kleppmann)",
    fix="a fencing token that the store checks",
)
class LockNoFencing(Locks):
    """Trusts the lease. A holder that was paused past the end of its lease writes after its successor, and nobody notices."""

    def accepts(self, token: int) -> bool:
        """Whoever writes must have had the lock."""
        return True


@broken(
    "lock-release-steals",
    "lock",
    guarantee="LOCK",
    reference="redis-py#1031",
    fix="compare and delete: release only the lock with one's own token",
)
class LockReleaseSteals(Locks):
    """Deletes the lock without checking whose it is. A holder whose lease is over releases its successor's lock, and a third client gets
    it."""

    def release(self, name: str, token: int) -> None:
        """Just delete it."""
        self.leases.pop(name, None)


@broken(
    "lock-renewed-by-name",
    "lock",
    guarantee="LOCK",
    reference="redisson/redisson#597",
    fix="compare and extend in one step: renew only the lease with one's own token",
)
class LockRenewedByName(Locks):
    """Extends whatever lease it finds under the name. A holder whose lease is over is told that it still has the lock, and so is its
    successor."""

    def renew(self, name: str, token: int) -> Lease | None:
        """Just set a new end."""
        lease = self.live(name)
        return None if lease is None else super().renew(name, lease.token)


@broken(
    "lock-time-frozen",
    "lock",
    guarantee="LOCK/LIVE",
    tier=2,
    reference="emmett commit 428121b3",
    fix="the time of the statement (clock_timestamp()), not of the transaction",
)
class LockTimeFrozen(Locks):
    """Takes the time from the transaction in which it began to try. However often it tries, the old lease never ends."""

    began = -1

    def now(self) -> int:
        """The time at which the transaction began."""
        if self.began < 0:
            self.began = self.time()
        return self.began


@broken(
    "lease-not-checked-after-wait",
    "lock",
    guarantee="LOCK",
    tier=2,
    reference="Jepsen etcd 3.4.3",
    fix="check the lease again when the wait is over",
)
class LeaseNotCheckedAfterWait(Locks):
    """Gives the lock to the next in the queue, whose own lease has ended while it waited. Its lock can vanish at any time."""

    def waits(self, until: int) -> bool:
        """It was alive when it came."""
        return True


@broken(
    "lease-by-the-clients-clock",
    "lock",
    guarantee="LOCK",
    tier=2,
    reference="redis.io, distributed locks: clock drift; Kleppmann 2016, bad timing assumptions",
    fix="compare leases with the clock of the store, and protect the effect with a fencing token",
)
class LeaseByTheClientsClock(Locks):
    """Compares the end of a lease with the clock of the client that asks. A client whose clock is ahead gets a lock that another client
    still holds."""

    def acquire(self, name: str, holder: str) -> Lease | None:
        """The row is free if its time is over, as the asking client sees it."""
        lease = self.leases.get(name)
        if lease is not None and self.time_of(holder) >= lease.until:
            del self.leases[name]
        return super().acquire(name, holder)


@broken(
    "reservation-leak",
    "reservation",
    guarantee="CAS/LIVE",
    reference="hoangdaochuz/booking#23; aks151 incident #12",
    fix="expiry and a sweeper, compensation, reconciliation",
)
class ReservationLeak(Reservations):
    """Takes a hold and relies on a later step to release it. The process dies in between, and the seat stays taken for ever."""

    def sweep(self) -> list[tuple[str, Hold]]:
        """Nobody looks after forgotten holds."""
        return []
