"""The README as a package index shows it: apart from the checkout, so links to files need an address.

The address is that of the sources: `Source` under `[project.urls]` in pyproject.toml, such as ``https://code.example/refold``. With it
every link to a file leads to `Source`, `FILES` and the path, and pictures to `Source`, `RAW` and the path. Without it there is
nowhere that a link could lead. Then the text of a link is followed by the path of the file, which is in the source distribution, and
pictures are replaced by their description; a note at the end says so.
"""

from __future__ import annotations

import pathlib
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
from links import relinked, unlinked  # noqa: E402

FILES, RAW = "blob/main", "raw/main"
"""Where hosts of repositories show a file of the branch main, and where they give its bytes."""


def address() -> str:
    """The address of the sources, "" where nobody has given one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project.get("urls", {}).get("Source", "")).rstrip("/")


NOTE = "\nPaths such as `docs/README.md` are those of files in the source distribution.\n"
"""The end of a page without links."""


def apart(page: str, source: str) -> str:
    """The page with links that work anywhere, or with paths in their place."""
    if not source:
        told = unlinked(page, worded)
        return told if told == page else f"{told.rstrip()}\n{NOTE}"

    def place(target: str) -> str:
        pictured = target.endswith((".svg", ".png"))
        return f"{source}/{RAW if pictured else FILES}/{target}"

    return relinked(page, place)


def worded(picture: str, text: str, target: str) -> str:
    """A link to a file in words: what it says, and the path, unless it says that already."""
    path = target.partition("#")[0]
    if picture:
        return f"*Picture: {text}.*"
    return f"`{path}`" if text == path else f"{text} (`{path}`)"


def described(metadata: bytes) -> bytes:
    """The metadata of a distribution, with its description changed: it comes after the first empty line."""
    head, gap, description = metadata.decode("utf-8").partition("\n\n")
    return (head + gap + apart(description, address())).encode("utf-8")
