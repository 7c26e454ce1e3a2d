"""Verdicts on histories without positions, in sentences: the operation to blame, the order that the others have, and the contradiction."""

from __future__ import annotations

from refold.model.words import counted
from refold.properties.accounts.finding import Account, Entry
from refold.properties.linearizability import Operation, Verdict
from refold.properties.linearizability.value import brief
from refold.properties.linearizability.verdict import describe
from refold.reports.words.values import inert

LAST = 3
"""Operations that are shown of the end of an order; what the blamed one was answered follows from those."""


def verdict_sentences(verdict: Verdict) -> list[str]:
    """What was found, as lines: the headline, then Let, Then, However. Nothing for a verdict without a contradiction but its reason, if
    there is one."""
    if verdict.blame is None:
        return [f"{verdict.verdict}: {inert(verdict.reason)}"] if verdict.reason else []
    blamed = spoken(verdict, verdict.blame)
    until = "then" if verdict.prefix_line is None else f"line {verdict.prefix_line}"
    key = verdict.blame.key
    on = "" if key is None else f" on {inert(brief(key))}"
    lines = [f"not-linearizable: {blamed}, fits into no order of the operations{on}"]
    order = verdict.linearization
    shown = order[-LAST:]
    for number, operation in enumerate(shown, 1):
        lines.append(f"Let ({number}) = {spoken(verdict, operation)}")
    lines.append(f"Let ({len(shown) + 1}) = {blamed}")
    if shown:
        ends = ", ".join(f"({number})" for number in range(1, len(shown) + 1))
        lines.append(
            f"Then everything else that was answered up to {until} fits into one order, of {counted(len(order), 'operation')},"
            f" at whose end {'is' if len(shown) == 1 else 'are'} {ends}"
        )
    elif verdict.prefix_shortest:
        lines.append(f"Then nothing else that was answered up to {until} is in its way")
    else:
        lines.append(
            f"Then what was answered up to {until} has no order; whether less of it has none either was too long to find out"
        )
    lines.append(
        f"However an operation takes effect at one moment between its call and its answer, and for ({len(shown) + 1}) there is none,"
        " whatever became of the operations that were still open: a contradiction"
    )
    return lines


def spoken(verdict: Verdict, operation: Operation) -> str:
    """``client 3, cas 1 -> 2: refused (lines 4 to 9)``."""
    who = brief(operation.process)
    return inert(f"client {who}, {describe(verdict.specification, operation).removeprefix(f'{who}: ')}")


def account_sentences(account: Account) -> list[list[str]]:
    """What an account has found, one line each: the first of every kind, and how many more there are of it."""
    lines = []
    for entries, lead in ((account.broken, ""), (account.observed, "observed: ")):
        kinds: dict[str, list[Entry]] = {}
        for entry in entries:
            kinds.setdefault(entry.anomaly, []).append(entry)
        for name, of_kind in kinds.items():
            first = of_kind[0]
            on = "" if first.key is None else f", in {brief(first.key)}"
            where = f" (line {first.lines[0]})" if len(first.lines) == 1 else ""
            if len(first.lines) > 1:
                where = f" (lines {', '.join(map(str, first.lines[:-1]))} and {first.lines[-1]})"
            more = f"; and {len(of_kind) - 1:,} more" if len(of_kind) > 1 else ""
            lines.append(inert(f"{lead}{name}: {first.said}{on}{where}{more}"))
    return [lines]
