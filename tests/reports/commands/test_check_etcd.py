"""Reports of etcd's robustness tests: a right store holds, and every fault that is put into a report is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Ended, only_results

Refold = Callable[..., Ended]


class Store:
    """A store as etcd is one, and the report on it."""

    def __init__(self) -> None:
        self.revision = 1
        self.now = 0
        self.there: dict[str, tuple[int, str]] = {}
        self.operations: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    def put(self, key: str, value: str, expected: int | None, error: str = "", heard: bool = True) -> int:
        """A put on a condition, of one client after the other; an error with or without an effect."""
        return self._txn(
            key, {"Type": "put-operation", "Put": {"Key": key, "Value": {"Value": value}}}, expected, error, heard
        )

    def delete(self, key: str, expected: int) -> int:
        """A deletion on a condition."""
        return self._txn(key, {"Type": "delete-operation", "Delete": {"Key": key}}, expected, "", True)

    def _txn(self, key: str, write: dict[str, Any], expected: int | None, error: str, effect: bool) -> int:
        write = {"Put": {"Key": "", "Value": {}}, "Delete": {"Key": ""}, "Range": {}} | write
        at, value = self.there.get(key, (0, ""))
        fits = expected is None or at == expected
        if fits and effect:
            self.revision += 1
            delete = write["Type"] == "delete-operation"
            put = {} if delete else {"Value": write["Put"]["Value"]}
            self.events.append(
                {"Type": write["Type"], "Key": key, "Revision": self.revision, "IsCreate": at == 0, **put}
            )
            if delete:
                del self.there[key]
            else:
                self.there[key] = self.revision, write["Put"]["Value"]["Value"]
        shown = (
            []
            if fits or not at
            else [{"KVs": [{"Key": key, "Value": {"Value": value}, "ModRevision": at}], "Count": 1}]
        )
        answer = {"Txn": {"Failure": not fits, "Results": shown}, "Revision": self.revision}
        self.now += 10
        conditions = [] if expected is None else [{"Key": key, "ExpectedRevision": expected}]
        self.operations.append(
            {
                "ClientId": len(self.operations) % 3 + 1,
                "Input": {"Type": "txn", "Txn": {"Conditions": conditions, "OperationsOnSuccess": [write]}},
                "Call": self.now,
                "Output": {"Error": error} if error else answer,
                "Return": self.now + 5,
            }
        )
        return self.revision

    def write(self, folder: Path, watches: int = 2) -> None:
        """The files, as etcd's tests write them: objects over several lines, one after the other."""
        for client in (1, 2, 3):
            own = [one for one in self.operations if one["ClientId"] == client]
            (folder / f"client-{client}").mkdir(parents=True)
            text = "\n".join(json.dumps(one, indent=2) for one in own)
            (folder / f"client-{client}" / "operations.json").write_text(text)
        for client in range(10, 10 + watches):
            (folder / f"client-{client}").mkdir()
            watch = {
                "Request": {"Key": "", "WithPrefix": True},
                "Responses": [{"Events": self.events}, {"Events": None}],
            }
            (folder / f"client-{client}" / "watch.json").write_text(json.dumps(watch, indent=2))


def store() -> Store:
    """Some history: created, changed, refused, deleted, created again, with two outcomes that nobody knows."""
    made = Store()
    a = made.put("a", "a1", 0)
    b = made.put("b", "b1", 0)
    a = made.put("a", "a2", a)
    made.put("a", "a-stale", 2)
    made.put("b", "b2", b, error="timeout")
    made.put("a", "a3", a, error="timeout", heard=False)
    made.put("c", "c1", None)
    made.delete("a", a)
    made.put("a", "a4", 0)
    made.put("b", "b3", made.there["b"][0])
    return made


def anomalies(refold: Refold, made: Store, tmp_path: Path) -> list[str]:
    """What is found in a report."""
    made.write(tmp_path / "report")
    ended = refold("check", "report", "--json")
    (result,) = only_results(ended)
    assert result["format"] == "etcd", result
    assert ended.code == (1 if result["findings"] else 0)
    return [finding["anomaly"] for finding in result["findings"]]


