"""The files of the ledger: runs.json, the page runs.html, and copies of the latest reports in the folder `runs`."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import msgspec

from refold.reports.ci.report_document import ReportDocument
from refold.reports.runs.ledger import VERSION, Kept, RunLedger, added
from refold.reports.runs.page import PAGES_MAX, runs_page
from refold.search.failure import slug
from refold.search.whole import write

DATA, PAGE, COPIES = "runs.json", "runs.html", "runs"


def keep(
    folder: pathlib.Path, documents: Sequence[ReportDocument], at: str, complain: Callable[[str], None]
) -> tuple[RunLedger, pathlib.Path]:
    """Add these searches to what the directory remembers; returns that, and the page. What cannot be read is put aside, and told of."""
    page = folder / PAGE
    with turn(folder):
        ledger = read(folder, complain)
        for document in documents:
            ledger = added(ledger, spelled(document), at, copied(folder, document, ledger.next_number))
        ledger = pruned(folder, ledger)
        write(folder / DATA, msgspec.json.format(msgspec.json.encode(ledger), indent=1))
        write(page, runs_page(ledger))
    return ledger, page


@contextmanager
def turn(folder: pathlib.Path) -> Iterator[None]:
    """One process at a time, where the system and the disk know of such a thing. It ends with the process, and leaves no file."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        with suppress(
            OSError
        ):  # some network disks have no locks: two that end in the same second may lose a line there
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def spelled(value: Any) -> Any:
    """The same, with what UTF-8 lacks spelled out: a name of a file may be any bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {spelled(name): spelled(inner) for name, inner in value.items()}
    return list(map(spelled, value)) if isinstance(value, list | tuple) else value


def read(folder: pathlib.Path, complain: Callable[[str], None]) -> RunLedger:
    """What earlier searches left; an empty ledger if there were none."""
    path = folder / DATA
    try:
        ledger = msgspec.json.decode(path.read_bytes(), type=RunLedger)
    except FileNotFoundError:
        return RunLedger()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return put_aside(path, str(error), complain)
    if ledger.version != VERSION:
        return put_aside(path, f"its version is {ledger.version}, expected {VERSION}", complain)
    return ledger


def put_aside(path: pathlib.Path, why: str, complain: Callable[[str], None]) -> RunLedger:
    """An empty ledger; the file stays, under another name."""
    aside = path.with_name("runs-unreadable.json")
    path.replace(aside)
    complain(
        f"{path} holds earlier searches and cannot be read: {why}; it is now {aside.name}, and the count begins anew"
    )
    return RunLedger()


def copied(folder: pathlib.Path, document: ReportDocument, number: int) -> str:
    """A copy of the report that the next search does not overwrite; "" if there is none."""
    report = pathlib.Path(document["report"] or "")
    if not report.is_file():
        return ""
    name = f"{number:04}-{slug(document['system'])}.html"
    write(folder / COPIES / name, report.read_bytes())
    return quote(f"{COPIES}/{name}")


def pruned(folder: pathlib.Path, ledger: RunLedger) -> RunLedger:
    """Only the latest copies stay."""
    with_page = [run for run in ledger.runs if run.page]
    gone = {run.number for run in with_page[:-PAGES_MAX]}
    kept = {f"{run.number:04}" for run in with_page[-PAGES_MAX:]}
    for path in (folder / COPIES).glob("[0-9][0-9][0-9][0-9]*-*.html"):
        if path.name.partition("-")[0] not in kept:
            path.unlink(missing_ok=True)
    return msgspec.structs.replace(
        ledger, runs=tuple(without_page(run) if run.number in gone else run for run in ledger.runs)
    )


def without_page(run: Kept) -> Kept:
    """The same, after its copy is gone."""
    return msgspec.structs.replace(run, page="")
