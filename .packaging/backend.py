"""Builds refold with setuptools. An editable install also shows the checkout to type checkers.

Setuptools links an editable checkout of this layout by a hook of the import system, which type checkers do not run. They do read
the folders that a `.pth` file names, so the install gets one that names `.typing`. The second line of that file says that nothing
is imported from there: programs import by the hook, pytest's import hook too, and modules have the file names of the checkout.
"""

from __future__ import annotations

import base64
import hashlib
import pathlib
import zipfile
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

ROOT = pathlib.Path(__file__).resolve().parents[1]
NAME = "refold-types.pth"
TYPING = str(ROOT / ".typing")
INERT = (
    "import sys, types; sys.path_hooks.insert(0, lambda path, of=types.SimpleNamespace: of(find_spec=lambda *_: None,"
    " invalidate_caches=lambda: None) if path == {0!r} else exec('raise ImportError'))"
)


def build_editable(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """The wheel of setuptools, and in it the file that type checkers read."""
    name: str = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    add(pathlib.Path(wheel_directory, name), NAME, f"{TYPING}\n{INERT.format(TYPING)}\n".encode())
    return name


def add(wheel: pathlib.Path, name: str, content: bytes) -> None:
    """Put one more file into a wheel, and into its list of files."""
    with zipfile.ZipFile(wheel) as old:
        files = {item: old.read(item) for item in old.infolist()}
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as new:
        for item, data in files.items():
            listed = item.filename.endswith(".dist-info/RECORD")
            new.writestr(item, data + f"{name},sha256={digest},{len(content)}\n".encode() if listed else data)
        new.writestr(name, content)
