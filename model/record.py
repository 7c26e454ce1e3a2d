"""History records: what was observed at the boundary of the system, one frozen value per observation.

The history is the log of the harness itself: every property folds it, every report is a projection of it. A record says what
happened, never what it means. The JSON form of a record is an object with its `kind`; the published schema is
`model/documents/history.schema.json`. Records are msgspec Structs and not attrs classes because they are made by the hundred thousand a
second (docs/decisions/0002-records-are-structs.md).
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar, get_args

import msgspec
from msgspec.structs import force_setattr

from refold.model.declarations.tag import refuse_second, tag_of
from refold.model.event import NewEvent, Payload, Stored
from refold.model.expectation import AnyExpectation

HISTORY_VERSION = 1


class Record(msgspec.Struct, frozen=True, gc=False, tag_field="kind"):
    """The base of all records but `Stored`, which is a record as it is. `phrase` is what a diagnosis says when one came before;
    `fault` says that something failed, stood still, or lost its clock."""

    phrase: ClassVar[str] = ""
    fault: ClassVar[bool] = False


class ConsumerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer promises, so that properties ask no more of it.

    `projection`: what its rows are a fold of. `ordered`: it applies a stream's events in their order (a cache does not
    promise that). `atomic`: rows and checkpoint are saved in one step. `volatile`: its rows do not survive a crash.
    `snapshots`: it recovers from the newest snapshot and the tail. `by_stream`: every stream goes at a speed of its own, and
    a row depends on one stream only. `types`: the event types that it asked for (empty: all).
    `watched`: it is code of a user's own, and what it has applied is judged by what its rows and its checkpoint
    show; `inline`: it is written in the transaction of the append; `saves_every`: its checkpoint may be that many events behind its rows;
    `at_most_once`: it handles no event a second time, and may lose one when something goes wrong.
    """

    name: str
    projection: str
    ordered: bool = True
    atomic: bool = False
    volatile: bool = False
    snapshots: bool = False
    by_stream: bool = False
    types: tuple[str, ...] = ()
    watched: bool = False
    inline: bool = False
    saves_every: int = 1
    at_most_once: bool = False


class Opened(Record, frozen=True, tag="history"):
    """The first record of every history: who took part, under which promises."""

    version: int
    system: str
    application: str
    clients: tuple[str, ...]
    consumers: tuple[ConsumerSpec, ...]
    capabilities: tuple[str, ...] = ()


class Step(Record, frozen=True, tag="step"):
    """The plan's action number `number` begins (counted from 1, without skipped ones); the records that follow come from it."""

    number: int
    action: Any


class Prepared(Record, Generic[Payload], frozen=True, tag="prepared"):
    """A client read a view and decided: the invocation of a conditional update.

    `op` identifies the operation (``alice-3``); `source` is the consumer whose view was read, or ``log``; `seen` is the
    version of the stream in that view; `expected` is what the append will demand.
    """

    client: str
    op: str
    command: Payload
    source: str
    stream: str
    seen: int
    expected: AnyExpectation
    events: tuple[NewEvent[Payload], ...]


class Declined(Record, frozen=True, tag="declined"):
    """The decider refused, on the view that the client had read; nothing was sent to the log."""

    client: str
    op: str
    command: Any
    source: str
    stream: str
    seen: int
    reason: str


class Acknowledged(Record, frozen=True, tag="acknowledged"):
    """The log confirmed the append, and the client got the answer; `positions` are where the log says that the events are."""

    client: str
    op: str
    positions: tuple[int, ...]


class Refused(Record, frozen=True, tag="refused"):
    """The log definitely refused: the stream was at version `found`. Nothing of this append may ever be seen."""

    client: str
    op: str
    found: int
    reason: str = ""


class Unknown(Record, frozen=True, tag="unknown"):
    """The client got no answer (lost reply, crash in the middle): the append may or may not have happened."""

    fault = True

    client: str
    op: str


class Retried(Record, frozen=True, tag="retried"):
    """The client sends an operation of unknown outcome again, with the same event ids."""

    client: str
    op: str


class Started(Record, frozen=True, tag="started"):
    """A slow append took its position in the log and is not committed: its events must not be visible yet."""

    phrase = "an append took its position early and committed late"

    client: str
    op: str
    positions: tuple[int, ...]


class Aborted(Record, frozen=True, tag="aborted"):
    """A slow append was rolled back, and its positions stay empty for ever; or its client gave it up before sending it."""

    phrase = "an append was rolled back"

    client: str
    op: str


class Applied(Record, frozen=True, tag="applied"):
    """A consumer's store changed because of the event at `position`: row key -> new value (None: deleted), read back from the store."""

    consumer: str
    position: int
    writes: dict[str, Any]


class Ignored(Record, frozen=True, tag="ignored"):
    """A consumer received the event at `position` and took it for one that it had already dealt with."""

    consumer: str
    position: int


class Held(Record, frozen=True, tag="held"):
    """A consumer received the event at `position` before its predecessors and postponed it."""

    consumer: str
    position: int


class Failed(Record, frozen=True, tag="failed"):
    """A consumer's handler raised on the event at `position`."""

    phrase = "a handler had failed before"
    fault = True

    consumer: str
    position: int


class CheckpointSaved(Record, frozen=True, tag="checkpoint"):
    """A consumer durably recorded that everything up to `position` is done."""

    consumer: str
    position: int


class SnapshotTaken(Record, frozen=True, tag="snapshot-taken"):
    """A snapshot says: the fold of `owner` up to `position` is `state`.

    `owner` is a consumer (position counts over the log, state is its rows) or ``stream:NAME`` (position is the stream's version).
    """

    phrase = "a snapshot had been taken"

    owner: str
    position: int
    state: Any
    schema: int


class SnapshotLoaded(Record, frozen=True, tag="snapshot-loaded"):
    """Recovery, or a decision, started from this snapshot."""

    phrase = "a snapshot had been loaded"

    owner: str
    position: int
    state: Any
    schema: int


class Recovered(Record, frozen=True, tag="recovered"):
    """A process is up again. For a consumer: the position it goes on from and the rows that its store holds."""

    process: str
    position: int
    rows: dict[str, Any] | None


class Observed(Record, frozen=True, tag="observed"):
    """At rest, a consumer's store holds exactly these rows, and it says that it is at `position`."""

    consumer: str
    position: int
    rows: dict[str, Any]


class Scanned(Record, frozen=True, tag="scanned"):
    """A reader read the log after position `after`, to its end, after a restart or (from 0) at rest: these positions and
    event ids, in this order."""

    positions: tuple[int, ...]
    ids: tuple[str, ...]
    after: int = 0

    def __post_init__(self) -> None:
        if len(self.positions) != len(self.ids):
            raise ValueError(
                f"a scan of {len(self.positions)} positions and {len(self.ids)} ids; each event has one of both"
            )


class Disordered(Record, frozen=True, tag="disordered"):
    """One read returned these positions to `reader` (a consumer, or ``observer``), in this order, which is not the order of the log."""

    reader: str
    positions: tuple[int, ...]


class Altered(Record, frozen=True, omit_defaults=True, tag="altered"):
    """A reader read the log again and found this event, which it had read before in another form."""

    position: int
    stream: str
    version: int
    id: str
    type: str
    data: Any
    tags: tuple[str, ...] = ()


class StreamScanned(Record, frozen=True, tag="stream-scanned"):
    """After a restart or at rest, a reader read one whole stream: the versions that it found, in this order."""

    stream: str
    versions: tuple[int, ...]


class Crashed(Record, frozen=True, tag="crashed"):
    """A process died; what it had not made durable is gone. `during` says in which durable step of its work; 0 means between steps."""

    phrase = "a process had died before"
    fault = True

    process: str
    during: int


class PowerCut(Record, frozen=True, tag="power-cut"):
    """The log's machine lost power: unsynced writes were dropped, torn or reordered, as `how` says."""

    phrase = "a power cut came before"
    fault = True

    process: str
    how: str


class DiskFailed(Record, frozen=True, tag="disk-failed"):
    """The disk of the log's machine failed during an append, as `how` says. The append has no answer: it is whole in the log, or not
    there at all."""

    phrase = "the disk had failed during an append"
    fault = True

    process: str
    how: str

    def __str__(self) -> str:
        fate = {
            "error": "a write fails",
            "full": "it is full",
            "short": "only half is written",
            "sync": "the sync fails",
        }
        return f"the disk of {self.process} fails under the append: {fate.get(self.how, self.how)}"


class NotRecovered(Record, frozen=True, tag="not-recovered"):
    """A process that a fault had ended did not come back, or what it had stored could not be read. `reason` is the error. The history
    ends here."""

    phrase = "the log did not come back"
    fault = True

    process: str
    reason: str

    def __str__(self) -> str:
        return f"{self.process} does not come back: {self.reason}"


class Settling(Record, frozen=True, tag="settling"):
    """Faults stop here; every process is restarted, and consumers keep running, but nothing more is appended."""


class Settled(Record, frozen=True, tag="settled"):
    """No consumer has anything left to do by itself. `skipped` actions of the plan were not enabled."""

    skipped: int


CoreRecord = (
    Opened
    | Step
    | Stored
    | Prepared
    | Declined
    | Acknowledged
    | Refused
    | Unknown
    | Retried
    | Started
    | Aborted
    | Applied
    | Ignored
    | Held
    | Failed
    | CheckpointSaved
    | SnapshotTaken
    | SnapshotLoaded
    | Recovered
    | Observed
    | Scanned
    | StreamScanned
    | Disordered
    | Altered
    | Crashed
    | PowerCut
    | DiskFailed
    | NotRecovered
    | Settling
    | Settled
)

RECORDS: list[type] = list(get_args(CoreRecord))
"""Every kind of record that a history may contain, those of extensions included."""

R = TypeVar("R", bound=type)


def record_kind(cls: R) -> R:
    """Class decorator for the records of extensions: histories may contain this kind."""
    tag = tag_of(cls)
    first = next((known for known in RECORDS if tag_of(known) == tag), None)
    refuse_second(cls, first, tag, "histories")
    if first is not None:
        RECORDS.remove(first)
    RECORDS.append(cls)
    return cls


def read_payloads(record: Any) -> None:
    """Make values of the payloads of a record that nobody has read so far, in place."""
    if type(record) is Stored:
        read_payload(record, "data")
    elif type(record) is Prepared:
        read_payload(record, "command")
        for event in record.events:
            read_payload(event, "data")


def read_payload(owner: Any, name: str) -> None:
    """Make a value of this payload. One with a number that is too large for this machine stays text."""
    payload = getattr(owner, name)
    if type(payload) is msgspec.Raw:
        try:
            payload = msgspec.json.decode(payload)
        except msgspec.ValidationError:
            payload = bytes(payload).decode()
        force_setattr(owner, name, payload)
