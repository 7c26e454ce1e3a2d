"""Builds refold with setuptools. Beside that it does two things.

An editable install also shows the checkout to type checkers. Setuptools links an editable checkout of this layout by a hook of the import
system, which type checkers do not run. They do read the folders that a `.pth` file names, so the install gets one that names `.typing`. The
second line of that file says that nothing is imported from there: programs import by the hook, pytest's import hook too, and modules have
the file names of the checkout.

The description in a wheel or source distribution has no links that work only in a checkout (`readme`).
"""

from __future__ import annotations

import base64
import hashlib
import io
import pathlib
import tarfile
import zipfile
from typing import Any

from readme import described
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
    put(pathlib.Path(wheel_directory, name), NAME, f"{TYPING}\n{INERT.format(TYPING)}\n".encode())
    return name


def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """The wheel of setuptools, with a description that can be read anywhere."""
    name: str = build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    wheel = pathlib.Path(wheel_directory, name)
    with zipfile.ZipFile(wheel) as made:
        metadata = next(item for item in made.namelist() if item.endswith(".dist-info/METADATA"))
        content = described(made.read(metadata))
    put(wheel, metadata, content)
    return name


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """The source distribution of setuptools, likewise. Its README stays as it is."""
    name: str = build_meta.build_sdist(sdist_directory, config_settings)
    made = pathlib.Path(sdist_directory, name)
    with tarfile.open(made) as old:
        items = [(item, old.extractfile(item) if item.isfile() else None) for item in old.getmembers()]
        contents = [(item, b"" if file is None else file.read()) for item, file in items]
    with tarfile.open(made, "w:gz", format=tarfile.PAX_FORMAT) as new:
        for item, data in contents:
            if item.name.count("/") == 1 and item.name.endswith("/PKG-INFO"):
                data = described(data)
                item.size = len(data)
            new.addfile(item, io.BytesIO(data) if item.isfile() else None)
    return name


def put(wheel: pathlib.Path, name: str, content: bytes) -> None:
    """Put a file into a wheel, in the place of one of that name, and into its list of files."""
    with zipfile.ZipFile(wheel) as old:
        files = {item: old.read(item) for item in old.infolist() if item.filename != name}
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as new:
        for item, data in files.items():
            if item.filename.endswith(".dist-info/RECORD"):
                kept = [line for line in data.decode().splitlines(keepends=True) if not line.startswith(f"{name},")]
                data = "".join([*kept, f"{name},sha256={digest},{len(content)}\n"]).encode()
            new.writestr(item, data)
        new.writestr(name, content)
