"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import pathlib
import shutil


def write(path: pathlib.Path, content: str | bytes) -> None:
    """Write the file, and the folders that it needs. Whatever ends this, what was there before stays until all of it is written, and
    nothing else is left. A file that is there keeps its mode, and links to it stay links; a pipe or a device is written to. Characters
    that UTF-8 lacks are spelled out. Raises `OSError`."""
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        with path.open("wb") as out:
            out.write(data)
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        scratch.write_bytes(data)
        if path.exists():
            shutil.copymode(path, scratch)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
