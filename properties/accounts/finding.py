"""What keeping accounts of a history finds: an anomaly, where, with which values, and the lines that show it."""

from collections.abc import Hashable
from typing import Any

import attrs

from refold.properties.linearizability.value import brief

__all__ = ["Account", "Entry"]


@attrs.frozen
class Entry:
    """One anomaly."""

    anomaly: str
    said: str
    """What happened, in words."""
    key: Hashable = None
    values: tuple[Any, ...] = ()
    lines: tuple[int, ...] = ()
    """Lines of the file, in the order of the sentence."""
    more: dict[str, Any] = attrs.Factory(dict)
    """Figures that go with this kind of anomaly: offsets, how far, what was skipped."""

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "anomaly": self.anomaly,
            "said": self.said,
            "key": None if self.key is None else brief(self.key),
            "values": [brief(value) for value in self.values],
            "lines": list(self.lines),
            **{name: [brief(one) for one in value] if isinstance(value, tuple) else value
               for name, value in self.more.items()},
        }  # fmt: skip


@attrs.frozen
class Account:
    """What was found in a history."""

    broken: tuple[Entry, ...] = ()
    """What no correct system does."""
    observed: tuple[Entry, ...] = ()
    """What is worth knowing and no violation, or may be none."""
    not_checked: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken
