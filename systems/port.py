"""The port: what a system must offer to be driven by plans and judged by properties.

It comes in two sizes. A *log* offers `append`, `read` and, as declared, crashes; the harness brings clients, consumers and
datastores. A *deployment* brings its own datastores and consumers too. Whatever a system cannot do it leaves out of its
`capabilities`: actions that need it are skipped, and the report lists them as not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from refold.model.action import Action
from refold.model.application import Application
from refold.model.declarations.capability import Capability as Capability
from refold.model.errors import OutcomeUnknown as OutcomeUnknown
from refold.model.errors import SystemUnavailable as SystemUnavailable
from refold.model.errors import UsageError as UsageError
from refold.model.event import Stored
from refold.model.log import Appended, AppendRequest, Conflict
from refold.model.process import Emit
from refold.model.record import ConsumerSpec
from refold.model.snapshot import Snapshot
from refold.model.tape import Menu


class LogPort(Protocol):
    """An event log. Positions count from 1 over the whole log and versions from 1 over a stream.

    `append` either stores the whole batch and returns `Appended`, or stores nothing and returns `Conflict`; it raises
    `OutcomeUnknown` where it cannot tell. `crash` and `restart` may only be called as declared.
    """

    name: str
    down: bool

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Append conditionally."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """At most `limit` events with positions greater than `after`, in order."""

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """The events of one stream with versions greater than `after`."""

    def crash(self) -> None:
        """Die."""

    def restart(self) -> None:
        """Come back with what is durable."""


class StorePort(Protocol):
    """A consumer's datastore: rows, the newest position applied, the checkpoint."""

    applied: int
    checkpoint: int

    def view(self) -> Mapping[str, Any]:
        """The rows, to look things up in."""

    def rows(self) -> dict[str, Any]:
        """A copy of all rows."""

    def get(self, key: str) -> Any:
        """One row, or None."""

    def read(self, keys: Iterable[str]) -> dict[str, Any]:
        """These rows as they are stored now."""

    def apply(self, position: int, writes: Mapping[str, Any], checkpoint: bool = False) -> None:
        """Change rows, and with `checkpoint` the checkpoint, in one atomic step."""

    def save_checkpoint(self, position: int) -> None:
        """Move the checkpoint alone."""

    def replace(self, position: int, rows: dict[str, Any]) -> None:
        """Hold exactly these rows."""

    def crash(self) -> None:
        """The consumer's process dies: drop the connection and what is not committed."""

    def reopen(self) -> None:
        """The consumer's process is up again: recover rows, `applied` and `checkpoint` from what is durable."""

    def close(self) -> None:
        """Give files and connections back."""


class SnapshotPort(Protocol):
    """Where snapshots are kept."""

    def save(self, snapshot: Snapshot) -> None:
        """Keep durably."""

    def newest(self, owner: str) -> Snapshot | None:
        """The newest one."""

    def close(self) -> None:
        """Give files and connections back."""


@runtime_checkable
class DeploymentPort(Protocol):
    """A running system: performs actions, emits records."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this deployment can do."""

    def perform(self, action: Action) -> bool:
        """Do one action; False if it is not enabled now."""

    def settle(self) -> None:
        """Faults stop: restart everything and let consumers run until nothing moves; then show what is stored."""

    def close(self) -> None:
        """Give everything back: files, connections, child processes."""


class SystemPort(Protocol):
    """Something that can be opened as often as there are runs, each time empty."""

    @property
    def name(self) -> str:
        """The name, with options if any: ``sqlite?journal=wal``."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What its deployments can do."""

    @property
    def clients(self) -> tuple[str, ...]:
        """The names of the clients that plans may use."""

    @property
    def consumers(self) -> tuple[ConsumerSpec, ...]:
        """The consumers that plans may use, and what they promise."""

    def menu(self, application: Application) -> Menu:
        """The actions that plans for this application may have here."""

    def open(self, application: Application, emit: Emit) -> DeploymentPort:
        """A new, empty deployment for one run."""