def test_a_right_store_holds(refold: Refold, tmp_path: Path) -> None:
    """And what is not judged is said."""
    assert anomalies(refold, store(), tmp_path) == []
    out = refold("check", "report").out
    assert "report: held (etcd, " in out
    assert "not checked: what came before position 2" in out
    assert "not checked: reads, leases, compactions" in out


def lost(made: Store) -> None:
    """An event that was confirmed is in no watch."""
    del made.events[2]


def altered(made: Store) -> None:
    """Watches show another value than was put."""
    made.events[1] = {**made.events[1], "Value": {"Value": "other"}}


def twice(made: Store) -> None:
    """A put is stored a second time."""
    made.events.append({**made.events[-1], "Revision": made.revision + 1})


def stale(made: Store) -> None:
    """A put on an old revision was accepted."""
    made.operations[2]["Input"]["Txn"]["Conditions"][0]["ExpectedRevision"] = 1
    made.operations[-1]["Input"]["Txn"]["Conditions"][0]["ExpectedRevision"] = 3


def visible(made: Store) -> None:
    """A put that was refused is stored."""
    made.operations[2]["Output"]["Txn"]["Failure"] = True


def refused(made: Store) -> None:
    """A put was refused although its condition held."""
    made.operations[3]["Input"]["Txn"]["Conditions"][0]["ExpectedRevision"] = 4


def elsewhere(made: Store) -> None:
    """The answer names the revision of another key."""
    made.operations[0]["Output"]["Revision"] = 3


FAULTS = {
    lost: "acknowledged-append-lost",
    altered: "event-altered",
    twice: "duplicate-append",
    stale: "lost-update",
    visible: "refused-append-visible",
    refused: "false-conflict",
    elsewhere: "acknowledged-elsewhere",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_in_a_report_is_found(fault: Callable[[Store], None], refold: Refold, tmp_path: Path) -> None:
    """Under the name that it has."""
    made = store()
    fault(made)
    assert FAULTS[fault] in anomalies(refold, made, tmp_path)


def test_watches_show_one_log_in_its_order(refold: Refold, tmp_path: Path) -> None:
    """Not backwards, and not something else at a revision than another watch."""
    store().write(tmp_path / "report")
    watch = tmp_path / "report" / "client-11" / "watch.json"
    document = json.loads(watch.read_text())
    events = document["Responses"][0]["Events"]
    swapped = [events[1], events[0], *events[2:]]
    other = [{**events[0], "Key": "z", "Value": {"Value": "z"}}, *events[1:]]
    for changed, anomaly in ((swapped, "read-out-of-order"), (other, "duplicate-position")):
        watch.write_text(json.dumps({**document, "Responses": [{"Events": changed}]}))
        (result,) = only_results(refold("check", "report", "--json"))
        assert [finding["anomaly"] for finding in result["findings"]] == [anomaly]


def test_what_is_no_report_is_said(refold: Refold, tmp_path: Path) -> None:
    """A folder of something else, files of something else, nothing to judge."""
    (tmp_path / "report" / "client-1").mkdir(parents=True)
    assert "this directory is not a report of etcd" in refold("check", "report").err
    operations = tmp_path / "report" / "client-1" / "operations.json"
    for text, said in (
        ("{", "operations.json: not JSON"),
        ("[1]", "object 1 is no operation of etcd's robustness tests"),
        ('{"a": 1}', "object 1 is no operation of etcd's robustness tests"),
        ("", "there are no requests with one write in this report"),
    ):
        operations.write_text(text)
        ended = refold("check", "report")
        assert ended.code == 2
        assert said in ended.err
    store().write(tmp_path / "other")
    watch = tmp_path / "other" / "client-10" / "watch.json"
    for revision in (0, [1], None, "7"):
        event = {"Type": "put-operation", "Key": "a", "Revision": revision}
        watch.write_text(json.dumps({"Responses": [{"Events": [event]}]}))
        assert "object 1 is no watch of etcd's robustness tests" in refold("check", "other").err
