"""The logical clock, and what all parts of one system share."""

from __future__ import annotations

import attrs

from refold.model.application import Application
from refold.model.declarations.ports import DrivenLog, SnapshotPort
from refold.model.process import Emit


class Clock:
    """Time as the number of actions performed so far. Nothing in refold looks at the wall clock."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0


@attrs.define
class Context:
    """What the parts of one system share: the application, the log, where snapshots are kept, the clock, and where records go.

    `capabilities` are those of the system. `schema` is the version of the code that runs now; events up to position `legacy` were written
    by an earlier one.
    """

    application: Application
    log: DrivenLog
    snapshots: SnapshotPort
    clock: Clock
    emit: Emit
    capabilities: frozenset[str] = frozenset()
    schema: int = attrs.field(default=attrs.Factory(lambda self: self.application.schema, takes_self=True))
    legacy: int = 0
