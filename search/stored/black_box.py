"""A stored history that shows no positions: is it linearizable?"""

from __future__ import annotations

import time
from typing import Any, Literal

import attrs

from refold.model.errors import UsageError
from refold.properties.accounts.models import account_named, is_account
from refold.properties.linearizability import History, Specification, read_operations
from refold.properties.linearizability import check as decide
from refold.properties.linearizability.hints import hint
from refold.properties.linearizability.histories.formats import read_records
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
    objects begin, `nil_reads` what a read of nothing says, `fail` what a failed operation says (None: as its format has it), `keys` whether
    values are pairs of a key and a value, and `seconds` the CPU time that one history may take."""

    model: str | Specification = "cas-register"
    initial: Any = None
    nil_reads: Literal["value", "any"] = "value"
    fail: Fail | None = None
    keys: Literal["auto", "one", "independent"] = "auto"
    seconds: float | None = None

    def judged(self, source: Source | History, format: str) -> Judged:
        """The verdict on one history. Raises `HistoryError` if it cannot be read, and `UsageError`."""
        if isinstance(self.model, str) and is_account(self.model):
            return self.accounted(source, format, self.model)
        started = time.process_time()
        history = source if isinstance(source, History) else self.operations(source, format)
        refuse_nothing(bool(history.operations), format)
        fail = self.fail or FAILURES.get(format, "refuses")
        try:
            left = None if self.seconds is None else max(self.seconds - (time.process_time() - started), 0.0)
            verdict = decide(history, self.specification(), fail=fail, seconds_cpu_max=left)
        except BaseException as error:
            let_through(error)
            if isinstance(self.model, str) and ":" not in self.model:
                raise
            raise UsageError(f"model {self.model!r}: its code raised {told(error)}") from error
        doubtful = verdict.finding() is not None and self.initial is None
        return Judged(
            verdict.verdict,
            format,
            history.records,
            black_box=verdict,
            fail=fail,
            reason=verdict.reason or "",
            hint=(hint(history, verdict, fail) or "") if doubtful else "",
            operations=history.operations,
        )

    def accounted(self, source: Source | History, format: str, model: str) -> Judged:
        """The verdict of a model that is judged without a search."""
        if self.initial is not None:
            raise UsageError(f"model {model!r} begins empty: leave out --initial")
        if isinstance(source, History):
            raise UsageError(f"model {model!r} is judged from a file or from lines of text, not from operations")
        _, records = read_records(given(source), format, self.keys)
        refuse_nothing(any(record.client for record in records), format)
        try:
            account = account_named(model, records, source.name)
        except ValueError as error:
            raise UsageError(str(error)) from None
        good, bad = ("linearizable", "not linearizable") if model == "list-append" else ("held", "broken")
        return Judged(
            good if account.held else bad,
            format,
            len(records),
            not_checked=tuple(account.not_checked),
            account=account,
        )

    def operations(self, source: Source, format: str) -> History:
        """What clients did."""
        return read_operations(given(source), format, self.keys)[1]

    def specification(self) -> Specification:
        """What the operations are held against."""
        if not isinstance(self.model, str):
            return self.model
        try:
            return specification_called(self.model, self.initial, self.nil_reads)
        except ValueError as error:
            raise UsageError(str(error)) from None


def refuse_nothing(operations: bool, format: str) -> None:
    """Raise `UsageError` if there is no operation to judge."""
    if not operations:
        raise UsageError(
            f"there is no operation in it that a client invoked, so there is nothing to judge (format {format})"
        )


def given(source: Source) -> Any:
    """A path, or lines of text."""
    if isinstance(source, FileSource):
        return source.name
    return (line.decode("utf-8", "surrogatepass") for line in source.lines())
