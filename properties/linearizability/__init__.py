"""Black-box linearizability: could these operations of concurrent clients have taken effect one at a time?

`check` decides for a `History` and a `Specification`, and gives the order that shows it, or the shortest prefix that
has none. `read_operations` reads histories in several formats. For histories that show positions there is a
linear-time check; this one needs nothing but what clients saw.
"""

from refold.properties.linearizability.checker import check
from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.formats import read_operations, sniff
from refold.properties.linearizability.models import specification_named
from refold.properties.linearizability.objects import AddIfAbsentSet, BoundedCounter, CasRegister, FifoQueue, Mutex
from refold.properties.linearizability.operation import History, Operation, Outcome
from refold.properties.linearizability.specification import IMPOSSIBLE, Role, Specification
from refold.properties.linearizability.verdict import Verdict

__all__ = [
    "IMPOSSIBLE",
    "AddIfAbsentSet",
    "BoundedCounter",
    "CasRegister",
    "FifoQueue",
    "History",
    "HistoryError",
    "Mutex",
    "Operation",
    "Outcome",
    "Role",
    "Specification",
    "Verdict",
    "check",
    "read_operations",
    "sniff",
    "specification_named",
]
