"""Two stores for one fact: they agree at rest, the second never goes back, and repair finds what there is to repair (DUAL, A14).

This is usually broken by a crash between two writes that leaves no record (catalogue: dual-write-partial), by writers that reach the
stores in different orders (dual-write-reorder), and by a repair job that was never tested with faults (recovery-is-a-noop)."""

from __future__ import annotations

from refold.model.parts.messages.dual_write import FirstWritten, Repaired, SecondWritten, StoresAtRest, WriterDied
from refold.properties.property import Evidence, Finding, Handler, Property

Fact = tuple[str, int]


class TwoStores(Property):
    """For every item i: the version of i in the second store never decreases. A repair run finds at least as many facts as dead writers
    have noted and nobody has finished (one for each item: a newer version that was also noted, or has reached the second store, replaces
    an older one). At rest first(i) == second(i) == the newest version of i that was written, or nothing if none was.
    """

    name = "two-stores"
    guarantee = "DUAL"
    clauses = {
        "never back": "the version of an item in the second store never decreases",
        "repair finds": "a repair run finds at least as many facts as dead writers have noted and nobody has finished or replaced",
        "first at rest": "at rest the first store holds the newest version of every item that was written, and no other item",
        "second at rest": "at rest the second store holds the newest version of every item that was written, and no other item",
    }
    needs = "dual-write"
    judges = (SecondWritten,)

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[str, tuple[int, FirstWritten]] = {}
        self.noted: dict[Fact, None] = {}
        self.newest: dict[str, int] = {}
        self.reached: dict[str, int] = {}
        """The newest version of each item that the second store was told of."""
        self.orphans: dict[str, tuple[int, WriterDied]] = {}
        self.holds: dict[str, tuple[int, SecondWritten]] = {}

    def handlers(self) -> dict[type, Handler]:
        """Writes, deaths, repairs, rest."""
        return {
            FirstWritten: self.on_first,
            SecondWritten: self.on_second,
            WriterDied: self.on_died,
            Repaired: self.on_repaired,
            StoresAtRest: self.on_rest,
        }

    def on_first(self, number: int, record: FirstWritten) -> None:
        """A fact that the second store must learn."""
        newest = self.written.get(record.item)
        if newest is None or newest[1].version <= record.version:
            self.written[record.item] = (number, record)
        if record.noted and record.version > self.reached.get(record.item, 0):
            self.noted[record.item, record.version] = None
            if record.version >= self.newest.get(record.item, 0):
                self.newest[record.item] = record.version
                self.orphans.pop(record.item, None)

    def on_second(self, number: int, record: SecondWritten) -> Finding | None:
        """The second store has learnt of a fact, and holds no older one than before."""
        self.noted.pop((record.item, record.version), None)
        self.reached[record.item] = max(self.reached.get(record.item, 0), record.version)
        if record.version >= self.newest.get(record.item, 0):
            self.orphans.pop(record.item, None)
        before = self.holds.get(record.item)
        self.holds[record.item] = (number, record)
        if before is None or record.holds >= before[1].holds:
            return None
        return self.finding(
            "second-store-goes-back",
            record.item,
            number,
            clause="never back",
            expected=before[1].holds,
            actual=record.holds,
            evidence=[Evidence(*before, "wrote the newer version"), Evidence(number, record, "overwrote it")],
        )

    def on_died(self, number: int, record: WriterDied) -> None:
        """Somebody else must finish this, if it is the newest that is noted, and the second store has no newer one."""
        newest = (record.item, record.version) in self.noted and record.version == self.newest[record.item]
        if newest and record.version > self.reached.get(record.item, 0):
            self.orphans[record.item] = (number, record)

    def on_repaired(self, number: int, record: Repaired) -> Finding | None:
        """A run finds no fewer facts than dead writers have left."""
        if not self.orphans or record.found >= len(self.orphans):
            return None
        died = next(iter(self.orphans.values()))
        return self.finding(
            "repair-found-nothing" if not record.found else "repair-found-too-little",
            died[1].item,
            number,
            clause="repair finds",
            expected=len(self.orphans),
            actual=record.found,
            evidence=[Evidence(*died, "left this unfinished"), Evidence(number, record, "did not find it")],
        )

    def on_rest(self, number: int, record: StoresAtRest) -> Finding | None:
        """Both stores hold what was written, and nothing else."""
        for item in sorted({*self.written, *record.first, *record.second}):
            wrote = self.written.get(item)
            newest = 0 if wrote is None else wrote[1].version
            first, second = record.first.get(item, 0), record.second.get(item, 0)
            if first == second == newest:
                continue
            written = [] if wrote is None else [Evidence(*wrote, "is the newest fact")]
            return self.finding(
                "stores-disagree",
                item,
                number,
                clause="second at rest" if first == newest else "first at rest",
                expected={"first": newest, "second": newest},
                actual={"first": first, "second": second},
                evidence=[*written, Evidence(number, record, "shows both stores")],
            )
        return None
