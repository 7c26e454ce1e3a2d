"""Every count of a report is explained in the README next to the code of reports."""

from __future__ import annotations

import re
from pathlib import Path

from refold.model.examples.accounts import Accounts
from refold.search.campaign import Budget, Campaign
from refold.systems.reference import Reference

README = Path(__file__).parents[3] / "reports" / "README.md"


def test_every_count_is_defined_in_the_order_of_the_reports() -> None:
    """And nothing else is."""
    section = README.read_text(encoding="utf-8").partition("## The counts")[2].partition("\n## ")[0]
    defined = re.findall(r"^\| ([a-z ]+?) \| \S", section, re.MULTILINE)
    counts = Campaign(Reference(), Accounts(), 1, Budget(None, 100)).run().counts
    assert [name for name in defined if name != "count"] == [name.replace("_", " ") for name in counts]
    assert defined[0] == "count"
