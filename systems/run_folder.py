"""A folder for the databases of runs, gone with the process that made it; at the latest when the next one is made."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path

from refold.systems.servers import records


class RunFolder:
    """Where the runs of a search have their files: in memory if there is room, for only processes die here."""

    def __init__(self, kind: str) -> None:
        records.clean_up()
        self.folder, self.record = records.new_record(kind)
        self.folder.mkdir()
        weakref.finalize(self, end, self.folder, self.record, os.getpid())

    def fresh(self) -> str:
        """An empty folder for one run."""
        return tempfile.mkdtemp(dir=self.folder)

    def remove(self, folder: str) -> None:
        """The run is over."""
        shutil.rmtree(folder, ignore_errors=True)


def end(folder: Path, record: Path, owner: int) -> None:
    """Nothing is left; in the process that made it, and not in a fork of it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
        record.unlink(missing_ok=True)
        records.tidy()
