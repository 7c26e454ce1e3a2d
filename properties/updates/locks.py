"""Locks: one lease in force at a time, until its time is up; effects only under a token of one's own, none after one under a newer (A15).

A lease ends by the clock, and its holder may not notice, because it was paused or its message was slow. A lock is therefore safe only
together with a store that compares tokens. This is usually broken by a store that ignores tokens (catalogue: lock-no-fencing), a release
that deletes whatever lock it finds (lock-release-steals), a renewal that extends whatever lease it finds (lock-renewed-by-name), a clock
that stands still (lock-time-frozen), and a queue that does not check whether the waiting clients are still alive
(lease-not-checked-after-wait).
"""

from __future__ import annotations

from refold.model.parts.claims.lock import FencedOff, Granted, LockedWrite, Queued, Released, Renewed, Unqueued
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

REMEMBERED = 4_096
"""Grants without an effect that are remembered for each lock: their tokens may still have one."""


class Lock:
    """What is known of one lock: the last grant, whether it is not given back and until when it lasts (None if nobody knows), its last
    renewal, the newest token granted, the newest that had an effect, the last release by somebody who did not hold it, and who was granted
    those tokens that may still have an effect."""

    __slots__ = ("grant", "granted", "held", "holders", "queue", "renewal", "stray", "until", "write", "written")

    def __init__(self) -> None:
        self.grant: tuple[int, Granted] | None = None
        self.held = False
        self.until: int | None = 0
        self.renewal: tuple[int, Renewed] | None = None
        self.stray: tuple[int, Released] | None = None
        self.granted = 0
        self.holders: dict[int, tuple[int, Granted]] = {}
        self.write: tuple[int, LockedWrite] | None = None
        self.written = 0
        self.queue: dict[str, tuple[int, Queued]] = {}

    def lasts(self, verb: str) -> list[Evidence]:
        """The last grant and its last renewal; `verb` says what of them counts."""
        if self.grant is None:
            return []
        renewal = self.renewal
        return (
            [Evidence(*self.grant, verb)]
            if renewal is None
            else [Evidence(*self.grant, "was granted"), Evidence(*renewal, verb)]
        )


