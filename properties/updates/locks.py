"""Locks: at most one holder has an effect per fencing token, and none after a newer token had one (A15).

A lease ends by the clock, and its holder may not notice: it was paused, or its message was slow. So a lock protects only together with a
store that compares tokens. Usually broken by a store that does not look at tokens (catalogue: lock-no-fencing), a release that deletes
whatever lock it finds (lock-release-steals), a clock that stands still (lock-time-frozen), and a queue that forgets to ask whether
those who wait still live (lease-not-checked-after-wait).
"""

from __future__ import annotations

from refold.model.parts.claims.lock import FencedOff, Granted, LockedWrite, Queued, Released, Unqueued
from refold.properties.property import Evidence, Finding, Handler, Property


class Lock:
    """What is known of one lock: the grant that is not given back, the newest token granted, the newest that had an effect,
    the last release by somebody who did not hold it."""

    __slots__ = ("grant", "granted", "held", "queue", "stray", "write", "written")

    def __init__(self) -> None:
        self.grant: tuple[int, Granted] | None = None
        self.held = False
        self.stray: tuple[int, Released] | None = None
        self.granted = 0
        self.write: tuple[int, LockedWrite] | None = None
        self.written = 0
        self.queue: dict[str, tuple[int, Queued]] = {}


class Locks(Property):
    """For every lock: a grant comes when no other lease on it is in force, to somebody who still waits, with a token greater than all
    before; a write has an effect only if no newer token had one; who asks while no lease is in force is not kept waiting."""

    name = "locks"
    guarantee = "LOCK"
    needs = "lock"

    def __init__(self) -> None:
        super().__init__()
        self.locks: dict[str, Lock] = {}

    def handlers(self) -> dict[type, Handler]:
        """Grants, refusals, releases and effects."""
        return {
            Granted: self.on_granted,
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
        """One holder, who is alive, with a new token."""
        lock = self.lock(record.lock)
        before, held, stray = lock.grant, lock.held, lock.stray
        waited = lock.queue.pop(record.client, None)
        newest = lock.granted
        lock.grant, lock.held, lock.granted = (number, record), True, max(newest, record.token)
        lock.stray = None
        if before is not None and held and record.at < before[1].until:
            return self.finding(
                "two-lock-holders",
                record.lock,
                number,
                expected=f"{before[1].client} alone until {before[1].until}",
                actual=f"{record.client} has it too, at {record.at}",
                evidence=[
                    Evidence(*before, "is in force"),
                    *([Evidence(*stray, "is of an older lease")] if stray is not None else ()),
                    Evidence(number, record, "was granted all the same"),
                ],
            )
        if waited is not None and record.at >= waited[1].until:
            return self.finding(
                "lock-granted-to-the-dead",
                record.lock,
                number,
                expected=f"nothing: {record.client} waited until {waited[1].until}",
                actual=f"granted at {record.at}",
                evidence=[Evidence(*waited, "waits for so long"), Evidence(number, record, "came after that")],
            )
        if record.until <= record.at:
            return self.finding(
                "lease-without-time",
                record.lock,
                number,
                expected=f"an end after {record.at}",
                actual=record.until,
                evidence=[Evidence(number, record, "is over as it begins")],
            )
        if before is not None and record.token <= newest:
            return self.finding(
                "fencing-token-reused",
                record.lock,
                number,
                expected=f"a token greater than {newest}",
                actual=record.token,
                evidence=[Evidence(*before, "was granted before"), Evidence(number, record, "has no greater token")],
            )
        return None

    def on_queued(self, number: int, record: Queued) -> Finding | None:
        """Whoever is told to wait waits for somebody."""
        lock = self.lock(record.lock)
        lock.queue[record.client] = (number, record)
        grant = lock.grant
        if grant is not None and lock.held and record.at < grant[1].until:
            return None
        ended = "no lease was ever granted" if grant is None else f"the lease of {grant[1].client} is over"
        evidence = [] if grant is None else [Evidence(*grant, "is over")]
        return self.finding(
            "lock-never-freed",
            record.lock,
            number,
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
        if lock.grant is not None and lock.grant[1].token == record.token:
            lock.held = False
        else:
            lock.stray = (number, record)

    def on_write(self, number: int, record: LockedWrite) -> Finding | None:
        """No effect under an old token."""
        lock = self.lock(record.lock)
        before = lock.write
        own = before is None or record.token > lock.written or before[1].client == record.client
        if lock.written <= record.token <= lock.granted and own:
            lock.write, lock.written = (number, record), record.token
            return None
        evidence = [] if before is None else [Evidence(*before, "had its effect under a newer token")]
        if record.token > lock.granted:
            expected, evidence = f"a token that was granted, {lock.granted} at most", []
        else:
            expected = f"refused: token {lock.written} was here"
        return self.finding(
            "stale-token-effect",
            record.lock,
            number,
            expected=expected,
            actual=f"{record.client} wrote under token {record.token}",
            evidence=[*evidence, Evidence(number, record, "had its effect after it")],
        )

    def on_fenced(self, number: int, record: FencedOff) -> Finding | None:
        """The newest token is never refused."""
        lock = self.lock(record.lock)
        if record.token < lock.granted:
            return None
        evidence = [] if lock.grant is None else [Evidence(*lock.grant, "is the newest grant")]
        return self.finding(
            "fenced-off-without-cause",
            record.lock,
            number,
            expected=f"accepted: no token is newer than {record.token}",
            actual="refused",
            evidence=[*evidence, Evidence(number, record, "was refused")],
        )
