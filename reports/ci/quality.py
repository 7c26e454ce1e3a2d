"""Findings as a Code Quality report, which GitLab shows at the lines that they blame."""

from __future__ import annotations

import hashlib
from typing import Any

from refold.reports.ci.report_document import ReportDocument


def code_quality(document: ReportDocument) -> list[dict[str, Any]]:
    """An entry for each finding that blames a function of the user's own: GitLab takes none without a line."""
    entries = []
    for finding in document["findings"]:
        place = finding["place"]
        if place is not None:
            same = f"{document['system']} {document['application']} {finding['anomaly']} {finding['where']}"
            entries.append(
                {
                    "description": f"{finding['headline']} ({finding['guarantee']})",
                    "check_name": finding["anomaly"],
                    "fingerprint": hashlib.sha256(same.encode("utf-8", "backslashreplace")).hexdigest(),
                    "severity": "critical",
                    "location": {"path": place["file"], "lines": {"begin": place["line"]}},
                }
            )
    return entries
