"""Two stores for one fact: they agree at rest, the second never goes back, and repair finds what there is to repair (DUAL, A14).

Usually broken by a crash between two writes that nothing remembers (catalogue: dual-write-partial), by writers that reach the stores in
different order (dual-write-reorder), and by a repair job that was never tested with faults (recovery-is-a-noop)."""

from __future__ import annotations

from refold.model.parts.messages.dual_write import FirstWritten, Repaired, SecondWritten, StoresAtRest, WriterDied
from refold.properties.property import Evidence, Finding, Handler, Property

Fact = tuple[str, int]


class TwoStores(Property):
    """For every item i: the versions that the second store holds of i only grow; a repair run finds the noted fact of a dead writer, unless
    a newer one that is noted too has replaced it; and at rest first(i) == second(i) == the newest version that was written."""

    name = "two-stores"
    guarantee = "DUAL"
    needs = "dual-write"
    judges = (SecondWritten,)

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[str, tuple[int, FirstWritten]] = {}
        self.noted: dict[Fact, None] = {}
        self.newest: dict[str, int] = {}
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
        self.written[record.item] = (number, record)
        if record.noted:
            self.noted[record.item, record.version] = None
            self.newest[record.item] = record.version
            self.orphans.pop(record.item, None)

    def on_second(self, number: int, record: SecondWritten) -> Finding | None:
        """It did; never backwards."""
        self.noted.pop((record.item, record.version), None)
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
            expected=before[1].holds,
            actual=record.holds,
            evidence=[Evidence(*before, "wrote the newer version"), Evidence(number, record, "overwrote it")],
        )

    def on_died(self, number: int, record: WriterDied) -> None:
        """Somebody else must finish this, if it is the newest that is noted."""
        if (record.item, record.version) in self.noted and record.version == self.newest[record.item]:
            self.orphans[record.item] = (number, record)

    def on_repaired(self, number: int, record: Repaired) -> Finding | None:
        """A run that finds nothing although there is something."""
        if record.found or not self.orphans:
            return None
        died = next(iter(self.orphans.values()))
        return self.finding(
            "repair-found-nothing",
            died[1].item,
            number,
            expected=len(self.orphans),
            actual=0,
            evidence=[Evidence(*died, "left this unfinished"), Evidence(number, record, "did not find it")],
        )

    def on_rest(self, number: int, record: StoresAtRest) -> Finding | None:
        """Both agree with what was written."""
        for item, (wrote, first) in self.written.items():
            found = (record.first.get(item, 0), record.second.get(item, 0))
            if found != (first.version, first.version):
                return self.finding(
                    "stores-disagree",
                    item,
                    number,
                    expected={"first": first.version, "second": first.version},
                    actual={"first": found[0], "second": found[1]},
                    evidence=[
                        Evidence(wrote, first, "is the newest fact"),
                        Evidence(number, record, "shows both stores"),
                    ],
                )
        return None