class Locks(Property):
    """For every lock: it is granted only while no other lease on it is in force, to a client whose time to wait is not up, for a positive
    time, and with a token greater than all earlier ones. A lease is in force until its time is up or its client releases it. It is
    renewed only for the client to which it was last granted and that has not released it. A write has an effect only under a token that
    was granted to its client, and only if no write under a newer token has had an effect. A write under the newest token is not refused.
    A client that asks while no lease is in force is not kept waiting. If clocks differ, it is not known whether a lease is in force, and
    only tokens are judged. If the end of a lease is not known, its duration is not judged."""

    name = "locks"
    guarantee = "LOCK"
    needs = "lock"
    clauses = {
        "one holder": "a lock is granted only when no other lease on it is in force; if clocks differ, only tokens are judged",
        "still waiting": "a waiting client is granted the lock only before its time to wait is up",
        "lasting": "a lease ends after it begins",
        "renewed by its holder": "a lease is renewed only for the client to which it was last granted and that has not released it",
        "renewal lasting": "a renewed lease ends after the time of its renewal",
        "new token": "each grant has a token that is greater than all earlier ones",
        "not kept waiting": "a client is told to wait only while a lease is in force; if clocks differ, it is not known when a lease ends",
        "granted token": "a write has an effect only under a token that was granted",
        "own token": "a write has an effect only under a token that was granted to the client that writes",
        "newest token": "no write has an effect after a write under a newer token",
        "refused with cause": "a write under the newest token is not refused, if the token was granted to the client that writes",
    }

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.window = oracle.window(
            REMEMBERED, "whether writes under a lock bear tokens of grants older than the newest {size}"
        )
        self.windows = (self.window,)
        self.locks: dict[str, Lock] = {}

    def handlers(self) -> dict[type, Handler]:
        """Grants, refusals, releases and effects."""
        return {
            Granted: self.on_granted,
            Renewed: self.on_renewed,
            Queued: self.on_queued,
            Unqueued: self.on_unqueued,
            Released: self.on_released,
            LockedWrite: self.on_write,
            FencedOff: self.on_fenced,
        }

    def lock(self, name: str) -> Lock:
        """What is known of this lock."""
        lock = self.locks.get(name)
        if lock is None:
            lock = self.locks[name] = Lock()
        return lock

    def on_granted(self, number: int, record: Granted) -> Finding | None:
        """No lease is in force, the client has not waited too long, and its lease lasts and has a new token."""
        lock = self.lock(record.lock)
        before, held, stray, until, lasting = lock.grant, lock.held, lock.stray, lock.until, lock.lasts("is in force")
        waited = lock.queue.pop(record.client, None)
        newest = lock.granted
        lock.grant, lock.held = (number, record), True
        lock.granted = record.token if before is None else max(newest, record.token)
        lock.stray, lock.until, lock.renewal = None, record.until, None
        lock.holders[record.token] = (number, record)
        if len(lock.holders) >= self.window.full:
            self.window.trim(lock.holders)
        excludes = record.exclusive and (before is None or before[1].exclusive)
        if before is not None and held and excludes and until is not None and record.at < until:
            return self.finding(
                "two-lock-holders",
                record.lock,
                number,
                clause="one holder",
                expected=f"{before[1].client} alone until {until}",
                actual=f"{record.client} has it too, at {record.at}",
                evidence=[
                    *lasting,
                    *([Evidence(*stray, "is of an older lease")] if stray is not None else ()),
                    Evidence(number, record, "was granted all the same"),
                ],
            )
        if waited is not None and record.at >= waited[1].until:
            return self.finding(
                "lock-granted-to-the-dead",
                record.lock,
                number,
                clause="still waiting",
                expected=f"nothing: {record.client} waited until {waited[1].until}",
                actual=f"granted at {record.at}",
                evidence=[Evidence(*waited, "waits for so long"), Evidence(number, record, "came after that")],
            )
        if record.until is not None and record.until <= record.at:
            return self.finding(
                "lease-without-time",
                record.lock,
                number,
                clause="lasting",
                expected=f"an end after {record.at}",
                actual=record.until,
                evidence=[Evidence(number, record, "is over as it begins")],
            )
        if before is not None and record.token <= newest:
            return self.finding(
                "fencing-token-reused",
                record.lock,
                number,
                clause="new token",
                expected=f"a token greater than {newest}",
                actual=record.token,
                evidence=[Evidence(*before, "was granted before"), Evidence(number, record, "has no greater token")],
            )
        return None

    def on_renewed(self, number: int, record: Renewed) -> Finding | None:
        """It is the lease of the client that renews it, and lasts from now on."""
        lock = self.lock(record.lock)
        grant = lock.grant
        own = grant is not None and (record.client, record.token) == (grant[1].client, grant[1].token)
        if not own or not lock.held:
            whose = (
                "nobody's" if grant is None or not lock.held else f"{grant[1].client}'s, under token {grant[1].token}"
            )
            return self.finding(
                "lease-renewed-by-another",
                record.lock,
                number,
                clause="renewed by its holder",
                expected=f"refused: the lease is {whose}",
                actual=f"renewed for {record.client} under token {record.token}",
                evidence=[*lock.lasts("is the last grant"), Evidence(number, record, "was renewed all the same")],
            )
        lock.until, lock.renewal = record.until, (number, record)
        if record.until <= record.at:
            return self.finding(
                "lease-without-time",
                record.lock,
                number,
                clause="renewal lasting",
                expected=f"an end after {record.at}",
                actual=record.until,
                evidence=[Evidence(number, record, "is over as it begins")],
            )
        return None

    def on_queued(self, number: int, record: Queued) -> Finding | None:
        """Whoever is told to wait waits for the end of a lease that is in force, as far as clocks that agree can tell."""
        lock = self.lock(record.lock)
        lock.queue[record.client] = (number, record)
        grant, until = lock.grant, lock.until
        in_force = lock.held and (until is None or record.at < until)
        if grant is not None and (in_force or not grant[1].exclusive):
            return None
        ended = "no lease was ever granted" if grant is None else f"the lease of {grant[1].client} is over"
        evidence = lock.lasts("is over")
        return self.finding(
            "lock-never-freed",
            record.lock,
            number,
            clause="not kept waiting",
            expected=f"granted at {record.at}: {ended}",
            actual=f"{record.client} has to wait",
            evidence=[*evidence, Evidence(number, record, "has to wait all the same")],
        )

    def on_unqueued(self, number: int, record: Unqueued) -> None:
        """One waits no more."""
        self.lock(record.lock).queue.pop(record.client, None)

    def on_released(self, number: int, record: Released) -> None:
        """The holder gives back its own."""
        lock = self.lock(record.lock)
        grant = lock.grant
        if grant is not None and (record.client, record.token) == (grant[1].client, grant[1].token):
            lock.held = False
        else:
            lock.stray = (number, record)

    def on_write(self, number: int, record: LockedWrite) -> Finding | None:
        """The token was granted, to this client, and no newer one had an effect."""
        lock = self.lock(record.lock)
        before = lock.write
        if record.token > lock.granted:
            expected = f"a token that was granted, {lock.granted} at most"
            return self.stale("unknown-token-effect", "granted token", number, record, expected, [])
        if before is not None and record.token < lock.written:
            evidence = [Evidence(*before, "had its effect under a newer token")]
            return self.stale(
                "stale-token-effect",
                "newest token",
                number,
                record,
                f"refused: token {lock.written} was here",
                evidence,
            )
        grant = lock.holders.get(record.token)
        lock.write, lock.written = (number, record), record.token
        for token in [token for token in lock.holders if token < record.token]:
            del lock.holders[token]
        if grant is None and self.window.dropped:
            return None
        if grant is None:
            expected = f"a token that was granted: {record.token} never was"
            return self.stale("unknown-token-effect", "granted token", number, record, expected, [])
        if grant[1].client == record.client:
            return None
        evidence = [Evidence(*grant, "was granted this token")]
        expected = f"a token of its own: this one is {grant[1].client}'s"
        return self.stale("foreign-token-effect", "own token", number, record, expected, evidence)

    def stale(
        self, anomaly: str, clause: str, number: int, record: LockedWrite, expected: str, evidence: list[Evidence]
    ) -> Finding:
        """The finding that a write had an effect under a token that should have stopped it."""
        return self.finding(
            anomaly,
            record.lock,
            number,
            clause=clause,
            expected=expected,
            actual=f"{record.client} wrote under token {record.token}",
            evidence=[*evidence, Evidence(number, record, "had its effect all the same")],
        )

    def on_fenced(self, number: int, record: FencedOff) -> Finding | None:
        """The token that is refused is not the newest one, or it was not granted to this client."""
        lock = self.lock(record.lock)
        grant = lock.holders.get(record.token)
        if record.token < lock.granted or grant is None or grant[1].client != record.client:
            return None
        return self.finding(
            "fenced-off-without-cause",
            record.lock,
            number,
            clause="refused with cause",
            expected=f"accepted: no token is newer than {record.token}",
            actual="refused",
            evidence=[Evidence(*grant, "is the newest grant"), Evidence(number, record, "was refused")],
        )
