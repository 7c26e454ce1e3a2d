"""Create if absent: a key has at most one creator between two deletions, and revisions survive deletion (A5, A7).

For every key: creations and deletions alternate; revisions only grow, over deletions too; a creator is refused only if the key was changed
between its look-up and the answer, or was there. Usually broken where the key was deleted before (catalogue: create-after-delete-race).
"""

from __future__ import annotations

from refold.model.parts.reading.revisioned_keys import Created, CreateRefused, Discarded, LookedUp
from refold.properties.property import Evidence, Finding, Handler, Property


class CreateIfAbsent(Property):
    """For every key: no creation while the key exists, no refusal while it does not, and each revision is greater than the one before."""

    name = "create-if-absent"
    guarantee = "CAS"
    needs = "bucket"

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, tuple[int, Created | Discarded]] = {}
        self.looked: dict[tuple[str, str], tuple[int, LookedUp]] = {}

    def handlers(self) -> dict[type, Handler]:
        """What happens to keys."""
        return {
            LookedUp: self.on_looked_up,
            Created: self.on_created,
            Discarded: self.on_discarded,
            CreateRefused: self.on_refused,
        }

    def on_looked_up(self, number: int, record: LookedUp) -> None:
        """What a decision rests on."""
        self.looked[record.client, record.key] = (number, record)

    def on_created(self, number: int, record: Created) -> Finding | None:
        """One winner."""
        key = record.key
        before = self.last.get(key)
        looked = self.looked.pop((record.client, key), None)
        if before is not None and type(before[1]) is Created:
            self.last[key] = (number, record)
            evidence = [Evidence(*before, "created it"), Evidence(number, record, "created it again")]
            if looked is not None:
                evidence.append(Evidence(*looked, "read"))
                evidence.sort(key=lambda proof: proof.number)
            return self.finding(
                "duplicate-create", key, number, expected="refused: the key exists", actual="created", evidence=evidence
            )
        return self.grows(number, record)

    def on_discarded(self, number: int, record: Discarded) -> Finding | None:
        """The key is free again."""
        return self.grows(number, record)

    def grows(self, number: int, record: Created | Discarded) -> Finding | None:
        """Revisions never go back."""
        before = self.last.get(record.key)
        self.last[record.key] = (number, record)
        if before is None or before[1].revision < record.revision:
            return None
        return self.finding(
            "revision-goes-back",
            record.key,
            number,
            guarantee="LOG",
            expected=f"a revision above {before[1].revision}",
            actual=record.revision,
            evidence=[Evidence(*before, "has its revision"), Evidence(number, record, "is not above it")],
        )

    def on_refused(self, number: int, record: CreateRefused) -> Finding | None:
        """Only if the key was there, or has changed since the look-up."""
        looked = self.looked.pop((record.client, record.key), None)
        last = self.last.get(record.key)
        gone = last is None or type(last[1]) is Discarded
        if looked is None or (last is not None and last[0] > looked[0]) or (looked[1].exists and not gone):
            return None
        return self.finding(
            "false-conflict",
            record.key,
            number,
            expected="created: nobody has touched the key since",
            actual="refused",
            evidence=[Evidence(*looked, "read"), Evidence(number, record, "was refused all the same")],
        )
