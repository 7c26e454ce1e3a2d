"""Golden texts: reviewed files that output must equal. REFOLD_UPDATE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def compare(name: str | Path, text: str) -> None:
    """Fail unless `text` is what the file `name` holds (a path, or a name in the folder); trailing spaces do not count."""
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    path = FOLDER / name
    if os.environ.get("REFOLD_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing: run the test with REFOLD_UPDATE_GOLDEN=1, then read the file"
    assert text == path.read_text(encoding="utf-8"), (
        f"differs from {path}; if the new text is better, rewrite it and review it"
    )
