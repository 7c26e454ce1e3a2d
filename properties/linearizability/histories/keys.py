"""Independent keys, as `jepsen.independent` writes them: every value is a pair, of the key and the value proper."""

from collections.abc import Iterator

import msgspec

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.record import Record
from refold.properties.linearizability.value import brief

__all__ = ["apart", "together"]


def apart(records: Iterator[Record], source: str) -> Iterator[Record]:
    """The records with the key taken out of the value; where somebody else's key is there already, both."""
    for record in records:
        value = record.value
        if not record.client:
            yield record
        elif type(value) is tuple and len(value) == 2:
            key = value[0] if record.key is None else (record.key, value[0])
            yield msgspec.structs.replace(record, key=key, value=value[1])
        elif record.type == "invoke" or (record.type == "ok" and value is not None):
            what = f"the value of {record.f} is {brief(value)}, and not a pair [key, value]"
            raise HistoryError(source, record.line, what, "write pairs, or leave out --keys independent")
        else:
            yield msgspec.structs.replace(record, value=None)


def together(records: Iterator[Record], source: str) -> Iterator[Record]:
    """The records as they are, unless they look like pairs with a key: those would be judged as what they are not."""
    for record in records:
        value = record.value
        asked = record.f == "read" and record.type == "invoke" and record.client and record.key is None
        if asked and type(value) is tuple and len(value) == 2 and value[1] is None:
            what = f"a read of {brief(value)}, so values seem to be pairs of a key and a value"
            raise HistoryError(source, record.line, what, "say --keys independent, or --keys one if they are not")
        yield record
