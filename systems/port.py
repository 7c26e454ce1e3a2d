"""The port: what a system must offer to be driven by plans and judged by properties.

It comes in two sizes. A *log* offers `append`, `read` and, as declared, crashes; the harness brings clients, consumers and
datastores. A *deployment* brings its own datastores and consumers too. Whatever a system cannot do it leaves out of its
`capabilities`: actions that need it are skipped, and the report lists them as not checked.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from refold.model.action import Action
from refold.model.application import Application
from refold.model.declarations.capability import Capability as Capability
from refold.model.declarations.ports import DrivenLog as DrivenLog
from refold.model.declarations.ports import DurableLog as DurableLog
from refold.model.declarations.ports import LogPort as LogPort
from refold.model.declarations.ports import MortalLog as MortalLog
from refold.model.declarations.ports import PoweredLog as PoweredLog
from refold.model.declarations.ports import SlowLog as SlowLog
from refold.model.declarations.ports import SnapshotPort as SnapshotPort
from refold.model.declarations.ports import StorePort as StorePort
from refold.model.declarations.ports import StreamLog as StreamLog
from refold.model.errors import OutcomeUnknown as OutcomeUnknown
from refold.model.errors import SystemUnavailable as SystemUnavailable
from refold.model.errors import UsageError as UsageError
from refold.model.process import Emit
from refold.model.record import ConsumerSpec
from refold.model.tape import Menu


@runtime_checkable
class PartlyUnseen(Protocol):
    """A system that knows parts of itself at which refold cannot look."""

    @property
    def unseen(self) -> tuple[str, ...]:
        """What they are, each in words: a green run does not check them."""


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


def stand_down(system: SystemPort) -> None:
    """Have a system give back what it keeps ready between runs, such as processes; it may be opened again all the same. Few keep any."""
    give_back = getattr(system, "stand_down", None)
    if callable(give_back):
        give_back()


class SystemPort(Protocol):
    """A system. For each run, a new, empty deployment of it is opened."""

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
        """The actions that plans for this application may contain on this system."""

    def open(self, application: Application, emit: Emit) -> DeploymentPort:
        """A new, empty deployment for one run."""
