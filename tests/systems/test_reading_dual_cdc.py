"""The catalogue's rows of the reading side, of double writes and of change data capture: each is found, soon, for the right reason,
with a short plan."""

from __future__ import annotations

import pytest

from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import EXAMPLES
from refold.systems.broken import BROKEN

ROWS = (
    "stale-overwrites-newer",
    "dangling-pointer",
    "dangling-link-stalls",
    "tombstoned-events-resurface",
    "read-your-own-writes",
    "sync-wait-bar-wrong",
    "tenant-scope-leak",
    "dual-write-partial",
    "dual-write-reorder",
    "recovery-is-a-noop",
    "outbox-double-drain",
    "pm-duplicate-commands",
    "cdc-timestamp-cursor",
    "cdc-resume-at-latest",
    "cdc-resnapshot-duplicates",
)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ROWS)
def test_the_row_is_found_under_its_guarantee_with_a_short_plan(name: str, seed: int) -> None:
    broken = BROKEN[name]
    application = EXAMPLES[broken.application]()
    result = Campaign(broken.system(), application, seed, Budget(seconds=None, examples=30_000, distinct=1)).run()
    assert result.counterexamples, f"{name} was not found in {result.examples} runs"
    found = result.counterexamples[0]
    assert found.finding.guarantee in broken.guarantees
    assert len(found.plan) <= 7


def test_each_row_replaces_one_part_and_overrides_one_method() -> None:
    for name in ROWS:
        (part,) = set(BROKEN[name].parts.values())
        methods = [member for member, value in vars(part).items() if callable(value)]
        assert len(methods) == 1, f"{name} overrides {methods}"
