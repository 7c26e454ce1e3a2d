"""A stored history that shows no positions: is it linearizable?"""

from __future__ import annotations

from typing import Any, Literal

import attrs

from refold.model.errors import UsageError
from refold.properties.linearizability import History, Specification, read_operations
from refold.properties.linearizability import check as decide
from refold.search.objects.specification import specification_called
from refold.search.stored.files import FileSource, Source
from refold.search.stored.judged import Judged
from refold.systems.user.errors import let_through, told

Fail = Literal["refuses", "nothing"]

FAILURES: dict[str, Fail] = {"edn": "nothing"}
"""What a failed operation says where nobody said so (``refuses`` in formats that are not here). Knossos and Jepsen write EDN for histories
in which a failure is whatever certainly did not happen, for any reason: docs/decisions/0009-failures-in-edn.md."""


@attrs.frozen
class BlackBox:
    """How histories without positions are judged: `model` is what the operations are held against, or its name; `initial` is where its
    objects begin, `nil_reads` what a read of nothing says, and `fail` what a failed operation says (None: as its format has it)."""

    model: str | Specification = "cas-register"
    initial: Any = None
    nil_reads: Literal["value", "any"] = "value"
    fail: Fail | None = None

    def judged(self, source: Source | History, format: str) -> Judged:
        """The verdict on one history. Raises `HistoryError` if it cannot be read, and `UsageError`."""
        history = source if isinstance(source, History) else self.operations(source, format)
        if not history.operations:
            raise UsageError(
                f"there is no operation in it that a client invoked, so there is nothing to judge (format {format})"
            )
        fail = self.fail or FAILURES.get(format, "refuses")
        try:
            verdict = decide(history, self.specification(), fail=fail)
        except BaseException as error:
            let_through(error)
            if isinstance(self.model, str) and ":" not in self.model:
                raise
            raise UsageError(f"model {self.model!r}: its code raised {told(error)}") from error
        return Judged(
            verdict.verdict, format, history.records, black_box=verdict, fail=fail, reason=verdict.reason or ""
        )

    def operations(self, source: Source, format: str) -> History:
        """What clients did."""
        if isinstance(source, FileSource):
            return read_operations(source.name, format)[1]
        return read_operations((line.decode("utf-8", "surrogatepass") for line in source.lines()), format)[1]

    def specification(self) -> Specification:
        """What the operations are held against."""
        if not isinstance(self.model, str):
            return self.model
        try:
            return specification_called(self.model, self.initial, self.nil_reads)
        except ValueError as error:
            raise UsageError(str(error)) from None
