"""Create if absent: a key has at most one creator between two deletions, and revisions survive deletion (A5, A7).

For every key: creations and deletions alternate, beginning with a creation. Revisions only increase, even across deletions. A creator is
refused only if the key existed, or was changed between the creator's look-up and the answer. This is usually broken if the key was
deleted before (catalogue: create-after-delete-race).
"""

from __future__ import annotations

from refold.model.parts.reading.revisioned_keys import Created, CreateRefused, Discarded, LookedUp
from refold.properties.property import Evidence, Finding, Handler, Property


class CreateIfAbsent(Property):
    """For every key: it is not created while it exists and not deleted while it does not. Each revision is greater than the one before. A
    creator is not refused while the key does not exist, if nobody has changed the key since the creator looked it up (or at all, if the
    creator did not look it up)."""

    name = "create-if-absent"
    guarantee = "CAS"
    needs = "bucket"
    clauses = {
        "created once": "a key is created only while it does not exist",
        "deleted once": "a key is deleted only while it exists",
        "revisions grow": "each revision of a key is greater than the one before, even across deletions",
        "refused with cause": "a creator is refused only if the key existed, or was changed since the creator looked it up",
    }

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
        """The key did not exist, and its revision is a new one."""
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
                "duplicate-create",
                key,
                number,
                clause="created once",
                expected="refused: the key exists",
                actual="created",
                evidence=evidence,
            )
        return self.grows(number, record)

    def on_discarded(self, number: int, record: Discarded) -> Finding | None:
        """The key existed, and the revision of its tombstone is a new one."""
        before = self.last.get(record.key)
        if before is not None and type(before[1]) is Created:
            return self.grows(number, record)
        self.last[record.key] = (number, record)
        return self.finding(
            "absent-key-deleted",
            record.key,
            number,
            clause="deleted once",
            expected="nothing: the key does not exist",
            actual="deleted",
            evidence=[
                *([] if before is None else [Evidence(*before, "deleted it")]),
                Evidence(number, record, "deleted it" if before is None else "deleted it again"),
            ],
        )

    def grows(self, number: int, record: Created | Discarded) -> Finding | None:
        """The revision is greater than the one before."""
        before = self.last.get(record.key)
        self.last[record.key] = (number, record)
        if before is None or before[1].revision < record.revision:
            return None
        return self.finding(
            "revision-goes-back",
            record.key,
            number,
            clause="revisions grow",
            guarantee="LOG",
            expected=f"a revision above {before[1].revision}",
            actual=record.revision,
            evidence=[Evidence(*before, "has its revision"), Evidence(number, record, "is not above it")],
        )

    def on_refused(self, number: int, record: CreateRefused) -> Finding | None:
        """The key was there, or has changed since the look-up; since ever, if nobody knows when the creator looked."""
        looked = self.looked.pop((record.client, record.key), None)
        last = self.last.get(record.key)
        gone = last is None or type(last[1]) is Discarded
        changed = last is not None and (looked is None or last[0] > looked[0])
        if changed or not gone:
            return None
        return self.finding(
            "false-conflict",
            record.key,
            number,
            clause="refused with cause",
            expected="created: nobody has touched the key since",
            actual="refused",
            evidence=[
                *([] if looked is None else [Evidence(*looked, "read")]),
                Evidence(number, record, "was refused all the same"),
            ],
        )
