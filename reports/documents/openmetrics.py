"""Metrics as OpenMetrics text, which Prometheus and those that speak its language read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

Labels = tuple[tuple[str, str], ...]


@attrs.define
class Metric:
    """One metric with its samples. A counter's samples get the ending that counters have; a `unit` is a part of the name."""

    name: str
    type: str
    help: str
    unit: str = ""
    samples: list[tuple[Labels, float]] = attrs.field(factory=list)

    def add(self, value: float, labels: Mapping[str, str]) -> None:
        """One more sample."""
        self.samples.append((tuple(labels.items()), value))


def exposition(metrics: Iterable[Metric]) -> str:
    """All of them, with the end mark."""
    lines = []
    for metric in metrics:
        lines.append(f"# TYPE {metric.name} {metric.type}")
        if metric.unit:
            lines.append(f"# UNIT {metric.name} {metric.unit}")
        lines.append(f"# HELP {metric.name} {escaped(metric.help)}")
        ending = "_total" if metric.type == "counter" else ""
        for labels, value in metric.samples:
            shown = ",".join(f'{name}="{escaped(text)}"' for name, text in labels)
            lines.append(f"{metric.name}{ending}{{{shown}}} {value}")
    return "\n".join([*lines, "# EOF", ""])


def escaped(text: str) -> str:
    """Text for a help line or a label; what is no character is a question mark."""
    clean = text.encode("utf-8", "replace").decode()
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
