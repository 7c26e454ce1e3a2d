"""Facts about the log."""

from __future__ import annotations

from refold.model.record import (
    Acknowledged,
    Crashed,
    DiskFailed,
    PowerCut,
)
from refold.properties.diagnosis.facts.past import Past, tag_of


class LogFacts(Past):
    """How the log died, what it refused and acknowledged."""

    @property
    def log_died(self) -> bool:
        """Whether the log's process died."""
        return any(record.process == "log" for _, record in self.of(Crashed))

    @property
    def torn(self) -> bool:
        """Whether the log may hold half a record at its end: it died within a write after the first one, or a power cut tore it."""
        within = any(record.process == "log" and record.during > 1 for _, record in self.of(Crashed))
        return within or any(record.how == "torn" for _, record in self.of(PowerCut))

    def disk_failed(self, *hows: str) -> bool:
        """Whether the disk was about to fail in one of these ways, or in any; whether an append met it, an answer tells."""
        return any(
            tag_of(action) == "fail-disk" and (not hows or getattr(action, "how", "") in hows)
            for action in self.actions
        )

    @property
    def unheard_disk(self) -> bool:
        """Whether an append was left without an answer because of the disk."""
        return bool(self.of(DiskFailed))

    @property
    def calm_log(self) -> bool:
        """Whether the log neither died nor lost power."""
        return not self.log_died and not self.happened("power-cut")

    @property
    def acknowledged_nothing(self) -> bool:
        """Whether an append was acknowledged of which no event was ever visible."""
        seen = {record.operation for _, record in self.events.values()}
        return any(record.op not in seen for _, record in self.of(Acknowledged))
