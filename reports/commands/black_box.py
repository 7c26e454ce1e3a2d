"""``refold check`` of a history without positions: what a model says of it, and what may be wrong with the question."""

from __future__ import annotations

import time
from typing import Any, Literal

import attrs

from refold.model.errors import UsageError
from refold.systems.user.errors import let_through, told

FAILURES: dict[str, Literal["refuses", "nothing"]] = {"edn": "nothing"}
"""What a failed operation says where nobody said so (``refuses`` in formats that are not here). Knossos and Jepsen write EDN for histories
in which a failure is whatever certainly did not happen, for any reason: docs/decisions/0009-failures-in-edn.md."""

FINDINGS_MAX = 100
"""Findings of one file that are reported."""


@attrs.frozen
class BlackBox:
    """The options of the command, and one file after the other under them."""

    model: str = "cas-register"
    initial: Any = None
    nil_reads: Literal["value", "any"] = "value"
    fail: Literal["refuses", "nothing"] | None = None
    keys: Literal["auto", "one", "independent"] = "auto"
    seconds: float | None = None
    """CPU time that one file may take; None for as long as it takes."""

    def judge(self, file: str, format_: str, result: dict[str, Any]) -> None:
        """Put into the result what there is to say of a file. Raises `HistoryError` and `UsageError`."""
        from refold.properties.accounts.models import is_account
        from refold.properties.linearizability import check as decide
        from refold.properties.linearizability import read_operations
        from refold.properties.linearizability.hints import hint
        from refold.reports.words.black_box import verdict_sentences
        from refold.search.objects.specification import specification_called

        if is_account(self.model):
            self.keep_account(file, format_, result)
            return
        started = time.process_time()
        _, history = read_operations(file, format_, self.keys)
        if not history.operations:
            raise UsageError(
                f"there is no operation in it that a client invoked, so there is nothing to judge (format {format_})"
            )
        try:
            specification = specification_called(self.model, self.initial, self.nil_reads)
        except ValueError as error:
            raise UsageError(str(error)) from None
        fail = self.fail or FAILURES.get(format_, "refuses")
        left = None if self.seconds is None else max(self.seconds - (time.process_time() - started), 0.0)
        try:
            verdict = decide(history, specification, fail=fail, seconds_cpu_max=left)
        except BaseException as error:
            let_through(error)
            if ":" not in self.model:
                raise
            raise UsageError(f"model {self.model!r}: its code raised {told(error)}") from error
        result["fail"] = fail
        result["records"] = history.records
        sentences = verdict_sentences(verdict)
        if verdict.reason:
            result["reason"] = verdict.reason
        result["verdict"] = verdict.verdict
        finding = verdict.finding()
        if finding is not None:
            result["findings"] = [finding]
            result["blame"] = finding.get("blame")
            said = hint(history, verdict, fail) if self.initial is None else None
            if said is not None:
                result["hint"] = said
                sentences.append(f"Mind {said}")
        result["sentences"] = [sentences]

    def keep_account(self, file: str, format_: str, result: dict[str, Any]) -> None:
        """The same for a model that is judged without a search."""
        from refold.properties.accounts.models import account_named
        from refold.properties.linearizability.histories.formats import read_records
        from refold.reports.words.black_box import account_sentences

        if self.initial is not None:
            raise UsageError(f"model {self.model!r} begins empty: leave out --initial")
        _, records = read_records(file, format_, self.keys)
        if not any(record.client for record in records):
            raise UsageError(
                f"there is no operation in it that a client invoked, so there is nothing to judge (format {format_})"
            )
        try:
            account = account_named(self.model, records, file)
        except ValueError as error:
            raise UsageError(str(error)) from None
        good, bad = ("linearizable", "not linearizable") if self.model == "list-append" else ("held", "broken")
        result["records"] = len(records)
        result["verdict"] = good if account.held else bad
        result["findings"] = [entry.as_json() for entry in account.broken[:FINDINGS_MAX]]
        result["observed"] = [entry.as_json() for entry in account.observed[:FINDINGS_MAX]]
        result["not_checked"] = list(account.not_checked)
        result["sentences"] = account_sentences(account)
