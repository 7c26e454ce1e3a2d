"""The accounts by the names of their models."""

from collections.abc import Callable

from refold.properties.accounts.finding import Account
from refold.properties.accounts.kafka import kafka
from refold.properties.accounts.list_append import list_append
from refold.properties.accounts.queue import queue, total_queue
from refold.properties.accounts.set_full import set_full
from refold.properties.accounts.transaction import transactions
from refold.properties.linearizability.histories.record import Record, history_of
from refold.properties.linearizability.models import KEPT_ACCOUNTS
from refold.properties.linearizability.operation import History

__all__ = ["account_named", "is_account"]

_OF_HISTORIES: dict[str, Callable[[History], Account]] = {
    "list-append": list_append,
    "queue": queue,
    "set-full": set_full,
    "total-queue": total_queue,
}


def is_account(model: str) -> bool:
    """Whether a model, which may have options, is one that accounts are kept of."""
    return model.partition("?")[0] in KEPT_ACCOUNTS


def account_named(model: str, records: list[Record], source: str) -> Account:
    """The account of a file under a model; `ValueError` says what is wrong with the name, `HistoryError` with the file."""
    name, _, query = model.partition("?")
    linearizable = name == "set-full" and query == "linearizable=true"
    if query and not linearizable:
        takes = "takes no options" if name != "set-full" else "takes linearizable=true and nothing else"
        raise ValueError(f"model {name!r} {takes}, found {query!r}")
    if name == "kafka":
        return kafka(transactions(records, source))
    history = history_of(records, source)
    return set_full(history, linearizable) if name == "set-full" else _OF_HISTORIES[name](history)
