"""The README as a package index shows it: apart from the checkout, so links to files need an address.

The address is that of the sources: `Source` under `[project.urls]` in pyproject.toml, such as ``https://code.example/refold``. With it
every link to a file leads to `Source`, `FILES` and the path, and pictures to `Source`, `RAW` and the path. Without it there is
nowhere that a link could lead, so of links to files their text is left, and of pictures their description.
"""

from __future__ import annotations

import pathlib
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
from links import relinked  # noqa: E402

FILES, RAW = "blob/main", "raw/main"
"""Where hosts of repositories show a file of the branch main, and where they give its bytes."""


def address() -> str:
    """The address of the sources, "" where nobody has given one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project.get("urls", {}).get("Source", "")).rstrip("/")


def apart(page: str, source: str) -> str:
    """The page with links that work anywhere, or that are not there."""

    def place(target: str) -> str | None:
        if not source:
            return None
        pictured = target.endswith((".svg", ".png"))
        return f"{source}/{RAW if pictured else FILES}/{target}"

    return relinked(page, place)


def described(metadata: bytes) -> bytes:
    """The metadata of a distribution, with its description changed: it comes after the first empty line."""
    head, gap, description = metadata.decode("utf-8").partition("\n\n")
    return (head + gap + apart(description, address())).encode("utf-8")
