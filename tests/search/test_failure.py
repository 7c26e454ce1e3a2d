"""Files of plans: there from the moment of the find, and once only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refold.model.action import Crash, Restart, Submit
from refold.model.examples.inventory import Inventory, Restock
from refold.model.tape import Plan
from refold.properties.property import Finding
from refold.properties.result import Counterexample
from refold.search.failure import PlanFile

SHORT: Plan = (Submit("alice", Restock("bolt", 1)),)
LONG: Plan = (*SHORT, Crash("index"), Restart("index"))


def find(plan: Plan) -> Counterexample:
    """A find with this plan."""
    return Counterexample(plan, (Finding("oversold", "CAS", "test", "bolt", 1),), (), 1, 0.0)


def lengths(folder: Path) -> list[int]:
    """How many actions each plan on disk has."""
    return sorted(len(json.loads(file.read_text())["actions"]) for file in folder.glob("plans/oversold-*.json"))


def test_a_plan_is_there_before_it_is_shrunk_and_replaced_after(tmp_path: Path) -> None:
    """Also when the same file is used for the next find."""
    file = PlanFile(Inventory(), "reference", str(tmp_path))
    file.found(find(LONG))
    assert lengths(tmp_path) == [3]
    path = Path(file.shrunk(find(SHORT)))
    assert lengths(tmp_path) == [1]
    assert list(tmp_path.glob("plans/*")) == [path]
    file.found(find(LONG[:2]))
    file.shrunk(find(LONG[1:]))
    assert lengths(tmp_path) == [1, 2]


@pytest.mark.parametrize("plan", [SHORT, LONG], ids=["shorter", "not-shorter"])
def test_a_file_that_was_there_before_stays(plan: Plan, tmp_path: Path) -> None:
    """It is of an earlier search."""
    earlier = PlanFile(Inventory(), "reference", str(tmp_path)).shrunk(find(LONG))
    file = PlanFile(Inventory(), "reference", str(tmp_path))
    file.found(find(LONG))
    file.shrunk(find(plan))
    assert Path(earlier).is_file()
    assert lengths(tmp_path) == sorted({len(plan), 3})


def test_a_plan_that_cannot_be_shrunk_stays(tmp_path: Path) -> None:
    """The two have one name."""
    file = PlanFile(Inventory(), "reference", str(tmp_path))
    file.found(find(LONG))
    file.shrunk(find(LONG))
    assert lengths(tmp_path) == [3]


@pytest.mark.parametrize("anomaly", ["../../x; rm -rf", "sold/twice", "a" * 300, "", ".", "ä ö", "a\nb", "\0"])
def test_an_anomaly_of_any_name_has_a_file_of_its_own(anomaly: str, tmp_path: Path) -> None:
    """The name is the user's, and the file stays where it belongs."""
    finding = Finding(anomaly, "CAS", "test", "bolt", 1)
    path = PlanFile(Inventory(), "reference", str(tmp_path)).shrunk(Counterexample(SHORT, (finding,), (), 1, 0.0))
    assert [str(file) for file in tmp_path.glob("plans/*")] == [path]
    assert json.loads(Path(path).read_text())["anomaly"] == anomaly


def test_anomalies_of_like_names_have_files_of_their_own(tmp_path: Path) -> None:
    """The digest at the end tells them apart."""
    file = PlanFile(Inventory(), "reference", str(tmp_path))
    for anomaly in ("sold/twice", "sold twice"):
        file.shrunk(Counterexample(SHORT, (Finding(anomaly, "CAS", "test", "bolt", 1),), (), 1, 0.0))
    assert len(list(tmp_path.glob("plans/sold-twice-*.json"))) == 2
