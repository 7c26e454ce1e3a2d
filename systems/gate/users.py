"""The user's side: which frames and modules are the user's own, and neither refold's nor those of Python and its packages."""

from __future__ import annotations

import os
import pathlib
import sys
import sysconfig
from functools import lru_cache
from types import FrameType, ModuleType

_HERE = pathlib.Path(__file__).resolve().parents[2]
OTHERS = tuple(
    str(place) + os.sep
    for place in (
        *(_HERE / name for name in ("model", "properties", "systems", "search", "reports", "refold")),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    )
)
"""Where code is that is not the user's."""


@lru_cache(maxsize=4096)
def is_users(file: str) -> bool:
    """Whether a file with code is the user's."""
    return not file.startswith("<") and not os.path.realpath(file).startswith(OTHERS)


def where(frame: FrameType | None) -> str:
    """The user's line nearest to a frame, as `` (FILE:LINE)``; "" if none of his is on the stack."""
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return f" ({os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno})"
        frame = frame.f_back
    return ""


def users_modules() -> list[ModuleType]:
    """The modules that are the user's own."""
    return [
        module
        for module in list(sys.modules.values())
        if isinstance(getattr(module, "__file__", None), str) and is_users(str(module.__file__))
    ]
